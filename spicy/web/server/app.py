"""The server as one application: opened, run and closed in the order that keeps promises."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from spicy import __version__
from spicy.engine.bootstrap import choose_provider
from spicy.engine.job_executor import JobExecutor, open_job_executor
from spicy.serving.build_process import Launcher
from spicy.serving.builtin import Workers
from spicy.settings import ServerSettings, Settings
from spicy.web.api import (
    admin,
    clip_files,
    extension,
    generations,
    openai_chat,
    openai_images,
    openai_videos,
    reference_page,
    xai_rest,
)
from spicy.web.dashboard import actions, film_page, new_run, store_page, stored_files
from spicy.web.dashboard.planning import FilmPlanService
from spicy.web.dashboard.runs import run_pages
from spicy.web.server import errors
from spicy.web.server.access import Guard, check_exposure, origins
from spicy.web.server.app_state import AppState
from spicy.web.server.cleanup import Sweeper
from spicy.web.server.queue_events import WatchedQueue
from spicy.web.server.request_log import Logged, RequestLog

GRACE = 60.0
"""Seconds that workers have, after a start, to be heard again."""

DESCRIPTION = """\
Clips, chats and stills by jobs: OpenAI's wire, xAI's, and that of the Grok Imagine API Server.

A repeated request is answered from the store for $0. Send Idempotency-Key to be sure that a request that is
sent twice makes one job.
"""


def create_app(
    settings: Settings, server: ServerSettings, executor: JobExecutor | None = None, root: Path | None = None
) -> FastAPI:
    """The application. Nothing is opened before it starts.

    A desk that is given stays the giver's to close; without one, the settings' own is opened. The project is in
    `root`, else in the working directory. Raises UsageError when it would be open to other machines without keys.
    """
    check_exposure(server)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with contextlib.ExitStack() as stack:
            app.state.app_state = await run_in_threadpool(
                _open, stack, settings, server, executor, root, app.state.closing
            )
            try:
                yield
            finally:
                # Closing waits for threads; the loop goes on answering those who wait for it.
                await run_in_threadpool(stack.close)

    app = FastAPI(
        title="spicy",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        middleware=_middleware(server, lambda: app.state.app_state.log),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.server = server
    app.state.closing = threading.Event()  # set when the server is told to leave
    errors.install(app)
    for module in (
        stored_files, run_pages,  # asked for most often: the first that fits answers
        generations, clip_files, extension, admin, reference_page, openai_chat, openai_images, openai_videos,
        xai_rest, new_run, film_page, actions, store_page,
    ):  # fmt: skip
        app.include_router(module.router)
    return app


def _middleware(server: ServerSettings, log: Callable[[], RequestLog]) -> list[Middleware]:
    """From the outside in: the log hears all, browsers may read refusals, nothing unasked gets past the guard."""
    named = origins(server)
    cors = Middleware(
        CORSMiddleware,
        allow_origins=named.named,
        allow_origin_regex=named.pattern,
        allow_methods=["GET", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=["Content-Range", "Accept-Ranges", "Content-Length"],
        allow_private_network="*" not in named.named,
    )
    return [Middleware(Logged, log=log), cors, Middleware(Guard, server=server)]


def _open(
    stack: contextlib.ExitStack,
    settings: Settings,
    server: ServerSettings,
    given: JobExecutor | None,
    root: Path | None,
    closing: threading.Event,
) -> AppState:
    """Everything that runs, in an order that can be taken down backwards. Raises SpicyError."""
    executor = given
    if executor is None:
        name, _ = choose_provider(None, settings)
        executor = open_job_executor(settings, server, name, threading.Event())
        stack.callback(executor.close)
    log = RequestLog(server.logs)
    stack.callback(log.close)
    queue = WatchedQueue(server.database, log.ended)
    stack.callback(queue.close)
    # While no server was there no worker could renew its claim; whoever is at work now would be paid twice.
    queue.grant(GRACE)
    server.videos.mkdir(parents=True, exist_ok=True)
    project = (root or Path.cwd()).absolute()
    launcher = Launcher(project, settings.build_dir)
    stack.callback(launcher.close)
    app_state = AppState(
        server=server,
        settings=settings,
        root=project,
        launcher=launcher,
        closing=closing,
        queue=queue,
        store=executor.store,
        executor=executor,
        log=log,
        builtin=server.builtin_worker,
    )
    app_state.live.renderer.ahead = FilmPlanService(app_state)
    stack.callback(app_state.live.close)
    sweeper = Sweeper(app_state)
    sweeper.start()
    stack.callback(sweeper.stop)
    executor.recover()
    if server.builtin_worker:
        workers = Workers(queue, executor, server, server.videos)
        workers.start()
        stack.callback(workers.stop)
    return app_state
