"""Progress of work that may be stopped."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float], None]
"""Takes progress, 0.0 to 1.0; raises when the work is to stop."""
