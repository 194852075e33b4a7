"""A followed run: where it stands, and that what changed since any moment is all that a page of that moment lacks."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from spicy.errors import StoreError
from spicy.events import (
    CallProgress,
    Event,
    NodeBlocked,
    NodeFailed,
    NodeFresh,
    Recovering,
    RunFinished,
    RunStarted,
)
from spicy.ids import CallKey, NodeId, Ticks, ticks
from spicy.runs.model import RunState, database
from spicy.serving.build_process import Launcher
from spicy.store.records import Records
from spicy.web.dashboard.rendering import template
from spicy.web.dashboard.runs.components import RunRenderer
from spicy.web.dashboard.runs.live_run import HEAD, WHOLE, LiveRun, Part
from tests.recorded import RUN, Page, digest_of, film_events, made, recording, start, story


def followed(build: Path, run: str = RUN, **values: object) -> LiveRun:
    """A run as a server that has just started knows it."""
    found = LiveRun(run, build, Launcher(build, Path()), **values)  # type: ignore[arg-type]
    found.advance()
    return found


def page_of(run: LiveRun, renderer: RunRenderer) -> Page:
    """The page of a run as it is now."""
    return Page(template("run.html.j2").render(page=renderer.page(run)))


def troubled() -> list[Event]:
    """A run in which everything happens that may."""
    told = story(3)
    events = start(told=told)
    events[2:2] = [Recovering(2, ticks(0.4))]
    events += made("fox", "character", "ember", "ember.jpg")
    events += [NodeFresh(NodeId("fox:keyframe/01"), ("build/fox/01/keyframe.jpg",), (digest_of("still"),))]
    events += made("fox", "keyframe", "02", "keyframe.jpg")
    events += made("fox", "video", "02", "clip.mp4", "first.jpg")[:-1]
    events += [CallProgress(NodeId("fox:video/02"), CallKey("k"), 0.3)]
    events += [NodeFailed(NodeId("fox:video/02"), "refused", "xAI: not this one")]
    events += [NodeBlocked(NodeId("fox:assembly/final"), NodeId("fox:video/02"))]
    events += made("fox", "keyframe", "03", "keyframe.jpg")[:3]
    return [*events, RunFinished(RUN, 130, 2, 1, 1, 1, ticks(0.2), Ticks(0), 9.0, ticks(0.3))]


def two_films() -> list[Event]:
    """A run of two films whose scenes have the same ids."""
    first, second = film_events(film="fox"), film_events(film="owl")
    begun = first[0]
    assert isinstance(begun, RunStarted)
    both = replace(begun, films=("fox", "owl"), specs=("specs/fox.yaml", "specs/owl.yaml"))
    return [both, *(e for pair in zip(first[1:-1], second[1:-1], strict=True) for e in pair), first[-1]]


@pytest.mark.parametrize(
    "events",
    [film_events(), troubled(), troubled()[:-1], two_films()],
    ids=["a film", "troubles", "under way", "two films"],
)
def test_what_changed_since_any_event_is_all_that_a_page_of_then_lacks(
    tmp_path: Path, events: list[Event]
) -> None:
    renderer, chance = RunRenderer(Records(tmp_path)), random.Random(7)
    pages: dict[int, Page] = {}
    with recording(tmp_path) as recorder:
        live = followed(tmp_path)
        left = list(events)
        while left:
            some, left = left[: (n := chance.randint(1, 4))], left[n:]
            recorder.tell(*some)
            live.advance()
            pages[live.view.last] = page_of(live, renderer)
        anew = followed(tmp_path)
    wanted = page_of(anew, renderer).seen
    assert len(pages) > 8
    for last, page in pages.items():
        page.patch(renderer.paint(anew, anew.changed_after(last), last))
        assert page.seen == wanted, f"after event {last}"


def test_parts_are_drawn_as_they_change_and_nothing_else_is(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        run = followed(tmp_path)
        recorder.tell(*start())
        run.advance()
        assert run.changed_since(0) >= {WHOLE, Part("film", "fox"), HEAD}
        seen = run.seq
        call = made("fox", "video", "02", "clip.mp4")
        recorder.tell(*call[:3])
        run.advance()
        assert run.changed_since(seen) == {HEAD, Part("node", "fox:video/02"), Part("doing", "fox:video/02")}
        seen = run.seq
        recorder.tell(CallProgress(NodeId("fox:video/02"), CallKey("other"), 0.9))
        run.advance()
        assert run.changed_since(seen) == {Part("doing", "fox:video/02")}
        seen = run.seq
        run.advance()
        assert run.seq == seen


def test_a_run_is_running_while_its_process_lives_and_died_when_that_is_gone(tmp_path: Path) -> None:
    now = [0.0]
    with recording(tmp_path) as recorder:
        recorder.tell(*start())
        run = followed(tmp_path, clock=lambda: now[0])
        assert run.state is RunState.RUNNING
        seen = run.seq
    run.advance()
    assert run.state is RunState.RUNNING, "not asked again within the same moment"
    now[0] = 1.0
    run.advance()
    assert run.state is RunState.DIED
    assert run.changed_since(seen) == {HEAD}
    assert followed(tmp_path).state is RunState.DIED


def test_a_run_that_nobody_knows_of_has_no_state(tmp_path: Path) -> None:
    assert followed(tmp_path, "nobody-1").state is None


def test_the_end_that_was_recorded_is_what_counts(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.tell(*film_events())
        assert followed(tmp_path).state is RunState.DONE
    run = followed(tmp_path)
    assert (run.state, run.is_over) == (RunState.DONE, True)
    assert run.view.finished is not None


def test_a_run_that_was_let_go_of_can_still_be_followed(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.tell(*start())
        run = followed(tmp_path)
        run.close()
        last = recorder.tell(*film_events()[3:])
        run.advance()
        assert (run.view.last, run.state) == (last, RunState.DONE)
        run.close()


def test_who_asks_for_an_end_is_told_so_once(tmp_path: Path) -> None:
    stopping: set[str] = set()
    with recording(tmp_path) as recorder:
        recorder.tell(*start())
        run = followed(tmp_path, stopping=stopping)
        seen = run.seq
        stopping.add(RUN)
        run.advance()
        run.advance()
        assert (run.stopping, run.seq) == (True, seen + 1)
        drawn = RunRenderer(Records(tmp_path)).paint(run, run.changed_since(seen), run.view.last)
        assert "what is in flight is kept for the next build" in drawn
        assert "Stop at once" in drawn


def test_a_file_that_is_no_database_is_said_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    database(tmp_path).write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        followed(tmp_path)
