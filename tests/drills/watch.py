"""What it costs a build to be watched, and how fast what happens is seen.

    python -m tests.drills.watch [--scenes 200] [--watchers 20] [--pairs 3] [--chromium]

A film is built cold, alone and with browsers on its page, by turns; the walls are compared. A watcher is a client
that does what a browser does with the page: loads it with its style and script, follows its events for as long as
the run goes on, and fetches the pictures that are on its screen. With `--chromium` all of them are pages of a real one.
What an event took is measured from the moment that the build wrote beside it to the moment that the page was told.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import queue
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import requests

from tests.drills.studio import Studio, film, studio

RUN = "drill-0001"
_PICTURE = re.compile(r'(?:src|poster)="(/(?:thumbs|objects)/[^"]+)"')
_SEEN = re.compile(r"character-|(keyframe|video)-0*[1-8]\"")
"""Cards on or near the screen: browsers fetch the pictures of those alone, for all are loaded lazily."""
_GIVE_UP = 600


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of the stream: when it came (seconds since the epoch), and the newest event in it."""

    at: float
    id: int


@dataclass(frozen=True, slots=True)
class Watch:
    """One build with some watchers: its wall in seconds, and the delay of each event on each page."""

    wall: float
    delays: Sequence[float]
    pictures: int
    server_cpu: float

    @property
    def slowest(self) -> float:
        """The delay that 99 of 100 events stay under; 0 when nobody watched."""
        return sorted(self.delays)[int(len(self.delays) * 0.99)] if self.delays else 0.0


class Watcher(threading.Thread):
    """Follows a run's page as a browser does, until the run is over."""

    def __init__(self, url: str) -> None:
        super().__init__(name="watcher", daemon=True)
        self._url = url
        self.heard: list[Heard] = []
        self.pictures: set[str] = set()
        self.over = threading.Event()
        self.error: Exception | None = None
        self._wanted: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Load the page, then listen."""
        try:
            with requests.Session() as session:
                page = session.get(f"{self._url}/runs/{RUN}", timeout=30)
                page.raise_for_status()
                for name in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
                    session.get(self._url + name, timeout=30).raise_for_status()
                eye = threading.Thread(target=self._fetch, name="eye", daemon=True)
                eye.start()
                self._look(page.text)
                found = re.search(r'data-live="([^"]+)"', page.text)
                assert found, "the page names no stream"
                self._listen(session, found[1].replace("&amp;", "&"))
                self._wanted.put(None)
                eye.join()
        except Exception as error:  # noqa: BLE001 - a thread's entry: the drill tells what it met
            self.error = error

    def _listen(self, session: requests.Session, path: str) -> None:
        with session.get(self._url + path, stream=True, timeout=60) as stream:
            last, data = 0, []
            for line in stream.iter_lines(chunk_size=None, decode_unicode=True):
                if line.startswith("id:"):
                    last = int(line[3:])
                elif line.startswith("data:"):
                    data.append(line)
                elif not line:
                    self.heard.append(Heard(time.time(), last))
                    self._look("\n".join(data))
                    data.clear()
                if self.over.is_set():
                    return

    def _look(self, text: str) -> None:
        for card in text.split('id="card-')[1:]:
            if not _SEEN.match(card):
                continue
            for path in set(_PICTURE.findall(card)) - self.pictures:
                self.pictures.add(path)
                self._wanted.put(path)

    def _fetch(self) -> None:
        """Pictures come beside the events, as in a browser."""
        with requests.Session() as session:
            while (path := self._wanted.get()) is not None:
                try:
                    session.get(self._url + path, timeout=60).raise_for_status()
                except requests.RequestException as error:
                    self.error = error
                    return


def watch(
    scenes: int, watchers: int, *, jobs: int = 16, time_scale: float = 0.2, chromium: bool = False
) -> Watch:
    """Build a film of `scenes` cold with that many browsers on its page."""
    with studio(time_scale=time_scale) as place, contextlib.ExitStack() as stack:
        place.project.write("specs/oak.yaml", film(scenes))
        url, server = stack.enter_context(_serving(place))
        began = time.monotonic()
        build = place.project.start("build", "specs/oak.yaml", "-j", str(jobs), "-q", "--run-id", RUN)
        crowd = [] if chromium else [Watcher(url) for _ in range(watchers)]
        if watchers:
            _wait_for_run(place)
        if chromium and watchers:
            stack.enter_context(_pages(place, url, watchers))
        for watcher in crowd:
            watcher.start()
        _, said = build.communicate(timeout=_GIVE_UP)
        wall = time.monotonic() - began
        assert build.returncode == 0, said
        if crowd:
            last = _moments(place)[-1][0]
            _wait(lambda: all(w.error or (w.heard and w.heard[-1].id >= last) for w in crowd))
        for watcher in crowd:
            watcher.over.set()
            assert watcher.error is None, watcher.error
        delays = [delay for watcher in crowd for delay in _delays(_moments(place), watcher.heard)]
        return Watch(wall, delays, sum(len(w.pictures) for w in crowd), _cpu(server))


def _delays(moments: Sequence[tuple[int, float]], heard: Sequence[Heard]) -> Iterator[float]:
    """For each event after the page was loaded, how long it was until a message had it."""
    messages = iter(heard)
    message = next(messages, None)
    began = heard[0].at if heard else 0.0
    for id, at in moments:
        while message is not None and message.id < id:
            message = next(messages, None)
        if message is not None and at > began:
            yield message.at - at


def _moments(place: Studio) -> list[tuple[int, float]]:
    """Every event of the run with the moment it was written down with; how far calls had come is not kept."""
    with closing(sqlite3.connect(place.project.root / "build/spicy.db")) as db:
        rows = db.execute("SELECT id, at FROM events WHERE run = ? ORDER BY id", (RUN,)).fetchall()
    return [(id, datetime.datetime.fromisoformat(at).timestamp()) for id, at in rows]


def _wait_for_run(place: Studio) -> None:
    def there() -> bool:
        try:
            return len(_moments(place)) > 0
        except sqlite3.Error:
            return False

    _wait(there)


def _wait(true: object) -> None:
    until = time.monotonic() + 60
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until, "it took longer than a minute"
        time.sleep(0.02)


@contextlib.contextmanager
def _serving(place: Studio) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {"SPICY_BUILTIN_WORKER": "0", "SERVER_PORT": str(port)}
    with place.project.start("serve", env=env) as server:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert server.poll() is None, server.communicate()
            with contextlib.suppress(requests.ConnectionError):
                return requests.get(url, timeout=10).ok
            return False

        _wait(answers)
        try:
            yield url, server
        finally:
            server.kill()


def _cpu(process: subprocess.Popen[str]) -> float:
    """Seconds that a process has computed, its threads together; Linux only, elsewhere 0."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(text[11]) + int(text[12])) / 100
    return 0.0


