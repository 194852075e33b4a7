"""Pins through the real command: what is in use, or was once made, is chosen for good, and costs nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from spicy.emulator import Emulator
from tests.acceptance.films import DODO, WRITTEN, calls, doit, media, store
from tests.conftest import QUICK_RECIPE, Project, clean_environment

KEYFRAME, CLIP, SHEET = "scenes/02/keyframe.json", "scenes/02/clip.json", "characters/ember.json"
LINE = {
    KEYFRAME: ("    action: Ember drinks", "    keyframe: {}\n    action: Ember drinks"),
    CLIP: ("    action: Ember drinks", "    clip: {}\n    action: Ember drinks"),
    SHEET: ("white tail tip}", "white tail tip, sheet: {}}}"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A film that was built by a judge who is never content, so that there are three attempts of everything."""
    home = tmp_path_factory.mktemp("home")
    project = Project(tmp_path_factory.mktemp("built"), clean_environment(home))
    project.write("recipes/quick.yaml", QUICK_RECIPE + "verify: {threshold: 1.0}\n")
    project.write("specs/oak.yaml", WRITTEN)
    project.write("dodo.py", DODO)
    ran = project.spicy("build", "specs/oak.yaml", "-q")
    assert ran.code == 0, ran.err
    return project


@pytest.fixture
def picky(project: Project, built: Project) -> Project:
    """That film in a project, and a store, of the test's own."""
    shutil.copytree(built.root, project.root, dirs_exist_ok=True)
    shutil.copytree(built.env["SPICY_CACHE_DIR"], store(project), dirs_exist_ok=True)
    return project


def attempts(project: Project, receipt: str) -> list[str]:
    """The digests of a target's attempts, the one in use first."""
    data = json.loads(project.read(f"build/oak/{receipt}"))
    return [a["asset"] for a in sorted(data["attempts"], key=lambda a: not a["chosen"])]


def pin(project: Project, receipt: str, digest: str, ending: str = "") -> None:
    """Pin one thing in a spec that pins nothing else."""
    old, new = LINE[receipt]
    project.write("specs/oak.yaml", WRITTEN.replace(old, new.format(f"store:{digest}{ending}")))


def made(project: Project, *options: str) -> tuple[set[str], Counter[str]]:
    """The targets that a build made, and its calls."""
    ran = project.spicy("build", "specs/oak.yaml", "--json", *options)
    assert ran.code == 0, ran.err
    events = [json.loads(line) for line in ran.out.splitlines()]
    return {e["node"].partition(":")[2] for e in events if e["event"] == "node_done"}, calls(ran)


PAPERS = {"ideation/story", "script/script", "assembly/report"}
"""What tells of the story, and so of a pin."""


@pytest.mark.parametrize(
    ("receipt", "node"), [(KEYFRAME, "keyframe/02"), (CLIP, "video/02"), (SHEET, "character/ember")]
)
def test_pinning_what_is_in_use_makes_nothing_but_its_receipt(
    picky: Project, receipt: str, node: str
) -> None:
    pictures = media(picky, "oak")
    pin(picky, receipt, attempts(picky, receipt)[0])
    assert made(picky) == ({node, *PAPERS}, Counter())
    told = {path for path, digest in media(picky, "oak").items() if pictures.get(path) != digest}
    assert "build/oak/story.yaml" in told
    assert told <= {"build/oak/story.yaml", "build/oak/script.md"}
    ran = doit(picky)
    assert ran.code == 0, ran.err
    assert not [line for line in ran.out.splitlines() if line.startswith(".")]
    picky.write("specs/oak.yaml", WRITTEN)
    assert made(picky) == ({node, *PAPERS}, Counter())
    assert media(picky, "oak") == pictures


