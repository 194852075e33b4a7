"""The one path of a call: from its key to its answer, paid for at most once whatever dies.

1 derive the key · 2 a record answers, $0 · 3 a live row of the ledger is rejoined · 4 reserve the price and
write the intent · 5 submit once and keep the ticket · 6 poll · 7 fetch, check, keep the blob · 8 write the
record, then settle and close the row · 9 answer.

Dying between any two lines costs nothing: before 4 nothing was asked; after the ticket is kept the call is
polled again by whoever comes next; between intent and ticket nobody can know, and that is what it says.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from spicy.engine.budget import Budget
from spicy.engine.replay import recalled
from spicy.errors import CallError, CallFailed, Expired, Interrupted, OutcomeUnknown, Refused
from spicy.ids import CallKey, Digest, Ticks, ticks, usd
from spicy.ports import Answer, Answered, Asset, Call, Kind, Provider, Running, Ticket, call_key, inputs_of
from spicy.store.ledger import LIVE, Purpose, Row, State
from spicy.store.records import CallRecord
from spicy.store.store import Store

CHEAP = ticks(0.10)
"""At or under this, a submit whose answer was lost is asked for again (product.md, section 6)."""

_SUFFIX = {Kind.IMAGE: ".jpg", Kind.VIDEO: ".mp4", Kind.EDIT: ".mp4"}
_WAIT = 0.05


@dataclass(frozen=True, slots=True)
class Watch:
    """What the caller wants to hear while a call is under way."""

    started: Callable[[CallKey, Call], None]
    progress: Callable[[CallKey, float], None]
    warn: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a call is expected to cost, and the budget that it has to fit into."""

    estimate: Ticks
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
        self._flights: dict[CallKey, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    def answer(self, call: Call, price: Offer, purpose: Purpose, watch: Watch) -> Answered:
        """Answer one call. Raises CallError, Interrupted, StoreError."""
        key = call_key(self.provider.name, call)
        with self._alone(key):
            while True:
                record = self.store.lookup(key)
                if record is not None:
                    return recalled(record, call)
                if self.stop.is_set():
                    raise Interrupted("stopping: no new call is started")
                done = self._attempt(key, call, price, purpose, watch)
                if done is not None:
                    return done

    @contextlib.contextmanager
    def _alone(self, key: CallKey) -> Iterator[None]:
        """One thread a key; the others wait here and then find the record."""
        with self._lock:
            lock, users = self._flights.get(key, (threading.Lock(), 0))
            self._flights[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, users = self._flights.pop(key)
                if users > 1:
                    self._flights[key] = (lock, users - 1)

    def _attempt(
        self, key: CallKey, call: Call, price: Offer, purpose: Purpose, watch: Watch
    ) -> Answered | None:
        """Rejoin what is under way, or claim and go; None means: look again."""
        row = self.store.ledger.find(key)
        if row is not None and row.state in (*LIVE, State.REFUSED, State.UNKNOWN):
            flight = self._rejoin(row, call, purpose, watch)
            if flight is None:
                return None
            try:
                return flight.fly()
            finally:
                # Committed by an earlier run, so it is counted, but it is too late to ask whether it fits.
                price.budget.settle(Ticks(0), flight.cost)
        files = {digest: self.store.objects.open(digest) for digest in dict.fromkeys(inputs_of(call))}
        estimate = price.estimate
        price.budget.reserve(estimate)
        cost = Ticks(0)
        try:
            claimed = self._claim(key, call, estimate, purpose)
            if isinstance(claimed, Row):
                return None
            # Between our look-up and our claim another process may have finished this very call.
            record = self.store.lookup(key)
            if record is not None:
                self.store.ledger.end(claimed, State.FAILED, note="answered by another process meanwhile")
                return recalled(record, call)
            flight = _Flight(self, claimed, key, call, purpose, watch, files, estimate)
            try:
                return flight.fly()
            finally:
                cost = flight.cost
        finally:
            price.budget.settle(estimate, cost)

    def _claim(self, key: CallKey, call: Call, estimate: Ticks, purpose: Purpose) -> Row | int:
        return self.store.ledger.claim(
            key,
            owner=self.store.owner.id,
            provider=self.provider.name,
            kind=call.kind.value,
            model=call.model,
            estimate=estimate,
            purpose=purpose,
        )

    def _rejoin(self, row: Row, call: Call, purpose: Purpose, watch: Watch) -> _Flight | None:
        """Deal with a row that stands in the way: wait for its owner, or take it over."""
        ledger, me = self.store.ledger, self.store.owner
        if row.state is State.REFUSED:
            raise Refused(f"{row.note} (refused before; not asked again)")
        if row.state is State.UNKNOWN:
            if not self._retry_unknown:
                raise OutcomeUnknown(_unknown(row.estimate, time.time() - row.created))
            ledger.end(row.id, State.WRITTEN_OFF, note="possibly billed twice: retried on request")
            return None
        # A row of our own is an orphan too: this thread is the only one here that works on this key.
        if row.owner != me.id and me.alive(row.owner):
            self.stop.wait(_WAIT)
            return None
        if not ledger.adopt(row, me.id):
            return None
        if row.ticket is not None or row.answer is not None:
            return _Flight(self, row.id, row.key, call, purpose, watch, {}, row.estimate, row=row)
        self._lost_submit(row, watch)
        return None

    def _lost_submit(self, row: Row, watch: Watch) -> None:
        """A process died between intent and ticket: nobody knows whether the provider accepted."""
        if row.estimate == 0:
            self.store.ledger.end(row.id, State.FAILED, note="the process died; nothing was charged")
        elif row.estimate <= CHEAP:
            self.store.ledger.end(row.id, State.WRITTEN_OFF, note="possibly billed twice")
            watch.warn(
                f"an earlier submission, at {usd(row.estimate)}, lost its reply: asked again, possibly billed twice"
            )
        else:
            self.store.ledger.end(row.id, State.UNKNOWN, note="the reply to the submission was lost")


class _Flight:
    """One submission on its way from the claimed row to the stored answer."""

    def __init__(
        self,
        caller: Caller,
        id: int,
        key: CallKey,
        call: Call,
        purpose: Purpose,
        watch: Watch,
        files: Mapping[Digest, Path],
        estimate: Ticks,
        *,
        row: Row | None = None,
    ) -> None:
        self.caller, self.id, self.key, self.call = caller, id, key, call
        self.purpose, self.watch, self.files, self.row = purpose, watch, files, row
        self.estimate = estimate
        self.store, self.ledger = caller.store, caller.store.ledger
        self.cost = Ticks(0)
        self.began = time.time() if row is None else row.created

    def fly(self) -> Answered | None:
        try:
            self.watch.started(self.key, self.call)
            answer = self._land(self._submit() if self.row is None else self._resume(self.row))
            return self._keep(answer)
        except Refused as refusal:
            self._end(State.REFUSED, refusal)
            raise
        except Expired as gone:
            self._end(State.EXPIRED, gone)
            if self.row is None:
                raise
            # A ticket of a dead process that the provider no longer knows: ask again, and say so when it cost.
            if self.row.estimate:
                self.watch.warn(
                    f"a submitted call, at {usd(self.row.estimate)}, expired before it was fetched; asked again"
                )
            return None
        except OutcomeUnknown:
            raise
        except CallError as failure:
            self._end(State.FAILED, failure)
            raise

    def _end(self, state: State, error: CallError) -> None:
        self.cost = max(self.cost, error.billed)
        self.ledger.end(self.id, state, cost=self.cost, note=error.message[:500])

    def _submit(self) -> Ticket | Answer:
        try:
            submitted = self.caller.provider.submit(self.call, self.files)
        except CallError:
            raise
        except Exception as error:  # whatever the wire did, nobody knows whether the call was accepted
            raise self._unknown(error) from error
        if isinstance(submitted, Ticket):
            self.ledger.submitted(self.id, submitted.id)
        return submitted

    def _unknown(self, error: Exception) -> CallError:
        estimate = self.estimate
        reason = f"{type(error).__name__}: {error}"[:300]
        if estimate <= CHEAP:
            note = "possibly billed; " if estimate else ""
            self.ledger.end(self.id, State.WRITTEN_OFF if estimate else State.FAILED, note=note + reason)
            return CallFailed(f"the reply to the submission was lost ({reason})")
        self.ledger.end(self.id, State.UNKNOWN, note=reason)
        return OutcomeUnknown(f"{_unknown(estimate, 0)} ({reason})")

    @staticmethod
    def _resume(row: Row) -> Ticket | Answer:
        if row.answer is not None and row.ticket is None:
            return Answer(**json.loads(row.answer))
        return Ticket(row.ticket or "")

    def _land(self, submitted: Ticket | Answer) -> Answer:
        if isinstance(submitted, Answer):
            return submitted
        while True:
            state = self.caller.provider.poll(submitted)
            if isinstance(state, Answer):
                return state
            self._report(state)
            if self.caller.stop.wait(self.caller.provider.poll_seconds):
                # The ticket is in the ledger; the next build goes on from there.
                raise Interrupted("stopping: the submitted call is journalled and will be rejoined")

    def _report(self, state: Running) -> None:
        if state.progress is not None:
            self.watch.progress(self.key, state.progress)

    def _keep(self, answer: Answer) -> Answered:
        self.cost = answer.cost
        self.ledger.ready(self.id, json.dumps(asdict(answer)), answer.cost)
        asset = None
        if answer.text is None:
            asset = self._fetch(answer)
        record = CallRecord(
            key=self.key,
            provider=self.caller.provider.name,
            kind=self.call.kind.value,
            purpose=self.purpose.purpose,
            request=self.call.canonical(),
            model=answer.model,
            cost=answer.cost,
            started=_iso(self.began),
            seconds=round(time.time() - self.began, 3),
            text=answer.text,
            digest=asset.digest if asset else None,
            suffix=asset.suffix if asset else "",
        )
        self.store.records.add(record)
        self.ledger.end(self.id, State.CLOSED, cost=answer.cost)
        done = recalled(record, self.call)
        return Answered(**{**{f: getattr(done, f) for f in done.__slots__}, "from_store": False})

    def _fetch(self, answer: Answer) -> Asset:
        suffix = _SUFFIX[self.call.kind]
        temporary = self.store.temporary(f"{self.key[:16]}.{secrets.token_hex(4)}{suffix}")
        try:
            self.caller.provider.fetch(answer, temporary)
            _check_media(temporary, self.call.kind)
            return Asset(self.store.objects.add_file(temporary), suffix)
        finally:
            temporary.unlink(missing_ok=True)


def _check_media(path: Path, kind: Kind) -> None:
    """Only bytes that can be played or shown are kept. Raises CallFailed."""
    from spicy.errors import MediaError
    from spicy.media.probe import probe_clip, probe_picture

    try:
        if kind is Kind.IMAGE:
            probe_picture(path)
        else:
            probe_clip(path)
    except MediaError as error:
        raise CallFailed(f"what came back cannot be used: {error.message}") from error


def _unknown(estimate: Ticks, age: float) -> str:
    since = f", {age / 60:.0f} minutes ago" if age >= 60 else ""
    return (
        f"a submission at {usd(estimate)} lost its reply{since}: it may have been accepted and billed."
        " Check the provider's console, then build again with --retry-unknown"
    )


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
