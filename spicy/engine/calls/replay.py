"""A call client that answers from the store alone: it spends nothing and starts nothing.

`spicy plan`, resolving a known story, and a build with nothing stale need only this module, which imports
neither the ledger nor a provider.
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
    """Return a stored record as the call result that a step gets."""
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
    """Return the stored result of a local job, or None."""
    record = store.lookup(job.key())
    if record is None or record.digest is None:
        return None
    return LocalResult(Asset(record.digest, record.suffix), json.loads(record.text or "{}"))


class StoreFiles:
    """The common base of both call clients: imports user files and opens stored objects."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.warnings: list[str] = []

    def take_in(self, path: Path) -> Asset:
        """Put a user's file into the store and return it as an asset. Raises StepFailed."""
        try:
            return Asset(self.store.objects.add_file(path), path.suffix.lower(), path.as_posix())
        except OSError as error:
            raise StepFailed(f"cannot be read: {error.strerror}", file=path.as_posix()) from error

    def open(self, asset: Asset) -> Path:
        """Return a verified path. Raises DamagedObject."""
        return self.store.objects.open(asset.digest)


class NotInStore(Exception):
    """A call or local job that a replay needs and the store does not have; `call` is None for a local job."""

    def __init__(self, call: Call | None) -> None:
        super().__init__("not in the store")
        self.call = call


class ReplayCallClient(StoreFiles):
    """A call client over the store alone; it spends nothing and raises NotInStore for missing answers."""

    def __init__(
        self, store: Store, provider: str, refusal: Callable[[CallKey], str] = lambda key: ""
    ) -> None:
        """Create a client; `refusal` returns the message of a call's final refusal, or an empty text."""
        super().__init__(store)
        self.calls: list[CallResult] = []
        self._provider, self._refusal = provider, refusal

    def call(self, call: Call, purpose: str) -> CallResult:
        """Return the stored answer. Raises NotInStore, and Refused for a call that was refused for good."""
        key = call_key(self._provider, call)
        record = self.store.lookup(key)
        if record is None:
            if refusal := self._refusal(key):
                raise Refused(refusal)
            raise NotInStore(call)
        answered = recalled(record, call)
        self.calls.append(answered)
        return answered

    def local(self, job: LocalJob) -> LocalResult:
        """Return the stored result. Raises NotInStore."""
        known = find_local(self.store, job)
        if known is None:
            raise NotInStore(None)
        return known

    def warn(self, message: str) -> None:
        """Keep a warning; a replay does not report it."""
        self.warnings.append(message)

    def spent(self) -> Ticks:
        """Return the original cost of the replayed calls."""
        return Ticks(sum(answered.cost for answered in self.calls))
