"""What the pages are to whom: hostile texts, narrow screens, the keyboard alone, no JavaScript, and the rules of axe."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe

from spicy.emulator import Fault
from spicy.runs.model import RunState
from tests.acceptance.browsing import (
    NARROW,
    RUN_PAGE,
    SETTLE,
    WIDE,
    Browser,
    Page,
    Window,
    clips,
    dashboard,
    expect,
    place,
    runs,
    window,
)
from tests.acceptance.serving import Serving, wait_until
from tests.drills.studio import film

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}

HOSTILE = '<script>window.pwned = 1</script>"\'><img src=/x onerror="window.pwned = 2"> \u202egnp.exe 🦊&amp;'
LONG = HOSTILE + "w" * 10_000

REACHABLE = """() => {
    const all = 'a[href], button, input, select, textarea, summary, video[controls], audio[controls], [tabindex="0"]';
    const groups = new Set();
    return [...document.querySelectorAll(all)].filter(thing => {
        if (thing.disabled || thing.type === 'hidden' || !thing.checkVisibility({visibilityProperty: true})) return false;
        if (thing.closest('details:not([open])') && !thing.matches('details:not([open]) > summary')) return false;
        if (thing.type !== 'radio') return true;
        const first = !groups.has(thing.name);  // Tab enters a group once, arrows go on
        groups.add(thing.name);
        return first;
    }).map((thing, number) => {
        thing.dataset.reach = thing.type === 'radio' ? `radio ${thing.name}` : String(number);
        return [thing.dataset.reach, thing.outerHTML.slice(0, 160)];
    });
}"""

FOCUSED = """() => {
    const thing = document.activeElement;
    if (!thing || thing === document.body) return null;
    const ring = style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    const ringed = ring(getComputedStyle(thing)) || ring(getComputedStyle(thing, '::after'));
    const box = thing.getBoundingClientRect();
    const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
    return [thing.type === 'radio' ? `radio ${thing.name}` : thing.dataset.reach ?? '', ringed && inside];
}"""


def fits(page: Page) -> None:
    """Nothing has to be scrolled sideways."""
    inner, scroll = page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    wide = page.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
            .slice(0, 5).map(one => one.outerHTML.slice(0, 120))"""
    )
    assert scroll <= inner, f"{page.url} is {scroll} px wide on a screen of {inner}: {wide}"


