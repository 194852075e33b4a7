"""Digests of files outside the store, remembered by what `stat` says of them.

A build with nothing stale must not read a thousand clips. As in git's index, a digest is trusted while
size, times (also ctime, which no tool can set) and inode are unchanged, and only when the file was not
touched within the clock's own granularity of being hashed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path

from spicy.canonical_json import digest_file
from spicy.ids import Digest

_RACY_NS = 20_000_000
_COARSE_NS = 2_100_000_000
_Signature = tuple[int, int, int, int]


class StatMemo:
    """Digest of a path, hashed only when its file changed. Losing the memo costs time, nothing else."""

    def __init__(self, root: Path) -> None:
        self._path = root / "stat.sqlite"
        self._here = os.getcwd()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[_Signature, Digest]] = {}
        self._loaded: set[str] = set()
        self._new: dict[str, tuple[_Signature, Digest]] = {}

    def load(self, folder: Path) -> None:
        """Read what is known of the files below `folder`, in one go."""
        prefix = f"{folder.absolute()}{os.sep}"
        with self._lock:
            if prefix in self._loaded or not self._path.exists():
                return
            self._loaded.add(prefix)
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as db:
                rows = db.execute(
                    "SELECT path, size, mtime, ctime, inode, digest FROM file WHERE path >= ? AND path < ?",
                    (prefix, prefix[:-1] + chr(ord(os.sep) + 1)),
                )
                for path, size, mtime, ctime, inode, digest in rows:
                    self._known.setdefault(path, ((size, mtime, ctime, inode), digest))

    def digest(self, path: str | Path) -> Digest | None:
        """SHA-256 of a file's bytes, or None when there is no such file."""
        name = os.path.join(self._here, path)
        signature = _signature(name)
        if signature is None:
            return None
        known = self._known.get(name)
        if known is not None and known[0] == signature:
            return known[1]
        try:
            digest = digest_file(Path(name))
        except OSError:
            return None
        # A file system that counts whole seconds (or two) says so by its zeros.
        grain = _COARSE_NS if signature[1] % 1_000_000_000 == 0 else _RACY_NS
        settled = time.time_ns() - max(signature[1], signature[2]) > grain
        if settled and _signature(name) == signature:
            with self._lock:
                self._known[name] = self._new[name] = (signature, digest)
        return digest

    def save(self) -> None:
        """Keep what was learnt; a store that cannot be written is no reason to fail."""
        with self._lock:
            if not self._new:
                return
            rows = [(path, *sig, digest) for path, (sig, digest) in self._new.items()]
            self._new = {}
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as db:
                db.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", rows)
                db.commit()

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=5)
        db.execute(
            "CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, size INT, mtime INT, ctime INT,"
            " inode INT, digest TEXT) WITHOUT ROWID"
        )
        return db


def _signature(name: str) -> _Signature | None:
    try:
        st = os.stat(name)
    except (OSError, ValueError):
        return None
    return (st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino)
