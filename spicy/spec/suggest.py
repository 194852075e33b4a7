"""The nearest known name, for messages about names that are not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST_LISTED = 20


def unknown(what: str, name: str, known: Iterable[str], *, list_as: str) -> str:
    """Say that `name` is not known, with the nearest known names, or else with all of them."""
    names = list(dict.fromkeys(known))
    said = f"unknown {what} `{name}`"
    if near := nearest(name, names):
        return f"{said}; did you mean {' or '.join(f'`{n}`' for n in near)}?"
    if not names:
        return said
    more = f", … ({len(names)} in all)" if len(names) > _MOST_LISTED else ""
    return f"{said}; {list_as} {', '.join(names[:_MOST_LISTED])}{more}"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Known names that `name` is probably a misspelling of, best first."""
    by_folded = {n.casefold(): n for n in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=2, cutoff=0.65)
    return [by_folded[n] for n in near]
