"""The real server in this process: uvicorn on a free loopback port, over a real queue and a real store.

with serving(tmp_path) as served:
    requests.post(f"{served.url}/v1/videos/generations", json={"prompt": "A cat"})
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import uvicorn
from fastapi import FastAPI

from spicy.engine.job_executor import JobExecutor, open_job_executor
from spicy.settings import ServerSettings, Settings
from spicy.web.server.app import create_app
from spicy.web.server.app_state import AppState

RECIPE = """\
extends: default
output: {resolution: 144p, image_resolution: 144p}
story: {duration: 1}
"""
"""Clips that take an eighth of a second."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    url: str
    app: FastAPI
    folder: Path

    @property
    def app_state(self) -> AppState:
        """Its queue, store, desk and log."""
        app_state: AppState = self.app.state.app_state
        return app_state

    def wait(self, id: str, seconds: float = 20) -> str:
        """Wait until a job has ended; its state."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            job = self.app_state.queue.find(id)
            if job is None or job.state in ("completed", "failed", "cancelled"):
                return "removed" if job is None else job.state.value
            time.sleep(0.02)
        raise AssertionError(f"{id} did not end in {seconds} s")


def settings_of(folder: Path, **values: object) -> ServerSettings:
    """Settings whose files are all below `folder`; `values` by field name."""
    names = {name: field.validation_alias for name, field in ServerSettings.model_fields.items()}
    base = {
        "videos": folder / "videos",
        "logs": folder / "logs",
        "database": folder / "jobs.db",
        "builtin_worker": True,
        "jobs": 2,
        "recipe": "served",
    }
    return ServerSettings.model_validate({names[name]: value for name, value in (base | values).items()})


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    executor: JobExecutor | None = None,
    port: int = 0,
    provider: str = "animatic",
    **values: object,
) -> Iterator[Served]:
    """Serve below `folder` with the animatic provider, or with any desk; `values` are fields of ServerSettings."""
    server = settings_of(folder, **values)
    settings = Settings.model_validate({"SPICY_CACHE_DIR": folder / "cache", "SPICY_PROVIDER": provider})
    with contextlib.ExitStack() as stack:
        if executor is None:
            (folder / "recipes").mkdir(parents=True, exist_ok=True)
            (folder / "recipes/served.yaml").write_text(RECIPE)
            with contextlib.chdir(folder):
                executor = open_job_executor(settings, server, provider, threading.Event())
            stack.callback(executor.close)
        app = create_app(settings, server, executor, folder)
        with running(app, port) as url:
            yield Served(url, app, folder)


@contextlib.contextmanager
def running(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Run an application under uvicorn in a thread until the block ends; its URL."""
    config = uvicorn.Config(
        app, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < until, "the server takes too long to start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def authorized(key: str) -> requests.Session:
    """A client that shows `key` with each request."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    return session
