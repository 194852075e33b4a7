"""The one path of a call: from its key to its answer, paid for at most once whatever dies.

1 derive the key · 2 a record answers, $0 · 3 a live row of the ledger is rejoined · 4 reserve the price and
write the intent · 5 submit once and keep the ticket · 6 poll · 7 fetch, check, keep the blob · 8 write the
record, then settle and close the row · 9 answer.

Dying between any two lines costs nothing: before 4 nothing was asked; after the ticket is kept the call is
polled again by whoever comes next; between intent and ticket nobody can know, and that is what it says.
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
"""How often one run lets a cheap call's reply be lost before it gives up."""

__all__ = ["CHEAP", "CallObserver", "Caller", "CostBound"]


@dataclass(frozen=True, slots=True)
class CostBound:
    """What a call is expected to cost, the most that it may, and the budget that the latter has to fit into."""

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

    def first_time(self, said: str) -> bool:
        """Whether this was not said before in this run."""
        with self._lock:
            new = said not in self._seen_messages
            self._seen_messages.add(said)
            return new

    def answer(self, call: Call, price: CostBound, purpose: Purpose, watch: CallObserver) -> CallResult:
        """Answer one call. Raises CallError, Interrupted, StoreError."""
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
        """One thread a key; the others wait here and then find the record."""
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
        """Rejoin what is under way, or claim and go; None means: look again."""
        row = self.store.ledger.find(key)
        if row is not None and row.state in (*LIVE, CallState.REFUSED, CallState.UNKNOWN):
            trip = self._take_over(row, call, purpose, watch)
            # The budget of whoever submitted it has it in the books; it must not be counted twice.
            return None if trip is None else Submission(self.store, self.provider, self.stop, trip).run()
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
        trip = SubmissionContext(claimed, key, call, purpose, watch, price.estimate, files=files)
        flight = Submission(self.store, self.provider, self.stop, trip)
        try:
            return flight.run()
        finally:
            price.budget.settle(price.most, flight.bill)

    def resume(self, row: LedgerRow, watch: CallObserver) -> None:
        """Finish what a dead process began, whether or not anybody still asks for it.

        A submission whose reply was lost is marked as such; one of another process that lives is left alone.
        Raises CallError, Interrupted, StoreError; ValueError for a call that this version does not know.
        """
        call = read_call(json.loads(row.request))
        purpose = Purpose(run="", film="", node=row.node, step="", purpose=row.purpose)
        with self._alone(row.key):
            now = self.store.ledger.find(row.key)
            if now is None or now.state not in LIVE or self._owned(now):
                return
            trip = self._take_over(now, call, purpose, watch)
            if trip is not None:
                Submission(self.store, self.provider, self.stop, trip).run()

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
        """Whether another process is at work on a live row. Our own is an orphan: one thread a key."""
        me = self.store.owner
        return row.owner != me.id and me.is_alive(row.owner)

    def _take_over(
        self, row: LedgerRow, call: Call, purpose: Purpose, watch: CallObserver
    ) -> SubmissionContext | None:
        """Deal with a row that stands in the way: wait for its owner, or take it over."""
        ledger = self.store.ledger
        if row.state is CallState.REFUSED:
            raise Refused(f"{row.note} (refused before; not asked again)", billed=row.cost)
        if row.state is CallState.UNKNOWN:
            # What was lost in this very run is never repeated in it: the wish was about what was unknown before.
            if not self._retry_unknown or row.created >= self._began:
                raise OutcomeUnknown(lost_reply_message(row.estimate, time.time() - row.created))
            ledger.end(row.id, CallState.WRITTEN_OFF, note="possibly billed twice: retried on request")
            return None
        if self._owned(row):
            if time.time() - row.updated > PATIENCE + 60:
                raise ProviderUnreachable(
                    f"another process has had this call in hand for {(time.time() - row.updated) / 60:.0f} minutes"
                    " without a word; end it, and build again"
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
        """A process died between intent and ticket: nobody knows whether the provider accepted."""
        if row.estimate == 0:
            self.store.ledger.end(row.id, CallState.FAILED, note="the process died; nothing was charged")
        elif row.estimate <= CHEAP:
            # In the books at its price, as in the run that loses a reply itself: it may have been billed.
            self.store.ledger.end(
                row.id, CallState.WRITTEN_OFF, cost=row.estimate, note="possibly billed twice"
            )
            watch.warn(
                f"an earlier submission, at {usd(row.estimate)}, lost its reply: to be asked for again, possibly billed twice"
            )
        else:
            self.store.ledger.end(
                row.id, CallState.UNKNOWN, cost=row.estimate, note="the reply to the submission was lost"
            )
