"""The emulator as one object: two ports on loopback, a ledger, and faults that can be changed."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from spicy.emulator.account import Account
from spicy.emulator.content.inputs import Inbox
from spicy.emulator.faults import Fault, FaultPlan
from spicy.emulator.ledger import Record, RequestLedger
from spicy.emulator.services.catalogue import MAX_MESSAGE, MIB, Catalogue
from spicy.emulator.services.chat import Chat
from spicy.emulator.services.files import FileShelf, FilesService
from spicy.emulator.services.image import ImageService
from spicy.emulator.services.sdk_modules import grpc
from spicy.emulator.services.video import VideoService
from spicy.emulator.state import KEPT_SECONDS, LINK_SECONDS, EmulatorSettings, EmulatorState
from spicy.emulator.web import Controls, Web

THREADS = 512
"""Calls that can be held open at once; a call that waits costs a sleeping thread."""


class Emulator:
    """xAI on loopback, as a context manager.

    `time_scale` multiplies latencies and lifetimes; `rates` (submissions a second by model or kind) are on
    the wall clock. `chat_prices` are US dollars as text, by model. Raises OSError when a port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        http_port: int = 0,
        key: str = "test-key",
        time_scale: float = 0.01,
        seed: int = 0,
        faults: Iterable[Fault | str] = (),
        latencies: Mapping[str, float] | None = None,
        rates: Mapping[str, float] | None = None,
        max_in_flight: int | None = None,
        link_seconds: float = LINK_SECONDS,
        kept_seconds: float = KEPT_SECONDS,
        chat_prices: Mapping[str, str] | None = None,
    ) -> None:
        settings = EmulatorSettings(
            key=key,
            seed=seed,
            time_scale=time_scale,
            latencies=latencies or {},
            rates=rates or {},
            max_in_flight=max_in_flight,
            link_seconds=link_seconds,
            kept_seconds=kept_seconds,
            catalogue=Catalogue().with_chat_prices(chat_prices or {}),
        )
        self._wanted_port = port
        self._state = EmulatorState(settings, FaultPlan(seed, faults))
        self._shelf = FileShelf()
        inbox = Inbox(self._state, self._shelf)
        self._videos = VideoService(self._state, inbox, self._shelf)
        self._handlers = (
            Chat(self._state, inbox).handler(),
            ImageService(self._state, inbox, self._shelf).handler(),
            self._videos.handler(),
            FilesService(self._state, self._shelf).handler(),
            *Account(self._state).handlers(),
        )
        self._web = Web(Controls(self._state, self.reset), http_port)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="emulator")
        self._server: grpc.Server | None = None

    def __enter__(self) -> Self:
        """Open both ports and begin to answer."""
        server = grpc.server(
            self._pool,
            handlers=self._handlers,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE + MIB),
                ("grpc.max_send_message_length", MAX_MESSAGE + MIB),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        try:
            self._state.port = server.add_insecure_port(f"127.0.0.1:{self._wanted_port}")
        except RuntimeError as e:
            raise OSError(f"port {self._wanted_port} cannot be had: {e}") from e
        with contextlib.suppress(RuntimeError):  # without IPv6, `localhost` is 127.0.0.1 alone
            server.add_insecure_port(f"[::1]:{self._state.port}")
        self._state.assets.base = self._web.start()
        server.start()
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both ports; calls in flight are cut off."""
        if self._server is not None:
            self._server.stop(0).wait()
        self._pool.shutdown()
        self._state.assets.close()
        self._web.stop()

    @property
    def host(self) -> str:
        """What the SDK takes as `api_host`."""
        return f"localhost:{self._state.port}"

    @property
    def http_url(self) -> str:
        """Where media and controls are."""
        return self._web.url

    @property
    def ledger(self) -> RequestLedger:
        """Counts and sums."""
        return self._state.ledger

    @property
    def accepted(self) -> list[Record]:
        """Every accepted submission, in order."""
        return self._state.ledger.records

    @property
    def contents(self) -> Counter[str]:
        """How often each content was accepted, by digest."""
        return Counter(record.digest for record in self.accepted)

    @property
    def bill(self) -> int:
        """What was accepted costs, in ticks of 1e-10 US dollars."""
        return self._state.ledger.bill

    def set_faults(self, faults: Iterable[Fault | str]) -> None:
        """Put these faults in force instead of the present ones. Raises ValueError."""
        self._state.faults.set(faults)

    def clear_faults(self) -> None:
        """Let everything go well from now on."""
        self._state.faults.set(())

    def reset(self) -> None:
        """Forget everything: ledger, jobs, links, files and faults."""
        self._state.reset()
        self._videos.reset()
        self._shelf.reset()
