"""Canonical JSON and the hashes made of it.

A key must cover everything relevant and nothing else, and must be the same on every machine at any time:
sorted keys, no spaces, no NaN, text in Unicode form C, and a domain tag so that two kinds of things never
share a key.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from spicy.ids import Digest

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


def canonical(value: Json) -> str:
    """Return `value` as canonical JSON.

    Raises ValueError for NaN and infinities, TypeError for anything that is not JSON.
    """
    text = json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def digest_json(domain: str, value: Json) -> str:
    """Return the SHA-256, in hexadecimal, of `value` under a domain tag such as `spicy.call.v1`."""
    return hashlib.sha256(f"{domain}\n{canonical(value)}".encode()).hexdigest()


def digest_bytes(data: bytes) -> Digest:
    """Return the SHA-256 of bytes in memory."""
    return Digest(hashlib.sha256(data).hexdigest())


def digest_file(path: Path) -> Digest:
    """Return the SHA-256 of a file's bytes. Raises OSError if it cannot be read."""
    with path.open("rb") as f:
        return Digest(hashlib.file_digest(f, "sha256").hexdigest())
