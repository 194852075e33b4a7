"""Opening media files: any name, and no more work than is wanted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer


def media_url(path: Path) -> str:
    """Name a file to ffmpeg so that no dash, colon or percent sign in its path means anything."""
    return f"file:{os.path.abspath(path)}"


def open_packets(path: Path) -> InputContainer:
    """Open a file without decoding a first picture, which is most of the time that opening takes.

    An MP4 says all else in its header. Pictures can still be decoded later. Raises av.FFmpegError.
    """
    import av

    return av.open(media_url(path), options={"codec_whitelist": "aac"})
