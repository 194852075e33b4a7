"""The page of a new run, over the real server: a form becomes one spec and one build, or nothing at all."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from spicy.runs.model import Run, RunState
from spicy.runs.read import find_run, list_runs
from spicy.spec.load import load_spec
from tests.integration.test_web_safety import SVG, bomb, png
from tests.served import Served, serving
from tests.visitor import Page, Visitor

CONCEPT = "A paper kite learns to let go of its string"
HOSTILE = "<script>window.pwned = 1</script>\"'><img src=/x> \u202egnp.exe 🦊&amp;"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server in an empty project whose builds use its store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPICY_CACHE_DIR", str(tmp_path / "cache"))
    with serving(tmp_path) as found:
        yield found


def files(served: Served) -> list[str]:
    """What a new run may have left in the project."""
    found = [
        path for top in ("specs", "build") for path in (served.folder / top).rglob("*") if path.is_file()
    ]
    return sorted(path.relative_to(served.folder).as_posix() for path in found)


def ended(served: Served, run: str, seconds: float = 60) -> Run:
    """Wait until a run has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = find_run(served.app_state.build, run)
        if found is not None and found.state.is_over:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{run} did not end: {served.app_state.launcher.said(run)}")


def fill(page: Page, **fields: str) -> dict[str, str]:
    """The form as drawn, with the quick recipe and these fields."""
    return {**page.form("Make the film")[0].fields, "concept": CONCEPT, "recipe": "served", **fields}


def run_of(page: Page) -> str:
    """The run that an answer leads to."""
    assert page.status == 303, page.text[:2000]
    return page.headers["location"].rpartition("/")[2]


def photo(colour: str, kind: str = "JPEG") -> bytes:
    """A picture that somebody would upload."""
    out = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(out, kind)
    return out.getvalue()


