"""`spicy serve` and `spicy worker` as processes: started, spoken to, and killed."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.conftest import Project

ENDS = {"completed", "failed", "cancelled"}


@dataclass
class Serving:
    """A server, or a worker, that runs."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    key: str = ""

    def __post_init__(self) -> None:
        self._listening = threading.Event()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            self._listening.set()

    @property
    def words(self) -> str:
        """What it said so far."""
        return "\n".join(self.said)

    def heard(self, words: str) -> str:
        """The line with `words`, which is waited for."""
        wait_until(lambda: words in self.words or self.process.poll() is not None)
        for line in list(self.said):
            if words in line:
                return line
        raise AssertionError(f"not heard: {words}\n{self.words}")

    @property
    def url(self) -> str:
        """Where it listens."""
        found = re.search(r"http://\S+", self.heard("listens at"))
        assert found
        return found[0]

    def ask(self, method: str, path: str, **how: Any) -> requests.Response:
        """One request with the client's key."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return requests.request(method, self.url + path, headers=headers, timeout=60, **how)

    def order(self, prompt: str, **more: object) -> str:
        """Order a clip; the job's id."""
        body = {"model": "grok", "prompt": prompt, "duration": 6, "resolution": "480p", **more}
        reply = self.ask("POST", "/v1/videos/generations", json=body)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def job(self, id: str) -> dict[str, Any]:
        """How a clip's job stands."""
        found: dict[str, Any] = self.ask("GET", f"/v1/videos/generations/{id}").json()
        return found

    def ended(self, id: str, seconds: float = 60) -> dict[str, Any]:
        """A clip's job at its end, which is waited for."""
        wait_until(lambda: self.job(id)["status"] in ENDS, seconds)
        return self.job(id)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()
        self._ear.join()


@contextlib.contextmanager
def started(
    project: Project, *args: str, env: Mapping[str, str] | None = None, key: str = ""
) -> Iterator[Serving]:
    """`spicy ARGS` for as long as the block runs."""
    with project.start(*args, env=env) as process:
        running = Serving(process, key=key)
        try:
            yield running
        finally:
            running.kill()


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
