"""How a request can end badly: with an error status, or with nobody left to answer."""

from __future__ import annotations

import os
import socket
import stat

from spicy.emulator.services.sdk_modules import grpc

Code = grpc.StatusCode


class Refusal(Exception):
    """A request that is answered with an error status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Gone(Exception):
    """Nobody is listening any more; there is no one to answer."""


def cut_connection(context: grpc.ServicerContext, port: int) -> None:
    """Really close the caller's connection, with every other call on it, as a failing network does."""
    caller = int(context.peer().rpartition(":")[2])
    for name in os.listdir("/dev/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as copy:
                if copy.getsockname()[1] == port and copy.getpeername()[1] == caller:
                    copy.shutdown(socket.SHUT_RDWR)
        except (OSError, IndexError, ValueError):
            continue