def test_another_still_makes_its_clip_and_the_old_one_comes_back_for_nothing(picky: Project) -> None:
    pictures = media(picky, "oak")
    other = attempts(picky, KEYFRAME)[1]
    pin(picky, KEYFRAME, other, ".jpg")
    plan = picky.spicy("plan", "specs/oak.yaml", "--json")
    fates = {o["node"].partition(":")[2]: o["fate"] for o in json.loads(plan.out)[0]["stale"]}
    assert fates == {
        **dict.fromkeys({"keyframe/02", "assembly/final", *PAPERS}, "stored"),
        "video/02": "calls",
    }
    nodes, asked = made(picky)
    assert nodes == {"keyframe/02", "video/02", "assembly/final", *PAPERS}
    assert asked == {"clip": 1, "check": 3, "correction": 2}
    changed = {path for path, digest in media(picky, "oak").items() if pictures.get(path) != digest}
    assert {path for path in changed if "/scenes/" in path and "/02/" not in path} == set()
    said = picky.spicy("why", "oak:keyframe/02").out
    assert f"from  pinned still: store:{other}.jpg" in said
    pinned = media(picky, "oak")
    for text, wanted in [(WRITTEN, pictures), (picky.read("specs/oak.yaml"), pinned), (WRITTEN, pictures)]:
        picky.write("specs/oak.yaml", text)
        assert made(picky)[1] == {}
        assert media(picky, "oak") == wanted
    assert picky.spicy("clean", "specs/oak.yaml").out == "nothing to tidy up\n"


def test_bare_doit_builds_pins_and_leaves_nothing_to_do(picky: Project) -> None:
    pin(picky, CLIP, attempts(picky, CLIP)[1])
    ran = doit(picky)
    assert ran.code == 0, ran.err
    assert {line for line in ran.out.splitlines() if line.startswith(".")} == {
        f".  oak:{node}" for node in ("video/02", "assembly/final", *PAPERS)
    }
    assert made(picky) == (set(), Counter())
    assert doit(picky, "list", "--all", "--deps").code == 0
    shutil.rmtree(picky.root / "build")
    (picky.root / ".doit.db").unlink(missing_ok=True)
    ran = doit(picky, "build/oak/scenes/02/clip.mp4")
    assert ran.code == 0, ran.err
    assert made(picky)[1] == {}


def test_a_digest_that_is_not_here_is_told_with_its_place(picky: Project) -> None:
    before = media(picky, "oak")
    pin(picky, KEYFRAME, "ab" * 32)
    for words in (["build"], ["plan"], ["freeze"], ["report"]):
        ran = picky.spicy(*words, "specs/oak.yaml")
        assert ran.code == 2
        assert ran.out == ""
        assert ran.err == (
            "specs/oak.yaml:17:15: store:abababababab… is not in this machine's store; copy objects/ab/"
            f"{'ab' * 32} from the store of a machine that has it, or take the pin out of the spec\n"
        )
    ran = doit(picky)
    assert ran.code != 0
    assert "specs/oak.yaml:17:15: store:abababababab… is not in this machine's store" in ran.err
    assert media(picky, "oak") == before


def test_a_pin_that_is_no_picture_fails_its_scene_alone(picky: Project) -> None:
    pin(picky, KEYFRAME, attempts(picky, CLIP)[0])
    ran = picky.spicy("build", "specs/oak.yaml", "-q")
    assert ran.code == 1
    assert "cannot be read as a picture" in ran.err
    assert "pin a JPEG, PNG or WebP picture, or take it out of the spec" in ran.err


def test_until_only_and_another_take(picky: Project) -> None:
    pin(picky, KEYFRAME, attempts(picky, KEYFRAME)[1])
    assert made(picky, "--until", "keyframes") == ({"keyframe/02", *PAPERS} - {"assembly/report"}, Counter())
    assert made(picky, "--only", "video:02")[0] == {"video/02"}
    ran = picky.spicy("build", "specs/oak.yaml", "--take", "keyframe:02", "--until", "keyframes")
    assert ran.code == 0, ran.err
    assert "specs/oak.yaml: keyframe 02 is now take 2, and no longer pinned\n" in ran.err
    assert "store:" not in picky.read("specs/oak.yaml")
    assert "keyframe_take: 2" in picky.read("specs/oak.yaml")


def test_a_frozen_story_keeps_its_pins(project: Project) -> None:
    concept = "recipe: quick\nconcept: A fox meets an owl\nscenes: 2\n"
    project.write("specs/fox.yaml", concept)
    assert project.spicy("build", "specs/fox.yaml", "-q").code == 0
    still = json.loads(project.read("build/fox/scenes/01/keyframe.json"))["attempts"][0]["asset"]
    project.write("specs/fox.yaml", f"{concept}overrides: {{scenes: {{1: {{keyframe: store:{still}}}}}}}\n")
    assert project.spicy("build", "specs/fox.yaml", "-q").code == 0
    manifest = json.loads(project.read("build/fox/manifest.json"))
    assert manifest["scenes"][0]["own_keyframe"] == f"store:{still}.jpg"
    assert '<span class="badge">pinned</span>' in project.read("build/fox/report.html")
    state = json.loads(project.read("build/fox/state.json"))
    assert [scene["keyframe"] for scene in state["scenes"]] == [f"store:{still}.jpg", None]
    assert project.spicy("freeze", "specs/fox.yaml").code == 0
    assert f"keyframe: store:{still}.jpg\n" in project.read("specs/fox.yaml")
    assert project.spicy("plan", "specs/fox.yaml", "--check").code == 0


