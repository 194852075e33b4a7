"""A node: one target group of a film, what it depends on and what making it means.

A node's key is made of two things only: its ingredients (every text and number its step would use: the
rendered prompts, models, parameters, thresholds) and the digests of its input files. Names of files, ids and
positions are in neither, which is why renames and re-ordering cost nothing.
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
    """What making something costs, in ticks: without a retry, probably, with every loop exhausted."""

    low: Ticks = Ticks(0)
    likely: Ticks = Ticks(0)
    worst: Ticks = Ticks(0)

    def __add__(self, other: Price) -> Price:
        return Price(
            Ticks(self.low + other.low), Ticks(self.likely + other.likely), Ticks(self.worst + other.worst)
        )


@dataclass(frozen=True, slots=True)
class CharacterJob:
    """Make a character sheet; `has_ref` says that a reference picture is among the inputs."""

    character: Character
    story: Story
    has_ref: bool
    own: bool


@dataclass(frozen=True, slots=True)
class KeyframeJob:
    """Make a scene's still from its cast's sheets; `previous` is the label of the shot before, if any."""

    scene: Scene
    story: Story
    cast: tuple[Character, ...]
    previous: str | None
    own: bool
    pinned: bool = False
    """Whether its own still is a pin: one that spicy made, or was given, before it was brought into shape."""


@dataclass(frozen=True, slots=True)
class VideoJob:
    """Make a scene's clip from its keyframe."""

    scene: Scene
    story: Story
    cast: tuple[Character, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class StoryJob:
    """Write down the resolved story; ideation itself has been asked before the graph could be known."""

    text: str


@dataclass(frozen=True, slots=True)
class ScriptJob:
    """Write the shooting script."""

    story: Story


@dataclass(frozen=True, slots=True)
class FilmJob:
    """Join the clips."""

    story: Story


@dataclass(frozen=True, slots=True)
class ReportJob:
    """Write the report from everything's receipts."""

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
    """For people."""
    job: Job
    ingredients: Mapping[str, Json]
    inputs: Mapping[str, str]
    """Label → path; the file's digest enters the key under its label."""
    pins: Mapping[str, Pin] = field(default_factory=dict)
    """Label → bytes in the store; in the key as an input is, but no file that anybody could look at."""
    unkeyed: Mapping[str, str] = field(default_factory=dict)
    """Label → path of files that are used but left out of the key (order-only)."""
    after: tuple[NodeId, ...] = ()
    """Nodes that make the inputs; and order-only ones."""
    order_only: tuple[NodeId, ...] = ()
    """Those of `after` that may fail without keeping this node from being made."""
    targets: tuple[str, ...]
    """Made files, without the receipt."""
    receipt: str
    price: Price = Price()


def node_id(film: str, step: Step, item: str) -> NodeId:
    """Name a node, and its doit task."""
    return NodeId(f"{film}:{step.value}/{item}")


def node_key(node: Node, digests: Mapping[str, Digest]) -> NodeKey:
    """Derive the key from the ingredients and the digests (label → digest) of the inputs and pins."""
    inputs = [[label, digests[label]] for label in (*node.inputs, *node.pins)]
    return NodeKey(
        digest_json(
            "spicy.node.v1",
            {"step": node.step.value, "ingredients": dict(node.ingredients), "inputs": inputs},
        )
    )
