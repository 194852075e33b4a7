"""The runs database: what it keeps, and what is said when it cannot be written or read."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from spicy.cli.history import runs
from spicy.errors import StoreError
from spicy.events import Event, NodeDone, NodeFailed, NodeStarted, RunFinished, RunStarted
from spicy.ids import NodeId, Ticks, ticks
from spicy.runs import database
from spicy.runs.model import RunState
from spicy.runs.read import list_runs
from spicy.runs.record import RunsDb
from spicy.sinks import FanOut

NODE = NodeId("fox:video/01")


def record(path: Path, run: str = "run-1", *, films: tuple[str, ...] = ("fox",)) -> list[str]:
    """Keep a small run at `path`; returns what was said about it."""
    said: list[str] = []
    sink = FanOut([RunsDb(path)], report=said.append)
    events: tuple[Event, ...] = (
        RunStarted(run, films, "animatic", ticks(5)),
        NodeStarted(NODE, "clip 01", ()),
        NodeDone(NODE, (), 1.0, ticks(0.04), Ticks(0), ()),
        NodeFailed(NodeId("fox:video/02"), "refused", "no"),
        NodeFailed(NodeId("fox:video/03"), "interrupted", "stopping"),
        NodeFailed(NodeId("fox:video/04"), "budget", "does not fit"),
        RunFinished(run, 1, 1, 0, 3, 0, ticks(0.04), Ticks(0), 1.5),
    )
    for event in events:
        sink(event)
    sink.close()
    return said


def test_a_run_is_kept_and_what_was_stopped_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "odd ?#% name" / "spicy.db"
    assert record(path) == []
    (row,) = list_runs(path.parent, 5)
    assert (row.id, row.made, row.failed, row.stopped, row.state) == ("run-1", 1, 1, 2, RunState.FAILED)
    with closing(sqlite3.connect(path)) as db:
        (data,) = db.execute("SELECT data FROM events WHERE event = 'node_done'").fetchone()
    assert json.loads(data)["paid_ticks"] == 400_000_000


def test_a_database_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file")
    path = tmp_path / "build" / "spicy.db"
    assert record(path) == [f"the run is not recorded in {path.as_posix()}: File exists"]


def test_a_damaged_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "spicy.db"
    path.write_bytes(b"not a database" * 100)
    assert record(path) == [f"the run is not recorded in {path.as_posix()}: file is not a database"]
    with pytest.raises(StoreError, match=r"spicy.db cannot be read: file is not a database; .* remove it"):
        list_runs(path.parent, 5)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    record(folder / "spicy.db")
    folder.chmod(0o555)
    try:
        assert len(list_runs(folder, 5)) == 1
    finally:
        folder.chmod(0o755)


def test_no_database_is_no_run(tmp_path: Path) -> None:
    assert list_runs(tmp_path, 5) == []


def test_the_columns_of_runs_are_aligned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPICY_BUILD_DIR", str(tmp_path))
    record(tmp_path / "spicy.db", "run-1")
    record(tmp_path / "spicy.db", "run-2", films=("x" * 90, "y"))
    lines = CliRunner().invoke(runs, []).output.splitlines()
    assert len(lines) == 3
    assert (
        len(
            {line.index(word) for line, word in zip(lines, ("provider", "animatic", "animatic"), strict=True)}
        )
        == 1
    )
    assert lines[0].split()[-6:] == ["made", "failed", "stopped", "time", "paid", "saved"]
    assert [line.split()[-7:] for line in lines[1:]] == [["1", "1", "2", "1.5", "s", "$0.04", "$0.00"]] * 2
    (first, _) = json.loads(CliRunner().invoke(runs, ["--json"]).output)
    assert (first["paid_ticks"], first["cap_ticks"]) == (400_000_000, 50_000_000_000)


def test_a_disk_that_fills_up_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spicy.db"
    record(path)
    opened = database.open_to_write

    def full(path: Path) -> sqlite3.Connection:
        db = opened(path)
        db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
        return db

    monkeypatch.setattr(database, "open_to_write", full)
    said = record(path, "run-2", films=("fox" * 100_000,))
    assert said == [f"the run is not recorded in {path.as_posix()}: database or disk is full"]
    assert [run.id for run in list_runs(tmp_path, 5)] == ["run-1"]


def test_what_no_row_can_hold_is_said_in_words(tmp_path: Path) -> None:
    said: list[str] = []
    sink = FanOut([RunsDb(tmp_path / "spicy.db")], report=said.append)
    sink(RunStarted("run-1", ("fox",), "animatic", Ticks(10**30)))
    sink(NodeStarted(NODE, "clip 01", ()))
    sink.close()
    assert len(said) == 1
    assert said[0].startswith("the run is not recorded in ")
