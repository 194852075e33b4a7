"""Small copies for pages: few are made at a time, and those that are asked for again are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from spicy.ids import Digest
from spicy.media.thumbs import shrink
from spicy.web.server.errors import ApiError

LIMIT = 48 * 1024 * 1024
"""What those that are kept may take together, in bytes."""
_TURN = 10.0
"""Seconds that one waits for its turn."""


class Thumbs:
    """Small copies of pictures and of clips' first pictures, kept while there is room, made two at a time."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._size = limit, 0
        self._lock = threading.Lock()
        self._turns = threading.Semaphore(2)
        self._kept: OrderedDict[tuple[Digest, int], bytes] = OrderedDict()

    def find(self, digest: Digest, width: int) -> bytes | None:
        """One that is kept."""
        with self._lock:
            data = self._kept.get((digest, width))
            if data is not None:
                self._kept.move_to_end((digest, width))
            return data

    def make(self, digest: Digest, width: int, path: Path, *, is_clip: bool) -> bytes:
        """Make one and keep it. Raises MediaError for what cannot be decoded, and ApiError 503 when too many wait."""
        if not self._turns.acquire(timeout=_TURN):
            raise ApiError(503, "too many pictures are asked for; try again", code="busy")
        try:
            data = self.find(digest, width) or shrink(path, width, is_clip=is_clip)
        finally:
            self._turns.release()
        with self._lock:
            if (digest, width) not in self._kept:
                self._kept[digest, width] = data
                self._size += len(data)
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data