def open_all(page: Page) -> None:
    """Open everything that is folded up, and let it settle."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate(SETTLE)


def obeys_axe(page: Page) -> None:
    """No rule of WCAG 2 A or AA is broken, as far as axe can tell."""
    found: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    told = [
        f"{rule['id']} ({rule['help']}): {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"][:5]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)


def reached_by_tab(page: Page) -> None:
    """Tab alone comes to everything that can be used, and one sees where it is."""
    wanted = dict(page.evaluate(REACHABLE))
    assert wanted
    reached, seen, players = set(), set(), page.locator("video[controls]").count()
    page.evaluate("document.activeElement.blur()")
    for _ in range(len(wanted) + 12 * players + 5):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        if focus is None:
            break
        name, visible = focus
        reached.add(name)
        seen |= {name} if visible else set()  # the parts of a player are the browser's own
    missed = [what for name, what in wanted.items() if name not in reached]
    assert not missed, f"{page.url}: Tab does not come to\n" + "\n".join(missed)
    unseen = [what for name, what in wanted.items() if name not in seen]
    assert not unseen, f"{page.url}: focus is not to be seen on\n" + "\n".join(unseen)


def film_of(name: str) -> str:
    """A film of two scenes that shares no clip with the others."""
    return film(2, title=name.title()).replace("past oak", f"past {name}")


@contextlib.contextmanager
def everything(browser: Browser) -> Iterator[tuple[Serving, list[str]]]:
    """A server, and the pages it has when one run is done, one has failed and one goes on."""
    faults = [
        Fault("video", "moderated_failed", prompt="past elm number 2"),
        Fault("video", "never", prompt="past ash"),
        Fault("chat", "low_score", times=1, prompt="frame of this scene: clearing number 1 of Oak"),
    ]
    with place(*faults) as shop, dashboard(shop) as server:
        for name, code in (("oak", 0), ("elm", 1)):
            shop.project.write(f"specs/{name}.yaml", film_of(name))
            ran = shop.project.spicy("build", f"specs/{name}.yaml")
            assert ran.code == code, ran.err
        shop.project.write("specs/ash.yaml", film_of("ash"))
        shop.project.write("specs/wrong.yaml", "concept: A kite\nscens: 2\n")
        with window(browser, server) as seen:
            seen.open("/films/ash")
            seen.follow(lambda: seen.button("Build").click(), RUN_PAGE)
            expect(seen.at("video", "02", "running")).to_be_visible()
            found = runs(shop)
            for path in (
                "/films/elm",
                f"/runs/{found[1].id}",
            ):  # nothing offers to ask again for what was refused
                seen.open(path)
                expect(seen.page.locator("#main")).to_contain_text("not asked for again")
                expect(seen.page.locator("button.main")).to_have_count(0)
        assert [run.state for run in found] == [RunState.RUNNING, RunState.FAILED, RunState.DONE]
        fixed = ["/", "/new", "/films/oak", "/films/elm", "/films/wrong", "/store", "/jobs", "/docs"]
        yield server, [*fixed, *(f"/runs/{run.id}" for run in found)]


def test_every_page_obeys_axe_fits_every_screen_and_needs_no_mouse(browser: Browser) -> None:
    with everything(browser) as (server, pages), window(browser, server, name="pages") as seen:
        for width, (number, path) in itertools.product((WIDE, NARROW), enumerate(pages)):
            seen.page.set_viewport_size({"width": width, "height": 900})
            seen.open(path)
            fits(seen.page)
            seen.shot(f"page-{number}-{path.strip('/').split('/')[0] or 'list'}")
            open_all(seen.page)
            fits(seen.page)
            obeys_axe(seen.page)
            if width == WIDE:
                reached_by_tab(seen.page)


def written_with(text: str, long: str) -> str:
    """A spec all of whose texts are hostile."""
    character = {"name": f"Ember {text}", "description": f"A small red fox {text}"}
    scene = {
        "title": long,
        "characters": [character["name"]],
        "setting": f"a moonlit clearing {text}",
        "action": f"the fox walks {text}",
        "camera": f"static {text}",
        "mood": text,
        "duration": 1,
    }
    spec = {
        "recipe": "quick",
        "title": long,
        "style": f"flat paper {text}",
        "characters": [character],
        "scenes": [scene, {**scene, "setting": f"a river {text}", "action": f"the fox drinks {text}"}],
    }
    return json.dumps(spec, ensure_ascii=False)


def harmless(seen: Window, *texts: str) -> None:
    """The page shows these texts as texts, ran nothing of them, and keeps its shape."""
    assert seen.page.evaluate("window.pwned === undefined")
    assert seen.page.locator("main script, main img[onerror]").count() == 0
    whole = seen.page.locator("body").evaluate("body => body.textContent")
    for text in texts:
        assert text in whole, f"{seen.page.url}: {text}"
    fits(seen.page)


def test_hostile_texts_are_shown_as_text(browser: Browser) -> None:
    with (
        place() as shop,
        dashboard(shop) as server,
        window(browser, server, width=NARROW, name="hostile") as seen,
    ):
        shop.project.write("specs/odd.yaml", written_with(HOSTILE, LONG))
        ran = shop.project.spicy("build", "specs/odd.yaml")
        assert ran.code == 0, ran.err
        (run,) = runs(shop)
        for path, texts in {
            "/": ["<script>"],
            "/films/odd": [HOSTILE[:40]],
            f"/runs/{run.id}": [HOSTILE, "A small red fox", f"a river {HOSTILE}"],
        }.items():
            seen.open(path)
            harmless(seen, *texts)
            seen.shot(f"hostile-{path.strip('/').split('/')[0] or 'list'}")
            open_all(seen.page)
            fits(seen.page)
        seen.open("/new")
        seen.fill(shop, LONG[:10_000], scenes=1, names=(HOSTILE, "Bruno"))
        seen.field("title").fill(HOSTILE)
        expect(seen.page.locator("#preview")).to_contain_text("$")
        harmless(seen)
        seen.shot("hostile-new")
        run_id = seen.follow(seen.button("Make the film").click, RUN_PAGE)
        wait_until(lambda: all(run.state.is_over for run in runs(shop)) and runs(shop)[0].id == run_id)
        harmless(seen)


def test_without_javascript_forms_pages_remake_and_cancel_work(browser: Browser) -> None:
    faults = [Fault("video", "slow", factor=12, times=1)]
    with (
        place() as shop,
        dashboard(shop) as server,
        window(browser, server, javascript=False, name="plain") as seen,
    ):
        page = seen.page

        def reloaded(state: str) -> None:
            """When the newest run is in a state, the page says so as soon as it is loaded again."""
            wait_until(lambda: [run.state for run in runs(shop)[:1]] == [RunState(state)])
            page.reload()
            seen.run_is(state)

        page.goto(f"{seen.home}/new")
        seen.fill(shop, "A kite learns to sail", names=())
        seen.button("Show plan and price").click()
        expect(page.get_by_role("main")).to_contain_text("$")
        expect(seen.field("concept")).to_have_value("A kite learns to sail")
        seen.fill(shop, "A kite learns to sail")
        seen.button("Make the film").click()
        page.wait_for_url(re.compile(RUN_PAGE))
        reloaded("done")
        expect(page.locator("video#final")).to_be_visible()
        bought = len(clips(shop))
        shop.emulator.set_faults(faults)
        first = runs(shop)[0].id
        seen.card("video", "02").get_by_role("button", name="Remake this scene").click()
        page.wait_for_url(re.compile(rf"/runs/(?!{first})"))
        reloaded("running")
        wait_until(lambda: len(clips(shop)) == bought + 1)
        page.reload()
        with page.expect_navigation():
            seen.button("Cancel").click()
        reloaded("interrupted")
        seen.button("Build").click()
        reloaded("done")
        assert len(clips(shop)) == bought + 1
