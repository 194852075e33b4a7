"""How fast `spicy serve` creates jobs, hands them out and tells of them, beside a bare FastAPI and SQLite app.

    python -m tests.bench.bench_serve [--worker]

Both apps stand behind a uvicorn of the same make, each in a process of its own; a third process has 64 clients
with a connection each, which ask again as soon as they are answered. The bare app does what its endpoint cannot
do without: one insert to create, one read for a poll and for a status. Ours checks and prices the request, looks
into the store, adds the job, claims it under a lease for a poll, counts the queue before it, and logs.

The provider answers at once. Without `--worker` the built-in worker is off, so that each poll finds a job; with
it, it makes clips of what is created meanwhile, and polls find the queue empty. The apps take turns second by
second, so that what else the machine does meets both; the medians count. The promise is a ratio of at least 0.5;
the figures depend on the machine, the ratio hardly does.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

CLIENTS, SECONDS, ROUNDS, BOUND = 64, 1.0, 5, 0.5
JOBS = "/v1/videos/generations"
KINDS = ("create", "status", "poll")
ROOT = Path(__file__).parents[2]


def bare(folder: Path, worker: bool) -> Any:
    """The yardstick: an app that inserts or reads one row."""
    from fastapi import FastAPI, HTTPException
    from pydantic import BaseModel

    class Wish(BaseModel):
        model: str
        prompt: str

    app, own = FastAPI(), threading.local()

    def db() -> sqlite3.Connection:
        if not hasattr(own, "db"):
            own.db = sqlite3.connect(folder / "bare.db", timeout=30, isolation_level=None)
            own.db.execute("PRAGMA journal_mode=WAL")
            own.db.execute("PRAGMA synchronous=NORMAL")
        return own.db  # type: ignore[no-any-return]

    db().execute("CREATE TABLE job (id INTEGER PRIMARY KEY, model TEXT, prompt TEXT, status TEXT)")

    def told(row: tuple[int, str, str, str] | None) -> dict[str, object]:
        if row is None:
            raise HTTPException(404)
        return {"id": str(row[0]), "model": row[1], "prompt": row[2], "status": row[3]}

    @app.post(JOBS)
    def create(wish: Wish) -> dict[str, object]:
        done = db().execute("INSERT INTO job VALUES (NULL, ?, ?, 'pending')", (wish.model, wish.prompt))
        return told((int(done.lastrowid or 0), wish.model, wish.prompt, "pending"))

    @app.get(JOBS + "/{id}")
    def status(id: int) -> dict[str, object]:
        return told(db().execute("SELECT * FROM job WHERE id = ?", (id,)).fetchone())

    @app.get("/extension/poll")
    def poll(mode: str) -> dict[str, object]:
        return told(db().execute("SELECT * FROM job ORDER BY id LIMIT 1").fetchone())

    return app


def ours(folder: Path, worker: bool) -> Any:
    """`spicy serve` with a provider that answers at once."""
    from spicy.engine.calls.caller import Caller
    from spicy.engine.job_executor import JobExecutor
    from spicy.recipe.load import load_recipe
    from spicy.settings import ServerSettings, read_settings
    from spicy.store.store import Store
    from spicy.web.server.app import create_app
    from tests.integration.test_whole_film import RECIPE
    from tests.scripted import Scripted, clip

    (folder / "recipes").mkdir()
    (folder / "recipes/scripted.yaml").write_text(RECIPE)
    provider, same = Scripted(), clip("aabbcc")
    provider.fetch = lambda answer, into: into.write_bytes(same)  # type: ignore[method-assign,assignment,return-value]
    server = ServerSettings.model_validate(
        {
            "VIDEO_STORAGE_PATH": folder / "videos",
            "LOG_PATH": folder / "logs",
            "DB_PATH": folder / "jobs.db",
            "SPICY_BUILTIN_WORKER": worker,
        }
    )
    store = Store(folder / "store")
    executor = JobExecutor(Caller(store, provider, threading.Event()), load_recipe("scripted", folder), store)
    return create_app(read_settings({}), server, executor)


def serve(make: Callable[[Path, bool], Any], folder: Path, worker: bool) -> None:
    """Serve an app on a free port and say which."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0), backlog=2 * CLIENTS)
    app = make(folder, worker)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


