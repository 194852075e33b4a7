"""Entry point for plain `doit`: `globals().update(films("specs/*.yaml"))` in a dodo.py.

It uses the same receipts and the same store as `spicy build`.
"""

from __future__ import annotations

from typing import Any


def films(*patterns: str) -> dict[str, Any]:
    """Return the namespace of a dodo.py: DOIT_CONFIG and the task creators of all matching specs.

    Patterns are relative to the dodo.py's folder, where doit runs. If a spec has mistakes, doit stops with
    its messages before anything is done.
    """
    from spicy.runner.doit_entry import task_namespace

    return task_namespace(patterns)
