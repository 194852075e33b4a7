"""A hard spending cap: the price is reserved before a call is submitted and settled when it is answered."""

from __future__ import annotations

import threading

from spicy.errors import BudgetExceeded
from spicy.ids import Ticks, usd


class Budget:
    """The spending cap of one build, safe for any number of threads; None means no cap.

    Once a reservation does not fit, no further paid call starts: cheap calls must not use up the rest of the
    budget while a planned scene cannot be made.
    """

    def __init__(self, cap: Ticks | None, above: Budget | None = None, *, name: str = "--max-cost") -> None:
        """Create a budget; `above` is a wider budget that must have room too (the build's above a film's).

        `name` tells in messages where the cap comes from.
        """
        self.cap = cap
        self._name = name
        self.reached = False
        self._above = above
        self._spent = 0
        self._reserved = 0
        self._lock = threading.Lock()

    @property
    def spent(self) -> Ticks:
        """The settled amount so far, in ticks."""
        return Ticks(self._spent)

    def reserve(self, estimate: Ticks) -> None:
        """Reserve `estimate`. Raises BudgetExceeded if it does not fit under the cap."""
        with self._lock:
            if self.cap is not None and estimate > 0:
                committed = self._spent + self._reserved
                if self.reached:
                    raise BudgetExceeded(
                        f"a call did not fit under {self._name} of {usd(self.cap)}, and no paid call starts after that;"
                        " raise it and build again"
                    )
                if committed + estimate > self.cap:
                    self.reached = True
                    raise BudgetExceeded(
                        f"the next call, at {usd(estimate)}, does not fit under {self._name} of {usd(self.cap)}:"
                        f" {usd(committed)} is spent or reserved; raise it and build again"
                    )
            if self._above is not None:
                self._above.reserve(estimate)
            self._reserved += estimate

    def settle(self, estimate: Ticks, cost: Ticks) -> None:
        """Replace the reservation of `estimate` by the amount billed."""
        with self._lock:
            self._reserved -= estimate
            self._spent += cost
            if self._above is not None:
                self._above.settle(estimate, cost)
