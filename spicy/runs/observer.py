"""Observers: whoever wants to hear of a run by its steps instead of by its events.

An observer hears after the fact and from a thread that is not the build's; what it raises ends its own
listening, never the run.
"""

from __future__ import annotations

from spicy.events import (
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    Planned,
    RunFinished,
    RunStarted,
    StoryTold,
)
from spicy.ids import Step
from spicy.runs.model import parts


class NullObserver:
    """Hears everything and does nothing; the one to inherit from."""

    def on_run_start(self, event: RunStarted) -> None:
        """A run begins."""

    def on_plan(self, event: Planned) -> None:
        """How much of a film is to be made, and for how much."""

    def on_story(self, event: StoryTold) -> None:
        """What a film is about."""

    def on_character(self, event: NodeDone) -> None:
        """A character's sheet is made."""

    def on_keyframe(self, event: NodeDone) -> None:
        """A scene's still is made."""

    def on_script(self, event: NodeDone) -> None:
        """The shooting script is written."""

    def on_video(self, event: NodeDone) -> None:
        """A scene's clip is made."""

    def on_film(self, event: NodeDone) -> None:
        """The story is written down, the film is joined, or its report is made."""

    def on_error(self, event: NodeFailed | NodeBlocked) -> None:
        """A target could not be made, or was not tried."""

    def on_progress(self, event: Event) -> None:
        """Everything else: work begins, a call moves on, a target was up to date."""

    def on_complete(self, event: RunFinished) -> None:
        """A run ends."""


def tell(observer: NullObserver, event: Event) -> None:
    """Call what an event is for."""
    match event:
        case RunStarted():
            observer.on_run_start(event)
        case StoryTold():
            observer.on_story(event)
        case Planned():
            observer.on_plan(event)
        case NodeDone():
            _tell_done(observer, event)
        case NodeFailed() | NodeBlocked():
            observer.on_error(event)
        case RunFinished():
            observer.on_complete(event)
        case _:
            observer.on_progress(event)


def _tell_done(observer: NullObserver, event: NodeDone) -> None:
    match parts(event.node)[1]:
        case Step.CHARACTER:
            observer.on_character(event)
        case Step.KEYFRAME:
            observer.on_keyframe(event)
        case Step.SCRIPT:
            observer.on_script(event)
        case Step.VIDEO:
            observer.on_video(event)
        case Step.IDEATION | Step.ASSEMBLY:
            observer.on_film(event)