def test_old_pins_are_not_collected_while_their_spec_is_read(picky: Project) -> None:
    digests = [attempts(picky, KEYFRAME)[1], attempts(picky, KEYFRAME)[2]]
    pin(picky, KEYFRAME, digests[0])
    files = [p for p in store(picky).rglob("*") if p.is_file()]
    for path in files:
        os.utime(path, (0, 0))
    assert picky.spicy("plan", "specs/oak.yaml").code == 0
    ran = picky.spicy("cache", "gc")
    assert ran.code == 0, ran.err
    there = [(store(picky) / "objects" / d[:2] / d).exists() for d in digests]
    assert there == [True, False]


def test_nothing_is_paid_for_a_pin(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = "extends: default\noutput: {resolution: 480p}\nverify: {threshold: 1.0}\n"
    project.write("recipes/quick.yaml", recipe + "rates: {xai: {chat: 1000, image: 1000, video: 1000}}\n")
    project.write("specs/oak.yaml", WRITTEN)
    with Emulator(time_scale=0.01, seed=1, key="xai-secret-7f3a") as emulator:
        monkeypatch.setenv("GROK_API_KEY", "xai-secret-7f3a")
        monkeypatch.setenv("SPICY_XAI_HOST", emulator.host)
        assert project.spicy("build", "specs/oak.yaml", "-q").code == 0
        used, other, *_ = attempts(project, KEYFRAME)
        # Grok's stills are only nearly in shape: what is in use is a cut of the attempt.
        still = Path("build/oak/scenes/02/keyframe.jpg")
        assert json.loads(project.read(f"build/oak/{KEYFRAME}"))["targets"]["scenes/02/keyframe.jpg"] != used
        before, paid = still.read_bytes(), len(emulator.accepted)
        pin(project, KEYFRAME, used)
        assert made(project) == ({"keyframe/02", *PAPERS}, Counter())
        assert still.read_bytes() == before
        assert len(emulator.accepted) == paid
        pin(project, KEYFRAME, other)
        price = json.loads(project.spicy("plan", "specs/oak.yaml", "--json").out)[0]["price"]
        assert made(project, "--until", "keyframes")[1] == {}
        assert len(emulator.accepted) == paid
        assert price["low_ticks"] > 0
        asked = made(project)[1]
        assert asked["clip"] == 1
        assert set(asked) <= {"clip", "check", "correction"}
        paid = len(emulator.accepted)
        for receipt in (SHEET, CLIP):
            pin(project, receipt, attempts(project, receipt)[0])
            monkeypatch.delenv("GROK_API_KEY", raising=False)
            ran = project.spicy("build", "specs/oak.yaml", "--provider", "xai", "-q")
            assert ran.code == 0, ran.err
            monkeypatch.setenv("GROK_API_KEY", "xai-secret-7f3a")
        assert len(emulator.accepted) == paid


@pytest.mark.parametrize(("continuity", "stale"), [("soft", set()), ("strict", {"keyframe/03", "video/03"})])
def test_a_pinned_clip_is_what_a_strict_neighbour_follows(
    picky: Project, continuity: str, stale: set[str]
) -> None:
    text = WRITTEN.replace("    camera: static\n", f"    camera: static\n    continuity: {continuity}\n")
    picky.write("specs/oak.yaml", text)
    made(picky)
    old, new = LINE[CLIP]
    picky.write("specs/oak.yaml", text.replace(old, new.format(f"store:{attempts(picky, CLIP)[0]}")))
    plan = json.loads(picky.spicy("plan", "specs/oak.yaml", "--json").out)[0]["stale"]
    found = {o["node"].partition(":")[2] for o in plan}
    assert found - {"assembly/final"} == {"video/02", *PAPERS, *stale}
