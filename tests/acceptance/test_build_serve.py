"""`--serve`: a server beside a build, that neither touches the build nor is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from spicy.emulator import Fault
from tests.acceptance.films import WRITTEN
from tests.acceptance.serving import Serving, wait_until
from tests.conftest import ROOT, Project, child_environment
from tests.drills.studio import Studio, film, studio

ANY = {"SERVER_PORT": "0"}
SLOW = WRITTEN.replace("duration: 1", "duration: 3")


@pytest.fixture
def shop() -> Iterator[Studio]:
    with studio(seed=5) as made:
        made.project.write("oak.yaml", film(1))
        yield made


class Building(Serving):
    """A build with `--serve`."""

    @property
    def url(self) -> str:
        """Where the server beside it listens."""
        return self.page.rpartition("/runs/")[0]

    @property
    def page(self) -> str:
        """The address of the run."""
        return self.heard("dashboard: ").removeprefix("dashboard: ")

    def answers(self) -> bool:
        """Whether the server answers now."""
        try:
            return requests.get(self.url, timeout=10).status_code == 200
        except requests.ConnectionError:
            return False

    def server(self) -> int:
        """The number of the server's process."""
        listed = subprocess.run(
            ["ps", "-o", "ppid=,pid=,args=", "-A"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        rows = [line.split(None, 2) for line in listed]
        (found,) = [int(r[1]) for r in rows if r[0] == str(self.process.pid) and "serve" in r[2].split()]
        return found

    def end(self, sign: signal.Signals) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(sign)
        code = self.process.wait(timeout=30)
        self._ear.join()
        return code


@contextlib.contextmanager
def building(project: Project, *args: str, **env: str) -> Iterator[Building]:
    """`spicy build ARGS --serve` for as long as the block runs."""
    with project.start("build", *args, "--serve", env={**ANY, **env}) as process:
        build = Building(process)
        try:
            yield build
        finally:
            build.kill()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_during_the_build_stays_after_it_and_ends_when_told(
    project: Project, sign: signal.Signals
) -> None:
    project.write("oak.yaml", SLOW)
    with building(project, "oak.yaml") as build:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/runs/\d{8}-\d{6}-[0-9a-f]{4}", build.page)
        assert build.answers()
        assert "the build is over" not in build.words
        assert build.said[0].startswith("dashboard: ")
        said = build.heard("the build is over")
        assert said == f"the build is over; the dashboard stays at {build.url} until Ctrl-C"
        assert (project.root / "build/oak/final.mp4").exists()
        assert build.answers()
        assert build.end(sign) == 0
        assert not build.answers()
        assert build.said[-1] == said
        run = build.page.rpartition("/")[2]
    assert [run] == [row["id"] for row in json.loads(project.spicy("runs", "--json").out)]


def test_a_build_with_nothing_to_do_can_be_looked_at_too_and_json_stays_json(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    assert project.spicy("build", "oak.yaml").code == 0
    with project.start("build", "oak.yaml", "--serve", "--json", env=ANY) as process:
        build = Building(process)
        build.heard("the build is over")
        assert build.end(signal.SIGINT) == 0
        assert process.stdout is not None
        events = [json.loads(line)["event"] for line in process.stdout]
    assert (events[0], events[-1]) == ("run_started", "run_finished")
    assert len(json.loads(project.spicy("runs", "--json").out)) == 2


def test_a_port_that_is_taken_is_no_trouble(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with building(project, "oak.yaml", SERVER_PORT=str(port)) as build:
            assert build.answers()
            assert urlsplit(build.url).port != port


def test_a_killed_build_takes_its_server_along(project: Project) -> None:
    project.write("oak.yaml", SLOW)
    with building(project, "oak.yaml") as build:
        assert build.answers()
        build.kill()
        wait_until(lambda: not build.answers(), 10)


def test_a_killed_server_is_one_line_and_the_build_goes_on(project: Project) -> None:
    project.write("oak.yaml", SLOW)
    with building(project, "oak.yaml", "-q") as build:
        assert build.page
        assert os.getsid(build.server()) != os.getsid(
            build.process.pid
        )  # the terminal's Ctrl-C is not for it
        os.kill(build.server(), signal.SIGKILL)
        assert build.process.wait(timeout=60) == 0
        build._ear.join()
        assert build.said[1] == f"the dashboard at {build.url} has ended: killed by signal 9"
        assert build.words.count("dashboard") == 2
        assert "the build is over" not in build.words
    assert (project.root / "build/oak/final.mp4").exists()


def test_a_server_that_dies_after_the_build_ends_the_waiting(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    with building(project, "oak.yaml") as build:
        build.heard("the build is over")
        os.kill(build.server(), signal.SIGKILL)
        assert build.process.wait(timeout=20) == 0
        build._ear.join()
        assert "killed by signal 9" in build.said[-1]


def test_a_server_that_cannot_start_is_one_line_and_the_build_goes_on(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    project.write("jobs.db", "this is no database, whatever its name says" * 40)
    ran = project.spicy("build", "oak.yaml", "--serve", "-q", env=ANY)
    assert ran.code == 0
    told = [line for line in ran.err.splitlines() if "dashboard" in line]
    assert len(told) == 1
    assert told[0].startswith("there is no dashboard beside this build: ")
    assert "name another file in DB_PATH" in told[0]


def test_the_exit_code_is_that_of_the_build(shop: Studio) -> None:
    with building(shop.project, "oak.yaml", "--max-cost", "0") as build:
        build.heard("the build is over")
        assert build.answers()
        assert build.end(signal.SIGINT) == 3
    assert shop.emulator.bill == 0


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_during_the_build_ends_both(shop: Studio, presses: int) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=2000)])
    with building(shop.project, "oak.yaml") as build:
        wait_until(lambda: any(call.kind == "video" for call in shop.emulator.accepted))
        for _ in range(presses - 1):
            build.process.send_signal(signal.SIGINT)
        assert build.end(signal.SIGINT) == 130
        wait_until(lambda: not build.answers(), 10)
        assert "the build is over" not in build.words
        assert "Traceback" not in build.words


def test_a_refused_key_leaves_no_server_behind(shop: Studio) -> None:
    with building(shop.project, "oak.yaml", GROK_API_KEY="xai-wrong-77aa") as build:
        assert build.page
        assert build.process.wait(timeout=30) == 2
        assert not build.answers()
    assert not shop.emulator.accepted


def test_a_mistake_in_the_spec_starts_no_server(project: Project) -> None:
    project.write("bad.yaml", "concept: x\nstile: y\n")
    ran = project.spicy("build", "bad.yaml", "--serve", env=ANY)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert project.files() == ["bad.yaml", "recipes/quick.yaml"]


def test_new_with_serve_builds(project: Project) -> None:
    words = ("new", "A fox meets an owl", "--scenes", "1", "--recipe", "quick", "--serve")
    with project.start(*words, env=ANY) as process:
        build = Building(process)
        try:
            build.heard("the build is over")
            assert build.said[0] == "wrote   specs/a_fox_meets_an_owl.yaml"
            assert build.end(signal.SIGINT) == 0
            assert process.stdout is not None
            assert process.stdout.read() == "build/a_fox_meets_an_owl/final.mp4\n"
        finally:
            build.kill()


def test_without_the_extra_nothing_is_begun(project: Project) -> None:
    block = project.write("site/sitecustomize.py", "import sys\nsys.modules['uvicorn'] = None\n")
    project.write("oak.yaml", WRITTEN)
    env = {"PYTHONPATH": os.pathsep.join([str(block.parent), str(ROOT)])}
    for words in (("build", "oak.yaml", "--serve"), ("new", "A fox", "--serve")):
        ran = project.spicy(*words, env=env)
        assert (ran.code, ran.out) == (2, "")
        assert (
            ran.err
            == "spicy: `--serve` needs the extra `web`: pip install -e '.[web]' where spicy was cloned\n"
        )
    assert not [f for f in project.files() if not f.startswith(("site/", "recipes/", "oak.yaml"))]
    assert project.spicy("build", "oak.yaml", "--serve", "--dry-run").code == 2


STREAMS = """\
import asyncio, os, sys
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from spicy.settings import read_server_settings, read_settings
from spicy.web.server.app import create_app
from spicy.web.server.http_server import bind, run
app = create_app(read_settings(), read_server_settings())
@app.get("/videos/endless")
async def endless(request: Request) -> StreamingResponse:
    async def beats():
        while not request.app.state.closing.is_set():
            yield "data: beat\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(beats(), media_type="text/event-stream")
app.router.routes.insert(0, app.router.routes.pop())
with bind("127.0.0.1", 0) as listener:
    run(app, listener, lambda: print(listener.getsockname()[1], flush=True), 0)
"""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "leash"])
def test_a_stream_without_end_does_not_hold_the_server_up(project: Project, how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STREAMS],
        cwd=project.root,
        env=child_environment({"SPICY_BUILTIN_WORKER": "0"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/videos/endless"
        with requests.get(url, stream=True, timeout=20) as reply:
            lines = reply.iter_lines()
            assert next(lines) == b"data: beat"
            began = time.monotonic()
            if how == "leash":
                server.stdin.close()
            else:
                server.send_signal(signal.Signals[how])
            assert server.wait(timeout=20) is not None
            assert time.monotonic() - began < 2.5  # open requests have three seconds
            assert set(lines) <= {b"", b"data: beat"}  # and its end is a proper one
