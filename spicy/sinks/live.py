"""The terminal view: what is done scrolls up as lines, what is running stays below with its real progress.

Events only change numbers under a lock; one thread of this module's own draws, at most eight times a
second. So a thousand events cost a thousand dictionary writes, not a thousand redraws, and no thread of
a build ever waits for a terminal. Lines and view are taken under the lock together and drawn together, so that
no target is ever done above and running below. Imports rich: import this module only when there is a terminal.

A line and a row have the same columns: mark, name, title, what there is to say, time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from spicy.events import (
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    NodeStarted,
    Recovering,
    RunFinished,
    RunStarted,
    Warned,
)
from spicy.ids import NodeId, usd
from spicy.sinks import messages
from spicy.sinks.plain import Length, Names, no_names, unknown_length
from spicy.sinks.tally import ProgressTally, Work

WIDEST = 100
"""Beyond this many columns the eye loses the line."""

ROOMY = 76
"""From this many columns up there is room for titles, and everything has its column."""

NAME_COLUMNS = 18
TIME_COLUMNS = 10
REDRAWS_PER_SECOND = 8
MOST_LINES_AT_ONCE = 200
_SPINNERS = "dots"


class LiveView:
    """Show a run on a terminal of any width from 60 columns up."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        length: Length = unknown_length,
        names: Names = no_names,
    ) -> None:
        self._console, self._clock, self._length, self._names = console, clock, length, names
        self._name_columns = NAME_COLUMNS
        self._screen = _Screen()
        self._tally = ProgressTally()
        self._lines: list[RenderableType] = []
        self._lock = threading.Lock()
        self._spinner = Spinner(_SPINNERS, style="cyan")
        self._live: Live | None = None
        self._stop = threading.Event()
        self._painter: threading.Thread | None = None
        self._broken: Exception | None = None

    def __call__(self, event: Event) -> None:
        """Count the event and queue the lines it is worth; raises what the painting thread died of."""
        if self._broken is not None:
            raise self._broken
        with self._lock:
            lines = self._said(event)  # first: what is done loses its title
            self._tally.take(event, self._clock())
            self._lines += lines
        if isinstance(event, RunStarted) and self._live is None:
            self._open()
        if isinstance(event, RunFinished):
            self.close()

    def close(self) -> None:
        """Draw what is queued and give the terminal back; a second close does nothing."""
        self._stop.set()
        if self._painter is not None and self._painter is not threading.current_thread():
            self._painter.join()
        with self._lock:
            live, self._live = self._live, None
        if live is not None:
            live.update("", refresh=True)
            live.stop()
        self._draw()

    def _open(self) -> None:
        self._live = Live(
            self._screen,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)
        self._painter = threading.Thread(
            target=self._paint, args=(self._live,), name="spicy-live", daemon=True
        )
        self._painter.start()

    def _paint(self, live: Live) -> None:
        try:
            while not self._stop.wait(1 / REDRAWS_PER_SECOND):
                if not self._draw():
                    live.refresh()
        except Exception as error:  # noqa: BLE001 - the entry of a thread: kept, and raised at the next event
            self._broken = error

    def _draw(self) -> bool:
        """Print the queued lines above a view of the same moment; False when there was nothing to print."""
        with self._lock:
            lines, self._lines = self._lines, []
            self._screen.shown = self._frame()
        for start in range(0, len(lines), MOST_LINES_AT_ONCE):
            self._console.print(Group(*lines[start : start + MOST_LINES_AT_ONCE]))
        return bool(lines)

    # --- lines that stay -------------------------------------------------------------------------

    def _said(self, event: Event) -> list[RenderableType]:
        match event:
            case RunStarted():
                self._measure(event)
                return [_opening(event), Text()]
            case NodeStarted():
                self._widen(self._name(event.node))
                return []
            case NodeDone():
                return [self._made(event)]
            case Recovering():
                return [Text(messages.recovering(event)), Text()]
            case Warned():
                return [self._note("!", event.node, event.message, "yellow")]
            case NodeFailed(kind="interrupted"):
                return []
            case NodeFailed(kind="budget"):
                return [self._note("·", event.node, messages.held_back(event), "yellow")]
            case NodeFailed():
                return self._failed(event)
            case NodeBlocked() if not self._tally.held_by(event.by):
                return [self._note("·", event.node, f"not tried, {self._name(event.by)} was not made", "dim")]
            case RunFinished():
                return self._summary(event)
            case _:
                return []

    def _name(self, node: NodeId) -> str:
        started = self._tally.started
        return messages.short(node, started.films if started else ())

    def _measure(self, started: RunStarted) -> None:
        for node in self._names():
            self._widen(messages.short(node, started.films))

    def _widen(self, name: str) -> None:
        most = max(NAME_COLUMNS, self._width * 2 // 5)
        self._name_columns = min(most, max(self._name_columns, cell_len(name)))

    @property
    def _width(self) -> int:
        return min(self._console.width, WIDEST)

    @property
    def _roomy(self) -> bool:
        return self._width >= ROOMY

    def _cell(self, name: str) -> Text:
        cell = Text(name, no_wrap=True)
        cell.truncate(self._name_columns, overflow="ellipsis", pad=True)
        return cell

    def _made(self, event: NodeDone) -> RenderableType:
        work = self._tally.running.get(event.node)
        took, *rest = messages.outcome(event)
        style = "" if event.paid else "dim"
        head = Text.assemble(("✓ ", "green"), self._cell(self._name(event.node)))
        if not self._roomy:
            return Text.assemble(head, " ", (" · ".join((took, *rest)), style))
        tail = Text.assemble((" · ".join(rest), style), (f"  {took:>{TIME_COLUMNS}}", "dim"))
        title = Text("  " + (messages.scene(work.title) if work else ""), style="dim")
        title.truncate(max(0, self._width - head.cell_len - tail.cell_len - 1), overflow="ellipsis", pad=True)
        return Text.assemble(head, title, " ", tail)

    def _note(self, mark: str, node: NodeId, told: str, style: str) -> RenderableType:
        grid = Table.grid(
            Column(width=1),
            Column(width=self._name_columns + self._roomy, no_wrap=True),
            Column(),
            padding=(0, 1, 0, 0),
        )
        said = Text(messages.clean(told).strip(), style=style)
        grid.add_row(Text(mark, style=style), self._cell(self._name(node)), said)
        return grid

    def _failed(self, event: NodeFailed) -> list[RenderableType]:
        head = Text.assemble(
            ("✗ ", "bold red"), (self._name(event.node), "bold"), ("  " + messages.failure(event), "red")
        )
        reason = Padding(Text(messages.clean(event.message).strip()), (0, 0, 0, 4))
        todo = Table.grid(Column(width=5), Column())
        todo.add_row(
            Text("    →", style="cyan"), Padding(Text(messages.advice(event), style="cyan"), (0, 0, 0, 1))
        )
        return [Text(), head, reason, todo, Text()]

    def _summary(self, end: RunFinished) -> list[RenderableType]:
        style = {0: "bold green", 1: "bold red"}.get(end.exit_code, "bold yellow")
        finals = [(path, self._length(path)) for path in self._tally.finals]
        headline, *rest = messages.summary(end, self._tally.stops, finals)
        return [Text(), Text(headline, style=style), *map(Text, rest)]

    # --- the view that is redrawn ------------------------------------------------------------------

    def _frame(self) -> RenderableType:
        """The lower part of the screen as it stands now; the caller holds the lock."""
        now = self._clock()
        room = max(1, self._console.height - 6)
        running = list(self._tally.running.items())
        rows = [self._row(node, work, now) for node, work in running[:room]]
        parts: list[RenderableType] = [Text(), self._overall(now), self._spending()]
        if rows:
            parts += [Text(), self._table(rows)]
        if len(running) > room:
            parts.append(Text(f"  and {len(running) - room:,} more", style="dim"))
        return Constrain(Group(*parts), self._width)

    def _overall(self, now: float) -> RenderableType:
        tally = self._tally
        grid = Table.grid(
            Column(ratio=1), Column(no_wrap=True), Column(no_wrap=True), padding=(0, 2, 0, 0), expand=True
        )
        told = Text(f"{tally.settled:,}/{tally.total:,}", style="bold")
        if tally.failed:
            told.append(f"  {tally.failed:,} failed", style="red")
        left = tally.seconds_left(now)
        spent = now - (tally.began if tally.began is not None else now)
        clock = _rough(spent)
        if left is not None:
            clock = f"about {_rough(left)} left" if left >= 1 else "nearly done"
        grid.add_row(_bar(tally.settled / max(1, tally.total), None), told, Text(clock, style="dim"))
        return grid

    def _spending(self) -> RenderableType:
        tally = self._tally
        cap = tally.started.cap if tally.started else None
        told = Text.assemble(("spent ", "dim"), usd(tally.paid))
        if cap:
            share = tally.paid / cap
            style = "red" if share >= 0.9 else "yellow" if share >= 0.7 else "dim"
            told.append(f" of {usd(cap)} ({share:.0%})", style=style)
        if tally.likely and not cap:
            told.append(f" of likely {usd(tally.likely)}", style="dim")
        if tally.saved:
            told.append(" · saved ", style="dim").append(usd(tally.saved), style="green")
        if tally.warnings:
            told.append(f" · {tally.warnings:,} warning{'s' * (tally.warnings > 1)}", style="yellow")
        told.no_wrap, told.overflow = True, "ellipsis"
        return told

    def _row(self, node: NodeId, work: Work, now: float) -> tuple[RenderableType, ...]:
        doing = Text(messages.activity(work.purpose) if work.call else "working")
        if work.model and self._width >= WIDEST:
            doing.append(f"  {messages.one_line(work.model)}", style="dim")
        share: RenderableType = Text()
        if work.progress is not None:
            share = Text(f"{work.progress:.0%}", style="cyan")
        waited = Text(_rough(now - work.since), style="dim")
        name = self._cell(self._name(node))
        name.stylize("bold")
        row = (name, doing, _bar(work.progress or 0.0, None), share, waited)
        if not self._roomy:
            return row
        return name, Text(messages.scene(work.title), style="dim"), *row[1:]

    def _table(self, rows: list[tuple[RenderableType, ...]]) -> Table:
        spin = cast("Text", self._spinner.render(self._clock()))
        roomy = self._roomy
        narrow = roomy and self._width < WIDEST
        grid = Table.grid(
            Column(width=1),
            Column(width=self._name_columns + roomy, no_wrap=True),
            *([Column(no_wrap=True, overflow="ellipsis", ratio=1)] if roomy else []),
            Column(
                no_wrap=True, overflow="ellipsis", width=20 if narrow else None, ratio=None if narrow else 1
            ),
            Column(width=12 if self._width >= WIDEST else 8),
            Column(width=4, justify="right"),
            Column(width=6, justify="right", no_wrap=True),
            padding=(0, 1, 0, 0),
            pad_edge=False,
            expand=True,
        )
        for row in rows:
            grid.add_row(spin, *row)
        return grid


class _Screen:
    """What `Live` draws: the view as it was last put together."""

    def __init__(self) -> None:
        self.shown: RenderableType = ""

    def __rich__(self) -> RenderableType:
        return self.shown


def _opening(event: RunStarted) -> Text:
    return Text.assemble(("spicy", "bold red"), "  ", (messages.opening(event), "bold"))


def _bar(share: float, width: int | None) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=width, complete_style="cyan", finished_style="green")


def _rough(seconds: float) -> str:
    """A duration for a view that changes while one looks: `8 s`, `3 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} m"
