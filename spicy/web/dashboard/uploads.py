"""Pictures that a form brings: believed by their bytes alone, and never called what their sender calls them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import UploadFile

from spicy.web.api.pictures import decode
from spicy.web.api.url_fetch import PICTURE_LIMIT
from spicy.web.server.app_state import AppState
from spicy.web.server.errors import ApiError

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that was looked at; `suffix` is the file ending of what it really is."""

    data: bytes
    suffix: str


def take_upload(file: UploadFile, app_state: AppState) -> Upload:
    """Read a picture and decode it once. Raises ApiError 4xx, with what would be right."""
    if (file.size or 0) > PICTURE_LIMIT:
        raise _too_large(file.size or 0)
    file.file.seek(0)
    data = file.file.read(PICTURE_LIMIT + 1)
    if len(data) > PICTURE_LIMIT:
        raise _too_large(len(data))
    if not data:
        raise ApiError(422, "the picture is empty; choose a JPEG, PNG or WebP file", code="invalid_image")
    return Upload(data, decode(data, app_state))


def _too_large(size: int) -> ApiError:
    return ApiError(
        413,
        f"the picture has {size / _MIB:.1f} MiB; at most {PICTURE_LIMIT // _MIB} MiB are taken",
        code="too_large",
    )
