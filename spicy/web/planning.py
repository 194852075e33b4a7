"""What a build would make of a film, why, and for how much: `spicy plan` as values that a page draws.

Each look has a store of its own, because the server's is at work, and because what a look remembers should not
outlive it. It spends nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from spicy.engine.films import Film, load_films
from spicy.engine.forecast import Fate, Forecast, Outlook, forecast
from spicy.engine.wire import open_store
from spicy.errors import SpicyError
from spicy.ids import NodeId, Step, Ticks, usd
from spicy.plan.node import Node, Price
from spicy.spec.find import list_specs
from spicy.store.store import Store
from spicy.web.errors import ApiError
from spicy.web.room import Room

_PATIENCE = 15.0
"""Seconds that a look waits for others to end."""
_REASONS = 3
_LOOK_AGAIN = 2.0
"""Seconds after which a spec is looked at again."""
_OPEN_AGAIN = 300.0
"""Seconds after which a film is opened again though its spec is the same: its recipe may be another."""


@dataclass(frozen=True, slots=True)
class Line:
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
    lines: tuple[Line, ...]
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
def opened(room: Room, spec: Path) -> Iterator[tuple[Film, Store]]:
    """The film of a spec as it stands now, and a store to look at it with.

    Raises SpecError, UsageError, and ApiError 429 when too many look at once.
    """
    if not room.planning.acquire(timeout=_PATIENCE):
        raise ApiError(429, "too many films are being looked at; try again", code="busy")
    try:
        store = open_store(room.settings)
        try:
            build = room.settings.build_dir.as_posix()
            (film,) = load_films([spec], room.root, room.desk.provider, build, store)
            yield film, store
        finally:
            store.close()
    finally:
        room.planning.release()


def look_ahead(room: Room, spec: Path) -> Plan:
    """What a build of a spec would do now. Raises what `opened` raises."""
    with opened(room, spec) as (film, store):
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
        fresh=len(ahead.outlooks) - len(ahead.stale),
        price=ahead.price,
        as_of=film.recipe.prices_as_of,
        guessed=bool(ahead.pending),
        aspect_ratio=(told.story.aspect_ratio if told else film.spec.aspect_ratio) or "",
        budget=film.spec.budget,
        only_clips=bool(clips) and len(clips_stale) == len(clips) and not stills_stale,
        clips_stale=bool(clips_stale) or told is None,
        stills_stale=bool(stills_stale) or told is None,
        prices=_prices(film.nodes()) if told else {},
    )


def remake_prices(room: Room, spec: Path) -> Mapping[NodeId, Price]:
    """What another take of each target would cost, with what follows from it; empty before there is a story.

    Raises what `opened` raises.
    """
    with opened(room, spec) as (film, _):
        return _prices(film.nodes()) if film.told is not None else {}


def spread(price: Price) -> str:
    """A price from low to worst, in words."""
    if not price.worst:
        return "free"
    return usd(price.low) if price.low == price.worst else f"{usd(price.low)} – {usd(price.worst)}"


def _of(ahead: Forecast, step: Step) -> list[Outlook]:
    return [outlook for outlook in ahead.outlooks if outlook.node.step is step]


def _is_stale(outlook: Outlook) -> bool:
    return outlook.fate is not Fate.FRESH


def _lines(ahead: Forecast) -> Iterator[Line]:
    for what, price in ahead.pending:
        yield Line(what, spread(price))
    for outlook in ahead.stale:
        why = "; ".join(str(reason) for reason in outlook.reasons[:_REASONS])
        yield Line(outlook.node.title, _cost(outlook), why + "; …" * (len(outlook.reasons) > _REASONS))


def _cost(outlook: Outlook) -> str:
    if outlook.shared:
        return "$0, asked for once"
    return spread(outlook.price) if outlook.fate is Fate.CALLS else "$0"


def _prices(nodes: Iterable[Node]) -> dict[NodeId, Price]:
    """By target: its own price and those of all that is made from it."""
    known = list(nodes)
    users: dict[str, list[Node]] = {}
    for node in known:
        for path in node.inputs.values():
            users.setdefault(path, []).append(node)
    wanted = (Step.CHARACTER, Step.KEYFRAME, Step.VIDEO)
    return {node.id: _with_followers(node, users) for node in known if node.step in wanted}


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
    """The prices of a film's targets, of which state of its spec, and when that was last looked at."""

    of: tuple[int, int]
    loaded: float
    looked: float
    prices: Mapping[NodeId, str]


class Prices:
    """What another take of each target would cost, for pages that ask often: a film is opened when its spec changed."""

    def __init__(self, room: Room, clock: Callable[[], float] = time.monotonic) -> None:
        self._room, self._clock = room, clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def __call__(self, film: str) -> Mapping[NodeId, str]:
        """The prices of a film's targets in words, of those that cost anything; none of a film that cannot be built as it is, or has no story yet."""
        with self._lock:
            known, now = self._known.get(film), self._clock()
            if known is not None and now - known.looked < _LOOK_AGAIN:
                return known.prices
            spec = list_specs(self._room.root).get(film)
            state = _state(self._room.root / spec) if spec is not None else (0, 0)
            if known is not None and known.of == state and now - known.loaded < _OPEN_AGAIN:
                known.looked = now
                return known.prices
            prices: Mapping[NodeId, str] = {}
            if spec is not None:
                with contextlib.suppress(SpicyError, ApiError):
                    found = remake_prices(self._room, spec)
                    prices = {node: spread(price) for node, price in found.items() if price.worst}
            self._known[film] = _Known(state, now, self._clock(), prices)
            return prices


def _state(spec: Path) -> tuple[int, int]:
    try:
        found = spec.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
