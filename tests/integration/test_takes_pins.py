"""Takes and pins as edits of a spec, and what a pin means for keys, files and money."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from spicy.engine.bootstrap import open_store
from spicy.engine.project import Film, load_films
from spicy.engine.takes import bump_takes, parse_target, pin, pinned, set_take, unpin
from spicy.errors import SpecError, UsageError
from spicy.ids import Digest, NodeId, Step
from spicy.plan.node import Node, node_key
from spicy.settings import read_settings
from spicy.spec.edit import SpecEdit
from spicy.store.store import Store
from tests.conftest import Project
from tests.scripted import clip, picture
from tests.scripted_film import Studio

WRITTEN = """\
# mine
style: flat
characters:
  - {name: Ember, description: a fox}  # the fox
  - name: Sage
    description: an owl   # wise
    sheet: art/sage.jpg
scenes:
  - title: One # first
    setting: a hill
    action: Ember runs
    take: 4
    characters: [Ember]

  # second
  - {setting: a river, action: it flows, keyframe: art/sage.jpg}
  - {clip: art/own.mp4}
overrides:
  scenes:
    2: {mood: calm}  # by number
"""
D = Digest("0123456789abcdef" * 4)


def load(project: Project, text: str | None = None) -> Film:
    """The film of `film.yaml`, over the project's own store."""
    if text is not None:
        (project.root / "film.yaml").write_bytes(text.encode())
    store = Store(project.root / "store")
    return load_films([Path("film.yaml")], project.root, "animatic", "build", store)[0]


def load_mine() -> Film:
    """The film of `film.yaml`, over the store that the command uses."""
    store = open_store(read_settings())
    return load_films([Path("film.yaml")], Path.cwd(), "animatic", "build", store)[0]


@pytest.fixture
def film(project: Project) -> Film:
    (project.root / "art").mkdir()
    (project.root / "art/sage.jpg").write_bytes(picture("336699"))
    (project.root / "art/own.mp4").write_bytes(b"x")
    return load(project, WRITTEN)


def keep(project: Project, data: bytes) -> Digest:
    """Bytes that the store has."""
    return Store(project.root / "store").objects.add_bytes(data)


def raw(project: Project) -> str:
    return (project.root / "film.yaml").read_bytes().decode()


# --- edits ---


def test_a_pin_goes_into_the_scene_that_is_written_and_out_again(project: Project, film: Film) -> None:
    said = pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    assert said == "film.yaml: keyframe 01 is now pinned to store:0123456789ab…"
    end = "    characters: [Ember]\n"
    assert raw(project) == WRITTEN.replace(end, f"{end}    keyframe: store:{D}\n")
    assert unpin(film, Step.KEYFRAME, "01", project.root) == "film.yaml: keyframe 01 is no longer pinned"
    assert raw(project) == WRITTEN


def test_a_pin_in_flow_style_with_foreign_line_ends(project: Project, film: Film) -> None:
    text = "\ufeff" + WRITTEN.replace("\n", "\r\n")
    film = load(project, text)
    pin(film, Step.CHARACTER, "ember", D, ".png", project.root)
    after = raw(project)
    assert after == text.replace("a fox}", f"a fox, sheet: store:{D}.png}}")
    pin(film, Step.CHARACTER, "ember", D, ".jpg", project.root)
    assert raw(project) == after.replace(f"{D}.png", D)
    unpin(film, Step.CHARACTER, "ember", project.root)
    assert raw(project) == text


def test_what_ideation_wrote_is_pinned_by_an_override(project: Project) -> None:
    text = "concept: a fox meets an owl # idea\nscenes: 2\noverrides:\n  scenes:\n    2: {mood: calm}\n"
    project.write("film.yaml", text)
    assert project.spicy("build", "film.yaml", "--only", "ideation:story", "-q").code == 0
    film = load_mine()
    assert film.told is not None
    name = film.told.story.characters[0]
    pin(film, Step.VIDEO, "02", D, ".mp4", project.root)
    pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    pin(film, Step.CHARACTER, name.slug, D, ".jpg", project.root)
    assert raw(project) == text.replace("calm}", f"calm, clip: store:{D}}}") + (
        f'    "01": {{keyframe: store:{D}}}\n  characters:\n    {name.name}: {{sheet: store:{D}}}\n'
    )
    unpin(film, Step.CHARACTER, name.slug, project.root)
    unpin(film, Step.KEYFRAME, "01", project.root)
    unpin(film, Step.VIDEO, "02", project.root)
    assert raw(project) == text


