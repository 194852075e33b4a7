"""One submission on its way from the claimed row to the stored answer.

A row ends only when the provider itself said how the call ended, or when nobody can know. Everything else (a
full disk, a cut line, a bug) leaves the row as it is and lets go of it, so that whoever asks next goes on from
the ticket or the link instead of paying again.
"""

from __future__ import annotations

import datetime
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from spicy.engine.calls.replay import recalled
from spicy.errors import (
    CallError,
    Expired,
    Interrupted,
    MediaError,
    OutcomeUnknown,
    ProviderUnreachable,
    Refused,
    StoreError,
)
from spicy.ids import CallKey, Digest, Ticks, ticks, usd
from spicy.ports import Answer, Asset, Call, CallResult, Kind, Provider, Running, Ticket
from spicy.store.ledger import CallState, LedgerRow, Purpose
from spicy.store.records import CallRecord
from spicy.store.store import Store

CHEAP = ticks(0.10)
"""At or under this, a submit whose answer was lost is asked for again (product.md, section 6)."""

_SUFFIX = {Kind.IMAGE: ".jpg", Kind.VIDEO: ".mp4", Kind.EDIT: ".mp4", Kind.EXTEND: ".mp4"}
_FETCHES = 3
PATIENCE = 30 * 60
"""Seconds until one build stops waiting for a ticket; the ticket itself stays good."""


@dataclass(frozen=True, slots=True)
class CallObserver:
    """What the caller wants to hear while a call is under way."""

    started: Callable[[CallKey, Call], None]
    progress: Callable[[CallKey, float], None]
    warn: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """A claimed (or, with `row`, taken over) row of the ledger and what it is about."""

    id: int
    key: CallKey
    call: Call
    purpose: Purpose
    watch: CallObserver
    estimate: Ticks
    files: Mapping[Digest, Path] = field(default_factory=dict)
    row: LedgerRow | None = None


class SubmissionLost(Exception):
    """A cheap submission lost its reply; it is written off and may be asked again."""


