"""What the fields of a spec have to say to each other: who is in which scene, which names collide.

Every check goes on after a mistake. What the border has refused already counts as written, so that one
mistake is not told twice in different words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from spicy.errors import Problem
from spicy.slug import fold, slug
from spicy.spec.inputs import InputKind, Inputs
from spicy.spec.model import (
    CharacterChanges,
    SceneChanges,
    SceneText,
    SpecText,
    WrittenCharacter,
    WrittenScene,
    default_ids,
    scene_at,
    unknown_character,
    unknown_scene,
)
from spicy.spec.pins import is_pin, take_pin
from spicy.spec.positions import Document, Path
from spicy.spec.validation import Mistake

_FILES = {
    "ref": InputKind.PICTURE,
    "sheet": InputKind.PICTURE,
    "keyframe": InputKind.PICTURE,
    "clip": InputKind.CLIP,
}
_MOST_SCENES = 999
Changes = TypeVar("Changes", CharacterChanges, SceneChanges)


def bad_paths(mistakes: Iterable[Mistake]) -> frozenset[Path]:
    """The paths of values that were refused, and so have been dropped; items count as their list."""
    out = set()
    for mistake in mistakes:
        path = mistake.path
        while not mistake.rest and isinstance(path[-1], int):
            path = path[:-1]
        out.add(path)
    return frozenset(out)


class Checks:
    """Builds the parts of a `Spec` and collects what is wrong with them."""

    def __init__(
        self,
        document: Document,
        text: SpecText,
        bad: frozenset[Path],
        inputs: Inputs,
        characters_per_scene: int,
    ) -> None:
        self._document, self._text, self._bad, self._inputs = document, text, bad, inputs
        self._most = characters_per_scene
        self._names = [c.name for c in text.characters or () if c.name]
        written = text.scenes if isinstance(text.scenes, tuple) else ()
        self._ids = [s.id or d for s, d in zip(written, default_ids(len(written)), strict=True)]
        self.problems: list[Problem] = []
        self.needs_ideation = self._needs_ideation()
        """Whether a model has to write scenes, or the characters that written scenes name."""
        self._closed = self._is_closed()

    # --- what is written, and so what is known ---

    def _needs_ideation(self) -> bool:
        text = self._text
        if not isinstance(text.scenes, tuple):
            return True
        changes = (text.overrides.scenes or {}).values() if text.overrides else ()
        named = [*text.scenes, *(c for c in changes if c is not None)]
        return text.characters is None and any(s.characters for s in named)

    def _is_closed(self) -> bool:
        """Whether all characters that there can be are written, and could be read."""
        paths = [
            ("characters", n, *key)
            for n in range(len(self._text.characters or ()))
            for key in ((), ("name",))
        ]
        return not self.needs_ideation and self._bad.isdisjoint([("characters",), *paths])

    # --- the parts ---

    def characters(self) -> tuple[WrittenCharacter, ...] | None:
        """The written characters, with names and file names of their own."""
        out = []
        slugs: dict[str, tuple[str, int]] = {}
        for n, c in enumerate(self._text.characters or ()):
            path: Path = ("characters", n)
            self._need(path, "name", c.name)
            self._need(path, "description", c.description)
            if c.name:
                self._unique_name(c.name, n, slugs)
            out.append(
                WrittenCharacter(
                    name=c.name or "",
                    description=c.description or "",
                    role=c.role or "",
                    ref=self._file((*path, "ref"), c.ref),
                    sheet=self._file((*path, "sheet"), c.sheet),
                    take=c.take or 1,
                )
            )
        return None if self._text.characters is None else tuple(out)

    def scenes(self) -> int | tuple[WrittenScene, ...] | None:
        """The written scenes with their ids, or how many to invent."""
        if not isinstance(self._text.scenes, tuple):
            return self._text.scenes
        if not self._text.scenes:
            self._note(("scenes",), "write at least one scene")
        first: dict[str, int] = {}
        for n, id in enumerate(self._ids):
            self._unique_id(id, n, first)
        return tuple(self._scene(n, s) for n, s in enumerate(self._text.scenes))

    def refs(self) -> dict[str, str]:
        """The reference picture of each label."""
        out: dict[str, str] = {}
        folded: dict[str, str] = {}
        for label, pictures in (self._text.refs or {}).items():
            path: Path = ("refs", label)
            if not label.strip():
                self._note(path, "a label must not be empty", at_key=True)
            elif (other := folded.setdefault(fold(label), label)) != label:
                self._note(
                    path, f"the labels `{other}` and `{label}` would mean the same character", at_key=True
                )
            if self._closed:
                self._known_label(label)
            if not pictures:
                if path not in self._bad:
                    self._note(path, f"`{label}` names no picture")
                continue
            if len(pictures) > 1:
                self._note((*path, 1), f"only one picture per character is supported; keep one for `{label}`")
            is_list = self._document.places.has((*path, 0))
            if file := self._file((*path, 0) if is_list else path, pictures[0], InputKind.PICTURE):
                out[label] = file
        return out

    def overrides(self) -> tuple[Mapping[str, CharacterChanges], Mapping[str, SceneChanges]]:
        """The patches, with canonical paths; those for what stands in this file have to find it."""
        written = self._text.overrides
        characters = {k: v for k, v in (written.characters or {}).items() if v} if written else {}
        scenes = {k: v for k, v in (written.scenes or {}).items() if v} if written else {}
        if self._closed:
            for name in characters:
                if name not in self._names:
                    message = unknown_character(name, self._names)
                    self._note(("overrides", "characters", name), message, at_key=True)
        self._known_scenes(scenes)
        for key, scene in scenes.items():
            self._cast(("overrides", "scenes", key), scene)
        return (
            {k: self._with_files(("overrides", "characters", k), v) for k, v in characters.items()},
            {k: self._with_files(("overrides", "scenes", k), v) for k, v in scenes.items()},
        )

    def whole(self) -> None:
        """Check that there is something to make a film of."""
        if self._text.concept or ("concept",) in self._bad or ("scenes",) in self._bad:
            return
        if not isinstance(self._text.scenes, tuple):
            self._note((), "nothing to film: give a `concept`, or write `scenes` as a list")
        elif self.needs_ideation and ("characters",) not in self._bad:
            message = "these scenes name characters: write them under `characters`, or give a `concept`"
            self._note(("scenes",), message, at_key=True)

    # --- one thing at a time ---

    def _unique_name(self, name: str, n: int, slugs: dict[str, tuple[str, int]]) -> None:
        other, line = slugs.setdefault(slug(name), (name, n))
        if line == n:
            return
        where = self._document.places.value(("characters", line))[0]
        if other == name:
            message = f"duplicate character `{name}`; first written in line {where}"
        else:
            message = (
                f"`{name}` and `{other}` (line {where}) would share the file name `{slug(name)}`; rename one"
            )
        self._note(("characters", n, "name"), message)

    def _unique_id(self, id: str, n: int, first: dict[str, int]) -> None:
        other = first.setdefault(slug(id), n)
        if other == n:
            return
        if self._ids[other] == id:
            message = f"duplicate scene id `{id}`; scene {other + 1} has it already"
        else:
            message = f"the scene ids `{id}` and `{self._ids[other]}` would share the file name `{slug(id)}`"
        # The id that was written is the one to change, not the one that was counted.
        at = other if self._text_scene(n).id is None and self._text_scene(other).id else n
        self._note(("scenes", at, "id"), message)

    def _text_scene(self, n: int) -> SceneText:
        scenes = self._text.scenes
        return scenes[n] if isinstance(scenes, tuple) else SceneText()

    def _scene(self, n: int, s: SceneText) -> WrittenScene:
        path: Path = ("scenes", n)
        if path not in self._bad and not (s.clip or self._is_bad(path, "clip", "action")):
            if not s.action:
                self._note(path, f"scene {n + 1} needs an `action`, or a `clip` of your own")
            if not (s.setting or s.keyframe or self._is_bad(path, "setting", "keyframe")):
                self._note(path, f"scene {n + 1} needs a `setting`, or a `keyframe` or `clip` of your own")
        self._cast(path, s)
        return WrittenScene(
            id=self._ids[n],
            title=s.title or "",
            characters=s.characters or (),
            setting=s.setting or "",
            action=s.action or "",
            camera=s.camera or "",
            mood=s.mood or "",
            duration=s.duration,
            continuity=s.continuity or "soft",
            keyframe=self._file((*path, "keyframe"), s.keyframe),
            clip=self._file((*path, "clip"), s.clip),
            take=s.take or 1,
            keyframe_take=s.keyframe_take or 1,
        )

    def _cast(self, path: Path, scene: SceneChanges) -> None:
        names = scene.characters or ()
        if len(names) > self._most:
            message = f"{len(names)} characters in one scene; at most {self._most} fit"
            self._note((*path, "characters"), message)
        for n, name in enumerate(names):
            at = (*path, "characters", n)
            if name in names[:n]:
                self._note(at, f"`{name}` is in this scene twice")
            elif self._closed and name not in self._names:
                self._note(at, unknown_character(name, self._names))

    def _known_label(self, label: str) -> None:
        same = [name for name in self._names if fold(name) == fold(label)]
        if not same:
            message = unknown_character(label, self._names)
            self._note(("refs", label), message, at_key=True)
        elif any(c.name in same and c.ref for c in self._text.characters or ()):
            self._note(
                ("refs", label), f"`{same[0]}` has a `ref` of its own; keep one of the two", at_key=True
            )

    def _known_scenes(self, scenes: Mapping[str, SceneChanges]) -> None:
        count = self._text.scenes
        is_open = count is None  # ideation, or the recipe, says how many there are
        ids = (
            default_ids(_MOST_SCENES if count is None else count)
            if not isinstance(count, tuple)
            else self._ids
        )
        if not ids:
            return
        meant: dict[int, str] = {}
        for key in scenes:
            found = scene_at(key, ids)
            if found is None:
                if not is_open:
                    self._note(("overrides", "scenes", key), unknown_scene(key, ids), at_key=True)
            elif (other := meant.setdefault(found, key)) != key:
                message = f"`{other}` and `{key}` mean the same scene; keep one of the two"
                self._note(("overrides", "scenes", key), message, at_key=True)

    def _with_files(self, path: Path, changes: Changes) -> Changes:
        files = {k: v for k in _FILES if (v := getattr(changes, k, None)) is not None}
        if not files:
            return changes
        return changes.model_copy(update={k: self._file((*path, k), v) for k, v in files.items()})

    def _file(self, path: Path, written: str | None, kind: InputKind | None = None) -> str | None:
        if written is None:
            return None
        if is_pin(written):
            field = "ref" if kind is not None else str(path[-1])
            return take_pin(written, field, lambda message: self._note(path, message))
        kind = kind or _FILES[str(path[-1])]
        return self._inputs.take(written, kind, lambda message: self._note(path, message))

    def _need(self, path: Path, key: str, value: str | None) -> None:
        if value or path in self._bad or (*path, key) in self._bad:
            return
        if self._document.places.has((*path, key)):
            self._note((*path, key), f"`{key}` is empty")
        else:
            self._note(path, f"`{key}` is missing")

    def _is_bad(self, path: Path, *keys: str) -> bool:
        return any((*path, key) in self._bad for key in keys)

    def _note(self, path: Path, message: str, *, at_key: bool = False) -> None:
        place = self._document.key_problem if at_key else self._document.problem
        self.problems.append(place(path, message))
