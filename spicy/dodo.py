"""The door for bare `doit`: `globals().update(films("specs/*.yaml"))` in a dodo.py.

Shares everything with `spicy build`: the same receipts decide, the same store answers.
"""

from __future__ import annotations

from typing import Any


def films(*patterns: str) -> dict[str, Any]:
    """What a dodo.py needs: DOIT_CONFIG and the task creators of every spec that fits the patterns.

    Patterns are relative to the dodo.py's folder, where doit runs. A spec with mistakes makes doit stop with
    its messages before anything is done.
    """
    from spicy.runner.doit_entry import task_namespace

    return task_namespace(patterns)
