"""The wiring: the only module that builds store, provider and maker from the settings."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.engine.calls.budget import Budget
from spicy.engine.project import Film
from spicy.errors import UsageError
from spicy.events import Sink
from spicy.ids import Digest
from spicy.ports import Answer, Call, Provider, Running, Ticket
from spicy.recipe.model import Recipe
from spicy.settings import Settings
from spicy.store.store import Store

if TYPE_CHECKING:
    from spicy.engine.maker import Maker
    from spicy.providers.xai import XaiProvider

OFFLINE = "animatic"


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """The settings, recipe and stop event that a provider may need to open."""

    settings: Settings
    recipe: Recipe
    stop: threading.Event


def _animatic(supplies: ProviderContext) -> Provider:
    from spicy.providers.animatic import AnimaticProvider

    return AnimaticProvider()


def _xai(supplies: ProviderContext) -> XaiProvider:
    from spicy.providers.xai import XaiProvider

    key = supplies.settings.api_key
    if key is None or not key.get_secret_value().strip():
        raise UsageError("the xai provider needs a key: set GROK_API_KEY, or XAI_API_KEY, also in .env")
    rates = supplies.recipe.rates.get("xai")
    host = supplies.settings.xai_host
    return XaiProvider(key.get_secret_value(), host=host, rates=rates, stop=supplies.stop)


PROVIDERS: Mapping[str, Callable[[ProviderContext], Provider]] = {OFFLINE: _animatic, "xai": _xai}


class LazyProvider:
    """A provider that opens on first use: calls that the store answers need no key and no network."""

    def __init__(self, name: str, open: Callable[[], Provider]) -> None:
        self._name, self._open = name, open
        self._lock = threading.Lock()
        self._provider: Provider | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._name

    @property
    def poll_seconds(self) -> float:
        """The provider's poll interval in seconds."""
        return self._real().poll_seconds

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        """Submit through the provider."""
        return self._real().submit(call, files)

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Poll through the provider."""
        return self._real().poll(ticket)

    def fetch(self, answer: Answer, into: Path) -> None:
        """Fetch through the provider."""
        self._real().fetch(answer, into)

    def close(self) -> None:
        """Close the provider if it was ever opened."""
        with self._lock:
            if self._provider is not None:
                self._provider.close()

    def _real(self) -> Provider:
        with self._lock:
            if self._provider is None:
                self._provider = self._open()
            return self._provider


def choose_provider(
    asked: str | None, settings: Settings, *, to_plan: bool = False
) -> tuple[str, str | None]:
    """Return the provider's name, and a one-line notice if it was chosen by default. Raises UsageError.

    `to_plan` allows any name that a recipe has models for: planning needs no provider.
    """
    name = asked or settings.provider
    if name is None and settings.api_key is not None:
        return "xai", None
    if name is None:
        return OFFLINE, "no key is set: an offline preview by the animatic provider, for $0"
    if name not in PROVIDERS and not to_plan:
        raise UsageError(f"there is no provider `{name}`; there is: {', '.join(PROVIDERS)}")
    return name, None


def check_provider(name: str, settings: Settings, recipe: Recipe) -> str:
    """Check the provider's key for free and return a description. Raises UsageError before spending."""
    if name != "xai":
        return f"{name}, offline, for $0"
    provider = _xai(ProviderContext(settings, recipe, threading.Event()))
    try:
        return f"xai, {provider.check_key()}"
    finally:
        provider.close()


def open_store(settings: Settings) -> Store:
    """Return the store; nothing is written to it yet."""
    return Store(settings.cache_dir.expanduser())


def new_run() -> str:
    """Return a new run's name: it sorts by time and is unique among processes."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def build_maker(
    settings: Settings,
    provider: str,
    store: Store,
    films: Mapping[str, Film],
    budget: Budget,
    sink: Sink,
    run: str,
    stop: threading.Event,
    known: dict[str, Digest],
    *,
    retry_unknown: bool = False,
) -> Maker:
    """Return a maker of nodes over one provider; the submit rates are those of the first film's recipe."""
    from spicy.engine.calls.caller import Caller
    from spicy.engine.maker import Maker

    store.prepare()
    supplies = ProviderContext(settings, next(iter(films.values())).recipe, stop)
    answers = LazyProvider(provider, lambda: PROVIDERS[provider](supplies))
    caller = Caller(store, answers, stop, retry_unknown=retry_unknown)
    return Maker(store, caller, films, budget, sink, run, stop, known)
