"""The dashboard's pages: one environment for all templates, and answers that may load nothing from elsewhere.

Everything in a page is escaped unless its template says otherwise. A page has no script and no style of its own,
so that its policy can forbid both.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse

from spicy import __version__
from spicy.engine.bootstrap import new_run
from spicy.ids import usd
from spicy.report.html import brief, took
from spicy.sinks.messages import activity

if TYPE_CHECKING:
    from jinja2 import Environment, Template

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: nothing but what this server serves."""

CSRF = "csrf"
"""The name of the field that every form carries."""

_TOKEN = re.compile(r"[0-9a-f]{64}")
_MARK = 8
_COLON = (":", "x")


_HEADINGS = {
    400: "That cannot be done",
    401: "A key is needed",
    403: "Nothing was done",
    404: "Not here",
    409: "Not now",
    413: "Too large",
    422: "That cannot be done",
}
"""Headings of error pages, by status."""


def draw(request: Request, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Answer with the template `name`, whose forms know the browser's token; a browser without one gets one."""
    known = token(request)
    given = known or secrets.token_hex(32)
    text = template(name).render(csrf=given, csrf_field=functools.partial(csrf_field, given), **values)
    response = html(text, status)
    if known is None:
        response.set_cookie(
            cookie(request), given, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )  # fmt: skip
    return response


def error_page(request: Request, status: int, message: str, headers: Mapping[str, str]) -> HTMLResponse:
    """Return an error as a page: what was wrong, and a way back."""
    heading = _HEADINGS.get(status) or HTTPStatus(status).phrase
    response = draw(request, "refused.html.j2", status=status, heading=heading, message=message, here="")
    response.headers.update(headers)
    return response


def html(text: str, status: int = 200) -> HTMLResponse:
    """A page as it is."""
    return HTMLResponse(
        sound(text),
        status,
        headers={
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Vary": "Accept, Authorization, Cookie",
            "Cache-Control": "no-store",
        },
    )


def sound(text: str) -> bytes:
    """A text as it is sent: what no page may hold does not stop it."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace")


def is_browser(request: Request) -> bool:
    """Whether HTML is asked for by name, as only browsers do."""
    return "text/html" in request.headers.get("accept", "")


def cookie(request: Request) -> str:
    """The name of the cookie that holds a browser's token: servers on other ports have their own."""
    return f"spicy_csrf_{request.url.port or 80}"


def token(request: Request) -> str | None:
    """The token that a browser brought, if it is one of ours by its looks."""
    found = request.cookies.get(cookie(request), "")
    return found if _TOKEN.fullmatch(found) else None


class Markup(str):
    """Text that is HTML already; templates do not escape it."""

    __slots__ = ()

    def __html__(self) -> str:
        """What templates ask for."""
        return self


def csrf_field(given: str) -> Markup:
    """The hidden field of a form. In a part that many browsers share it is empty, and the script fills it in."""
    return Markup(f'<input type="hidden" name="{CSRF}" value="{given if _TOKEN.fullmatch(given) else ""}">')


def template(name: str) -> Template:
    """A page, or a part of one."""
    return environment().get_template(name)


def part(name: str, shape: str, *values: object) -> str:
    """A part of a page alone: what the macro `shape` of the template `name` draws."""
    return str(getattr(template(name).module, shape)(*values))


@functools.cache
def environment() -> Environment:
    """The environment of all templates, with what they may call."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("spicy.web.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=-1,
    )
    made.filters.update(
        usd=usd,
        took=took,
        moment=moment,
        brief=brief,
        score=score,
        urlpath=urlpath,
        shape=shape,
        activity=activity,
    )
    made.globals.update(
        version=__version__, static=static_url, fresh_run=fresh_run, csrf="", csrf_field=lambda: csrf_field(""),
        query=query,
    )  # fmt: skip
    return made


def fresh_run() -> str:
    """The id of a run that a form may start: drawn with the form, so that the form starts it once."""
    return f"{new_run()}{secrets.token_hex(4)}"


@functools.cache
def static_file(name: str) -> bytes | None:
    """A file that pages load, or None when there is none of that name."""
    if not re.fullmatch(r"[a-z]+\.(css|js|svg)", name):
        return None
    found = files("spicy.web.dashboard") / "static" / name
    return found.read_bytes() if found.is_file() else None


@functools.cache
def static_url(name: str) -> str:
    """Where a page loads such a file from: another address when the file is another. Raises KeyError."""
    data = static_file(name)
    if data is None:
        raise KeyError(name)
    return f"/static/{name}?v={hashlib.sha256(data).hexdigest()[:_MARK]}"


def query(**values: object) -> str:
    """A query string of what is not None."""
    return urlencode({name: value for name, value in values.items() if value is not None})


def urlpath(text: object) -> str:
    """`text` as one segment of a URL's path."""
    return quote(str(text), safe="")


def moment(at: float | str) -> str:
    """A moment in UTC, to the minute's seconds; of seconds since 1970, or of ISO 8601."""
    if isinstance(at, str):
        try:
            when = datetime.datetime.fromisoformat(at)
        except ValueError:
            return at
    else:
        when = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S")


def score(value: float | None) -> str:
    """A score as people read it."""
    return "no score" if value is None else f"{value:.2f}"


def shape(aspect_ratio: str | None) -> str:
    """The class of a picture of that shape, such as `shape-16x9`."""
    known = re.fullmatch(r"\d{1,2}:\d{1,2}", aspect_ratio or "")
    return f"shape-{aspect_ratio.replace(*_COLON)}" if known and aspect_ratio else "shape-16x9"
