"""How a step gets its answers from the store alone: nothing is spent, nothing is started.

Looking ahead (`spicy plan`), resolving a story that is known, and a build with nothing stale need no more
than this, so that neither ledger nor provider is even imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from spicy.errors import Refused, StepFailed
from spicy.ids import CallKey, Ticks
from spicy.ports import Asset, Call, CallResult, LocalJob, LocalResult, call_key
from spicy.store.records import CallRecord
from spicy.store.store import Store


def recalled(record: CallRecord, call: Call, *, from_store: bool = True) -> CallResult:
    """An answer as the step sees it."""
    asset = Asset(record.digest, record.suffix) if record.digest is not None else None
    return CallResult(
        key=record.key,
        call=call,
        model=record.model,
        cost=Ticks(record.cost),
        from_store=from_store,
        started=record.started,
        seconds=record.seconds,
        text=record.text,
        asset=asset,
    )


def find_local(store: Store, job: LocalJob) -> LocalResult | None:
    """The remembered result of a local job, if the store has it."""
    record = store.lookup(job.key())
    if record is None or record.digest is None:
        return None
    return LocalResult(Asset(record.digest, record.suffix), json.loads(record.text or "{}"))


class StoreFiles:
    """What both ways do alike: files of the user's, and verified paths."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.warnings: list[str] = []

    def take_in(self, path: Path) -> Asset:
        """Put a file of the user's into the store."""
        try:
            return Asset(self.store.objects.add_file(path), path.suffix.lower(), path.as_posix())
        except OSError as error:
            raise StepFailed(f"cannot be read: {error.strerror}", file=path.as_posix()) from error

    def open(self, asset: Asset) -> Path:
        """A verified path."""
        return self.store.objects.open(asset.digest)


class NotInStore(Exception):
    """A replay met a call or a piece of local work that the store does not have; `call` is None for the latter."""

    def __init__(self, call: Call | None) -> None:
        super().__init__("not in the store")
        self.call = call


class ReplayCallClient(StoreFiles):
    """Answers from the store alone: spends nothing, starts nothing, and raises Missing where it ends."""

    def __init__(
        self, store: Store, provider: str, refusal: Callable[[CallKey], str] = lambda key: ""
    ) -> None:
        """`refusal` knows the words with which a call was refused for good; empty for one that was not."""
        super().__init__(store)
        self.calls: list[CallResult] = []
        self._provider, self._refusal = provider, refusal

    def call(self, call: Call, purpose: str) -> CallResult:
        """The stored answer. Raises Missing, and Refused for what will not be asked again."""
        key = call_key(self._provider, call)
        record = self.store.lookup(key)
        if record is None:
            if said := self._refusal(key):
                raise Refused(said)
            raise NotInStore(call)
        answered = recalled(record, call)
        self.calls.append(answered)
        return answered

    def local(self, job: LocalJob) -> LocalResult:
        """The remembered result. Raises Missing."""
        known = find_local(self.store, job)
        if known is None:
            raise NotInStore(None)
        return known

    def warn(self, message: str) -> None:
        """Keep it; nobody is told twice."""
        self.warnings.append(message)

    def spent(self) -> Ticks:
        """What the replayed calls cost when they were asked."""
        return Ticks(sum(answered.cost for answered in self.calls))
