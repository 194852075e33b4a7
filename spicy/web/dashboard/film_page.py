"""The page of a film: its spec, what a build would do and for how much, and what its author has chosen so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from spicy.engine.project import Film
from spicy.engine.receipt import read_receipt
from spicy.engine.takes import pinned
from spicy.errors import Problem, SpecError, SpicyError, StoreError
from spicy.ids import Digest, Step
from spicy.plan.node import Node
from spicy.runs.model import AttemptRow, Run
from spicy.runs.read import list_runs, list_tried
from spicy.spec.find import list_specs
from spicy.story.model import Character, Scene
from spicy.web.dashboard.planning import Plan, opened, plan_of
from spicy.web.dashboard.rendering import draw
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import ApiError

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]

TAKES: Mapping[Step, str] = {Step.CHARACTER: "take", Step.KEYFRAME: "keyframe_take", Step.VIDEO: "take"}
"""The steps that have takes, and what the story calls their number."""
_WORDS = {Step.CHARACTER: "sheet", Step.KEYFRAME: "keyframe", Step.VIDEO: "clip"}
_SAID = {
    "pinned": "is pinned: the spec names it now",
    "unpinned": "is no longer pinned: it is made as before",
    "take": "has another take: the spec says which",
}
_ITEM = re.compile(r"(character|keyframe|video):([a-z0-9-]{1,80})")
_RUNS = 20
_STRIP = 24
"""Scenes whose stills are shown on top."""
_MOST_TEXT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeChoice:
    """A sheet, still or clip about which its author said something, or can."""

    step: Step
    item: str
    name: str
    take: int
    takes: tuple[int, ...]
    """Every take that a run had, the present one too."""
    pin: Digest | None

    @property
    def word(self) -> str:
        """What it is."""
        return _WORDS[self.step]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What there is to see of a film."""

    plan: Plan | None = None
    problems: tuple[Problem, ...] = ()
    trouble: str = ""
    """Why there is no plan, when that is no mistake in the spec."""
    choices: tuple[TakeChoice, ...] = ()
    stills: tuple[tuple[str, Digest], ...] = ()
    """Scene and still, of those that are made."""
    final: Digest | None = None


@router.get("/films/{film}")
def film_page(film: str, request: Request, app_state: Here) -> Response:
    """One film."""
    return draw_film(request, app_state, film)


def spec_of(app_state: AppState, film: str) -> Path:
    """The spec of a film. Raises ApiError 404 with the films there are."""
    there = list_specs(app_state.root)
    if film not in there:
        known = ", ".join(list(there)[:50]) or "none yet"
        raise ApiError(
            404, f"no spec makes a film called {film[:60]!r}; the films are: {known}", code="not_found"
        )
    return there[film]


def draw_film(
    request: Request, app_state: AppState, film: str, *, wrong: str = "", status: int = 200
) -> Response:
    """The page of a film, with what was `wrong` about a form that it sent. Raises ApiError."""
    path = spec_of(app_state, film)
    runs = _runs(app_state, film)
    shown = _look(app_state, film, path)
    return draw(
        request,
        "film.html.j2",
        status=status,
        here="",
        film=film,
        path=path.as_posix(),
        text=_text(app_state.root / path),
        shown=shown,
        plan=shown.plan,
        runs=runs,
        under_way=next((run for run in runs if not run.state.is_over), None),
        wrong=wrong,
        said=_said(request),
        provider=app_state.executor.provider,
    )


def _look(app_state: AppState, film: str, path: Path) -> _Shown:
    try:
        with opened(app_state, path) as (loaded, store):
            tried = tried_of(app_state, film)
            nodes = loaded.nodes() if loaded.told is not None else ()
            return _Shown(
                plan=plan_of(loaded, store),
                choices=tuple(choices(loaded, tried)),
                stills=tuple(_stills(nodes)),
                final=_final(nodes),
            )
    except SpecError as error:
        return _Shown(problems=error.problems)
    except SpicyError as error:
        return _Shown(trouble=str(error))


def tried_of(app_state: AppState, film: str) -> list[AttemptRow]:
    """Every attempt at a film that a run had; none where the runs database cannot be read."""
    try:
        return list_tried(app_state.build, film)
    except StoreError:
        return []


def choices(film: Film, tried: Sequence[AttemptRow]) -> Iterable[TakeChoice]:
    """What was chosen, and what there is to choose from: items with a pin, or with more than one take."""
    if film.told is None:
        return
    seen: dict[tuple[Step, str], set[int]] = {}
    for one in tried:
        seen.setdefault((one.step, one.item), set()).add(one.take)
    story = film.told.story
    things: list[tuple[Step, Character | Scene]] = [(Step.CHARACTER, c) for c in story.characters]
    things += [(step, scene) for scene in story.scenes for step in (Step.KEYFRAME, Step.VIDEO)]
    for step, thing in things:
        take = int(getattr(thing, TAKES[step]))
        takes = tuple(sorted({take, *seen.get((step, thing.slug), ())}))
        pin = pinned(film, step, thing.slug)
        if pin is not None or len(takes) > 1 or take > 1:
            name = thing.name if isinstance(thing, Character) else f"scene {thing.id}"
            yield TakeChoice(step=step, item=thing.slug, name=name, take=take, takes=takes, pin=pin)


def _stills(nodes: Iterable[Node]) -> Iterable[tuple[str, Digest]]:
    stills = [node for node in nodes if node.step is Step.KEYFRAME][:_STRIP]
    for node in stills:
        receipt = read_receipt(node)
        if receipt is not None and node.targets[0] in receipt.targets:
            yield node.item, Digest(receipt.targets[node.targets[0]])


def _final(nodes: Sequence[Node]) -> Digest | None:
    for node in nodes:
        found = next((path for path in node.targets if path.endswith("/final.mp4")), None)
        if found is not None and (receipt := read_receipt(node)) is not None and Path(found).exists():
            return Digest(receipt.targets[found]) if found in receipt.targets else None
    return None


def _runs(app_state: AppState, film: str) -> list[Run]:
    try:
        return list_runs(app_state.build, _RUNS, film)
    except StoreError:
        return []


def _text(path: Path) -> str:
    """The spec as it is; what is wrong with it, the problems say."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_TEXT).decode("utf-8-sig", "replace")
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _said(request: Request) -> str:
    """What was just done, when the page was reached by doing it."""
    for name, words in _SAID.items():
        found = _ITEM.fullmatch(request.query_params.get(name, ""))
        if found is not None:
            step = Step(found[1])
            whose = found[2] if step is Step.CHARACTER else f"scene {found[2]}"
            return f"The {_WORDS[step]} of {whose} {words}. See what follows, then build."
    return ""
