"""YAML 1.2 core scalars, and nothing that YAML 1.1 thought clever.

`16:9`, `no`, `on` and `2026-11-06` are text; `012` is twelve. A number remembers how it was written, so
that a title of `007` or `1.10` stays what the user typed.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"""(?P<int>[-+]?[0-9]{1,18})
      | 0o(?P<oct>[0-7]{1,18})
      | 0x(?P<hex>[0-9a-fA-F]{1,15})
      | (?P<float>[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,4})?
                 |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))""",
    re.VERBOSE,
)
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAY_BE_NUMBER = frozenset("+-.0123456789")


class WrittenInt(int):
    """A whole number and the text it was written as."""

    source: str


class WrittenFloat(float):
    """A number and the text it was written as."""

    source: str


def resolve(text: str) -> str | int | float | bool | None:
    """Give the value of a plain scalar; longer numbers than any spec needs stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAY_BE_NUMBER:
        return text
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    if found["float"]:
        real = WrittenFloat(found["float"].lower().replace(".inf", "inf").replace(".nan", "nan"))
        real.source = text
        return real
    base, digits = next((b, d) for b, d in ((10, found["int"]), (8, found["oct"]), (16, found["hex"])) if d)
    whole = WrittenInt(digits, base)
    whole.source = text
    return whole


def written(value: object) -> object:
    """Turn a number or boolean back into the text that the user typed; anything else stays as it is."""
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.source
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
