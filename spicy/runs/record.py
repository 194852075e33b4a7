"""The sink that keeps runs: written by a thread of its own, in batches, fire-and-forget.

A locked or broken database never slows a build, and what is wrong with it is said once, when the build is over.
A run with nothing to do leaves no trace, so that a build in a loop does not fill the disk.
"""

from __future__ import annotations

import datetime
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from spicy.canon import Json
from spicy.events import (
    Attempt,
    CallDone,
    CallProgress,
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    NodeFresh,
    Planned,
    RunFinished,
    RunStarted,
    StoryTold,
    event_name,
    fields,
)
from spicy.ids import CallKey, NodeId
from spicy.runs.alive import Alive, place
from spicy.runs.database import open_to_write
from spicy.runs.model import STEPS, count_targets, parts
from spicy.runs.observer import NullObserver, tell

_TABLES = {step: table for table, step in STEPS.items()}
_STOPPED = ("budget", "interrupted")
_PATIENCE = 2.0
"""Seconds that the end of a build waits for a locked file."""
_LEAST_PROGRESS, _LEAST_SECONDS = 0.04, 0.4
"""A call's next progress is kept when it moved that far, and that much later: every one of them is a row."""

_Item = tuple[str, Event]


class RunsDb:
    """A sink that keeps runs in SQLite. Opens the file when the first node starts, not before."""

    def __init__(self, path: Path, *, alive: Alive | None = None) -> None:
        """With `alive`, the claim of a run that was announced, the run is kept whatever comes of it."""
        self._path = path
        self._alive = alive
        self._always = alive is not None
        self._before: list[_Item] = []
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._deadline: float | None = None
        self._error: Exception | None = None
        self._moved: dict[tuple[NodeId, CallKey], tuple[float, float]] = {}

    def __call__(self, event: Event) -> None:
        """Queue one event; free of waiting, and of errors until `close`."""
        if self._error is not None or not self._worth_a_row(event):
            return
        item = (datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"), event)
        if self._thread is not None:
            self._queue.put(item)
        elif self._always or not isinstance(event, RunStarted | StoryTold | NodeFresh | RunFinished):
            self._begin(item)
        else:
            self._before.append(item)

    def _begin(self, item: _Item) -> None:
        for one in (*self._before, item):
            self._queue.put(one)
        self._before.clear()
        self._thread = threading.Thread(target=self._write, name="runs-db", daemon=True)
        self._thread.start()

    def _worth_a_row(self, event: Event) -> bool:
        if isinstance(event, CallDone):
            self._moved.pop((event.node, event.key), None)
        if not isinstance(event, CallProgress):
            return True
        call, now = (event.node, event.key), time.monotonic()
        progress, last = self._moved.get(call, (-1.0, -1.0))
        if event.progress - progress < _LEAST_PROGRESS or now - last < _LEAST_SECONDS:
            return False
        self._moved[call] = (event.progress, now)
        return True

    def close(self) -> None:
        """Write what is queued, waiting at most a few seconds for a locked file. Raises, once, what the writer met."""
        if self._thread is not None:
            self._deadline = time.monotonic() + _PATIENCE
            self._queue.put(None)
            self._thread.join(timeout=_PATIENCE + 3)
            self._thread = None
        if self._alive is not None:
            self._alive.close()
            self._alive = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def describe(self, error: Exception) -> str:
        """What it means that this sink broke."""
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"the run is not recorded in {self._path.as_posix()}: {said}"

    def _write(self) -> None:
        try:
            with closing(self._opened()) as db:
                self._drain(db)
        except (sqlite3.Error, OSError) as error:
            self._error = error

    def _opened(self) -> sqlite3.Connection:
        while True:
            try:
                return open_to_write(self._path)
            except sqlite3.OperationalError as error:
                self._wait_for(error)

    def _wait_for(self, error: sqlite3.OperationalError) -> None:
        """A file that is locked may be free in a moment; until the build is over there is time."""
        if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise error
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise error
        time.sleep(0.05)

    def _drain(self, db: sqlite3.Connection) -> None:
        recorder: Recorder | None = None
        while batch := self._batch():
            for _, event in batch:
                if isinstance(event, RunStarted):
                    if self._alive is None:
                        self._alive = Alive(self._path.parent, event.run)
                    recorder = Recorder(event.run)
            if recorder is not None:
                self._keep(db, recorder, batch)

    def _batch(self) -> list[_Item]:
        """What has happened since the last look, at least one thing; nothing when the run is over."""
        item = self._queue.get()
        batch: list[_Item] = []
        while item is not None:
            batch.append(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)  # found again with the next look
        return batch

    def _keep(self, db: sqlite3.Connection, recorder: Recorder, batch: Sequence[_Item]) -> None:
        """Write a batch in one transaction, again as long as the file is locked."""
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                self._wait_for(error)
                continue
            try:
                recorder.keep(db, batch)
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise
            return


class Recorder(NullObserver):
    """Turns what it observes of one run into rows."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._at = ""
        self._until = ""
        self._titles: list[str] = []
        self._totals: dict[str, int] = {}
        self._counts = dict.fromkeys(("made", "fresh", "failed", "stopped", "blocked", "paid", "saved"), 0)
        self._db: sqlite3.Connection

    def keep(self, db: sqlite3.Connection, batch: Sequence[_Item]) -> None:
        """Write what happened, within the caller's transaction. Raises sqlite3.Error."""
        self._db = db
        for self._at, event in batch:
            db.execute(
                "INSERT INTO events (run, at, event, data) VALUES (?, ?, ?, ?)",
                (self._run, self._at, event_name(event), json.dumps(fields(event))),
            )
            tell(self, event)
        db.execute(
            "UPDATE runs SET made = ?, fresh = ?, failed = ?, stopped = ?, blocked = ?, paid = ?, saved = ?, total = ?"
            " WHERE id = ?",
            (*self._counts.values(), sum(self._totals.values()), self._run),
        )

    def on_run_start(self, event: RunStarted) -> None:
        """Write the run's row."""
        self._until = event.until
        self._insert(
            "runs",
            id=event.run,
            started=self._at,
            films=json.dumps(event.films),
            specs=json.dumps(event.specs),
            titles=json.dumps(event.films),
            until=event.until,
            provider=event.provider,
            cap=event.cap,
            pid=os.getpid(),
            place=place(),
        )

    def on_plan(self, event: Planned) -> None:
        """Know how many targets there are."""
        if event.total:
            self._totals[event.film] = event.total

    def on_story(self, event: StoryTold) -> None:
        """Write a film's characters, their reference pictures, and its scenes."""
        story, whose = event.story, {"run": self._run, "film": event.film}
        self._titles.append(story.title)
        self._totals.setdefault(event.film, count_targets(story, self._until))
        self._db.execute("UPDATE runs SET titles = ? WHERE id = ?", (json.dumps(self._titles), self._run))
        for position, c in enumerate(story.characters, 1):
            self._insert(
                "characters", **whose, position=position, slug=c.slug, name=c.name, role=c.role,
                description=c.description, take=c.take,
            )  # fmt: skip
            if c.ref is not None:
                self._insert("reference_images", **whose, character=c.slug, path=c.ref)
        for position, s in enumerate(story.scenes, 1):
            self._insert(
                "scenes", **whose, position=position, slug=s.slug, id=s.id, title=s.title,
                characters=json.dumps(s.characters), setting=s.setting, action=s.action, camera=s.camera,
                mood=s.mood, duration=s.duration, take=s.take, keyframe_take=s.keyframe_take,
            )  # fmt: skip

    def on_character(self, event: NodeDone) -> None:
        """Write a sheet's attempts, and what its reference picture was."""
        film, _, item = parts(event.node)
        for label, digest in event.inputs:
            if label == "reference picture":
                self._db.execute(
                    "UPDATE reference_images SET digest = ? WHERE run = ? AND film = ? AND character = ?",
                    (digest, self._run, film, item),
                )
        self._attempts(event)

    def on_keyframe(self, event: NodeDone) -> None:
        """Write a still's attempts."""
        self._attempts(event)

    def on_video(self, event: NodeDone) -> None:
        """Write a clip's attempts."""
        self._attempts(event)

    def on_script(self, event: NodeDone) -> None:
        """Count it."""
        self._counts["made"] += 1

    def on_film(self, event: NodeDone) -> None:
        """Count it."""
        self._counts["made"] += 1

    def on_error(self, event: NodeFailed | NodeBlocked) -> None:
        """Count it for what it is."""
        if isinstance(event, NodeBlocked):
            self._counts["blocked"] += 1
        else:
            self._counts["stopped" if event.kind in _STOPPED else "failed"] += 1

    def on_progress(self, event: Event) -> None:
        """Count what was up to date, and money as it is spent."""
        match event:
            case NodeFresh():
                self._counts["fresh"] += 1
            case CallDone():
                self._counts["saved" if event.from_store else "paid"] += event.cost
            case _:
                pass

    def on_complete(self, event: RunFinished) -> None:
        """Write how it ended. How far each call had come is of no more use then."""
        counts = self._counts
        counts |= {"made": event.made, "fresh": event.fresh, "failed": event.failed - counts["stopped"]}
        counts |= {"blocked": event.blocked, "paid": event.paid, "saved": event.saved}
        self._db.execute(
            "UPDATE runs SET finished = ?, exit_code = ?, seconds = ? WHERE id = ?",
            (self._at, event.exit_code, event.seconds, self._run),
        )
        self._db.execute("DELETE FROM events WHERE run = ? AND event = 'call_progress'", (self._run,))

    def _attempts(self, event: NodeDone) -> None:
        self._counts["made"] += 1
        film, step, item = parts(event.node)
        table = _TABLES[step]
        for attempt in event.attempts:
            self._attempt(table, film, item, attempt)
        # Of a pinned attempt, or a file of the user's that an attempt once was, what is used went in.
        used = [a.asset for a in event.attempts if a.chosen] or [d for _, d in event.inputs]
        marks = ", ".join("?" * len(used))
        self._db.execute(
            f"UPDATE {table} SET used = digest IN ({marks}) WHERE film = ? AND item = ?", (*used, film, item)
        )

    def _attempt(self, table: str, film: str, item: str, attempt: Attempt) -> None:
        self._db.execute(
            f"INSERT INTO {table} (run, at, film, item, number, take, key, digest, suffix, score, problems, cost, used)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (film, item, digest) DO UPDATE SET"
            " number = excluded.number, take = excluded.take, key = excluded.key, score = excluded.score,"
            " problems = excluded.problems",
            (self._run, self._at, film, item, attempt.number, attempt.take, attempt.key, attempt.asset)
            + (attempt.suffix, attempt.score, json.dumps(attempt.problems), attempt.cost),
        )

    def _insert(self, table: str, **values: Json) -> None:
        """Write a row; a story that is told again replaces what it said before."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._db.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))
