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
from spicy.engine.desk import Desk, open_desk
from spicy.engine.wire import choose_provider
from spicy.serving.builtin import Workers
from spicy.serving.launch import Launcher
from spicy.settings import ServerSettings, Settings
from spicy.web import (
    actions,
    admin,
    docs,
    errors,
    extension,
    films,
    generations,
    media,
    new_run,
    objects,
    openai_chat,
    openai_images,
    openai_videos,
    run_pages,
    store_page,
    xai_rest,
)
from spicy.web.access import Guard, check_exposure, origins
from spicy.web.request_log import Logged, RequestLog
from spicy.web.room import Room
from spicy.web.sweep import Sweeper
from spicy.web.watched import WatchedQueue

GRACE = 60.0
"""Seconds that workers have, after a start, to be heard again."""

DESCRIPTION = """\
Clips, chats and stills by jobs: OpenAI's wire, xAI's, and that of the Grok Imagine API Server.

A repeated request is answered from the store for $0. Send Idempotency-Key to be sure that a request that is
sent twice makes one job.
"""


def create_app(
    settings: Settings, server: ServerSettings, desk: Desk | None = None, root: Path | None = None
) -> FastAPI:
    """The application. Nothing is opened before it starts.

    A desk that is given stays the giver's to close; without one, the settings' own is opened. The project is in
    `root`, else in the working directory. Raises UsageError when it would be open to other machines without keys.
    """
    check_exposure(server)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with contextlib.ExitStack() as stack:
            app.state.room = await run_in_threadpool(
                _open, stack, settings, server, desk, root, app.state.closing
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
        middleware=_middleware(server, lambda: app.state.room.log),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.server = server
    app.state.closing = threading.Event()  # set when the server is told to leave
    errors.install(app)
    for module in (
        objects, run_pages,  # asked for most often: the first that fits answers
        generations, media, extension, admin, docs, openai_chat, openai_images, openai_videos,
        xai_rest, new_run, films, actions, store_page,
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
    given: Desk | None,
    root: Path | None,
    closing: threading.Event,
) -> Room:
    """Everything that runs, in an order that can be taken down backwards. Raises SpicyError."""
    desk = given
    if desk is None:
        name, _ = choose_provider(None, settings)
        desk = open_desk(settings, server, name, threading.Event())
        stack.callback(desk.close)
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
    room = Room(
        server=server,
        settings=settings,
        root=project,
        launcher=launcher,
        closing=closing,
        queue=queue,
        store=desk.store,
        desk=desk,
        log=log,
        builtin=server.builtin_worker,
    )
    stack.callback(room.live.close)
    sweeper = Sweeper(room)
    sweeper.start()
    stack.callback(sweeper.stop)
    desk.recover()
    if server.builtin_worker:
        workers = Workers(queue, desk, server, server.videos)
        workers.start()
        stack.callback(workers.stop)
    return room
