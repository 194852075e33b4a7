"""Bytes for pages: pictures and clips out of the store, small copies of them, files of films, and our own style.

Only what its first bytes say it is goes out under that name, and never into a page as anything but a picture or a
clip: what a provider sent is nobody's script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from spicy.errors import MediaError
from spicy.ids import Digest
from spicy.web.api.clip_files import file_response
from spicy.web.dashboard.rendering import static_file
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import ApiError

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]

WIDTHS = (160, 240, 320, 480, 640, 960, 1280)
_OBJECT = re.compile(r"([0-9a-f]{64})(\.[a-z0-9]{2,4})")
_THUMB = re.compile(r"([0-9a-f]{64})\.jpg")
_FILM = re.compile(r"[A-Za-z0-9_-]{1,80}")
_KEPT = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip")


def _is_matroska(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3")


def _is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


KINDS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    ".jpg": ("image/jpeg", _is_jpeg),
    ".jpeg": ("image/jpeg", _is_jpeg),
    ".png": ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ".webp": ("image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ".mp4": ("video/mp4", _is_mp4),
    ".m4v": ("video/mp4", _is_mp4),
    ".mov": ("video/quicktime", _is_mp4),
    ".webm": ("video/webm", _is_matroska),
    ".mkv": ("video/x-matroska", _is_matroska),
}
"""By ending: the type, and whether the first bytes are of it."""

_FILES = {
    "story.yaml": "text/plain; charset=utf-8",
    "script.md": "text/plain; charset=utf-8",
    "report.html": "text/html; charset=utf-8",
    "manifest.json": "application/json",
}
"""Files of a film that are no pictures and no clips."""
_PLAYED = re.compile(
    r"final\.mp4|(?:characters|scenes/[a-z0-9-]{1,80})/[a-z0-9-]{1,80}(?:\.jpg|\.jpeg|\.png|\.webp|\.mp4|\.mov|\.m4v|\.webm|\.mkv)"
)
_REPORT = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self'; media-src 'self';"
    " base-uri 'none'; form-action 'none'"
)


@router.get("/objects/{name}")
@router.head("/objects/{name}")
def stored(name: str, request: Request, app_state: Here) -> FileResponse:
    """Bytes of the store, in parts if they are asked for so."""
    match = _OBJECT.fullmatch(name)
    if match is None or match[2] not in KINDS:
        raise _missing(name)
    type, fits = KINDS[match[2]]
    path = _sound(app_state, Digest(match[1]))
    if path is None or not fits(_head(path)):
        raise _missing(name)
    return file_response(path, request, type, _KEPT)


@router.get("/thumbs/{name}")
@router.head("/thumbs/{name}")
async def thumb(name: str, app_state: Here, w: int = 480) -> Response:
    """A small copy of a picture, or of a clip's first picture, as JPEG. One that is kept costs no thread."""
    match = _THUMB.fullmatch(name)
    if match is None or w not in WIDTHS:
        raise _missing(name)
    digest = Digest(match[1])
    data = app_state.thumbs.find(digest, w) or await run_in_threadpool(_shrunk, app_state, digest, w)
    return Response(data, media_type="image/jpeg", headers=_KEPT)


def _shrunk(app_state: AppState, digest: Digest, width: int) -> bytes:
    path = _sound(app_state, digest)
    kinds = {type for type, fits in KINDS.values() if path is not None and fits(_head(path))}
    if path is None or not kinds:
        raise _missing(digest)
    try:
        return app_state.thumbs.make(
            digest, width, path, is_clip=not any(type.startswith("image/") for type in kinds)
        )
    except MediaError:
        raise _missing(digest) from None


@router.get("/builds/{film}/{path:path}")
@router.head("/builds/{film}/{path:path}")
def film_file(film: str, path: str, request: Request, app_state: Here) -> FileResponse:
    """A film's story, script or report as it is in the build folder now, and what its report shows."""
    plain = _FILES.get(path)
    if not _FILM.fullmatch(film) or not (plain or _PLAYED.fullmatch(path)):
        raise _missing(path)
    file = app_state.build / film / path
    if not file.is_file() or not file.resolve().is_relative_to(app_state.build.resolve()):
        raise _missing(path)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if plain is not None:
        policy = _REPORT if path.endswith(".html") else _KEPT["Content-Security-Policy"]
        return file_response(file, request, plain, {**headers, "Content-Security-Policy": policy})
    type, fits = KINDS[file.suffix]
    if not fits(_head(file)):
        raise _missing(path)
    return file_response(file, request, type, {**_KEPT, **headers})


@router.get("/static/{name}")
@router.head("/static/{name}")
def static(name: str, v: str = "") -> Response:
    """The pages' own style, script and sign."""
    data = static_file(name)
    if data is None:
        raise _missing(name)
    types = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    kept = _KEPT["Cache-Control"] if v else "no-cache"
    headers = {**_KEPT, "Cache-Control": kept}
    return Response(data, media_type=f"{types[name.rpartition('.')[2]]}; charset=utf-8", headers=headers)


def _sound(app_state: AppState, digest: Digest) -> Path | None:
    """Where an object is, when it is there and whole; a damaged one is set aside, as the store does."""
    objects = app_state.store.objects
    found = app_state.store.memo.digest(objects.name(digest))
    if found is not None and found != digest:
        objects.quarantine(digest)
    return objects.path(digest) if found == digest else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""


def _missing(name: str) -> ApiError:
    return ApiError(404, f"there is no {name[:80]!r} here", code="not_found")
