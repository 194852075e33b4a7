"""The user's own files that a spec names: found, looked at, and given one canonical path.

Targets and inputs of the graph join by exact path text, so a file has one spelling: POSIX, relative to
the working directory when it lies below it, else absolute.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from spicy.slug import fold
from spicy.spec.suggest import nearest


class InputKind(Enum):
    """What a file is used as; its endings tell a slip of the pen before any decoder does."""

    PICTURE = ("picture", (".jpg", ".jpeg", ".png", ".webp"))
    CLIP = ("clip", (".mp4", ".mov", ".m4v", ".webm", ".mkv"))


@dataclass(frozen=True, slots=True)
class Inputs:
    """Resolves the paths of one spec; `folder` is the spec's own, `root` the working directory."""

    folder: Path
    root: Path

    def take(self, written: str, kind: InputKind, complain: Callable[[str], None]) -> str | None:
        """Give the canonical path of an input file, or complain and give None."""
        path = os.path.normpath(os.path.join(self.folder, written))
        what, suffixes = kind.value
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            complain(f"no such file: {written}{_near(path)}")
            return None
        if not stat.S_ISREG(status.st_mode):
            is_folder = stat.S_ISDIR(status.st_mode)
            complain(f"{written} is {'a folder' if is_folder else 'no regular file'}, not a {what}")
            return None
        if os.path.splitext(path)[1].lower() not in suffixes:
            complain(f"{written} is not a {what}; it should end in {', '.join(suffixes)}")
            return None
        if not status.st_size:
            complain(f"{written} is empty")
            return None
        return canonical_path(path, self.root)


def canonical_path(path: str, root: Path) -> str:
    """Write a normalised absolute path relative to `root` if it lies below it; POSIX either way."""
    top = str(root)
    inside = path.startswith(top if top.endswith(os.sep) else top + os.sep)
    return Path(os.path.relpath(path, top) if inside else path).as_posix()


def _near(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return ""
    same = [n for n in names if fold(n) == fold(name)] or nearest(name, names)
    return f"; did you mean {same[0]}?" if same else ""
