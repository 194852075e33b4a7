"""What happens, told to every browser that watches: one look at the database for all of them, drawn once.

A hub looks for one run, or for the list of runs, from its first watcher to its last, and hands the same bytes to
all. Who was away says what they saw last and gets what changed since; so a slow browser may be cut off, and a
server may be started anew, without anybody missing a thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spicy.errors import StoreError
from spicy.runs.liveness import is_run_id
from spicy.serving.build_process import Launcher
from spicy.store.records import Records
from spicy.web.dashboard.rendering import sound
from spicy.web.dashboard.runs.components import RunRenderer
from spicy.web.dashboard.runs.live_run import LiveRun, Part
from spicy.web.dashboard.runs.run_list import RunList

TICK = 0.1
"""Seconds between two looks, as long as nothing happens."""
REST = 0.2
"""Seconds after news: many watchers cost as much as their messages are many, and a film makes many small changes."""
KEEP_ALIVE = 15.0
_BACKLOG = 32
"""Messages that wait for a slow browser before it is cut off."""
_SLOW = 20.0
"""Seconds that one message may take."""
_THREADS = 2
_KEPT = 8
"""Runs that stay known although nobody watches them."""
_RETRY = b"retry: 1000\n\n"
_SAY_AGAIN = 600.0
"""Seconds after which the log hears of the same trouble again."""
_LINES = re.compile(r"\r\n|\r|\n")
_SEEN = re.compile(r"[0-9]{1,18}")

_told = logging.getLogger("spicy.web")


class EventSource(Protocol):
    """What a hub looks at. Both methods are called from worker threads, never from two at the same time."""

    def news(self) -> bytes | None:
        """What changed since it was asked last, as messages; None when nothing did."""

    def since(self, last: str) -> bytes:
        """What a browser needs that has seen everything up to `last`; `news` goes on from here for it too."""

    @property
    def is_over(self) -> bool:
        """Whether there will be no more news."""


def message(kind: str, text: str, id: str | None = None) -> bytes:
    """A server-sent event."""
    head = "" if id is None else f"id: {id}\n"
    data = "".join(f"data: {line}\n" for line in _LINES.split(text))
    return sound(f"{head}event: {kind}\n{data}\n")


class RunSource:
    """One run."""

    def __init__(self, followed: LiveRun, renderer: RunRenderer, hasty: RunRenderer) -> None:
        """`hasty` draws without looking ahead: seeing what is left of a large film takes a second."""
        self._followed, self._painter, self._hasty = followed, renderer, hasty
        self._seq: int | None = None
        self._last = 0
        self._told_the_end = False

    @property
    def is_over(self) -> bool:
        """Whether all is told of a run that is over."""
        return self._followed.is_over and self._seq in (None, self._followed.seq)

    def news(self) -> bytes | None:
        """The parts that changed. Raises StoreError for a database that cannot be read."""
        followed = self._followed
        with followed.lock:
            followed.advance()
            if self._seq is None or followed.seq == self._seq:
                return None
            changed = followed.changed_since(self._seq)
            if followed.is_over and not self._told_the_end:
                self._told_the_end = True
                # Who leaves now has not seen all of it: it comes back for what follows the event before.
                return message("patch", self._hasty.paint(followed, changed, self._last), str(self._last))
            said = self._patch(changed, self._last)
            self._seq, self._last = followed.seq, followed.view.last
            return said

    def since(self, last: str) -> bytes:
        """What changed after an event. Whoever saw what is not there any more has to load the page again."""
        followed = self._followed
        with followed.lock:
            followed.advance()
            if self._seq is None:  # the first: what is news from now on nobody has seen
                self._seq, self._last = followed.seq, followed.view.last
            if followed.state is None or not _SEEN.fullmatch(last) or int(last) > followed.view.last:
                return message("reload", "")
            return self._patch(followed.changed_after(int(last)), int(last))

    def _patch(self, changed: set[Part], after: int) -> bytes:
        followed = self._followed
        drawn = self._painter.paint(followed, changed, after)
        end = message("end", "") if followed.is_over else b""
        return message("patch", drawn, str(followed.view.last)) + end


class ListSource:
    """The list of runs."""

    is_over = False

    def __init__(self, runs: RunList) -> None:
        self._runs = runs
        self._drawn: dict[str, str] = {}

    def news(self) -> bytes | None:
        """The rows that changed, or all when there are others. Raises StoreError."""
        drawn = self._runs.drawn()
        before, self._drawn = self._drawn, drawn
        if drawn == before:
            return None
        if list(drawn) != list(before):
            return self._all()
        changed = "".join(row for id, row in drawn.items() if before[id] != row)
        return message("patch", changed, mark(drawn))

    def since(self, last: str) -> bytes:
        """The whole list, unless it is what was seen. Raises StoreError."""
        if not self._drawn:
            self._drawn = self._runs.drawn()
        return b"" if last == mark(self._drawn) else self._all()

    def _all(self) -> bytes:
        return message("patch", self._runs.whole(self._drawn), mark(self._drawn))


def mark(drawn: Mapping[str, str]) -> str:
    """What tells one list of runs from another."""
    return hashlib.sha256("\0".join(drawn.values()).encode("utf-8", "replace")).hexdigest()[:16]


class Trouble:
    """What the log hears of a database that cannot be read: once, though it is looked at ten times a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: tuple[str, float] | None = None

    def tell(self, error: StoreError) -> None:
        """Say it, unless that was said a moment ago."""
        text, now = str(error), self._clock()
        if self._said is None or self._said[0] != text or now - self._said[1] >= _SAY_AGAIN:
            self._said = (text, now)
            _told.warning("%s", text)


