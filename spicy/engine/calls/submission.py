"""One submission, from the claimed ledger row to the stored answer.

A row ends only when the provider reported the outcome of the call, or when the outcome cannot be known. On
any other failure (a full disk, a lost connection, a bug) the row keeps its state and is released, so that the
next caller goes on from the ticket or the link instead of paying again.
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
"""At or under this price, a submission whose reply was lost is submitted again."""

_SUFFIX = {Kind.IMAGE: ".jpg", Kind.VIDEO: ".mp4", Kind.EDIT: ".mp4", Kind.EXTEND: ".mp4"}
_FETCHES = 3
PATIENCE = 30 * 60
"""Seconds until a build stops waiting for a ticket; the ticket itself stays valid."""


@dataclass(frozen=True, slots=True)
class CallObserver:
    """Callbacks for the events of a call in progress."""

    started: Callable[[CallKey, Call], None]
    progress: Callable[[CallKey, float], None]
    warn: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SubmissionContext:
    """A claimed (or, with `row`, adopted) ledger row and the call it belongs to."""

    id: int
    key: CallKey
    call: Call
    purpose: Purpose
    watch: CallObserver
    estimate: Ticks
    files: Mapping[Digest, Path] = field(default_factory=dict)
    row: LedgerRow | None = None


class SubmissionLost(Exception):
    """A cheap submission whose reply was lost; it is written off and may be submitted again."""


class Submission:
    """One call being submitted or rejoined, polled, fetched, stored; `bill` is its (possible) cost."""

    def __init__(
        self, store: Store, provider: Provider, stop: threading.Event, context: SubmissionContext
    ) -> None:
        self._store, self._provider, self._stop, self._context = store, provider, stop, context
        self._ledger = store.ledger
        self._cost = Ticks(context.row.cost if context.row else 0)
        self._ended = False
        self._asked = context.row is not None
        self._began = context.row.created if context.row else time.time()
        self._unsaved_ticket: Ticket | None = None
        """A ticket not yet saved in the ledger."""

    @property
    def bill(self) -> Ticks:
        """The cost of an ended call; before that, at least the estimate once it was submitted, else 0."""
        if self._ended:
            return self._cost
        return max(self._cost, self._context.estimate) if self._asked else Ticks(0)

    def run(self) -> CallResult | None:
        """Return the answer, or None if a call of an earlier run expired and has to be submitted again.

        Raises CallError, Interrupted, SubmissionLost, and any error of the disk or the database.
        """
        try:
            # Between the look-up and the claim another process may have finished this call.
            if not self._asked and (known := self._store.lookup(self._context.key)) is not None:
                self._close(CallState.FAILED, "answered by another process meanwhile")
                return recalled(known, self._context.call)
            self._context.watch.started(self._context.key, self._context.call)
            return self._keep(*self._answer())
        except Refused as refusal:
            self._presume_billed(refusal)
            self._end(CallState.REFUSED, refusal)
            raise
        except Expired as gone:
            self._presume_billed(gone)
            self._end(CallState.EXPIRED, gone)
            if self._context.row is None:
                raise
            if self._context.estimate:
                self._context.watch.warn(
                    f"a submitted call, at {usd(self._context.estimate)}, expired before it was fetched; it has to be submitted again"
                )
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
        """Count the estimate if no cost is known: xAI bills refused calls and lost results too."""
        estimate = self._context.estimate
        if estimate and not (error.billed or self._cost):
            error.billed = estimate
            error.message += f" (the provider did not report the cost; counted at {usd(estimate)})"

    def _end(self, state: CallState, error: CallError) -> None:
        self._cost = max(self._cost, error.billed)
        self._close(state, error.message[:500])

    def _close(self, state: CallState, note: str = "") -> None:
        self._ledger.end(self._context.id, state, cost=self._cost, note=note)
        self._ended = True

    def _release(self) -> None:
        if not self._asked:
            self._close(CallState.FAILED, "not submitted")
            return
        try:
            self._save_ticket()
            state = self._ledger.find(self._context.key)
            if state is not None and state.id == self._context.id and state.state is not CallState.UNKNOWN:
                self._ledger.release(self._context.id)
        except StoreError as error:  # the submission's own error matters more and is being raised
            self._context.watch.warn(f"a call could not be released in the ledger: {error}")

    def _answer(self) -> tuple[Answer, Ticket | None]:
        """Return the provider's answer and the ticket, if any, with which it can be polled again."""
        row = self._context.row
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
            submitted = self._provider.submit(self._context.call, self._context.files)
        except (CallError, Interrupted) as error:
            # A provider that is interrupted while it waits for its rate limit has not sent anything.
            self._asked = not isinstance(error, Interrupted | ProviderUnreachable)
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
        """Save an unsaved ticket in the ledger; a failure is a warning, and saving is retried later."""
        if self._unsaved_ticket is None:
            return
        try:
            self._ledger.submitted(self._context.id, self._unsaved_ticket.id)
        except StoreError as error:
            self._context.watch.warn(
                f"a submitted call could not be journalled, so keep this build running: {error}"
            )
        else:
            self._unsaved_ticket = None

    def _lost(self, error: Exception) -> Exception:
        reason = f"{type(error).__name__}: {error}"[:300]
        estimate = self._context.estimate
        self._cost = estimate
        if estimate > CHEAP:
            self._close(CallState.UNKNOWN, reason)
            return OutcomeUnknown(f"{lost_reply_message(estimate, 0)} ({reason})")
        if estimate:
            self._context.watch.warn(
                f"a submission, at {usd(estimate)}, lost its reply: it is submitted again, possibly billed twice"
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
                    f"the provider could not be polled: {type(error).__name__}: {error}"
                ) from error
            if isinstance(state, Answer):
                return state
            self._report(state)
            self._save_ticket()
            if self._stop.wait(next_poll(self._provider.poll_seconds, waited, state.progress)):
                # The ticket is in the ledger, so the next build can go on polling it.
                raise Interrupted("the submitted call is journalled and will be rejoined")

    def _report(self, state: Running) -> None:
        if state.progress is not None:
            self._context.watch.progress(self._context.key, state.progress)

    def _keep(self, answer: Answer, ticket: Ticket | None) -> CallResult:
        reported = answer.cost
        if reported is None and self._context.estimate:
            self._context.watch.warn(
                f"the provider did not say what a call cost; booked at {usd(self._context.estimate)}"
            )
        self._cost = max(self._cost, self._context.estimate if reported is None else reported)
        self._ledger.ready(self._context.id, json.dumps(asdict(answer)), self._cost)
        asset = None if answer.text is not None else self._bring(answer, ticket)
        record = CallRecord(
            key=self._context.key,
            provider=self._provider.name,
            kind=self._context.call.kind.value,
            purpose=self._context.purpose.purpose,
            request=self._context.call.canonical(),
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
        return recalled(record, self._context.call, from_store=self._context.row is not None)

    def _bring(self, answer: Answer, ticket: Ticket | None) -> Asset:
        """Fetch the media and return the asset; a failed fetch is retried, an expired link polled anew.

        Raises ProviderUnreachable, Expired, Refused, Interrupted.
        """
        cause: Exception = ProviderUnreachable("not fetched")
        for attempt in range(_FETCHES):
            try:
                return self._fetch(answer, last=attempt == _FETCHES - 1)
            except (Interrupted, Refused):
                raise
            except Expired:  # not before: the provider may forget a ticket while its link is still valid
                if ticket is None or attempt == _FETCHES - 1:
                    raise
                answer = self._poll_until_done(ticket)
            except Exception as error:  # noqa: BLE001 - it is answered and paid for: nothing here may end the call
                cause = error
        message = f"answered and billed, but {cause}; the next build goes on from here"
        raise ProviderUnreachable(message, billed=self._cost) from cause

    def _fetch(self, answer: Answer, *, last: bool) -> Asset:
        suffix = _SUFFIX[self._context.call.kind]
        temporary = self._store.temporary(f"{self._context.key[:16]}.{secrets.token_hex(4)}{suffix}")
        try:
            self._provider.fetch(answer, temporary)
            try:
                _check_media(temporary, self._context.call.kind)
            except MediaError:
                if last:  # it was paid for, so keep it in quarantine for a person to inspect
                    self._store.objects.aside.mkdir(parents=True, exist_ok=True)
                    os.replace(temporary, self._store.objects.aside / temporary.name.removeprefix("."))
                raise
            return Asset(self._store.objects.add_file(temporary), suffix)
        finally:
            temporary.unlink(missing_ok=True)


def next_poll(longest: float, waited: float, done: float | None) -> float:
    """Return the seconds until the next poll of a ticket, given the time waited and the fraction `done`.

    `longest` while the end is far; then the remaining time extrapolated from the progress, so that a finished
    clip is fetched soon, but at least a tenth of `longest` and a fiftieth of the time waited: some calls stay
    at 99 % for long. Without a reported progress, half the time waited so far.
    """
    left = waited * (1 - done) / done if done else waited / 2
    return min(longest, max(longest / 10, waited / 50, left))


def _check_media(path: Path, kind: Kind) -> None:
    """Check that the file can be played or shown. Raises MediaError."""
    from spicy.media.probe import probe_clip, probe_picture

    (probe_picture if kind is Kind.IMAGE else probe_clip)(path)


def lost_reply_message(estimate: Ticks, age: float) -> str:
    """Return the message about an expensive submission, `age` seconds ago, whose reply was lost."""
    since = f", {age / 60:.0f} minutes ago" if age >= 60 else ""
    return f"a submission at {usd(estimate)} lost its reply{since}: it may have been accepted and billed"
