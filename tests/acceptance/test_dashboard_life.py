"""Builds live their own lives: cancelled, left alone by a dying server, or started in a terminal; the page keeps up."""

from __future__ import annotations

from collections import Counter

import pytest

from spicy.emulator import Fault
from tests.acceptance.browsing import (
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
from tests.acceptance.films import DODO
from tests.acceptance.serving import wait_until
from tests.drills.studio import Studio, film

BROKEN = "[...document.images].filter(one => one.complete && !one.naturalWidth)"
SLOW = Fault("video", "slow", factor=60)
"""A clip takes three seconds: long enough to be met while it is made."""


def start(seen: Window, button: str = "Build") -> str:
    """Start a film's build from its page; the run's id."""
    seen.open("/films/oak")
    return seen.follow(lambda: seen.button(button).click(), RUN_PAGE)


def final(seen: Window) -> None:
    """Wait for the end of a film."""
    seen.run_is("done")
    expect(seen.page.locator("video#final")).to_be_visible()


def once(shop: Studio, scenes: int) -> None:
    """Each clip was accepted once."""
    assert Counter(clips(shop)) == Counter(dict.fromkeys(clips(shop), 1))
    assert len(clips(shop)) == scenes


def test_cancel_loses_nothing_and_build_goes_on(browser: Browser) -> None:
    with place(SLOW) as shop, dashboard(shop) as server, window(browser, server, name="cancel") as seen:
        shop.project.write("specs/oak.yaml", film(2))
        first = start(seen)
        expect(seen.at("video", "01", "running")).to_be_visible()
        expect(seen.at("video", "02", "running")).to_be_visible()
        wait_until(lambda: len(clips(shop)) == 2)
        seen.shot("running")
        seen.button("Cancel").click()
        seen.run_is("interrupted")
        seen.shot("interrupted")
        assert [(run.id, run.exit_code) for run in runs(shop)] == [(first, 130)]
        shop.emulator.clear_faults()
        bill = shop.emulator.bill
        again = seen.button("Build")
        seen.follow(lambda: again.click(), rf"/runs/(?!{first})([0-9A-Za-z-]+)$")
        final(seen)
        once(shop, 2)
        assert {r.kind for r in shop.emulator.accepted if r.ticks} >= {"video"}
        assert runs(shop)[1].paid + runs(shop)[0].paid == shop.emulator.bill >= bill


def test_a_killed_server_comes_back_and_the_same_page_goes_on(browser: Browser) -> None:
    with place(SLOW) as shop:
        shop.project.write("specs/oak.yaml", film(2))
        with dashboard(shop) as server, window(browser, server, name="killed") as seen:
            run = start(seen)
            expect(seen.at("video", "01", "running")).to_be_visible()
            port = int(server.url.rsplit(":", 1)[1])
            seen.absent = True
            server.kill()
            expect(seen.page.locator("#link")).to_be_visible()
            seen.shot("server-away")
            sheet = seen.card("character", "ember").locator(".frame img")
            sheet.evaluate(
                "image => { image.srcset = ''; image.src = image.src.replace(/w=[0-9]+/, 'w=240'); }"
            )
            seen.until(f"{BROKEN}.length > 0")
            with dashboard(shop, port=port):
                final(seen)
                for scene in ("01", "02"):
                    expect(seen.at("video", scene, "made")).to_be_visible()
                expect(seen.page.locator("#link")).to_be_hidden()
                seen.until(f"{BROKEN}.length === 0")
                play(seen)
                assert seen.stayed
            assert [(r.id, r.exit_code) for r in runs(shop)] == [(run, 0)]
            once(shop, 2)


@pytest.mark.parametrize("way", ["spicy build", "doit"])
def test_pages_follow_a_build_from_a_terminal(browser: Browser, way: str) -> None:
    with (
        place(SLOW) as shop,
        dashboard(shop) as server,
        window(browser, server, name="terminal") as list_page,
    ):
        shop.project.write("specs/oak.yaml", film(2))
        shop.project.write("dodo.py", DODO)
        list_page.open("/")
        module, *args = (
            ("spicy", "build", "specs/oak.yaml")
            if way == "spicy build"
            else ("doit", "-n", "2", "-P", "thread")
        )
        process = shop.start(module, *args)
        try:
            link = list_page.page.get_by_role("link", name="The Oak")
            expect(link).to_be_visible()
            expect(list_page.page.locator('.run[data-state="running"]')).to_be_visible()
            assert list_page.stayed
            with window(browser, server, name="terminal-run") as run_page:
                run_page.open("/")
                run_page.follow(lambda: run_page.page.get_by_role("link", name="The Oak").click(), RUN_PAGE)
                run_page.run_is("running")
                final(run_page)
                assert run_page.stayed
            expect(list_page.page.locator('.run[data-state="done"]')).to_be_visible()
            assert list_page.stayed
            list_page.shot("runs")
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, out + err
        except BaseException:
            process.kill()
            raise
        finally:
            process.communicate()
        once(shop, 2)
