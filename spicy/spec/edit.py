"""Changing a spec for its author: only what is asked for changes, comments and layout stay.

YAML round trips are ruamel.yaml's business; this module knows which keys to touch.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spicy.files import write_whole


def set_values(
    path: Path, changes: Mapping[tuple[str | int, ...], object], remove: Sequence[str] = ()
) -> None:
    """Set values at paths such as ("overrides", "scenes", "02", "take"); mappings on the way are made.

    `remove` names top-level keys to drop. The file is replaced whole. Raises OSError.
    """
    yaml, document = _read(path)
    for keys, value in changes.items():
        at: Any = document
        for key, following in zip(keys, keys[1:], strict=False):
            if isinstance(at, list):
                at = at[int(key)]
                continue
            if at.get(key) is None:
                at[key] = [] if isinstance(following, int) else {}
            at = at[key]
        at[keys[-1]] = value
    for key in remove:
        document.pop(key, None)
    out = io.StringIO()
    yaml.dump(document, out)
    write_whole(path, out.getvalue().encode())


def _read(path: Path) -> tuple[Any, Any]:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml, yaml.load(path.read_text(encoding="utf-8-sig"))
