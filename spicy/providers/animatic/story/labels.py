"""Says which character a reference picture's label means, by what the words have in common."""

from __future__ import annotations

import difflib
import json
import re

from spicy.providers.animatic.drawing.lettering import plain
from spicy.providers.animatic.figures import look
from spicy.providers.animatic.story.brief import Brief

_ENOUGH = 0.5
_SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "and",
        "with",
        "in",
        "on",
        "at",
        "to",
        "picture",
        "photo",
        "image",
        "ref",
        "reference",
        "my",
        "jpg",
        "png",
    ]
)


def answer(brief: Brief) -> str:
    """Match every label to a character's name, or to the empty name, as JSON."""
    characters = [
        re.match(r"(.+?)(?: \(([^()]*)\))?: (.*)", line, re.DOTALL) for line in brief.every("character")
    ]
    cast = [(m[1], f"{m[2] or ''} {m[3]}") for m in characters if m]
    taken: set[str] = set()
    matches = []
    for label in brief.every("label"):
        scored = sorted(
            ((_fit(label, name, about), name) for name, about in cast if name not in taken), reverse=True
        )
        best = scored[0][1] if scored and scored[0][0] >= _ENOUGH else ""
        if best:
            taken.add(best)
        matches.append({"label": label, "name": best})
    return json.dumps({"matches": matches}, ensure_ascii=False)


def _fit(label: str, name: str, about: str) -> float:
    """Say how well a label fits: by its likeness to the name, or by the words that the description shares."""
    wanted, called, described = _words(label), _words(name), _words(about)
    if wanted & called:
        return 1.0
    likeness = difflib.SequenceMatcher(None, plain(label).lower(), plain(name).lower()).ratio()
    kinds = {look.kind_of(w) for w in wanted} - {None}
    same_kind = bool(kinds & {look.kind_of(w) for w in described | called})
    shared = len(wanted & described) / max(1, len(wanted))
    return max(likeness if likeness > 0.62 else 0.0, 0.75 if same_kind else 0.0, shared) + 0.1 * shared


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", plain(text).lower())) - _SMALL_WORDS
