"""The verification loop: judge a picture by vision model, retry with the problems found, keep the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spicy.errors import Refused, StepFailed
from spicy.ids import Digest
from spicy.ports import Asset, CallClient, CallResult, ChatCall
from spicy.steps.result import StepAttempt, StepContext
from spicy.story.draft import CHECK_SCHEMA, read_check


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's verdict; an unreadable answer has no score (None), never 0."""

    score: float | None
    problems: tuple[str, ...] = ()


def judge(context: StepContext, prompt: str, images: Sequence[Digest]) -> Judgement:
    """Return the judge's verdict on pictures; an unreadable answer is retried once, then has no score."""
    model = context.prompts.recipe.models_for(context.prompts.provider).judge
    for attempt in (1, 2):
        call = ChatCall(
            model=model, prompt=prompt, schema=CHECK_SCHEMA, images=tuple(images), attempt=attempt
        )
        try:
            check = read_check(context.ask.call(call, "check").text or "")
        except Refused as refusal:  # the picture is paid for, and a judge's refusal is not a verdict on it
            context.ask.warn(f"the judge refused to look ({refusal.message})")
            break
        if check is not None:
            return Judgement(check.score, tuple(check.problems))
    return Judgement(None)


def best_of(
    rounds: int,
    threshold: float,
    ask: CallClient,
    make: Callable[[int, Sequence[str]], CallResult],
    check: Callable[[Asset], Judgement],
    *,
    spare: bool = False,
) -> list[StepAttempt]:
    """Make and judge until a score reaches `threshold`, at most `rounds` times; return the attempts.

    If a round is refused, earlier attempts (or the one the caller has, with `spare`) are kept: they are paid
    for. An unjudged attempt ends the loop, because there are no problems to correct. Raises Refused if
    nothing is left.
    """
    attempts: list[StepAttempt] = []
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
        attempts.append(StepAttempt(number, answered.key, answered.media(), verdict.score, problems))
        if verdict.score is None or verdict.score >= threshold:
            break
    return attempts


def choose(context: StepContext, attempts: Sequence[StepAttempt]) -> int:
    """Return the index of the best attempt; below the threshold, warn or raise StepFailed as the recipe says.

    An unjudged attempt ranks above one that is known to be under the threshold.
    """
    verify = context.prompts.recipe.verify

    def rank(index: int) -> float:
        score = attempts[index].score
        return verify.threshold if score is None else score

    best = max(range(len(attempts)), key=lambda index: (rank(index), -index))
    chosen = attempts[best]
    if chosen.score is None:
        context.ask.warn("could not be judged: the judge's answer was unreadable twice; kept as it is")
    elif chosen.score < verify.threshold:
        faults = "; ".join(chosen.problems) or "no faults named"
        message = (
            f"best of {len(attempts)} scored {chosen.score:.2f}, under {verify.threshold:.2f} ({faults})"
        )
        if verify.on_low == "fail":
            raise StepFailed(
                message, advice="reword the description, raise `take`, or set verify.on_low: keep"
            )
        context.ask.warn(message)
    return best
