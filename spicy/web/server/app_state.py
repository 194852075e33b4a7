"""What the endpoints share: queue, desk, store, log. Made when the server starts, closed when it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from spicy.engine.job_executor import JobExecutor
from spicy.jobs.model import Job, JobRequest, Mode
from spicy.jobs.queue import Queue
from spicy.serving.build_process import Launcher
from spicy.settings import ServerSettings, Settings
from spicy.store.store import Store
from spicy.web.api.url_fetch import Gate
from spicy.web.dashboard.runs.event_stream import Live
from spicy.web.dashboard.statistics import Counter
from spicy.web.dashboard.thumbnails import Thumbs
from spicy.web.server.request_log import RequestLog


@dataclass(slots=True, kw_only=True)
class AppState:
    """The running server's parts."""

    server: ServerSettings
    settings: Settings
    root: Path
    """The project's folder."""
    launcher: Launcher
    closing: threading.Event
    """Set when the server is told to leave: answers that would never end by themselves end then."""
    queue: Queue
    store: Store
    executor: JobExecutor
    log: RequestLog
    builtin: bool
    """Whether the built-in worker takes jobs."""
    gate: Gate = field(default_factory=Gate)
    """Through which pictures of the web come in."""
    publishing: threading.Lock = field(default_factory=threading.Lock)
    """Held while a clip and the row that tells of it are put in place together."""
    decoding: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    """A picture may need some hundred megabytes while it is looked at."""
    planning: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))
    """Looking ahead at a film of a thousand scenes takes a second of a core."""
    creating: threading.Lock = field(default_factory=threading.Lock)
    """Held while a new spec and its pictures are written: one at a time, for they are in memory until then."""
    stopping: set[str] = field(default_factory=set)
    """Runs that were told to stop from a page of this server."""
    clock: Callable[[], float] = time.time
    started: float = field(default_factory=time.time)

    thumbs: Thumbs = field(default_factory=Thumbs)
    live: Live = field(init=False)
    """Runs as they are followed."""
    counter: Counter = field(init=False)
    """Counts the store for its page."""

    def __post_init__(self) -> None:
        self.counter = Counter(self.settings)
        self.live = Live(self.build, self.launcher, self.store.records, self.stopping, self.closing)

    @property
    def build(self) -> Path:
        """The build folder."""
        return self.root / self.settings.build_dir

    def lease(self, mode: Mode) -> float:
        """Seconds that a worker may be silent about a job."""
        return self.server.chat_timeout if mode is Mode.CHAT else self.server.video_timeout

    def video(self, id: str) -> Path:
        """Where the clip of a job is, or would be."""
        return self.server.videos / f"{id}.mp4"


async def get_state(request: Request) -> AppState:
    """A dependency: the room of the server that got the request. Async, for a plain function would cost a thread."""
    app_state: AppState = request.app.state.app_state
    return app_state


def job_request_of(job: Job) -> JobRequest:
    """The order that a job came from."""
    return JobRequest(mode=job.mode, model=job.model, prompt=job.prompt, request=job.request)
