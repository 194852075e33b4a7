"""Prevents core files of a process that holds a key.

A crashing process may leave an image of its memory in the working directory. That is a project folder, which
gets committed, copied and sent to others, with the key in it. The environment is part of that image, so
careful handling of the key is not enough; there must be no image.
"""

from __future__ import annotations

import contextlib
import sys

_PR_SET_DUMPABLE = 4


def forbid_cores() -> None:
    """Disable core files for this process and (by its limit) for the processes it starts.

    Linux passes cores to a configured program regardless of the limit, so there the process also declares
    itself not dumpable, which keeps other processes of the user out of its memory too. Systems with neither
    are unaffected.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
