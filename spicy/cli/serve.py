"""`spicy serve` and `spicy worker`: the job server, and workers for one elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import HELP, provider_option
from spicy.errors import SpicyError, UsageError

if TYPE_CHECKING:
    import socket

    from pydantic import SecretStr

    from spicy.engine.job_executor import JobExecutor
    from spicy.serving.worker_pool import WorkerPool
    from spicy.settings import ServerSettings, Settings

_EXTRA = ("fastapi", "uvicorn", "python_multipart")
_GRACE = 10.0
"""Seconds that calls under way have, after the second Ctrl-C, to come to rest."""


@click.command(context_settings=HELP)
@click.option("--host", metavar="ADDRESS", help="Where to listen (default 127.0.0.1; SERVER_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="0 for any free one (default 8000; SERVER_PORT).")
@provider_option
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Jobs done at the same time (default 8).")
@click.option(
    "--leash",
    is_flag=True,
    hidden=True,
    help="Beside a build: any port will do; end when standard input does.",
)
def serve(host: str | None, port: int | None, provider: str | None, jobs: int | None, leash: bool) -> None:
    """Serve video, chat and image jobs over HTTP, to clients of OpenAI's and xAI's APIs.

    A request that was answered before is answered from the store for $0. Ctrl-C gives open jobs back; the next
    start goes on with them.
    """
    need_web("spicy serve")
    from spicy.settings import read_server_settings, read_settings
    from spicy.web.server.access import check_exposure

    chosen = {"host": host, "port": port, "jobs": jobs}
    server = read_server_settings().model_copy(update={k: v for k, v in chosen.items() if v is not None})
    check_exposure(server)
    _serve(read_settings(), server, provider, leash)


def _serve(settings: Settings, server: ServerSettings, provider: str | None, leash: bool) -> None:
    from spicy.jobs.queue import Queue
    from spicy.web.server.app import create_app
    from spicy.web.server.http_server import run

    with _executor(settings, server, provider, asks=server.builtin_worker) as (executor, who):
        Queue(server.database).close()  # what is wrong with it is told here, without a traceback
        _writable("VIDEO_STORAGE_PATH", server.videos)
        _writable("LOG_PATH", server.logs)
        with _bound(server, any_port=leash) as listener:
            app = create_app(settings, server, executor)

            def ready() -> None:
                _announce(server, listener, who)
                if leash:
                    click.echo(_url(server, listener))

            if not run(app, listener, ready, sys.stdin.fileno() if leash else None):
                raise SpicyError("the server did not start; the reason is above")


def _bound(server: ServerSettings, *, any_port: bool) -> socket.socket:
    """Listen; where `any_port` will do, on a free one when the one that is set is taken. Raises UsageError."""
    from spicy.web.server.http_server import bind

    try:
        return bind(server.host, server.port)
    except UsageError:
        if not any_port:
            raise
        return bind(server.host, 0)


def _writable(variable: str, folder: Path) -> None:
    """Try a folder before anything is served. Raises UsageError that names its variable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{variable}: {folder} cannot be written: {error.strerror or error}") from error


def need_web(what: str) -> None:
    """Raises UsageError, with the line that installs it, when the extra that `what` needs is not there."""
    if any(importlib.util.find_spec(name) is None for name in _EXTRA):
        raise UsageError(f"`{what}` needs the extra `web`: pip install -e '.[web]' where spicy was cloned")


@contextlib.contextmanager
def _executor(
    settings: Settings, server: ServerSettings, asked: str | None, *, asks: bool
) -> Iterator[tuple[JobExecutor, str]]:
    """A desk, and one line about who answers at it; with `asks`, a key is tried first, for free."""
    from spicy.engine.bootstrap import check_provider, choose_provider
    from spicy.engine.job_executor import open_job_executor
    from spicy.recipe.load import load_recipe

    name, notice = choose_provider(asked, settings)
    who = name
    if asks:
        who = check_provider(name, settings, load_recipe(server.recipe, Path.cwd()))
    if notice is not None:
        who += " (no key is set)"
    executor = open_job_executor(settings, server, name, threading.Event())
    try:
        yield executor, who
    finally:
        executor.close()


def _url(server: ServerSettings, listener: socket.socket) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{listener.getsockname()[1]}"


def _announce(server: ServerSettings, listener: socket.socket, who: str) -> None:
    url = _url(server, listener)
    click.echo(f"spicy serve listens at {url} (documentation at {url}/docs)", err=True)
    click.echo(f"protected by: {_protection(server)}", err=True)
    if server.builtin_worker:
        click.echo(f"answers: {who}; {server.jobs} jobs at the same time", err=True)
    else:
        click.echo(
            f"answers: whoever polls, such as `spicy worker --url {url}`; the built-in worker is off",
            err=True,
        )


def _protection(server: ServerSettings) -> str:
    from spicy.web.server.access import is_loopback

    walls = ["only this machine can connect"] if is_loopback(server.host) else []
    clients, workers = _is_set(server.api_key), _is_set(server.worker_key)
    if clients:
        walls.append("clients need SPICY_API_KEY")
    if workers:
        walls.append("workers need SPICY_WORKER_KEY")
    elif clients:
        walls.append("workers too")
    if not clients:
        walls.append("clients need no key")
    return ", ".join(walls)


def _is_set(key: SecretStr | None) -> bool:
    return key is not None and bool(key.get_secret_value().strip())


@click.command(context_settings=HELP)
@click.option("--url", required=True, help="The server's address, such as http://127.0.0.1:8000.")
@click.option(
    "--mode",
    "modes",
    type=click.Choice(["video", "chat"]),
    multiple=True,
    help="Take only these jobs; may be repeated (default both).",
)
@click.option("-j", "--jobs", type=click.IntRange(1, 256), help="Jobs done at the same time (default 8).")
@provider_option
def worker(url: str, modes: tuple[str, ...], jobs: int | None, provider: str | None) -> None:
    """Do the jobs of a `spicy serve` elsewhere, with this machine's provider, key and store.

    The server's SPICY_WORKER_KEY is read from the environment or .env. Ctrl-C finishes what is in hand and takes
    no more; a second one gives it back.
    """
    from spicy.jobs.model import Mode
    from spicy.serving.remote import Server
    from spicy.serving.worker_pool import WorkerPool
    from spicy.settings import read_server_settings, read_settings

    settings, server = read_settings(), read_server_settings()
    key = server.worker_key.get_secret_value().strip() if server.worker_key is not None else None
    wanted = [Mode(mode) for mode in dict.fromkeys(modes)] or [Mode.VIDEO, Mode.CHAT]
    with _executor(settings, server, provider, asks=True) as (executor, who):
        source = Server(url, key, executor)
        pool = WorkerPool(
            source, executor, wanted, jobs or server.jobs, lambda said: click.echo(said, err=True)
        )
        click.echo(f"spicy worker takes {' and '.join(wanted)} jobs from {source.url}", err=True)
        click.echo(f"answers: {who}; {jobs or server.jobs} jobs at the same time", err=True)
        executor.recover()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            pool.start()
            pool.join()
        except KeyboardInterrupt:
            source.close()
            _leave(pool, executor)
            raise
        if pool.broken is not None:
            raise pool.broken


def _leave(pool: WorkerPool, executor: JobExecutor) -> None:
    """Finish what is in hand, or with a second Ctrl-C give it back."""
    pool.stop()
    if pool.doing:
        click.echo(f"finishing {', '.join(pool.doing)}; Ctrl-C again gives them back", err=True)
    try:
        pool.join()
    except KeyboardInterrupt:
        executor.stop.set()
        pool.join(_GRACE)
