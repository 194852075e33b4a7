"""Builds that a server launches: each once, whoever dies, and cancelled as Ctrl-C would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spicy.emulator import Fault
from spicy.engine.bootstrap import new_run
from spicy.errors import UsageError
from spicy.runs.liveness import run_file
from spicy.runs.model import Run, RunState
from spicy.runs.read import find_run
from spicy.serving.build_process import LaunchedBuild, Launcher, LaunchRequest
from tests.acceptance.films import WRITTEN
from tests.acceptance.serving import wait_until
from tests.conftest import ROOT, WALL, Project, child_environment
from tests.drills.studio import Studio, film, studio

LAUNCHES = """\
import pathlib, socket, sys
from spicy.serving.build_process import Launcher, LaunchRequest
listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(True)
launcher = Launcher(pathlib.Path.cwd(), pathlib.Path("build"))
assert launcher.start(LaunchRequest(spec=pathlib.Path(sys.argv[1]), run=sys.argv[2]))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _behind_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a launcher of this process starts has this process's environment."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(WALL), str(ROOT)]))


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    with studio(seed=3) as made:
        for name, value in made.project.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(made.project.root)
        yield made


def launcher_of(project: Project) -> Launcher:
    return Launcher(project.root, Path("build"))


def ended(launcher: Launcher, run: str) -> None:
    """Wait for the end of a run's process."""
    wait_until(lambda: launcher.state(run) is LaunchedBuild.ENDED)


def recorded(project: Project, run: str) -> Run:
    """What the runs database says about a run, which has to be there."""
    found = find_run(project.root / "build", run)
    assert found is not None, (project.root / f"build/.runs/{run}.log").read_text()
    return found


def clips(shop: Studio) -> Counter[str]:
    """How often each clip was accepted."""
    return Counter(call.digest for call in shop.emulator.accepted if call.kind == "video")


def test_a_launched_build_is_followed_from_its_start_to_its_end(project: Project) -> None:
    project.write("specs/oak.yaml", WRITTEN)
    launcher, run = launcher_of(project), new_run()
    assert launcher.state(run) is LaunchedBuild.UNKNOWN
    assert launcher.start(
        LaunchRequest(spec=Path("specs/oak.yaml"), run=run, until="keyframes", jobs=2, max_cost=1)
    )
    seen = [launcher.state(run)]
    while seen[-1] is not LaunchedBuild.ENDED:
        if (now := launcher.state(run)) is not seen[-1]:
            seen.append(now)
    assert seen == [LaunchedBuild.STARTING, LaunchedBuild.RUNNING, LaunchedBuild.ENDED]
    row = recorded(project, run)
    assert (row.state, row.films, row.until, row.cap) == (RunState.DONE, ("oak",), "keyframes", 10**10)
    assert not (project.root / "build/oak/final.mp4").exists()
    assert project.files("build/.runs") == [f"build/.runs/{run}.log"]
    assert "storyboard so far" in launcher.said(run)


def test_nothing_to_do_is_recorded_as_well(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    assert project.spicy("build", "oak.yaml").code == 0
    launcher, run = launcher_of(project), new_run()
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run))
    ended(launcher, run)
    row = recorded(project, run)
    assert (row.state, row.made, row.fresh > 5) == (RunState.DONE, 0, True)


def test_the_build_outlives_the_server_that_launched_it(project: Project) -> None:
    project.write("oak.yaml", WRITTEN.replace("duration: 1", "duration: 3"))
    run = new_run()
    server = subprocess.Popen(
        [sys.executable, "-c", LAUNCHES, "oak.yaml", run],
        env=child_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    launcher = launcher_of(project)
    wait_until(lambda: launcher.state(run) is LaunchedBuild.RUNNING)
    os.killpg(server.pid, signal.SIGINT)  # as a terminal does it
    os.killpg(server.pid, signal.SIGKILL)
    with server:
        assert server.wait(timeout=10) != 0
    assert launcher.state(run) is LaunchedBuild.RUNNING
    with socket.create_server(("127.0.0.1", port)):  # the build has not inherited it
        assert launcher.state(run) is LaunchedBuild.RUNNING
    assert not launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run))
    ended(launcher, run)
    assert recorded(project, run).state is RunState.DONE
    assert (project.root / "build/oak/final.mp4").exists()


