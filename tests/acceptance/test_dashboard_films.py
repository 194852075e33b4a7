"""A film from the form to its last frame, in a real browser: every build real, every cent on the emulator's bill."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from spicy.emulator import Fault
from spicy.ids import usd
from spicy.runs.model import Run
from tests.acceptance.browsing import (
    FILM_PAGE,
    RUN_PAGE,
    Browser,
    Window,
    clips,
    dashboard,
    expect,
    place,
    play,
    runs,
    window,
)
from tests.acceptance.films import media
from tests.drills.studio import Studio, film

COMMENTED = film(2).replace(
    "  - title: Scene 2\n", "  # the brook, as in the sketch\n  - title: Scene 2  # keep\n"
)


def paid(seen: Window, shop: Studio, run: Run) -> None:
    """The page says of a run's money what its row has."""
    expect(seen.page.locator("#run-head")).to_contain_text(usd(run.paid))


def test_a_film_comes_to_be_from_the_form_under_the_eyes_of_who_ordered_it(browser: Browser) -> None:
    with place() as shop, dashboard(shop) as server, window(browser, server, name="new") as seen:
        seen.open("/new")
        seen.fill(shop, "A girl and a bear look for the moon")
        expect(seen.page.locator("#preview")).to_contain_text("Counted with 2 new pictures")
        price = seen.page.locator("#preview .price")
        two = price.inner_text()
        assert "$" in two
        seen.field("scenes").fill("3")
        expect(price).not_to_have_text(two)
        seen.field("scenes").fill("2")
        expect(price).to_have_text(two)
        assert (shop.emulator.accepted, shop.project.files("build"), shop.project.files("specs")) == (
            [],
            [],
            [],
        )
        seen.shot("new-filled")
        seen.follow(lambda: seen.button("Make the film").click(), RUN_PAGE)
        for name in ("mila", "bruno"):
            expect(seen.card("character", name).locator(".frame img")).to_be_visible()
        for scene in ("01", "02"):
            expect(seen.card("keyframe", scene).locator(".frame img")).to_be_visible()
            expect(seen.at("video", scene, "made")).to_be_visible()
        seen.run_is("done")
        play(seen)
        assert seen.stayed
        seen.shot("run-done")
        (run,) = runs(shop)
        assert run.paid == shop.emulator.bill > 0
        paid(seen, shop, run)
        (spec,) = Path(shop.project.root, "specs").glob("*.yaml")
        text = spec.read_text("utf-8")
        assert "A girl and a bear look for the moon" in text
        assert {Path(f).name for f in shop.project.files(f"specs/refs/{spec.stem}")} == {
            "mila.jpg",
            "bruno.jpg",
        }


AGAIN = """([action, fields]) => Promise.all([1, 2].map(async () => {
    const answer = await fetch(action, {method: 'POST', body: new URLSearchParams(fields)});
    return new URL(answer.url).pathname;
}))"""
"""Send a form twice at once, as it was drawn; where that leads."""


def made(shop: Studio, text: str = COMMENTED) -> None:
    """A film that is finished already, made in a terminal."""
    shop.project.write("specs/oak.yaml", text)
    ran = shop.project.spicy("build", "specs/oak.yaml")
    assert ran.code == 0, ran.err


def test_remake_this_scene_buys_one_clip_however_often_it_is_sent(browser: Browser) -> None:
    with place() as shop, dashboard(shop) as server, window(browser, server, name="remake") as seen:
        made(shop)
        (first,) = runs(shop)
        before, accepted = media(shop.project, "oak"), len(shop.emulator.accepted)
        seen.open(f"/runs/{first.id}")
        button = seen.card("video", "02").get_by_role("button", name="Remake this scene")
        with_clip, alone = (low(seen, step) for step in ("keyframe", "video"))
        assert with_clip > alone > 0  # a still is followed by its clip
        form = button.locator("xpath=ancestor::form")
        drawn = form.evaluate("form => [form.action, [...new FormData(form)]]")
        second = seen.follow(lambda: button.dblclick(), rf"/runs/(?!{first.id})([0-9A-Za-z-]+)$")
        seen.run_is("done")
        expect(seen.at("video", "02", "made")).to_be_visible()
        expect(seen.at("video", "01", "fresh")).to_be_visible()
        bought = Counter(record.kind for record in shop.emulator.accepted[accepted:])
        assert bought == {"video": 1, "chat": 1}
        assert seen.page.evaluate(AGAIN, drawn) == [f"/runs/{second}"] * 2
        assert len(shop.emulator.accepted) == accepted + 2
        assert [run.id for run in runs(shop)] == [second, first.id]
        after = media(shop.project, "oak")
        changed = {file for file in after if after[file] != before.get(file)}
        assert {file for file in changed if "scenes/01" in file or "characters" in file} == set()
        assert {"build/oak/scenes/02/clip.mp4", "build/oak/final.mp4"} <= changed
        assert after["build/oak/scenes/02/keyframe.jpg"] == before["build/oak/scenes/02/keyframe.jpg"]
        spec = shop.project.read("specs/oak.yaml")
        assert [line for line in spec.splitlines() if line not in COMMENTED.splitlines()] == ["    take: 2"]
        seen.shot("run-remade")