def test_a_form_becomes_a_spec_to_keep_and_a_film(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    assert "animatic answers" in page.text
    seen = visitor.press(page, "Show plan", fill(page, scenes="1", title="The Kite", budget="2.50"))
    assert "free" in seen.text
    assert "The story is not written yet" in seen.text
    form = seen.form("Make the film")[0]
    assert (form.fields["concept"], form.fields["scenes"], form.fields["recipe"]) == (CONCEPT, "1", "served")
    pictures = {"picture-1": ("../../../evil.sh", photo("red")), "picture-2": ("x.jpg", photo("blue", "PNG"))}
    names = {"name-1": "Zoë", "name-2": "Bear #2"}
    went = visitor.press(seen, "Make the film", names, files=pictures, follow=False)
    run = ended(served, run_of(went))
    assert run.state is RunState.DONE, served.app_state.launcher.said(run.id)
    text = (served.folder / "specs/the_kite.yaml").read_text("utf-8")
    assert text.startswith("# ")
    keys = [line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()]
    assert keys == ["concept", "title", "recipe", "refs", "scenes", "budget"]
    spec = load_spec(Path("specs/the_kite.yaml"), served.folder)
    assert dict(spec.refs) == {
        "Zoë": "specs/refs/the_kite/zoe.jpg",
        "Bear #2": "specs/refs/the_kite/bear-2.png",
    }
    assert (served.folder / "specs/refs/the_kite/zoe.jpg").read_bytes() == photo("red")
    assert (served.folder / "build/the_kite/final.mp4").is_file()
    assert not list(served.folder.rglob("*evil*"))


def test_plan_and_price_write_nothing(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    before = sorted(served.folder.rglob("*"))
    visitor.press(page, "Show plan", fill(page, style=HOSTILE), files={"picture-1": ("a.jpg", photo("red"))})
    part = visitor.send(
        "/new/preview", fill(page, **{"name-1": "Ember", "given-1": "1"}), headers={"Spicy-Part": "1"}
    )
    assert part.status == 200
    assert "<html" not in part.source
    assert "Counted with 1 new picture" in part.text
    kept = [path for path in sorted(served.folder.rglob("*")) if path not in before]
    assert [path for path in kept if "cache" not in path.parts and "logs" not in path.parts] == []
    assert list(served.app_state.store.objects.all()) == []


def test_sent_twice_is_one_spec_and_one_build(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    fields, answers = fill(page, scenes="1"), list[Page]()
    form = page.form("Make the film")[0]

    def send() -> None:
        answers.append(visitor.send("/new", fields, form=form, follow=False))

    at_once(send, 4)
    answers.append(visitor.send("/new", {**fields, "concept": "Another one"}, form=form, follow=False))
    assert {run_of(answer) for answer in answers} == {fields["run"]}
    ended(served, fields["run"])
    assert [path for path in files(served) if path.startswith("specs/")] == [
        "specs/a_paper_kite_learns_to_let.yaml"
    ]
    assert len(list_runs(served.app_state.build, 10)) == 1


def test_a_storyboard_that_is_misspelt_makes_no_film(served: Served) -> None:
    visitor = Visitor(served.url)
    form = (page := visitor.open("/new")).form("Make the film")[0]
    answer = visitor.send("/new", {**form.fields, **fill(page), "until": "keyframe"}, form=form, follow=False)
    assert answer.status == 422
    assert files(served) == []


def test_two_who_come_at_once_get_a_spec_each(served: Served) -> None:
    visitor = Visitor(served.url)
    visitor.open("/")  # one browser: it has its cookie before two of its tabs ask at once
    runs: list[str] = []

    def send() -> None:
        page = visitor.open("/new")
        runs.append(run_of(visitor.press(page, "Storyboard first", fill(page, scenes="1"), follow=False)))

    at_once(send, 2)
    assert len({*runs}) == 2
    assert {ended(served, run).until for run in runs} == {"keyframes"}
    name = "a_paper_kite_learns_to_let"
    assert sorted(p.name for p in (served.folder / "specs").glob("*.yaml")) == [
        f"{name}.yaml",
        f"{name}_2.yaml",
    ]
    assert not list(served.folder.rglob("clip.mp4"))


BAD_FIELDS = [
    ({"concept": " "}, "say in a sentence or two"),
    ({"scenes": "two"}, "whole number from 1 to 999, not `two`"),
    ({"scenes": "1000"}, "at most 999"),
    ({"scenes": "-1"}, "whole number"),
    ({"budget": "2,50"}, "such as 2.50, not `2,50`"),
    ({"budget": "nan"}, "such as 2.50"),
    ({"budget": "0"}, "more than 0"),
    ({"aspect_ratio": "5:4"}, "expected one of 1:1, 16:9"),
    ({"recipe": "../../etc/passwd"}, "unknown recipe"),
    ({"title": "run"}, "cannot be called"),
    ({"style": "a\0b"}, "U+0000"),
    ({"concept": "\x1b[31mred"}, "U+001B"),
    ({"title": "x" * 20_001}, "20,001 characters"),
]


@pytest.mark.parametrize(("fields", "said"), BAD_FIELDS)
def test_a_mistake_is_told_and_nothing_is_written(served: Served, fields: dict[str, str], said: str) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    answer = visitor.press(page, "Make the film", fill(page, **fields), follow=False)
    assert answer.status == 422
    assert said in answer.text
    place = answer.source.partition(f'id="mistake-{next(iter(fields))}"')[2].partition("</p>")[0]
    assert len(place) > 20
    assert files(served) == []


def test_all_mistakes_are_told_at_once_and_what_was_typed_is_kept(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    fields = fill(
        page, scenes="many", budget="x", title=HOSTILE, **{"name-1": "Mila", "name-2": "míla", "name-4": "Bo"}
    )
    given = {"picture-1": ("a", png()), "picture-2": ("b", SVG), "picture-3": ("c", png())}
    answer = visitor.press(page, "Make the film", fields, files=given, follow=False)
    assert answer.status == 422
    for said in (
        "not `many`",
        "not `x`",
        "same name as Mila",
        "no JPEG, PNG or WebP",
        "whom the picture shows",
        "picture of Bo",
    ):
        assert said in answer.text
    assert "<script>window" not in answer.source
    kept = answer.form("Make the film")[0].fields
    assert {name: kept[name] for name in fields} == fields
    assert files(served) == []


BAD_PICTURES = [
    (SVG, "no JPEG, PNG or WebP"),
    (b"<html><script>1</script>", "no JPEG, PNG or WebP"),
    (b"\xff\xd8\xff" + b"x" * 1000, "picture"),
    (bomb(), "pixels"),
    (photo("red")[:-400], "picture"),
    (png() + bytes(20 << 20), "20 MiB"),
    (b"GIF89a" + bytes(100), "no JPEG, PNG or WebP"),
]


@pytest.mark.parametrize("picture", BAD_PICTURES, ids=["svg", "html", "noise", "bomb", "cut", "huge", "gif"])
def test_a_picture_that_is_none_is_refused_beside_its_slot(
    served: Served, picture: tuple[bytes, str]
) -> None:
    data, said = picture
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    named = fill(page, **{"name-2": "Ember"})
    answer = visitor.press(page, "Make the film", named, files={"picture-2": ("fox.jpg", data)}, follow=False)
    assert answer.status == 422
    place = answer.source.partition('id="mistake-picture-2"')[2].partition("</p>")[0]
    assert said in place
    assert files(served) == []
    assert list((served.app_state.store.root / "tmp").glob("*")) == []


def test_texts_that_mean_harm_end_as_text_in_a_file_of_a_plain_name(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    long = HOSTILE + "w" * 10_000
    fields = fill(page, title="../../" + long, concept=long, style=long, scenes="1", **{"name-1": HOSTILE})
    went = visitor.press(
        page, "Storyboard first", fields, files={"picture-1": ("x", png((64, 64)))}, follow=False
    )
    run_of(went)
    (path,) = (served.folder / "specs").glob("*.yaml")
    assert path.stem.replace("_", "").isalnum()
    spec = load_spec(path.relative_to(served.folder), served.folder)
    assert (spec.concept, spec.style) == (long, long)
    assert list(spec.refs) == [HOSTILE]
    assert all(
        Path(file).resolve().is_relative_to(served.folder / "specs/refs") for file in spec.refs.values()
    )
    ended(served, fields["run"])


def test_bytes_that_are_no_text_are_refused_or_replaced(served: Served) -> None:
    visitor = Visitor(served.url)
    fields = visitor.open("/new").form("Make the film")[0].fields
    head = {"csrf": fields["csrf"].encode(), "run": fields["run"].encode(), "concept": b"a \xed\xa0\x80 b"}
    parts = [
        b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text)
        for name, text in head.items()
    ]
    headers = {"Origin": served.url, "Content-Type": "multipart/form-data; boundary=B"}
    answer = visitor.session.post(
        f"{served.url}/new", data=b"".join([*parts, b"--B--\r\n"]), headers=headers, timeout=60
    )
    assert answer.status_code == 422
    assert "is not text" in answer.text
    for body in (b"", b"--B", b"--B\r\n\r\n", b"\0" * 100):
        answer = visitor.session.post(f"{served.url}/new", data=body, headers=headers, timeout=60)
        assert answer.status_code in (400, 403)
    assert files(served) == []


def test_a_form_that_names_no_run_starts_none(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    for run in ("", "../../x", "a/b", "a" * 41, "x\0y"):
        answer = visitor.send("/new", fill(page, run=run), follow=False)
        assert answer.status == 422
        assert "names no run" in answer.text
    assert files(served) == []


def test_a_spec_whose_build_was_not_started_is_not_written_twice(served: Served) -> None:
    (served.folder / "build").write_text("a file")
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    fields = fill(page, scenes="1")
    answer = visitor.send("/new", fields, follow=False)
    assert answer.status == 503
    assert "cannot be written" in answer.text
    (spec,) = (served.folder / "specs").glob("*.yaml")
    (served.folder / "build").unlink()
    run = run_of(visitor.send("/new", fields, follow=False))
    assert ended(served, run).state is RunState.DONE
    assert list((served.folder / "specs").glob("*.yaml")) == [spec]


def at_once(do: Callable[[], None], times: int) -> None:
    """Do something in several threads at the same time."""
    threads = [threading.Thread(target=do) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
