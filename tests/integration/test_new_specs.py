"""New specs: a name that is free, all of it or none of it, and two that come at once get two files."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from spicy.engine.spec_files import free_path, new_spec, short_name, write_spec, written
from spicy.errors import UsageError


def fine() -> None:
    """A check that finds nothing."""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A curious fox meets a wise owl in an enchanted forest", "a_curious_fox_meets_a_wise"),
        ("🦊🦉", "fox_owl"),
        ("../../etc/passwd", "etc_passwd"),
        ("con", "con_x"),
        ("Füchse & Eulen", "fuchse_eulen"),
    ],
)
def test_a_short_name_is_a_few_plain_words(text: str, name: str) -> None:
    assert short_name(text) == name


@pytest.mark.parametrize("text", ["!!!", "\u200f", "…", "-", "\U0001f9d1\U0001f3fd"])
def test_what_has_no_letters_has_a_name_all_the_same(tmp_path: Path, text: str) -> None:
    path = free_path(tmp_path, text)
    assert path.parent == tmp_path
    assert path.stem.strip("_-")
    assert path == free_path(tmp_path, text)


def test_a_film_that_is_there_is_counted_past_whatever_its_ending(tmp_path: Path) -> None:
    assert free_path(tmp_path / "specs", "The Fox") == tmp_path / "specs/the_fox.yaml"
    (tmp_path / "the_fox.yml").touch()
    (tmp_path / "The_Fox_2.yaml").touch()
    (tmp_path / "the_fox_3.yaml").symlink_to("nowhere")
    assert free_path(tmp_path, "The Fox") == tmp_path / "the_fox_4.yaml"


def test_a_spec_and_its_pictures_are_written(tmp_path: Path) -> None:
    path, picture = tmp_path / "specs/fox.yaml", tmp_path / "specs/refs/fox.jpg"
    seen = []
    values = {"concept": "A fox: the #1 <b>", "title": None, "refs": {"Ember": "refs/fox.jpg"}}
    write_spec(path, values, {picture: b"jpeg"}, lambda: seen.append(path.read_text()))
    assert path.read_text() == "concept: 'A fox: the #1 <b>'\nrefs:\n  Ember: refs/fox.jpg\n"
    assert seen == [path.read_text()]
    assert picture.read_bytes() == b"jpeg"


def test_nothing_of_it_stays_when_the_check_fails(tmp_path: Path) -> None:
    kept = tmp_path / "specs/refs/owl.jpg"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"owl")
    pictures = {kept: b"owl", tmp_path / "specs/refs/more/fox.jpg": b"fox"}

    def check() -> None:
        assert (tmp_path / "specs/fox.yaml").is_file()
        raise UsageError("no such recipe")

    with pytest.raises(UsageError, match="no such recipe"):
        write_spec(tmp_path / "specs/fox.yaml", {"concept": "x"}, pictures, check)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == [kept]
    assert not (tmp_path / "specs/refs/more").exists()


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    spec, picture = tmp_path / "fox.yaml", tmp_path / "fox.jpg"
    picture.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"fox\.jpg exists"):
        write_spec(spec, {"concept": "x"}, {picture: b"other"}, fine)
    assert not spec.exists()
    spec.write_text("concept: mine\n")
    with pytest.raises(UsageError, match=r"fox\.yaml exists"):
        write_spec(spec, {"concept": "x"}, {}, fine)
    assert (spec.read_text(), picture.read_bytes()) == ("concept: mine\n", b"mine")


def test_a_file_system_without_hard_links_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    with written({tmp_path / "a/b.txt": b"text"}):
        pass
    assert (tmp_path / "a/b.txt").read_bytes() == b"text"
    with pytest.raises(UsageError, match="exists"), written({tmp_path / "a/b.txt": b"other"}):
        pass
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_picture_that_is_in_the_way_of_every_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "fox.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"fox\.jpg exists"):
        new_spec(
            tmp_path, "x", lambda _: ({"concept": "x"}, {tmp_path / "fox.jpg": b"other"}), lambda _: None
        )
    assert [p.name for p in tmp_path.iterdir()] == ["fox.jpg"]


def test_sixteen_at_once_get_sixteen_specs(tmp_path: Path) -> None:
    start = threading.Barrier(16)
    paths: list[Path] = []

    def one(number: int) -> None:
        def compose(path: Path) -> tuple[Mapping[str, object], Mapping[Path, bytes]]:
            return {"concept": f"fox {number}"}, {
                path.parent / "refs" / f"{path.stem}.jpg": str(number).encode()
            }

        def check(path: Path) -> None:
            assert f"fox {number}\n" in path.read_text()
            assert (path.parent / "refs" / f"{path.stem}.jpg").read_text() == str(number)

        start.wait()
        paths.append(new_spec(tmp_path, "The Fox", compose, check))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = ["the_fox.yaml", *(f"the_fox_{n}.yaml" for n in range(2, 17))]
    assert sorted(p.name for p in paths) == sorted(names)
    assert sorted(p.read_text() for p in tmp_path.glob("*.yaml")) == sorted(
        f"concept: fox {n}\n" for n in range(16)
    )
    assert len(list((tmp_path / "refs").iterdir())) == 16
