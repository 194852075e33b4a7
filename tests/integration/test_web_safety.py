"""What the server refuses: strangers, giants, fakes, and addresses that lead into private networks."""

from __future__ import annotations

import base64
import dataclasses
import http.server
import io
import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from spicy.errors import UsageError
from spicy.settings import Settings
from spicy.web.api.url_fetch import Gate, is_public
from spicy.web.server.access import UPLOAD_LIMIT, check_exposure, door
from spicy.web.server.app import create_app
from spicy.web.server.errors import ApiError
from spicy.web.server.request_log import redacted
from tests.served import Served, authorized, serving, settings_of

CLIENT, WORKER = "client-key-1", "worker-key-2"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def png(size: tuple[int, int] = (8, 8)) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, (10, 200, 90)).save(out, "PNG")
    return out.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that unpacks to gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


def stored(served: Served) -> list[str]:
    """Everything that the server keeps of what came in: blobs and clips."""
    blobs = [path.name for _, path in served.app_state.store.objects.all()]
    left = [path.name for path in (served.app_state.store.root / "tmp").glob("*")]
    return blobs + left + [path.name for path in served.app_state.server.videos.iterdir()]


@contextmanager
def claimed(served: Served) -> Iterator[str]:
    """A job in a worker's hands; checks that it is still there afterwards, and that nothing was kept."""
    asked = requests.post(f"{served.url}/v1/videos/generations", json={"prompt": "A cat"}, timeout=20).json()
    polled = requests.get(f"{served.url}/extension/poll?mode=video", timeout=20).json()
    assert polled["job_id"] == asked["id"]
    yield asked["id"]
    job = served.app_state.queue.find(asked["id"])
    assert job is not None
    assert job.state == "processing"
    assert stored(served) == []


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a real clip."""
    with serving(tmp_path_factory.mktemp("clip")) as served:
        id = requests.post(f"{served.url}/v1/videos/generations", json={"prompt": "x"}, timeout=20).json()[
            "id"
        ]
        assert served.wait(id) == "completed"
        return served.app_state.video(id).read_bytes()


def test_uploads_that_are_no_whole_video_are_refused(tmp_path: Path, mp4: bytes) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    fakes = {
        "empty": b"",
        "text": b"not a video",
        "picture": png(),
        "playlist": playlist,
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "script": SVG,
        "only the head": mp4[:64],
        "truncated": mp4[: len(mp4) // 2],
        "cut at the end": mp4[:-100],
        "a head before text": mp4[:32] + b"x" * 5000,
    }
    with serving(tmp_path, builtin_worker=False) as served, claimed(served) as id:
        for what, data in fakes.items():
            answer = requests.post(
                f"{served.url}/extension/complete",
                data={"job_id": id},
                files={"video": ("v.mp4", data)},
                timeout=20,
            )
            assert answer.status_code == 400, (what, answer.text)
            assert answer.json()["error"]["code"] == "invalid_video", what


def test_the_names_in_an_upload_lead_nowhere(tmp_path: Path, mp4: bytes) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        with claimed(served) as id:
            for odd in ("../../../escape", f"../{id}", f"{id}/../x", "job_123abc", "", "job_" + "0" * 24):
                answer = requests.post(
                    f"{served.url}/extension/complete", data={"job_id": odd}, files={"video": mp4}, timeout=20
                )
                assert answer.status_code == 404, odd
            missing = requests.post(f"{served.url}/extension/complete", data={"job_id": id}, timeout=20)
            assert missing.status_code in (400, 415)
        named = {"video": ("../../../../tmp/escape.mp4", mp4, "text/html")}
        done = requests.post(f"{served.url}/extension/complete", data={"job_id": id}, files=named, timeout=20)
        assert done.status_code == 200
        assert [path.name for path in served.app_state.server.videos.iterdir()] == [f"{id}.mp4"]
        assert not list(tmp_path.rglob("escape*"))
        answer = requests.get(f"{served.url}/videos/{id}.mp4", timeout=20)
        assert answer.headers["content-type"] == "video/mp4"


def test_no_path_outside_the_video_folder_is_served(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        (tmp_path / "secret.mp4").write_bytes(b"secret")
        (served.app_state.server.videos / "note.mp4").write_bytes(b"secret")
        (served.app_state.video("job_" + "a" * 24)).symlink_to(tmp_path / "secret.mp4")
        host = urlsplit(served.url)
        for path in (
            "/videos/../secret.mp4",
            "/videos/..%2fsecret.mp4",
            "/videos/%2e%2e/secret.mp4",
            "/videos/note.mp4",
            "/videos//etc/passwd.mp4",
            f"/videos/{'job_' + 'A' * 24}.mp4",
            "/videos/job_%00.mp4",
        ):
            with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as raw:
                raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answer = b"".join(iter(lambda: raw.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 404"), path
            assert b"secret" not in answer.partition(b"\r\n\r\n")[2].replace(b"secret.mp4", b""), path
        linked = requests.get(f"{served.url}/videos/{'job_' + 'a' * 24}.mp4", timeout=20)
        assert linked.status_code == 404


def declared(served: Served, path: str, length: int, kind: str) -> bytes:
    """What the server says to a body that is only announced."""
    host = urlsplit(served.url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as raw:
        raw.sendall(head.encode())
        return b"".join(iter(lambda: raw.recv(65536), b""))


def test_giants_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served, claimed(served):
        form = "multipart/form-data; boundary=x"
        for path, length, kind in (
            ("/extension/complete", 1 << 30, form),
            ("/extension/complete", UPLOAD_LIMIT + 1, form),
            ("/v1/videos/generations", (32 << 20) + 1, "application/json"),
            ("/v1/videos", 1 << 30, form),
            ("/v1/chat/completions", 1 << 40, "application/json"),
        ):
            answer = declared(served, path, length, kind)
            assert answer.startswith(b"HTTP/1.1 413"), (path, answer)
            assert b'"code":"too_large"' in answer


def test_a_giant_that_does_not_say_so_is_cut_off(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        part = b"a" * (1 << 20)
        answer = requests.post(
            f"{served.url}/v1/videos/generations",
            data=(part for _ in range(33)),
            headers={"Content-Type": "application/json"},
            timeout=20,
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


PICTURES = {
    "bomb": bomb(),
    "svg": SVG,
    "html": b"<html><script>alert(1)</script>",
    "text": b"hello",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "truncated": png((200, 200))[:150],
    "gif": b"GIF89a" + bytes(20),
    "fake head": b"\xff\xd8\xff" + bytes(100),
}


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "data:image/svg+xml;base64,"])
def test_pictures_that_are_none_are_refused(tmp_path: Path, prefix: str) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        for what, data in PICTURES.items():
            text = prefix + base64.b64encode(data).decode()
            answer = requests.post(
                f"{served.url}/v1/videos/generations", json={"prompt": "x", "image": text}, timeout=20
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_image"), what
        assert stored(served) == []
        assert served.app_state.queue.jobs() == []


URLS = [
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "http://example.com/a.png",
    "ftp://example.com/a.png",
    "gopher://127.0.0.1:6379/_x",
    "https://127.0.0.1/a.png",
    "https://localhost/a.png",
    "https://127.1/a.png",
    "https://2130706433/a.png",
    "https://0x7f000001/a.png",
    "https://0177.0.0.1/a.png",
    "https://0/a.png",
    "https://10.0.0.1/a.png",
    "https://172.16.0.1/a.png",
    "https://192.168.1.1/a.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/a.png",
    "https://224.0.0.1/a.png",
    "https://[::1]/a.png",
    "https://[::]/a.png",
    "https://[::ffff:127.0.0.1]/a.png",
    "https://[::ffff:a9fe:a9fe]/a.png",
    "https://[fe80::1]/a.png",
    "https://[fe80::1%25eth0]/a.png",
    "https://[fd00::1]/a.png",
    "https://[64:ff9b::7f00:1]/a.png",
    "https://[2002:7f00:1::]/a.png",
    "https://user@127.0.0.1/a.png",
    "https://example.com@127.0.0.1/a.png",
    "https://127.0.0.1#@example.com/a.png",
    "https://127.0.0.1\\@example.com/a.png",
    "https://example.com:22/a.png",
    "https:///a.png",
    "https://[::1/a.png",
    "https://exam\tple.com/a.png",
    "https://" + "a" * 5000,
    "javascript:alert(1)",
]


def test_addresses_that_lead_inside_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        for url in URLS:
            for body in ({"image": url}, {"image": {"url": url}}):
                answer = requests.post(
                    f"{served.url}/v1/videos/generations", json={"prompt": "x", **body}, timeout=20
                )
                assert answer.status_code == 400, (url, answer.text)
        parts = [{"type": "image_url", "image_url": {"url": "https://169.254.169.254/"}}]
        chat = {"model": "grok", "messages": [{"role": "user", "content": parts}]}
        answer = requests.post(f"{served.url}/v1/chat/completions", json=chat, timeout=20)
        assert answer.status_code == 400
        assert stored(served) == []
        assert served.app_state.queue.jobs() == []


class _Pictures(http.server.BaseHTTPRequestHandler):
    """Serves a picture, a redirect to it, one to a private address, one in a circle, and a giant."""

    asked: list[str]

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        moved = {
            "/moved": "/picture",
            "/inside": f"http://inside.test:{port}/picture",
            "/literal": f"http://127.0.0.2:{port}/picture",
            "/file": "file:///etc/passwd",
            "/circle": "/circle",
            "/nowhere": "",
        }
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200 if self.path in ("/picture", "/giant") else 404)
        self.end_headers()
        self.wfile.write(png() if self.path == "/picture" else bytes(300_000))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def pictures() -> Iterator[int]:
    """The port of a server of pictures on loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


