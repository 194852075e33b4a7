"""The web server under the app: one process, one socket that was bound before anything else began."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from spicy.errors import UsageError

_GRACE = 3
"""Seconds that open requests have after Ctrl-C; a chat that waits for its job is cut off then."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


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


def run(app: FastAPI, listener: socket.socket, ready: Callable[[], None]) -> bool:
    """Serve until Ctrl-C, which comes on as KeyboardInterrupt when all is closed; `ready` is called at the start.

    Returns whether the app came up at all.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config, ready)
    server.run(sockets=[listener])
    return server.started
