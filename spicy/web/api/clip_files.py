"""Finished clips over HTTP, whole or in parts: a browser's player seeks by ranges."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse

from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import FAULTS, ApiError, responses

ID = re.compile(r"job_[0-9a-f]{24}")
_RANGE = re.compile(
    r"bytes=\s*(?:\d{1,18}-\d{0,18}|-\d{1,18})(?:\s*,\s*(?:\d{1,18}-\d{0,18}|-\d{1,18})){0,15}"
)

router = APIRouter(tags=["Videos"], dependencies=[Depends(client)])


@router.get(
    "/videos/{name}.mp4",
    response_class=FileResponse,
    responses={
        **FAULTS,
        **responses(416),
        200: {
            "description": "The clip.",
            "content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {
            "description": "A part of the clip.",
            "content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
@router.head("/videos/{name}.mp4", include_in_schema=False)
def video(name: str, request: Request, app_state: Annotated[AppState, Depends(get_state)]) -> FileResponse:
    """Download the clip of a job; `Range` is honoured."""
    return clip_response(app_state, name, request)


def clip_response(app_state: AppState, id: str, request: Request) -> FileResponse:
    """The clip of a job as a response. Raises ApiError 404 and 416."""
    if not ID.fullmatch(id):
        raise _missing(id)
    path = app_state.video(id)
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        raise _missing(id) from None
    if not stat.S_ISREG(found.st_mode):
        raise _missing(id)
    return _response(path, found, request, "video/mp4", {})


def file_response(path: Path, request: Request, type: str, headers: Mapping[str, str]) -> FileResponse:
    """A file as a response, whole or the parts that are asked for. Raises ApiError 404 and 416."""
    try:
        found = os.stat(path)
    except OSError:
        raise ApiError(404, f"there is no {path.name[:80]!r} here", code="not_found") from None
    return _response(path, found, request, type, headers)


def _response(
    path: Path, found: os.stat_result, request: Request, type: str, headers: Mapping[str, str]
) -> FileResponse:
    _check_range(request.headers.get("range"), found.st_size)
    return FileResponse(path, media_type=type, stat_result=found, headers=dict(headers))


def _check_range(wanted: str | None, size: int) -> None:
    """Refuse here, in our own words, what the framework would refuse in plain text."""
    if wanted is None:
        return
    if _RANGE.fullmatch(wanted.strip()):
        ends = [part.strip().split("-", 1) for part in wanted.split("=", 1)[1].split(",")]
        fits = [int(first) < size if first else int(last) > 0 for first, last in ends]
        ordered = all(not (first and last) or int(first) <= int(last) for first, last in ends)
        if all(fits) and ordered:
            return
    raise ApiError(
        416,
        f"the clip has {size} bytes; the range lies outside",
        code="range_not_satisfiable",
        headers={"Content-Range": f"bytes */{size}"},
    )


def _missing(id: str) -> ApiError:
    return ApiError(404, f"there is no video of {id[:40]!r}", code="not_found")
