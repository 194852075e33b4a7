"""Nodes: a node is one target group of a film, with its dependencies and the job that makes it.

A node's key is derived from two things only: its ingredients (every text and number its step uses: the
rendered prompts, models, parameters, thresholds) and the digests of its input files. File names, ids and
positions are in neither, so renaming and re-ordering cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spicy.canonical_json import Json, digest_json
from spicy.ids import Digest, NodeId, NodeKey, Step, Ticks
from spicy.spec.pins import Pin
from spicy.story.model import Character, Scene, Story


@dataclass(frozen=True, slots=True)
class Price:
    """A price in ticks: `low` without a retry, `likely`, and `worst` with every retry loop exhausted."""

    low: Ticks = Ticks(0)
    likely: Ticks = Ticks(0)
    worst: Ticks = Ticks(0)

    def __add__(self, other: Price) -> Price:
        return Price(
            Ticks(self.low + other.low), Ticks(self.likely + other.likely), Ticks(self.worst + other.worst)
        )


@dataclass(frozen=True, slots=True)
class CharacterJob:
    """A character sheet; `has_ref` is true if a reference picture is among the inputs."""

    character: Character
    story: Story
    has_ref: bool
    own: bool


@dataclass(frozen=True, slots=True)
class KeyframeJob:
    """A scene's still, made from its cast's sheets; `previous` is the previous keyframe's label, if any."""

    scene: Scene
    story: Story
    cast: tuple[Character, ...]
    previous: str | None
    own: bool
    pinned: bool = False
    """True if its own still is a pin: a stored picture that is not yet cropped to the film's aspect ratio."""


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A scene's clip, made from its keyframe."""

    scene: Scene
    story: Story
    cast: tuple[Character, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class StoryJob:
    """The resolved story's file; ideation itself runs before the graph is known."""

    text: str


@dataclass(frozen=True, slots=True)
class ScriptJob:
    """The shooting script."""

    story: Story


@dataclass(frozen=True, slots=True)
class FilmJob:
    """The joined film."""

    story: Story


@dataclass(frozen=True, slots=True)
class ReportJob:
    """The report, made from the receipts of all other nodes."""

    story: Story


Job = CharacterJob | KeyframeJob | VideoJob | StoryJob | ScriptJob | FilmJob | ReportJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One target group. Paths are POSIX and relative to the working directory (or absolute)."""

    id: NodeId
    film: str
    folder: str
    """The film's folder; receipts name targets relative to it."""
    step: Step
    item: str
    title: str
    """Display name."""
    job: Job
    ingredients: Mapping[str, Json]
    inputs: Mapping[str, str]
    """Label → path; the file's digest enters the key under its label."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Label → bytes in the store; in the key like an input, but not a file in the project."""
    unkeyed: Mapping[str, str] = field(default_factory=dict)
    """Label → path of files that are used but not in the key (order-only)."""
    after: tuple[NodeId, ...] = ()
    """Nodes that make the inputs, including order-only ones."""
    order_only: tuple[NodeId, ...] = ()
    """Nodes of `after` whose failure does not block this node."""
    targets: tuple[str, ...]
    """The files it makes, without the receipt."""
    receipt: str
    price: Price = Price()


def node_id(film: str, step: Step, item: str) -> NodeId:
    """Return the id of a node, which is also the name of its doit task."""
    return NodeId(f"{film}:{step.value}/{item}")


def node_key(node: Node, digests: Mapping[str, Digest]) -> NodeKey:
    """Return the key of the ingredients and the digests (label → digest) of the inputs and pins."""
    inputs = [[label, digests[label]] for label in (*node.inputs, *node.pins)]
    return NodeKey(
        digest_json(
            "spicy.node.v1",
            {"step": node.step.value, "ingredients": dict(node.ingredients), "inputs": inputs},
        )
    )
