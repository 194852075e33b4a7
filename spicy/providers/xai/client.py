"""The SDK's clients: one that never sends twice, for submits, and one for what is free to repeat."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from spicy.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from xai_sdk import Client

DEFAULT_HOST = "api.x.ai"
READ_SECONDS = 30.0
SUBMIT_SECONDS = 27 * 60.0
"""A chat that thinks hard takes minutes, and a submit that is given up counts as lost."""


def host_name(host: str | None) -> str:
    """The host as the SDK wants it: only what is called `localhost:` is spoken to without TLS."""
    name = (host or DEFAULT_HOST).strip().removeprefix("http://").removeprefix("https://").rstrip("/")
    for loopback in ("127.0.0.1:", "[::1]:"):
        if name.startswith(loopback):
            return f"localhost:{name.removeprefix(loopback)}"
    return name


def checked_key(key: str) -> str:
    """The key without the spaces of a copied line. Raises UsageError for one that cannot be a key."""
    key = key.strip()
    if not key:
        raise UsageError("no xAI key: set GROK_API_KEY or XAI_API_KEY, in the environment or in .env")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("the xAI key (GROK_API_KEY or XAI_API_KEY) has characters that no key has")
    return key


class Clients:
    """Both clients, made when first needed. Safe for any number of threads."""

    def __init__(self, key: str, host: str) -> None:
        self._key, self._host = key, host
        self._lock = threading.Lock()
        self._once: Client | None = None
        self._free: Client | None = None
        self._closed = False

    def once(self) -> Client:
        """The client for submits; its channel sends each request one time at most."""
        with self._lock:
            if self._once is None:
                self._once = self._make(SUBMIT_SECONDS, ("grpc.enable_retries", 0))
            return self._once

    def free(self) -> Client:
        """The client for reads and uploads."""
        with self._lock:
            if self._free is None:
                self._free = self._make(READ_SECONDS)
            return self._free

    def close(self) -> None:
        """Close the channels; calls in flight end as cancelled."""
        with self._lock:
            self._closed = True
            clients, self._once, self._free = (self._once, self._free), None, None
        for client in clients:
            if client is not None:
                client.close()

    def _make(self, seconds: float, *options: tuple[str, int]) -> Client:
        if self._closed:
            raise Interrupted("the connection to xAI is closed")
        # Read by the libraries when they are imported: nothing is traced, prompts least of all; C code stays off
        # the terminal.
        os.environ.setdefault("XAI_SDK_DISABLE_TRACING", "1")
        os.environ.setdefault("XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES", "1")
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from xai_sdk import Client

        local = [("grpc.enable_http_proxy", 0)] if self._host.startswith("localhost:") else []
        return Client(
            api_key=self._key,
            api_host=self._host,
            timeout=seconds,
            channel_options=[*options, *local],
        )
