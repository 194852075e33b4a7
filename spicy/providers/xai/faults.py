"""Faults of the wire that never leave the package, and the one that must; and words without secrets."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?i)bearer\s+\S+|\bxai-(?!sdk\b)[A-Za-z0-9]{16,}")
_LONGEST = 400
_SHORTEST_KEY = 6
"""What is shorter is no key, and would be found in any sentence."""


class ReplyLost(Exception):
    """A submit went out and nobody knows whether it was accepted.

    Not a SpicyError on purpose: the engine takes every foreign exception from `submit` for an unknown
    outcome, and never sends such a call again without asking.
    """


class TryLater(Exception):
    """Not accepted, for certain, or a free read without an answer: it may be sent again.

    `slower` says that it was the rate that was too high.
    """

    def __init__(self, said: str, *, slower: bool = False) -> None:
        self.said, self.slower = said, slower
        super().__init__(said)


class KeyRefused(Exception):
    """The server does not accept the API key."""


def quoted(words: str, secret: str) -> str:
    """The provider's words on one line, cut to a bearable length, without the key in any form."""
    if len(secret) >= _SHORTEST_KEY:
        words = words.replace(secret, "[key]")
    line = " ".join(_SECRET.sub("[key]", words).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
