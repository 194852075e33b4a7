"""A whole film through doit, in this process, with a scripted provider: what is asked, and what is not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from spicy.errors import Refused
from spicy.ids import ticks
from spicy.plan.node import Price
from spicy.ports import Answer, Call, ChatCall, ImageCall, Running, Ticket, VideoCall
from tests.conftest import Project
from tests.scripted import GOOD
from tests.scripted_film import RECIPE, Studio


@pytest.fixture
def studio(project: Project) -> Studio:
    return Studio(project)


def test_a_film_takes_the_calls_that_it_should(studio: Studio) -> None:
    assert studio.build() == 0
    # 2 sheets, 2 keyframes; 2 clips; a check for each of the six
    assert studio.asked() == {"image": 4, "chat": 6, "video": 2}
    assert (studio.project.root / "build/film/final.mp4").stat().st_size > 0
    assert studio.build() == 0
    assert studio.asked() == {}


def test_low_is_the_bill_when_nothing_is_retried_and_worst_when_everything_is(studio: Studio) -> None:
    before = studio.price()
    bill = 2 * ticks(0.045) + ticks(0.065) + ticks(0.065) + 2 * ticks(0.052 + 0.005)
    assert before.low == bill
    assert before.low < before.likely < before.worst
    studio.build()
    assert studio.price() == Price()


@pytest.mark.parametrize(
    ("old", "new", "calls"),
    [
        ("Ember drinks", "Ember looks up", {"video": 1, "chat": 1}),
        ("a river at dawn", "a river at dusk", {"image": 1, "video": 1, "chat": 2}),
        ("camera: push-in", "camera: pan left", {"image": 1, "video": 1, "chat": 2}),
        ("a great grey owl", "a great white owl", {"image": 2, "video": 1, "chat": 3}),
        ("title: Two scenes", "title: Another title", {}),
        ("- {characters: [Ember],", "- {id: river, characters: [Ember],", {}),
        ("title: Two scenes", "# a comment\ntitle: Two scenes", {}),
        ("recipe: scripted\ntitle: Two scenes\n", "title: Two scenes\nrecipe: scripted\n", {}),
        ("action: Ember drinks,", "take: 2, action: Ember drinks,", {"video": 1, "chat": 1}),
        (
            "action: Ember drinks,",
            "keyframe_take: 2, action: Ember drinks,",
            {"image": 1, "video": 1, "chat": 2},
        ),
        ("a small red fox}", "a small red fox, take: 2}", {"image": 3, "video": 2, "chat": 5}),
        ("setting: an oak", "continuity: none, setting: an oak", {}),
    ],
    ids=[
        "action",
        "setting",
        "camera",
        "description",
        "title",
        "rename",
        "comment",
        "order",
        "take",
        "keyframe-take",
        "character-take",
        "continuity",
    ],
)
def test_an_edit_remakes_what_it_touches_and_a_revert_nothing(
    studio: Studio, old: str, new: str, calls: dict[str, int]
) -> None:
    studio.build()
    studio.asked()
    final = (studio.project.root / "build/film/final.mp4").read_bytes()
    studio.edit(old, new)
    assert studio.build() == 0
    assert studio.asked() == calls
    studio.edit(new, old)
    assert studio.build() == 0
    assert studio.asked() == {}
    assert (studio.project.root / "build/film/final.mp4").read_bytes() == final


def test_swapping_and_inserting_scenes_asks_only_for_what_is_new(studio: Studio) -> None:
    studio.build()
    studio.asked()
    first, second = studio.project.read("film.yaml").splitlines()[-2:]
    studio.edit(f"{first}\n{second}", f"{second}\n{first}")
    assert studio.build() == 0
    assert studio.asked() == {}
    new = "  - {characters: [Sage], setting: a hollow tree, action: Sage blinks, duration: 1}"
    studio.edit(f"{second}\n", f"{second}\n{new}\n")
    assert studio.build() == 0
    assert studio.asked() == {"image": 1, "video": 1, "chat": 2}


def test_strict_continuity_is_in_the_key_and_soft_is_not(studio: Studio) -> None:
    studio.edit("setting: a river", "continuity: strict, setting: a river")
    studio.build()
    studio.asked()
    studio.edit("an oak clearing", "a birch clearing")
    assert studio.build() == 0
    assert studio.asked() == {"image": 2, "video": 2, "chat": 4}


def low_until(round: int, kind: str) -> Callable[[ChatCall], str]:
    """A judge that is content with the `round`-th try of what `kind` names."""
    seen: dict[str, int] = {}

    def verdict(call: ChatCall) -> str:
        if kind not in call.prompt:
            return GOOD
        seen[call.prompt] = seen.get(call.prompt, 0) + 1
        good = seen[call.prompt] >= round
        return json.dumps({"score": 0.9 if good else 0.4, "problems": [] if good else ["the tail is blue"]})

    return verdict


def test_a_low_score_is_tried_again_with_what_was_wrong(studio: Studio) -> None:
    studio.provider.verdict = low_until(2, "character sheet")
    assert studio.build() == 0
    assert studio.asked() == {"image": 6, "chat": 8, "video": 2}
    attempts = studio.receipt("characters/ember.json")["attempts"]
    assert [(a["score"], a["chosen"]) for a in attempts] == [(0.4, False), (0.9, True)]  # type: ignore[index,attr-defined]
    prompts = [c["prompt"] for c in studio.receipt("characters/ember.json")["calls"]]  # type: ignore[attr-defined]
    assert "the tail is blue" in prompts[2]
    assert "the tail is blue" not in prompts[0]


def test_the_best_is_kept_with_a_warning_when_all_are_low(studio: Studio) -> None:
    studio.provider.verdict = low_until(99, "last frame")
    worst = studio.price().worst
    assert studio.build() == 0
    kinds = studio.asked()
    assert kinds == {"image": 4, "chat": 10, "video": 2, "edit": 4}
    assert "best of 3 scored 0.40, under 0.80 (the tail is blue)" in studio.warnings()["film:video/01"]
    assert worst > 0


def test_on_low_fail_fails_that_scene_alone(studio: Studio) -> None:
    studio.project.write("recipes/scripted.yaml", RECIPE + "verify: {on_low: fail}\n")
    studio.provider.verdict = low_until(99, "last frame")
    assert studio.build() == 1
    assert set(studio.failures()) == {"film:video/01", "film:video/02"}
    assert not (studio.project.root / "build/film/final.mp4").exists()


@pytest.mark.parametrize("answer", ["", "{", '{"score": 7, "problems": []}', '{"problems": []}'])
def test_an_unreadable_verdict_is_asked_once_more_and_is_no_score(studio: Studio, answer: str) -> None:
    studio.provider.verdict = lambda call: answer if "character sheet" in call.prompt else GOOD
    assert studio.build() == 0
    assert studio.asked() == {"image": 4, "chat": 8, "video": 2}
    attempts = studio.receipt("characters/ember.json")["attempts"]
    assert [(a["score"], a["chosen"]) for a in attempts] == [(None, True)]  # type: ignore[index,attr-defined]


def test_one_refused_scene_keeps_its_siblings_and_is_not_asked_again(studio: Studio) -> None:
    def refuse(call: Call) -> None:
        if isinstance(call, VideoCall) and "drinks" in call.prompt:
            raise Refused("blocked by content moderation")

    studio.provider.on_submit = refuse
    assert studio.build() == 1
    said, billed, prompt = studio.failures()["film:video/02"].split("\n", 2)
    assert said.startswith("blocked by content moderation (the provider did not report the cost; ")
    assert billed == "billed: $0.052"
    assert prompt.startswith("prompt: ")
    assert "drinks" in prompt
    assert (studio.project.root / "build/film/scenes/01/clip.mp4").exists()
    studio.asked()
    assert studio.build() == 1
    assert studio.asked() == {}
    studio.edit("Ember drinks", "Ember rests")
    assert studio.build() == 0
    assert studio.asked() == {"video": 1, "chat": 1}


def test_the_budget_stops_new_calls_and_keeps_what_was_bought(studio: Studio) -> None:
    studio.provider.bill = lambda call: ticks(0.005 if isinstance(call, ChatCall) else 0.04)
    assert studio.build(cap=0.12, jobs=8) == 3
    assert studio.asked()["image"] == 2
    assert (studio.project.root / "build/film/characters/ember.jpg").exists()
    assert studio.build() == 0
    assert studio.asked()["image"] == 2


def test_a_deleted_build_folder_comes_back_for_nothing(studio: Studio) -> None:
    import shutil

    studio.build()
    studio.asked()
    build = studio.project.root / "build"
    before = {
        p.relative_to(build): p.read_bytes() for p in build.rglob("*") if p.suffix in {".jpg", ".mp4", ".md"}
    }
    shutil.rmtree(build)
    assert studio.build() == 0
    assert studio.asked() == {}
    assert {p: (build / p).read_bytes() for p in before} == before


def test_the_previous_keyframe_is_sent_along_but_its_note_is_in_no_key(studio: Studio) -> None:
    sent: list[ImageCall] = []
    studio.provider.on_submit = lambda call: sent.append(call) if isinstance(call, ImageCall) else None
    studio.build(jobs=1)
    river = next(call for call in sent if "river" in call.prompt)
    assert len(river.images) == 1
    assert len(river.sent_images()) == 2
    assert "<IMAGE_1> is the shot before" in river.sent_prompt()
    assert "shot before" not in river.prompt


def test_another_model_is_told_once_and_stands_on_every_receipt(studio: Studio) -> None:
    poll = studio.provider.poll

    def other(ticket: Ticket) -> Running | Answer:
        state = poll(ticket)
        return dataclasses.replace(state, model="another") if isinstance(state, Answer) else state

    studio.provider.poll = other  # type: ignore[method-assign]
    assert studio.build() == 0
    told = [said for said in studio.warnings().values() if "another answered" in said]
    assert sorted(told) == [
        "i was asked, another answered; this warning is shown once, each receipt names the model that answered",
        "v was asked, another answered; this warning is shown once, each receipt names the model that answered",
    ]
    for name in ("scenes/01/clip.json", "scenes/02/clip.json", "scenes/01/keyframe.json"):
        assert '"another"' in json.dumps(studio.receipt(name))