def test_another_take_is_not_pinned(project: Project, film: Film) -> None:
    pin(film, Step.VIDEO, "01", D, ".mp4", project.root)
    said = set_take(film, Step.VIDEO, "01", 7, project.root)
    assert said == "film.yaml: video 01 is now take 7, and no longer pinned"
    assert raw(project) == WRITTEN.replace("take: 4", "take: 7")
    pin(film, Step.VIDEO, "01", D, ".mp4", project.root)
    said = bump_takes(film, [parse_target("video:01"), parse_target("character:ember")], project.root)[0]
    assert said == "film.yaml: video 01 is now take 8, and no longer pinned"
    assert raw(project) == WRITTEN.replace("take: 4", "take: 8").replace("a fox}", "a fox, take: 2}")


def test_a_pin_in_two_places_is_taken_out_of_both(project: Project, film: Film) -> None:
    keep(project, b"x")
    digest = keep(project, picture("aa0000"))
    text = WRITTEN.replace("    take: 4\n", f"    take: 4\n    keyframe: store:{digest}\n")
    film = load(project, text.replace("    2: {", f"    01: {{keyframe: store:{digest}.png}}\n    2: {{"))
    assert pinned(film, Step.KEYFRAME, "01") == digest
    unpin(film, Step.KEYFRAME, "01", project.root)
    assert raw(project) == WRITTEN


