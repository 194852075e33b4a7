"""Pictures that clients send: looked at before they are kept, and never believed by what they are called.

Raw base64, a data URL or an https URL; JPEG, PNG or WebP by their own bytes, decoded once under a limit of
pixels. What is refused leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from spicy.canonical_json import digest_bytes
from spicy.errors import MediaError
from spicy.ids import Digest
from spicy.media.probe import probe_picture
from spicy.web.api.url_fetch import PICTURE_LIMIT
from spicy.web.server.app_state import AppState
from spicy.web.server.errors import ApiError

_DATA = re.compile(r"data:([a-zA-Z0-9.+/-]*)((?:;[a-zA-Z0-9=_.-]+)*);base64,", re.ASCII)
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]+")


_TURN = 1.0
"""Seconds that a picture waits for its turn."""


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture that was looked at, and is not kept yet."""

    data: bytes
    digest: Digest


def look_at(text: str, app_state: AppState) -> UploadedPicture:
    """Read and decode a picture from raw base64, a data URL or an https URL. Raises ApiError 4xx."""
    data = _bytes(text, app_state)
    decode(data, app_state)
    return UploadedPicture(data, digest_bytes(data))


def decode(data: bytes, app_state: AppState) -> str:
    """Decode a picture once, and give the file ending that is its own. Raises ApiError 4xx."""
    suffix = _suffix(data)
    temporary = app_state.store.temporary(f"picture{suffix}")
    # Whoever waits here holds a thread that others need, such as workers who keep their claims alive.
    if not app_state.decoding.acquire(timeout=_TURN):
        raise ApiError(429, "too many pictures are being looked at; try again", code="busy", param="image")
    try:
        temporary.write_bytes(data)
        probe_picture(temporary)
    except MediaError as error:
        raise _refused(error.message.replace(f"{temporary}: ", "")) from None
    finally:
        app_state.decoding.release()
        temporary.unlink(missing_ok=True)
    return suffix


def keep(pictures: Sequence[UploadedPicture], app_state: AppState) -> None:
    """Put pictures into the store."""
    for picture in pictures:
        app_state.store.objects.add_bytes(picture.data)


def _bytes(text: str, app_state: AppState) -> bytes:
    text = text.strip()
    head = _DATA.match(text)
    if head is not None:
        return _decoded(text[head.end() :])
    if text[:5].lower() == "data:":
        raise _refused("a data URL of a picture is data:image/…;base64,…")
    if _URL.match(text[:64]):
        return app_state.gate.fetch(text)
    return _decoded(text)


def _decoded(text: str) -> bytes:
    if len(text) > PICTURE_LIMIT * 3 // 2:
        raise ApiError(
            413, f"the picture has more than {PICTURE_LIMIT >> 20} MiB", code="too_large", param="image"
        )
    try:
        compact = _SPACE.sub("", text)
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _refused("the picture is neither base64 nor a URL") from None
    if not data:
        raise _refused("the picture is empty")
    return data


def _suffix(data: bytes) -> str:
    """The file ending of the three formats that are taken; others never reach a decoder. Raises ApiError."""
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    raise _refused("the picture is no JPEG, PNG or WebP")


def _refused(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_image", param="image")