class Hub:
    """Looks for its watchers, for as long as there are any."""

    def __init__(
        self, source: EventSource, threads: ThreadPoolExecutor, closing: threading.Event, trouble: Trouble
    ) -> None:
        self._source, self._threads, self._closing, self._trouble = source, threads, closing, trouble
        self._watchers: set[asyncio.Queue[bytes | None]] = set()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_watched(self) -> bool:
        """Whether anybody is here."""
        return bool(self._watchers)

    async def watch(self, last: str) -> AsyncGenerator[bytes, None]:
        """Everything that a browser needs which has seen all up to `last`. Ends when there will be nothing more, when
        the server leaves, and when the browser is too slow."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BACKLOG)
        async with self._turn:
            first = await self._ask(lambda: self._source.since(last))
            self._watchers.add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            yield _RETRY + first
            while True:
                try:
                    said = await asyncio.wait_for(queue.get(), KEEP_ALIVE)
                except TimeoutError:
                    said = b": still here\n\n"
                if said is None:
                    return
                yield said
        finally:
            self._watchers.discard(queue)

    async def _look(self) -> None:
        try:
            await self._go_on()
        except Exception:  # noqa: BLE001 - the entry of a task: browsers come back, and the log says what to mend
            _told.exception("a page cannot be kept up to date")
        finally:
            self._task = None
            for queue in self._watchers:
                _end(queue)

    async def _go_on(self) -> None:
        while self._watchers and not self._closing.is_set() and not self._source.is_over:
            async with self._turn:
                said = await self._ask(self._source.news)
            if said:
                self._tell(said)
            await asyncio.sleep(REST if said else TICK)

    async def _ask(self, look: Callable[[], bytes | None]) -> bytes:
        """Look in a thread. A database that cannot be read just now is looked at again."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, look) or b""
        except StoreError as error:
            self._trouble.tell(error)
            return b""

    def _tell(self, said: bytes) -> None:
        for queue in list(self._watchers):
            try:
                queue.put_nowait(said)
            except asyncio.QueueFull:
                self._watchers.discard(queue)
                _end(queue)


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    """Let a watcher go, after what waits for it, or at once if that is too much: then it comes back for all of it.

    Leaving out only some of what waits would leave a gap that nobody asks for again.
    """
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
    queue.put_nowait(None)


