"""What a run says: events in, the whole text out."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import get_args, get_type_hints

import pytest

from spicy.events import (
    MONEY,
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
    RunFinished,
    RunStarted,
    Warned,
)
from spicy.ids import CallKey, NodeId, Ticks, ticks
from spicy.sinks import FanOut, JsonLines, NullSink, PlainLines, choose_sink, messages
from spicy.sinks.tally import ProgressTally

SHEET, STILL, CLIP, FINAL = (
    NodeId(f"fox:{name}") for name in ("character/ember", "keyframe/01", "video/01", "assembly/final")
)


def done(
    node: NodeId, *targets: str, paid: float = 0, saved: float = 0, scores: tuple[float | None, ...] = ()
) -> NodeDone:
    return NodeDone(node, targets, 3.21, ticks(paid), ticks(saved), scores)


def finished(
    code: int = 0, made: int = 0, fresh: int = 0, failed: int = 0, blocked: int = 0, **money: float
) -> RunFinished:
    sums = {name: ticks(money.get(name, 0)) for name in ("paid", "saved", "left")}
    return RunFinished("r1", code, made, fresh, failed, blocked, seconds=75.0, **sums)


FAILING_RUN: tuple[Event, ...] = (
    RunStarted("r1", ("fox",), "xai", ticks(5)),
    Planned("fox", 5, 4, ticks(1), ticks(1.5), ticks(4)),
    NodeFresh(NodeId("fox:ideation/story")),
    NodeStarted(SHEET, "character Ember", ("never made",)),
    CallStarted(SHEET, CallKey("k"), "image", "sheet", "grok"),
    CallProgress(SHEET, CallKey("k"), 0.5),
    CallDone(SHEET, CallKey("k"), "image", "sheet", "grok", ticks(0.04), False, 3.0),
    done(SHEET, "build/fox/characters/ember.jpg", paid=0.04, scores=(0.62, 0.93)),
    Warned(STILL, "scores 0.71,\nunder 0.80"),
    done(STILL, "build/fox/scenes/01/keyframe.jpg", saved=0.065, scores=(None,)),
    NodeFailed(CLIP, "refused", "moderation said no\nfox:assembly/final: made in 1 s"),
    NodeBlocked(FINAL, CLIP),
    finished(1, made=2, fresh=1, failed=1, blocked=1, paid=0.04, saved=0.065, left=0.43),
)


def plain(events: tuple[Event, ...], *, quiet: bool = False) -> str:
    out = io.StringIO()
    sink = PlainLines(out, quiet=quiet)
    for event in events:
        sink(event)
    sink.close()
    return out.getvalue()


def test_plain_lines_tell_a_failing_run_calmly() -> None:
    assert plain(FAILING_RUN) == (
        "Building fox · xai · cap $5.00\n"
        "fox: 4 of 5 targets to make, likely $1.50 (low $1.00, worst $4.00)\n"
        "fox:character/ember: made in 3.2 s, score 0.93, best of 2, $0.04\n"
        "fox:keyframe/01: warning: scores 0.71,\n"
        "    under 0.80\n"
        "fox:keyframe/01: made in 3.2 s, no score, from store, saved $0.065\n"
        "fox:video/01: refused: moderation said no\n"
        "    fox:assembly/final: made in 1 s\n"
        "    The provider's refusal is final for this request. Change the words it names, then build again.\n"
        "fox:assembly/final: not tried, because fox:video/01 was not made\n"
        "Not finished after 1 min 15 s: 2 made, 1 up to date, 1 failed, 1 not tried.\n"
        "Spent $0.04; saved $0.065 from the store; left to make: about $0.43.\n"
    )


def test_quiet_keeps_only_trouble() -> None:
    assert [line.split(":")[1] for line in plain(FAILING_RUN, quiet=True).splitlines() if line[0] != " "] == [
        "keyframe/01",
        "video/01",
        "assembly/final",
    ]


def test_nothing_stale_is_one_sentence() -> None:
    assert plain((NodeFresh(SHEET), finished(fresh=27))) == "Everything is up to date.\n"


OTHER = NodeId("owl:assembly/final")


@pytest.mark.parametrize(
    ("code", "finals", "said"),
    [
        (0, (FINAL,), ["The film is 1:24 long."]),
        (0, (FINAL, OTHER), ["fox is 1:24 long.", "owl is 1:24 long."]),
        (1, (FINAL,), ["Film: build/fox/final.mp4 (1:24)"]),
    ],
)
def test_the_path_of_a_film_is_left_to_stdout_when_all_is_well(
    code: int, finals: tuple[NodeId, ...], said: list[str]
) -> None:
    out = io.StringIO()
    sink = PlainLines(out, length=lambda path: 84.2)
    for final in finals:
        sink(done(final, f"build/{final.partition(':')[0]}/final.mp4"))
    sink(finished(code, made=len(finals)))
    assert out.getvalue().splitlines()[len(finals) + 1 :] == said


LOW_BUDGET = (
    "the next call, at $0.50, does not fit under the cap of $1.00: $0.60 is spent; raise it and build again"
)


def test_what_was_stopped_did_not_fail_and_is_explained_once() -> None:
    events: tuple[Event, ...] = (
        NodeFailed(STILL, "interrupted", "stopping: no new call is started"),
        NodeFailed(SHEET, "interrupted", "stopping: no new call is started"),
        NodeFailed(CLIP, "budget", LOW_BUDGET),
        NodeBlocked(FINAL, CLIP),
        NodeBlocked(OTHER, FINAL),
        finished(1, failed=4, blocked=2, made=1, paid=0.6, left=1.29),
    )
    told = (
        "fox:video/01: stopped by the budget: the next call, at $0.50, does not fit under the cap of $1.00:"
    )
    end = [
        "Stopped by the budget; left to make: about $1.29 (raise --max-cost or budget).",
        "2 targets were stopped; build again to go on from there.",
    ]
    assert plain(events) == "\n".join(
        [
            f"{told} $0.60 is spent",
            "Not finished after 1 min 15 s: 1 made, 1 failed, 3 stopped, 2 not tried.",
            "Spent $0.60.",
            *end,
            "",
        ]
    )
    assert plain(events, quiet=True).splitlines()[1:] == end


@pytest.mark.parametrize(
    ("message", "label", "verify"),
    [
        ("object 0123456789ab… is missing from the store", "damaged", True),
        ("object 0123456789ab… was damaged; set aside as x", "damaged", True),
        ("the store at /cache cannot be written: Permission denied", "failed", False),
    ],
)
def test_only_lost_bytes_send_one_to_cache_verify(message: str, label: str, verify: bool) -> None:
    failed = NodeFailed(STILL, "damaged", message)
    assert messages.failure(failed) == label
    assert ("cache verify" in messages.advice(failed)) is verify


def test_a_long_title_is_one_line_and_a_cap_is_only_named_when_there_is_one() -> None:
    long = "a" * 300
    assert plain((RunStarted("r", (f"{long}\nb",), "xai", None),)) == f"Building {long} b · xai\n"
    assert plain((Planned(f"{long}\nb", 2, 1, Ticks(0), Ticks(0), Ticks(0)),)).count("\n") == 1


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (finished(made=2), "Done after 1 min 15 s: 2 made."),
        (finished(1, made=2, failed=1), "Not finished after 1 min 15 s: 2 made, 1 failed."),
        (finished(3, made=2, failed=1), "Not finished after 1 min 15 s: 2 made, 1 failed."),
        (finished(130, made=2), "Interrupted after 1 min 15 s: 2 made."),
        (finished(130), "Interrupted after 1 min 15 s: nothing to do."),
        (finished(fresh=1200), "Everything is up to date."),
    ],
)
def test_every_ending_has_its_own_words(end: RunFinished, said: str) -> None:
    assert messages.headline(end) == said


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    text = plain((Warned(NodeId("fox:x\x1b[2J"), "a\x1b]0;owned\x07b\r\nc\u202ed\x9b31m"),))
    assert text == "fox:x[2J: warning: a]0;ownedb\n    cd31m\n"


def test_json_lines_are_stable() -> None:
    out = io.StringIO()
    sink = JsonLines(out, now=lambda: datetime(2026, 11, 23, 1, 2, 3, 4000, tzinfo=UTC))
    sink(done(SHEET, "a.jpg", paid=0.04, scores=(0.62, None)))
    assert out.getvalue() == (
        '{"event": "node_done", "v": 1, "at": "2026-11-23T01:02:03.004Z", "node": "fox:character/ember", '
        '"targets": ["a.jpg"], "seconds": 3.21, "paid_ticks": 400000000, "saved_ticks": 0, "scores": [0.62, null], '
        '"digests": [], "inputs": [], "attempts": []}\n'
    )


def test_every_money_field_of_every_event_says_its_unit() -> None:
    money = {
        name
        for event in get_args(Event)
        for name, hint in get_type_hints(event).items()
        if hint in (Ticks, Ticks | None)
    }
    assert money == MONEY


def test_json_progress_is_thinned_out() -> None:
    out = io.StringIO()
    now = [0.0]
    sink = JsonLines(out, clock=lambda: now[0])
    for step in range(1000):
        now[0] = step / 100
        sink(CallProgress(CLIP, CallKey("a"), step / 1000))
        sink(CallProgress(CLIP, CallKey("b"), 0.0))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["progress"] for line in lines if line["key"] == "b"] == [0.0]
    moved = [line["progress"] for line in lines if line["key"] == "a"]
    assert 90 <= len(moved) <= 100
    assert all(b - a > 0.0099 for a, b in itertools.pairwise(moved))


def test_json_event_names() -> None:
    out = io.StringIO()
    sink = JsonLines(out)
    for event in FAILING_RUN:
        sink(event)
    names = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert list(dict.fromkeys(names)) == [
        "run_started",
        "planned",
        "node_fresh",
        "node_started",
        "call_started",
        "call_progress",
        "call_done",
        "node_done",
        "warned",
        "node_failed",
        "node_blocked",
        "run_finished",
    ]


def test_json_lines_outlive_their_reader() -> None:
    code = (
        "import sys\nfrom spicy.events import NodeFresh\nfrom spicy.sinks import JsonLines\n"
        "s = JsonLines(sys.stdout)\nsys.stdin.read()\n"
        "[s(NodeFresh('a:b/c')) for _ in range(3)]\nprint('alive', file=sys.stderr)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, talk = process.communicate("", timeout=30)
    assert (process.returncode, talk) == (0, "alive\n")


def test_json_lines_fall_silent_on_a_closed_stream() -> None:
    out = io.StringIO()
    sink = JsonLines(out)
    out.close()
    sink(NodeFresh(SHEET))
    sink.close()


class _Broken:
    def __call__(self, event: Event) -> None:
        raise OSError("disk full")

    def close(self) -> None:
        raise AssertionError("a dropped sink is not closed")


class _Keeper:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.closed = 0

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1


def test_a_broken_sink_is_reported_once_and_left_out() -> None:
    said: list[str] = []
    keeper = _Keeper()
    fan = FanOut([_Broken(), NullSink(), keeper], report=said.append)
    for event in FAILING_RUN:
        fan(event)
    fan.close()
    fan.close()
    assert said == ["_Broken broke and is left out of this run: OSError: disk full"]
    assert keeper.events == list(FAILING_RUN)
    assert keeper.closed == 1


def test_fan_out_loses_nothing_between_threads() -> None:
    keeper = _Keeper()
    fan = FanOut([keeper], report=print)

    def emit() -> None:
        for _ in range(50):
            fan(NodeFresh(SHEET))

    threads = [threading.Thread(target=emit) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keeper.events) == 800


def test_tally_counts_and_guesses_from_the_pace() -> None:
    tally = ProgressTally()
    tally.take(RunStarted("r", ("fox",), "xai", None), 0.0)
    tally.take(Planned("fox", 2, 2, Ticks(0), Ticks(0), Ticks(0)), 0.0)
    tally.take(Planned("fox", 6, 5, Ticks(0), ticks(1), Ticks(0)), 1.0)
    tally.take(NodeFresh(NodeId("fox:ideation/story")), 1.0)
    assert (tally.total, tally.likely, tally.seconds_left(5.0)) == (6, ticks(1), None)
    for node in (SHEET, STILL):
        tally.take(NodeStarted(node, "", ()), 1.0)
        tally.take(CallStarted(node, CallKey("k"), "image", "sheet", "m"), 1.0)
        tally.take(CallDone(node, CallKey("k"), "image", "sheet", "m", ticks(0.5), node == STILL, 1.0), 1.0)
        tally.take(done(node), 5.0)
    assert (tally.paid, tally.saved, tally.settled) == (ticks(0.5), ticks(0.5), 3)
    assert tally.seconds_left(10.0) == pytest.approx(15.0)
    tally.take(NodeStarted(CLIP, "", ()), 10.0)
    tally.take(CallStarted(CLIP, CallKey("v"), "video", "clip", "m"), 10.0)
    tally.take(CallProgress(CLIP, CallKey("other"), 0.1), 10.0)
    tally.take(CallProgress(CLIP, CallKey("v"), 1.7), 10.0)
    assert tally.running[CLIP].progress == 1.0
    assert tally.seconds_left(15.0) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert messages.took(seconds) == said


def test_choose_sink_without_a_terminal() -> None:
    out, talk = io.StringIO(), io.StringIO()
    assert isinstance(choose_sink(json=True, quiet=True, stdout=out, stderr=talk), JsonLines)
    sink = choose_sink(json=False, quiet=False, stdout=out, stderr=talk)
    sink(finished(fresh=1))
    assert (out.getvalue(), talk.getvalue()) == ("", "Everything is up to date.\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_choose_sink_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = _Terminal()
    sink = choose_sink(json=False, quiet=False, stdout=screen, stderr=screen)
    assert type(sink).__name__ == "LiveView"
    assert isinstance(choose_sink(json=False, quiet=True, stdout=screen, stderr=screen), PlainLines)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_sink(json=False, quiet=False, stdout=screen, stderr=screen), PlainLines)
