"""Commands that write specs: a take, a frozen story, a new project; and that they touch nothing else."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.films import WRITTEN, calls
from tests.conftest import ROOT, Project

IDEATED = """\
# my film
recipe: quick
concept: A curious fox meets a wise owl in an enchanted forest   # the idea

# who looks like what
refs:
  # the fox
  Ember: fox.png  # drawn by me

aspect_ratio: 16:9  # wide
scenes: 2  # a number asks for that many
overrides:
  scenes:
    2: {camera: low angle}  # by number
# the end"""


def may_write_anywhere() -> bool:
    """Whether permissions mean nothing here, as for root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        return os.access(folder, os.W_OK)


respects_permissions = pytest.mark.skipif(may_write_anywhere(), reason="this user may write everywhere")


def ideated(project: Project, text: str = IDEATED, name: str = "fox") -> str:
    """A project whose story is written, but nothing else is made; gives the spec's path."""
    (project.root / "specs").mkdir(exist_ok=True)
    shutil.copy(ROOT / "specs/refs/fox.png", project.root / "specs/fox.png")
    (project.root / f"specs/{name}.yaml").write_bytes(text.encode())
    ran = project.spicy("build", f"specs/{name}.yaml", "--only", "ideation:story", "-q")
    assert ran.code == 0, ran.err
    return f"specs/{name}.yaml"


def raw(project: Project, spec: str) -> str:
    """The spec's text with its line endings."""
    return (project.root / spec).read_bytes().decode()


def take(project: Project, spec: str, *targets: str) -> tuple[int, str]:
    """`--take` for each target, building nothing more than the story."""
    options = [word for target in targets for word in ("--take", target)]
    ran = project.spicy("build", spec, *options, "--only", "ideation:story", "-q")
    assert "Traceback" not in ran.err
    return ran.code, ran.err


def test_a_take_joins_the_override_of_its_scene(project: Project) -> None:
    spec = ideated(project)
    assert take(project, spec, "video:02", "video:01", "character:ember")[0] == 0
    assert raw(project, spec) == IDEATED.replace(
        "    2: {camera: low angle}  # by number\n",
        "    2: {camera: low angle, take: 2}  # by number\n"
        '    "01": {take: 2}\n  characters:\n    Ember: {take: 2}\n',
    )
    assert take(project, spec, "video:02=1")[0] == 0
    assert "2: {camera: low angle, take: 1}  # by number" in raw(project, spec)


def test_two_overrides_of_one_scene_are_a_mistake_even_when_nobody_says_how_many_there_are(
    project: Project,
) -> None:
    project.write("a.yaml", "concept: A fox\noverrides:\n  scenes:\n    2: {take: 2}\n    02: {mood: calm}\n")
    ran = project.spicy("plan", "a.yaml")
    assert (ran.code, ran.err) == (2, "a.yaml:5:5: `2` and `02` mean the same scene; keep one of the two\n")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("video:02=0", "takes start at 1"),
        ("video:04", "scene 04 uses your own clip"),
        ("keyframe:04", "scene 04 uses your own clip"),
        ("keyframe:05", "scene 05 uses your own still"),
        ("character:plink", "Plink uses your own sheet"),
        ("character:nobody", "has no character `nobody`; it has ember, sage, plink"),
        ("script:script", "has takes, not script:script"),
        ("ideation:story", "is written in full"),
    ],
)
def test_takes_that_cannot_be_are_refused_and_nothing_is_written(
    project: Project, target: str, message: str
) -> None:
    own = "  - {name: Plink, description: a box, sheet: s.png}\nscenes:\n"
    text = WRITTEN.replace("scenes:\n", own) + "  - clip: c.mp4\n  - {action: it waits, keyframe: s.png}\n"
    project.write("oak.yaml", text)
    (project.root / "c.mp4").write_bytes(b"x")
    shutil.copy(ROOT / "specs/refs/fox.png", project.root / "s.png")
    ran = project.spicy("build", "oak.yaml", "--take", "video:01", "--take", target)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
    assert project.read("oak.yaml") == text
    assert project.files(".") == ["c.mp4", "oak.yaml", "recipes/quick.yaml", "s.png"]


def test_a_new_story_is_a_take_of_the_ideation(project: Project) -> None:
    spec = ideated(project)
    ran = project.spicy(
        "build",
        spec,
        "--take",
        "ideation:story",
        "--only",
        "ideation:story",
        "--json",
        "--provider",
        "animatic",
    )
    assert ran.code == 0, ran.err
    assert raw(project, spec) == IDEATED.replace("# the end", "take: 2\n# the end")
    assert take(project, spec, "ideation:story")[0] == 0
    assert "\ntake: 3\n" in raw(project, spec)


@respects_permissions
@pytest.mark.parametrize("what", ["specs/fox.yaml", "specs"])
def test_what_cannot_be_written_is_said_in_one_line(project: Project, what: str) -> None:
    spec = ideated(project)
    place = project.root / what
    place.chmod(0o555)
    try:
        for words in (["build", spec, "--take", "video:02"], ["freeze", spec]):
            ran = project.spicy(*words)
            assert ran.code in (1, 2)
            assert ran.err.splitlines()[-1] == "spicy: specs/fox.yaml cannot be changed: Permission denied"
            assert "Traceback" not in ran.err
    finally:
        place.chmod(0o755)
    assert raw(project, spec) == IDEATED


