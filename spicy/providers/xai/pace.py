"""How fast and how often: a rate that adapts, back-offs with jitter, and waiting that can be interrupted.

Nothing here knows of xAI; clock, sleep and chance are arguments.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spicy.errors import Interrupted

_SLICE = 0.25
_RECOVERY = 0.05
"""Share of the full rate that each accepted submit gives back."""
_FLOOR = 1 / 64
"""Share of the full rate below which no exhaustion pushes."""


class InterruptibleSleep:
    """Sleeping that ends at once when it is stopped, here or by the event of the run."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._closed = threading.Event()
        self._stop = stop

    def stop(self) -> None:
        """Wake everyone who waits, and let nobody wait any more."""
        self._closed.set()

    @property
    def stopped(self) -> bool:
        """Whether waiting is over."""
        return self._closed.is_set() or (self._stop is not None and self._stop.is_set())

    def check(self) -> None:
        """Raise Interrupted when waiting is over."""
        if self.stopped:
            raise Interrupted("stopping: nothing new is sent to xAI")

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises Interrupted when stopped before or meanwhile."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            # Two events cannot be waited for at once, so the run's own is looked at now and then.
            self._closed.wait(left if self._stop is None else min(left, _SLICE))
            self.check()


@dataclass(frozen=True, slots=True)
class Backoff:
    """A bounded number of waits, each about twice as long as the one before."""

    tries: int
    first: float = 0.5
    longest: float = 20.0

    def waits(self, chance: Callable[[], float] = random.random) -> Iterator[float]:
        """The waits, in seconds; half of each is chance, so that a crowd does not come back as one."""
        for n in range(self.tries):
            yield min(self.longest, self.first * 2**n) * (0.5 + chance() / 2)


class TokenBucket:
    """Lets callers through one by one at a rate that halves when the server says so and then recovers.

    The bucket holds one token: callers are spaced evenly, with no burst that a strict server would refuse.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._full = self._rate = rate
        self._clock, self._sleep = clock, sleep
        self._last = self._slowed = float("-inf")
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    @property
    def rate(self) -> float:
        """Callers per second at present."""
        return self._rate

    def take(self) -> float:
        """Wait for a token; the time of its taking is what `slower` wants to know."""
        with self._turn:
            while (wait := self._due()) > 0:
                self._sleep(wait)
            with self._lock:
                self._last = self._clock()
                return self._last

    def slower(self, taken: float) -> None:
        """Halve the rate, because a request let through at `taken` was one too many.

        A crowd that was let through before the last halving says nothing about the new rate.
        """
        with self._lock:
            if taken <= self._slowed:
                return
            self._rate = max(self._rate / 2, self._full * _FLOOR)
            self._slowed = self._last = self._clock()

    def accepted(self) -> None:
        """Give back a little of the rate."""
        with self._lock:
            self._rate = min(self._full, self._rate + self._full * _RECOVERY)

    def _due(self) -> float:
        with self._lock:
            return self._last + 1 / self._rate - self._clock()
