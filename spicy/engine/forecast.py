"""Forecast of a build: what it would do, why, and at what price. Walks the graph without spending anything.

The step of a stale node is really run, but on stored answers only. If it completes, the node costs nothing
and its outputs are known, so its dependants can be forecast the same way. At the first call that the store
does not have, the price starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.canonical_json import digest_bytes
from spicy.engine.calls.replay import NotInStore, ReplayCallClient
from spicy.engine.maker import run_step
from spicy.engine.project import Film
from spicy.engine.receipt import read_receipt
from spicy.engine.staleness import check_node
from spicy.errors import Refused, SpicyError, StepFailed, StoreError
from spicy.ids import CallKey, Digest, NodeId, Step, Ticks
from spicy.plan.node import CharacterJob, KeyframeJob, Node, Price, ReportJob, VideoJob
from spicy.plan.price import estimate_cost
from spicy.plan.reasons import Cause, Reason, compare_ingredients
from spicy.ports import Asset, Call, ChatCall, call_key
from spicy.steps.result import StepContext
from spicy.store.store import Store

if TYPE_CHECKING:
    from spicy.store.ledger import LedgerRow


class PlannedAction(StrEnum):
    """The action that a build would take for a node."""

    FRESH = "fresh"
    STORED = "stored"
    """Remade for $0 from stored answers or by local work."""
    CALLS = "calls"
    """At least one call has to be submitted to the provider."""
    REFUSED = "refused"
    """A call that it needs was refused for good, or it waits for such a node."""


UNTIL: Mapping[str, frozenset[Step]] = {
    "characters": frozenset({Step.IDEATION, Step.CHARACTER}),
    "keyframes": frozenset({Step.IDEATION, Step.CHARACTER, Step.SCRIPT, Step.KEYFRAME}),
    "videos": frozenset({Step.IDEATION, Step.CHARACTER, Step.SCRIPT, Step.KEYFRAME, Step.VIDEO}),
}
"""The points at which a build may stop, and the steps it runs until then."""


@dataclass(frozen=True, slots=True)
class NodeForecast:
    """The forecast of one node: action, reasons and price."""

    node: Node
    fate: PlannedAction
    reasons: tuple[Reason, ...]
    price: Price = Price()
    shared: bool = False
    """True if its first call is already priced at another node that needs the same call."""
    older: str = ""
    """With soft continuity: the previous keyframe that is newer than the one this node was made with."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of one film; `pending` has the prices of a film whose story is not written yet."""

    film: Film
    outlooks: tuple[NodeForecast, ...]
    pending: tuple[tuple[str, Price], ...] = ()
    """Description and price of each guessed part."""

    @property
    def price(self) -> Price:
        """The whole film's price."""
        total = sum((price for _, price in self.pending), Price())
        for outlook in self.outlooks:
            total += outlook.price
        return total

    @property
    def stale(self) -> tuple[NodeForecast, ...]:
        """The nodes that are not fresh."""
        return tuple(o for o in self.outlooks if o.fate is not PlannedAction.FRESH)


Choose = Callable[[Sequence[Node]], Iterable[str]]
"""Selects the ids of the wanted nodes."""


def forecast_all(films: Iterable[Film], store: Store, choose: Choose | None = None) -> list[Forecast]:
    """Return the forecasts of some films; a call that two of them share is priced once."""
    asked: set[CallKey] = set()
    return [forecast(film, store, choose, asked) for film in films]


def forecast(
    film: Film, store: Store, choose: Choose | None = None, asked: set[CallKey] | None = None
) -> Forecast:
    """Return the forecast of a film, or of the nodes that `choose` selects and their dependencies.

    `asked` collects the calls that are already priced.
    """
    if film.told is None:
        return Forecast(film, (), tuple(film.guess()))
    nodes = film.nodes()
    if choose is not None:
        nodes = needed(nodes, set(choose(nodes)))
    view = _View(film, store, set() if asked is None else asked)
    outlooks = tuple(view.look(node) for node in nodes)
    store.memo.save()
    return Forecast(film, outlooks)


def needed(nodes: Iterable[Node], wanted: set[str]) -> tuple[Node, ...]:
    """Return the nodes in `wanted` and all their dependencies, in graph order."""
    chosen = []
    for node in reversed(tuple(nodes)):
        if node.id in wanted:
            chosen.append(node)
            wanted = wanted | set(node.after)
    return tuple(reversed(chosen))


_ACCEPTED = ("submitted", "ready")
"""States of a call that some build, live or dead, has already paid for: its answer costs no more."""


