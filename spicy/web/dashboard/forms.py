"""Forms of the dashboard: read within limits, and believed only when a page of ours drew them.

A form changes something, and may spend money, so two things have to prove where it comes from: its origin, which
the guard looks at, and the token that the page was drawn with, which is in a cookie too and which no page of
another site can read.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from spicy.runs.liveness import is_run_id
from spicy.web.dashboard.rendering import CSRF, token
from spicy.web.server.errors import ApiError

MOST_PICTURES = 8
_MOST_FIELDS = 100
_LINES = re.compile(r"\r\n?")


class Form:
    """A form that one of our own pages sent."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """A field's text, without what stands around it; empty when there is none."""
        found = self._data.get(name, "")
        return _LINES.sub("\n", found).strip() if isinstance(found, str) else ""

    def file(self, name: str) -> UploadFile | None:
        """A file that was chosen, or None. What it is called says nothing."""
        found = self._data.get(name)
        return found if isinstance(found, UploadFile) and (found.size or found.filename) else None

    def run(self) -> str:
        """The id of the run that the form starts, which its page gave it. Raises ApiError 422."""
        run = self.text("run")
        if not is_run_id(run):
            raise ApiError(422, "the form names no run to start: open its page again and send it from there")
        return run


async def read_form(request: Request) -> AsyncIterator[Form]:
    """A dependency: the form of a request. Raises ApiError 403 unless the token of the browser's cookie is in it."""
    async with request.form(max_files=MOST_PICTURES, max_fields=_MOST_FIELDS) as data:
        _check(request, data)
        yield Form(data)


Sent = Annotated[Form, Depends(read_form)]


def _check(request: Request, data: FormData) -> None:
    given, known = data.get(CSRF), token(request)
    shown = given.encode("utf-8", "replace") if isinstance(given, str) else b""
    if known is None or not hmac.compare_digest(shown, known.encode()):
        raise ApiError(
            403,
            "this form was drawn before the browser's cookie, or the browser keeps no cookies; nothing was done:"
            " go back, load the page again and send it from there",
            code="csrf",
        )
