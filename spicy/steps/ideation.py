"""Ideation: turns a concept into a story; an invalid structured answer is retried with its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spicy.errors import SpecError, StepFailed
from spicy.plan.prompts import StepPrompts
from spicy.ports import CallClient, CallResult, ChatCall
from spicy.recipe.render import render_prompt
from spicy.spec.model import Spec
from spicy.story.draft import (
    MATCH_SCHEMA,
    STORY_SCHEMA,
    StoryDraft,
    check_draft,
    match_labels,
    read_draft,
    read_matches,
)
from spicy.story.model import Story
from spicy.story.resolve import resolve_story


@dataclass(frozen=True, slots=True)
class IdeationResult:
    """A resolved story and the calls it needed."""

    story: Story
    calls: tuple[CallResult, ...]


def tell_story(spec: Spec, prompts: StepPrompts, ask: CallClient) -> IdeationResult:
    """Resolve a spec into its story; free if everything is written, else the missing parts are generated.

    Raises StepFailed if no valid story is returned, SpecError if a label or an override matches nothing.
    """
    calls: list[CallResult] = []
    draft = _draft(spec, prompts, ask, calls) if spec.needs_ideation else None
    cast = [(c.name, c.role, c.description) for c in spec.characters or ()]
    if spec.characters is None and draft is not None:
        cast = [(c.name, c.role, c.description) for c in draft.characters]
    labels = _match(spec, cast, prompts, ask, calls)
    return IdeationResult(resolve_story(spec, prompts.recipe, draft, labels), tuple(calls))


def _draft(spec: Spec, prompts: StepPrompts, ask: CallClient, calls: list[CallResult]) -> StoryDraft:
    recipe = prompts.recipe
    written = spec.scenes if isinstance(spec.scenes, tuple) else ()
    scenes = len(written) or (spec.scenes if isinstance(spec.scenes, int) else recipe.story.scenes)
    pinned = spec.characters or ()
    errors: Sequence[str] = ()
    for attempt in range(1, 2 + recipe.story.retries):
        prompt = render_prompt(
            recipe,
            "story",
            prompts.provider,
            concept=spec.concept,
            style=spec.style or recipe.story.style,
            palette=spec.palette or "",
            scenes=scenes,
            written_scenes=written,
            characters=pinned,
            labels=sorted(spec.refs),
            most_characters=max(recipe.story.most_characters, len(pinned), len(spec.names_in_scenes())),
            characters_per_scene=recipe.limits.characters_per_scene,
            errors=errors,
        )
        model = recipe.models_for(prompts.provider).story
        call = ChatCall(model=model, prompt=prompt, schema=STORY_SCHEMA, take=spec.take, attempt=attempt)
        answered = ask.call(call, "story")
        calls.append(answered)
        draft = read_draft(answered.text or "")
        if isinstance(draft, StoryDraft):
            errors = check_draft(
                draft,
                scenes=scenes,
                most_characters=max(recipe.story.most_characters, len(pinned), len(spec.names_in_scenes())),
                characters_per_scene=recipe.limits.characters_per_scene,
                pinned=[c.name for c in pinned] or spec.names_in_scenes(),
                labels=sorted(spec.refs),
            )
            if not errors:
                return draft
        else:
            errors = draft
    raise StepFailed(
        f"no usable story after {1 + recipe.story.retries} answers: {'; '.join(errors)}",
        file=spec.path,
        advice="make the concept plainer, raise the spec's `take`, or write characters and scenes yourself",
    )


def _match(
    spec: Spec,
    cast: Sequence[tuple[str, str, str]],
    prompts: StepPrompts,
    ask: CallClient,
    calls: list[CallResult],
) -> Mapping[str, str]:
    """Map each reference picture's label to a character, by name or by a call. Raises SpecError."""
    names = [name for name, _, _ in cast]
    labels, rest = match_labels(sorted(spec.refs), names)
    if rest and cast:
        prompt = render_prompt(
            prompts.recipe,
            "match",
            prompts.provider,
            labels=list(rest),
            characters=[
                {"name": n, "role": r, "description": d} for n, r, d in cast if n not in labels.values()
            ],
        )
        model = prompts.recipe.models_for(prompts.provider).judge
        answer = None
        for attempt in (1, 2):  # an unreadable answer is retried once
            call = ChatCall(model=model, prompt=prompt, schema=MATCH_SCHEMA, take=spec.take, attempt=attempt)
            calls.append(ask.call(call, "match"))
            answer = answer or read_matches(calls[-1].text or "")
            if answer is not None:
                break
        for match in answer.matches if answer else ():
            if match.label in rest and match.name in names and match.name not in labels.values():
                labels[match.label] = match.name
    missing = [label for label in spec.refs if label not in labels]
    if missing:
        known = ", ".join(names) or "none"
        raise SpecError(
            [
                spec.problem(
                    ("refs", label),
                    f"no character fits the label `{label}`; the characters are: {known}",
                    at_key=True,
                )
                for label in missing
            ]
        )
    return labels
