"""Takes and pins: choices among samples, written into the spec so that every build gives the same film.

A change is atomic and applies to the current file: its author may have saved it since the film was loaded.
Other changes of takes and pins made meanwhile are kept. Any other change of the spec makes this one fail,
because the item may be another one now.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spicy.engine.project import Film
from spicy.errors import UsageError
from spicy.files import exclusive_lock
from spicy.ids import Digest, Step
from spicy.slug import slug
from spicy.spec import positions
from spicy.spec.edit import SpecEdit
from spicy.spec.load import load_spec
from spicy.spec.model import CharacterChanges, SceneChanges, Spec, WrittenCharacter, WrittenScene, scene_at
from spicy.spec.pins import FIELDS, Pin, read_pin, take_pin
from spicy.story.model import Character, Scene

MOST_TAKES = 1_000_000
STORY = "story"

Target = tuple[str, str, int | None]
"""Kind, slug and, if given, the take."""

_TAKE = {Step.CHARACTER: "take", Step.KEYFRAME: "keyframe_take", Step.VIDEO: "take"}
_PIN = {Step.CHARACTER: "sheet", Step.KEYFRAME: "keyframe", Step.VIDEO: "clip"}
_WORD = {"sheet": "sheet", "keyframe": "still", "clip": "clip"}
_CHOICES = frozenset([*_TAKE.values(), *_PIN.values()])

_editing = threading.Lock()
"""Serializes changes in this process; a folder lock does among processes, `SpecEdit.save` detects editors."""


def parse_target(text: str) -> Target:
    """Parse KIND:ID[=N], such as `video:02` or `video:02=1`. Raises UsageError."""
    match = re.fullmatch(r"(\w+)[:/]([^=]+)(?:=(.*))?", text, re.DOTALL)
    kinds = [step.value for step in Step]
    if match is None or match[1] not in kinds:
        raise UsageError(
            f"`{text}` names no target; write KIND:ID, as in video:02, with KIND one of {', '.join(kinds)}"
        )
    return match[1], slug(match[2]), None if match[3] is None else _number(text, match[3].strip())


def _number(text: str, written: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", written) or int(written) > MOST_TAKES:
        raise UsageError(f"`{text}`: a take is a whole number from 1 to {MOST_TAKES:,}, not `{written}`")
    if int(written) == 0:
        raise UsageError(f"`{text}`: takes start at 1")
    return int(written)


def bump_takes(film: Film, targets: Sequence[Target], root: Path) -> list[str]:
    """Write the next (or given) take of each target into the film's spec; return messages for the user.

    The pin of such a target is removed, because a pinned target is never generated. Changes all targets or
    none. Raises UsageError if a target has no takes or the file cannot be changed, SpecError if it now has
    mistakes.
    """

    def change(work: _Work) -> list[str]:
        return [work.set_take(Step(kind), item, number) for kind, item, number in targets]

    return _edit(film, root, change)


def set_take(film: Film, step: Step, item: str, number: int, root: Path) -> str:
    """Write a take of an item into the film's spec and remove its pin; return a message for the user.

    Raises UsageError and SpecError as `bump_takes` does.
    """
    if not 1 <= number <= MOST_TAKES:
        raise UsageError(f"a take is a whole number from 1 to {MOST_TAKES:,}, not {number}")
    return _edit(film, root, lambda work: [work.set_take(step, item, number)])[0]


def pin(film: Film, step: Step, item: str, digest: Digest, suffix: str, root: Path) -> str:
    """Write the pin of an item into the film's spec; return a message for the user.

    The store is only checked for the bytes when the film is next loaded, so check before. Raises UsageError,
    also if the item uses a user's own file, and SpecError as `bump_takes` does.
    """
    return _edit(film, root, lambda work: [work.pin(step, item, digest, suffix)])[0]


def unpin(film: Film, step: Step, item: str, root: Path) -> str:
    """Remove an item's pin from the film's spec, so that it is made as before; return a message.

    Raises UsageError, also if there is no pin, and SpecError as `bump_takes` does.
    """
    return _edit(film, root, lambda work: [work.unpin(step, item)])[0]


def pinned(film: Film, step: Step, item: str) -> Digest | None:
    """Return the digest that an item is pinned to in the loaded film, or None."""
    if film.told is None or step not in _PIN:
        return None
    story = film.told.story
    things: Sequence[Character | Scene] = story.characters if step is Step.CHARACTER else story.scenes
    found = (read_pin(getattr(thing, _PIN[step])) for thing in things if thing.slug == item)
    return next((pin.digest for pin in found if pin is not None), None)


def _edit(film: Film, root: Path, change: Callable[[_Work], list[str]]) -> list[str]:
    shown = film.spec.path
    # Without the locks, two builds started with new takes could overwrite each other's change.
    with _editing, exclusive_lock(Path(os.path.realpath(root / shown)).parent):
        try:
            edit = SpecEdit(root / shown, shown)
        except OSError as error:
            raise UsageError(f"{shown} cannot be changed: {error.strerror}") from error
        before = edit.text
        spec = load_spec(root / shown, root)
        same = spec.take == film.spec.take  # another take of the story has other scenes
        if not same or _rest(spec.document.data) != _rest(film.spec.document.data):
            raise UsageError(
                f"{shown} was changed since this was requested and is left unchanged; look at it again"
            )
        messages = change(_Work(film, spec, edit))
        if edit.text != before:
            edit.save(root)
        return messages


def _rest(value: positions.Value) -> positions.Value:
    """Return a spec's data without takes and pins, and without mappings that have nothing else."""
    if isinstance(value, dict):
        inner = {key: _rest(v) for key, v in value.items() if not _is_choice(key, v)}
        return {key: v for key, v in inner.items() if v not in ({}, None)}
    return [_rest(item) for item in value] if isinstance(value, list) else value


