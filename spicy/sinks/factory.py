"""Which sink suits where a run is talking to."""

from __future__ import annotations

from typing import TextIO

from spicy.events import Sink
from spicy.sinks.json_lines import JsonLines
from spicy.sinks.plain import Length, Names, PlainLines, no_names, unknown_length


def choose_sink(
    *,
    json: bool,
    quiet: bool,
    stdout: TextIO,
    stderr: TextIO,
    length: Length = unknown_length,
    names: Names = no_names,
) -> Sink:
    """Pick JSON lines on stdout, a live view on a terminal, or plain lines; talk goes to stderr.

    `length` is asked for the length of a finished film when the summary names it, `names` for the targets that are
    known when the run starts, so that a live view's columns fit them.
    """
    if json:
        return JsonLines(stdout)
    if quiet or not stderr.isatty():
        return PlainLines(stderr, quiet=quiet, length=length)
    from rich.console import Console

    from spicy.sinks.live import LiveView

    console = Console(file=stderr, highlight=False)
    if console.is_dumb_terminal or not console.is_terminal:
        return PlainLines(stderr, length=length)
    return LiveView(console, length=length, names=names)
