"""The shooting script: written in pure Python, without a call."""

from __future__ import annotations

import json
from dataclasses import asdict

from spicy.plan.node import ScriptJob
from spicy.spec.pins import read_pin
from spicy.steps.result import StepResult
from spicy.story.model import Scene, Story


def make_script(job: ScriptJob) -> StepResult:
    """Return the texts of `script.md`, `state.json` and one `scene.json` per scene."""
    story = job.story
    return StepResult(
        files=(
            _markdown(story).encode(),
            _json({"version": 1, **asdict(story)}),
            *(_json(asdict(scene)) for scene in story.scenes),
        ),
        facts={"scenes": len(story.scenes), "duration": sum(s.duration for s in story.scenes)},
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _markdown(story: Story) -> str:
    seconds = sum(scene.duration for scene in story.scenes)
    lines = [f"# {story.title}", "", f"{len(story.scenes)} scenes, {seconds} s, {story.aspect_ratio}", ""]
    lines += [f"**Style** {story.style}", ""]
    if story.palette:
        lines += [f"**Palette** {story.palette}", ""]
    if story.characters:
        lines += ["## Characters", ""]
        for c in story.characters:
            lines += [f"**{c.name}**{f' ({c.role})' if c.role else ''}  ", c.description or "own sheet", ""]
    lines += ["## Scenes", ""]
    start = 0
    for scene in story.scenes:
        lines += _scene(scene, start)
        start += scene.duration
    return "\n".join(lines).rstrip() + "\n"


def _whose(what: str, source: str | None) -> str:
    return f"{'Own' if read_pin(source) is None else 'Pinned'} {what}"


def _scene(scene: Scene, start: int) -> list[str]:
    lines = [f"### {scene.id}{f' · {scene.title}' if scene.title else ''}", ""]
    end = start + scene.duration
    lines.append(f"{start // 60}:{start % 60:02} – {end // 60}:{end % 60:02} ({scene.duration} s)")
    parts = [
        ("With", " and ".join(scene.characters)),
        ("Setting", scene.setting),
        ("Action", scene.action),
        ("Camera", scene.camera),
        ("Mood", scene.mood),
        (_whose("still", scene.keyframe), scene.keyframe or ""),
        (_whose("clip", scene.clip), scene.clip or ""),
    ]
    lines += ["", *(f"- **{name}** {text}" for name, text in parts if text), ""]
    return lines
