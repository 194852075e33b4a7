"""The list of runs, of builds that have said nothing yet."""

from __future__ import annotations

from pathlib import Path

from spicy.runs.model import RunState
from spicy.serving.build_process import Launcher
from spicy.web.dashboard.runs.live_run import LiveRun
from spicy.web.dashboard.runs.run_list import RunList


def test_the_list_and_the_page_say_the_same_of_a_build_that_was_never_born(tmp_path: Path) -> None:
    launcher, folder = Launcher(tmp_path, Path("build")), tmp_path / "build/.runs"
    folder.mkdir(parents=True)
    (folder / "silent-1.log").touch()  # the server died before it could start the process
    (folder / "spoke-1.log").write_text("specs/a.yaml:1:1: no such field\n")
    listed = RunList(tmp_path / "build", launcher).drawn()
    for run, state in (("silent-1", RunState.DIED), ("spoke-1", RunState.MISTAKE)):
        followed = LiveRun(run, tmp_path / "build", launcher)
        followed.advance()
        assert followed.state is state
        assert f'data-state="{state}"' in listed[run]


def test_a_log_that_is_removed_while_it_is_looked_at_is_not_missed(tmp_path: Path) -> None:
    folder = tmp_path / "build/.runs"
    folder.mkdir(parents=True)
    (folder / "gone-1.log").symlink_to(folder / "nowhere")
    assert RunList(tmp_path / "build", Launcher(tmp_path, Path("build"))).drawn() == {}