NAMES = {
    "pictures.test": ["127.0.0.1"],
    "inside.test": ["10.0.0.1"],
    "both.test": ["127.0.0.1", "10.0.0.1"],
}


def gate() -> Gate:
    """The gate as it stands to the internet, with one address of this machine in the part of the internet."""
    return Gate(
        schemes=frozenset({"http", "https"}),
        ports=None,
        permitted=lambda address: address == "127.0.0.1" or is_public(address),
        resolve=lambda host, port: NAMES[host],
        limit=100_000,
        patience=5,
    )


def test_a_redirect_is_followed_only_to_where_it_may_lead(tmp_path: Path, pictures: int) -> None:
    at = f"http://pictures.test:{pictures}"
    with serving(tmp_path, builtin_worker=False) as served:
        served.app_state.gate = gate()

        def order(url: str) -> requests.Response:
            return requests.post(
                f"{served.url}/v1/videos/generations", json={"prompt": "x", "image": url}, timeout=20
            )

        for path, status in (
            ("/inside", 400),
            ("/literal", 400),
            ("/file", 400),
            ("/circle", 400),
            ("/nowhere", 400),
            ("/missing", 400),
            ("/giant", 413),
        ):
            assert order(at + path).status_code == status, path
        assert order(f"http://both.test:{pictures}/picture").status_code == 400
        assert stored(served) == []
        assert served.app_state.queue.jobs() == []
        for path in ("/picture", "/moved"):
            assert order(at + path).status_code == 200
        assert len(stored(served)) == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made by openssl")
