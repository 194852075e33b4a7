"""Writes new specs: atomically, checked, never over an existing file, and removed again if the check fails.

The files that a spec names (pictures) are written before the spec, so that a concurrent reader finds all of
them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from spicy.errors import UsageError
from spicy.files import create_atomic
from spicy.slug import film_name, slug

_WORDS = 6
"""Number of words of a title or concept that make a film's name."""
_TRIES = 100
"""Number of names tried. So many collisions mean that a picture, not another user, blocks the names."""


def short_name(text: str) -> str:
    """Return a film's name from its title or concept: a few words of `[a-z0-9_]`, never empty."""
    return "_".join(slug(text).split("-")[:_WORDS])


def free_path(folder: Path, text: str) -> Path:
    """Return a free path for a spec about `text`; `_2`, `_3` … are added while a film has that name.

    The path is not reserved: `write_spec` refuses a path that was taken meanwhile, `new_spec` tries the next
    one.
    """
    return next(_free_paths(folder, text))


def _free_paths(folder: Path, text: str) -> Iterator[Path]:
    # File systems may be case-insensitive, and .yml names the same film as .yaml.
    taken = {film_name(path).lower() for ending in ("yaml", "yml") for path in folder.glob(f"[!.]*.{ending}")}
    name, number = short_name(text), 1
    while True:
        found = name if number == 1 else f"{name}_{number}"
        if found not in taken and not os.path.lexists(folder / f"{found}.yaml"):
            yield folder / f"{found}.yaml"
        number += 1


def new_spec(
    folder: Path,
    text: str,
    compose: Callable[[Path], tuple[Mapping[str, object], Mapping[Path, bytes]]],
    check: Callable[[Path], None],
    heading: str = "",
) -> Path:
    """Write a spec about `text` under the first free name and return its path.

    `compose` returns the values of the spec at a path and the files that belong to it; it is called again for
    another path if the first was taken meanwhile. Two concurrent calls get two files. Raises what
    `write_spec` raises.
    """
    paths, tries = _free_paths(folder, text), 0
    while True:
        path = next(paths)
        values, files = compose(path)
        try:
            write_spec(path, values, files, partial(check, path), heading)
        except _Taken:
            tries += 1
            if tries == _TRIES:
                raise
        else:
            return path


def write_spec(
    path: Path,
    values: Mapping[str, object],
    files: Mapping[Path, bytes],
    check: Callable[[], None],
    heading: str = "",
) -> None:
    """Write `files`, then the spec with `values`, then run `check`; if anything fails, remove all of them.

    `heading` is a comment above the spec. A value that is None is left out. Raises UsageError if the spec, or
    one of `files` with other bytes, exists already or a file cannot be written, and whatever `check` raises.
    """
    from spicy.spec.edit import dump

    text = "".join(f"# {line}\n" for line in heading.splitlines())
    text += dump({key: value for key, value in values.items() if value is not None})
    with written({**files, path: text.encode()}, shared=frozenset(files)):
        check()


@contextlib.contextmanager
def written(files: Mapping[Path, bytes], *, shared: frozenset[Path] = frozenset()) -> Iterator[None]:
    """Write new files in order; if one cannot be written or the block fails, remove all of them again.

    Files in `shared` may exist already with the same bytes; these are not removed. Raises UsageError.
    """
    with contextlib.ExitStack() as undo:
        for path, data in files.items():
            undo.callback(_remove_empty, [folder for folder in path.parents if not folder.exists()])
            try:
                if create_atomic(path, data):
                    undo.callback(path.unlink, missing_ok=True)
                elif path not in shared or path.read_bytes() != data:
                    raise _Taken(f"{path} exists; give another name, or edit it")
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
        yield
        undo.pop_all()


def _remove_empty(folders: Sequence[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


class _Taken(UsageError):
    """An error: the path already has another file."""
