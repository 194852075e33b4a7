"""Recovery: a separate step at the start of each build that resumes the calls of dead builds.

It does not depend on what this build needs. A spec may have changed since, and a link is valid for an hour
only; paid results are fetched and stored anyway. Submissions whose reply was lost with their process are
marked.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from spicy.engine.calls.caller import Caller, CallObserver
from spicy.errors import Interrupted, SpicyError
from spicy.events import Recovering, Sink, Warned
from spicy.ids import NodeId, Ticks
from spicy.store.ledger import LedgerRow


class Recovery:
    """A set of orphaned calls that are resumed in parallel with the build, one thread each.

    A step that needs one of them meanwhile waits for its thread and finds the answer in the store.
    """

    def __init__(self, caller: Caller, rows: Sequence[LedgerRow], sink: Sink) -> None:
        self._caller, self._rows, self._sink = caller, rows, sink
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Report the number of orphans and their price, and start the threads."""
        committed = Ticks(sum(row.estimate for row in self._rows))
        self._sink(Recovering(len(self._rows), committed))
        for row in self._rows:
            thread = threading.Thread(target=self._bring, args=(row,), name=f"recovery-{row.id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def busy(self) -> bool:
        """True while any call is still being resumed."""
        return any(thread.is_alive() for thread in self._threads)

    def finish(self) -> None:
        """Wait until every call is stored or has failed."""
        for thread in self._threads:
            thread.join()

    def _bring(self, row: LedgerRow) -> None:
        node = NodeId(row.node)

        def warn(message: str) -> None:
            self._sink(Warned(node, message))

        try:
            self._caller.resume(row, CallObserver(lambda key, call: None, lambda key, done: None, warn))
        except Interrupted:
            pass  # the call stays in the ledger, for the next build
        except (SpicyError, OSError, ValueError) as error:
            warn(f"a call of an earlier build ({row.purpose}): {error}")
