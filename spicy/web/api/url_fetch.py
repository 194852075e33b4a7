"""Pictures of the web, without becoming anybody's way into a private network.

A name is resolved first, every address it has must be public, and the connection goes to the address that was
looked at, so that a second answer of the name server changes nothing. Each redirect starts over.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from spicy.web.server.errors import ApiError

PICTURE_LIMIT = 20 * 1024 * 1024
REDIRECTS = 3
PATIENCE = 20.0
"""Seconds for a whole picture."""

_STEP = 64 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})
_EMBEDS_IPV4 = tuple(
    ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)
"""IPv6 that a gateway turns into IPv4: what lies behind cannot be judged, so it is refused."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host. Raises OSError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Whether an address is somewhere on the internet, and not on this machine or in its networks."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _EMBEDS_IPV4):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


@dataclass(frozen=True, slots=True)
class _Target:
    """An address that was looked at, and what to ask there."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


@dataclass(slots=True, kw_only=True)
class Gate:
    """Who may be asked for pictures, and how. The defaults are for the open internet."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] | None = frozenset({443})
    """None is any port."""
    permitted: Callable[[str], bool] = is_public
    resolve: Callable[[str, int], Iterable[str]] = resolve
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    patience: float = PATIENCE
    limit: int = PICTURE_LIMIT
    at_once: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(8))

    def fetch(self, url: str) -> bytes:
        """The bytes behind `url`. Raises ApiError 4xx for what is refused, cannot be had or is too large."""
        if not self.at_once.acquire(blocking=False):
            raise ApiError(429, "too many pictures are being fetched; try again", code="busy")
        try:
            return self._follow(url, time.monotonic() + self.patience)
        finally:
            self.at_once.release()

    def _follow(self, url: str, until: float) -> bytes:
        for _ in range(REDIRECTS + 1):
            found = self._ask(self._target(url), until)
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        raise _refused("the image URL redirects too often")

    def _target(self, url: str) -> _Target:
        """Look at a URL and at every address of its host. Raises ApiError."""
        if len(url) > 4096 or any(ord(c) <= 32 or ord(c) >= 127 or c == "\\" for c in url):
            raise _refused("the image URL has characters that belong into no URL")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _refused("the image URL cannot be read") from None
        scheme = parts.scheme.lower()
        if scheme not in self.schemes:
            raise _refused("an image URL is https:// or data:")
        if not host or "@" in parts.netloc or "%" in parts.netloc:
            raise _refused("the image URL needs a plain host")
        port = port or (443 if scheme == "https" else 80)
        if self.ports is not None and port not in self.ports:
            raise _refused("the image URL may not name a port")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return _Target(scheme, host, port, path, self._address(host, port))

    def _address(self, host: str, port: int) -> str:
        literal = _literal(host)
        if literal is not None and not self.permitted(literal):
            raise _private()
        try:
            found = [literal] if literal is not None else list(self.resolve(host, port))
        except (OSError, UnicodeError):
            raise _refused("the host of the image URL is not known") from None
        if not found or not all(self.permitted(address) for address in found):
            raise _private()
        return found[0]

    def _ask(self, target: _Target, until: float) -> bytes | str:
        """The picture, or where it moved to."""
        try:
            connection = _connection(target, _left(until), self.context)
            with contextlib.closing(connection):
                connection.request("GET", target.path, headers={"Accept": "image/*", "User-Agent": "spicy"})
                answer = connection.getresponse()
                if answer.status in _MOVED:
                    return answer.headers.get("Location") or ""
                if answer.status != 200:
                    raise _refused(f"the image URL answers {answer.status}")
                return self._read(answer, connection, until)
        except (OSError, http.client.HTTPException):
            raise _refused("the image URL cannot be read") from None

    def _read(
        self, answer: http.client.HTTPResponse, connection: http.client.HTTPConnection, until: float
    ) -> bytes:
        whole = bytearray()
        while True:
            # A server that sends a byte now and then must not hold a thread for ever.
            if connection.sock is not None:
                connection.sock.settimeout(_left(until))
            elif time.monotonic() > until:
                raise _late()
            part = answer.read1(_STEP)
            if not part:
                return bytes(whole)
            whole += part
            if len(whole) > self.limit:
                raise ApiError(413, f"the picture has more than {self.limit >> 20} MiB", code="too_large")


def _literal(host: str) -> str | None:
    """The address that a host is written as, also in the ways of inet_aton: 2130706433, 0x7f.1, 127.1."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    if ":" in host:
        return host
    with contextlib.suppress(OSError, UnicodeError):
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    return None


def _connection(
    target: _Target, patience: float, trusting: Callable[[], ssl.SSLContext]
) -> http.client.HTTPConnection:
    """A connection to the address that was looked at, under the name that was asked for."""
    raw = (target.address, target.port)
    if target.scheme == "http":
        plain = http.client.HTTPConnection(target.host, target.port, timeout=patience)
        plain.sock = _dial(raw, patience)
        return plain
    context = trusting()
    secure = http.client.HTTPSConnection(target.host, target.port, timeout=patience, context=context)
    tcp = _dial(raw, patience)
    try:
        secure.sock = context.wrap_socket(tcp, server_hostname=target.host)
    except BaseException:
        tcp.close()
        raise
    return secure


def _dial(address: tuple[str, int], patience: float) -> socket.socket:
    try:
        return socket.create_connection(address, timeout=patience)
    except OSError:
        raise _refused("the host of the image URL does not answer") from None


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise _late()
    return left


def _late() -> ApiError:
    return ApiError(408, "the picture did not arrive in time", code="timeout", param="image")


def _private() -> ApiError:
    return _refused("the image URL points into a private network")


def _refused(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_image_url", param="image")
