"""A session behind bare `doit`: begun when doit runs tasks, ended when it is done, with doit's own words."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidDodoFile, UnmetDependency
from doit.reporter import ConsoleReporter

from spicy.engine.bootstrap import build_maker, choose_provider, new_run, open_store
from spicy.engine.calls.budget import Budget
from spicy.engine.maker import Maker
from spicy.engine.project import load_films
from spicy.errors import SpicyError, UsageError
from spicy.events import Event, Warned
from spicy.ids import NodeId
from spicy.runner.build import interruptible
from spicy.runner.session import Session
from spicy.runner.tasks import Content, namespace
from spicy.runs.model import database
from spicy.runs.record import RunsDb
from spicy.settings import read_settings
from spicy.sinks.fanout import FanOut


class _Warnings:
    """doit says what is made; this says what only spicy knows."""

    def __call__(self, event: Event) -> None:
        """Write a warning to stderr."""
        if isinstance(event, Warned):
            sys.stderr.write(f"warning: {event.node}: {event.message}\n")

    def close(self) -> None:
        """Nothing to flush."""


def task_namespace(patterns: Sequence[str]) -> dict[str, Any]:
    """The namespace of a dodo.py: DOIT_CONFIG and task creators. Raises InvalidDodoFile for what a user can mend."""
    try:
        return _open(patterns)
    except SpicyError as error:
        raise InvalidDodoFile(f"\n{error}") from None


def _open(patterns: Sequence[str]) -> dict[str, Any]:
    settings = read_settings()
    paths = [path for pattern in patterns for path in sorted(Path().glob(pattern))]
    if not paths:
        raise UsageError(f"no spec fits {', '.join(patterns)}; `spicy init` writes one")
    provider, notice = choose_provider(None, settings)
    store = open_store(settings)
    films = load_films(paths, Path.cwd(), provider, settings.build_dir.as_posix(), store)
    budget, run = Budget(None), new_run()
    sink = FanOut([_Warnings(), RunsDb(database(settings.build_dir))], report=lambda line: print_error(line))
    by_name = {film.name: film for film in films}

    def maker(session: Session) -> Maker:
        if notice:
            print_error(notice)
        return build_maker(settings, provider, store, by_name, budget, sink, run, session.stop, session.known)

    session = Session(
        run=run, provider=provider, films=films, store=store, maker=maker, budget=budget, sink=sink
    )
    config = {
        "check_file_uptodate": Content,
        "continue": True,
        "par_type": "thread",
        "reporter": _reporter(session),
        "verbosity": 2,
    }
    return {"DOIT_CONFIG": config, **namespace(session)}


def print_error(line: str) -> None:
    """One line on stderr."""
    sys.stderr.write(line + "\n")


def _reporter(session: Session) -> type[ConsoleReporter]:
    signals = ExitStack()

    class Reporter(ConsoleReporter):  # type: ignore[misc]
        """doit's console reporter, which also begins and ends our session."""

        def initialize(self, tasks: Mapping[str, Any], selected_tasks: Sequence[str]) -> None:
            super().initialize(tasks, selected_tasks)
            signals.enter_context(interruptible(session.stop))
            session.start()
            session.recover()

        def add_failure(self, task: Any, fail: Any) -> None:
            super().add_failure(task, fail)
            if isinstance(fail, UnmetDependency) and ":" in task.name:  # not a group
                session.blocked(NodeId(task.name), NodeId(str(fail.message).partition(" ")[0]))

        def complete_run(self) -> None:
            super().complete_run()
            signals.close()
            session.finish()

    return Reporter
