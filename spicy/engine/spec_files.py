"""New specs: written whole, checked, never over a file that is there, and not left behind when they do not hold.

What a spec names (pictures) is there before the spec is, so that whoever reads it at the wrong moment finds all of it.
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
"""How many words of a title or concept name a film."""
_TRIES = 100
"""How many names are tried. So many that come at once are not people; rather a picture is in the way of all."""


def short_name(text: str) -> str:
    """What a film is called after its title or concept: a few words of `[a-z0-9_]`, never none."""
    return "_".join(slug(text).split("-")[:_WORDS])


def free_path(folder: Path, text: str) -> Path:
    """Where a spec about `text` can be written now: `_2`, `_3` … are added while a film is called so.

    It is not kept free: `write_spec` refuses a path that was taken meanwhile, `new_spec` takes the next one.
    """
    return next(_free_paths(folder, text))


def _free_paths(folder: Path, text: str) -> Iterator[Path]:
    # A file system may take capital letters for small ones, and .yml names the same film as .yaml.
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
    """Write a spec about `text` under the first name that is free, and return its path.

    `compose` says for a path what the spec there holds, and which files go with it; it may be asked again for
    another path when somebody is quicker. Two that come at once get two files. Raises what `write_spec` raises.
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
    """Write `files`, then the spec that says `values`, then check: all stays, or nothing of it.

    `heading` is a comment above it.

    `check` reads what is there and raises what it likes. A value that is None is left out. Raises UsageError when
    the spec, or another file with other bytes, is there already, and when one cannot be written.
    """
    from spicy.spec.edit import dump

    text = "".join(f"# {line}\n" for line in heading.splitlines())
    text += dump({key: value for key, value in values.items() if value is not None})
    with written({**files, path: text.encode()}, shared=frozenset(files)):
        check()


@contextlib.contextmanager
def written(files: Mapping[Path, bytes], *, shared: frozenset[Path] = frozenset()) -> Iterator[None]:
    """Write new files in their order; if one cannot be written, or the block fails, take all of them away again.

    Those in `shared` may be there already, with the same bytes; then they are not ours to take away. Raises
    UsageError.
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
    """Somebody else's file is there."""