def test_one_id_is_one_process_however_many_ask(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    run, start = new_run(), threading.Barrier(12)
    launchers = [launcher_of(project) for _ in range(3)]
    started: list[bool] = []

    def ask(launcher: Launcher) -> None:
        start.wait()
        started.append(launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run, until="characters")))

    threads = [threading.Thread(target=ask, args=(launchers[n % 3],)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [False] * 11 + [True]
    for launcher in launchers:
        ended(launcher, run)
    assert launchers[0].said(run).count("Building oak") == 1
    assert not launcher_of(project).start(LaunchRequest(spec=Path("oak.yaml"), run=run))


def test_an_id_that_is_under_way_is_not_run_twice(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=2000)])
    shop.project.write("oak.yaml", film(1))
    run = new_run()
    with shop.project.start("build", "oak.yaml", "--run-id", run) as first:
        wait_until(lambda: len(clips(shop)) == 1)
        second = shop.project.spicy("build", "oak.yaml", "--run-id", run)
        first.kill()
    assert (second.code, second.err) == (2, f"spicy: the run {run} is under way already\n")
    assert shop.project.spicy("build", "oak.yaml", "--run-id", "../../x").code == 2


def test_cancelled_like_ctrl_c_and_nothing_is_paid_for_again(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=20)])
    shop.project.write("oak.yaml", film(3))
    launcher, run = launcher_of(shop.project), new_run()
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run))
    wait_until(lambda: len(clips(shop)) == 3)
    row = recorded(shop.project, run)
    assert row.state is RunState.RUNNING
    assert not launcher.cancel(run, row.pid, "elsewhere pid:[1]")
    assert not launcher.cancel(run, 0, row.place)
    assert not launcher.cancel(run, -1, row.place)
    assert launcher.cancel(run, row.pid, row.place)
    ended(launcher, run)
    assert not launcher.cancel(run, row.pid, row.place)
    assert recorded(shop.project, run).state is RunState.INTERRUPTED
    shop.emulator.set_faults([])
    again = new_run()
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=again))
    ended(launcher, again)
    row = recorded(shop.project, again)
    assert (row.state, row.exit_code) == (RunState.DONE, 0), launcher.said(again)
    assert set(Counter(call.digest for call in shop.emulator.accepted).values()) == {1}


def test_cancelled_twice_stops_at_once_and_is_interrupted_all_the_same(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="image", effect="slow", factor=2000)])
    shop.project.write("oak.yaml", film(2))
    launcher, run = launcher_of(shop.project), new_run()
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run))
    wait_until(lambda: any(call.kind == "image" for call in shop.emulator.accepted))
    row = recorded(shop.project, run)
    began = time.monotonic()
    assert launcher.cancel(run, row.pid, row.place)
    wait_until(lambda: launcher.state(run) is LaunchedBuild.ENDED or _is_told_twice(launcher, row))
    ended(launcher, run)
    assert time.monotonic() - began < 10
    assert recorded(shop.project, run).state is RunState.INTERRUPTED, launcher.said(run)


def _is_told_twice(launcher: Launcher, row: Run) -> bool:
    """Once more, each time that is asked: the first may still be on its way."""
    launcher.cancel(row.id, row.pid, row.place)
    return False


def test_what_ends_before_it_is_recorded_has_said_why(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("bad.yaml", "concept: x\nstile: y\n")
    project.write("oak.yaml", WRITTEN)
    launcher, run = launcher_of(project), new_run()
    launcher.start(LaunchRequest(spec=Path("bad.yaml"), run=run))
    ended(launcher, run)
    assert find_run(project.root / "build", run) is None
    assert launcher.said(run).startswith("bad.yaml:2:1: unknown key")
    assert launcher.spec(run) == Path("bad.yaml")
    monkeypatch.setenv("SPICY_JOBS", "many")  # dies before it can say that it lives
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run="before"))
    ended(launcher, "before")
    assert "SPICY_JOBS" in launcher.said("before")
    assert launcher_of(project).state("before") is LaunchedBuild.ENDED


