"""Runs as values: what the runs database remembers of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from spicy.events import Event
from spicy.ids import CallKey, Digest, NodeId, Step, Ticks
from spicy.story.model import Story

DATABASE = "spicy.db"
"""The file's name in the build folder."""


class RunState(StrEnum):
    """How a run stands."""

    STARTING = "starting"
    """Launched from a page; its process has not recorded anything yet."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    MISTAKE = "mistake"
    """In the spec, or in how the build was called."""
    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    DIED = "died"
    """It came to no end, and its process is gone."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in it."""
        return self not in (RunState.STARTING, RunState.RUNNING)


_ENDS = {
    0: RunState.DONE,
    1: RunState.FAILED,
    2: RunState.MISTAKE,
    3: RunState.BUDGET,
    130: RunState.INTERRUPTED,
}


def state_of(exit_code: int | None, *, alive: bool) -> RunState:
    """How a recorded run stands: by its exit code, or while it has none by whether its process lives."""
    if exit_code is None:
        return RunState.RUNNING if alive else RunState.DIED
    return _ENDS.get(exit_code, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as one row. Counts are of targets; `paid` and `saved` grow while it goes on.

    `failed` counts real failures, `stopped` what the user or the budget stopped. `place` and `pid` say which
    process it is, or was. `seconds` is None until the end.
    """

    id: str
    state: RunState
    started: str
    finished: str | None
    films: tuple[str, ...]
    specs: tuple[str, ...]
    titles: tuple[str, ...]
    until: str
    provider: str
    cap: Ticks | None
    exit_code: int | None
    total: int
    made: int
    fresh: int
    failed: int
    stopped: int
    blocked: int
    paid: Ticks
    saved: Ticks
    seconds: float | None
    pid: int
    place: str

    @property
    def ready(self) -> int:
        """Targets that are there: what failed, or was not tried, is no progress."""
        return self.made + self.fresh


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of a run as the database keeps it: numbered, and with its moment (UTC, ISO 8601)."""

    id: int
    at: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """An attempt that some run made or found in the store: a row of one of the three asset tables.

    `run` is the first that had it, `used` whether the newest run that made this target chose it.
    """

    id: int
    run: str
    at: str
    film: str
    step: Step
    item: str
    number: int
    take: int
    key: CallKey
    digest: Digest
    suffix: str
    score: float | None
    problems: tuple[str, ...]
    cost: Ticks
    used: bool


STEPS: Mapping[str, Step] = {
    "character_assets": Step.CHARACTER,
    "keyframe_assets": Step.KEYFRAME,
    "video_assets": Step.VIDEO,
}
"""The asset tables, and whose attempts each holds."""


def parts(node: NodeId) -> tuple[str, Step, str]:
    """Film, step and item of a node's id."""
    film, _, rest = node.partition(":")
    step, _, item = rest.partition("/")
    return film, Step(step), item


def count_targets(story: Story, until: str) -> int:
    """How many targets a film of this story has, or a storyboard of it that stops after `until`."""
    keyframes = sum(s.keyframe is not None or s.clip is None for s in story.scenes)
    count = 1 + len(story.characters)  # the story itself
    if until != "characters":
        count += 1 + keyframes  # the script
    if until not in ("characters", "keyframes"):
        count += len(story.scenes)
    return count if until else count + 2  # the film and its report


def database(build: Path) -> Path:
    """Where the runs of a build folder are kept."""
    return build / DATABASE