@contextlib.contextmanager
def _pages(place: Studio, url: str, count: int) -> Iterator[None]:
    """Pages of a real Chromium, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.drills.watch",
        "--pages",
        json.dumps([f"{url}/runs/{RUN}"] * count),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "open"
        try:
            yield
        finally:
            process.communicate()


def _open_pages(urls: Sequence[str]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        for page in [context.new_page() for _ in urls]:
            page.goto(urls[0], wait_until="domcontentloaded")
        click.echo("open")
        sys.stdout.flush()
        sys.stdin.read()
        browser.close()


@click.command()
@click.option("--scenes", default=200)
@click.option("--watchers", default=20)
@click.option("--pairs", default=3, help="How often each of the two is measured.")
@click.option("--jobs", default=16)
@click.option("--time-scale", default=0.2)
@click.option("--chromium", is_flag=True, help="Real pages instead of clients that do what pages do.")
@click.option("--pages", hidden=True)
def main(
    scenes: int, watchers: int, pairs: int, jobs: int, time_scale: float, chromium: bool, pages: str | None
) -> None:
    """Measure both by turns and print the figures."""
    if pages is not None:
        _open_pages(json.loads(pages))
        return
    alone: list[float] = []
    watched: list[float] = []
    for _ in range(pairs):
        alone.append(watch(scenes, 0, jobs=jobs, time_scale=time_scale).wall)
        done = watch(scenes, watchers, jobs=jobs, time_scale=time_scale, chromium=chromium)
        watched.append(done.wall)
        print(
            f"alone {alone[-1]:.1f} s, watched {done.wall:.1f} s; server {done.server_cpu:.1f} s of a processor"
        )
        if done.delays:
            print(
                f"  {len(done.delays)} delays: median {median(done.delays) * 1000:.0f} ms,"
                f" 99 of 100 under {done.slowest * 1000:.0f} ms, longest {max(done.delays) * 1000:.0f} ms;"
                f" {done.pictures} pictures"
            )
    print(
        f"ratio of medians {median(watched) / median(alone):.3f}, of the best {min(watched) / min(alone):.3f}"
    )


if __name__ == "__main__":
    main()
