"""Links to media: made when they are first fetched or a little before, remembered a while, dead in time."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

REMEMBERED_BYTES = 64 << 20
"""Media that is kept ready; what falls out is made again, to the same bytes, when it is asked for."""


@dataclass(frozen=True, slots=True)
class MediaAsset:
    """Media that can be made."""

    name: str
    """Unlike any other, and the same in every run that asks for the same."""
    suffix: str
    prompt: str
    make: Callable[[], bytes]

    @property
    def content_type(self) -> str:
        """What an honest server says it is."""
        return "video/mp4" if self.suffix == ".mp4" else "image/jpeg"


@dataclass(frozen=True, slots=True)
class _Link:
    asset: MediaAsset
    dies: float


class Assets:
    """Links and their media. Safe to use from any thread."""

    def __init__(self, link_seconds: float) -> None:
        self._link_seconds = link_seconds
        self._lock = threading.Lock()
        self._links: dict[str, _Link] = {}
        self._bytes: OrderedDict[str, bytes] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="emulator-media")
        self.base = ""
        """Where the HTTP server listens; known once it does."""

    def link(self, asset: MediaAsset, *, seconds: float | None = None) -> str:
        """A new link to `asset`, which dies after its time."""
        token = f"{secrets.token_hex(8)}{asset.suffix}"
        dies = time.monotonic() + (self._link_seconds if seconds is None else seconds)
        with self._lock:
            self._links[token] = _Link(asset, dies)
        return f"{self.base}/media/{token}"

    def find(self, url: str) -> MediaAsset | None:
        """The asset behind a link of ours that still lives."""
        with self._lock:
            link = self._links.get(url.rpartition("/media/")[2])
        return link.asset if link and time.monotonic() < link.dies else None

    def alive(self, url: str) -> bool:
        """Whether a link still leads somewhere."""
        return self.find(url) is not None

    def revoke(self, url: str) -> None:
        """Kill a link."""
        with self._lock:
            self._links.pop(url.rpartition("/media/")[2], None)

    def content(self, asset: MediaAsset) -> bytes:
        """The bytes of `asset`, made at most once at a time."""
        with self._lock:
            if asset.name in self._bytes:
                self._bytes.move_to_end(asset.name)
                return self._bytes[asset.name]
            making = self._making.setdefault(asset.name, threading.Lock())
        with making:
            with self._lock:
                if asset.name in self._bytes:
                    return self._bytes[asset.name]
            made = asset.make()
            with self._lock:
                self._making.pop(asset.name, None)
                self._bytes[asset.name] = made
                while len(self._bytes) > 1 and sum(map(len, self._bytes.values())) > REMEMBERED_BYTES:
                    self._bytes.popitem(last=False)
            return made

    def prepare(self, asset: MediaAsset) -> None:
        """Make `asset` ahead, so that making it is hidden by the time that the real thing takes."""
        self._ahead.submit(self.content, asset)

    def close(self) -> None:
        """Stop making things ahead."""
        self._ahead.shutdown(cancel_futures=True)

    def reset(self) -> None:
        """Forget every link and all media."""
        with self._lock:
            self._links.clear()
            self._bytes.clear()
