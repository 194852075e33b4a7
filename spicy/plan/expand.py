"""Expands a story into nodes. Pure: the same story and recipe give the same graph, whatever is on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast as typed

from spicy.canonical_json import Json
from spicy.ids import NodeId, Step
from spicy.plan.node import (
    CharacterJob,
    FilmJob,
    KeyframeJob,
    Node,
    Price,
    ReportJob,
    ScriptJob,
    StoryJob,
    VideoJob,
    node_id,
)
from spicy.plan.price import Prices
from spicy.plan.prompts import StepPrompts
from spicy.ports import LOCAL_VERSION
from spicy.recipe.model import Recipe
from spicy.spec.pins import Pin, read_pin
from spicy.story.model import Character, Continuity, Scene, Story

STORY_ITEM = "story"
SCRIPT_ITEM = "script"
FILM_ITEM = "final"
REPORT_ITEM = "report"


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of one film's files; POSIX, relative to the working directory if the build folder is."""

    folder: str

    @classmethod
    def of(cls, build: str, film: str) -> Paths:
        """Return the paths of `film` below the build folder."""
        return cls(f"{PurePosixPath(build)}/{film}")

    def hidden(self, name: str) -> str:
        """Return the path of a receipt that has no asset file to stand beside."""
        return f"{self.folder}/.spicy/{name}.json"

    def character(self, slug: str, suffix: str) -> str:
        """Return the path of a character's file."""
        return f"{self.folder}/characters/{slug}{suffix}"

    def scene(self, slug: str, name: str) -> str:
        """Return the path of a scene's file."""
        return f"{self.folder}/scenes/{slug}/{name}"

    def top(self, name: str) -> str:
        """Return the path of a file of the whole film."""
        return f"{self.folder}/{name}"


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _given(label: str, source: str) -> tuple[dict[str, str], dict[str, Pin]]:
    """Return the user's source as (inputs, pins); used alike, both have the same label and so one key."""
    pin = read_pin(source)
    return ({label: source}, {}) if pin is None else ({}, {label: pin})


