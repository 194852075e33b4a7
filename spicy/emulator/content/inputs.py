"""Input files as they arrive: data URLs, links of our own, uploaded files. Checked as the API checks them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from spicy.emulator.content.media import Clip, Unreadable, picture_shape, probe_clip, thumbnail
from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import MAX_PICTURE, MIB
from spicy.emulator.services.files import FileShelf
from spicy.emulator.services.sdk_modules import image_pb2, video_pb2
from spicy.emulator.state import EmulatorState

_FORMATS = {"JPEG", "PNG", "WEBP"}
_CODECS = {"h264", "hevc", "av1", "libdav1d"}


@dataclass(frozen=True, slots=True)
class InputPicture:
    """An input picture."""

    digest: bytes
    width: int
    height: int
    small: bytes

    @property
    def ratio(self) -> float:
        """Width by height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Footage:
    """An input clip."""

    digest: bytes
    clip: Clip
    small: bytes


def invalid(text: str) -> Refusal:
    """The refusal of a bad request."""
    return Refusal(Code.INVALID_ARGUMENT, text)


class Inbox:
    """Reads what requests bring along."""

    def __init__(self, state: EmulatorState, shelf: FileShelf) -> None:
        self._state = state
        self._shelf = shelf

    def picture(self, content: image_pb2.ImageUrlContent, formats: set[str] | None = None) -> InputPicture:
        """An input picture. Raises Refusal when it cannot be had, is too large or is none."""
        data = self._bytes(content.image_url, content.file_id)
        if len(data) > MAX_PICTURE:
            raise invalid(f"Image is too large: {len(data)} bytes, the maximum is {MAX_PICTURE // MIB} MiB.")
        try:
            form, width, height = picture_shape(data)
            small = thumbnail(data)
        except Unreadable as e:
            raise invalid("Could not decode the image.") from e
        if form not in (formats or _FORMATS):
            raise invalid(f"Unsupported image format {form}: use JPEG, PNG or WebP.")
        return InputPicture(hashlib.sha256(data).digest(), width, height, small)

    def footage(self, content: video_pb2.VideoUrlContent) -> Footage:
        """An input clip. Raises Refusal when it cannot be had or is none."""
        data = self._bytes(content.url, content.file_id)
        try:
            clip, small = probe_clip(data)
        except Unreadable as e:
            raise invalid("Could not decode the video.") from e
        if data[4:8] != b"ftyp" or clip.codec not in _CODECS:
            raise invalid("Unsupported video: use an .mp4 with H.264, H.265 or AV1.")
        return Footage(hashlib.sha256(data).digest(), clip, small)

    def _bytes(self, url: str, file_id: str) -> bytes:
        if file_id:
            return self._shelf.content(file_id)
        if url.startswith("data:"):
            head, _, body = url.partition(",")
            if not head.endswith(";base64"):
                raise invalid("A data URL must be base64-encoded.")
            try:
                return base64.b64decode(body, validate=True)
            except binascii.Error as e:
                raise invalid("A data URL must be base64-encoded.") from e
        if asset := self._state.assets.find(url):
            return self._state.assets.content(asset)
        raise Refusal(Code.DATA_LOSS, "Failed to fetch the file from the given URL.")