def test_what_is_pinned(project: Project, film: Film) -> None:
    digest = keep(project, picture("aa0000"))
    pin(film, Step.KEYFRAME, "01", digest, ".jpg", project.root)
    film = load(project)
    assert pinned(film, Step.KEYFRAME, "01") == digest
    for step, item in [
        (Step.VIDEO, "01"),
        (Step.KEYFRAME, "02"),
        (Step.KEYFRAME, "09"),
        (Step.SCRIPT, "script"),
    ]:
        assert pinned(film, step, item) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, r: pin(f, Step.CHARACTER, "sage", D, ".jpg", r), "Sage uses your own sheet, art/sage.jpg: take it"),
        (lambda f, r: pin(f, Step.KEYFRAME, "02", D, ".jpg", r), "scene 02 uses your own still, art/sage.jpg: take"),
        (lambda f, r: pin(f, Step.VIDEO, "03", D, ".mp4", r), "scene 03 uses your own clip, art/own.mp4: take it out"),
        (lambda f, r: pin(f, Step.KEYFRAME, "03", D, ".jpg", r), "scene 03 uses your own clip"),
        (lambda f, r: unpin(f, Step.KEYFRAME, "02", r), "scene 02 uses your own still, art/sage.jpg: take it out of the spec yourself"),
        (lambda f, r: unpin(f, Step.KEYFRAME, "01", r), "keyframe:01 is not pinned"),
        (lambda f, r: pin(f, Step.KEYFRAME, "09", D, ".jpg", r), "film has no keyframe `09`; it has 01, 02, 03"),
        (lambda f, r: pin(f, Step.SCRIPT, "script", D, ".jpg", r), "can be pinned, not script:script"),
        (lambda f, r: pin(f, Step.KEYFRAME, "01", D, ".mp4", r), "keyframe:01: `.mp4` is not the ending of a picture"),
        (lambda f, r: pin(f, Step.KEYFRAME, "01", Digest("ab"), ".jpg", r), "keyframe:01: `store:ab.jpg` names nothing"),
        (lambda f, r: set_take(f, Step.VIDEO, "01", 0, r), "a take is a whole number from 1 to 1,000,000, not 0"),
        (lambda f, r: set_take(f, Step.VIDEO, "03", 2, r), "scene 03 uses your own clip, art/own.mp4: there is no"),
        (
            lambda f, r: bump_takes(f, [("video", "01", None), ("video", "03", None)], r),
            "scene 03 uses your own clip",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_the_file_is_as_it_was(
    project: Project, film: Film, change: Callable[[Film, Path], object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        change(film, project.root)
    assert message in str(caught.value)
    assert raw(project) == WRITTEN
    assert project.files(".") == ["art/own.mp4", "art/sage.jpg", "film.yaml", "recipes/quick.yaml"]


def test_the_still_of_a_pinned_clip_waits_for_its_clip(project: Project, film: Film) -> None:
    pin(film, Step.VIDEO, "01", D, ".mp4", project.root)
    before = raw(project)
    said = "scene 01 uses a pinned clip: take its pin out before its still"
    with pytest.raises(UsageError, match=said):
        pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    with pytest.raises(UsageError, match=said):
        set_take(film, Step.KEYFRAME, "01", 2, project.root)
    assert raw(project) == before


def test_an_edit_of_the_author_s_is_never_lost(project: Project, film: Film) -> None:
    shifted = WRITTEN.replace("scenes:\n  - title", "scenes:\n  - {setting: a town, action: x}\n  - title", 1)
    (project.root / "film.yaml").write_text(shifted)
    with pytest.raises(
        UsageError, match=r"film\.yaml was changed since this was requested and is left unchanged"
    ):
        pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    assert raw(project) == shifted
    (project.root / "film.yaml").write_text("scenes: [")
    with pytest.raises(SpecError):
        pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    assert raw(project) == "scenes: ["


def test_a_choice_for_one_story_is_not_made_in_another(project: Project) -> None:
    project.write("film.yaml", "concept: a fox meets an owl\nscenes: 2\n")
    assert project.spicy("build", "film.yaml", "--only", "ideation:story", "-q").code == 0
    film = load_mine()
    set_take(film, Step.IDEATION, "story", 2, project.root)
    before = raw(project)
    assert before.endswith("take: 2\n")
    with pytest.raises(UsageError, match="was changed since this was requested"):
        pin(film, Step.KEYFRAME, "01", D, ".jpg", project.root)
    assert raw(project) == before


def test_a_comment_of_the_author_s_is_no_reason_to_refuse(project: Project, film: Film) -> None:
    (project.root / "film.yaml").write_text(WRITTEN + "# more\n")
    set_take(film, Step.VIDEO, "01", 5, project.root)
    assert raw(project) == WRITTEN.replace("take: 4", "take: 5") + "# more\n"


def test_of_many_changes_at_once_none_is_lost(project: Project, film: Film) -> None:
    count = 12
    scenes = "".join(f"  - {{setting: s, action: a{n}}}\n" for n in range(count))
    film = load(project, f"style: flat\nscenes:\n{scenes}")
    gate, failures = threading.Barrier(2 * count), []

    def work(number: int) -> None:
        gate.wait()
        item = f"{number // 2 + 1:02}"
        try:
            if number % 2:
                pin(film, Step.KEYFRAME, item, D, ".jpg", project.root)
            else:
                set_take(film, Step.VIDEO, item, 2, project.root)
        except UsageError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2 * count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert raw(project).count(f"keyframe: store:{D}") == raw(project).count("take: 2") == count


# --- keys and files ---


def nodes(film: Film) -> dict[str, Node]:
    return {node.id.partition(":")[2]: node for node in film.nodes()}


def key(node: Node) -> str:
    return node_key(node, {label: pin.digest for label, pin in node.pins.items()})


def test_the_spelling_of_a_pin_is_in_no_key(project: Project) -> None:
    digest = keep(project, picture("aa0000"))
    text = "style: flat\nscenes:\n  - {setting: s, action: a, keyframe: store:%s}\n"
    plain = nodes(load(project, text % digest))["keyframe/01"]
    for other in (f"{digest}.jpg", digest.upper(), f"{digest}.PNG"):
        assert key(nodes(load(project, text % other))["keyframe/01"]) == key(plain)
    assert plain.inputs == {}
    assert plain.price.worst == 0
    assert plain.targets == ("build/film/scenes/01/keyframe.jpg",)
    shape = load(project, "aspect_ratio: 1:1\n" + text % digest)
    assert key(nodes(shape)["keyframe/01"]) != key(plain)


def test_own_sheets_and_clips_are_the_same_thing_when_they_are_pinned(project: Project) -> None:
    sheet, own = picture("aa0000"), clip("00aa00")
    (project.root / "s.jpg").write_bytes(sheet)
    (project.root / "c.mp4").write_bytes(own)
    text = "style: flat\ncharacters: [{name: E, description: d, sheet: %s}]\nscenes: [{clip: %s}]\n"
    files = nodes(load(project, text % ("s.jpg", "c.mp4")))
    digests = {"own sheet": keep(project, sheet), "own clip": keep(project, own)}
    pins = nodes(load(project, text % tuple(f"store:{d}" for d in digests.values())))
    for name in ("character/e", "video/01"):
        assert node_key(files[name], digests) == key(pins[name])
        assert files[name].targets == pins[name].targets


def test_a_pin_that_the_store_does_not_have_is_told_with_its_place(project: Project) -> None:
    text = f"style: flat\nscenes:\n  - {{setting: s, action: a, keyframe: store:{D}}}\n  - clip: store:{D}\n"
    with pytest.raises(SpecError) as caught:
        load(project, text)
    advice = f"copy objects/01/{D} from the store of a machine that has it, or take the pin out of the spec"
    said = f"store:0123456789ab… is not in this machine's store; {advice}"
    assert [str(p) for p in caught.value.problems] == [f"film.yaml:3:39: {said}", f"film.yaml:4:11: {said}"]


def use_attempt(studio: Studio, number: int) -> Digest:
    """Pin an attempt of scene 1's still; the receipt is of before it was pinned."""
    attempts = studio.receipt("scenes/01/keyframe.json")["attempts"]
    assert isinstance(attempts, list)
    digest = Digest(attempts[number - 1]["asset"])
    store = Store(studio.project.root / "store")
    film = load_films([Path("film.yaml")], studio.project.root, "scripted", "build", store)[0]
    pin(film, Step.KEYFRAME, "01", digest, ".jpg", studio.project.root)
    return digest


@pytest.fixture
def square(project: Project) -> Studio:
    """A film of 4:3 over stills that are 16:9, so that every still has to be cut; three attempts each."""
    studio = Studio(project)
    project.write("film.yaml", "aspect_ratio: 4:3\n" + project.read("film.yaml"))
    studio.provider.verdict = lambda call: '{"score": 0.5, "problems": []}'
    assert studio.build() == 0
    studio.asked()
    return studio


def test_the_pin_of_what_is_in_use_changes_no_byte_though_it_had_to_be_cut(square: Studio) -> None:
    root = square.project.root
    before = {
        path: (root / path).read_bytes() for path in square.project.files("build") if "json" not in path
    }
    receipt = square.receipt("scenes/01/keyframe.json")
    targets, attempts = receipt["targets"], receipt["attempts"]
    assert isinstance(targets, dict)
    assert isinstance(attempts, list)
    chosen = next(a for a in attempts if a["chosen"])
    assert targets["scenes/01/keyframe.jpg"] != chosen["asset"]
    use_attempt(square, chosen["number"])
    assert square.price().worst == 0
    assert square.build() == 0
    assert square.asked() == {}
    after = {path: (root / path).read_bytes() for path in before}
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"build/film/story.yaml", "build/film/script.md", "build/film/report.html"}
    assert square.receipt("scenes/01/keyframe.json")["facts"] == {"pinned": True, "width": 32, "height": 18}


def test_another_attempt_is_cut_to_shape_as_well_and_only_its_clip_is_made(square: Studio) -> None:
    from spicy.media.probe import probe_picture

    use_attempt(square, 3)
    assert square.build() == 0
    assert square.asked() == {"video": 1, "edit": 2, "chat": 3}
    made = probe_picture(square.project.root / "build/film/scenes/01/keyframe.jpg")
    assert made.width * 3 == made.height * 4
    store = Store(square.project.root / "store")
    film = load_films([Path("film.yaml")], square.project.root, "scripted", "build", store)[0]
    unpin(film, Step.KEYFRAME, "01", square.project.root)
    assert square.price().worst == 0
    assert square.build() == 0
    assert square.asked() == {}


def test_a_damaged_pin_is_named_and_set_aside_and_not_served(square: Studio) -> None:
    digest = use_attempt(square, 3)
    path = Store(square.project.root / "store").objects.path(digest)
    path.write_bytes(b"rot")
    clip_before = (square.project.root / "build/film/scenes/01/clip.mp4").read_bytes()
    assert square.build() == 1
    assert square.asked() == {}
    node = NodeId("film:keyframe/01")
    assert "set aside as" in square.warnings()[node]
    assert square.failures()[node].startswith(
        f"store:{digest[:12]}…: is not in this machine's store; copy objects/"
    )
    assert not path.exists()
    assert (square.project.root / "build/film/scenes/01/clip.mp4").read_bytes() == clip_before


def test_a_store_that_was_lost_gets_a_pin_back_from_the_build_folder(square: Studio) -> None:
    root = square.project.root
    store = Store(root / "store")
    film = load_films([Path("film.yaml")], root, "scripted", "build", store)[0]
    attempts = square.receipt("scenes/02/clip.json")["attempts"]
    assert isinstance(attempts, list)
    digest = Digest(next(a for a in attempts if a["chosen"])["asset"])
    pin(film, Step.VIDEO, "02", digest, ".mp4", root)
    assert square.build() == 0
    store.objects.path(digest).unlink()
    assert square.build() == 0
    assert square.asked() == {}
    assert store.objects.open(digest).read_bytes() == (root / "build/film/scenes/02/clip.mp4").read_bytes()


def test_a_change_holds_the_folder_so_that_of_two_builds_none_writes_over_the_other(
    project: Project, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    save, held = SpecEdit.save, []

    def saved(edit: SpecEdit, root: Path) -> None:
        other = os.open(project.root, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(True)
        finally:
            os.close(other)
        save(edit, root)

    monkeypatch.setattr(SpecEdit, "save", saved)
    set_take(film, Step.VIDEO, "01", 7, project.root)
    assert held == [True]
    assert "take: 7" in raw(project)
