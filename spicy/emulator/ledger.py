"""What was accepted and billed, and how often everything else was asked: the truth that tests compare with."""

from __future__ import annotations

import hashlib
import heapq
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

Param = str | int | float | bool | None | list[float]


@dataclass(frozen=True, slots=True)
class SubmittedRequest:
    """A request that passed every check: what is asked for, what it costs and how long it takes."""

    kind: str
    model: str
    """The model that was asked for, and stands in the digest."""
    served: str
    """The model that answers for it."""
    prompt: str
    ticks: int
    seconds: float
    params: Mapping[str, Param] = field(default_factory=dict)
    inputs: tuple[bytes, ...] = ()
    """Digests of the input files, in order."""

    def digest(self) -> str:
        """What the request is, however its inputs travelled and whoever sent it."""
        content = {
            "kind": self.kind,
            "model": self.model,
            "prompt": self.prompt,
            "params": dict(self.params),
            "inputs": [i.hex() for i in self.inputs],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """An accepted submission."""

    number: int
    kind: str
    model: str
    prompt: str
    digest: str
    nth: int
    """1 for the first submission of this content, 2 when it was sent again, …"""
    ticks: int
    seconds: float
    """When it was accepted, since the emulator started or was reset."""
    fault: str = ""
    lost: bool = False
    """Whether the one who asked never got the reply."""


class RequestLedger:
    """Counts and sums. Safe to use from any thread; nothing in it is ever corrected downwards."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._began = time.monotonic()
        self._records: list[Record] = []
        self._contents: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._working: dict[str, list[float]] = {}
        self._most: Counter[str] = Counter()

    def reset(self) -> None:
        """Start again from nothing."""
        with self._lock:
            self._forget()

    def accept(self, order: SubmittedRequest, digest: str, fault: str, ticks: int, until: float) -> Record:
        """Write down a submission that will be at work `until` then (monotonic)."""
        with self._lock:
            self._contents[digest] += 1
            record = Record(
                number=len(self._records),
                kind=order.kind,
                model=order.model,
                prompt=order.prompt,
                digest=digest,
                nth=self._contents[digest],
                ticks=ticks,
                seconds=round(time.monotonic() - self._began, 4),
                fault=fault,
            )
            self._records.append(record)
            for kind in (order.kind, "all"):
                heapq.heappush(self._working.setdefault(kind, []), until)
                self._most[kind] = max(self._most[kind], self._in_flight(kind))
            return record

    def _in_flight(self, kind: str) -> int:
        working = self._working.get(kind, [])
        now = time.monotonic()
        while working and working[0] <= now:
            heapq.heappop(working)
        return len(working)

    def in_flight(self) -> int:
        """How many accepted submissions are at work now."""
        with self._lock:
            return self._in_flight("all")

    def lose(self, record: Record) -> None:
        """Write down that the reply to `record` did not arrive."""
        with self._lock:
            if record.number < len(self._records) and self._records[record.number].digest == record.digest:
                self._records[record.number] = replace(self._records[record.number], lost=True)

    def count(self, what: str) -> None:
        """Count something that costs nothing: a poll, a download, an upload."""
        with self._lock:
            self._counts[what] += 1

    def refuse(self, code: str) -> None:
        """Count a request that was answered with an error."""
        with self._lock:
            self._refused[code] += 1

    @property
    def records(self) -> list[Record]:
        """Every accepted submission, in order."""
        with self._lock:
            return list(self._records)

    @property
    def bill(self) -> int:
        """What all of it costs, in ticks."""
        with self._lock:
            return sum(r.ticks for r in self._records)

    @property
    def counts(self) -> Counter[str]:
        """How often things that cost nothing were asked for."""
        with self._lock:
            return Counter(self._counts)

    @property
    def refused(self) -> Counter[str]:
        """How many requests were answered with an error, by status name."""
        with self._lock:
            return Counter(self._refused)

    @property
    def most_in_flight(self) -> Counter[str]:
        """The most submissions that were at work at once, by kind and for `all`."""
        with self._lock:
            return Counter(self._most)

    def as_json(self) -> dict[str, object]:
        """Everything, for other processes."""
        records = self.records
        ticks = sum(r.ticks for r in records)
        return {
            "accepted": [asdict(r) for r in records],
            "contents": dict(Counter(r.digest for r in records)),
            "by_kind": dict(Counter(r.kind for r in records)),
            "bill_ticks": ticks,
            "bill_usd": ticks / 10**10,
            "counts": dict(self.counts),
            "refused": dict(self.refused),
            "most_in_flight": dict(self.most_in_flight),
        }
