"""The terminal view, drawn on a console in memory."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.cells import cell_len
from rich.console import Console

from spicy.events import (
    CallProgress,
    CallStarted,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    NodeFresh,
    NodeStarted,
    Planned,
    RunFinished,
    RunStarted,
    Warned,
)
from spicy.ids import CallKey, NodeId, Ticks, ticks
from spicy.sinks.live import LiveView


def console(width: int = 60, *, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    made = Console(
        file=out, width=width, height=24, force_terminal=terminal, highlight=False, color_system=None
    )
    return made, out


def lines(out: io.StringIO) -> list[str]:
    return [line.rstrip() for line in out.getvalue().splitlines()]


def clip(number: int) -> NodeId:
    return NodeId(f"fox:video/{number:02d}")


def test_what_stays_on_the_screen_after_a_run() -> None:
    screen, out = console()
    view = LiveView(screen, length=lambda path: 24.0)
    view(RunStarted("r", ("fox",), "xai", ticks(5)))
    view(NodeDone(clip(1), ("b/clip.mp4",), 64.8, ticks(0.427), Ticks(0), (0.88,)))
    view(Warned(clip(1), "the owl's eyes are green, not amber, in two of three pictures"))
    view(NodeFailed(clip(2), "unknown", "the reply was lost\x1b[2J"))
    view(NodeBlocked(NodeId("fox:assembly/final"), clip(2)))
    view(NodeDone(NodeId("fox:assembly/final"), ("build/fox/final.mp4",), 0.5, Ticks(0), Ticks(0), ()))
    view(RunFinished("r", 1, 2, 1, 1, 1, ticks(0.427), Ticks(0), 70.0, ticks(0.43)))
    view.close()
    assert lines(out) == [
        "spicy  fox · xai · cap $5.00",
        "",
        "✓ video/01           1 min 05 s · score 0.88 · $0.427",
        "! video/01           the owl's eyes are green, not amber, in",
        "                     two of three pictures",
        "",
        "✗ video/02  outcome unknown",
        "    the reply was lost[2J",
        "    → It may have been billed. To ask again all the same:",
        "      --retry-unknown.",
        "",
        "· assembly/final     not tried, video/02 was not made",
        "✓ assembly/final     0.5 s",
        "",
        "Not finished after 1 min 10 s: 2 made, 1 up to date, 1",
        "failed, 1 not tried.",
        "Spent $0.427; left to make: about $0.43.",
        "Film: build/fox/final.mp4 (0:24)",
    ]


LONGEST = NodeId("fox:keyframe/" + "a-very-long-slug-of-a-scene" * 4)


@pytest.mark.parametrize("width", [76, 80, 100, 140])
def test_names_titles_and_times_stay_in_their_columns(width: int) -> None:
    screen, out = console(width)
    gallery = NodeId("fox:keyframe/the-upper-gallery")
    view = LiveView(screen, names=lambda: [gallery])
    view(RunStarted("r", ("fox",), "xai", None))
    for node, title in (
        (clip(1), "clip 01 · Dark"),
        (gallery, "keyframe the-upper-gallery · " + "Somebody " * 30),
        (LONGEST, "keyframe x · 灯台守の長い夜" * 9),
    ):
        view(NodeStarted(node, title, ()))
        view(NodeDone(node, (), 64.8, ticks(0.427), Ticks(0), (0.8, 0.93, 0.7)))
    view.close()
    rows = [line for line in lines(out) if line.startswith("✓")]
    edge = min(width, 100)
    assert [cell_len(row) for row in rows] == [edge] * 3
    assert all(row.endswith("best of 3 · $0.427  1 min 05 s") for row in rows)
    if width >= 100:
        assert rows[0].index("Dark") == rows[1].index("Somebody")


def test_a_target_is_never_done_above_and_running_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen, out = console(80, terminal=True)
    view = LiveView(screen)
    view(RunStarted("r", ("fox",), "xai", None))
    view(Planned("fox", 40, 40, Ticks(0), Ticks(0), Ticks(0)))
    for number in range(40):
        view(NodeStarted(clip(number), "", ()))
        view._draw()
        view(NodeDone(clip(number), (), 1.0, Ticks(0), Ticks(0), ()))
        view._draw()
        shown = out.getvalue()
        last = shown[shown.rindex(f"✓ video/{number:02d}") + 3 :]
        assert f"video/{number:02d}" not in last
        assert f"{number + 1}/40" in last
    view.close()


def test_what_was_stopped_is_one_line_at_the_end() -> None:
    screen, out = console(80)
    view = LiveView(screen)
    view(RunStarted("r", ("fox",), "xai", None))
    for number in range(5):
        view(NodeStarted(clip(number), "", ()))
        view(NodeFailed(clip(number), "interrupted", "stopping: no new call is started"))
    view(RunFinished("r", 130, 2, 0, 5, 0, Ticks(0), Ticks(0), 3.0))
    assert lines(out)[2:] == [
        "",
        "Interrupted after 3.0 s: 2 made, 5 stopped.",
        "5 targets were stopped; build again to go on from there.",
    ]


@pytest.mark.parametrize("width", [60, 100])
def test_the_moving_part_fits_its_terminal(width: int) -> None:
    screen, _ = console(width)
    now = [0.0]
    view = LiveView(screen, clock=lambda: now[0])
    view(RunStarted("r", ("fox",), "xai", ticks(5)))
    view(Planned("fox", 40, 40, Ticks(0), ticks(3), Ticks(0)))
    for number in range(30):
        view(NodeStarted(clip(number), f"clip {number:02d} · Under the old oak", ()))
        view(CallStarted(clip(number), CallKey("k"), "video", "clip", "grok-imagine-video"))
    view(CallProgress(clip(0), CallKey("k"), 0.62))
    now[0] = 75.0
    shown = Console(file=io.StringIO(), width=width, height=24, record=True, color_system=None)
    shown.print(view._frame())
    text = [line.rstrip() for line in shown.export_text().splitlines()]
    view.close()
    assert len(text) <= 23
    assert max(len(line) for line in text) <= width
    assert text[1].endswith("0/40  1 min")
    assert text[2] == "spent $0.00 of $5.00 (0%)"
    assert text[4].split("━")[0].split()[1:4] == (
        ["video/00", "filming", "the"] if width == 60 else ["video/00", "Under", "the"]
    )
    assert text[4].split()[-3:] == ["62%", "1", "min"]
    assert text[-1] == "  and 12 more"


def test_no_event_is_lost_or_slow_with_many_threads() -> None:
    screen, out = console(terminal=True)
    view = LiveView(screen)
    view(RunStarted("r", ("fox",), "xai", None))
    view(Planned("fox", 1024, 1024, Ticks(0), Ticks(0), Ticks(0)))

    def work(thread: int) -> None:
        for step in range(16):
            node = clip(thread * 16 + step)
            view(NodeStarted(node, "", ()))
            view(CallStarted(node, CallKey("k"), "video", "clip", "m"))
            for share in range(10):
                view(CallProgress(node, CallKey("k"), share / 10))
            view(NodeDone(node, (), 1.0, Ticks(0), Ticks(0), ()))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(64)]
    begin = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    view(RunFinished("r", 0, 1024, 0, 0, 0, Ticks(0), Ticks(0), 1.0))
    assert time.process_time() - begin < 5
    assert out.getvalue().count("✓") == 1024
    assert "Done after 1.0 s: 1,024 made." in out.getvalue()


def test_no_colour_leaves_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    view = LiveView(Console(file=out, width=80, force_terminal=True, color_system="standard"))
    view(RunStarted("r", ("fox",), "xai", None))
    view(NodeFailed(clip(1), "failed", "no"))
    view.close()
    assert not any(f"\x1b[{code}m" in out.getvalue() for code in ("31", "1;31", "32", "36"))


def test_a_run_with_nothing_to_do() -> None:
    screen, out = console()
    view = LiveView(screen)
    view(RunStarted("r", ("fox",), "animatic", None))
    view(NodeFresh(clip(1)))
    view(RunFinished("r", 0, 0, 1, 0, 0, Ticks(0), Ticks(0), 0.1))
    assert lines(out) == ["spicy  fox · animatic", "", "", "Everything is up to date."]


def test_a_dead_terminal_is_said_once_and_not_hidden() -> None:
    class Gone(io.StringIO):
        dead = False

        def write(self, text: str) -> int:
            if self.dead:
                raise OSError("terminal is gone")
            return super().write(text)

    out = Gone()
    view = LiveView(Console(file=out, width=60, force_terminal=True, color_system=None))
    view(RunStarted("r", ("fox",), "animatic", None))
    out.dead = True
    renderer = view._painter
    assert renderer is not None
    renderer.join(timeout=5)
    with pytest.raises(OSError, match="terminal is gone"):
        view(NodeFresh(clip(1)))
    out.dead = False
    view.close()
