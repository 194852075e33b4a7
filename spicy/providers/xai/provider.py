"""xAI as a provider: what is sent once, stacked under rate limits, back-offs and patience."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from spicy.errors import CallFailed, ProviderUnreachable, SpicyError, UsageError
from spicy.ids import Digest
from spicy.ports import Answer, Call, ChatCall, ImageCall, Running, Ticket
from spicy.providers.xai.client import Clients, checked_key, host_name
from spicy.providers.xai.download import download
from spicy.providers.xai.faults import KeyRefused, TryLater, quoted
from spicy.providers.xai.once import SubmitOnceClient
from spicy.providers.xai.pace import Backoff, InterruptibleSleep, TokenBucket


class SubmitRates(Protocol):
    """Submits per second and model, by kind of call; the recipe's rates are such."""

    @property
    def chat(self) -> float:
        """Chats."""

    @property
    def image(self) -> float:
        """Stills."""

    @property
    def video(self) -> float:
        """Clips and corrections."""


@dataclass(frozen=True, slots=True)
class RateSettings:
    """Rates without a recipe; slow enough for the smallest account."""

    chat: float = 30.0
    image: float = 5.0
    video: float = 1.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try before giving up."""

    exhausted: Backoff = field(default_factory=lambda: Backoff(20))
    """Submits that the rate limit turned away."""
    unavailable: Backoff = field(default_factory=lambda: Backoff(8))
    """Submits that were not accepted for another reason."""
    reads: Backoff = field(default_factory=lambda: Backoff(10))
    """Polls."""
    downloads: Backoff = field(default_factory=lambda: Backoff(8))
    """Fetching, cut or turned away."""


class XaiProvider:
    """Grok answers calls. One instance serves any number of threads.

    What a submit can end in:

    - an Answer (chat, still) or a Ticket (clip, correction);
    - Refused: moderation, with the provider's words and what it billed;
    - CallFailed: the request or the key was turned down; nothing to be had by sending the same again;
    - ProviderUnreachable: patience ran out; certainly not accepted;
    - Interrupted: stopped or closed while waiting its turn; certainly not sent;
    - ReplyLost, which is no SpicyError: it went out, and the connection broke, the deadline passed or the
      server stumbled. The engine treats it as an outcome that nobody knows.

    A rate limit, an overloaded server and a connection that could not be made are proofs that nothing was
    accepted, so those submits wait under a rate for each model that adapts, and are sent again; nothing
    else ever is. A poll that gets no answer raises ProviderUnreachable, which leaves the ticket in the ledger
    for the next build: what is paid for is not given up because the network is down.
    """

    name = "xai"

    def __init__(
        self,
        api_key: str,
        *,
        host: str | None = None,
        rates: SubmitRates | None = None,
        patience: RetryPolicy | None = None,
        poll_seconds: float = 1.0,
        stop: threading.Event | None = None,
    ) -> None:
        """Connect to nothing yet.

        `stop`, when set by the run, ends every wait with Interrupted, as `close` does. Raises UsageError
        for a missing or malformed key.
        """
        self._key = checked_key(api_key)
        self.host = host_name(host)
        self.poll_seconds = poll_seconds
        self._rates = rates or RateSettings()
        self._patience = patience or RetryPolicy()
        self._waiting = InterruptibleSleep(stop)
        self._clients = Clients(self._key, self.host)
        self._once = SubmitOnceClient(self._clients, self._key)
        self._buckets: dict[str, TokenBucket] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"XaiProvider(host={self.host!r})"

    def check_key(self) -> str:
        """Ask the server about the key, for free, and describe it in one line.

        Raises UsageError, in one line, when the key is refused or blocked or the host cannot be reached.
        """
        try:
            info = self._once.key_info()
        except KeyRefused as refused:
            raise UsageError(
                f"xAI at {self.host} refuses the key (GROK_API_KEY or XAI_API_KEY): {refused}"
            ) from None
        except TryLater as later:
            raise UsageError(f"xAI at {self.host} cannot be reached: {later}") from None
        except CallFailed as failed:
            raise UsageError(f"xAI at {self.host}: {failed.message}") from None
        name = quoted(info.name, self._key)
        blocked = {
            "disabled": info.disabled,
            "blocked": info.api_key_blocked,
            "of a blocked team": info.team_blocked,
        }
        for what, is_so in blocked.items():
            if is_so:
                raise UsageError(f"xAI at {self.host}: the key `{name}` is {what}")
        return f"{self.host} accepts the key" + (f" `{name}`" if name else "")

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        """Send `call`, once accepted at most; see the class for how it can end."""
        bucket = self._bucket(call)
        exhausted, unavailable = self._patience.exhausted.waits(), self._patience.unavailable.waits()
        while True:
            self._waiting.check()
            taken = bucket.take()
            try:
                accepted = self._once.submit(call, files)
            except TryLater as later:
                if later.slower:
                    bucket.slower(taken)
                self._wait_or(
                    exhausted if later.slower else unavailable,
                    ProviderUnreachable(f"xAI did not accept it: {later}"),
                )
            except KeyRefused as refused:
                raise CallFailed(f"xAI refuses the key (GROK_API_KEY or XAI_API_KEY): {refused}") from None
            else:
                bucket.accepted()
                return accepted

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Ask how a clip is doing.

        Raises Refused, CallFailed, Expired; ProviderUnreachable when there is no answer to be had, and the
        ticket stays good; Interrupted when stopped.
        """
        waits = self._patience.reads.waits()
        while True:
            try:
                return self._once.poll(ticket)
            except TryLater as later:
                self._wait_or(waits, _unanswered(str(later)))
            except KeyRefused as refused:
                raise _unanswered(f"the key is refused: {refused}") from None

    def fetch(self, answer: Answer, into: Path) -> None:
        """Download the media. Raises Expired for a dead link, ProviderUnreachable without all its bytes, Interrupted."""
        if answer.link is None:
            raise CallFailed("this answer is text and has no media")
        download(answer.link, into, self._patience.downloads.waits(), self._waiting.sleep)

    def close(self) -> None:
        """End every wait and close the connection; calls in flight end as lost. May be called again."""
        self._waiting.stop()
        self._clients.close()

    def _bucket(self, call: Call) -> TokenBucket:
        match call:
            case ChatCall():
                rate = self._rates.chat
            case ImageCall():
                rate = self._rates.image
            case _:
                rate = self._rates.video
        with self._lock:
            if call.model not in self._buckets:
                self._buckets[call.model] = TokenBucket(rate, sleep=self._waiting.sleep)
            return self._buckets[call.model]

    def _wait_or(self, waits: Iterator[float], otherwise: SpicyError) -> None:
        """Back off, or raise when patience is at its end, or when the run is."""
        wait = next(waits, None)
        if wait is None:
            raise otherwise
        self._waiting.sleep(wait)


def _unanswered(reason: str) -> ProviderUnreachable:
    return ProviderUnreachable(
        f"submitted, but xAI does not say how it is doing ({reason}); the next build asks again"
    )