def low(seen: Window, step: str) -> float:
    """What another take in scene 02 costs at the least, in dollars, as it stands beside its button."""
    words = seen.card(step, "02").locator(".act .soft").inner_text()
    return float(words.partition(" – ")[0].removeprefix("$"))


def test_a_remake_in_an_unfinished_film_buys_that_alone(browser: Browser) -> None:
    with place() as shop, dashboard(shop) as server, window(browser, server, name="alone") as seen:
        shop.project.write("specs/oak.yaml", COMMENTED)
        assert shop.project.spicy("build", "specs/oak.yaml", "--only", "video:02").code == 0
        (first,) = runs(shop)
        accepted = len(shop.emulator.accepted)
        seen.open(f"/runs/{first.id}")
        assert low(seen, "keyframe") < low(seen, "video")  # its clip is not in the price, nor made
        left = seen.page.locator("#run-head .actions .soft").inner_text()
        assert re.match(r"\$\d.* – \$.*likely", left)
        button = seen.card("video", "02").get_by_role("button", name="Remake this scene")
        seen.follow(button.click, rf"/runs/(?!{first.id})([0-9A-Za-z-]+)$")
        seen.run_is("done")
        bought = Counter(record.kind for record in shop.emulator.accepted[accepted:])
        assert bought == {"video": 1, "chat": 1}
        seen.follow(seen.button("Build").click, rf"/runs/(?!{runs(shop)[0].id})([0-9A-Za-z-]+)$")
        expect(seen.page.locator("video#final")).to_be_visible()
        seen.run_is("done")


def test_storyboard_first_with_another_keyframe_then_the_clips(browser: Browser) -> None:
    with place() as shop, dashboard(shop) as server, window(browser, server, name="storyboard") as seen:
        seen.open("/new")
        seen.fill(shop, "A lighthouse learns to swim")
        seen.follow(lambda: seen.button("Storyboard first").click(), RUN_PAGE)
        seen.run_is("done")
        for scene in ("01", "02"):
            expect(seen.card("keyframe", scene).locator(".frame img")).to_be_visible()
        assert clips(shop) == []
        board = shop.emulator.bill
        seen.shot("storyboard")
        anew = seen.card("keyframe", "01").get_by_role("button", name="Remake the keyframe")
        seen.follow(anew.click, rf"/runs/(?!{runs(shop)[0].id})([0-9A-Za-z-]+)$")
        expect(seen.at("keyframe", "01", "made")).to_be_visible()
        seen.run_is("done")
        assert (clips(shop), shop.emulator.bill > board) == ([], True)  # still a storyboard
        board = shop.emulator.bill
        button = seen.button("Make the clips")
        expect(seen.page.locator("#run-head .actions .soft")).to_contain_text("likely $")
        seen.follow(button.click, rf"/runs/(?!{runs(shop)[0].id})([0-9A-Za-z-]+)$")
        seen.run_is("done")
        expect(seen.page.locator("video#final")).to_be_visible()
        assert len(clips(shop)) == 2
        assert [run.until for run in runs(shop)] == ["", "keyframes", "keyframes"]
        assert runs(shop)[0].paid == shop.emulator.bill - board
        assert sum(run.paid for run in runs(shop)) == shop.emulator.bill


def test_use_this_one_pins_another_attempt_and_taking_it_out_costs_nothing(browser: Browser) -> None:
    low = Fault("chat", "low_score", times=1, prompt="frame of this scene: clearing number 1")
    with place(low) as shop, dashboard(shop) as server, window(browser, server, name="pin") as seen:
        made(shop)
        before = media(shop.project, "oak")
        (first,) = runs(shop)
        seen.open(f"/runs/{first.id}")
        card = seen.card("keyframe", "01")
        card.get_by_text("2 attempts").click()
        seen.shot("attempts")
        seen.follow(lambda: card.get_by_role("button", name="Use this one").first.click(), FILM_PAGE)
        spec = shop.project.read("specs/oak.yaml")
        (line,) = [line.strip() for line in spec.splitlines() if line not in COMMENTED.splitlines()]
        found = re.fullmatch(r"keyframe: store:([0-9a-f]{64})(?:\.jpg)?", line)
        assert found
        expect(seen.page.get_by_role("main")).to_contain_text("$")
        seen.shot("pinned")
        bill = shop.emulator.bill
        seen.follow(lambda: seen.button("Build").click(), RUN_PAGE)
        seen.run_is("done")
        after = media(shop.project, "oak")
        assert after["build/oak/scenes/01/keyframe.jpg"] != before["build/oak/scenes/01/keyframe.jpg"]
        assert after["build/oak/scenes/02/clip.mp4"] == before["build/oak/scenes/02/clip.mp4"]
        assert shop.emulator.bill > bill  # the clip of another still
        bill = shop.emulator.bill
        seen.open("/films/oak")
        seen.follow(
            lambda: seen.page.get_by_role("button", name=re.compile("pin", re.I)).first.click(), FILM_PAGE
        )
        assert shop.project.read("specs/oak.yaml") == COMMENTED
        seen.follow(lambda: seen.button("Build").click(), RUN_PAGE)
        seen.run_is("done")
        assert media(shop.project, "oak") == before
        assert shop.emulator.bill == bill
