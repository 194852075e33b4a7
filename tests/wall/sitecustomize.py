"""The wall around the tests: no way out of this machine, from pytest or from any Python it starts.

An audit hook cannot be taken down again and sees every socket, also those of ssl, asyncio and urllib3.
What does not go through Python's sockets (gRPC, ffmpeg) honours the proxy variables, and the test
session points those at a closed door on loopback. Loaded by `tests/conftest.py`, and by child
processes on their own because the folder is on their PYTHONPATH; so it imports nothing slow.
"""

from __future__ import annotations

import sys
from _socket import AF_INET as _INET
from _socket import AF_INET6 as _INET6

CLOSED_DOOR = "http://127.0.0.1:9"
NO_PROXY = "localhost,127.0.0.1,::1"


class Walled(RuntimeError):
    """A test tried to leave the machine. Not an OSError: code that survives a bad network must not hide it."""


def is_inside(host: object) -> bool:
    """Whether a host name or address stays here; no host at all does."""
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str) or host in {"", "localhost", "::1", "0.0.0.0", "::"}:
        return True
    return host.removeprefix("::ffff:").startswith("127.") and host[-1].isdigit()


def _guard(event: str, args: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
        if getattr(args[0], "family", None) not in {_INET, _INET6}:
            return
        address = args[1]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        address = args[0]
    else:
        return
    if not is_inside(address[0] if isinstance(address, tuple) and address else address):
        raise Walled(f"tests stay on this machine: {event} to {address!r}")


sys.addaudithook(_guard)
