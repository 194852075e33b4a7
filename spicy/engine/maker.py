"""Makes one node: runs its step, puts the files in place, writes the receipt last."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_never

from spicy.canonical_json import digest_bytes
from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller
from spicy.engine.calls.live import LiveCallClient
from spicy.engine.calls.recovery import Recovery
from spicy.engine.project import LOST_PIN, Film, lost_pin_advice
from spicy.engine.receipt import Log, write_receipt
from spicy.engine.reporting import make_report
from spicy.errors import DamagedObject, StepFailed
from spicy.events import Attempt, NodeDone, NodeStarted, Sink
from spicy.files import write_atomic
from spicy.ids import Digest, NodeId, Step, Ticks
from spicy.plan.expand import STORY_ITEM
from spicy.plan.node import (
    CharacterJob,
    FilmJob,
    KeyframeJob,
    Node,
    ReportJob,
    ScriptJob,
    StoryJob,
    VideoJob,
    node_id,
)
from spicy.plan.reasons import Reason
from spicy.ports import Asset, CallClient
from spicy.spec.pins import Pin
from spicy.steps.assembly import make_film
from spicy.steps.character import make_character
from spicy.steps.keyframe import make_keyframe
from spicy.steps.result import StepContext, StepResult
from spicy.steps.script import make_script
from spicy.steps.video import make_video
from spicy.store.ledger import LedgerRow, Purpose
from spicy.store.store import Store

_Digests = dict[str, Digest]


class Maker:
    """The maker of all nodes of a run, for any film and from any thread."""

    def __init__(
        self,
        store: Store,
        caller: Caller,
        films: Mapping[str, Film],
        budget: Budget,
        sink: Sink,
        run: str,
        stop: threading.Event,
        known: dict[str, Digest],
    ) -> None:
        """Create a maker; `known`, shared with the run's checks, maps made and fresh targets to digests."""
        self.store, self._caller, self._films = store, caller, films
        self._sink, self._run, self._stop = sink, run, stop
        self._budgets = {
            name: Budget(film.spec.budget, budget, name=f"the budget in {film.spec.path}")
            for name, film in films.items()
        }
        self._known = known
        self._saved = 0
        self._recovery: Recovery | None = None
        self._lock = threading.Lock()

    @property
    def saved(self) -> Ticks:
        """The amount that stored answers saved in this run."""
        return Ticks(self._saved)

    def recover(self, rows: Sequence[LedgerRow]) -> None:
        """Start to resume the calls of dead builds; `close` waits for them."""
        self._recovery = Recovery(self._caller, rows, self._sink)
        self._recovery.start()

    def close(self) -> None:
        """Wait for the recovery and close the provider."""
        if self._recovery is not None:
            self._recovery.finish()
        self._caller.provider.close()

    def ideate(self, film: Film) -> None:
        """Generate the story of a film that has none yet; its file is a separate node, made next."""
        node = node_id(film.name, Step.IDEATION, STORY_ITEM)
        self._sink(NodeStarted(node, "story", ("never made",)))
        film.tell(self._ask(film, node, Step.IDEATION))

    def make(self, node: Node, reasons: tuple[Reason, ...]) -> None:
        """Make a stale node. Raises SpicyError; no partial file is left under a target's name."""
        self._sink(NodeStarted(node.id, node.title, tuple(str(r) for r in reasons)))
        film = self._films[node.film]
        ask = self._ask(film, node.id, node.step)
        made, inputs, unkeyed, targets = self._attempt(node, film, ask)
        log = self._log(node, film, ask)
        write_receipt(node, inputs, unkeyed, targets, made, log, film.prompts.provider)
        self._count_hits(node.id, ask.log())
        self._sink(_done(node.id, targets, inputs, made, ask.log()))

    def _attempt(
        self, node: Node, film: Film, ask: LiveCallClient
    ) -> tuple[StepResult, _Digests, _Digests, dict[str, Digest]]:
        """Run the step and put its files in place; retry once for each damaged object found on the way.

        The store quarantines a damaged object and its record no longer answers, so its call is submitted
        again.
        """
        damaged: set[str] = set()
        while True:
            try:
                made, inputs, unkeyed = self._run_step(node, film, ask)
                return made, inputs, unkeyed, self._put(node, made)
            except DamagedObject as damage:
                if damage.digest in damaged:
                    raise
                damaged.add(damage.digest)
                ask.calls.clear()
                ask.warn(str(damage))

    def _ask(self, film: Film, node: NodeId, step: Step) -> LiveCallClient:
        purpose = Purpose(run=self._run, film=film.name, node=node, step=step.value, purpose="")
        budget = self._budgets[film.name]
        return LiveCallClient(
            self.store, self._caller, film.recipe, budget, node, purpose, self._sink, self._stop
        )

    def _run_step(self, node: Node, film: Film, ask: LiveCallClient) -> tuple[StepResult, _Digests, _Digests]:
        if isinstance(node.job, ReportJob):
            paths = {label: Path(path) for label, path in node.inputs.items()}
            inputs = {label: self.store.memo.digest(path) or Digest("") for label, path in paths.items()}
            return make_report(node.film, Path(node.folder), node.job, paths.values()), inputs, {}
        keyed = {label: self._take(path, ask) for label, path in node.inputs.items()}
        keyed |= {label: self._pinned(pin) for label, pin in node.pins.items()}
        extra = {}
        for label, path in node.unkeyed.items():
            if Path(path).exists():
                extra[label] = self._take(path, ask)
            else:
                ask.warn(f"the {label} could not be made; this one goes without it")
        made = run_step(node, {**keyed, **extra}, StepContext(ask, film.prompts))
        digests = [{label: asset.digest for label, asset in part.items()} for part in (keyed, extra)]
        return made, digests[0], digests[1]

    def _take(self, path: str, ask: CallClient) -> Asset:
        digest = self._known.get(path) or self.store.memo.digest(path)
        if digest is not None and self.store.objects.has(digest):
            return Asset(digest, Path(path).suffix.lower(), path)
        if digest is None:
            raise StepFailed("is missing", file=path, advice="put it back, or take it out of the spec")
        return ask.take_in(Path(path))

    def _pinned(self, pin: Pin) -> Asset:
        if not self.store.objects.has(pin.digest):  # a damaged one has just been quarantined
            raise StepFailed(LOST_PIN, file=pin.brief, advice=lost_pin_advice(pin))
        return Asset(pin.digest, pin.suffix, pin.text)

    def _put(self, node: Node, made: StepResult) -> dict[str, Digest]:
        targets: dict[str, Digest] = {}
        for path, content in zip(node.targets, made.files, strict=True):
            if isinstance(content, bytes):
                write_atomic(Path(path), content)
                targets[path] = digest_bytes(content)
            else:
                if self.store.memo.digest(path) != content.digest:
                    self.store.objects.copy_to(content.digest, Path(path))
                targets[path] = content.digest
        self._known.update(targets)
        return targets

    def _log(self, node: Node, film: Film, ask: LiveCallClient) -> Log:
        log = ask.log()
        if isinstance(node.job, StoryJob) and film.told is not None:
            # Ideation ran before the graph existed; its calls belong on the story's receipt.
            return Log(tuple(("story", answered) for answered in film.told.calls), log.warnings, log.seconds)
        return log

    def _count_hits(self, node: NodeId, log: Log) -> None:
        """Record the answers that came from the store, so that the savings can be reported."""
        hits: dict[str, tuple[int, int]] = {}
        for _, answered in log.calls:
            if answered.from_store:
                calls, cost = hits.get(answered.call.kind.value, (0, 0))
                hits[answered.call.kind.value] = (calls + 1, cost + answered.cost)
        film, _, rest = node.partition(":")
        step, _, item = rest.partition("/")
        self.store.ledger.save_hits(
            self._run, film, step, item, [(kind, calls, Ticks(cost)) for kind, (calls, cost) in hits.items()]
        )
        with self._lock:
            self._saved += log.cost() - log.cost(paid_only=True)