class Submission:
    """Submit or rejoin, poll, fetch, keep. `bill` is what the flight has cost, or may have cost, so far."""

    def __init__(
        self, store: Store, provider: Provider, stop: threading.Event, trip: SubmissionContext
    ) -> None:
        self._store, self._provider, self._stop, self._trip = store, provider, stop, trip
        self._ledger = store.ledger
        self._cost = Ticks(trip.row.cost if trip.row else 0)
        self._ended = False
        self._asked = trip.row is not None
        self._began = trip.row.created if trip.row else time.time()
        self._unsaved_ticket: Ticket | None = None
        """A ticket that the ledger does not have yet."""

    @property
    def bill(self) -> Ticks:
        """The known cost of an ended call; until then no less than the estimate, once it was submitted."""
        if self._ended:
            return self._cost
        return max(self._cost, self._trip.estimate) if self._asked else Ticks(0)

    def run(self) -> CallResult | None:
        """The answer; None when an expired call of an earlier run has to be asked again.

        Raises CallError, Interrupted, ReplyLost, and whatever disk and database raise.
        """
        try:
            # Between the look-up and the claim another process may have finished this very call.
            if not self._asked and (known := self._store.lookup(self._trip.key)) is not None:
                self._close(CallState.FAILED, "answered by another process meanwhile")
                return recalled(known, self._trip.call)
            self._trip.watch.started(self._trip.key, self._trip.call)
            return self._keep(*self._answer())
        except Refused as refusal:
            self._presume_billed(refusal)
            self._end(CallState.REFUSED, refusal)
            raise
        except Expired as gone:
            self._presume_billed(gone)
            self._end(CallState.EXPIRED, gone)
            if self._trip.row is None:
                raise
            if self._trip.estimate:
                said = f"a submitted call, at {usd(self._trip.estimate)}, expired before it was fetched; it has to be asked for again"
                self._trip.watch.warn(said)
            return None
        except (OutcomeUnknown, ProviderUnreachable):
            raise
        except CallError as failure:
            self._end(CallState.FAILED, failure)
            raise
        finally:
            if not self._ended:
                self._release()

    def _presume_billed(self, error: CallError) -> None:
        """What was refused or made and lost is billed by xAI too; where it does not say how much, the price counts."""
        estimate = self._trip.estimate
        if estimate and not (error.billed or self._cost):
            error.billed = estimate
            error.message += f" (what it billed is not said; counted at {usd(estimate)})"

    def _end(self, state: CallState, error: CallError) -> None:
        self._cost = max(self._cost, error.billed)
        self._close(state, error.message[:500])

    def _close(self, state: CallState, note: str = "") -> None:
        self._ledger.end(self._trip.id, state, cost=self._cost, note=note)
        self._ended = True

    def _release(self) -> None:
        if not self._asked:
            self._close(CallState.FAILED, "not submitted")
            return
        try:
            self._save_ticket()
            state = self._ledger.find(self._trip.key)
            if state is not None and state.id == self._trip.id and state.state is not CallState.UNKNOWN:
                self._ledger.release(self._trip.id)
        except StoreError as error:  # what ended the flight matters more, and is under way already
            self._trip.watch.warn(f"the ledger could not be told that a call is let go of: {error}")

    def _answer(self) -> tuple[Answer, Ticket | None]:
        """The provider's answer, and the ticket that gets it again."""
        row = self._trip.row
        if row is None:
            submitted = self._submit()
            ticket = submitted if isinstance(submitted, Ticket) else None
            return (
                (self._poll_until_done(ticket), ticket)
                if isinstance(submitted, Ticket)
                else (submitted, None)
            )
        ticket = Ticket(row.ticket) if row.ticket is not None else None
        if row.answer is not None:
            return Answer(**json.loads(row.answer)), ticket
        return self._poll_until_done(ticket), ticket

    def _submit(self) -> Ticket | Answer:
        self._asked = True
        try:
            submitted = self._provider.submit(self._trip.call, self._trip.files)
        except (CallError, Interrupted) as said:
            # A provider that is told to stop while it waits for its turn has not sent anything.
            self._asked = not isinstance(said, Interrupted | ProviderUnreachable)
            if not self._asked:
                self._close(CallState.FAILED, "not submitted")
            raise
        except Exception as error:
            raise self._lost(error) from error
        if isinstance(submitted, Ticket):
            self._unsaved_ticket = submitted
            self._save_ticket()
        return submitted

    def _save_ticket(self) -> None:
        """Write down the ticket in hand; what fails is tried again, for it is worth more than the note of it."""
        if self._unsaved_ticket is None:
            return
        try:
            self._ledger.submitted(self._trip.id, self._unsaved_ticket.id)
        except StoreError as error:
            self._trip.watch.warn(
                f"a submitted call could not be journalled, so keep this build running: {error}"
            )
        else:
            self._unsaved_ticket = None

    def _lost(self, error: Exception) -> Exception:
        reason = f"{type(error).__name__}: {error}"[:300]
        estimate = self._trip.estimate
        self._cost = estimate
        if estimate > CHEAP:
            self._close(CallState.UNKNOWN, reason)
            return OutcomeUnknown(f"{lost_reply_message(estimate, 0)} ({reason})")
        if estimate:
            self._trip.watch.warn(
                f"a submission, at {usd(estimate)}, lost its reply: asked again, possibly billed twice"
            )
        self._close(CallState.WRITTEN_OFF if estimate else CallState.FAILED, reason)
        return SubmissionLost(reason)

    def _poll_until_done(self, ticket: Ticket | None) -> Answer:
        if ticket is None:
            raise Expired("nothing is left of the submission but its intent")
        began = time.monotonic()
        while True:
            waited = time.monotonic() - began
            if waited > PATIENCE:
                raise ProviderUnreachable(
                    f"not done after {PATIENCE // 60} minutes; the next build goes on waiting"
                )
            try:
                state = self._provider.poll(ticket)
            except CallError:
                raise
            except Exception as error:
                raise ProviderUnreachable(
                    f"the provider could not be asked: {type(error).__name__}: {error}"
                ) from error
            if isinstance(state, Answer):
                return state
            self._report(state)
            self._save_ticket()
            if self._stop.wait(next_poll(self._provider.poll_seconds, waited, state.progress)):
                # The ticket is in the ledger; the next build goes on from there.
                raise Interrupted("the submitted call is journalled and will be rejoined")

    def _report(self, state: Running) -> None:
        if state.progress is not None:
            self._trip.watch.progress(self._trip.key, state.progress)

    def _keep(self, answer: Answer, ticket: Ticket | None) -> CallResult:
        said = answer.cost
        if said is None and self._trip.estimate:
            self._trip.watch.warn(
                f"the provider did not say what a call cost; booked at {usd(self._trip.estimate)}"
            )
        self._cost = max(self._cost, self._trip.estimate if said is None else said)
        self._ledger.ready(self._trip.id, json.dumps(asdict(answer)), self._cost)
        asset = None if answer.text is not None else self._bring(answer, ticket)
        record = CallRecord(
            key=self._trip.key,
            provider=self._provider.name,
            kind=self._trip.call.kind.value,
            purpose=self._trip.purpose.purpose,
            request=self._trip.call.canonical(),
            model=answer.model,
            cost=self._cost,
            started=datetime.datetime.fromtimestamp(self._began, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=round(time.time() - self._began, 3),
            text=answer.text,
            digest=asset.digest if asset else None,
            suffix=asset.suffix if asset else "",
        )
        self._store.records.add(record)
        self._close(CallState.CLOSED)
        return recalled(record, self._trip.call, from_store=self._trip.row is not None)

    def _bring(self, answer: Answer, ticket: Ticket | None) -> Asset:
        """Fetch the media; a link that fails is tried again, and asked for anew when there is a ticket."""
        said: Exception = ProviderUnreachable("not fetched")
        for attempt in range(_FETCHES):
            try:
                return self._fetch(answer, last=attempt == _FETCHES - 1)
            except (Interrupted, Refused):
                raise
            except Expired:  # and only then: a ticket may be forgotten while its link is good
                if ticket is None or attempt == _FETCHES - 1:
                    raise
                answer = self._poll_until_done(ticket)
            except Exception as error:  # noqa: BLE001 - it is answered and paid for: nothing here may end the call
                said = error
        said_all = f"answered and billed, but {said}; the next build goes on from here"
        raise ProviderUnreachable(said_all, billed=self._cost) from said

    def _fetch(self, answer: Answer, *, last: bool) -> Asset:
        suffix = _SUFFIX[self._trip.call.kind]
        temporary = self._store.temporary(f"{self._trip.key[:16]}.{secrets.token_hex(4)}{suffix}")
        try:
            self._provider.fetch(answer, temporary)
            try:
                _check_media(temporary, self._trip.call.kind)
            except MediaError:
                if last:  # it was paid for: a person may want to look at it
                    self._store.objects.aside.mkdir(parents=True, exist_ok=True)
                    os.replace(temporary, self._store.objects.aside / temporary.name.removeprefix("."))
                raise
            return Asset(self._store.objects.add_file(temporary), suffix)
        finally:
            temporary.unlink(missing_ok=True)


def next_poll(longest: float, waited: float, done: float | None) -> float:
    """Seconds until the next poll of a ticket that has been waited for, of which a share is `done`.

    `longest` while the end is far; then until the end that the progress foretells, so that a finished clip does
    not lie about, but never more often than fifty times in the time waited so far: some stay at 99 % for long.
    Without a word on progress, half as long as it has taken already.
    """
    left = waited * (1 - done) / done if done else waited / 2
    return min(longest, max(longest / 10, waited / 50, left))


def _check_media(path: Path, kind: Kind) -> None:
    """Only bytes that can be played or shown are kept. Raises MediaError."""
    from spicy.media.probe import probe_clip, probe_picture

    (probe_picture if kind is Kind.IMAGE else probe_clip)(path)


def lost_reply_message(estimate: Ticks, age: float) -> str:
    """What to tell about a dear submission of `age` seconds ago whose reply was lost."""
    since = f", {age / 60:.0f} minutes ago" if age >= 60 else ""
    return f"a submission at {usd(estimate)} lost its reply{since}: it may have been accepted and billed"