def test_a_refused_key_is_a_mistake_and_not_a_death(shop: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_API_KEY", "xai-wrong-77aa")
    shop.project.write("oak.yaml", film(1))
    launcher, run = launcher_of(shop.project), new_run()
    launcher.start(LaunchRequest(spec=Path("oak.yaml"), run=run))
    ended(launcher, run)
    assert recorded(shop.project, run).state is RunState.MISTAKE
    assert "GROK_API_KEY" in launcher.said(run)
    assert "xai-wrong-77aa" not in launcher.said(run)
    assert not shop.emulator.accepted


def test_a_process_that_cannot_be_started_has_ended_and_says_why(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "nowhere/python")
    launcher = launcher_of(project)
    assert launcher.start(LaunchRequest(spec=Path("oak.yaml"), run="cannot"))
    assert launcher.state("cannot") is LaunchedBuild.ENDED
    assert launcher.said("cannot") == "the build cannot be started: No such file or directory"
    assert not launcher.start(LaunchRequest(spec=Path("oak.yaml"), run="cannot"))


def test_words_are_told_without_what_moves_a_terminal(project: Project) -> None:
    launcher = launcher_of(project)
    log = run_file(project.root / "build", "said", ".log")
    log.parent.mkdir(parents=True)
    log.write_bytes("\x1b[31mred\x1b[0m\a <b>\r\nnext\t\u202eleft\u2066 \x00ü".encode() + b"\xff\n\n")
    assert launcher.said("said") == "red <b>\n\nnext\tleft ü\ufffd"
    log.write_text("ä" * 9000)
    assert launcher.said("said", limit=101) == "ä" * 50
    assert (launcher.said("none"), launcher.said("../said")) == ("", "")
    assert (launcher.spec("said"), launcher.spec("none"), launcher.spec("../said")) == (None, None, None)
    assert launcher.state("../said") is LaunchedBuild.UNKNOWN


def test_an_order_is_a_command_line_that_means_what_it_says() -> None:
    order = LaunchRequest(
        spec=Path("-x.yaml"),
        run="abcd",
        provider="-p",
        until="keyframes",
        max_cost=0.5,
        jobs=3,
        retry_unknown=True,
    )
    assert order.arguments() == [
        "build", "--run-id=abcd", "--provider=-p", "--until=keyframes", "--max-cost=0.5", "--jobs=3",
        "--retry-unknown", "--", "-x.yaml",
    ]  # fmt: skip


def test_old_words_are_swept_up_and_those_of_the_living_stay(project: Project) -> None:
    folder = project.root / "build/.runs"
    folder.mkdir(parents=True)
    old = time.time() - 31 * 86400
    for name in ("dead.log", "dead.lock", "young.log", "live.log", "live.lock"):
        (folder / name).write_text("words")
        if not name.startswith("young"):
            os.utime(folder / name, (old, old))
    holds = "import sys; from filelock import FileLock; a = FileLock(sys.argv[1]); a.acquire(); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(folder / "live.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as living:
        assert living.stdout is not None
        living.stdout.readline()
        os.utime(folder / "live.lock", (old, old))
        launcher_of(project)
        assert [Path(p).name for p in project.files("build/.runs")] == ["live.lock", "live.log", "young.log"]
        living.kill()


def test_a_build_folder_that_cannot_be_written_starts_nothing(project: Project) -> None:
    project.write("build", "in the way")
    with pytest.raises(UsageError, match="nothing was started"):
        launcher_of(project).start(LaunchRequest(spec=Path("oak.yaml"), run=new_run()))


def test_no_child_stays_a_zombie(project: Project) -> None:
    launcher = launcher_of(project)
    for number in range(3):
        launcher.start(LaunchRequest(spec=Path("nowhere.yaml"), run=f"gone-{number}"))
    for number in range(3):
        ended(launcher, f"gone-{number}")
    wait_until(lambda: not _zombies())


def _zombies() -> list[str]:
    """Dead children of this process that nobody has asked for."""
    listed = subprocess.run(
        ["ps", "-o", "ppid=,stat=,args=", "-A"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [
        line for line in listed if line.split()[0] == str(os.getpid()) and line.split()[1].startswith("Z")
    ]