def _done(
    node: NodeId, targets: Mapping[str, Digest], inputs: Mapping[str, Digest], made: StepResult, log: Log
) -> NodeDone:
    calls = {answered.key: answered for _, answered in log.calls}
    attempts = tuple(
        Attempt(
            number=a.number,
            take=calls[a.call].call.take,
            key=a.call,
            asset=a.asset.digest,
            suffix=a.asset.suffix,
            score=a.score,
            problems=a.problems,
            cost=calls[a.call].cost,
            from_store=calls[a.call].from_store,
            chosen=index == made.chosen,
        )
        for index, a in enumerate(made.attempts)
        if a.call in calls
    )
    paid = log.cost(paid_only=True)
    return NodeDone(
        node=node,
        targets=tuple(targets),
        seconds=log.seconds,
        paid=paid,
        saved=Ticks(log.cost() - paid),
        scores=tuple(a.score for a in made.attempts),
        digests=tuple(targets.values()),
        inputs=tuple(inputs.items()),
        attempts=attempts,
    )


def run_step(node: Node, files: Mapping[str, Asset], context: StepContext) -> StepResult:
    """Run the step of a node (any but the report) over its input assets and return the result."""
    match node.job:
        case StoryJob(text):
            return StepResult(files=(text.encode(),))
        case CharacterJob():
            return make_character(node.job, files, context)
        case ScriptJob():
            return make_script(node.job)
        case KeyframeJob():
            return make_keyframe(node.job, files, context)
        case VideoJob():
            return make_video(node.job, files, context)
        case FilmJob():
            return make_film(node.job, files, context)
        case ReportJob():
            raise TypeError("a report is made from receipts, not from assets")
        case _:
            assert_never(node.job)
