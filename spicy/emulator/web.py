"""The HTTP side: media behind links, and the controls under `/_control/`. Loopback only."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from spicy.emulator.content.assets import MediaAsset
from spicy.emulator.faults import Fault, Hit
from spicy.emulator.state import EmulatorState

_SLOW_SECONDS = 1.0
_GARBAGE = b"<html><body>502 Bad Gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Controls:
    """What may be asked of a running emulator."""

    state: EmulatorState
    reset: Callable[[], None]


class Web:
    """A server of media and controls, on a thread of its own."""

    def __init__(self, controls: Controls, port: int) -> None:
        self._controls = controls
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""
        """Where it listens; known once it does."""

    def start(self) -> str:
        """Begin to answer, and say where. Raises OSError when the port is taken."""
        handler = type("BoundHandler", (_Handler,), {"controls": self._controls})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self.url

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about callers who leave in the middle; they do, under test."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    controls: Controls

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the ledger counts."""

    def do_HEAD(self) -> None:
        """Describe media."""
        self.do_GET()

    def do_GET(self) -> None:
        """Media, the ledger or the faults."""
        if self.path.startswith("/media/"):
            self._media()
        elif self.path == "/_control/ledger":
            self._json(200, self.controls.state.ledger.as_json())
        elif self.path == "/_control/faults":
            self._json(200, self.controls.state.faults.listed())
        else:
            self._json(404, {"error": "not found"})

    def do_PUT(self) -> None:
        """Put other faults in force."""
        body = self._body()
        if self.path != "/_control/faults":
            return self._json(404, {"error": "not found"})
        try:
            given = json.loads(body)
            if not isinstance(given, list):
                raise ValueError("a list of faults is wanted")
            faults = [f if isinstance(f, str) else Fault(**f) for f in given]
            self.controls.state.faults.set(faults)
        except (ValueError, TypeError) as e:
            return self._json(400, {"error": str(e)})
        return self._json(200, self.controls.state.faults.listed())

    def do_DELETE(self) -> None:
        """Let everything go well again."""
        if self.path != "/_control/faults":
            return self._json(404, {"error": "not found"})
        self.controls.state.faults.set(())
        return self._json(200, [])

    def do_POST(self) -> None:
        """Begin again from nothing."""
        self._body()
        if self.path != "/_control/reset":
            return self._json(404, {"error": "not found"})
        self.controls.reset()
        return self._json(200, {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, status: int, value: object) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, content_type: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _media(self) -> None:
        state = self.controls.state
        state.ledger.count("downloads")
        asset = state.assets.find(self.path)
        if asset is None:
            return self._send(404, "text/plain", b"not found")
        hit = state.faults.draw("download", asset.prompt, asset.name)
        match hit.effect if hit else "":
            case "gone":
                return self._send(404, "text/plain", b"not found")
            case "forbidden":
                return self._send(403, "text/plain", b"forbidden")
            case "garbage":
                return self._send(200, "text/html", _GARBAGE)
            case _:
                pass  # no fault, or one of the bytes
        return self._bytes(asset, hit)

    def _bytes(self, asset: MediaAsset, hit: Hit | None) -> None:
        state = self.controls.state
        if hit and hit.effect == "slow":
            threading.Event().wait(_SLOW_SECONDS * state.settings.time_scale * hit.fault.factor)
        data = state.assets.content(asset)
        status, part, headers = 200, data, {"Accept_Ranges": "bytes", "ETag": f'"{asset.name}"'}
        if asked := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            span = _span(asked[1], asked[2], len(data))
            if span is None:
                return self._send(416, "text/plain", b"", Content_Range=f"bytes */{len(data)}")
            first, last = span
            status, part = 206, data[first : last + 1]
            headers["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
        if hit and hit.effect == "half":
            return self._half(status, asset.content_type, part, headers)
        return self._send(status, asset.content_type, part, **headers)

    def _half(self, status: int, content_type: str, part: bytes, headers: dict[str, str]) -> None:
        """Promise all of it, send half, hang up."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(part)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(part[: len(part) // 2])
        self.wfile.flush()
        self.close_connection = True


def _span(first: str, last: str, length: int) -> tuple[int, int] | None:
    """First and last byte of a range; None when there is no such part."""
    if not first:
        return (max(0, length - int(last)), length - 1) if last and int(last) else None
    begin, end = int(first), min(int(last) if last else length - 1, length - 1)
    return (begin, end) if begin <= end else None
