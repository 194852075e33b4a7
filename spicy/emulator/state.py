"""What the services share, and the one way in for everything that costs money."""

from __future__ import annotations

import hmac
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from spicy.emulator.content.assets import Assets
from spicy.emulator.faults import FaultPlan, Hit
from spicy.emulator.ledger import Record, RequestLedger, SubmittedRequest
from spicy.emulator.network import Code, Gone, Refusal, cut_connection
from spicy.emulator.services.catalogue import Catalogue
from spicy.emulator.services.sdk_modules import grpc

LATENCIES: Mapping[str, float] = {
    "submit": 0.5,
    "chat": 2.0,
    "image": 6.0,
    "video": 5.0,
    "edit": 5.0,
    "extend": 5.0,
}
"""Seconds in real life; those of clips are for each second of clip."""
LINK_SECONDS = 3600.0
KEPT_SECONDS = 24 * 3600.0

_MODERATION = {
    "moderated_submit": (
        Code.INVALID_ARGUMENT,
        "imagine:content-moderated: The request was rejected by content moderation.",
    ),
    "moderated_chat": (Code.PERMISSION_DENIED, "Content violates usage guidelines."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """How the emulator behaves. Latencies and lifetimes are multiplied by `time_scale`; rates are not."""

    key: str = "test-key"
    seed: int = 0
    time_scale: float = 0.01
    latencies: Mapping[str, float] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    """Submissions a second, by model or by kind; each model has its own count."""
    max_in_flight: int | None = None
    link_seconds: float = LINK_SECONDS
    kept_seconds: float = KEPT_SECONDS
    catalogue: Catalogue = field(default_factory=Catalogue)


class _Bucket:
    """A token bucket that holds what one second allows."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = max(1.0, rate)
        self._then = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True, slots=True)
class Admitted:
    """An accepted submission, on its way."""

    record: Record
    order: SubmittedRequest
    hit: Hit | None
    dice: random.Random
    seconds: float
    """How long it takes, on this emulator's clock."""

    @property
    def effect(self) -> str:
        """What goes wrong with it, or nothing."""
        return self.hit.effect if self.hit else ""

    @property
    def model(self) -> str:
        """The model that answers."""
        return f"{self.order.served}-stand-in" if self.effect == "other_model" else self.order.served

    @property
    def name(self) -> str:
        """A name for what comes of it, the same in every run that asks for the same as often."""
        return f"{self.record.digest[:20]}-{self.record.nth}"


class EmulatorState:
    """Everything the services know. Safe to use from any thread."""

    def __init__(self, settings: EmulatorSettings, faults: FaultPlan) -> None:
        self.settings = settings
        self.faults = faults
        self.ledger = RequestLedger()
        self.assets = Assets(settings.link_seconds * settings.time_scale)
        self.port = 0
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    @property
    def catalogue(self) -> Catalogue:
        """What exists and what it costs."""
        return self.settings.catalogue

    def latency(self, kind: str) -> float:
        """Seconds that `kind` takes in real life."""
        return self.settings.latencies.get(kind, LATENCIES[kind])

    def check_key(self, context: grpc.ServicerContext) -> None:
        """Raise Refusal unless the caller shows the key."""
        shown = dict(context.invocation_metadata()).get("authorization", "")
        if not shown:
            raise Refusal(Code.UNAUTHENTICATED, "No credentials provided.")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self.settings.key}".encode()):
            raise Refusal(Code.UNAUTHENTICATED, "Incorrect API key provided.")

    def trouble(self, kind: str, prompt: str, content: str, context: grpc.ServicerContext) -> None:
        """Let a fault happen to a free request. Raises Refusal or Gone."""
        if hit := self.faults.draw(kind, prompt, content):
            self._refuse(hit)
            cut_connection(context, self.port)
            raise Gone

    def admit(
        self, order: SubmittedRequest, context: grpc.ServicerContext, unfit: frozenset[str] = frozenset()
    ) -> Admitted:
        """Accept a checked request and bill it, unless a limit or a fault comes first.

        Raises Refusal, and Gone when the reply is lost on purpose.
        """
        digest = order.digest()
        self._limit(order)
        hit = self.faults.draw(order.kind, order.prompt, digest, unfit)
        if hit:
            self._refuse(hit)
        effect = hit.effect if hit else ""
        seconds = order.seconds * self.settings.time_scale
        if hit and effect == "slow":
            seconds *= hit.fault.factor
        until = float("inf") if effect == "never" else time.monotonic() + seconds
        if effect in {"drop", "cut", *_MODERATION}:
            until = time.monotonic()
        ticks = 0 if effect == "failed" else order.ticks
        record = self.ledger.accept(order, digest, effect, ticks, until)
        if effect in {"drop", "cut"}:
            self.ledger.lose(record)
            context.cancel() if effect == "drop" else cut_connection(context, self.port)
            raise Gone
        if effect in _MODERATION:
            raise Refusal(*_MODERATION[effect])
        dice = random.Random(f"{self.settings.seed}/{digest}/{record.nth}")
        return Admitted(record, order, hit, dice, seconds)

    def work(self, admitted: Admitted, seconds: float, context: grpc.ServicerContext) -> None:
        """Take as long as the work takes. Raises Gone when the caller leaves meanwhile."""
        left = threading.Event()
        here = context.add_callback(left.set)
        if not here or left.wait(None if admitted.effect == "never" else seconds):
            self.ledger.lose(admitted.record)
            raise Gone

    def _limit(self, order: SubmittedRequest) -> None:
        most = self.settings.max_in_flight
        if most is not None and self.ledger.in_flight() >= most:
            raise Refusal(Code.RESOURCE_EXHAUSTED, f"Too many concurrent requests. At most {most} may run.")
        rate = self.settings.rates.get(order.model, self.settings.rates.get(order.kind))
        if rate is None:
            return
        with self._lock:
            bucket = self._buckets.setdefault(order.model, _Bucket(rate))
            allowed = bucket.take()
        if not allowed:
            raise Refusal(
                Code.RESOURCE_EXHAUSTED, f"Too many requests. The rate limit of {order.model} is {rate:g}/s."
            )

    @staticmethod
    def _refuse(hit: Hit) -> None:
        match hit.effect:
            case "unavailable":
                raise Refusal(
                    Code.UNAVAILABLE, "The service is currently overloaded. Please try again later."
                )
            case "exhausted":
                raise Refusal(Code.RESOURCE_EXHAUSTED, "Too many requests. Please slow down.")
            case "error":
                code = Code[hit.fault.code or "INTERNAL"]
                raise Refusal(code, f"{code.name.lower().replace('_', ' ')} (scripted)")
            case _:
                pass  # an effect on the answer, applied later

    def reset(self) -> None:
        """Forget what was asked, what was made and which faults were in force."""
        self.ledger.reset()
        self.assets.reset()
        self.faults.set(())
        with self._lock:
            self._buckets.clear()
