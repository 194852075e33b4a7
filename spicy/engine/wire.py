"""The wiring: settings become a store, a provider and a maker. The one place where the parts meet."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from spicy.engine.budget import Budget
from spicy.engine.films import Film
from spicy.errors import UsageError
from spicy.events import Sink
from spicy.ids import Digest
from spicy.ports import Provider
from spicy.settings import Settings
from spicy.store.store import Store

if TYPE_CHECKING:
    from spicy.engine.make import Maker


def _animatic(settings: Settings) -> Provider:
    from spicy.providers.animatic import AnimaticProvider

    return AnimaticProvider()


PROVIDERS: Mapping[str, Callable[[Settings], Provider]] = {"animatic": _animatic}


def choose_provider(
    asked: str | None, settings: Settings, *, to_plan: bool = False
) -> tuple[str, str | None]:
    """Which provider answers, and one line about it when the choice was not the user's.

    `to_plan` allows any name that a recipe knows models for: looking ahead needs no provider.
    """
    name = asked or settings.provider
    if name is None:
        return "animatic", "offline preview by the animatic provider, for $0"
    if name not in PROVIDERS and not to_plan:
        raise UsageError(f"there is no provider `{name}`; there is: {', '.join(PROVIDERS)}")
    return name, None


def open_store(settings: Settings) -> Store:
    """The store, not yet written to."""
    return Store(settings.cache_dir.expanduser())


def new_run() -> str:
    """A run's name: sorts by time, unique among processes."""
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
    """Everything that makes nodes, over one provider."""
    from spicy.engine.call import Caller
    from spicy.engine.make import Maker

    store.prepare()
    caller = Caller(store, PROVIDERS[provider](settings), stop, retry_unknown=retry_unknown)
    return Maker(store, caller, films, budget, sink, run, stop, known)
