"""Run the graph in this process: doit as a library, with its database in memory and its words as events."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from doit.control import TaskControl
from doit.dependency import Dependency, JSONCodec
from doit.exceptions import UnmetDependency
from doit.loader import load_tasks
from doit.runner import MThreadRunner

from spicy.ids import NodeId
from spicy.media.ffmpeg import kill_all
from spicy.runner.session import Session
from spicy.runner.tasks import IDEATION, ORDER_ONLY, Content, namespace


class _Memory:
    """A doit database that is forgotten: what is fresh is known from receipts, so nothing is lost."""

    def __init__(self, name: str, codec: object, module_name: str | None = None) -> None:
        self.name = name
        self._db: dict[str, dict[str, object]] = {}

    def get(self, task: str, name: str) -> object:
        return self._db.get(task, {}).get(name)

    def set(self, task: str, name: str, value: object) -> None:
        self._db.setdefault(task, {})[name] = value

    def in_(self, task: str) -> bool:
        return task in self._db

    def remove(self, task: str) -> None:
        self._db.pop(task, None)

    def remove_all(self) -> None:
        self._db.clear()

    def dump(self) -> None:
        """Nothing to keep."""


class _Reporter:
    """doit's reporter, reduced to the one thing that only doit knows: what was not tried, and because of whom."""

    desc = "events"

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_failure(self, task: Any, fail: Any) -> None:
        """A task failed, or one that it needs did."""
        if isinstance(fail, UnmetDependency) and ":" in task.name:  # not a group
            self._session.blocked(NodeId(task.name), NodeId(str(fail.message).partition(" ")[0]))

    def runtime_error(self, message: str) -> None:
        """doit itself gave up."""
        raise RuntimeError(message)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: None


class _Runner(MThreadRunner):  # type: ignore[misc]
    """doit's threads, with order-only dependencies: one failed scene does not keep its neighbour from being made."""

    def __init__(self, session: Session, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._session = session

    def select_task(self, node: Any, tasks_dict: Any) -> bool:
        """Called by doit when everything that a task waits for has ended, well or not."""
        soft = (node.task.meta or {}).get(ORDER_ONLY, ())
        passable = self._session.passable
        node.bad_deps = [d for d in node.bad_deps if d.task.name not in soft or not passable(d.task.name)]
        return bool(super().select_task(node, tasks_dict))


def run(session: Session, select: Callable[[], Sequence[str]] | None, jobs: int) -> None:
    """Make what is stale. `select` names tasks once every story is known; None means everything."""
    gc.freeze()  # what is loaded by now is never garbage, so no collection need look through it, the last one neither
    gc.enable()  # the command line turns it off for commands that are over in a moment
    with interruptible(session.stop):
        if select is not None and any(film.told is None for film in session.films):
            _run(session, [f"{IDEATION}:{film.name}" for film in session.films if film.told is None], jobs)
            session.films = [film for film in session.films if film.told is not None]
        if session.films:
            _run(session, None if select is None else select(), jobs)


def _run(session: Session, selected: Sequence[str] | None, jobs: int) -> None:
    tasks = load_tasks(namespace(session), allow_delayed=True)
    control = TaskControl(tasks)
    control.process(selected)
    dependencies = Dependency(_Memory, "memory", Content, JSONCodec)
    runner = _Runner(session, dependencies, _Reporter(session), continue_=True, num_process=jobs)
    runner.run_all(control.task_dispatcher())


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """First Ctrl-C: no new call starts, tickets are journalled, local work ends. The second one is Python's own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def first(*_: object) -> None:
        stop.set()
        kill_all()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
