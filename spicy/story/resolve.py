"""One story out of three voices: what ideation answered, what the user wrote, what the user overrode.

The user wins over the model, an override over both. What nobody said comes from the recipe.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from spicy.errors import Problem, SpecError
from spicy.recipe.model import Recipe
from spicy.slug import fold, slug
from spicy.spec.model import (
    CharacterChanges,
    SceneChanges,
    Spec,
    WrittenCharacter,
    WrittenScene,
    default_ids,
    scene_at,
    unknown_character,
    unknown_scene,
)
from spicy.spec.positions import Path
from spicy.story.draft import DraftScene, StoryDraft, match_labels
from spicy.story.model import Character, Continuity, Scene, Story


def resolve_story(spec: Spec, recipe: Recipe, draft: StoryDraft | None, labels: Mapping[str, str]) -> Story:
    """Resolve the story of a film; `labels` says which character each reference label means.

    Labels that `labels` leaves out are matched by name. Raises SpecError with every mistake that shows
    only now: overrides and labels of nobody, colliding file names, too many characters in a scene. Raises
    ValueError without a draft when the spec needs one.
    """
    if draft is None and spec.needs_ideation:
        raise ValueError(f"{spec.path} needs ideation before it can be resolved")
    work = _Resolving(spec, recipe, draft)
    characters = work.characters(labels)
    scenes = work.scenes(characters)
    if work.problems:
        raise SpecError(work.problems)
    # A sheet of somebody whom only the model wanted and no scene shows would be paid for nothing.
    kept = {c.name for c in spec.characters or ()}.union(*(s.characters for s in scenes))
    characters = tuple(c for c in characters if c.name in kept)
    return Story(
        title=spec.title or (draft.title if draft else "") or _title(spec.film),
        style=spec.style or (draft.style if draft else "") or recipe.story.style,
        palette=spec.palette or "",
        aspect_ratio=spec.aspect_ratio or recipe.story.aspect_ratio,
        characters=characters,
        scenes=scenes,
    )


def _title(film: str) -> str:
    words = film.replace("_", " ").replace("-", " ").split()
    return " ".join(words).capitalize()


class _Resolving:
    """One resolution, with the mistakes found on the way."""

    def __init__(self, spec: Spec, recipe: Recipe, draft: StoryDraft | None) -> None:
        self._spec, self._recipe, self._draft = spec, recipe, draft
        self.problems: list[Problem] = []

    # --- characters ---

    def characters(self, labels: Mapping[str, str]) -> tuple[Character, ...]:
        """All characters: written ones first, then those that only ideation knows."""
        written = [_from_written(c) for c in self._spec.characters or ()]
        names = [c.name for c in written]
        # A written character is the user's alone, however the model spelt the name.
        invented = [
            Character(name=c.name, description=c.description, role=c.role, slug=slug(c.name))
            for c in (self._draft.characters if self._draft else ())
            if not any(fold(c.name) == fold(name) for name in names)
        ]
        everyone = {c.name: c for c in (*written, *invented)}
        self._refs(everyone, labels)
        for name, changes in self._spec.overrides.characters.items():
            path: Path = ("overrides", "characters", name)
            if name in everyone:
                everyone[name] = dataclasses.replace(everyone[name], **_said(changes))
            else:
                self._note(path, unknown_character(name, list(everyone)), at_key=True)
        self._slugs_differ(list(everyone.values()))
        return tuple(everyone.values())

    def _refs(self, everyone: dict[str, Character], labels: Mapping[str, str]) -> None:
        matches, _ = match_labels([label for label in self._spec.refs if label not in labels], everyone)
        matches.update({label: name for label, name in labels.items() if label in self._spec.refs})
        by_name: dict[str, str] = {}
        for label, file in self._spec.refs.items():
            name, path = matches.get(label, label), ("refs", label)
            if name not in everyone:
                message = unknown_character(label if label not in matches else name, list(everyone))
                self._note(path, message, at_key=True)
            elif (other := by_name.setdefault(name, label)) != label:
                self._note(path, f"the labels `{other}` and `{label}` both mean `{name}`", at_key=True)
            elif everyone[name].ref is not None:
                self._note(path, f"`{name}` has a `ref` of its own; keep one of the two", at_key=True)
            else:
                everyone[name] = dataclasses.replace(everyone[name], ref=file)

    def _slugs_differ(self, characters: Sequence[Character]) -> None:
        first: dict[str, Character] = {}
        for c in characters:
            other = first.setdefault(c.slug, c)
            if other is not c:
                message = f"the characters `{other.name}` and `{c.name}` would share the file name `{c.slug}`"
                self._note(("characters",), message)

    # --- scenes ---

    def scenes(self, characters: Sequence[Character]) -> tuple[Scene, ...]:
        """All scenes, patched and checked against the cast."""
        scenes = self._base_scenes()
        ids = [s.id for s in scenes]
        patches: dict[int, str] = {}
        for key, changes in self._spec.overrides.scenes.items():
            found = scene_at(key, ids)
            if found is None:
                self._note(("overrides", "scenes", key), unknown_scene(key, ids), at_key=True)
            else:
                patches[found] = key
                scenes[found] = dataclasses.replace(scenes[found], **_said(changes))
        names = [c.name for c in characters]
        for n, scene in enumerate(scenes):
            self._cast_fits(scene, self._cast_path(n, patches), names)
        return tuple(scenes)

    def _base_scenes(self) -> list[Scene]:
        if isinstance(self._spec.scenes, tuple):
            return [_from_scene(s, self._recipe.story.duration) for s in self._spec.scenes]
        drafted = self._draft.scenes if self._draft else ()
        known = [c.name for c in self._spec.characters or ()]
        return [
            _from_draft(id, scene, known)
            for id, scene in zip(default_ids(len(drafted)), drafted, strict=True)
        ]

    def _cast_path(self, n: int, patches: Mapping[int, str]) -> Path:
        key = patches.get(n)
        if key is not None and self._spec.overrides.scenes[key].characters is not None:
            return ("overrides", "scenes", key, "characters")
        return ("scenes", n, "characters") if isinstance(self._spec.scenes, tuple) else ("concept",)

    def _cast_fits(self, scene: Scene, path: Path, names: Sequence[str]) -> None:
        most = self._recipe.limits.characters_per_scene
        count = len(scene.characters)
        if count > most:
            self._note(
                path, f"scene {scene.id} has {count} characters; recipe {self._recipe.name} allows {most}"
            )
        for n, name in enumerate(scene.characters):
            if name not in names:
                at = path if path == ("concept",) else (*path, n)
                self._note(at, f"scene {scene.id}: {unknown_character(name, names)}")

    def _note(self, path: Path, message: str, *, at_key: bool = False) -> None:
        self.problems.append(self._spec.problem(path, message, at_key=at_key))


def _said(changes: CharacterChanges | SceneChanges) -> dict[str, Any]:
    said: dict[str, Any] = {key: value for key, value in changes if value is not None}
    if "continuity" in said:
        said["continuity"] = Continuity(said["continuity"])
    return said


def _from_written(c: WrittenCharacter) -> Character:
    return Character(
        name=c.name,
        description=c.description,
        role=c.role,
        slug=slug(c.name),
        ref=c.ref,
        sheet=c.sheet,
        take=c.take,
    )


def _from_scene(s: WrittenScene, duration: int) -> Scene:
    return Scene(
        id=s.id,
        slug=slug(s.id),
        title=s.title,
        characters=s.characters,
        setting=s.setting,
        action=s.action,
        camera=s.camera,
        mood=s.mood,
        duration=s.duration or duration,
        continuity=Continuity(s.continuity),
        keyframe=s.keyframe,
        clip=s.clip,
        take=s.take,
        keyframe_take=s.keyframe_take,
    )


def _from_draft(id: str, s: DraftScene, written: Sequence[str]) -> Scene:
    spelt = {fold(name): name for name in written}
    return Scene(
        id=id,
        slug=slug(id),
        title=s.title,
        characters=tuple(spelt.get(fold(name), name) for name in s.characters),
        setting=s.setting,
        action=s.action,
        camera=s.camera,
        mood=s.mood,
        duration=s.duration,
    )
