"""Which specs a project has, and which of them makes a film."""

from __future__ import annotations

from pathlib import Path

from spicy.errors import UsageError
from spicy.slug import film_name

_FOLDERS = (Path("specs"), Path())


def list_specs(root: Path) -> dict[str, Path]:
    """Spec by film, of specs/ and of the project's folder itself, which comes second; relative to `root`."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        # A name that begins with a dot is a file in the making, or one that its author hides.
        for path in sorted([*(root / folder).glob("[!.]*.yaml"), *(root / folder).glob("[!.]*.yml")]):
            if path.is_file():  # who opens a pipe may wait for ever
                found.setdefault(film_name(path), folder / path.name)
    return found


def find_spec(film: str, root: Path = Path()) -> Path:
    """The spec that makes `film`, looked for in specs/ and in the project's folder. Raises UsageError."""
    path = list_specs(root).get(film)
    if path is None:
        raise UsageError(f"no spec makes a film called `{film}`: looked for {film}.yaml in specs/ and here")
    return path
