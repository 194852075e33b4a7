"""The report: real pictures in, one HTML file out that fetches nothing and hides nothing."""

from __future__ import annotations

import base64
import io
import itertools
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from spicy.canonical_json import Json
from spicy.errors import StoreError
from spicy.report.html import brief, clock, link, render_report
from spicy.report.manifest import Tree, build_manifest
from spicy.story.model import Character, Scene, Story

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would see: tags, text, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += f" {data}"

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def urls(self) -> list[str]:
        return [a[name] for _, a in self.tags for name in ("src", "href", "poster") if name in a]


def story(scenes: int = 2) -> Story:
    shots = tuple(
        Scene(
            id=f"{n}",
            slug=f"{n:02d}",
            title=f"Shot {n}",
            characters=("Ember",),
            setting="A wood",
            action="She runs",
            duration=4,
        )
        for n in range(1, scenes + 1)
    )
    cast = (Character(name="Ember", description="A red fox", slug="ember"),)
    return Story(title="The Fox", style="ink", aspect_ratio="16:9", characters=cast, scenes=shots)


def receipt(node: str, *targets: str, **more: Json) -> dict[str, Json]:
    step, item = node.split("/")
    head: dict[str, Json] = {"spicy": 1, "node": f"fox:{node}", "film": "fox", "step": step, "item": item}
    call: Json = {
        "key": node,
        "kind": "image",
        "purpose": step,
        "prompt": f"Draw {node}",
        "cost_ticks": 400_000_000,
    }
    return {
        **head,
        "targets": dict.fromkeys(targets, "d"),
        "calls": (call,),
        "cost_ticks": 400_000_000,
        **more,
    }


def film(folder: Path, told: Story) -> Tree:
    """A film of small real pictures, its first clip with two attempts, its last clip not made."""
    receipts = [receipt("character/ember", "characters/ember.png")]
    (folder / "characters").mkdir(parents=True)
    Image.new("RGBA", (90, 160), (200, 80, 20, 128)).save(folder / "characters/ember.png")
    for scene in told.scenes:
        place = folder / "scenes" / scene.slug
        place.mkdir(parents=True)
        Image.new("RGB", (160, 90), "teal").save(place / "keyframe.jpg")
        receipts.append(receipt(f"keyframe/{scene.slug}", f"scenes/{scene.slug}/keyframe.jpg"))
        tries: Json = (
            {"number": 1, "score": 0.4, "problems": ["two tails"]},
            {"number": 2, "score": 0.9, "chosen": True},
        )
        files = [f"scenes/{scene.slug}/{name}" for name in ("clip.mp4", "first.jpg", "last.jpg")]
        receipts.append(receipt(f"video/{scene.slug}", *files, attempts=tries))
    lost = f"fox:video/{told.scenes[-1].slug}"
    return build_manifest("fox", told, receipts[:-1], missing=[f"{lost}: refused: too much fire"])


def test_nothing_is_fetched_from_outside(tmp_path: Path) -> None:
    html = render_report(film(tmp_path, story()), tmp_path)
    page = Page(html)
    for url in page.urls():
        assert url.startswith(("data:image/jpeg;base64,", "#")) or ":" not in url, url
    assert not page.all("script")
    assert not page.all("link")
    assert "url(" not in html
    assert "@import" not in html


def test_pictures_are_inlined_small_and_clips_play_from_the_folder(tmp_path: Path) -> None:
    told = story(3)
    manifest = film(tmp_path, told)
    Image.effect_noise((1600, 900), 80).convert("RGB").save(tmp_path / "scenes/01/keyframe.jpg")
    page = Page(render_report(manifest, tmp_path))
    pictures = page.all("img")
    assert [p["alt"] for p in pictures] == ["Character sheet of Ember"] + ["Keyframe: A wood"] * 3
    data = base64.b64decode(pictures[1]["src"].partition(",")[2])
    with Image.open(io.BytesIO(data)) as shrunk:
        assert (shrunk.format, shrunk.size) == ("JPEG", (640, 360))
    assert [(v["src"], v["poster"], v["preload"]) for v in page.all("video")] == [
        ("scenes/01/clip.mp4", "scenes/01/first.jpg", "none"),
        ("scenes/02/clip.mp4", "scenes/02/first.jpg", "none"),
    ]


