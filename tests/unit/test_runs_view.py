"""Runs: events come back from the database as they were, and a view of them is the same however they came."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from spicy.errors import StoreError
from spicy.events import (
    Attempt,
    CallDone,
    CallProgress,
    CallStarted,
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    NodeFresh,
    NodeStarted,
    Planned,
    Recovering,
    RunFinished,
    RunStarted,
    StoryTold,
    Warned,
    event_name,
    fields,
)
from spicy.ids import CallKey, Digest, NodeId, Step, Ticks, ticks
from spicy.runs.database import VERSION, open_to_write, reading
from spicy.runs.model import RecordedEvent, RunState
from spicy.runs.observer import NullObserver, tell
from spicy.runs.read import Tail, event_of, find_run, list_runs, list_tried
from spicy.runs.record import RunsDb
from spicy.runs.view import LOG, RUN, NodeState, RunView, take, take_all
from spicy.story.model import Character, Continuity, Scene, Story

SHEET, STILL, CLIP = (NodeId(f"fox:{name}") for name in ("character/ember", "keyframe/01", "video/01"))
FINAL = NodeId("fox:assembly/final")
KEY = CallKey("c" * 64)
STORY = Story(
    title="Fuchs „und“ <Eule>",
    style="ink",
    aspect_ratio="16:9",
    characters=(Character(name="Ember", description="a fox", slug="ember", ref="specs/refs/fox.png"),),
    scenes=(
        Scene(
            id="01",
            slug="01",
            title="Meeting",
            characters=("Ember",),
            setting="a wood",
            action="walks",
            duration=6,
            continuity=Continuity.STRICT,
        ),
    ),
)


def attempt(number: int, letter: str, *, chosen: bool = False, score: float | None = 0.5) -> Attempt:
    """One try, whose bytes are named by a letter."""
    digest = Digest(letter * 64)
    return Attempt(number, 1, KEY, digest, ".jpg", score, ("tail",), ticks(0.02), False, chosen)


def done(
    node: NodeId, target: str, *attempts: Attempt, inputs: Sequence[tuple[str, Digest]] = ()
) -> NodeDone:
    """A target that was made from these attempts."""
    digests = tuple(a.asset for a in attempts if a.chosen) or (Digest("f" * 64),)
    scores = tuple(a.score for a in attempts)
    return NodeDone(node, (target,), 1.5, ticks(0.04), Ticks(0), scores, digests, tuple(inputs), attempts)


def a_run(run: str = "run-1") -> list[Event]:
    """A run in which nearly everything happens."""
    return [
        RunStarted(run, ("fox",), "xai", ticks(5), ("specs/fox.yaml",), ""),
        Recovering(1, ticks(0.4)),
        StoryTold("fox", STORY),
        Planned("fox", 7, 6, Ticks(0), ticks(1), ticks(2)),
        NodeFresh(NodeId("fox:ideation/story"), ("build/fox/story.yaml",), (Digest("0" * 64),)),
        NodeStarted(SHEET, "character Ember", ("never made",)),
        CallStarted(SHEET, KEY, "image", "sheet", "grok-imagine-image"),
        CallProgress(SHEET, KEY, 0.5),
        CallDone(SHEET, KEY, "image", "sheet", "grok-imagine-image", ticks(0.02), False, 2.0),
        Warned(SHEET, "so la la"),
        done(SHEET, "build/fox/characters/ember.jpg", attempt(1, "a"), attempt(2, "b", chosen=True, score=0.9),
             inputs=[("reference picture", Digest("9" * 64))]),
        NodeStarted(STILL, "keyframe 01", ()),
        done(STILL, "build/fox/scenes/01/keyframe.jpg", attempt(1, "d", chosen=True, score=None)),
        NodeStarted(CLIP, "clip 01", ()),
        NodeFailed(CLIP, "refused", "no"),
        NodeBlocked(FINAL, CLIP),
        RunFinished(run, 1, 2, 1, 1, 1, ticks(0.08), ticks(0.1), 9.0, ticks(0.4)),
    ]  # fmt: skip


def write(build: Path, events: Sequence[Event]) -> None:
    """Record a run, as a build does."""
    sink = RunsDb(build / "spicy.db")
    for event in events:
        sink(event)
    sink.close()


def test_every_kind_of_event_comes_back_as_it_was() -> None:
    events = a_run()
    assert {type(event) for event in events} == set(get_args(Event))
    for event in events:
        assert event_of(event_name(event), fields(event)) == event


def test_an_event_of_a_newer_version_is_left_out() -> None:
    assert event_of("earthquake", {}) is None
    assert event_of("node_fresh", {"no": "node"}) is None
    later = {**fields(NodeBlocked(FINAL, CLIP)), "why": "new field"}
    assert event_of("node_blocked", later) == NodeBlocked(FINAL, CLIP)


def test_a_run_fills_the_seven_tables(tmp_path: Path) -> None:
    write(tmp_path, a_run())
    with closing(sqlite3.connect(tmp_path / "spicy.db")) as db:

        def rows(query: str) -> list[tuple[object, ...]]:
            return db.execute(query).fetchall()

        assert rows("SELECT name, description FROM characters") == [("Ember", "a fox")]
        assert rows("SELECT id, title, duration FROM scenes") == [("01", "Meeting", 6)]
        assert rows("SELECT path, digest FROM reference_images") == [("specs/refs/fox.png", "9" * 64)]
        assert rows("SELECT digest, score, used FROM character_assets") == [
            ("a" * 64, 0.5, 0), ("b" * 64, 0.9, 1)
        ]  # fmt: skip
        assert rows("SELECT count(*) FROM keyframe_assets") == [(1,)]
        assert rows("SELECT count(*) FROM video_assets") == [(0,)]
        assert rows("SELECT count(*) FROM events WHERE event = 'call_progress'") == [(0,)]
    (run,) = list_runs(tmp_path, 5)
    assert run == find_run(tmp_path, "run-1")
    assert (run.state, run.total, run.ready, run.made) == (RunState.FAILED, 7, 3, 2)
    assert (run.titles, run.specs, run.paid) == ((STORY.title,), ("specs/fox.yaml",), ticks(0.08))
    assert find_run(tmp_path, "other") is None
    assert [run.id for run in list_runs(tmp_path, 5, "fox")] == ["run-1"]
    assert list_runs(tmp_path, 5, "owl") == []


def test_a_view_is_the_same_whether_events_come_at_once_or_one_by_one(tmp_path: Path) -> None:
    write(tmp_path, a_run())
    tail = Tail(tmp_path)
    whole, slow = RunView("run-1"), RunView("run-1")
    changed = take_all(whole, tail.after("run-1", 0))
    while happened := tail.after("run-1", slow.last, limit=random.randint(1, 3)):
        take_all(slow, happened)
    tail.close()
    assert slow == whole
    assert {RUN, LOG, "fox", SHEET, STILL, CLIP, FINAL} <= changed
    states = {node.id: node.state for node in whole.nodes.values()}
    assert (states[SHEET], states[CLIP], states[FINAL]) == (
        NodeState.MADE,
        NodeState.FAILED,
        NodeState.BLOCKED,
    )
    assert (whole.total, whole.ready, whole.paid) == (7, 3, ticks(0.08))
    assert (whole.node(SHEET).digest, whole.node(SHEET).score) == ("b" * 64, 0.9)
    assert whole.films["fox"].story == STORY


def test_what_an_interruption_left_is_not_shown_as_being_made() -> None:
    view = RunView("run-1")
    begun: list[Event] = [NodeStarted(CLIP, "clip 01", ()), CallStarted(CLIP, KEY, "video", "clip", "m")]
    for number, event in enumerate([*a_run()[:3], *begun], 1):
        take(view, happening(number, event))
    assert view.running == [view.node(CLIP)]
    assert CLIP in take(view, happening(9, RunFinished("run-1", 130, 0, 0, 0, 0, Ticks(0), Ticks(0), 1.0)))
    assert view.node(CLIP).state is NodeState.STOPPED


def test_a_run_that_is_done_has_the_targets_that_it_was_asked_for() -> None:
    view = RunView("run-1")
    for number, event in enumerate(a_run()[:11], 1):
        take(view, happening(number, event))
    assert (view.total, view.ready) == (7, 2)
    take(view, happening(90, RunFinished("run-1", 0, 1, 0, 0, 0, Ticks(0), Ticks(0), 1.0)))
    assert (view.total, view.ready) == (2, 2)


def happening(id: int, event: Event) -> RecordedEvent:
    """An event as the database gives it."""
    return RecordedEvent(id, "2026-01-01T00:00:00.000+00:00", event)


def test_attempts_of_all_runs_are_kept_once_each_and_one_is_used(tmp_path: Path) -> None:
    write(tmp_path, a_run())
    again = done(STILL, "build/fox/scenes/01/keyframe.jpg", attempt(1, "e", chosen=True))
    write(tmp_path, [RunStarted("run-2", ("fox",), "xai", None), NodeStarted(STILL, "k", ()), again])
    pinned = done(STILL, "build/fox/scenes/01/keyframe.jpg", inputs=[("own still", Digest("d" * 64))])
    tried = [t for t in list_tried(tmp_path, "fox") if t.step is Step.KEYFRAME]
    assert [(t.run, t.digest[0], t.used) for t in tried] == [("run-1", "d", False), ("run-2", "e", True)]
    write(tmp_path, [RunStarted("run-3", ("fox",), "xai", None), NodeStarted(STILL, "k", ()), pinned])
    tried = [t for t in list_tried(tmp_path, "fox") if t.step is Step.KEYFRAME]
    assert [(t.digest[0], t.used) for t in tried] == [("d", True), ("e", False)]


def test_a_tail_follows_a_file_that_comes_goes_and_comes_again(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    assert tail.after("run-1", 0) == []
    write(tmp_path, a_run())
    assert len(tail.after("run-1", 0)) == len(a_run()) - 1  # without the progress
    before = tail.changed()
    for path in tmp_path.glob("spicy.db*"):
        path.unlink()
    assert tail.after("run-1", 0) == []
    write(tmp_path, a_run("run-2")[:5] + [NodeStarted(SHEET, "s", ())])
    assert len(tail.after("run-2", 0)) == 6
    assert tail.changed() != before
    tail.close()


def test_a_file_of_the_first_version_grows_and_keeps_its_runs(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "spicy.db")) as db:
        db.executescript(
            "CREATE TABLE runs (id TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, films TEXT NOT NULL,"
            " provider TEXT NOT NULL, cap INTEGER, exit_code INTEGER, made INTEGER, fresh INTEGER, failed INTEGER,"
            " blocked INTEGER, paid INTEGER, saved INTEGER, seconds REAL);"
            "CREATE TABLE events (id INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL,"
            " data TEXT NOT NULL); CREATE INDEX events_by_run ON events (run, id);"
            "INSERT INTO runs VALUES ('run-0', '2026', '2026', '[\"fox\"]', 'xai', NULL, 1, 3, 0, 2, 0, 5, 0, 1.0);"
            "INSERT INTO events VALUES (1, 'run-0', '2026', 'node_failed', '{\"node\": \"fox:video/01\","
            ' "kind": "budget", "message": ""}\');'
        )
    (run,) = list_runs(tmp_path, 5)
    assert (run.id, run.made, run.failed, run.stopped, run.specs) == ("run-0", 3, 1, 1, ())
    write(tmp_path, a_run())
    assert {run.id for run in list_runs(tmp_path, 5)} == {"run-0", "run-1"}


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with closing(open_to_write(tmp_path / "spicy.db")) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(StoreError, match="upgrade"), reading(tmp_path / "spicy.db"):
        pass
    with pytest.raises(sqlite3.DatabaseError, match="upgrade"):
        write(tmp_path, a_run())


def test_a_run_whose_process_is_gone_has_died(tmp_path: Path) -> None:
    sink = RunsDb(tmp_path / "spicy.db")
    for event in a_run()[:-1]:
        sink(event)
    tail = Tail(tmp_path)
    while not tail.after("run-1", 0):
        pass
    assert list_runs(tmp_path, 1)[0].state is RunState.RUNNING
    sink.close()
    tail.close()
    (run,) = list_runs(tmp_path, 1)
    assert (run.state, run.paid) == (RunState.DIED, ticks(0.02))


def test_a_locked_file_loses_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    open_to_write(tmp_path / "spicy.db").close()
    sink = RunsDb(tmp_path / "spicy.db")
    with closing(sqlite3.connect(tmp_path / "spicy.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for event in a_run():
            sink(event)
        other.execute("ROLLBACK")
    sink.close()
    assert list_runs(tmp_path, 1)[0].state is RunState.FAILED


def test_a_file_that_stays_locked_is_said_at_the_end(tmp_path: Path) -> None:
    open_to_write(tmp_path / "spicy.db").close()
    with closing(sqlite3.connect(tmp_path / "spicy.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            write(tmp_path, a_run())
    assert list_runs(tmp_path, 1) == []


class Listener(NullObserver):
    """Notes which of its methods are called."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __getattribute__(self, name: str) -> object:
        if name.startswith("on_"):
            self.heard.append(name)
        return super().__getattribute__(name)


def test_an_observer_hears_a_run_by_its_steps() -> None:
    listener = Listener()
    for event in [
        *a_run(),
        done(CLIP, "c.mp4"),
        done(NodeId("fox:script/script"), "s"),
        done(FINAL, "f.mp4"),
    ]:
        tell(listener, event)
    assert set(listener.heard) == {name for name in vars(NullObserver) if name.startswith("on_")}
