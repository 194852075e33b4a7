"""An emulator of the xAI API on loopback: the true SDK can be run against it, over a true wire.

It stands beside the house and knows nothing of spicy, so that what it proves is proved about the API and
not about our own assumptions. What it accepts, refuses and bills is described in `docs/emulator.md`.
"""

from spicy.emulator.faults import Fault
from spicy.emulator.ledger import Record
from spicy.emulator.server import Emulator

__all__ = ["Emulator", "Fault", "Record"]
