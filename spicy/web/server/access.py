"""Who may ask what: bearer keys, compared in constant time, and the limits of a request's size.

`Guard` stands before the framework reads a body, and refuses what it does not know to be open; the dependencies
say the same in the OpenAPI document and check once more.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spicy.errors import UsageError
from spicy.settings import ServerSettings
from spicy.web.server.errors import ApiError, refuse

JSON_LIMIT = 32 * 1024 * 1024
FORM_LIMIT = 1024 * 1024
PICTURES_LIMIT = 168 * 1024 * 1024
"""Of a form with pictures: eight of them, each as large as it may be, and its texts."""
UPLOAD_LIMIT = 512 * 1024 * 1024
UPLOADS = frozenset({"/extension/complete"})
_LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?|(chrome|moz|safari-web)-extension://.+"
"""Pages of this machine, and browser extensions."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PICTURE_FORMS = frozenset({"/new", "/new/preview"})
_FORMS = ("/runs/", "/films/")
_CLAIMS = "/extension/poll"
"""What changes something though it is a GET: the job that it shows is claimed."""


class Role(StrEnum):
    """Whose key opens an endpoint."""

    ANYBODY = "anybody"
    CLIENT = "client"
    WORKER = "worker"
    OWNER = "owner"


def check_exposure(server: ServerSettings) -> None:
    """Refuse what would let strangers in, or would be ignored. Raises UsageError."""
    keyed = _secret(server.api_key) or _secret(server.worker_key)
    if keyed and "*" in [origin.strip() for origin in server.cors_origins.split(",")]:
        raise UsageError("SPICY_CORS_ORIGINS=* goes only without keys: name the origins that may ask")
    if is_loopback(server.host):
        return
    missing = [
        name
        for name, key in (("SPICY_API_KEY", server.api_key), ("SPICY_WORKER_KEY", server.worker_key))
        if not _secret(key)
    ]
    if missing:
        raise UsageError(
            f"SERVER_HOST={server.host} can be reached from other machines: set {' and '.join(missing)},"
            " or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Origins:
    """Whose pages may ask: those that are named, and those of a pattern."""

    named: tuple[str, ...]
    pattern: str | None

    def admit(self, origin: str) -> bool:
        """Whether pages of `origin` may ask."""
        fits = self.pattern is not None and re.fullmatch(self.pattern, origin) is not None
        return fits or origin in self.named or "*" in self.named


def origins(server: ServerSettings) -> Origins:
    """Whose pages may ask; any (`*`) only when there is no key to protect.

    By default those of this machine and browser extensions: whichever page a user visits can reach a server on
    their machine, and without a key an order is enough to spend money.
    """
    named = [origin.strip().rstrip("/") for origin in server.cors_origins.split(",") if origin.strip()]
    if "*" in named:
        return Origins(() if _secret(server.api_key) or _secret(server.worker_key) else ("*",), None)
    return Origins(tuple(o for o in named if o != "local"), _LOCAL if "local" in named else None)


def door(method: str, path: str) -> Role:
    """Whose key a request needs; what nobody thought of needs a client's."""
    if path == "/" and method in SAFE:
        return Role.ANYBODY
    if path == "/extension" or path.startswith("/extension/"):
        return Role.WORKER
    return Role.OWNER if method == "DELETE" and not path.startswith("/v1/") else Role.CLIENT


def is_form(method: str, path: str) -> bool:
    """Whether a request sends a form of the dashboard: a browser's own key opens it, but only a page of ours sends it."""
    return method not in SAFE and (path in _PICTURE_FORMS or path.startswith(_FORMS))


def allowed(server: ServerSettings, who: Role, headers: Headers, *, reading: bool) -> bool:
    """Whether the key that came along opens the door. A door without a key set stands open."""
    needed = _needed(server, who)
    if not needed:
        return True
    return any(hmac.compare_digest(given, needed) for given in _given(headers, reading=reading))


def _needed(server: ServerSettings, who: Role) -> bytes:
    client, worker = _secret(server.api_key), _secret(server.worker_key)
    match who:
        case Role.ANYBODY:
            return b""
        case Role.CLIENT:
            return client
        case Role.WORKER:
            return worker or client
        case Role.OWNER:
            return client or worker


def _secret(key: SecretStr | None) -> bytes:
    return key.get_secret_value().strip().encode() if key is not None else b""


def _given(headers: Headers, *, reading: bool) -> list[bytes]:
    """Every key that a request shows. Basic, which browsers send by themselves, opens what reads, and forms."""
    # Header text is the bytes that came, a character each.
    found = [headers["x-api-key"].encode("latin-1")] if "x-api-key" in headers else []
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip().encode("latin-1"))
    elif scheme.lower() == "basic" and reading:
        with contextlib.suppress(binascii.Error, ValueError):
            found.append(base64.b64decode(value, validate=True).partition(b":")[2])
    return found


