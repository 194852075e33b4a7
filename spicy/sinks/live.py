"""The terminal view: what is done scrolls up as lines, what is running stays below with its real progress.

Events only change numbers under a lock; one thread of this module's own draws, at most eight times a
second. So a thousand events cost a thousand dictionary writes, not a thousand redraws, and no thread of
a build ever waits for a terminal. Imports rich: import this module only when there is a terminal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from spicy.events import Event, NodeBlocked, NodeDone, NodeFailed, RunFinished, RunStarted, Warned
from spicy.ids import NodeId, usd
from spicy.sinks import words
from spicy.sinks.plain import Length, unknown_length
from spicy.sinks.tally import Tally, Work

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
    ) -> None:
        self._console, self._clock, self._length = console, clock, length
        self._tally = Tally()
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
            self._tally.take(event, self._clock())
            self._lines += self._said(event)
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
            self._print_queued()
            live.update("", refresh=True)
            live.stop()
        self._print_queued()

    def _open(self) -> None:
        self._live = Live(
            get_renderable=self._frame,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._painter = threading.Thread(
            target=self._paint, args=(self._live,), name="spicy-live", daemon=True
        )
        self._painter.start()

    def _paint(self, live: Live) -> None:
        try:
            while not self._stop.wait(1 / REDRAWS_PER_SECOND):
                if not self._print_queued():
                    live.refresh()
        except Exception as error:  # noqa: BLE001 - the entry of a thread: kept, and raised at the next event
            self._broken = error

    def _print_queued(self) -> bool:
        """Print the queued lines above the view, which redraws it too; False when there was nothing to print."""
        with self._lock:
            lines, self._lines = self._lines, []
        for start in range(0, len(lines), MOST_LINES_AT_ONCE):
            self._console.print(Group(*lines[start : start + MOST_LINES_AT_ONCE]))
        return bool(lines)

    # --- lines that stay -------------------------------------------------------------------------

    def _said(self, event: Event) -> list[RenderableType]:
        match event:
            case RunStarted():
                return [_opening(event), Text()]
            case NodeDone():
                return [self._made(event)]
            case Warned():
                return [_line("!", "yellow", self._name(event.node), event.message, "yellow")]
            case NodeFailed():
                return self._failed(event)
            case NodeBlocked():
                told = f"not tried, {self._name(event.by)} was not made"
                return [_line("·", "dim", self._name(event.node), told, "dim")]
            case RunFinished():
                return self._summary(event)
            case _:
                return []

    def _name(self, node: NodeId) -> str:
        started = self._tally.started
        return words.short(node, started.films if started else ())

    def _made(self, event: NodeDone) -> RenderableType:
        told = " · ".join(words.outcome(event))
        return _line("✓", "green", self._name(event.node), told, "" if event.paid else "dim")

    def _failed(self, event: NodeFailed) -> list[RenderableType]:
        head = Text.assemble(
            ("✗ ", "bold red"), (self._name(event.node), "bold"), ("  " + words.failure(event.kind), "red")
        )
        reason = Padding(Text(words.clean(event.message).strip()), (0, 0, 0, 4))
        todo = Padding(Text("→ " + words.advice(event.kind), style="cyan"), (0, 0, 0, 4))
        return [Text(), head, reason, todo, Text()]

    def _summary(self, end: RunFinished) -> list[RenderableType]:
        style = {0: "bold green", 1: "bold red"}.get(end.exit_code, "bold yellow")
        out: list[RenderableType] = [Text(), Text(words.headline(end), style=style)]
        if told := words.money(end):
            out.append(Text(told))
        finals = words.films((path, self._length(path)) for path in self._tally.finals)
        out += [Text.assemble(("Film  ", "dim"), (film, "bold")) for film in finals]
        return out

    # --- the view that is redrawn ------------------------------------------------------------------

    def _frame(self) -> RenderableType:
        """The lower part of the screen as it stands now; called by the painting thread."""
        with self._lock:
            now = self._clock()
            room = max(1, self._console.height - 6)
            running = list(self._tally.running.items())
            rows = [self._row(node, work, now) for node, work in running[:room]]
            parts: list[RenderableType] = [Text(), self._overall(now), self._spending()]
        if rows:
            parts += [Text(), self._table(rows)]
        if len(running) > room:
            parts.append(Text(f"  and {len(running) - room:,} more", style="dim"))
        return Group(*parts)

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
        doing = Text(words.activity(work.purpose) if work.call else "working")
        if work.model and self._console.width >= 100:
            doing.append(f"  {words.one_line(work.model)}", style="dim")
        share: RenderableType = Text()
        if work.progress is not None:
            share = Text(f"{work.progress:.0%}", style="cyan")
        waited = Text(_rough(now - work.since), style="dim")
        name = Text(self._name(node), style="bold")
        scene = work.title.partition(" · ")[2]
        if scene and self._console.width >= 80:
            name.append(f"  {words.one_line(scene)}", style="not bold dim")
        return name, doing, _bar(work.progress or 0.0, 12), share, waited

    def _table(self, rows: list[tuple[RenderableType, ...]]) -> Table:
        spin = cast("Text", self._spinner.render(self._clock()))
        grid = Table.grid(
            Column(width=1),
            Column(no_wrap=True, overflow="ellipsis", max_width=self._console.width * 2 // 5),
            Column(no_wrap=True, overflow="ellipsis", ratio=1),
            Column(width=12),
            Column(width=4, justify="right"),
            Column(width=7, justify="right", no_wrap=True),
            padding=(0, 1, 0, 0),
            expand=True,
        )
        for row in rows:
            grid.add_row(spin, *row)
        return grid


def _opening(event: RunStarted) -> Text:
    return Text.assemble(("spicy", "bold red"), "  ", (words.opening(event), "bold"))


def _line(mark: str, mark_style: str, name: str, told: str, style: str) -> RenderableType:
    grid = Table.grid(Column(width=1), Column(no_wrap=True, min_width=14), Column(), padding=(0, 1, 0, 0))
    grid.add_row(Text(mark, style=mark_style), Text(name), Text(words.clean(told).strip(), style=style))
    return grid


def _bar(share: float, width: int | None) -> ProgressBar:
    return ProgressBar(total=1.0, completed=share, width=width, complete_style="cyan", finished_style="green")


def _rough(seconds: float) -> str:
    """A duration for a view that changes while one looks: `8 s`, `3 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} m"
