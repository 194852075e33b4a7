"""Turns names into file names: plain, short, legal on every system, and stable.

Slugs name files and targets only. They are never part of a key, so a change here would move files but not
cause new paid calls.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePath

from anyascii import anyascii

_LONGEST = 60
_RESERVED = frozenset({"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(10)})
"""Device names, which Windows does not allow for files, whatever their suffix."""


def slug(text: str) -> str:
    """Return any name as a file name part of `[a-z0-9-]`, never empty; equal texts give equal slugs."""
    plain = re.sub(r"[^a-z0-9]+", "-", anyascii(_nfc(text)).lower()).strip("-")
    return _safe(plain, text)


def film_name(path: PurePath | str) -> str:
    """Return a film's name from its spec's stem: `[A-Za-z0-9_-]` stays, the rest is transliterated."""
    stem = PurePath(path).stem
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", anyascii(_nfc(stem)))
    return _safe(plain if plain == stem else plain.strip("-"), stem)


def fold(text: str) -> str:
    """Return a name in a form for comparison that ignores case, accents and spacing."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join("".join(c for c in apart if not unicodedata.combining(c)).split())


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _safe(plain: str, text: str) -> str:
    if not plain.strip("-_"):
        return f"x-{_hash(text)}"
    if plain.startswith("-"):  # would be read as an option on a command line
        plain = f"x{plain}"
    if plain.lower() in _RESERVED:
        return f"{plain}-x"
    if len(plain) > _LONGEST:
        return f"{plain[: _LONGEST - 9].rstrip('-')}-{_hash(text)}"
    return plain


def _hash(text: str) -> str:
    return hashlib.sha256(_nfc(text).encode("utf-8", "surrogatepass")).hexdigest()[:8]