def test_what_is_missing_is_said_and_not_hidden(tmp_path: Path) -> None:
    manifest = film(tmp_path, story())
    (tmp_path / "scenes/01/keyframe.jpg").write_bytes(b"not a picture")
    text = " ".join(Page(render_report(manifest, tmp_path)).text.split())
    for said in (
        "This film is not complete",
        "fox:video/02 refused: too much fire",
        "Final film not made",
        "Clip not made",
        "Keyframe missing",
        "AI-generated",
    ):
        assert said in text


def test_attempts_costs_and_prompts_are_shown(tmp_path: Path) -> None:
    text = " ".join(Page(render_report(film(tmp_path, story()), tmp_path)).text.split())
    assert "Attempt 1 0.40 two tails Attempt 2 0.90 chosen" in text
    assert "Draw keyframe/01" in text
    assert "all 4 0 $0.16 $0.00 0.0 s" in text


def test_the_figures_explain_themselves_and_the_time_strip_names_its_scenes(tmp_path: Path) -> None:
    page = Page(render_report(film(tmp_path, story()), tmp_path))
    text = " ".join(page.text.split())
    for said in (
        "when they were first asked",
        "by the builds that made this",
        "asked before, not paid again",
    ):
        assert said in text
    assert [a["title"] for a in page.all("a") if "title" in a] == ["1 · Shot 1 · 4 s", "2 · Shot 2 · 4 s"]
    assert "1 Shot 1 4 s 2 Shot 2 4 s" in text


@pytest.mark.parametrize(
    "text", [EVIL, "x" * 10_000, "\u202e\u05e9\u05dc\u05d5\u05dd " * 200, "half \ud800 pair", ""]
)
def test_any_text_is_only_text(tmp_path: Path, text: str) -> None:
    told = story()
    scenes = tuple(
        replace(s, title=text, setting=text, action=text, camera=text, mood=text) for s in told.scenes
    )
    cast = (replace(told.characters[0], description=text, role=text),)
    manifest = film(
        tmp_path, replace(told, title=text, style=text, palette=text, characters=cast, scenes=scenes)
    )
    html = render_report(manifest, tmp_path)
    page = Page(html)
    html.encode("utf-8")
    assert not page.all("script")
    assert len(page.all("img")) == 3
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    if text == EVIL:
        assert page.text.count(EVIL) >= 10


def test_headings_go_down_one_step_at_a_time(tmp_path: Path) -> None:
    page = Page(render_report(film(tmp_path, story()), tmp_path))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {url[1:] for url in page.urls() if url.startswith("#")} <= set(ids)


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    Image.new("RGB", (16, 9)).save(tmp_path / "secret.jpg")
    inner = tmp_path / "film"
    for path in ("../secret.jpg", str(tmp_path / "secret.jpg"), "javascript:alert(1)"):
        manifest = build_manifest("fox", story(1), [receipt("keyframe/01", path), receipt("video/01", path)])
        page = Page(render_report(manifest, inner))
        assert not page.all("img")
        assert page.all("video")[0]["src"] in {"#", "javascript%3Aalert%281%29"}


def test_an_empty_film_is_still_a_page(tmp_path: Path) -> None:
    page = Page(
        render_report(build_manifest("fox", replace(story(), characters=(), scenes=()), []), tmp_path)
    )
    assert "The story has no scenes." in page.text
    assert "No call was needed." in page.text


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="version 7, this spicy reads 1"):
        render_report({"spicy": 7}, tmp_path)


def test_twelve_scenes_are_quick_and_a_hundred_stay_small(tmp_path: Path) -> None:
    render_report(film(tmp_path / "warm", story()), tmp_path / "warm")
    told = film(tmp_path / "a", story(12))
    begin = time.process_time()
    render_report(told, tmp_path / "a")
    assert time.process_time() - begin < 0.5
    assert len(render_report(film(tmp_path / "b", story(100)), tmp_path / "b")) < 1_500_000


def test_figures() -> None:
    assert link("scenes/a b/c#?.mp4") == "scenes/a%20b/c%23%3F.mp4"
    assert (clock(84.4), clock(3723)) == ("1:24", "1:02:03")
    assert brief("one two three four", 12) == "one two…"
    assert brief("x" * 50, 10) == "x" * 9 + "…"
