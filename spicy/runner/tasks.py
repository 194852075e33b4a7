"""Nodes become doit tasks. doit gives order, selection, threads and its commands; it decides nothing about money."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from doit.dependency import Dependency, FileChangedChecker, UptodateCalculator
from doit.exceptions import TaskFailed
from doit.loader import create_after

from spicy.canonical_json import digest_file
from spicy.engine.project import Film
from spicy.plan.expand import Paths
from spicy.plan.node import Node
from spicy.runner.session import Session

ORDER_ONLY = "order_only"
"""Task metadata: dependencies whose failure is no reason not to try this task."""

IDEATION = "ideation"
"""Basename of the tasks that ask for the stories which are not known yet."""

Task = dict[str, Any]  # doit's own form of a task is a dictionary


class Content(FileChangedChecker):  # type: ignore[misc]
    """doit's view of a file: its digest. Only advice; freshness is decided by receipts."""

    def check_modified(self, file_path: str, file_stat: object, state: object) -> bool:
        """Whether the content differs from the recorded digest."""
        return bool(digest_file(Path(file_path)) != state)

    def get_state(self, dep: str, current_state: object) -> str:
        """The digest to record."""
        return digest_file(Path(dep))


class Freshness(UptodateCalculator):  # type: ignore[misc]
    """A node's `uptodate`: asks our receipts, and tells doit's database what they say.

    doit would run a task whose file dependencies it has no record of, so that a lost database would make
    everything look stale; what is fresh is therefore recorded as such on the spot.
    """

    def __init__(self, session: Session, node: Node) -> None:
        super().__init__()
        self._session, self._node = session, node
        self._dependencies: Dependency | None = None

    def setup(self, dep_manager: Dependency, tasks_dict: Mapping[str, Any]) -> None:
        """Called by doit before the check."""
        super().setup(dep_manager, tasks_dict)
        self._dependencies = dep_manager

    def __call__(self, task: Any, values: Any) -> bool:
        """Whether the node is fresh."""
        fresh = self._session.is_fresh(self._node)
        if fresh and self._dependencies is not None:
            digest_of = self._session.store.memo.digest
            put, name = self._dependencies.backend.set, task.name
            put(name, "checker:", Content.__name__)
            put(name, "deps:", tuple(task.file_dep))
            for path in task.file_dep:
                put(name, path, digest_of(path))
        return fresh


def node_task(session: Session, node: Node) -> Task:
    """One node as a doit task; the spec itself is no dependency, its effect is in the ingredients."""
    return {
        "basename": node.film,
        "name": node.id.partition(":")[2],
        "doc": node.title,
        "actions": [_Action(session, node)],
        "file_dep": sorted(set(node.inputs.values())),
        "task_dep": list(dict.fromkeys(node.after)),
        "targets": list(node.targets),
        "uptodate": [Freshness(session, node)],
        "clean": [(remove_files, [node])],
        "io": {"capture": False},
        "meta": {ORDER_ONLY: node.order_only},
    }


class _Action:
    """What doit runs for a node. A callable object, because doit shows a function's module path."""

    def __init__(self, session: Session, node: Node) -> None:
        self._session, self._node = session, node
        self.__name__ = f"make {node.title}"

    def __call__(self) -> Any:
        return failed(self._session.make(self._node))


def failed(message: str | None) -> Any:
    """doit's answer of an action: a TaskFailed, or True."""
    return True if message is None else TaskFailed(message)


def remove_files(node: Node, dryrun: bool = False) -> None:
    """Remove a node's files and its folder when that is empty; the store keeps what they were made of."""
    for name in (*node.targets, node.receipt):
        path = Path(name)
        if not path.exists() or dryrun:
            continue
        path.unlink()
        for folder in list(path.parents)[:3]:
            if any(folder.iterdir()) or folder == Path():
                break
            folder.rmdir()


def namespace(session: Session) -> dict[str, Callable[[], Iterator[Task]]]:
    """Task creators, as a `dodo.py` would define them: one a film, and one for the ideations still to do.

    A film whose story is known has its whole graph at load. The others are expanded by doit as soon as
    their own ideation has run.
    """
    creators: dict[str, Callable[[], Iterator[Task]]] = {}
    pending = [film for film in session.films if film.told is None]
    if pending:
        creators[f"task_{IDEATION}"] = lambda: (_ideation_task(session, film) for film in pending)
    for number, film in enumerate(session.films):
        creators[f"task_film_{number}"] = _creator(session, film)
    return creators


def _creator(session: Session, film: Film) -> Callable[[], Iterator[Task]]:
    def create() -> Iterator[Task]:
        # doit expands a film even when its ideation failed; there is nothing to expand then.
        return (node_task(session, node) for node in (film.nodes() if film.told else ()))

    if film.told is None:
        folder = re.escape(Paths.of(film.build, film.name).folder)
        delay = create_after(
            executed=f"{IDEATION}:{film.name}", creates=[film.name], target_regex=f"{folder}/.*"
        )
        delayed: Callable[[], Iterator[Task]] = delay(create)
        return delayed
    return create


def _ideation_task(session: Session, film: Film) -> Task:
    return {
        "basename": IDEATION,
        "name": film.name,
        "doc": f"write the story of {film.name}",
        "actions": [lambda: failed(session.ideate(film))],
        "uptodate": [lambda: film.told is not None],
        "io": {"capture": False},
    }
