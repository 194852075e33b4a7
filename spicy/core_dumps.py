"""No core files from a process that holds a key.

A process that crashes may leave an image of its memory in the working directory, which is a project folder: it
gets committed, copied and sent to others, and the key is in it. The environment is part of that image, so it is
not enough to be careful with the key; there must be no image.
"""

from __future__ import annotations

import contextlib
import sys

_PR_SET_DUMPABLE = 4


def forbid_cores() -> None:
    """Write no core file from now on, in this process and (by its limit) those that it starts.

    Linux hands cores to a program, where one is set up, whatever the limit says; so there the process declares itself
    not dumpable, which also keeps other processes of the user out of its memory. Where a system knows neither,
    nothing happens.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
