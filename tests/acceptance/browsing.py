"""The dashboard in a real browser: a window that forgives nothing, over a server process and an emulated provider.

    with place() as shop, dashboard(shop) as server, window(browser, server.url) as seen:
        seen.open("/new")

A window collects what a user with the developer tools open would see go wrong: errors of scripts and of the
console, refused or failed requests, anything asked for from elsewhere. It fails the test on them at its end.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from spicy.emulator import Fault
from spicy.runs.model import Run
from spicy.runs.read import list_runs
from spicy.serving.build_process import LaunchedBuild, Launcher
from tests.acceptance.serving import Serving, started, wait_until
from tests.drills.studio import Studio, studio
from tests.scripted import picture

__all__ = ["Browser", "Locator", "Page", "expect"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("SPICY_SHOTS", "")
"""Where to keep screenshots, for whoever wants to look at them. Read before tests lose their environment."""

WIDE, NARROW = 1280, 375
PATIENCE = 60_000
"""Milliseconds until a thing that should come is given up: many times what it takes on a busy machine."""

QUICK = """\
extends: default
output: {resolution: 480p}
rates: {xai: {chat: 1000, image: 1000, video: 1000}}
verify: {character_attempts: 2, keyframe_rounds: 2, video_corrections: 0}
"""
"""Small clips and no limit of our own. No clip is corrected, so that one remade clip is one clip on the bill."""

RUN_PAGE = r"/runs/([0-9A-Za-z-]+)$"
FILM_PAGE = r"/films/([a-z0-9_-]+)(?:\?.*)?$"

SETTLE = """async () => {
    const pictures = [...document.images];
    pictures.forEach(one => { one.loading = 'eager'; });
    await Promise.all(pictures.map(one => one.decode().catch(() => null)));
}"""
"""Load every picture, also those that nobody has come to yet: then nothing moves any more."""

AWAY = frozenset(
    f"net::ERR_{what}"
    for what in ("CONNECTION_REFUSED", "CONNECTION_RESET", "EMPTY_RESPONSE", "INCOMPLETE_CHUNKED_ENCODING")
)
"""What a browser says of a server that is not there."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium without a window and without errands of its own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started_browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-dev-shm-usage",
                "--autoplay-policy=no-user-gesture-required",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
            ],
        )
        with contextlib.closing(started_browser):
            yield started_browser