class Live:
    """All that is watched on a server, and the runs that it knows."""

    def __init__(
        self,
        build: Path,
        launcher: Launcher,
        records: Records,
        stopping: Collection[str],
        closing: threading.Event,
    ) -> None:
        """Streams end when `closing` is set."""
        self._build, self._launcher, self._stopping, self._closing = build, launcher, stopping, closing
        self.renderer = RunRenderer(records)
        self._hasty = RunRenderer(records)
        self.runs = RunList(build, launcher)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="live")
        self._trouble = Trouble()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, LiveRun] = OrderedDict()
        self._hubs: dict[str, Hub] = {}

    def follow(self, run: str) -> LiveRun | None:
        """A run, up to date, or None when nobody knows of it. Raises StoreError; blocks."""
        if not is_run_id(run):
            return None
        with self._lock:
            followed = self._known.get(run)
        if followed is None:
            followed = LiveRun(run, self._build, self._launcher, self._stopping)
        followed.advance()
        if followed.state is None:
            followed.close()
            return None
        with self._lock:
            followed = self._known.setdefault(run, followed)
            self._known.move_to_end(run)
            idle = [id for id in self._known if id != run and not self._is_watched(id)]
            for id in idle[: max(0, len(self._known) - _KEPT)]:
                self._known.pop(id).close()
        return followed

    def _is_watched(self, run: str) -> bool:
        hub = self._hubs.get(run)
        return hub is not None and hub.is_watched

    async def watch_run(self, run: str, last: str) -> AsyncGenerator[bytes, None]:
        """What happens in a run; one that nobody knows of is told to be loaded again."""
        try:
            followed = await asyncio.get_running_loop().run_in_executor(self._threads, self.follow, run)
        except StoreError as error:  # the browser comes back, and it may be readable then
            self._trouble.tell(error)
            yield _RETRY
            return
        if followed is None:
            yield _RETRY + message("reload", "")
            return
        async with contextlib.aclosing(
            self._watch(run, last, lambda: RunSource(followed, self.renderer, self._hasty))
        ) as told:
            async for said in told:
                yield said

    def watch_list(self, last: str) -> AsyncGenerator[bytes, None]:
        """What happens in the list of runs."""
        return self._watch("", last, lambda: ListSource(self.runs))

    async def _watch(
        self, name: str, last: str, source: Callable[[], EventSource]
    ) -> AsyncGenerator[bytes, None]:
        hub = self._hubs.get(name)
        if hub is None:
            hub = self._hubs[name] = Hub(source(), self._threads, self._closing, self._trouble)
        try:
            async with contextlib.aclosing(hub.watch(last)) as told:
                async for said in told:
                    yield said
        finally:
            if not hub.is_watched and self._hubs.get(name) is hub:
                del self._hubs[name]

    def close(self) -> None:
        """Let go of everything; streams have ended by now."""
        self._threads.shutdown(cancel_futures=True)
        for followed in self._known.values():
            followed.close()
        self.runs.close()


class EventStream(Response):
    """A response of server-sent events, which ends when the browser does, or when it takes nothing for long."""

    media_type = "text/event-stream"

    def __init__(self, told: AsyncGenerator[bytes, None]) -> None:
        super().__init__(
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Content-Type-Options": "nosniff",
            }
        )
        del self.headers["content-length"]
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until there is nothing more, or nobody there."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sender = asyncio.create_task(self._send_all(send))
        leaver = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait((sender, leaver), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, leaver):
                task.cancel()
            await asyncio.gather(sender, leaver, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        async with contextlib.aclosing(self._told) as told:
            async for said in told:
                async with asyncio.timeout(_SLOW):
                    await send({"type": "http.response.body", "body": said, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