async def ask(
    port: int, seconds: float, request: Callable[[], bytes]
) -> tuple[list[float], list[bytes], Counter[int]]:
    """Let all clients ask for a while: seconds of each request, the bodies and the states of the answers."""
    took: list[float] = []
    bodies: list[bytes] = []
    states: Counter[int] = Counter()

    async def client(end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(request())
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            bodies.append(await reader.readexactly(int(length or 0)))
            took.append(time.perf_counter() - began)
            states[int(head[9:12])] += 1
        writer.close()

    end = time.perf_counter() + seconds
    await asyncio.gather(*(client(end) for _ in range(CLIENTS)))
    return took, bodies, states


def load(ports: dict[str, int]) -> None:
    """Create, look at and poll jobs of both servers in turn, round after round, and print what they did."""
    ids: dict[str, list[str]] = {}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {kind: {app: [] for app in ports} for kind in KINDS}

    def request(kind: str, app: str) -> bytes:
        ending = f" HTTP/1.1\r\nHost: 127.0.0.1:{ports[app]}\r\n".encode()
        if kind == "poll":
            return b"GET /extension/poll?mode=video" + ending + b"\r\n"
        if kind == "status":
            return f"GET {JOBS}/{random.choice(ids[app])}".encode() + ending + b"\r\n"
        wish = {"model": "grok", "prompt": f"A cat playing piano {random.getrandbits(64):x}"}
        body = json.dumps(wish).encode()
        ending += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        return b"POST " + JOBS.encode() + ending + body

    for seconds in (0.3, *[SECONDS] * ROUNDS):  # the first round warms up
        for kind in KINDS:
            for app, port in ports.items():
                took, bodies, states = asyncio.run(ask(port, seconds, partial(request, kind, app)))
                if kind == "create":
                    ids[app] = [json.loads(body)["id"] for body in bodies]
                took.sort()
                p99 = took[len(took) * 99 // 100]
                found[kind][app].append({"rate": len(took) / seconds, "p99": p99, "states": states})
    print(json.dumps(found))


def this(*args: object) -> list[str]:
    """The command that runs a part of this file."""
    return [sys.executable, "-m", "tests.bench.bench_serve", *map(str, args)]


@contextlib.contextmanager
def served(name: str, folder: Path, *flags: str) -> Iterator[int]:
    """A server in its own process; gives its port."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SPICY_CACHE_DIR": str(folder / "store")}
    with subprocess.Popen(this(name, folder, *flags), cwd=folder, env=env, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def main(*flags: str) -> None:
    """Measure, print and compare."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        ports = {}
        for app in ("bare", "ours"):
            (folder := Path(name, app)).mkdir()
            ports[app] = stack.enter_context(served(app, folder, *flags))
        done = subprocess.run(this("load", json.dumps(ports)), cwd=ROOT, capture_output=True, check=True)
    print(f"{'':8}{'bare /s':>9}{'p99 ms':>8}{'ours /s':>9}{'p99 ms':>8}{'ratio':>7}  states of ours")
    ratios = {}
    for kind, both in json.loads(done.stdout).items():
        line = f"{kind:8}"
        for runs in both.values():
            rate, p99 = (median(run[name] for run in runs[1:]) for name in ("rate", "p99"))
            line += f"{rate:9.0f}{p99 * 1000:8.1f}"
        pairs = zip(both["ours"][1:], both["bare"][1:], strict=True)
        ratios[kind] = median(ours["rate"] / bare["rate"] for ours, bare in pairs)
        states = sum((Counter(run["states"]) for run in both["ours"]), Counter())
        print(f"{line}{ratios[kind]:7.2f}  {dict(states)}")
    print(f"lowest ratio {min(ratios.values()):.2f} (at least {BOUND}), {CLIENTS} clients")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare" | "ours" as name, folder, *flags]:
            serve({"bare": bare, "ours": ours}[name], Path(folder), "--worker" in flags)
        case ["load", ports]:
            load(json.loads(ports))
        case flags:
            main(*flags)