class _Expansion:
    """The expansion of one film; keeps the ids and paths of earlier nodes that later ones need."""

    def __init__(
        self, film: str, story: Story, story_text: str, recipe: Recipe, provider: str, build: str
    ) -> None:
        self.film, self.story, self.story_text, self.recipe = film, story, story_text, recipe
        self.paths = Paths.of(build, film)
        self.prompts = StepPrompts(recipe, provider)
        self.prices = Prices(recipe, provider)
        self.sheets: dict[str, tuple[NodeId, str]] = {}
        self.receipts: list[tuple[NodeId, str]] = []
        self.clips: list[tuple[NodeId, str]] = []

    def nodes(self) -> Iterator[Node]:
        yield self._keep(self._ideation())
        for character in self.story.characters:
            yield self._keep(self._character(character))
        yield self._keep(self._script())
        previous: tuple[NodeId, str] | None = None
        for scene in self.story.scenes:
            keyframe = None
            if scene.keyframe is not None or scene.clip is None:
                keyframe = self._keep(self._keyframe(scene, previous))
                yield keyframe
                previous = (keyframe.id, keyframe.targets[0])
            video = self._keep(self._video(scene, keyframe))
            yield video
            self.clips.append((video.id, video.targets[0]))
            if keyframe is None:
                previous = (video.id, self.paths.scene(scene.slug, "last.jpg"))
        yield self._keep(self._final())
        yield self._report()

    def _keep(self, node: Node) -> Node:
        self.receipts.append((node.id, node.receipt))
        return node

    def _id(self, step: Step, item: str) -> NodeId:
        return node_id(self.film, step, item)

    def _ideation(self) -> Node:
        return Node(
            id=self._id(Step.IDEATION, STORY_ITEM),
            film=self.film,
            folder=self.paths.folder,
            step=Step.IDEATION,
            item=STORY_ITEM,
            title="story",
            job=StoryJob(self.story_text),
            ingredients={"story": self.story_text},
            inputs={},
            targets=(self.paths.top("story.yaml"),),
            receipt=self.paths.hidden("story"),
        )

    def _character(self, character: Character) -> Node:
        own = character.sheet is not None
        source = character.sheet or character.ref
        job = CharacterJob(character, self.story, character.ref is not None and not own, own)
        suffix = _suffix(character.sheet) if character.sheet else ".jpg"
        target = self.paths.character(character.slug, suffix)
        label = "own sheet" if own else "reference picture"
        inputs, pins = _given(label, source) if source else ({}, {})
        node = Node(
            id=self._id(Step.CHARACTER, character.slug),
            film=self.film,
            folder=self.paths.folder,
            step=Step.CHARACTER,
            item=character.slug,
            title=f"character {character.name}",
            job=job,
            ingredients=self.prompts.character_ingredients(job),
            inputs=inputs,
            pins=pins,
            targets=(target,),
            receipt=self.paths.character(character.slug, ".json"),
            price=Price() if own else self.prices.character(has_ref=job.has_ref),
        )
        self.sheets[character.name] = (node.id, target)
        return node

    def _script(self) -> Node:
        scenes = tuple(self.paths.scene(s.slug, "scene.json") for s in self.story.scenes)
        return Node(
            id=self._id(Step.SCRIPT, SCRIPT_ITEM),
            film=self.film,
            folder=self.paths.folder,
            step=Step.SCRIPT,
            item=SCRIPT_ITEM,
            title="script",
            job=ScriptJob(self.story),
            ingredients={"story": self.story_text},
            inputs={},
            targets=(self.paths.top("script.md"), self.paths.top("state.json"), *scenes),
            receipt=self.paths.hidden("script"),
        )

    def _keyframe(self, scene: Scene, previous: tuple[NodeId, str] | None) -> Node:
        own = scene.keyframe is not None
        cast = self.story.cast(scene)
        strict = scene.continuity is Continuity.STRICT and previous is not None
        uses = not own and previous is not None and scene.continuity is not Continuity.NONE
        # The sheets take the reference slots first; the previous keyframe needs a free one.
        uses = uses and len(cast) < self.recipe.limits.references_per_edit
        pins: dict[str, Pin] = {}
        pinned = read_pin(scene.keyframe) is not None
        job = KeyframeJob(scene, self.story, cast, "previous keyframe" if uses else None, own, pinned)
        inputs, unkeyed, after = self._cast_inputs(() if own else cast)
        if scene.keyframe is not None:
            inputs, pins = _given("pinned still" if pinned else "own still", scene.keyframe)
        if uses and previous is not None:
            (inputs if strict else unkeyed)["previous keyframe"] = previous[1]
            after.append(previous[0])
        suffix = _suffix(scene.keyframe) if scene.keyframe else ".jpg"
        return Node(
            id=self._id(Step.KEYFRAME, scene.slug),
            film=self.film,
            folder=self.paths.folder,
            step=Step.KEYFRAME,
            item=scene.slug,
            title=_titled("keyframe", scene),
            job=job,
            ingredients=self.prompts.keyframe_ingredients(job),
            inputs=inputs,
            pins=pins,
            unkeyed=unkeyed,
            after=tuple(after),
            order_only=(previous[0],) if unkeyed and previous is not None else (),
            targets=(self.paths.scene(scene.slug, f"keyframe{suffix}"),),
            receipt=self.paths.scene(scene.slug, "keyframe.json"),
            price=Price() if own else self.prices.keyframe(references=len(cast) + uses),
        )

    def _cast_inputs(
        self, cast: tuple[Character, ...]
    ) -> tuple[dict[str, str], dict[str, str], list[NodeId]]:
        # Labels are positions among the sheets, so that renaming a character remakes nothing.
        inputs = {f"sheet {n}": self.sheets[c.name][1] for n, c in enumerate(cast, 1)}
        return inputs, {}, [self.sheets[c.name][0] for c in cast]

    def _video(self, scene: Scene, keyframe: Node | None) -> Node:
        own = scene.clip is not None
        cast = () if own else self.story.cast(scene)
        job = VideoJob(scene, self.story, cast, own)
        inputs, _, after = self._cast_inputs(cast)
        pins: dict[str, Pin] = {}
        if scene.clip is not None:
            inputs, pins = _given("own clip", scene.clip)
        elif keyframe is not None:
            inputs = {"keyframe": keyframe.targets[0], **inputs}
            after.append(keyframe.id)
        suffix = _suffix(scene.clip) if scene.clip else ".mp4"
        return Node(
            id=self._id(Step.VIDEO, scene.slug),
            film=self.film,
            folder=self.paths.folder,
            step=Step.VIDEO,
            item=scene.slug,
            title=_titled("clip", scene),
            job=job,
            ingredients=self.prompts.video_ingredients(job),
            inputs=inputs,
            pins=pins,
            after=tuple(after),
            targets=tuple(
                self.paths.scene(scene.slug, n) for n in (f"clip{suffix}", "first.jpg", "last.jpg")
            ),
            receipt=self.paths.scene(scene.slug, "clip.json"),
            price=Price() if own else self.prices.video(duration=scene.duration, cast=len(cast)),
        )

    def _final(self) -> Node:
        recipe = self.recipe
        return Node(
            id=self._id(Step.ASSEMBLY, FILM_ITEM),
            film=self.film,
            folder=self.paths.folder,
            step=Step.ASSEMBLY,
            item=FILM_ITEM,
            title="final film",
            job=FilmJob(self.story),
            ingredients={
                "title": self.story.title,
                "version": LOCAL_VERSION,
                "aspect_ratio": self.story.aspect_ratio,
                "resolution": recipe.output.resolution,
                "fps": recipe.output.fps,
                **typed(dict[str, Json], recipe.assembly.model_dump()),
            },
            inputs={f"clip {n:04}": path for n, (_, path) in enumerate(self.clips, 1)},
            after=tuple(id for id, _ in self.clips),
            targets=(self.paths.top("final.mp4"),),
            receipt=self.paths.hidden("final"),
        )

    def _report(self) -> Node:
        return Node(
            id=self._id(Step.ASSEMBLY, REPORT_ITEM),
            film=self.film,
            folder=self.paths.folder,
            step=Step.ASSEMBLY,
            item=REPORT_ITEM,
            title="report",
            job=ReportJob(self.story),
            ingredients={"story": self.story_text},
            inputs={path.removeprefix(self.paths.folder + "/"): path for _, path in self.receipts},
            after=tuple(id for id, _ in self.receipts),
            targets=(self.paths.top("manifest.json"), self.paths.top("report.html")),
            receipt=self.paths.hidden("report"),
        )


def _titled(what: str, scene: Scene) -> str:
    return f"{what} {scene.id}" + (f" · {scene.title}" if scene.title else "")


def expand(
    film: str, story: Story, story_text: str, recipe: Recipe, provider: str, build: str
) -> tuple[Node, ...]:
    """Return the nodes of one film in dependency order.

    `story_text` is the story as written to `story.yaml`.
    """
    return tuple(_Expansion(film, story, story_text, recipe, provider, build).nodes())