@dataclass
class Window:
    """A page of the dashboard, and all that went wrong in it."""

    page: Page
    home: str
    wrong: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    absent: bool = False
    """Whether the server may be away just now."""

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.absent and "net::ERR" in message.text):
            self.wrong.append(f"console: {message.text} {message.location.get('url', '')}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.home:
            self.wrong.append(f"asked elsewhere: {request.url}")

    def _failed(self, request: Request) -> None:
        # Aborted is what leaving a page does to its stream, and what a player does with bytes that it has no use for.
        if request.failure == "net::ERR_ABORTED" or (self.absent and request.failure in AWAY):
            return
        self.wrong.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        self.answers.append(response)
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> None:
        """Go to a page of the server; a mark on it tells later whether it was ever loaded anew."""
        self.page.goto(self.home + path)
        self.mark()

    def mark(self) -> None:
        """Mark the page that is shown."""
        self.page.evaluate("window.stayed = true")

    @property
    def stayed(self) -> bool:
        """Whether the marked page is still the same, never loaded again."""
        return bool(self.page.evaluate("window.stayed === true"))

    @property
    def path(self) -> str:
        """Where it is."""
        return urlsplit(self.page.url).path

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page, when somebody wants them."""
        if SHOTS:
            self.page.evaluate(SETTLE)
            width = (self.page.viewport_size or {}).get("width")
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(SHOTS, f"{name}-{width}.png"), full_page=True)

    def card(self, step: str, item: str) -> Locator:
        """The card of a target."""
        return self.page.locator(f"#card-{step}-{item}")

    def at(self, step: str, item: str, *states: str) -> Locator:
        """The card of a target in one of some states."""
        card = f"#card-{step}-{item}"
        return self.page.locator(", ".join(f'{card}[data-state="{state}"]' for state in states))

    def run_is(self, state: str) -> None:
        """Wait until the page says that its run is in a state."""
        expect(self.page.locator("#run-head")).to_have_attribute("data-state", state)

    def field(self, name: str) -> Locator:
        """A field of a form."""
        return self.page.locator(f'[name="{name}"]')

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """A button by its words."""
        return self.page.get_by_role("button", name=name, exact=True)

    def fill(
        self, shop: Studio, concept: str, *, scenes: int = 2, names: tuple[str, ...] = ("Mila", "Bruno")
    ) -> None:
        """Fill in the form of a new run, with a picture for each name."""
        self.field("concept").fill(concept)
        self.field("scenes").fill(str(scenes))
        self.field("recipe").select_option("quick")
        for slot, name in enumerate(names, 1):
            self.field(f"picture-{slot}").set_input_files(portrait(shop, f"p{slot}", f"{slot}a{slot}a33"))
            self.field(f"name-{slot}").fill(name)

    def until(self, true: str) -> None:
        """Wait until an expression is true. The browser's own waiting needs an `eval`, which our pages forbid."""
        wait_until(lambda: bool(self.page.evaluate(true)))

    def follow(self, act: Callable[[], None], pattern: str) -> str:
        """Do what leads to another page, and wait for it; gives what the one group of `pattern` holds."""
        act()
        self.page.wait_for_url(re.compile(pattern))
        found = re.search(pattern, self.page.url)
        assert found
        self.mark()
        return found[1] if found.groups() else found[0]


def play(seen: Window) -> None:
    """Play the final film, then look at its middle."""
    final = seen.page.locator("video#final")
    final.scroll_into_view_if_needed()
    final.evaluate("async film => { film.muted = true; await film.play(); }")
    seen.until("document.querySelector('video#final').currentTime > 0")
    now, length, width = final.evaluate(
        """film => new Promise((done, failed) => {
            film.pause();
            film.onerror = () => failed(new Error(film.error.message));
            film.onseeked = () => done([film.currentTime, film.duration, film.videoWidth]);
            film.currentTime = film.duration * 0.6;
        })"""
    )
    assert now > length / 2 > 0
    assert width > 0
    source = final.evaluate("film => film.currentSrc")
    assert 206 in {answer.status for answer in seen.answers if answer.url == source}


@contextlib.contextmanager
def window(
    browser: Browser, server: Serving, *, width: int = WIDE, javascript: bool = True, name: str = "last"
) -> Iterator[Window]:
    """Open a window of a width; fails when anything went wrong in it."""
    with contextlib.closing(context(browser, width=width, javascript=javascript)) as made:
        seen = Window(made.new_page(), server.url)
        try:
            yield seen
        except BaseException:
            seen.shot(f"failed-{name}")
            raise
        assert not seen.wrong, "\n".join(seen.wrong)


def context(browser: Browser, *, width: int = WIDE, javascript: bool = True) -> BrowserContext:
    """A profile of its own, with nothing in it."""
    made = browser.new_context(
        viewport={"width": width, "height": 900},
        java_script_enabled=javascript,
        locale="en-US",
        reduced_motion="reduce",
    )
    made.set_default_timeout(PATIENCE)
    return made


@contextlib.contextmanager
def place(*faults: Fault, seed: int = 0, time_scale: float = 0.01) -> Iterator[Studio]:
    """A project with its provider; what the tests' pages started in it is ended with it."""
    with studio(seed=seed, time_scale=time_scale) as shop:
        shop.project.write("recipes/quick.yaml", QUICK)
        shop.emulator.set_faults(faults)
        try:
            yield shop
        finally:
            end_builds(shop)


@contextlib.contextmanager
def dashboard(shop: Studio, *, port: int = 0, env: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """`spicy serve` in a project, without a worker for jobs."""
    more = {"SPICY_BUILTIN_WORKER": "0", "SPICY_RECIPE": "quick", **(env or {})}
    with started(shop.project, "serve", "--port", str(port), env=more) as server:
        yield server


def runs(shop: Studio) -> list[Run]:
    """The runs of a project, newest first."""
    return list_runs(shop.project.root / "build", 100)


def end_builds(shop: Studio) -> None:
    """End the builds that are still under way: they outlive their server by design, but not their project."""
    build = shop.project.root / "build"
    launcher = Launcher(shop.project.root, Path("build"))
    launched = [log.stem for log in build.glob(".runs/*.log")]
    wait_until(lambda: not any(launcher.state(run) is LaunchedBuild.STARTING for run in launched))
    for run in runs(shop):
        if not run.state.is_over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGKILL)
    wait_until(lambda: all(run.state.is_over for run in runs(shop)))


def clips(shop: Studio) -> list[str]:
    """The prompts of the clips that the provider accepted."""
    return [record.prompt for record in shop.emulator.accepted if record.kind == "video"]


def portrait(shop: Studio, name: str, colour: str) -> Path:
    """A picture to upload, from a folder that is none of the project's."""
    folder = shop.home / "pictures"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.jpg"
    file.write_bytes(picture(colour))
    return file
