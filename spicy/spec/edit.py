"""Changing a spec for its author: only what is asked for changes, comments and layout stay.

YAML round trips are ruamel.yaml's business; this module knows which keys to touch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spicy.files import write_whole


def set_values(path: Path, changes: Mapping[tuple[str | int, ...], object]) -> None:
    """Set values at paths such as ("overrides", "scenes", "02", "take"); mappings on the way are made.

    The file is replaced whole. Raises OSError.
    """
    yaml = _yaml()
    document = yaml.load(_text(path))
    for keys, value in changes.items():
        at: Any = document
        for key in keys[:-1]:
            if isinstance(key, str) and at.get(key) is None:
                at[key] = {}
            at = at[key]
        at[keys[-1]] = value
    _write(yaml, document, path)


def merge_text(path: Path, text: str, remove: Sequence[str] = ()) -> None:
    """Replace the top-level keys that the YAML `text` has, drop those in `remove`, leave the rest alone."""
    yaml = _yaml()
    document = yaml.load(_text(path))
    for key, value in _yaml().load(text).items():
        document[key] = value
    for key in remove:
        document.pop(key, None)
    _write(yaml, document, path)


def dump(values: Mapping[str, object]) -> str:
    """Write a new spec's text from its values, in their order."""
    out = io.StringIO()
    _yaml().dump(dict(values), out)
    return out.getvalue()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def _write(yaml: Any, document: Any, path: Path) -> None:
    out = io.StringIO()
    yaml.dump(document, out)
    write_whole(path, out.getvalue().encode())


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
