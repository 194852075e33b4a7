"""The runs of a project, as rows of a page: those that were recorded, and those that are only just starting."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spicy.errors import StoreError
from spicy.ids import Digest, Step, Ticks
from spicy.runs.liveness import is_run_id
from spicy.runs.model import Run, RunState
from spicy.runs.read import Tail, list_runs, list_tried
from spicy.serving.build_process import LaunchedBuild, Launcher
from spicy.slug import film_name
from spicy.web.dashboard.rendering import part
from spicy.web.dashboard.runs.components import RUN_WORDS

SHOWN = 60
"""Rows of a page."""
_RECENT = 3600.0
"""Seconds for which a build that ended without a record is still shown."""
_POSTER_SECONDS = 5.0
_SECOND = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in the list."""

    id: str
    title: str
    films: tuple[str, ...]
    state: RunState
    sign: str
    word: str
    until: str
    started: str
    total: int
    ready: int
    paid: Ticks
    saved: Ticks
    seconds: float | None
    poster: Digest | None


class RunList:
    """The list, drawn again only when something in it may have changed. Safe for threads."""

    def __init__(self, build: Path, launcher: Launcher) -> None:
        self._build, self._launcher = build, launcher
        self._tail = Tail(build)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._looked = 0.0
        self._drawn: dict[str, str] = {}
        self._rows: list[RunRow] = []
        self._posters: dict[str, tuple[float, Digest | None]] = {}

    def drawn(self) -> dict[str, str]:
        """Each row as HTML, by the id of its run. Raises StoreError."""
        with self._lock:
            self._look()
            return self._drawn

    def whole(self, drawn: Mapping[str, str]) -> str:
        """All rows as the list that they are."""
        return part("_runs.html.j2", "whole", drawn.values())

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._tail.close()

    def _look(self) -> None:
        """Once a second in any case: a process may die, or be born, without a word."""
        seen, now = self._tail.changed(), time.monotonic()
        if seen == self._seen and now - self._looked < _SECOND:
            return
        self._seen, self._looked = seen, now
        rows = [self._row(run) for run in list_runs(self._build, SHOWN)]
        rows = [*self._unrecorded({row.id for row in rows}), *rows]
        if rows != self._rows:
            known = {row.id: (row, self._drawn[row.id]) for row in self._rows}
            self._drawn = {row.id: self._draw(row, known.get(row.id)) for row in rows}
            self._rows = rows

    @staticmethod
    def _draw(row: RunRow, known: tuple[RunRow, str] | None) -> str:
        if known is not None and known[0] == row:
            return known[1]
        return part("_runs.html.j2", "row", row)

    def _row(self, run: Run) -> RunRow:
        return RunRow(
            id=run.id,
            title=", ".join(run.titles) or ", ".join(run.films),
            films=run.films,
            state=run.state,
            sign=RUN_WORDS[run.state][0],
            word=RUN_WORDS[run.state][1],
            until=run.until,
            started=run.started,
            total=run.ready if run.state is RunState.DONE else run.total,
            ready=run.ready,
            paid=run.paid,
            saved=run.saved,
            seconds=run.seconds,
            poster=next((found for film in run.films if (found := self._poster(film))), None),
        )

    def _unrecorded(self, known: set[str]) -> Iterator[RunRow]:
        """Builds that were launched and have not said anything yet, or ended before they could."""
        oldest = time.time() - _RECENT
        logs: list[tuple[float, str]] = []
        for log in (self._build / ".runs").glob("*.log"):
            with contextlib.suppress(OSError):  # somebody just removes it, and may be the whole folder
                logs.append((log.stat().st_mtime, log.stem))
        for at, id in sorted(logs, reverse=True):
            if at < oldest or id in known or not is_run_id(id):
                continue
            launched = self._launcher.state(id)
            if launched is not LaunchedBuild.UNKNOWN:
                ended = RunState.MISTAKE if self._launcher.said(id) else RunState.DIED
                state = ended if launched is LaunchedBuild.ENDED else RunState.STARTING
                yield _unknown(id, state, at, self._launcher.spec(id))

    def _poster(self, film: str) -> Digest | None:
        """A picture of a film: the keyframe of its first scene, as far as there is one."""
        at, found = self._posters.get(film, (-_POSTER_SECONDS, None))
        if time.monotonic() - at > _POSTER_SECONDS:
            found = self._find_poster(film) or found
            self._posters[film] = (time.monotonic(), found)
        return found

    def _find_poster(self, film: str) -> Digest | None:
        try:
            tried = list_tried(self._build, film)
        except StoreError:
            return None
        ranked = [
            (one.step is not Step.KEYFRAME, not one.used, one.item, one.id, one.digest) for one in tried
        ]
        return min(ranked)[-1] if ranked else None


def _unknown(id: str, state: RunState, at: float, spec: Path | None) -> RunRow:
    started = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="seconds")
    sign, word = RUN_WORDS[state]
    return RunRow(
        id=id,
        title=film_name(spec) if spec else "A new run",
        films=(film_name(spec),) if spec else (),
        state=state,
        sign=sign,
        word=word,
        until="",
        started=started,
        total=0,
        ready=0,
        paid=Ticks(0),
        saved=Ticks(0),
        seconds=None,
        poster=None,
    )
