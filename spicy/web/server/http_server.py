"""The web server under the app: one process, one socket that was bound before anything else began."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from spicy.errors import UsageError

_GRACE = 3
"""Seconds that open requests have after Ctrl-C; a chat that waits for its job is cut off then."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], closing: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)

    def end_with(self, leash: int) -> None:
        """Leave when whoever holds the other end of a pipe lets go of it, or dies."""
        with contextlib.suppress(OSError):  # nobody holds it at all
            while os.read(leash, 1024):
                pass
        self._closing.set()
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; connections wait until `run`. Raises UsageError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{host}:{port} cannot be listened on: {reason}; choose with --host and --port,"
            " or SERVER_HOST and SERVER_PORT"
        ) from error


def run(app: FastAPI, listener: socket.socket, ready: Callable[[], None], leash: int | None = None) -> bool:
    """Serve until Ctrl-C, which comes on as KeyboardInterrupt when all is closed; `ready` is called at the start.

    With a `leash`, a file descriptor, also until that can be read to its end. Answers that never end by themselves
    look at `app.state.closing`, which is set first of all. Returns whether the app came up at all.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config, ready, app.state.closing)
    if leash is not None:
        threading.Thread(target=server.end_with, args=(leash,), name="leash", daemon=True).start()
    server.run(sockets=[listener])
    return server.started