def _is_choice(key: str, value: positions.Value) -> bool:
    if key in FIELDS:
        return isinstance(value, str) and read_pin(value if "." in value else f"{value}.jpg") is not None
    return key in _CHOICES and isinstance(value, int)


@dataclass(frozen=True, slots=True)
class _Item:
    """A character or scene in the current spec: its own entry, its override, and the positions of both."""

    name: str
    written: WrittenCharacter | WrittenScene | None
    written_at: positions.Path
    override: CharacterChanges | SceneChanges | None
    override_at: positions.Path
    is_overridden: bool
    """True if the override is in the file, even if it is empty."""

    def said(self, field: str) -> object:
        """Return the effective value of a field: the override's, else the entry's."""
        value = getattr(self.override, field, None)
        return value if value is not None else getattr(self.written, field, None)

    def take_at(self, field: str) -> positions.Path:
        """Return the position for a take: in the override if there is one, else in the item's entry."""
        return (*(self.override_at if self.is_overridden or self.written is None else self.written_at), field)

    def pin_at(self, field: str) -> positions.Path:
        """Return the position for a pin: in the item's own entry, unless an override sets the field."""
        in_override = self.written is None or getattr(self.override, field, None) is not None
        return (*(self.override_at if in_override else self.written_at), field)

    def pins_at(self, field: str) -> list[positions.Path]:
        """Return the positions of the item's pins, in the override, the entry or both."""
        parts = ((self.override, self.override_at), (self.written, self.written_at))
        return [(*way, field) for part, way in parts if read_pin(getattr(part, field, None)) is not None]