def test_freeze_changes_what_was_invented_and_not_a_byte_more(project: Project) -> None:
    newline = "\r\n"
    text = "\ufeff" + IDEATED.replace("\n", newline)
    spec = ideated(project, text)
    assert project.spicy("build", spec, "-q").code == 0
    assert project.spicy("freeze", spec).code == 0
    after = raw(project, spec)
    assert sorted(re.findall("#.*", after.replace("\r", ""))) == sorted(
        re.findall("#.*", text.replace("\r", ""))
    )
    assert after.count("\n") == after.count(newline)
    lines = after.split(newline)
    assert lines[:4] == text.split(newline)[:3] + [next(line for line in lines if line.startswith("title:"))]
    for line in ("aspect_ratio: 16:9  # wide", "scenes:  # a number asks for that many", "  # the fox"):
        assert line in lines
    assert not any(line.startswith(("refs:", "overrides:")) for line in lines)
    assert "ref: fox.png" in after
    assert "camera: low angle" in after
    assert after.endswith(f"# by number{newline}# the end")
    plan = project.spicy("plan", spec, "--check")
    assert plan.code == 0, plan.out
    assert project.spicy("freeze", spec).out == f"{spec}: everything is written already\n"


def test_freeze_leaves_what_is_written_alone(project: Project) -> None:
    cast = 'characters: # the cast\n  - name: Ember # me\n    description: "A fox" # red\n'
    text = f"recipe: quick\nconcept: A fox meets an owl\n{cast}overrides:\n  characters:\n    Ember: {{role: x}}\n"
    spec = ideated(project, text)
    assert project.spicy("freeze", spec).code == 0
    after = raw(project, spec)
    assert cast + "    role: x\n" in after
    assert "scenes:\n  - id: " in after
    assert "overrides" not in after
    assert project.spicy("plan", spec).code == 0


def test_freeze_finds_nothing_to_make_when_scenes_were_written(project: Project) -> None:
    scenes = (
        "scenes: # mine\n  - {title: One, setting: a wood, action: Ember waits, characters: [Ember], duration: 1} # one\n"
        "  # two\n  - setting: >- # s\n      a hill\n    action: it rains\n    title: Two\n    duration: 1\n"
    )
    text = f"recipe: quick\nconcept: The fox Ember waits\n{scenes}overrides: {{scenes: {{2: {{setting: a town}}}}}}\n"
    spec = ideated(project, text)
    built = project.spicy("build", spec, "-q")
    assert built.code == 0, built.err
    assert project.spicy("freeze", spec).code == 0
    after = raw(project, spec)
    assert scenes.replace(">- # s\n      a hill", "a town # s") in after
    assert project.spicy("plan", spec, "--check").code == 0
    assert calls(project.spicy("build", spec, "--json")) == {}


def test_new_says_what_is_next(project: Project) -> None:
    ran = project.spicy("new", "A fox: the #1", "--title", "The Fox")
    assert ran.code == 0
    assert ran.out == "wrote   specs/the_fox.yaml\nnext:   spicy build specs/the_fox.yaml\n"
    assert project.spicy("plan", "specs/the_fox.yaml").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--ref", "Turbo=nope.png"], "--ref Turbo=nope.png: no such file"),
        (["x", "--ref", "Turbo=recipes"], "--ref Turbo=recipes: not a file"),
        ([""], "CONCEPT is empty"),
        (["x", "--aspect-ratio", "5:4"], "specs/x.yaml is not written: "),
        (["x", "--recipe", "nope"], "specs/x.yaml is not written: "),
        (["x", "--out", "recipes/quick.yaml/x.yaml"], "recipes/quick.yaml/x.yaml cannot be written: "),
    ],
)
def test_a_spec_that_cannot_be_leaves_nothing_behind(
    project: Project, words: list[str], message: str
) -> None:
    ran = project.spicy("new", *words)
    assert ran.code == 2
    assert ran.err.startswith(f"spicy: {message}")
    assert len(ran.err.splitlines()) == 1
    assert ran.out == ""
    assert [p.name for p in project.root.iterdir()] == ["recipes"]


def test_init_writes_a_project_or_nothing(project: Project) -> None:
    project.write("half/.gitignore", "mine\n")
    project.write("half/specs", "in the way")
    ran = project.spicy("init", "half")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("spicy: half/specs/fox_owl.yaml cannot be written: ")
    assert project.files("half") == ["half/.gitignore", "half/specs"]
    (project.root / "half/specs").unlink()
    ran = project.spicy("init", "half")
    assert ran.out.splitlines() == [
        "wrote   half/dodo.py",
        "wrote   half/specs/fox_owl.yaml",
        "kept    half/.gitignore",
        "next:   cd half && spicy build specs/fox_owl.yaml",
    ]
    assert project.spicy("plan", "half/specs/fox_owl.yaml").code == 0


@respects_permissions
def test_a_folder_that_cannot_be_written_is_one_line(project: Project) -> None:
    project.root.chmod(0o555)
    try:
        for words in (["init"], ["new", "A fox"]):
            ran = project.spicy(*words)
            assert (ran.code, ran.out) == (2, "")
            assert re.fullmatch(r"spicy: \S+ cannot be written: Permission denied\n", ran.err)
    finally:
        project.root.chmod(0o755)
