"""A film through the true SDK over a true wire: the emulator's ledger says what was accepted and billed."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spicy.emulator import Emulator, Fault
from spicy.ids import ticks
from tests.acceptance.films import CONCEPT, DODO, WRITTEN, doit, finished, store
from tests.conftest import Project

KEY = "xai-secret-7f3a"
RECIPE = """\
extends: default
output: {resolution: 480p}
rates: {xai: {chat: 1000, image: 1000, video: 1000}}
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(time_scale=0.01, seed=1, key=KEY) as running:
        yield running


@pytest.fixture
def studio(project: Project, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("GROK_API_KEY", KEY)
    monkeypatch.setenv("SPICY_XAI_HOST", emulator.host)
    project.write("recipes/quick.yaml", RECIPE)
    return project


def accepted(emulator: Emulator) -> Counter[str]:
    """Accepted submissions by kind."""
    return Counter(call.kind for call in emulator.accepted)


def test_a_concept_takes_the_calls_that_it_should_and_no_more(studio: Project, emulator: Emulator) -> None:
    studio.write("fox.yaml", CONCEPT.replace("scenes: 2", "scenes: 3"))
    ran = studio.spicy("build", "fox.yaml")
    assert ran.code == 0, ran.err
    # 1 ideation and 8 checks, 2 sheets and 3 keyframes, 3 clips
    assert accepted(emulator) == {"chat": 9, "image": 5, "video": 3}
    assert studio.spicy("build", "fox.yaml").code == 0
    assert sum(accepted(emulator).values()) == 17


def test_low_is_the_bill_to_the_tick(studio: Project, emulator: Emulator) -> None:
    studio.write("oak.yaml", WRITTEN)
    plan = json.loads(studio.spicy("plan", "oak.yaml", "--json").out)
    assert studio.spicy("build", "oak.yaml").code == 0
    assert plan[0]["price"]["low_ticks"] == emulator.bill
    after = json.loads(studio.spicy("plan", "oak.yaml", "--json").out)
    assert after[0]["price"] == {"low_ticks": 0, "likely_ticks": 0, "worst_ticks": 0}


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_pays_for_no_clip_twice(
    studio: Project, emulator: Emulator, seed: int
) -> None:
    studio.write("oak.yaml", WRITTEN)
    moments = random.Random(seed)
    for _ in range(4):
        process = studio.start("build", "oak.yaml", "-j", "16", "-q")
        time.sleep(moments.uniform(0.6, 2.5))
        process.kill()
        process.communicate()
    ran = studio.spicy("build", "oak.yaml", "-j", "16", "--retry-unknown")
    assert ran.code == 0, ran.err
    assert set(finished(studio).values()) == {1}
    clips = Counter(call.digest for call in emulator.accepted if call.kind == "video")
    lost = ran.err.count("possibly billed twice") + emulator_lost(studio)
    assert sum(clips.values()) - len(clips) <= lost


def emulator_lost(project: Project) -> int:
    """Submissions that the ledger itself marks as possibly billed twice."""
    ran = project.spicy("costs")
    return ran.out.count("written off")


def submitted_clips(emulator: Emulator) -> int:
    """Clips that the emulator has accepted."""
    return accepted(emulator)["video"]


def test_what_a_killed_build_had_submitted_is_not_priced_again(studio: Project, emulator: Emulator) -> None:
    studio.write("oak.yaml", WRITTEN)
    emulator.set_faults([Fault(kind="video", effect="slow", factor=60)])
    with studio.start("build", "oak.yaml", "-j", "8") as process:
        wait_until(lambda: submitted_clips(emulator) == 3)
        wait_until(lambda: tickets(studio) == 3)
        process.kill()
    emulator.clear_faults()
    (plan,) = json.loads(studio.spicy("plan", "oak.yaml", "--json").out)
    before = emulator.bill
    assert studio.spicy("build", "oak.yaml").code == 0
    assert submitted_clips(emulator) == 3
    assert plan["price"]["low_ticks"] == emulator.bill - before > 0  # the checks of the clips
    assert plan["price"]["worst_ticks"] > 3 * plan["price"]["low_ticks"]  # should they not come home


@pytest.mark.parametrize("by", ["spicy", "doit"])
def test_what_a_killed_build_had_submitted_comes_home_though_the_spec_has_changed(
    studio: Project, emulator: Emulator, by: str
) -> None:
    studio.write("oak.yaml", WRITTEN)
    studio.write("dodo.py", DODO.replace("specs/", ""))
    emulator.set_faults([Fault(kind="video", effect="slow", factor=60)])
    process = studio.start("build", "oak.yaml", "-j", "16", "-q")
    wait_until(lambda: submitted_clips(emulator) == 3)
    wait_until(lambda: tickets(studio) == 3)
    process.kill()
    process.communicate()
    emulator.clear_faults()
    studio.write("oak.yaml", WRITTEN.replace("Ember drinks from the river", "Ember jumps over the river"))
    if by == "spicy":
        ran = studio.spicy("build", "oak.yaml", "-j", "16")
        assert "Bringing home 3 calls of an earlier build, at $0.156" in ran.err
    else:
        ran = doit(studio, "-n", "8", "-P", "thread")
    assert ran.code == 0, ran.err
    assert submitted_clips(emulator) == 4  # the three of the killed build, and the new one
    studio.write("oak.yaml", WRITTEN)
    assert studio.spicy("build", "oak.yaml").code == 0
    assert submitted_clips(emulator) == 4  # the old clip was paid for, so it is there


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tickets(project: Project) -> int:
    """How many tickets the ledger holds."""
    with closing(sqlite3.connect(store(project) / "ledger.sqlite")) as db:
        return int(db.execute("SELECT count(*) FROM call WHERE state = 'submitted'").fetchone()[0])


def test_the_sheets_go_to_the_video_model_when_the_recipe_says_so(
    studio: Project, emulator: Emulator
) -> None:
    studio.write("recipes/quick.yaml", RECIPE.replace("default", "references"))
    studio.write("oak.yaml", WRITTEN)
    plan = json.loads(studio.spicy("plan", "oak.yaml", "--json").out)
    ran = studio.spicy("build", "oak.yaml")
    assert ran.code == 0, ran.err
    assert emulator.bill == plan[0]["price"]["low_ticks"]
    clips = [call for call in emulator.accepted if call.kind == "video"]
    assert {call.model for call in clips} == {"grok-imagine-video-1.5"}
    # 1 s at 480p, the still and each sheet
    assert sorted(call.ticks for call in clips) == [ticks(0.10), ticks(0.10), ticks(0.11)]


def test_the_cap_caps(studio: Project, emulator: Emulator) -> None:
    studio.write("oak.yaml", WRITTEN)
    ran = studio.spicy("build", "oak.yaml", "--max-cost", "0.30", "-j", "64")
    assert ran.code == 3, ran.err
    assert emulator.bill <= 3_000_000_000
    bought = sum(accepted(emulator).values())
    assert studio.spicy("build", "oak.yaml").code == 0
    assert accepted(emulator) == {"image": 5, "chat": 8, "video": 3}
    assert bought < sum(accepted(emulator).values())


def test_a_moderated_clip_is_final_and_its_siblings_are_kept(studio: Project, emulator: Emulator) -> None:
    studio.write("oak.yaml", WRITTEN)
    emulator.set_faults([Fault(kind="video", effect="moderated", prompt="drinks")])
    ran = studio.spicy("build", "oak.yaml")
    assert ran.code == 1
    assert "oak:video/02" in ran.err
    assert "refused" in ran.err
    before = sum(accepted(emulator).values())
    emulator.clear_faults()
    plan = studio.spicy("plan", "oak.yaml").out
    assert re.search(r"clip 02.*refused for good", plan)
    assert "cost: $0\n" in plan  # what waits for it will not be made either
    assert studio.spicy("build", "oak.yaml").code == 1  # not asked again, whatever the weather
    assert sum(accepted(emulator).values()) == before


def test_a_refused_key_costs_nothing_and_is_shown_nowhere(studio: Project, emulator: Emulator) -> None:
    studio.write("oak.yaml", WRITTEN)
    ran = studio.spicy("build", "oak.yaml", env={"GROK_API_KEY": "wrong-secret-1"})
    assert ran.code == 2
    assert "refuses the key" in ran.err
    assert accepted(emulator) == {}
    assert studio.spicy("build", "oak.yaml").code == 0
    home = Path.home()
    for folder in (studio.root, home):
        for file in folder.rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                assert KEY.encode() not in data, file
                assert b"wrong-secret-1" not in data, file
    assert "wrong-secret-1" not in ran.err + ran.out
