"""The wall that keeps every test on this machine stands, in this process and in its children."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import child_environment

OUTSIDE = "203.0.113.7"  # an address that is nobody's, RFC 5737


def test_no_connection_leaves() -> None:
    with socket.socket() as s, pytest.raises(RuntimeError, match="stay on this machine"):
        s.connect((OUTSIDE, 443))


def test_no_datagram_leaves() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as s,
        pytest.raises(RuntimeError, match="stay on this machine"),
    ):
        s.sendto(b"?", (OUTSIDE, 53))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match="stay on this machine"):
        socket.getaddrinfo("api.x.ai", 443)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close()).start()
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            assert client.recv(1) == b""


def test_unix_sockets_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a Unix socket is short
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")


def test_a_proxy_at_a_closed_door_stops_what_python_cannot_see() -> None:
    proxies = urllib.request.getproxies()
    assert {"http", "https", "grpc", "all"} <= set(proxies)
    assert proxies["no"] == "localhost,127.0.0.1,::1"
    assert {proxies[k] for k in ("http", "https", "grpc", "all")} == {"http://127.0.0.1:9"}


def test_grpc_does_not_get_out() -> None:
    grpc = pytest.importorskip("grpc")
    with grpc.insecure_channel(f"{OUTSIDE}:443") as channel:
        call = channel.unary_unary("/any/Method")
        with pytest.raises(grpc.RpcError, match=r"127\.0\.0\.1:9"):
            call(b"", timeout=5)


def test_children_stand_behind_the_same_wall() -> None:
    code = f"import socket; socket.create_connection(({OUTSIDE!r}, 443), timeout=5)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=child_environment({}), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "tests stay on this machine" in ran.stderr


def test_no_key_and_no_setting_is_inherited() -> None:
    inherited = {n for n in os.environ if n.startswith(("GROK_", "XAI_", "SPICY_"))}
    assert inherited == {"SPICY_CACHE_DIR"}
    assert os.environ["SPICY_CACHE_DIR"].startswith(os.environ["HOME"])
    assert os.environ["NO_COLOR"] == "1"