def denied(who: Role) -> ApiError:
    """The refusal for want of a key; a browser asks its user then."""
    return ApiError(
        401,
        f"this endpoint needs the {'worker' if who is Role.WORKER else 'API'} key: Authorization: Bearer …",
        code="invalid_api_key",
        type="authentication_error",
        headers={"WWW-Authenticate": 'Bearer, Basic realm="spicy"' if who is Role.CLIENT else "Bearer"},
    )


_bearer = HTTPBearer(auto_error=False, description="SPICY_API_KEY, or SPICY_WORKER_KEY for workers")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def client(request: Request, shown: Credentials) -> None:
    """A dependency: a client's key. Raises ApiError 401."""
    _check(request, Role.CLIENT)


async def worker(request: Request, shown: Credentials) -> None:
    """A dependency: a worker's key. Raises ApiError 401."""
    _check(request, Role.WORKER)


async def owner(request: Request, shown: Credentials) -> None:
    """A dependency for what destroys: a key, whenever any is set. Raises ApiError 401."""
    _check(request, Role.OWNER)


def _check(request: Request, who: Role) -> None:
    server: ServerSettings = request.app.state.server
    reading = request.method in SAFE or is_form(request.method, request.url.path)
    if not allowed(server, who, request.headers, reading=reading):
        raise denied(who)


class Guard:
    """Refuses requests without a key, from a foreign page, or of too many bytes, before anything reads them."""

    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app, self._server = app, server
        self._origins = origins(server)
        self._bound_to_loopback = is_loopback(server.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with 401, 403 or 413, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        who, form = door(method, path), is_form(method, path)
        limit = _limit(path, form=form)
        if not allowed(self._server, who, headers, reading=method in SAFE or form):
            await refuse(denied(who), scope, receive, send)
        elif form and not _is_own_page(headers):
            await refuse(_strange_form(headers), scope, receive, send)
        elif self._foreign(headers, who, changes=method not in SAFE or path == _CLAIMS):
            await refuse(
                ApiError(403, "pages of this origin may not change anything here", code="foreign_origin"),
                scope, receive, send,
            )  # fmt: skip
        elif _declared(headers) > limit:
            await refuse(too_large(limit), scope, receive, send)
        else:
            await _limited(self._app, limit, scope, receive, send)

    def _foreign(self, headers: Headers, who: Role, *, changes: bool) -> bool:
        """Whether a page of another site asks for a change, and no key proves that it may."""
        if not (_is_readable(headers.get("host", "")) and _is_readable(headers.get("origin", ""))):
            return True  # no browser says such a thing, and whatever comes after us would stumble over it
        if who is Role.ANYBODY:
            if "text/html" not in headers.get("accept", ""):
                return False
            who = Role.CLIENT  # a browser gets more than whether the server is well
        if _needed(self._server, who) or self._origins.admit("*"):
            return False
        host = headers.get("host", "")
        # A name of somebody else's may lead here, and then pages of that name count as our own (DNS rebinding).
        if self._bound_to_loopback and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return True
        if not changes:
            return False
        origin = headers.get("origin")
        if origin is None:  # as for a picture in a page of another site, of which browsers say only this much
            return headers.get("sec-fetch-site") == "cross-site"
        return not self._origins.admit(origin) and urlsplit(origin).netloc != host


def _limit(path: str, *, form: bool) -> int:
    if path in UPLOADS:
        return UPLOAD_LIMIT
    if form:
        return PICTURES_LIMIT if path in _PICTURE_FORMS else FORM_LIMIT
    return JSON_LIMIT


def _is_own_page(headers: Headers) -> bool:
    """Whether a page of this very server sends the form, as far as its browser says; one that says nothing is not believed."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    if not (host and _is_readable(origin)):
        return False
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _strange_form(headers: Headers) -> ApiError:
    host = headers.get("host", "")[:100]
    return ApiError(
        403,
        "this form did not come from a page of this server, or the browser did not say where it came from;"
        f" nothing was done: open the page at http://{host}/ and send it from there",
        code="foreign_origin",
    )


def _is_readable(address: str) -> bool:
    """Whether a Host, or an Origin, can be taken apart."""
    try:
        urlsplit(address if "//" in address else f"//{address}")
    except ValueError:
        return False
    return True


def too_large(limit: int) -> ApiError:
    """The refusal of a body over its limit."""
    return ApiError(
        413,
        f"the body is larger than {limit // (1024 * 1024)} MiB",
        code="too_large",
        headers={"Connection": "close"},
    )


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else 0


async def _limited(app: ASGIApp, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass a body on until it is over its limit, whatever its header said; then whatever the app says is 413."""
    left, started = limit, False

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                raise ClientDisconnect  # what every reader of a body expects and lets pass
        return message

    async def unless_over(message: Message) -> None:
        nonlocal started
        if started or left >= 0:
            started = True
            await send(message)

    try:
        await app(scope, counted, unless_over)
    except ClientDisconnect:
        if left >= 0 or started:
            raise
    if left < 0 and not started:
        await refuse(too_large(limit), scope, receive, send)