class _View:
    """The simulated state of the files at each point of the build: known and unknown digests."""

    def __init__(self, film: Film, store: Store, asked: set[CallKey]) -> None:
        self.film, self.store, self.asked = film, store, asked
        self.digests: dict[str, Digest] = {}
        self.unknown: dict[str, Node] = {}
        self.refused: set[NodeId] = set()
        """Nodes that will not be made; the nodes that depend on them will not be tried."""

    def digest_of(self, path: str) -> Digest | None:
        return self.digests.get(path) or self.store.memo.digest(path)

    def look(self, node: Node) -> NodeForecast:
        waits = [self.unknown[path] for path in node.inputs.values() if path in self.unknown]
        if waits:
            return self._waiting(node, waits)
        status = check_node(node, self.digest_of, self.store, repair=False)
        if status.fresh:
            return NodeForecast(node, PlannedAction.FRESH, (), older=self._older(node))
        return self._replay(node, status.reasons)

    def _waiting(self, node: Node, waits: list[Node]) -> NodeForecast:
        receipt = read_receipt(node)
        reasons = [Reason(Cause.NEW, node.title)] if receipt is None else []
        if receipt is not None:
            reasons += compare_ingredients(receipt.ingredients, node.ingredients)
        reasons += [Reason(Cause.WAITS, title) for title in dict.fromkeys(w.title for w in waits)]
        self._lose(node)
        if any(w.id in self.refused for w in waits):
            self.refused.add(node.id)
            return NodeForecast(node, PlannedAction.REFUSED, tuple(reasons))
        return NodeForecast(
            node, PlannedAction.CALLS if _calls(node) else PlannedAction.STORED, tuple(reasons), node.price
        )

    def _lose(self, node: Node) -> None:
        for path in (*node.targets, node.receipt):
            self.unknown[path] = node

    def _replay(self, node: Node, reasons: tuple[Reason, ...]) -> NodeForecast:
        ask = ReplayCallClient(self.store, self.film.prompts.provider, self._refusal)
        if isinstance(node.job, ReportJob):
            return NodeForecast(node, PlannedAction.STORED, reasons)
        try:
            files = {label: self._asset(path) for label, path in node.inputs.items()}
            files |= {label: Asset(pin.digest, pin.suffix, pin.text) for label, pin in node.pins.items()}
            files |= {label: self._soft(path) for label, path in node.unkeyed.items()}
            made = run_step(node, files, StepContext(ask, self.film.prompts))
        except NotInStore as missing:
            self._lose(node)
            if missing.call is None:
                return NodeForecast(node, PlannedAction.STORED, reasons)
            key = call_key(self.film.prompts.provider, missing.call)
            shared = key in self.asked  # its answer will be in the store when this node is made
            self.asked.add(key)
            price = Price() if shared else self._rest(node, ask, missing.call, key)
            return NodeForecast(node, PlannedAction.CALLS, reasons, price, shared=shared)
        except Refused:
            self._lose(node)
            self.refused.add(node.id)
            return NodeForecast(node, PlannedAction.REFUSED, reasons)
        except SpicyError:
            # The step would fail, or the store is damaged: assume the price of the whole loop.
            self._lose(node)
            return NodeForecast(
                node, PlannedAction.CALLS if _calls(node) else PlannedAction.STORED, reasons, node.price
            )
        for path, content in zip(node.targets, made.files, strict=True):
            self.digests[path] = digest_bytes(content) if isinstance(content, bytes) else content.digest
        self.unknown[node.receipt] = node
        return NodeForecast(node, PlannedAction.STORED, reasons)

    def _refusal(self, key: CallKey) -> str:
        """Return the provider's message if a call was refused for good, else an empty text."""
        row = self._row(key)
        return row.note or "refused" if row is not None and row.state.value == "refused" else ""

    def _state(self, key: CallKey) -> str:
        row = self._row(key)
        return row.state.value if row is not None else ""

    def _row(self, key: CallKey) -> LedgerRow | None:
        """Return the latest ledger row of a call, or None."""
        if not (self.store.root / "ledger.sqlite").exists():  # a forecast must not create the ledger
            return None
        try:
            return self.store.ledger.find(key)
        except StoreError:  # a ledger that cannot be written cannot be queried either
            return None

    def _asset(self, path: str) -> Asset:
        digest = self.digest_of(path)
        if digest is None:
            raise StepFailed("is missing", file=path)
        # A forecast must not copy the user's files into the store; the digest is enough.
        return Asset(digest, Path(path).suffix.lower(), path)

    def _soft(self, path: str) -> Asset:
        """Return an order-only input; it is in no key, so an unmade one gets a placeholder digest."""
        digest = None if path in self.unknown else self.digest_of(path)
        return Asset(digest or Digest("0" * 64), Path(path).suffix.lower(), path)

    def _rest(self, node: Node, ask: ReplayCallClient, call: Call, key: CallKey) -> Price:
        """Return the price from the first call that is not in the store.

        A call that was already accepted costs nothing more if its answer arrives; the worst price assumes
        that it does not.
        """
        recipe = self.film.recipe
        done = sum(estimate_cost(answered.call, recipe) for answered in ask.calls)
        paid = estimate_cost(call, recipe) if self._state(key) in _ACCEPTED else 0
        low = estimate_cost(call, recipe) - paid
        judged = not (isinstance(node.job, VideoJob) and not node.job.cast)
        if not isinstance(call, ChatCall) and judged:
            low += recipe.price(recipe.models_for(self.film.prompts.provider).judge).per_call
        likely = max(low, node.price.likely - done - paid)
        return Price(Ticks(low), Ticks(likely), Ticks(max(likely, node.price.worst - done)))

    def _older(self, node: Node) -> str:
        for path in node.unkeyed.values():
            if path in self.unknown or self._newer(path, node):
                return self.unknown[path].title if path in self.unknown else path
        return ""

    def _newer(self, path: str, node: Node) -> bool:
        receipt = read_receipt(node)
        digest = self.digest_of(path)
        used = receipt.unkeyed.get("previous keyframe") if receipt else None
        return used is not None and digest is not None and used != digest


def _calls(node: Node) -> bool:
    """Return True if making the node from scratch needs calls to a provider."""
    return isinstance(node.job, CharacterJob | KeyframeJob | VideoJob) and not node.job.own
