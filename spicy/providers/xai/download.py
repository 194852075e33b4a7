"""Bringing finished media home: in pieces, resumed where it was cut, never believed before it is checked.

Links are bearers of their own right: no key, no cookie and no netrc entry goes to the media host. The
bytes are written as they come, with all their metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spicy.errors import Expired, ProviderUnreachable
from spicy.providers.xai.pictures import sniff

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 14
"""Small, because the piece in which a connection breaks is lost."""
_CONNECT_SECONDS, _SILENT_SECONDS = 10.0, 30.0
_GONE = {401, 403, 404, 410}
_LATER = {408, 425, 429}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Cut(Exception):
    """Not all there yet; asking for the rest may work."""


@dataclass(slots=True)
class _PartialDownload:
    """What has arrived so far."""

    have: int = 0
    total: int | None = None
    etag: str | None = None
    kind: str = ""
    """What the host calls it."""

    def headers(self) -> dict[str, str]:
        wanted = {"Accept-Encoding": "identity"}
        if self.have:
            wanted["Range"] = f"bytes={self.have}-"
            if self.etag is not None:
                wanted["If-Range"] = self.etag
        return wanted

    def forget(self) -> None:
        self.have, self.total, self.etag = 0, None, None


def download(link: str, into: Path, waits: Iterator[float], sleep: Callable[[float], None]) -> None:
    """Write what `link` points at to the new file `into`, waiting between attempts as `waits` says.

    Raises Expired when the link is dead and ProviderUnreachable when the bytes cannot be had or are no media.
    """
    if not link.startswith(("https://", "http://")):
        raise ProviderUnreachable("xAI sent a link that is not a web address")
    part = _PartialDownload()
    try:
        with into.open("wb") as file:
            while True:
                try:
                    _get(link, part, file)
                    return _check(into, part)
                except _Cut as cut:
                    wait = next(waits, None)
                    if wait is None:
                        raise ProviderUnreachable(f"the download did not succeed: {cut}") from None
                sleep(wait)
    except OSError as error:
        raise ProviderUnreachable(f"cannot write {into}: {error.strerror}") from error


def _get(link: str, part: _PartialDownload, file: BinaryIO) -> None:
    """One request for what is missing. Raises _Cut, Expired, ProviderUnreachable; an OSError is the disk's."""
    import requests

    with requests.Session() as session:
        session.auth = _no_auth
        try:
            response = session.get(
                link, headers=part.headers(), stream=True, timeout=(_CONNECT_SECONDS, _SILENT_SECONDS)
            )
        except requests.RequestException as error:
            raise _Cut(_reason(error)) from None
        with response:
            _begin(response, part, file)
            for chunk in _chunks(response):
                file.write(chunk)
                part.have += len(chunk)
    file.flush()
    if part.total is not None and part.have != part.total:
        raise _Cut(f"{part.have} of {part.total} bytes came")
    part.total = part.have


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where requests would otherwise look for a password in the user's netrc."""
    return request


def _chunks(response: requests.Response) -> Iterator[bytes]:
    import requests

    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise _Cut(_reason(error)) from None


def _reason(error: Exception) -> str:
    """What went wrong, without the link, which is as good as the media itself."""
    return f"the connection to the media host failed ({type(error).__name__})"


def _begin(response: requests.Response, part: _PartialDownload, file: BinaryIO) -> None:
    """Look at the status, and place the file where the body goes on."""
    code = response.status_code
    if code in _GONE:
        raise Expired(f"the link to the media is dead (HTTP {code})")
    if code in _LATER or code >= 500:
        raise _Cut(f"the media host answered HTTP {code}")
    if code == 206 and part.have:
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is not None and int(found[1]) == part.have and found[2] in {"*", str(part.total)}:
            return
    restart = bool(part.have) and code != 200
    part.forget()
    file.seek(0)
    file.truncate()
    if restart:
        raise _Cut(f"the media host could not resume (HTTP {code})")
    if code != 200:
        raise ProviderUnreachable(f"the media host answered HTTP {code}")
    length = response.headers.get("Content-Length", "")
    part.total = int(length) if length.isdecimal() else None
    part.kind = response.headers.get("Content-Type", "").partition(";")[0]
    etag = response.headers.get("ETag", "")
    part.etag = etag if etag.startswith('"') else None


def _check(into: Path, part: _PartialDownload) -> None:
    """Whether the bytes are what the file's ending promises. Raises _Cut: half a page may be whole next time."""
    with into.open("rb") as file:
        mime = sniff(file.read(16))
    wanted = "video/" if into.suffix == ".mp4" else "image/"
    if mime is None or not mime.startswith(wanted):
        part.forget()
        raise _Cut(f"what came is no {wanted.rstrip('/')} but {mime or part.kind or 'something else'}")
