"""Downloads over a real connection that is cut, turned away, lied to and, in the end, whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spicy.errors import Expired, ProviderUnreachable
from spicy.providers.xai.download import download

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 400
PIECE = 1 << 14
CUT = 2 * PIECE
CLIP = b"\0\0\0\x20ftypisom" + bytes(1000)

Reply = Callable[[BaseHTTPRequestHandler], None]


class Host(ThreadingHTTPServer):
    """A media host that answers each request by the next entry of its script."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Reply] = []
        self.asked: list[dict[str, str]] = []

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/media/secret-token"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))
        self.server.script.pop(0)(self)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def send(body: bytes, *, status: int = 200, claim: int | None = None, **headers: str) -> Reply:
    """Answer with `body`, saying that it has `claim` bytes."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if claim is None else claim))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def cut_at(count: int, **headers: str) -> Reply:
    """Answer with the beginning of the picture, as if all of it were to come."""
    return send(JPEG[:count], claim=len(JPEG), **headers)


def rest_from(count: int) -> Reply:
    """Answer a range request."""
    where = f"bytes {count}-{len(JPEG) - 1}/{len(JPEG)}"
    return send(JPEG[count:], status=206, Content_Range=where)


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def fetch(host: Host, into: Path, tries: int = 3) -> bytes:
    """Download without waiting between attempts."""
    download(host.link, into, iter([0.0] * tries), lambda seconds: None)
    return into.read_bytes()


def test_a_cut_download_goes_on_where_it_was_cut(host: Host, tmp_path: Path) -> None:
    more = send(
        JPEG[CUT : 3 * PIECE],
        status=206,
        claim=len(JPEG) - CUT,
        Content_Range=f"bytes {CUT}-{len(JPEG) - 1}/{len(JPEG)}",
    )
    host.script = [cut_at(CUT + 500, ETag='"v1"'), more, rest_from(3 * PIECE)]
    assert fetch(host, tmp_path / "a.jpg") == JPEG
    assert [asked.get("Range") for asked in host.asked] == [None, f"bytes={CUT}-", f"bytes={3 * PIECE}-"]
    assert [asked.get("If-Range") for asked in host.asked] == [None, '"v1"', '"v1"']


@pytest.mark.parametrize("refusal", [send(JPEG), send(b"", status=416)], ids=["whole again", "416"])
def test_a_host_that_cannot_resume_is_asked_for_everything(
    host: Host, tmp_path: Path, refusal: Reply
) -> None:
    host.script = [cut_at(CUT), refusal, send(JPEG)]
    assert fetch(host, tmp_path / "a.jpg") == JPEG


def test_a_range_that_is_another_is_not_pasted_in(host: Host, tmp_path: Path) -> None:
    host.script = [cut_at(CUT), rest_from(PIECE), send(JPEG)]
    assert fetch(host, tmp_path / "a.jpg") == JPEG


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_host_is_asked_again(host: Host, tmp_path: Path, status: int) -> None:
    host.script = [send(b"", status=status), send(JPEG)]
    assert fetch(host, tmp_path / "a.jpg") == JPEG


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_dead_link_has_expired(host: Host, tmp_path: Path, status: int) -> None:
    host.script = [send(b"", status=status)]
    with pytest.raises(Expired, match=str(status)):
        fetch(host, tmp_path / "a.jpg")


def test_a_link_that_dies_half_way_has_expired(host: Host, tmp_path: Path) -> None:
    host.script = [cut_at(CUT), send(b"", status=404)]
    with pytest.raises(Expired):
        fetch(host, tmp_path / "a.jpg")


def test_what_is_no_media_is_asked_for_again_and_then_given_up(host: Host, tmp_path: Path) -> None:
    page = send(b"<html>sorry</html>", Content_Type="text/html; charset=utf-8")
    host.script = [page, send(JPEG)]
    assert fetch(host, tmp_path / "a.jpg") == JPEG
    host.script = [page] * 4
    with pytest.raises(ProviderUnreachable, match="no image but text/html"):
        fetch(host, tmp_path / "a.jpg")


def test_a_picture_is_no_clip(host: Host, tmp_path: Path) -> None:
    host.script = [send(CLIP)]
    assert fetch(host, tmp_path / "a.mp4") == CLIP
    host.script = [send(JPEG)]
    with pytest.raises(ProviderUnreachable, match="no video but image/jpeg"):
        fetch(host, tmp_path / "a.mp4", tries=0)


def test_patience_ends_without_telling_the_link(host: Host, tmp_path: Path) -> None:
    host.script = [cut_at(10)] * 9
    with pytest.raises(ProviderUnreachable) as error:
        fetch(host, tmp_path / "a.jpg", tries=2)
    assert len(host.asked) == 3
    assert "secret-token" not in str(error.value)


def test_nothing_but_the_link_speaks_for_us(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", str(netrc))
    host.script = [send(JPEG)]
    fetch(host, tmp_path / "a.jpg")
    assert not {"Authorization", "Cookie"} & set(host.asked[0])


def test_only_web_addresses_are_fetched_and_only_to_where_one_can_write(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ProviderUnreachable):
        download("file:///etc/passwd", tmp_path / "a.jpg", iter([]), lambda seconds: None)
    with pytest.raises(ProviderUnreachable, match="cannot write"):
        fetch(host, tmp_path / "missing" / "a.jpg")
