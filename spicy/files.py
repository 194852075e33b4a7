"""Atomic file operations: a file appears complete or not at all.

A temporary file in the same folder is written, flushed to disk and renamed, then the folder is flushed. A
file under its final name is complete, even after a crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from spicy.ids import Digest

_FICLONE = 0x40049409  # Linux ioctl: share the blocks of another file, copy on write


@contextlib.contextmanager
def atomic_path(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it is renamed to `path`, on failure removed."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        if durable:
            _sync(path.parent.parent)
    temporary = temporary_path(path)
    try:
        yield temporary
        if durable:
            _sync(temporary)
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """Return a temporary path beside `path`; its name has the process id, for `remove_stale_drafts`."""
    # The suffix is kept: ffmpeg and Pillow choose a format by it.
    return path.parent / f".{path.stem[:80]}.{os.getpid()}.{os.urandom(4).hex()}.part{path.suffix}"


def remove_stale_drafts(folder: Path) -> int:
    """Remove temporary files that dead processes left below `folder`; return their number.

    Their names have the process id, so the temporary files of other live builds are kept.
    """
    if os.name != "posix":  # elsewhere signal 0 cannot test whether a process is alive
        return 0
    gone = 0
    for path in folder.rglob(".*.part*"):
        found = _PART.fullmatch(path.name)
        if found is not None and not _alive(int(found[1])):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


_PART = re.compile(r"\..+\.(\d+)\.[0-9a-f]{8}\.part(?:\.\w+)?")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def create_atomic(path: Path, data: bytes) -> bool:
    """Write `data` to a new `path` atomically; False if it exists, also for one of two concurrent calls."""
    if os.path.lexists(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(data)
        _sync(temporary)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if not _fill_new(path, data):
                return False
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _fill_new(path: Path, data: bytes) -> bool:
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    with file:
        try:
            file.write(data)
            file.flush()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return True


def copy_atomic(source: Path, path: Path, *, expect: Digest | None = None, durable: bool = True) -> bool:
    """Copy `source` to `path`, sharing blocks if the file system can; return True if it was copied.

    With `expect`, the source is hashed first; if the digest differs, nothing is written and False is
    returned. The copy never shares an inode, so an editor that writes in place cannot change the original.
    """
    with source.open("rb") as src:
        if expect is not None and hashlib.file_digest(src, "sha256").hexdigest() != expect:
            return False
        src.seek(0)
        with atomic_path(path, durable=durable) as temporary, temporary.open("wb") as dst:
            if not _share_blocks(src.fileno(), dst.fileno()):
                shutil.copyfileobj(src, dst, 1 << 20)
    return True


def _share_blocks(source: int, target: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


@contextlib.contextmanager
def exclusive_lock(folder: Path, patience: float = 10.0) -> Iterator[None]:
    """Hold an exclusive lock on `folder` among the processes that use it; it leaves no file behind.

    If folders cannot be locked, or another process holds the lock longer than `patience` seconds, go on
    without.
    """
    try:
        import fcntl

        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except (ImportError, OSError):
        yield
        return
    try:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break
            else:
                break
        yield
    finally:
        os.close(fd)


def _sync(path: Path) -> None:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    try:
        fd = os.open(path, flags)
    except PermissionError:  # Windows cannot open a folder
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_locked(path: Path, *, unsure: bool = False) -> bool:
    """Return True if a process holds a lock on the file, False if there is no file, `unsure` if unknown.

    The test takes only a shared lock, so that two concurrent tests do not mistake each other for the holder.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return _is_locked_elsewhere(path, unsure)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return unsure
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return unsure
    finally:
        os.close(file)
    return False


def _is_locked_elsewhere(path: Path, unsure: bool) -> bool:
    """Test with an exclusive lock, retried briefly: without shared locks, tests exclude each other."""
    from filelock import FileLock, Timeout

    try:
        if path.exists():
            FileLock(path, thread_local=False).acquire(timeout=0.2, poll_interval=0.02).lock.release()
    except Timeout:
        return True
    except OSError:
        return unsure
    return False
