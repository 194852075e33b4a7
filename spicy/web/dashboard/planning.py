"""What a build would make of a film, why, and for how much: `spicy plan` as values that a page draws.

Each look has a store of its own, because the server's is at work, and because what a look remembers should not
outlive it. It spends nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spicy.engine.bootstrap import open_store
from spicy.engine.forecast import UNTIL, Forecast, NodeForecast, PlannedAction, forecast
from spicy.engine.project import Film, load_films
from spicy.errors import SpicyError
from spicy.ids import NodeId, Step, Ticks, usd
from spicy.plan.expand import Paths
from spicy.plan.node import Node, Price
from spicy.spec.find import list_specs
from spicy.store.store import Store
from spicy.web.dashboard.plan_service import RemainingWork
from spicy.web.server.app_state import AppState
from spicy.web.server.errors import ApiError

TAKEN = (Step.CHARACTER, Step.KEYFRAME, Step.VIDEO)
"""The steps whose targets have takes."""
_PATIENCE = 15.0
"""Seconds that a look waits for others to end."""
_REASONS = 3
_LOOK_AGAIN = 2.0
_OPEN_AGAIN = 300.0
"""Seconds after which a film is looked at again though its spec and its end are the same: its recipe may be another."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that would be made; `cost` in words."""

    title: str
    cost: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do with one film."""

    film: str
    title: str
    spec: str
    recipe: str
    provider: str
    lines: tuple[PlanLine, ...]
    refused: bool
    """Whether there is nothing to make but what was refused for good."""
    fresh: int
    price: Price
    as_of: str
    """The day of the prices."""
    guessed: bool
    """Whether the story is still to be written, so that all that follows is an estimate."""
    aspect_ratio: str = ""
    budget: Ticks | None = None
    only_clips: bool = False
    """Whether the storyboard is there, and no clip yet."""
    clips_stale: bool = True
    stills_stale: bool = True
    prices: Mapping[NodeId, Price] = field(default_factory=dict)
    """What another take of a target would cost, with what follows from it."""

    @property
    def stale(self) -> bool:
        """Whether there is anything to make."""
        return bool(self.lines)

    @property
    def may_stop(self) -> bool:
        """Whether the spec's budget may stop it."""
        return self.budget is not None and self.price.worst > self.budget


@contextlib.contextmanager
def opened(app_state: AppState, spec: Path) -> Iterator[tuple[Film, Store]]:
    """The film of a spec as it stands now, and a store to look at it with.

    Raises SpecError, UsageError, and ApiError 429 when too many look at once.
    """
    if not app_state.planning.acquire(timeout=_PATIENCE):
        raise ApiError(429, "too many films are being looked at; try again", code="busy")
    try:
        store = open_store(app_state.settings)
        try:
            build = app_state.settings.build_dir.as_posix()
            (film,) = load_films([spec], app_state.root, app_state.executor.provider, build, store)
            yield film, store
        finally:
            store.close()
    finally:
        app_state.planning.release()


def look_ahead(app_state: AppState, spec: Path) -> Plan:
    """What a build of a spec would do now. Raises what `opened` raises."""
    with opened(app_state, spec) as (film, store):
        return plan_of(film, store)


def plan_of(film: Film, store: Store) -> Plan:
    """What a build of a film would do now."""
    ahead = forecast(film, store)
    told = film.told
    clips, stills = _of(ahead, Step.VIDEO), _of(ahead, Step.KEYFRAME)
    clips_stale, stills_stale = [o for o in clips if _is_stale(o)], [o for o in stills if _is_stale(o)]
    return Plan(
        film=film.name,
        title=(told.story.title if told else film.spec.title) or film.name,
        spec=film.spec.path,
        recipe=film.recipe.name,
        provider=film.prompts.provider,
        lines=tuple(_lines(ahead)),
        refused=bool(ahead.stale) and all(o.fate is PlannedAction.REFUSED for o in ahead.stale),
        fresh=len(ahead.outlooks) - len(ahead.stale),
        price=ahead.price,
        as_of=film.recipe.prices_as_of,
        guessed=bool(ahead.pending),
        aspect_ratio=(told.story.aspect_ratio if told else film.spec.aspect_ratio) or "",
        budget=film.spec.budget,
        only_clips=bool(clips) and len(clips_stale) == len(clips) and not stills_stale,
        clips_stale=bool(clips_stale) or told is None,
        stills_stale=bool(stills_stale) or told is None,
        prices=_prices(film, ahead),
    )


def rest_of(ahead: Forecast) -> RemainingWork:
    """What is left of a film."""
    refused = sum(outlook.fate is PlannedAction.REFUSED for outlook in ahead.outlooks)
    return RemainingWork(
        len(ahead.stale) + len(ahead.pending) - refused, refused, ahead.price, spread(ahead.price)
    )


