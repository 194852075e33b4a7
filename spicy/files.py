"""Files that appear whole or not at all.

Temporary file in the same folder, flush to disk, rename, flush the folder: a file that exists under
its own name is complete, whatever died when.
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
    """Give a temporary path to fill; on success it becomes `path`, on any failure it is removed."""
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
    """A name beside `path` for a file in the making, which tells `sweep` whose it is."""
    # The ending stays: ffmpeg and Pillow choose a format by it.
    return path.parent / f".{path.stem[:80]}.{os.getpid()}.{os.urandom(4).hex()}.part{path.suffix}"


def remove_stale_drafts(folder: Path) -> int:
    """Remove temporary files that dead processes left below `folder`; returns how many.

    Their names carry the process, so that another build's file in the making is left alone.
    """
    if os.name != "posix":  # elsewhere a signal cannot ask whether a process lives
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
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def create_atomic(path: Path, data: bytes) -> bool:
    """Write `data` to `path`, whole, unless something is there: then False. Of two at once one is told so."""
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
    """Copy `source` to `path`, sharing blocks where the file system can.

    With `expect`, the source is hashed first; False, and nothing written, when they differ.
    The copy never shares an inode: an editor that writes in place cannot reach the original.
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
    """Change files of `folder` in turn with the other processes that ask for theirs; leaves no file behind.

    Where folders cannot be locked, or when somebody holds it longer than `patience` seconds, it is not waited for.
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
    """Whether any process holds the file locked; without a file the answer is no, and `unsure` where none can be had.

    Asking takes only a shared lock, so that two who ask at once do not take each other for the holder.
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
    """There is no shared lock to ask with: others who ask hold theirs for a moment only."""
    from filelock import FileLock, Timeout

    try:
        if path.exists():
            FileLock(path, thread_local=False).acquire(timeout=0.2, poll_interval=0.02).lock.release()
    except Timeout:
        return True
    except OSError:
        return unsure
    return False
