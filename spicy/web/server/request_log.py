"""Requests and responses as JSON Lines, one file a day, for whoever asks later what happened.

One thread writes; whoever answers a request only hands it over. Headers are never written, keys and claims are
hidden, and of pictures only the size is told.
"""

from __future__ import annotations

import datetime
import json
import logging
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spicy.canonical_json import Json
from spicy.jobs.model import Job, JobState

NAME = re.compile(r"requests_\d{4}-\d\d-\d\d\.jsonl")
HIDDEN = "<hidden>"
_SECRETS = re.compile(r"(api|worker)?[-_]?key|authorization|claim|token|password|secret", re.IGNORECASE)
_PICTURES = frozenset({"image", "image_url", "b64_json", "input_reference", "mask"})
_JOB = re.compile(r"job_[0-9a-f]{24}")
_LONGEST = 20_000
"""Characters of one text, more than a prompt may have."""
_DEEPEST = 24
_BODY = 40 * 1024 * 1024
_PAUSE = 0.05
"""Seconds for which lines may gather; a process that is killed loses as many of its log."""

_told = logging.getLogger("spicy.web")


@dataclass(slots=True)
class LogNote:
    """What is told about one request while it is answered."""

    job: str | None = None
    status: int = 0
    sent: int = 0
    body: list[bytes] = field(default_factory=list)


_note: ContextVar[LogNote | None] = ContextVar("spicy_note", default=None)


def note_job(id: str) -> None:
    """Tell the log which job the request at hand is about."""
    note = _note.get()
    if note is not None:
        note.job = id


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    write: Callable[[], dict[str, Json]]


@dataclass(frozen=True, slots=True)
class _Errand:
    do: Callable[[], None]
    done: threading.Event


class RequestLog:
    """The log's one writer. A log that cannot be written is told once and never stops a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: Counter[tuple[str, int]] = Counter()
        self._lines: queue.SimpleQueue[_Line | _Errand | None] = queue.SimpleQueue()
        self._file: IO[str] | None = None
        self._day = ""
        self._broken = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def request(self, at: float, method: str, path: str, job: str | None, payload: bytes | None) -> None:
        """Hand over a request; its body is read by the writer."""

        def write() -> dict[str, Json]:
            seen = _payload(payload)
            named = job or (seen.get("job_id") if isinstance(seen, dict) else None)
            return {"type": "request", "method": method, "path": path, "job_id": named, "payload": seen}

        self._lines.put(_Line(at, write))

    def response(
        self, method: str, path: str, job: str | None, status: int, seconds: float, size: int
    ) -> None:
        """Hand over the response of a request."""
        self.requests[method, status] += 1
        line: dict[str, Json] = {
            "type": "response",
            "method": method,
            "path": path,
            "job_id": job,
            "status": status,
            "duration": round(seconds, 4),
            "size": size,
        }
        self._lines.put(_Line(time.time(), lambda: line))

    def ended(self, job: Job) -> None:
        """Hand over the end of a job."""
        line: dict[str, Json] = {
            "type": "response",
            "job_id": job.id,
            "status": job.state.value,
            "duration": round((job.finished or job.updated) - job.created, 3),
            "video_size": job.size if job.state is JobState.COMPLETED else None,
            "error": job.error,
            "cost_ticks": job.cost,
            "from_store": job.from_store,
        }
        self._lines.put(_Line(time.time(), lambda: line))

    def flush(self) -> None:
        """Wait until all that was handed over is written."""
        self._errand(lambda: None)

    def remove(self) -> int:
        """Remove every log file; how many there were."""
        gone: list[Path] = []

        def remove() -> None:
            self._shut()
            for path in sorted(self.folder.glob("requests_*.jsonl")):
                if NAME.fullmatch(path.name):
                    path.unlink(missing_ok=True)
                    gone.append(path)

        self._errand(remove)
        return len(gone)

    def close(self) -> None:
        """Write what was handed over and end."""
        self._lines.put(None)
        self._hurry.set()
        self._thread.join()

    def _errand(self, do: Callable[[], None]) -> None:
        errand = _Errand(do, threading.Event())
        self._lines.put(errand)
        self._hurry.set()
        errand.done.wait(10)

    def _run(self) -> None:
        while (item := self._lines.get()) is not None:
            try:
                self._handle(item)
            except Exception as error:  # noqa: BLE001 - a full disk must stop neither the log nor the server
                self._complain(error)
            if self._lines.empty():
                # Lines are written in heaps: a thread that woke for each would slow down who answers requests.
                self._hurry.wait(_PAUSE)
        self._shut()

    def _handle(self, item: _Line | _Errand) -> None:
        if isinstance(item, _Errand):
            try:
                item.do()
            finally:
                if self._file is not None:
                    self._file.flush()
                self._hurry.clear()
                item.done.set()
            return
        moment = datetime.datetime.fromtimestamp(item.at, datetime.UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"timestamp": stamp, **item.write()}, ensure_ascii=False)
        file = self._opened(stamp[:10])
        # Half a surrogate pair can be sent as JSON, but not be written as UTF-8.
        file.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
        if self._lines.empty():
            file.flush()

    def _opened(self, day: str) -> IO[str]:
        if self._file is None or self._day != day:
            self._shut()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / f"requests_{day}.jsonl").open("a", encoding="utf-8")
            self._day, self._broken = day, False
        return self._file

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _complain(self, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            _told.warning("the request log cannot be written: %s", error)


class Logged:
    """Hands every request and its response to the log."""

    def __init__(self, app: ASGIApp, log: Callable[[], RequestLog]) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and listen."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note, at, began = LogNote(), time.time(), time.perf_counter()
        wanted = _is_json(Headers(scope=scope))

        async def heard() -> Message:
            message = await receive()
            if wanted and message["type"] == "http.request":
                note.body.append(message.get("body", b""))
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                note.status = message["status"]
            elif message["type"] == "http.response.body":
                note.sent += len(message.get("body", b""))
            await send(message)

        before = _note.set(note)
        try:
            await self._app(scope, heard, told)
        finally:
            _note.reset(before)
            method, path = scope["method"], scope["path"]
            found = _JOB.search(path)
            job = note.job or (found[0] if found else None)
            log, seconds = self._log(), time.perf_counter() - began
            log.request(at, method, path, job, b"".join(note.body) if wanted else None)
            log.response(method, path, job, note.status or 500, seconds, note.sent)


def _is_json(headers: Headers) -> bool:
    return "json" in headers.get("content-type", "")


def _payload(body: bytes | None) -> Json:
    if not body:
        return None
    if len(body) > _BODY:
        return f"<{len(body)} bytes>"
    try:
        return redacted(json.loads(body))
    except (ValueError, RecursionError):
        return f"<{len(body)} bytes that are no JSON>"


def redacted(value: Json, name: str = "", depth: int = 0) -> Json:
    """`value` without keys and without pictures."""
    if depth > _DEEPEST:
        return "<too deep>"
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if _SECRETS.fullmatch(str(key)) else redacted(part, str(key), depth + 1)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(part, name, depth + 1) for part in value]
    return _text(value, name) if isinstance(value, str) else value


def _text(text: str, name: str) -> Json:
    head = text[:8].lower().strip()
    if head.startswith(("http:", "https:")) and " " not in text[:2048]:
        return _address(text)
    if head.startswith("data:") or name in _PICTURES:
        return f"<picture, {len(text)} characters>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… <{len(text)} characters>"


def _address(url: str) -> str:
    """A URL without the parts that may be secret: user, password, query."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}{'?…' if parts.query else ''}"
    except ValueError:
        return "<address>"
