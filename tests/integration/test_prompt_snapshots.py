"""Every word that a recipe sends to Grok for one film, kept in tests/data/prompts, so that a change shows in review.

After a change that is meant: `python -m tests.integration.test_prompt_snapshots` writes them anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

import pytest

from spicy.ports import Call, ChatCall, EditCall, ImageCall, VideoCall, inputs_of
from tests.conftest import ROOT, Project
from tests.scripted import GOOD
from tests.scripted_film import Studio

FOLDER = ROOT / "tests/data/prompts"
RECIPES = ("default", "draft", "references")

CONCEPT = """\
recipe: RECIPE
concept: A fox meets an owl
style: flat paper cut-outs
palette: amber and moonlight
refs: {the fox: fox.jpg}
scenes: 2
overrides: {scenes: {2: {continuity: strict}}}
"""
STORY = {
    "title": "The Oak",
    "style": "",
    "characters": [
        {"name": "Ember", "role": "hero", "description": "A small red fox with a white tail tip."},
        {"name": "Sage", "role": "mentor", "description": "A great grey owl with amber eyes."},
    ],
    "scenes": [
        {
            "title": "Meeting",
            "characters": ["Ember", "Sage"],
            "setting": "A moonlit oak clearing.",
            "action": "Ember walks up to Sage, who turns her head.",
            "camera": "low angle, slow push-in",
            "mood": "hushed",
            "duration": 4,
        },
        {
            "title": "River",
            "characters": ["Ember"],
            "setting": "A river at dawn.",
            "action": "Ember drinks.",
            "camera": "",
            "mood": "",
            "duration": 3,
        },
    ],
}
BAD_STORY = {**STORY, "scenes": STORY["scenes"][:1]}  # type: ignore[index]


class Critic:
    """Finds fault with the first of everything, so that every prompt about problems is sent once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.sent: list[str] = []

    def note(self, call: Call) -> None:
        """Write down a call as it travels."""
        prompt = call.sent_prompt() if isinstance(call, ImageCall) else call.prompt
        match call:
            case ChatCall():
                more = f"{call.schema.name}, {len(call.images)} pictures"
            case ImageCall():
                more = f"{call.aspect_ratio} {call.resolution} {call.quality}, {len(call.sent_images())} pictures"
            case VideoCall():
                more = f"{call.duration} s {call.resolution}, {len(inputs_of(call))} pictures"
            case EditCall():
                more = f"{call.resolution}, a clip"
            case _:
                raise AssertionError(call)
        self.sent.append(f"### {call.kind.value} to {call.model}: {more}\n{prompt}\n")

    def answer(self, call: ChatCall) -> str:
        """The text of a chat's answer."""
        first = call.prompt not in self.seen
        self.seen.add(call.prompt)
        if call.schema.name == "story":
            return json.dumps(BAD_STORY if len(self.seen) == 1 else STORY)
        if call.schema.name == "check":
            low = {"score": 0.4, "problems": ["the tail tip is grey", "one ear is missing"]}
            return json.dumps(low) if first else GOOD
        return json.dumps({"matches": [{"label": "the fox", "name": "Ember"}]})


def sent(recipe: str, project: Project) -> str:
    """All that is sent for the film, in order."""
    from PIL import Image

    studio, critic = Studio(project, "xai"), Critic()
    Image.new("RGB", (32, 32), "red").save(project.root / "fox.jpg")
    project.write("film.yaml", CONCEPT.replace("RECIPE", recipe))
    studio.provider.on_submit = critic.note
    studio.provider.verdict = critic.answer
    assert studio.build(jobs=1) == 0, studio.failures()
    return "\n".join(critic.sent)


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_sent_is_what_was_reviewed(recipe: str, project: Project) -> None:
    assert sent(recipe, project) == (FOLDER / f"{recipe}.txt").read_text(encoding="utf-8")


def test_names_and_motion_stay_where_they_belong() -> None:
    for recipe in RECIPES:
        for part in (FOLDER / f"{recipe}.txt").read_text(encoding="utf-8").split("### ")[1:]:
            head, _, prompt = part.partition("\n")
            kind = head.split()[0]
            if kind == "chat":
                continue
            assert prompt.startswith("flat paper cut-outs."), head  # the style lock comes first
            # A name in a prompt would make a renamed character a paid one; it may stand in the user's own action.
            own = "Ember walks up to Sage, who turns her head.", "Ember drinks."
            rest = prompt.replace(own[0], "").replace(own[1], "")
            assert not {"Ember", "Sage"} & set(rest.replace(".", " ").replace(",", " ").split()), head
            assert (own[0] in prompt or own[1] in prompt) == (kind == "video"), head


def _renew() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for recipe in RECIPES:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            os.environ["SPICY_CACHE_DIR"] = f"{folder}/cache"
            text = sent(recipe, Project(Path(folder)))
        (FOLDER / f"{recipe}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _renew()
