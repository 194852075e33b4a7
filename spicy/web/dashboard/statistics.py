"""What the store holds, cost and saved: figures from a look at every file, kept for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spicy.engine.bootstrap import open_store
from spicy.errors import StoreError
from spicy.ids import Ticks
from spicy.settings import Settings
from spicy.store.store import stats

_KEPT = 15.0
"""Seconds for which the same figures are shown."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls of one film, or of one kind, cost and saved."""

    name: str
    calls: int
    paid: Ticks
    hits: int
    saved: Ticks


@dataclass(frozen=True, slots=True)
class Figures:
    """What the page shows."""

    at: float
    root: Path
    numbers: Mapping[str, int]
    films: tuple[Spent, ...]
    kinds: tuple[Spent, ...]
    doubtful: int

    @property
    def total(self) -> Spent:
        """Of all films."""
        sums = [(f.calls, f.paid, f.hits, f.saved) for f in self.films]
        calls, paid, hits, saved = (sum(column) for column in zip(*sums, strict=True)) if sums else (0,) * 4
        return Spent("all", calls, Ticks(paid), hits, Ticks(saved))


class Counter:
    """Counts a store, one at a time, and remembers for some seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._last: Figures | None = None

    def figures(self) -> Figures:
        """The store's figures. Raises StoreError."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last.at > _KEPT:
                self._last = _count(self._settings)
            return self._last


def _count(settings: Settings) -> Figures:
    store = open_store(settings)
    try:
        has_ledger = (store.root / "ledger.sqlite").exists()
        films, kinds = (
            tuple(Spent(n, c, Ticks(p), h, Ticks(s)) for n, c, p, h, s in store.ledger.costs(column))
            if has_ledger
            else ()
            for column in ("film", "kind")
        )
        doubtful = len(store.ledger.doubtful()) if has_ledger else 0
        return Figures(time.monotonic(), store.root, stats(store), films, kinds, doubtful)
    except OSError as error:
        raise StoreError(
            f"the store at {store.root} changed while it was counted; load the page again"
        ) from error
    finally:
        store.close()