def is_alone(ahead: Forecast, id: NodeId) -> bool:
    """Whether another take of a target is made by itself: when more is left of its film than follows from it.

    Otherwise a press on one button would buy what nobody pressed.
    """
    return bool({o.node.id for o in ahead.stale} - {id})


def spread(price: Price) -> str:
    """A price from low to worst, in words."""
    if not price.worst:
        return "free"
    return usd(price.low) if price.low == price.worst else f"{usd(price.low)} – {usd(price.worst)}"


def _of(ahead: Forecast, step: Step) -> list[NodeForecast]:
    return [outlook for outlook in ahead.outlooks if outlook.node.step is step]


def _is_stale(outlook: NodeForecast) -> bool:
    return outlook.fate is not PlannedAction.FRESH


def _lines(ahead: Forecast) -> Iterator[PlanLine]:
    for what, price in ahead.pending:
        yield PlanLine(what, spread(price))
    for outlook in ahead.stale:
        why = "; ".join(str(reason) for reason in outlook.reasons[:_REASONS])
        yield PlanLine(outlook.node.title, _cost(outlook), why + "; …" * (len(outlook.reasons) > _REASONS))


def _cost(outlook: NodeForecast) -> str:
    if outlook.shared:
        return "$0, asked for once"
    if outlook.fate is PlannedAction.REFUSED:
        return "$0, refused for good"
    return spread(outlook.price) if outlook.fate is PlannedAction.CALLS else "$0"


def _prices(film: Film, ahead: Forecast) -> dict[NodeId, Price]:
    """By target: what another take of it costs, with all that is made from it unless it is made by itself."""
    if film.told is None:
        return {}
    known = film.nodes()
    users: dict[str, list[Node]] = {}
    for node in known:
        for path in node.inputs.values():
            users.setdefault(path, []).append(node)
    return {
        node.id: node.price if is_alone(ahead, node.id) else _with_followers(node, users)
        for node in known
        if node.step in TAKEN
    }


def _with_followers(first: Node, users: Mapping[str, list[Node]]) -> Price:
    seen, waiting, price = {first.id}, [first], Price()
    while waiting:
        node = waiting.pop()
        price += node.price
        for path in (*node.targets, node.receipt):
            for user in users.get(path, ()):
                if user.id not in seen:
                    seen.add(user.id)
                    waiting.append(user)
    return price


@dataclass(slots=True)
class _Known:
    """What was seen ahead of a film, of which state of its files, and when."""

    of: tuple[tuple[int, int], ...]
    at: float
    prices: Mapping[NodeId, str] = field(default_factory=dict)
    rest: RemainingWork | None = None


class FilmPlanService:
    """What lies ahead of films, for pages that ask often: a film is looked at again when its files have changed."""

    def __init__(self, app_state: AppState, clock: Callable[[], float] = time.monotonic) -> None:
        self._room, self._clock = app_state, clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}

    def prices(self, film: str) -> Mapping[NodeId, str]:
        """What another take of each target costs, in words, of those that cost anything.

        None of a film that cannot be built as it is, or has no story yet.
        """
        return self._look(film, "", _OPEN_AGAIN).prices

    def rest(self, film: str, until: str = "") -> RemainingWork | None:
        """What is left of a film, or of its storyboard; None of one that cannot be built as it is."""
        return self._look(film, until, _LOOK_AGAIN).rest

    def _look(self, film: str, until: str, oldest: float) -> _Known:
        with self._lock:
            spec, now = list_specs(self._room.root).get(film), self._clock()
            if spec is None:
                return _Known((), now)
            final = Path(Paths.of(str(self._room.build), film).hidden("final"))
            known, of = self._known.get((film, until)), (_state(self._room.root / spec), _state(final))
            if known is None or known.of != of or now - known.at >= oldest:
                known = self._known[film, until] = self._fresh(spec, until, of)
            return known

    def _fresh(self, spec: Path, until: str, of: tuple[tuple[int, int], ...]) -> _Known:
        seen = _Known(of, self._clock())
        with contextlib.suppress(SpicyError, ApiError), opened(self._room, spec) as (film, store):
            steps = UNTIL.get(until)
            ahead = forecast(film, store, partial(_nodes_of, steps) if steps else None)
            prices = _prices(film, ahead)
            seen.prices = {node: spread(price) for node, price in prices.items() if price.worst}
            seen.rest = rest_of(ahead)
        return seen


def _nodes_of(steps: Collection[Step], nodes: Iterable[Node]) -> list[NodeId]:
    return [node.id for node in nodes if node.step in steps]


def _state(spec: Path) -> tuple[int, int]:
    try:
        found = spec.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
