"""The main job as a user meets it: a film from a spec, offline, and nothing to do the second time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.films import CONCEPT, DODO, WRITTEN, calls, doit, media, store
from tests.conftest import Project


@pytest.fixture
def written(project: Project) -> Project:
    project.write("specs/oak.yaml", WRITTEN)
    project.write("dodo.py", DODO)
    return project


def test_a_concept_becomes_a_film(project: Project) -> None:
    project.write("specs/fox.yaml", CONCEPT)
    ran = project.spicy("build", "specs/fox.yaml")
    assert (ran.code, ran.out) == (0, "build/fox/final.mp4\n"), ran.err
    made = project.files("build/fox")
    for name in ("story.yaml", "script.md", "state.json", "manifest.json", "report.html", "final.mp4"):
        assert f"build/fox/{name}" in made
    for name in (
        "scene.json",
        "keyframe.jpg",
        "keyframe.json",
        "clip.mp4",
        "clip.json",
        "first.jpg",
        "last.jpg",
    ):
        assert f"build/fox/scenes/02/{name}" in made
    assert "an offline preview by the animatic provider" in ran.err

    from spicy.media.probe import probe_clip

    info = probe_clip(project.root / "build/fox/final.mp4")
    assert (info.width, info.height, info.fps, info.video_codec, info.audio_codec) == (
        256,
        144,
        24,
        "h264",
        "aac",
    )


def test_the_film_says_that_it_is_generated(written: Project) -> None:
    import av

    assert written.spicy("build", "specs/oak.yaml").code == 0
    with av.open(str(written.root / "build/oak/final.mp4")) as film:
        assert film.metadata["title"] == "The Oak"
        assert "AI-generated" in film.metadata["comment"]


def test_the_second_build_has_nothing_to_do_and_neither_has_doit(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    before = {f: (written.root / f).stat().st_mtime_ns for f in written.files("build/oak")}
    again = written.spicy("build", "specs/oak.yaml", "--json")
    assert again.code == 0
    assert calls(again) == {}
    assert '"made":0' in again.out.replace(" ", "").splitlines()[-1]
    ran = doit(written)
    assert ran.code == 0, ran.err
    assert {line[:2] for line in ran.out.splitlines()} == {"--"}
    assert {f: (written.root / f).stat().st_mtime_ns for f in written.files("build/oak")} == before


def test_doit_first_and_spicy_second_is_the_same(written: Project) -> None:
    ran = doit(written, "-n", "4")
    assert ran.code == 0, ran.out + ran.err
    again = written.spicy("build", "specs/oak.yaml", "--json")
    assert calls(again) == {}
    assert '"made":0' in again.out.replace(" ", "").splitlines()[-1]


def test_doit_expands_films_whose_stories_are_not_written_yet(project: Project) -> None:
    project.write("dodo.py", DODO)
    project.write("specs/fox.yaml", CONCEPT)
    project.write("specs/cat.yaml", CONCEPT.replace("fox", "cat"))
    project.write("specs/oak.yaml", WRITTEN)
    ran = doit(project, "-n", "8", "-P", "thread")
    assert ran.code == 0, ran.out + ran.err
    for film in ("fox", "cat", "oak"):
        assert f"build/{film}/final.mp4" in project.files("build")
    again = project.spicy("build", *sorted((project.root / "specs").glob("*.yaml")), "--json")
    assert calls(again) == {}


@pytest.mark.parametrize(
    ("args", "made"),
    [
        (["oak:video/02"], {"characters/ember.jpg", "scenes/02/clip.mp4", "scenes/02/keyframe.jpg"}),
        (["*:keyframe/*"], {"scenes/01/keyframe.jpg", "scenes/02/keyframe.jpg", "scenes/03/keyframe.jpg"}),
        (["build/oak/scenes/03/keyframe.jpg"], {"characters/sage.jpg", "scenes/03/keyframe.jpg"}),
        (["oak"], {"final.mp4", "report.html"}),
        (["build/oak/final.mp4"], {"final.mp4"}),
    ],
    ids=["task", "wildcard", "target", "film", "final"],
)
def test_doit_selects(written: Project, args: list[str], made: set[str]) -> None:
    ran = doit(written, *args)
    assert ran.code == 0, ran.out + ran.err
    found = {f.removeprefix("build/oak/") for f in written.files("build/oak")}
    assert made <= found
    assert ("report.html" in found) is (args == ["oak"])


def test_doits_own_commands_work(written: Project) -> None:
    listed = doit(written, "list", "--all")
    assert "oak:video/02" in listed.out
    assert "clip 02 · River" in listed.out
    assert not (written.root / "build").exists()  # looking writes nothing
    assert written.spicy("build", "specs/oak.yaml").code == 0
    info = doit(written, "info", "oak:video/02")
    assert "build/oak/scenes/02/keyframe.jpg" in info.out
    assert "up-to-date" in info.out
    assert doit(written, "clean", "oak:video/02").code == 0
    assert "build/oak/scenes/02/clip.mp4" not in written.files("build")
    assert calls(written.spicy("build", "specs/oak.yaml", "--json")) == {}


def test_doit_with_a_bad_spec_says_where_and_does_nothing(written: Project) -> None:
    written.write("specs/bad.yaml", "concept: x\nstile: y\n")
    ran = doit(written)
    assert ran.code == 3
    assert "specs/bad.yaml:2:1: " in ran.err
    assert "Traceback" not in ran.err
    assert not (written.root / "build").exists()


def test_an_edit_a_revert_and_a_deleted_build_folder(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    original = media(written, "oak")
    written.write("specs/oak.yaml", WRITTEN.replace("drinks from", "jumps over"))
    edited = written.spicy("build", "specs/oak.yaml", "--json")
    assert calls(edited)["clip"] == 1
    assert calls(edited)["keyframe"] == calls(edited)["sheet"] == 0
    changed = {f for f, digest in media(written, "oak").items() if digest != original[f]}
    assert {"build/oak/scenes/02/clip.mp4", "build/oak/final.mp4"} <= changed
    assert all(
        "/02/" in f or f.rsplit("/", 1)[1] in ("final.mp4", "script.md", "story.yaml") for f in changed
    )
    written.write("specs/oak.yaml", WRITTEN)
    assert calls(written.spicy("build", "specs/oak.yaml", "--json")) == {}
    assert media(written, "oak") == original
    shutil.rmtree(written.root / "build")
    assert calls(written.spicy("build", "specs/oak.yaml", "--json")) == {}
    assert media(written, "oak") == original


def test_losing_doits_database_costs_nothing(written: Project) -> None:
    assert doit(written).code == 0
    for database in written.root.glob(".doit.db*"):
        database.unlink()
    ran = doit(written)
    assert {line[:2] for line in ran.out.splitlines()} == {"--"}


def test_a_second_spec_with_the_same_character_asks_for_no_sheet(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    other = WRITTEN.replace("a river at dawn", "a desert at noon").replace("title: The Oak", "title: Sand")
    written.write("specs/sand.yaml", other)
    ran = written.spicy("build", "specs/sand.yaml", "--json")
    assert calls(ran)["sheet"] == 0
    assert calls(ran)["keyframe"] == 1


@pytest.mark.parametrize("harm", ["delete", "damage", "truncate"])
def test_any_harmed_target_is_noticed_and_repaired_for_nothing(written: Project, harm: str) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    original = media(written, "oak")
    for name in original:
        path = written.root / name
        if harm == "delete":
            path.unlink()
        elif harm == "damage":
            path.write_bytes(b"x" * path.stat().st_size)
        else:
            path.write_bytes(path.read_bytes()[:7])
        ran = written.spicy("build", "specs/oak.yaml", "--json")
        assert ran.code == 0
        assert calls(ran) == {}, name
        assert media(written, "oak") == original, name


def test_a_harmed_object_in_the_store_is_repaired_from_the_build_folder(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    original = media(written, "oak")
    objects = sorted((store(written) / "objects").rglob("*/*"))
    used = {o for o in objects if o.name in set(original.values())}
    assert used
    for number, path in enumerate(sorted(used)):
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(b"rotten")
    ran = written.spicy("build", "specs/oak.yaml", "--json")
    assert calls(ran) == {}
    assert written.spicy("cache", "verify").code == 0
    shutil.rmtree(written.root / "build")
    assert calls(written.spicy("build", "specs/oak.yaml", "--json")) == {}
    assert media(written, "oak") == original


def test_a_harmed_object_that_nobody_has_is_set_aside_and_made_again(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    original = media(written, "oak")
    path = store(written) / "objects" / original["build/oak/scenes/02/clip.mp4"][:2]
    (path / original["build/oak/scenes/02/clip.mp4"]).write_bytes(b"rotten")
    shutil.rmtree(written.root / "build")
    assert "damaged" in written.spicy("cache", "verify").out
    ran = written.spicy("build", "specs/oak.yaml", "--json")
    assert ran.code == 0
    assert calls(ran) == {"clip": 1}
    assert media(written, "oak") == original


def test_own_sheet_still_and_clip_are_used_as_they_are(project: Project) -> None:
    from tests.scripted import clip, picture

    (project.root / "specs/art").mkdir(parents=True)
    (project.root / "specs/art/sage.png").write_bytes(_png())
    (project.root / "specs/art/still.jpg").write_bytes(picture("336699"))
    (project.root / "specs/art/own.mp4").write_bytes(clip("996633"))
    text = WRITTEN.replace("amber eyes}", "amber eyes, sheet: art/sage.png}")
    text = text.replace("    camera: pan left", "    camera: pan left\n    keyframe: art/still.jpg")
    text = text.replace("    camera: static", "    camera: static\n    clip: art/own.mp4")
    project.write("specs/own.yaml", text)
    ran = project.spicy("build", "specs/own.yaml", "--json")
    assert ran.code == 0, ran.err
    assert calls(ran)["sheet"] == 1
    assert calls(ran)["clip"] == 2
    for made, own in [("characters/sage.png", "sage.png"), ("scenes/02/keyframe.jpg", "still.jpg")]:
        assert (project.root / "build/own" / made).read_bytes() == (
            project.root / "specs/art" / own
        ).read_bytes()
    clip_bytes = (project.root / "build/own/scenes/03/clip.mp4").read_bytes()
    assert clip_bytes == (project.root / "specs/art/own.mp4").read_bytes()


def _png() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (64, 64), "#888899").save(out, "PNG")
    return out.getvalue()


def test_an_unreadable_still_fails_its_scene_alone_and_leaves_the_old_film(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    film = (written.root / "build/oak/final.mp4").read_bytes()
    written.write("specs/broken.jpg", "no picture at all")
    text = WRITTEN.replace("    camera: pan left", "    camera: pan left\n    keyframe: broken.jpg")
    written.write("specs/oak.yaml", text.replace("spreads her wings", "turns her head"))
    ran = written.spicy("build", "specs/oak.yaml")
    assert ran.code == 1
    assert "keyframe/02" in ran.err
    assert "specs/broken.jpg: cannot be read as a picture" in ran.err
    assert "replace the file with a JPEG, PNG or WebP picture" in ran.err
    assert "Traceback" not in ran.err
    assert (written.root / "build/oak/final.mp4").read_bytes() == film
    from tests.scripted import picture

    (written.root / "specs/broken.jpg").write_bytes(picture("aa5500"))
    healed = written.spicy("build", "specs/oak.yaml", "--json")
    assert healed.code == 0, healed.err
    assert calls(healed)["clip"] == 1  # scene 3's sibling clip was kept


def test_until_only_and_take(written: Project) -> None:
    ran = written.spicy("build", "specs/oak.yaml", "--until", "keyframes", "--json")
    assert ran.code == 0
    assert calls(ran)["clip"] == 0
    assert calls(ran)["keyframe"] == 3
    ran = written.spicy("build", "specs/oak.yaml", "--only", "video:03", "--json")
    assert calls(ran)["clip"] == 1
    assert written.spicy("build", "specs/oak.yaml").code == 0
    written.write("specs/oak.yaml", "# mine\n" + WRITTEN)
    ran = written.spicy("build", "specs/oak.yaml", "--take", "video:02", "--json")
    assert calls(ran)["clip"] == 1
    assert written.read("specs/oak.yaml").startswith("# mine\n")
    assert "take: 2" in written.read("specs/oak.yaml")
    ran = written.spicy("build", "specs/oak.yaml", "--take", "video:02=1", "--json")
    assert calls(ran) == {}
    assert written.spicy("build", "specs/oak.yaml", "--only", "video:99").code == 2
    assert written.spicy("build", "specs/oak.yaml", "--take", "clip:02").code == 2


def test_plan_why_freeze_and_the_rest(project: Project) -> None:
    project.write("specs/fox.yaml", "# my film\n" + CONCEPT)
    plan = project.spicy("plan", "specs/fox.yaml", "--check")
    assert plan.code == 1
    assert "the story is not written yet" in plan.out
    assert not (project.root / "build").exists()
    assert not store(project).exists()
    assert project.spicy("build", "specs/fox.yaml").code == 0
    assert project.spicy("plan", "specs/fox.yaml", "--check").code == 0
    frozen = project.spicy("freeze", "specs/fox.yaml")
    assert frozen.code == 0, frozen.err
    assert project.read("specs/fox.yaml").startswith("# my film\n")
    assert "description:" in project.read("specs/fox.yaml")
    again = project.spicy("build", "specs/fox.yaml", "--json")
    assert calls(again) == {}
    text = project.read("specs/fox.yaml")
    line = next(line for line in text.splitlines() if "action:" in line)
    project.write(
        "specs/fox.yaml", text.replace(line, line.partition("action:")[0] + "action: The fox waits", 1)
    )
    why = project.spicy("why", "build/fox/scenes/01/clip.mp4")
    assert "prompt changed" in why.out
    assert "+ Caption: The fox waits" in why.out
    assert "final film" in why.out
    assert project.spicy("why", "fox:video/77").code == 2
    for command in (
        ["costs"],
        ["costs", "--by", "step"],
        ["runs"],
        ["cache", "stats"],
        ["doctor"],
        ["schema"],
    ):
        ran = project.spicy(*command)
        assert ran.code == 0, (command, ran.err)
        assert ran.out
    assert project.spicy("report", "specs/fox.yaml").out == "build/fox/report.html\n"
    assert project.spicy("cache", "gc", "--keep-days", "0").code == 0
    shutil.rmtree(project.root / "build")


def test_clean_removes_only_what_belongs_to_nobody(written: Project) -> None:
    assert written.spicy("build", "specs/oak.yaml").code == 0
    written.write("specs/oak.yaml", WRITTEN.replace("  - title: River", "  - id: river\n    title: River"))
    ran = written.spicy("build", "specs/oak.yaml", "--json")
    assert calls(ran) == {}
    before = set(written.files("build/oak"))
    cleaned = written.spicy("clean", "specs/oak.yaml")
    gone = before - set(written.files("build/oak"))
    assert gone
    assert all(f.startswith("build/oak/scenes/02/") for f in gone)
    assert len(cleaned.out.splitlines()) == len(gone)
    assert calls(written.spicy("build", "specs/oak.yaml", "--json")) == {}


def test_init_and_new(project: Project) -> None:
    assert project.spicy("init", "mine").code == 0
    assert sorted(Path(f).name for f in project.files("mine")) == [".gitignore", "dodo.py", "fox_owl.yaml"]
    assert project.spicy("init", "mine").out.count("kept") == 3
    from tests.scripted import picture

    (project.root / "fox.jpg").write_bytes(picture("cc5500"))
    made = project.spicy("new", "A spy thriller", "--ref", "Alex=fox.jpg", "--scenes", "2")
    assert made.code == 0, made.err
    assert made.out == "wrote   specs/a_spy_thriller.yaml\nnext:   spicy build specs/a_spy_thriller.yaml\n"
    assert "Alex: ../fox.jpg" in project.read("specs/a_spy_thriller.yaml")
    assert project.spicy("new", "A spy thriller").code == 2  # never over a file that is there
    assert project.spicy("new", "x", "--ref", "Alex").code == 2
    assert project.spicy("new", "x", "--ref", "Alex=nowhere.jpg").code == 2
    assert not (project.root / "specs/x.yaml").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("concept: x\nstile: y\n", "s.yaml:2:1: unknown key"),
        ("concept: x\nscenes: many\n", "s.yaml:2:9: "),
        ("concept: x\nconcept: y\n", "s.yaml:2:1: "),
        ("concept: x\nrefs: {A: nowhere.png}\n", "s.yaml:2:11: "),
        ("", "s.yaml: "),
        ("concept: x\nrecipe: defualt\n", "s.yaml:2:9: "),
    ],
    ids=["unknown-key", "wrong-type", "duplicate", "missing-file", "empty", "recipe"],
)
def test_a_bad_spec_gets_its_answer_and_costs_nothing(project: Project, text: str, message: str) -> None:
    project.write("s.yaml", text)
    ran = project.spicy("build", "s.yaml")
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not (project.root / "build").exists()
    assert not store(project).exists()
