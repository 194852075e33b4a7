"""Files that appear whole or not at all.

A rename guards against a failure of ours, not against a power cut: what lasts goes through the store,
which flushes to disk. So nothing here waits for the disk.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(into: Path) -> Iterator[Path]:
    """Give a new path beside `into` to write to; it becomes `into` on success and vanishes on any error."""
    draft = into.with_name(f".{uuid.uuid4().hex}{into.suffix}")
    try:
        yield draft
        draft.replace(into)
    finally:
        draft.unlink(missing_ok=True)
