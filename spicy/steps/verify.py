"""Vision in the loop: judge a picture, try again with what was wrong, keep the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spicy.errors import Refused, StepFailed
from spicy.ids import Digest
from spicy.ports import Answered, Ask, Asset, ChatCall
from spicy.steps.made import Attempt, Bench
from spicy.story.draft import CHECK_SCHEMA, read_check


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's answer; an unreadable one is no score, never 0."""

    score: float | None
    problems: tuple[str, ...] = ()


def judge(bench: Bench, prompt: str, images: Sequence[Digest]) -> Verdict:
    """Have pictures scored. An answer that cannot be read is asked for once more, then it is no score."""
    model = bench.prompts.recipe.models_for(bench.prompts.provider).judge
    for attempt in (1, 2):
        call = ChatCall(
            model=model, prompt=prompt, schema=CHECK_SCHEMA, images=tuple(images), attempt=attempt
        )
        try:
            check = read_check(bench.ask.call(call, "check").text or "")
        except Refused as refusal:  # the picture is paid for, and a judge that will not look is no verdict
            bench.ask.warn(f"the judge refused to look ({refusal.message})")
            break
        if check is not None:
            return Verdict(check.score, tuple(check.problems))
    return Verdict(None)


def best_of(
    rounds: int,
    threshold: float,
    ask: Ask,
    make: Callable[[int, Sequence[str]], Answered],
    check: Callable[[Asset], Verdict],
    *,
    spare: bool = False,
) -> list[Attempt]:
    """Make and judge until a verdict reaches `threshold`, at most `rounds` times.

    A refused round does not discard earlier ones (or the `spare` that the caller has): they are paid for and
    can be used.
    An unjudged picture ends the loop: without a verdict there is nothing to put right.
    """
    attempts: list[Attempt] = []
    problems: tuple[str, ...] = ()
    for number in range(1, rounds + 1):
        try:
            answered = make(number, problems)
        except Refused as refusal:
            if not (attempts or spare):
                raise
            ask.warn(
                f"attempt {number} was refused ({refusal.message}); the best of the earlier ones is kept"
            )
            break
        verdict = check(answered.media())
        problems = verdict.problems
        attempts.append(Attempt(number, answered.key, answered.media(), verdict.score, problems))
        if verdict.score is None or verdict.score >= threshold:
            break
    return attempts


def choose(bench: Bench, attempts: Sequence[Attempt]) -> int:
    """Pick the best attempt, and warn or fail as the recipe says when it is under the threshold.

    An unjudged attempt gets the benefit of the doubt over one that is known to be under the threshold.
    """
    verify = bench.prompts.recipe.verify

    def rank(index: int) -> float:
        score = attempts[index].score
        return verify.threshold if score is None else score

    best = max(range(len(attempts)), key=lambda index: (rank(index), -index))
    chosen = attempts[best]
    if chosen.score is None:
        bench.ask.warn("could not be judged: the judge's answer was unreadable twice; kept as it is")
    elif chosen.score < verify.threshold:
        faults = "; ".join(chosen.problems) or "no faults named"
        message = (
            f"best of {len(attempts)} scored {chosen.score:.2f}, under {verify.threshold:.2f} ({faults})"
        )
        if verify.on_low == "fail":
            raise StepFailed(
                message, advice="reword the description, raise `take`, or set verify.on_low: keep"
            )
        bench.ask.warn(message)
    return best