def test_a_picture_comes_over_tls_only_from_whom_the_certificate_names(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["-subj", "/CN=pictures.test", "-addext", "subjectAltName=DNS:pictures.test", "-days", "2"]
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", *new, "-keyout", key, "-out", cert, *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pictures) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            port = server.server_address[1]
            trusting = Gate(
                ports=None,
                permitted=lambda address: address == "127.0.0.1",
                resolve=lambda host, port: ["127.0.0.1"],
                context=lambda: ssl.create_default_context(cafile=str(cert)),
                patience=5,
            )
            assert trusting.fetch(f"https://pictures.test:{port}/moved") == png()
            for wrong, url in (
                (trusting, f"https://other.test:{port}/picture"),
                (trusting, f"https://127.0.0.1:{port}/picture"),
                (
                    dataclasses.replace(trusting, context=ssl.create_default_context),
                    f"https://pictures.test:{port}/",
                ),
            ):
                with pytest.raises(ApiError) as refused:
                    wrong.fetch(url)
                assert refused.value.status == 400
        finally:
            server.shutdown()
            thread.join()


def endpoints(served: Served, key: str) -> list[tuple[str, str]]:
    """Every method and path of the OpenAPI document, and the pages beside it."""
    document = authorized(key).get(f"{served.url}/openapi.json", timeout=20).json()
    named = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]
    return [*named, ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nowhere"), ("HEAD", "/jobs")]


def test_with_a_key_no_endpoint_but_health_answers_without_it(tmp_path: Path) -> None:
    with serving(tmp_path, api_key=CLIENT, worker_key=WORKER, builtin_worker=False) as served:
        asked = 0
        for method, path in endpoints(served, CLIENT):
            url = served.url + path.replace("{name}", "job_" + "0" * 24)
            wrong = {"Authorization": f"Bearer {WORKER if door(method, path) != 'worker' else CLIENT}"}
            for headers in ({}, wrong, {"Authorization": "Bearer "}, {"x-api-key": "client-key"}):
                answer = requests.request(method, url, headers=headers, timeout=20)
                if path == "/":
                    assert answer.json() == {"status": "ok", "service": "spicy", "version": "0.1.0"}
                    continue
                assert answer.status_code == 401, (method, path, answer.text)
                assert answer.headers["www-authenticate"]
                asked += 1
        assert asked > 60
        page = requests.get(served.url, headers={"Accept": "text/html"}, timeout=20)
        assert page.status_code == 401
        signed = requests.get(served.url, headers={"Accept": "text/html"}, auth=("", CLIENT), timeout=20)
        assert signed.status_code == 200
        # Browsers send Basic by themselves, so it must not change anything.
        assert requests.delete(f"{served.url}/jobs", auth=("", CLIENT), timeout=20).status_code == 401
        assert authorized(CLIENT).get(f"{served.url}/jobs", timeout=20).status_code == 200
        assert authorized(WORKER).get(f"{served.url}/extension/poll?mode=chat", timeout=20).status_code == 204
        assert authorized(WORKER).delete(f"{served.url}/jobs", timeout=20).status_code == 401
        assert authorized(CLIENT).delete(f"{served.url}/jobs", timeout=20).status_code == 200


def test_one_key_alone_still_guards_what_destroys(tmp_path: Path) -> None:
    with serving(tmp_path, worker_key=WORKER, builtin_worker=False) as served:
        assert requests.get(f"{served.url}/jobs", timeout=20).status_code == 200
        for path in ("/jobs", "/api/logs"):
            assert requests.delete(f"{served.url}{path}", timeout=20).status_code == 401
            assert authorized(WORKER).delete(f"{served.url}{path}", timeout=20).status_code == 200
    with serving(tmp_path, api_key=CLIENT, builtin_worker=False) as served:
        assert requests.get(f"{served.url}/extension/poll?mode=chat", timeout=20).status_code == 401
        assert authorized(CLIENT).get(f"{served.url}/extension/poll?mode=chat", timeout=20).status_code == 204


def test_other_machines_are_let_in_only_with_both_keys(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "studio.local"):
        for keys in ({}, {"api_key": CLIENT}, {"worker_key": WORKER}, {"api_key": " ", "worker_key": WORKER}):
            with pytest.raises(UsageError, match="SPICY_"):
                create_app(Settings(), settings_of(tmp_path, host=host, **keys))
        check_exposure(settings_of(tmp_path, host=host, api_key=CLIENT, worker_key=WORKER))
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        check_exposure(settings_of(tmp_path, host=host))


def test_only_the_named_origins_may_ask_from_a_browser(tmp_path: Path) -> None:
    friend, foe = {"Origin": "https://friend.test"}, {"Origin": "https://foe.test"}
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with serving(tmp_path, builtin_worker=False, cors_origins="*") as served:
        anyone = requests.options(f"{served.url}/extension/error", headers=foe | preflight, timeout=20)
        assert anyone.headers["access-control-allow-origin"] == "*"
    with serving(tmp_path, builtin_worker=False, cors_origins="https://friend.test") as served:
        url = f"{served.url}/v1/videos/generations"
        let = requests.options(url, headers=friend | preflight, timeout=20)
        assert let.headers["access-control-allow-origin"] == "https://friend.test"
        assert "access-control-allow-origin" not in requests.get(served.url, headers=foe, timeout=20).headers
        assert requests.post(url, json={"prompt": "x"}, headers=foe, timeout=20).status_code == 403
        assert requests.post(url, json={"prompt": "x"}, headers=friend, timeout=20).status_code == 200
        own = {"Origin": served.url}
        assert requests.post(url, json={"prompt": "y"}, headers=own, timeout=20).status_code == 200
    with serving(tmp_path, builtin_worker=False, api_key=CLIENT) as served:
        answer = authorized(CLIENT).get(f"{served.url}/jobs", headers=foe, timeout=20)
        assert "access-control-allow-origin" not in answer.headers


def test_a_page_that_the_user_visits_cannot_order_anything(tmp_path: Path) -> None:
    """Without a key an order is enough to spend money, and every page can reach a server on its reader's machine."""
    with serving(tmp_path, builtin_worker=False) as served:
        url = f"{served.url}/v1/videos/generations"
        foe = {"Origin": "https://foe.test"}
        assert requests.post(url, json={"prompt": "x"}, headers=foe, timeout=20).status_code == 403
        form = requests.post(
            f"{served.url}/v1/videos", files={"prompt": (None, "x")}, headers=foe, timeout=20
        )
        assert form.status_code == 403  # a form needs no preflight
        near = {"Origin": "http://localhost:3000"}, {"Origin": "chrome-extension://abcdef"}, {}
        for headers in near:
            answer = requests.post(url, json={"prompt": "x"}, headers=headers, timeout=20)
            assert answer.status_code == 200, answer.text
            assert answer.headers.get("access-control-allow-origin") == headers.get("Origin")
        # A name of a stranger's that leads to this machine, so that his page counts as ours.
        port = served.url.rpartition(":")[2]
        rebound = {"Host": f"foe.test:{port}", "Origin": f"http://foe.test:{port}"}
        for asked in (requests.post(url, json={"prompt": "x"}, headers=rebound, timeout=20),
                      requests.get(f"{served.url}/jobs", headers=rebound, timeout=20)):  # fmt: skip
            assert (asked.status_code, asked.json()["error"]["code"]) == (403, "foreign_origin")


def test_the_log_hides_secrets_however_deep() -> None:
    body = {
        "api_key": "k",
        "claim": "c",
        "messages": [{"content": [{"image_url": {"url": "data:image/png;base64,AAAA"}}, {"text": "hello"}]}],
        "image": "AAAA",
        "url": "https://user:pw@example.com/a.png?sig=secret",
        "prompt": "p" * 30_000,
    }
    said = json.dumps(redacted(body))
    assert not [word for word in ("AAAA", "pw@", "sig=", '"k"', '"c"') if word in said]
    assert "hello" in said
    assert "example.com/a.png" in said
    assert len(said) < 25_000


def test_a_picture_in_a_foreign_page_claims_no_job(tmp_path: Path) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    extension = {"Sec-Fetch-Site": "cross-site", "Origin": "chrome-extension://abcdef"}
    with serving(tmp_path, builtin_worker=False) as served:
        poll, order = f"{served.url}/extension/poll?mode=video", f"{served.url}/v1/videos/generations"
        for headers in (foreign, followed, {"Origin": "https://foe.test"}):
            assert requests.get(poll, headers=headers, timeout=20).status_code == 403
        assert requests.post(order, json={"prompt": "A cat"}, headers=foreign, timeout=20).status_code == 403
        for headers in (extension, {"Sec-Fetch-Site": "none"}, {}):
            assert requests.post(order, json={"prompt": "A cat"}, timeout=20).status_code == 200
            assert requests.get(poll, headers=headers, timeout=20).status_code == 200
        for page in ("/", "/docs", "/v1/models"):
            assert requests.get(served.url + page, headers=followed, timeout=20).status_code == 200


@pytest.mark.parametrize("key", [None, CLIENT], ids=["no key", "key"])
def test_an_address_that_cannot_be_read_is_refused(tmp_path: Path, key: str | None) -> None:
    with serving(tmp_path, builtin_worker=False, api_key=key) as served:
        session = authorized(CLIENT)
        for path in ("/", "/v1/models", "/nothing"):
            for headers in ({"Host": "["}, {"Host": "[::1"}, {"Origin": "http://["}):
                answer = session.post(served.url + path, json={}, headers=headers, timeout=20)
                assert answer.status_code == 403, (path, headers)
                assert session.get(served.url + path, headers=headers, timeout=20).status_code == 403


def test_any_origin_and_a_key_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SPICY_CORS_ORIGINS"):
        check_exposure(settings_of(tmp_path, api_key=CLIENT, cors_origins="*"))
    check_exposure(settings_of(tmp_path, cors_origins="*"))


def test_a_key_may_have_any_letters(tmp_path: Path) -> None:
    key = "clé-🔑"
    with serving(tmp_path, builtin_worker=False, api_key=key) as served:
        for headers in ({"Authorization": f"Bearer {key}".encode()}, {"x-api-key": key.encode()}):
            assert requests.get(f"{served.url}/jobs", headers=headers, timeout=20).status_code == 200
        wrong = {"Authorization": b"Bearer cl\xe9"}
        assert requests.get(f"{served.url}/jobs", headers=wrong, timeout=20).status_code == 401
