"""What an observer of one run writes into the seven tables, and every event besides."""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
from collections.abc import Sequence

from spicy.canonical_json import Json
from spicy.events import (
    Attempt,
    CallDone,
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
from spicy.runs.liveness import place
from spicy.runs.model import STEPS, count_targets, parts
from spicy.runs.observer import NullObserver, tell

_TABLES = {step: table for table, step in STEPS.items()}
_STOPPED = ("budget", "interrupted")


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

    def keep(self, db: sqlite3.Connection, batch: Sequence[tuple[float, Event]]) -> None:
        """Write what happened and when (seconds since the epoch), within the caller's transaction.

        Raises sqlite3.Error.
        """
        self._db = db
        for moment, event in batch:
            self._at = datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(
                timespec="milliseconds"
            )
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
        # Half a surrogate pair can stand in a text, but not in a row.
        plain = [v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in values.values()]
        self._db.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", plain)
