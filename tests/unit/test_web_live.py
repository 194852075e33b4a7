"""The hub: one look for all who watch, the same bytes for each, and nobody who is slow holds up the others."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import pytest

from spicy.ids import NodeId
from spicy.serving.build_process import Launcher
from spicy.store.records import Records
from spicy.web.dashboard.plan_service import RemainingWork
from spicy.web.dashboard.runs import event_stream as app_state
from spicy.web.dashboard.runs.event_stream import EventStream, Live, message
from spicy.web.dashboard.runs.run_list import RunList
from tests.recorded import RUN, film_events, made, recording, start

PATIENCE = 10


@contextlib.contextmanager
def living(build: Path) -> Iterator[tuple[Live, threading.Event]]:
    """What a server watches with, and how it is told to leave."""
    closing = threading.Event()
    live = Live(build, Launcher(build, Path()), Records(build), set(), closing)
    try:
        yield live, closing
    finally:
        closing.set()
        live.close()


def within(do: Callable[[], Awaitable[None]]) -> None:
    """Run to the end, or fail."""

    async def all() -> None:
        async with asyncio.timeout(PATIENCE):
            await do()

    asyncio.run(all())


async def heard(told: AsyncIterator[bytes], mark: bytes) -> list[bytes]:
    """Everything up to the message that has `mark`."""
    found = []
    async for said in told:
        found.append(said)
        if mark in said:
            return found
    raise AssertionError(f"{mark!r} was never told")


def lines_of(told: list[bytes]) -> list[str]:
    """The lines of the log that were told, in order."""
    return re.findall(r'<li id="(line-\d+-\d+)"', b"".join(told).decode())


def test_all_who_watch_get_the_same_bytes(tmp_path: Path) -> None:
    async def watch() -> None:
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            last = recorder.tell(*start())
            watchers = [live.watch_run(RUN, str(last)) for _ in range(3)]
            for one in watchers:
                assert (await anext(one)).startswith(b"retry: ")
            await asyncio.to_thread(recorder.tell, *made("fox", "keyframe", "01", "keyframe.jpg"))
            told = [(await heard(one, b"card-keyframe-01"))[-1] for one in watchers]
            assert told[0] is told[1] is told[2]
            for one in watchers:
                await one.aclose()
            assert not live._hubs, "nobody looks when nobody watches"

    within(watch)


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(tmp_path: Path) -> None:
    async def watch() -> None:
        events = film_events()
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            recorder.tell(*events[:8])
            first = live.watch_run(RUN, "0")
            told = [await anext(first)]
            await first.aclose()
            last = re.findall(rb"^id: (\d+)", b"".join(told), re.M)[-1].decode()
            recorder.tell(*events[8:])
        with living(tmp_path) as (live, _):  # another server
            told.append(b"".join([said async for said in live.watch_run(RUN, last)]))
            whole = b"".join([said async for said in live.watch_run(RUN, "0")])
        lines = lines_of(told)
        assert lines == lines_of([whole])
        assert len(lines) == len(set(lines)) > 8
        assert b"event: end" in told[-1]

    within(watch)


def test_a_slow_browser_is_cut_off_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_state, "TICK", 0.005)
    monkeypatch.setattr(app_state, "REST", 0.005)
    monkeypatch.setattr(app_state, "_BACKLOG", 3)

    async def watch() -> None:
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            last = str(recorder.tell(*start()))
            slow, quick = live.watch_run(RUN, last), live.watch_run(RUN, last)
            await anext(slow), await anext(quick)
            told = []
            for n in range(6):
                item = f"{n:02}"
                await asyncio.to_thread(
                    recorder.tell, *made("fox", "video", item, "clip.mp4", text=f"seen {n}")
                )
                told += await heard(quick, f"seen {n}".encode())
            rest = [said async for said in slow]
            assert len(rest) <= 3, "what waited for it was let go of with it"
            seen = re.findall(rb"^id: (\d+)", b"".join(rest), re.M)
            back = live.watch_run(RUN, seen[-1].decode() if seen else last)
            rest.append(await anext(back))
            assert lines_of(rest) == lines_of(told)
            await back.aclose()
            await quick.aclose()

    within(watch)


def test_streams_end_when_the_server_leaves(tmp_path: Path) -> None:
    async def watch() -> None:
        with recording(tmp_path) as recorder, living(tmp_path) as (live, closing):
            recorder.tell(*start())
            streams = [live.watch_run(RUN, "0"), live.watch_list("")]
            for one in streams:
                await anext(one)
            closing.set()
            for one in streams:
                assert [said async for said in one if b"event: reload" in said] == []

    within(watch)


@pytest.mark.parametrize(("run", "last"), [("nobody-1", "0"), ("../x", "0"), (RUN, "999999"), (RUN, "x")])
def test_who_saw_what_is_not_there_has_to_load_the_page_again(tmp_path: Path, run: str, last: str) -> None:
    async def watch() -> None:
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            recorder.tell(*start())
            stream = live.watch_run(run, last)
            assert b"event: reload\n" in await anext(stream)
            await stream.aclose()

    within(watch)


def test_the_list_tells_of_a_run_that_begins_and_of_its_end(tmp_path: Path) -> None:
    async def watch() -> None:
        with living(tmp_path) as (live, _):
            stream = live.watch_list("")
            first = await anext(stream)
            assert b"<li" not in first
            with recording(tmp_path) as recorder:
                await asyncio.to_thread(recorder.tell, *start())
                await heard(stream, b'data-state="running"')
                await asyncio.to_thread(recorder.tell, *film_events()[3:])
                told = await heard(stream, b'data-state="done"')
                assert b'<ol id="runs"' not in told[-1], "only the row that changed is sent"
            seen = re.findall(rb"^id: (\S+)", told[-1], re.M)[-1].decode()
            await stream.aclose()
            again = live.watch_list(seen)
            assert b"event:" not in await anext(again)
            await again.aclose()

    within(watch)


def test_a_browser_that_takes_nothing_does_not_keep_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_state, "_SLOW", 0.05)
    ended = []

    async def told() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b": more\n\n"
        finally:
            ended.append(True)

    async def never(message: object) -> None:
        if isinstance(message, dict) and message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def silent() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def serve() -> None:
        await EventStream(told())({"type": "http"}, silent, never)  # type: ignore[arg-type]
        await asyncio.sleep(0)

    within(serve)
    assert ended == [True]


def test_a_message_keeps_its_lines_whatever_ends_them() -> None:
    assert message("patch", "<b>\r\na\rb\nc\u2028d", "7") == (
        "id: 7\nevent: patch\ndata: <b>\ndata: a\ndata: b\ndata: c\u2028d\n\n".encode()
    )
    assert message("patch", "\ud800") == b"event: patch\ndata: ?\n\n"


@pytest.mark.parametrize("last", ["9" * 5000, "-1", "1e5", "²", "", "x", "9" * 18])
def test_who_says_to_have_seen_what_cannot_be_loads_the_page_again(tmp_path: Path, last: str) -> None:
    async def watch() -> None:
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            await asyncio.to_thread(recorder.tell, *start())
            assert b"event: reload" in await anext(live.watch_run(RUN, last))

    within(watch)


def test_a_database_that_cannot_be_read_is_told_once_however_often_it_is_looked_at(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough, looks, drawn = threading.Event(), [], RunList.drawn

    def look(runs: RunList) -> dict[str, str]:
        looks.append(runs)
        if len(looks) == 5:
            enough.set()
        return drawn(runs)

    async def watch() -> None:
        with living(tmp_path) as (live, _):
            watched = live.watch_list("")
            await anext(watched)
            assert await asyncio.to_thread(enough.wait, PATIENCE)
            assert await anext(live.watch_run(RUN, "0")) == b"retry: 1000\n\n"

    monkeypatch.setattr(RunList, "drawn", look)
    (tmp_path / "spicy.db").write_bytes(b"garbage" * 1000)
    within(watch)
    said = [record.getMessage() for record in caplog.records if record.name == "spicy.web"]
    assert len(said) == len(set(said))
    assert any("cannot be read" in one for one in said)


class Slow:
    """Who looks ahead only when allowed to, and then sees nothing."""

    def __init__(self) -> None:
        self.allowed = threading.Event()

    def prices(self, film: str) -> Mapping[NodeId, str]:
        """Nothing costs anything."""
        return {}

    def rest(self, film: str, until: str = "") -> RemainingWork | None:
        """Nothing is left, but that takes its time."""
        assert self.allowed.wait(PATIENCE)
        return None


def test_that_a_run_is_over_is_told_before_what_is_left_of_its_film_is_known(tmp_path: Path) -> None:
    async def watch() -> None:
        events, slow = film_events(), Slow()
        with recording(tmp_path) as recorder, living(tmp_path) as (live, _):
            live.renderer.ahead = slow
            last = recorder.tell(*events[:-1])
            told = live.watch_run(RUN, str(last))
            await anext(told)
            await asyncio.to_thread(recorder.tell, events[-1])
            said = (await heard(told, b'data-state="done"'))[-1]
            assert b"event: end" not in said
            assert f"id: {last}\n".encode() in said, "who leaves now comes back for the rest"
            slow.allowed.set()
            assert b'data-state="done"' in (await heard(told, b"event: end"))[-1]
            await told.aclose()

    within(watch)
