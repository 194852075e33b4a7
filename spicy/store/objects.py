"""Blobs named by the SHA-256 of their bytes: written once, never served damaged.

Layout below the store's folder: `objects/ab/abcdef…`. A damaged blob is moved to `aside/`, where a person
can look at it; it is never deleted silently and never served.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from spicy.canonical_json import digest_bytes, digest_file
from spicy.errors import DamagedObject
from spicy.files import copy_atomic, write_atomic
from spicy.ids import Digest


class Objects:
    """The blobs of one store. Safe for threads and processes: writing the same blob twice is harmless."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "objects"
        self.aside = root / "aside"
        self._prefix = f"{self.folder}{os.sep}"

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be; says nothing about its health."""
        return self.folder / digest[:2] / digest

    def has(self, digest: Digest) -> bool:
        """Whether a blob of that name exists."""
        return os.path.isfile(self.name(digest))

    def name(self, digest: Digest) -> str:
        """`path`, as text: a build with nothing stale asks for thousands."""
        return f"{self._prefix}{digest[:2]}{os.sep}{digest}"

    def add_bytes(self, data: bytes) -> Digest:
        """Keep `data`; returns its digest."""
        digest = digest_bytes(data)
        if not self.has(digest):
            write_atomic(self.path(digest), data)
        return digest

    def add_file(self, source: Path) -> Digest:
        """Keep a copy of a file; raises OSError when it cannot be read."""
        digest = digest_file(source)
        # Hash again while copying: the file may change between the two reads.
        while not self.has(digest) and not copy_atomic(source, self.path(digest), expect=digest):
            digest = digest_file(source)
        return digest

    def open(self, digest: Digest) -> Path:
        """A path whose bytes were just verified. Raises DamagedObject, after setting the blob aside."""
        path = self.path(digest)
        try:
            if digest_file(path) == digest:
                return path
        except FileNotFoundError:
            raise DamagedObject(digest, f"object {digest[:12]}… is missing from the store") from None
        raise DamagedObject(
            digest, f"object {digest[:12]}… was damaged; set aside as {self.quarantine(digest)}"
        )

    def quarantine(self, digest: Digest) -> Path:
        """Move a damaged blob out of the way and return where it went."""
        self.aside.mkdir(parents=True, exist_ok=True)
        target = self.aside / f"{digest}.{time.time_ns()}"
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            os.replace(self.path(digest), target)
        return target

    def copy_to(self, digest: Digest, target: Path) -> None:
        """Write the blob's verified bytes to `target`, whole. Raises DamagedObject."""
        try:
            if copy_atomic(self.path(digest), target, expect=digest):
                return
        except FileNotFoundError:
            raise DamagedObject(digest, f"object {digest[:12]}… is missing from the store") from None
        raise DamagedObject(
            digest, f"object {digest[:12]}… was damaged; set aside as {self.quarantine(digest)}"
        )

    def all(self) -> Iterator[tuple[Digest, Path]]:
        """Every blob, in order of digest."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if len(path.name) == 64:
                    yield Digest(path.name), path