@dataclass(frozen=True, slots=True)
class _Work:
    """One change of one spec: `spec` is the current file's content; the story of `film` names the items."""

    film: Film
    spec: Spec
    edit: SpecEdit

    def set_take(self, step: Step, item: str, number: int | None) -> str:
        if step is Step.IDEATION:
            return self._set_story(item, number)
        if step not in _TAKE:
            raise UsageError(
                f"only a story, a character, a keyframe or a video has takes, not {step.value}:{item}"
            )
        thing, field = self._item(step, item), _TAKE[step]
        self._refuse_own(thing, step, "there is no other take of it")
        before = thing.said(field)
        take = number or (before if isinstance(before, int) else 1) + 1
        self.edit.set(thing.take_at(field), take)
        pins = thing.pins_at(_PIN[step])
        for way in pins:
            self.edit.drop(way)
        return (
            f"{self.spec.path}: {step.value} {item} is now take {take}{', and no longer pinned' * bool(pins)}"
        )

    def _set_story(self, item: str, number: int | None) -> str:
        if item != STORY:
            raise UsageError(f"{self.film.name} has no ideation `{item}`; it has {STORY}")
        if not self.spec.needs_ideation:
            raise UsageError(
                f"{self.spec.path} is written in full: no story is asked for, so it has no takes"
            )
        take = number or self.spec.take + 1
        self.edit.set(("take",), take)
        return f"{self.spec.path}: ideation {item} is now take {take}"

    def pin(self, step: Step, item: str, digest: Digest, suffix: str) -> str:
        thing, field = self._pinnable(step, item)
        self._refuse_own(thing, step, "take it out of the spec before you pin another")
        wrong: list[str] = []
        text = take_pin(Pin(digest, suffix).text, field, wrong.append)
        if (found := read_pin(text)) is None:
            raise UsageError(f"{step.value}:{item}: {wrong[0]}")
        self.edit.set(thing.pin_at(field), found.written(field))
        return f"{self.spec.path}: {step.value} {item} is now pinned to {found.brief}"

    def unpin(self, step: Step, item: str) -> str:
        thing, field = self._pinnable(step, item)
        ways = thing.pins_at(field)
        if not ways:
            self._refuse_own(thing, step, "take it out of the spec yourself")
            raise UsageError(f"{step.value}:{item} is not pinned")
        for way in ways:
            self.edit.drop(way)
        return f"{self.spec.path}: {step.value} {item} is no longer pinned"

    def _pinnable(self, step: Step, item: str) -> tuple[_Item, str]:
        if step not in _PIN:
            raise UsageError(
                f"only a character, a keyframe or a video can be pinned, not {step.value}:{item}"
            )
        return self._item(step, item), _PIN[step]

    def _refuse_own(self, thing: _Item, step: Step, why: str) -> None:
        """Raise UsageError if the item is a user's own file, or a still whose scene's clip is given."""
        clip = thing.said("clip") if step is Step.KEYFRAME else None
        if read_pin(clip if isinstance(clip, str) else None) is not None:
            raise UsageError(f"{thing.name} uses a pinned clip: take its pin out before its still")
        field = "clip" if clip is not None else _PIN[step]
        own = thing.said(field)
        if isinstance(own, str) and read_pin(own) is None:
            raise UsageError(f"{thing.name} uses your own {_WORD[field]}, {own}: {why}")

    def _item(self, step: Step, item: str) -> _Item:
        """Return the item that is meant. Raises UsageError with the items there are."""
        if self.film.told is None:
            raise UsageError(f"the story of {self.film.name} is not written yet; build it first")
        story = self.film.told.story
        things: Sequence[Character | Scene] = story.characters if step is Step.CHARACTER else story.scenes
        thing = next((thing for thing in things if thing.slug == item), None)
        if thing is None:
            there = ", ".join(t.slug for t in things)
            raise UsageError(f"{self.film.name} has no {step.value} `{item}`; it has {there}")
        return self._character(thing) if isinstance(thing, Character) else self._scene(thing)

    def _character(self, character: Character) -> _Item:
        name, overrides = character.name, self.spec.overrides.characters
        written = {c.name: n for n, c in enumerate(self.spec.characters or ())}
        return _Item(
            name=name,
            written=(self.spec.characters or ())[written[name]] if name in written else None,
            written_at=("characters", written.get(name, 0)),
            override=overrides.get(name),
            override_at=("overrides", "characters", name),
            is_overridden=name in self._overridden("characters"),
        )

    def _scene(self, scene: Scene) -> _Item:
        """Return a scene's item, with the existing override that refers to it by id or by number."""
        ids = [s.id for s in self.film.told.story.scenes] if self.film.told else []
        here, overridden = ids.index(scene.id), self._overridden("scenes")
        key = next((key for key in overridden if scene_at(key, ids) == here), None)
        overrides: Mapping[str, SceneChanges] = self.spec.overrides.scenes
        return _Item(
            name=f"scene {scene.id}",
            written=self.spec.scenes[here] if isinstance(self.spec.scenes, tuple) else None,
            written_at=("scenes", here),
            override=overrides.get(key) if key is not None else None,
            override_at=("overrides", "scenes", key or scene.id),
            is_overridden=key is not None,
        )

    def _overridden(self, kind: str) -> list[str]:
        """Return the keys under `overrides`, including empty ones."""
        overrides = self.spec.document.data.get("overrides")
        entries = overrides.get(kind) if isinstance(overrides, dict) else None
        return list(entries) if isinstance(entries, dict) else []
