"""The single path of a call, from its key to its answer; a call is paid for at most once, even after a crash.

1 derive the key · 2 return the stored record if there is one, for $0 · 3 rejoin a live ledger row · 4 reserve
the price and write the intent · 5 submit once and save the ticket · 6 poll · 7 fetch, check and store the
blob · 8 write the record, then settle and close the row · 9 return the answer.

A crash between steps does not pay twice: before 4 nothing was submitted; once the ticket is saved, the next
caller goes on polling it. After a crash between intent and ticket the outcome is unknown and reported as
such.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from spicy.canonical_json import canonical
from spicy.engine.calls.budget import Budget
from spicy.engine.calls.replay import recalled
from spicy.engine.calls.submission import (
    CHEAP,
    PATIENCE,
    CallObserver,
    Submission,
    SubmissionContext,
    SubmissionLost,
    lost_reply_message,
)
from spicy.errors import CallFailed, Interrupted, OutcomeUnknown, ProviderUnreachable, Refused
from spicy.ids import CallKey, Ticks, usd
from spicy.ports import Call, CallResult, Provider, call_key, inputs_of, read_call
from spicy.store.ledger import LIVE, CallState, LedgerRow, Purpose
from spicy.store.store import Store

_WAIT = 0.05
_LOSSES = 2
"""Lost replies to a cheap call after which one run gives up."""

__all__ = ["CHEAP", "CallObserver", "Caller", "CostBound"]


@dataclass(frozen=True, slots=True)
class CostBound:
    """The expected cost of a call, its maximum cost, and the budget that the maximum has to fit into."""

    estimate: Ticks
    most: Ticks
    budget: Budget


class Caller:
    """Answers calls for all threads of a run: from the store, or from the provider, once."""

    def __init__(
        self,
        store: Store,
        provider: Provider,
        stop: threading.Event,
        *,
        retry_unknown: bool = False,
    ) -> None:
        self.store, self.provider, self.stop = store, provider, stop
        self._retry_unknown = retry_unknown
        self._locks_by_key: dict[CallKey, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()
        self._seen_messages: set[str] = set()
        self._began = time.time()

    def first_time(self, message: str) -> bool:
        """Return True if this message was not reported before in this run."""
        with self._lock:
            new = message not in self._seen_messages
            self._seen_messages.add(message)
            return new

    def answer(self, call: Call, price: CostBound, purpose: Purpose, watch: CallObserver) -> CallResult:
        """Return the answer to a call. Raises CallError, Interrupted, StoreError."""
        key = call_key(self.provider.name, call)
        lost: list[SubmissionLost] = []
        with self._alone(key):
            while len(lost) < _LOSSES:
                record = self.store.lookup(key)
                if record is not None:
                    return recalled(record, call)
                if self.stop.is_set():
                    raise Interrupted("stopping: no new call is started")
                try:
                    done = self._attempt(key, call, price, purpose, watch)
                except SubmissionLost as loss:
                    lost.append(loss)
                    continue
                if done is not None:
                    return done
        raise CallFailed(f"the reply to the submission was lost {_LOSSES} times ({lost[-1]})")

    @contextlib.contextmanager
    def _alone(self, key: CallKey) -> Iterator[None]:
        """Admit one thread per key; the others wait here and then find the record."""
        with self._lock:
            lock, users = self._locks_by_key.get(key, (threading.Lock(), 0))
            self._locks_by_key[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._locks_by_key.pop(key)
                if users > 1:
                    self._locks_by_key[key] = (lock, users - 1)

    def _attempt(
        self, key: CallKey, call: Call, price: CostBound, purpose: Purpose, watch: CallObserver
    ) -> CallResult | None:
        """Rejoin the call if it is in progress, else claim and submit it. None means: look it up again."""
        row = self.store.ledger.find(key)
        if row is not None and row.state in (*LIVE, CallState.REFUSED, CallState.UNKNOWN):
            context = self._take_over(row, call, purpose, watch)
            # The cost is counted in the budget of the build that submitted the call; do not count it twice.
            return (
                None if context is None else Submission(self.store, self.provider, self.stop, context).run()
            )
        files = {digest: self.store.objects.open(digest) for digest in dict.fromkeys(inputs_of(call))}
        price.budget.reserve(price.most)
        claimed: LedgerRow | int | None = None
        try:
            claimed = self._claim(key, call, price.estimate, purpose)
        finally:
            if not isinstance(claimed, int):
                price.budget.settle(price.most, Ticks(0))
        if isinstance(claimed, LedgerRow):
            return None
        context = SubmissionContext(claimed, key, call, purpose, watch, price.estimate, files=files)
        submission = Submission(self.store, self.provider, self.stop, context)
        try:
            return submission.run()
        finally:
            price.budget.settle(price.most, submission.bill)

    def resume(self, row: LedgerRow, watch: CallObserver) -> None:
        """Finish a call that a dead process began, even if no node needs it any more.

        A submission whose reply was lost is marked as such; a call that another live process owns is left
        alone. Raises CallError, Interrupted, StoreError; ValueError for a call that this version does not
        know.
        """
        call = read_call(json.loads(row.request))
        purpose = Purpose(run="", film="", node=row.node, step="", purpose=row.purpose)
        with self._alone(row.key):
            now = self.store.ledger.find(row.key)
            if now is None or now.state not in LIVE or self._owned(now):
                return
            context = self._take_over(now, call, purpose, watch)
            if context is not None:
                Submission(self.store, self.provider, self.stop, context).run()

    def _claim(self, key: CallKey, call: Call, estimate: Ticks, purpose: Purpose) -> LedgerRow | int:
        return self.store.ledger.claim(
            key,
            owner=self.store.owner.id,
            provider=self.provider.name,
            kind=call.kind.value,
            model=call.model,
            estimate=estimate,
            purpose=purpose,
            request=canonical(call.canonical()),
        )

    def _owned(self, row: LedgerRow) -> bool:
        """Return True if another live process owns the row.

        A live row of our own is an orphan, because only one thread at a time handles a key.
        """
        me = self.store.owner
        return row.owner != me.id and me.is_alive(row.owner)

    def _take_over(
        self, row: LedgerRow, call: Call, purpose: Purpose, watch: CallObserver
    ) -> SubmissionContext | None:
        """Resolve an existing row: wait for its owner, or adopt it.

        Returns the context of an adopted call that can go on; None means: look it up again. Raises Refused,
        OutcomeUnknown, ProviderUnreachable.
        """
        ledger = self.store.ledger
        if row.state is CallState.REFUSED:
            raise Refused(f"{row.note} (refused before; not asked again)", billed=row.cost)
        if row.state is CallState.UNKNOWN:
            # --retry-unknown covers replies lost before this run; one lost during it is not retried in it.
            if not self._retry_unknown or row.created >= self._began:
                raise OutcomeUnknown(lost_reply_message(row.estimate, time.time() - row.created))
            ledger.end(row.id, CallState.WRITTEN_OFF, note="possibly billed twice: retried on request")
            return None
        if self._owned(row):
            if time.time() - row.updated > PATIENCE + 60:
                raise ProviderUnreachable(
                    f"another spicy process has held this call for {(time.time() - row.updated) / 60:.0f} minutes"
                    " without progress; stop it and build again"
                )
            self.stop.wait(_WAIT)
            return None
        if not ledger.adopt(row, self.store.owner.id):
            return None
        if row.ticket is not None or row.answer is not None:
            return SubmissionContext(row.id, row.key, call, purpose, watch, row.estimate, row=row)
        self._lost_submit(row, watch)
        return None

    def _lost_submit(self, row: LedgerRow, watch: CallObserver) -> None:
        """End the row of a process that died between intent and ticket; the provider may have accepted it."""
        if row.estimate == 0:
            self.store.ledger.end(row.id, CallState.FAILED, note="the process died; nothing was charged")
        elif row.estimate <= CHEAP:
            # Count it at its price, as when a run loses the reply itself: it may have been billed.
            self.store.ledger.end(
                row.id, CallState.WRITTEN_OFF, cost=row.estimate, note="possibly billed twice"
            )
            watch.warn(
                f"an earlier submission, at {usd(row.estimate)}, lost its reply: it is submitted again, possibly billed twice"
            )
        else:
            self.store.ledger.end(
                row.id, CallState.UNKNOWN, cost=row.estimate, note="the reply to the submission was lost"
            )
