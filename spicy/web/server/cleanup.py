"""What has to happen while nobody asks: leases that ran out, and clips that are old."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from spicy.errors import SpicyError
from spicy.files import remove_stale_drafts
from spicy.jobs.model import ENDS, Job
from spicy.web.api.clip_files import ID
from spicy.web.server.app_state import AppState

BEAT = 1.0
"""Seconds between two looks at the leases."""
ROUND = 300.0
"""Seconds between two looks at the ages."""

_DAY = 86400
_told = logging.getLogger("spicy.web")


class Sweeper:
    """A thread that looks after queue, video folder and unfinished calls as long as the server runs."""

    def __init__(self, app_state: AppState) -> None:
        self._room = app_state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = 0.0
        while True:
            try:
                self._room.queue.lapse()
                if time.monotonic() >= due:
                    due = time.monotonic() + ROUND
                    remove_aged(self._room)
                    self._room.executor.recover()
            except (SpicyError, OSError) as error:
                _told.warning("sweeping: %s", error)
            if self._stop.wait(BEAT):
                return


def remove_aged(app_state: AppState) -> int:
    """Forget what ended more than `MAX_VIDEO_AGE_DAYS` ago, and its clip; how many jobs that were."""
    aged = app_state.queue.aged(app_state.server.video_days)
    for job in aged:
        if app_state.queue.remove(job.id) is not None:
            remove_files(app_state, [job])
    if app_state.server.videos.is_dir():
        remove_stale_drafts(app_state.server.videos)
        _remove_strays(app_state)
    return len(aged)


def _remove_strays(app_state: AppState) -> None:
    """Old clips of jobs that are not known any more."""
    before = app_state.clock() - app_state.server.video_days * _DAY
    for path in app_state.server.videos.glob("job_*.mp4"):
        if not ID.fullmatch(path.stem) or path.stat().st_mtime > before:
            continue
        job = app_state.queue.find(path.stem)
        if job is None or (job.state in ENDS and (job.finished or 0) < before):
            path.unlink(missing_ok=True)


def remove_files(app_state: AppState, jobs: Sequence[Job]) -> None:
    """Remove the clips of jobs that are forgotten."""
    for job in jobs:
        app_state.video(job.id).unlink(missing_ok=True)
