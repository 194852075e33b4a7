"""What somebody typed into the form of a new run: read, checked all at once, and turned into a spec.

Whatever is wrong is told by the field that it is about, in the words that the spec's own checks use.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spicy.errors import Problem
from spicy.slug import fold, slug
from spicy.web.dashboard.forms import MOST_PICTURES, Form

FIELDS = ("concept", "title", "style", "recipe", "aspect_ratio", "scenes", "budget")
DEFAULT_RECIPE = "default"
REFS = "refs"

_LONGEST = 20_000
_LONGEST_NAME = 100
_PATHS = re.compile(r"(?!\s|#)([a-z_]+):")
_LABEL = re.compile(r"  (?=\S)")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a named picture; `given` says whether one was chosen."""

    number: int
    name: str = ""
    given: bool = False

    @property
    def used(self) -> bool:
        """Whether anything is in it."""
        return bool(self.name) or self.given


@dataclass(frozen=True, slots=True)
class Draft:
    """The form's fields as they were typed."""

    texts: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[Slot, ...] = tuple(Slot(n) for n in range(1, 5))

    @property
    def subject(self) -> str:
        """What names the film's files."""
        return self.texts.get("title") or self.texts.get("concept", "")

    @property
    def pictured(self) -> tuple[Slot, ...]:
        """The slots that have both a picture and a name."""
        return tuple(slot for slot in self.slots if slot.name and slot.given)


def read_draft(form: Form) -> Draft:
    """Take a form's fields as they are. A script that asks without sending files says `given` for each it has."""
    numbers = range(1, MOST_PICTURES + 1)
    slots = [
        Slot(
            n,
            " ".join(form.text(f"name-{n}").split()),
            form.file(f"picture-{n}") is not None or bool(form.text(f"given-{n}")),
        )
        for n in numbers
    ]
    last = max([4, *(slot.number for slot in slots if slot.used)])
    return Draft({name: form.text(name) for name in FIELDS}, tuple(slots[:last]))


class Mistakes:
    """What is wrong with a draft, by field."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, name: str, message: str) -> None:
        """Remember a mistake; one message of a field once."""
        told = self.found.setdefault(name, [])
        if message not in told:
            told.append(message)

    def of(self, name: str) -> str:
        """All that is wrong with a field, as one text; empty when nothing is."""
        return "; ".join(self.found.get(name, ()))

    def __bool__(self) -> bool:
        return bool(self.found)


def spec_values(draft: Draft, mistakes: Mistakes) -> dict[str, object]:
    """What the spec says besides its pictures, in the order of a spec; what is wrong goes to `mistakes` instead."""
    texts = {name: text for name, text in draft.texts.items() if text and _is_text(name, text, mistakes)}
    if not draft.texts.get("concept"):
        mistakes.add("concept", "say in a sentence or two what the film is about")
    recipe = texts.get("recipe")
    return {
        "concept": texts.get("concept"),
        "title": _line(texts.get("title")),
        "recipe": None if recipe == DEFAULT_RECIPE else recipe,
        "style": texts.get("style"),
        "aspect_ratio": texts.get("aspect_ratio"),
        REFS: None,  # their place; the paths follow when the spec's is known
        "scenes": _whole(texts.get("scenes"), mistakes),
        "budget": _dollars(texts.get("budget"), mistakes),
    }


def check_slots(draft: Draft, mistakes: Mistakes) -> None:
    """Pictures and names belong together, and no two names may mean the same character."""
    seen: dict[str, str] = {}
    for slot in draft.slots:
        field_name = f"name-{slot.number}"
        if slot.given and not slot.name:
            mistakes.add(field_name, "name whom the picture shows")
        elif slot.name and not slot.given:
            mistakes.add(
                f"picture-{slot.number}", f"choose a picture of {_short(slot.name)}, or take the name out"
            )
        if len(slot.name) > _LONGEST_NAME:
            mistakes.add(field_name, f"a name has at most {_LONGEST_NAME} characters, not {len(slot.name):,}")
        elif slot.name and _is_text(field_name, slot.name, mistakes):
            same = seen.setdefault(fold(slot.name), slot.name)
            if same is not slot.name:
                mistakes.add(
                    field_name, f"is the same name as {_short(same)}: give each character one picture"
                )


def picture_names(slots: Sequence[Slot]) -> dict[int, str]:
    """File name, without its ending, by the number of a slot: each its own."""
    found: dict[int, str] = {}
    for slot in slots:
        plain = slug(slot.name)
        found[slot.number] = plain if plain not in found.values() else f"{plain}-{slot.number}"
    return found


def place_problems(
    problems: Sequence[Problem], shown: str, text: str, draft: Draft, mistakes: Mistakes
) -> None:
    """Tell what a spec's own checks found by the field it came from; `shown` is what they call the spec."""
    fields = list(_fields_by_line(text, draft))
    for problem in problems:
        if problem.file != shown:
            mistakes.add("recipe", str(problem))
        elif 0 < problem.line <= len(fields):
            mistakes.add(fields[problem.line - 1], problem.message)
        else:
            mistakes.add("title" if draft.texts.get("title") else "concept", problem.message)


def _fields_by_line(text: str, draft: Draft) -> list[str]:
    """The field that each line of a spec came from."""
    found, name = [], "concept"
    labels = iter(draft.pictured)
    for line in text.split("\n"):
        if key := _PATHS.match(line):
            name = key[1] if key[1] in (*FIELDS, REFS) else "concept"
        elif name.startswith((REFS, "name-")) and _LABEL.match(line):
            slot = next(labels, None)
            name = f"name-{slot.number}" if slot is not None else name
        found.append("name-1" if name == REFS else name)
    return found


def _is_text(name: str, text: str, mistakes: Mistakes) -> bool:
    if len(text) > _LONGEST:
        mistakes.add(name, f"has {len(text):,} characters; at most {_LONGEST:,} are taken")
        return False
    strange = next(
        (c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t"), None
    )
    if strange is not None:
        mistakes.add(name, f"holds the character U+{ord(strange):04X}, which is not text; take it out")
        return False
    return True


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def _whole(text: str | None, mistakes: Mistakes) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        mistakes.add("scenes", f"is a whole number from 1 to 999, not `{_short(text)}`")
        return None
    return int(text)


def _dollars(text: str | None, mistakes: Mistakes) -> float | None:
    if not text:
        return None
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and re.fullmatch(r"\$?[0-9.]{1,20}", text)):
        mistakes.add("budget", f"is a sum of US dollars, such as 2.50, not `{_short(text)}`")
        return None
    return amount


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
