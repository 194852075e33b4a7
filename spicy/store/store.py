"""One store: blobs, call records, ledger and the memo of digests, opened together."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import StoreError
from spicy.files import temporary_path, write_atomic
from spicy.ids import CallKey, Digest
from spicy.store.objects import Objects
from spicy.store.records import CallRecord, Records
from spicy.store.stat_memo import StatMemo

if TYPE_CHECKING:
    from spicy.store.ledger import Ledger, ProcessLease

STORE_VERSION = 1


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """What `verify` or `gc` has to say about one thing in the store."""

    what: str
    name: str
    size: int


class Store:
    """Everything spicy remembers, below one folder. Cheap to open; the ledger opens when first used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._check_version()
        self.objects = Objects(root)
        self.records = Records(root)
        self.memo = StatMemo(root)
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._owner: ProcessLease | None = None

    def _check_version(self) -> None:
        try:
            version = (self.root / "version").read_text().strip()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"the store at {self.root} cannot be read: {error.strerror}") from error
        if version != str(STORE_VERSION):
            raise StoreError(
                f"the store at {self.root} is of version {version}; this spicy knows {STORE_VERSION}"
            )

    def prepare(self) -> None:
        """Make the folder, so that later failures are about calls and not about disks. Raises StoreError."""
        try:
            if not (self.root / "version").exists():
                write_atomic(self.root / "version", f"{STORE_VERSION}\n".encode())
            (self.root / "tmp").mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the store at {self.root} cannot be written: {error.strerror};"
                " set SPICY_CACHE_DIR to a folder that can"
            ) from error

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened when first used; one for all threads."""
        with self._lock:
            if self._ledger is None:
                from spicy.store.ledger import Ledger

                self.prepare()
                self._ledger = Ledger(self.root)
            return self._ledger

    @property
    def owner(self) -> ProcessLease:
        """This process, as the ledger knows it; one for all threads."""
        with self._lock:
            if self._owner is None:
                from spicy.store.ledger import ProcessLease

                self._owner = ProcessLease(self.root)
            return self._owner

    @property
    def occupied(self) -> bool:
        """Whether any build is at work with this store, or was until it died."""
        try:
            return bool(os.listdir(self.root / "owners"))
        except FileNotFoundError:
            return False

    def temporary(self, name: str) -> Path:
        """A path for a file in the making, on the store's own disk."""
        self.prepare()
        return temporary_path(self.root / "tmp" / name)

    def lookup(self, key: CallKey) -> CallRecord | None:
        """A call's record, when its blob is there too. Bytes are verified when they are opened."""
        record = self.records.find(key)
        if record is None or (record.digest is not None and not self.objects.has(record.digest)):
            return None
        self._used(self.records.path(key))
        return record

    def keeps(self, digest: Digest) -> bool:
        """Whether a blob of that name is there; a question that `collect` counts as use."""
        self._used(self.objects.path(digest))
        return self.objects.has(digest)

    @staticmethod
    def _used(path: Path) -> None:
        """Remember, to the day, that a file of the store was of use: `collect` looks at that."""
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 86400:
                os.utime(path)

    def repair(self, digest: Digest, copy: Path) -> bool:
        """Put a lost or changed blob back from an intact copy in a build folder; True when it was needed."""
        if self.memo.digest(self.objects.name(digest)) == digest:
            return False
        if self.objects.has(digest):
            self.objects.quarantine(digest)
        return self.objects.add_file(copy) == digest

    def close(self) -> None:
        """Save the memo, give up ownership, close the ledger."""
        if self.root.exists():
            self.memo.save()
        with self._lock:
            if self._owner is not None:
                self._owner.close(unfinished=self._ledger is not None and self._ledger.unfinished())
            if self._ledger is not None:
                self._ledger.close()
            self._owner = self._ledger = None


def stats(store: Store) -> dict[str, int]:
    """How much the store holds: objects, bytes, records, what they cost (ticks), bytes set aside."""
    sizes = [path.stat().st_size for _, path in store.objects.all()]
    records = list(store.records.all())
    aside = [p.stat().st_size for p in store.objects.aside.glob("*")]
    return {
        "objects": len(sizes),
        "bytes": sum(sizes),
        "records": len(records),
        "cost_ticks": sum(r.cost for r in records),
        "aside": len(aside),
        "aside_bytes": sum(aside),
    }


def verify(store: Store) -> list[StoreFinding]:
    """Hash every object again; damaged ones are set aside. Also names records whose object is lost."""
    from spicy.canonical_json import digest_file

    found = []
    for digest, path in store.objects.all():
        if digest_file(path) != digest:
            size = path.stat().st_size
            found.append(StoreFinding("damaged", str(store.objects.quarantine(digest)), size))
    for record in store.records.all():
        if record.digest is not None and not store.objects.has(record.digest):
            found.append(StoreFinding("lost", f"{record.purpose} {record.key[:12]} ({record.model})", 0))
    return found


def collect_garbage(store: Store, *, keep_days: float, dry_run: bool) -> list[StoreFinding]:
    """Remove what can be made again for nothing and was not used for `keep_days` (an hour at the least).

    That is: leftovers of dead processes, objects set aside, free records (cost 0: animatic and local work)
    and the objects that no record names. What was paid for is never removed. Raises StoreError while a
    build is at work, because its newest files are not named by any record yet.
    """
    owners = [path for path in (store.root / "owners").glob("*") if path.name != store.owner.id]
    if any(store.owner.is_alive(path.name) for path in owners):
        raise StoreError("a build is at work with this store; collect when it is done")
    before = time.time() - max(keep_days * 86400, 3600)
    doomed: list[tuple[str, Path]] = []
    for pattern, what in _LEFTOVERS.items():
        doomed += [(what, p) for p in store.root.glob(pattern) if p.stat().st_mtime < before]
    kept: set[Digest] = set()
    for record in store.records.all():
        path = store.records.path(record.key)
        if record.cost == 0 and path.stat().st_mtime < before:
            doomed.append(("free record", path))
        elif record.digest is not None:
            kept.add(record.digest)
    for digest, path in store.objects.all():
        if digest not in kept and path.stat().st_mtime < before:
            doomed.append(("object", path))
    found = [StoreFinding(what, path.name, path.stat().st_size) for what, path in doomed]
    if not dry_run:
        for _, path in doomed:
            path.unlink(missing_ok=True)
    return found


_LEFTOVERS = {
    "tmp/*": "leftover",
    "aside/*": "set aside",
    "objects/*/.*.part*": "leftover",
    "calls/*/.*.part*": "leftover",
}
