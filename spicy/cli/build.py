"""`spicy build`: everything stale, and nothing else."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import HELP, Project, json_option, open_project, provider_option, specs_argument
from spicy.errors import SpecError, StoreError, UsageError
from spicy.ids import MOST_DOLLARS, NodeId, Step, Ticks, ticks

if TYPE_CHECKING:
    from spicy.engine.maker import Maker
    from spicy.events import Sink
    from spicy.plan.node import Node
    from spicy.runner.session import Session
    from spicy.runs.liveness import RunLock
    from spicy.runs.record import RunsDb
    from spicy.serving.sidecar import ServerProcess

_UNTIL = ("characters", "keyframes", "videos")


def _sum(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    """A sum of money, which no range knows from what is not a number. Raises click.BadParameter."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no sum of US dollars; write one such as 2.50")
    return value


@click.command(context_settings=HELP)
@specs_argument
@click.option("-j", "--jobs", type=click.IntRange(1, 1024), help="Targets made at the same time (default 8).")
@provider_option
@click.option(
    "--max-cost",
    type=click.FloatRange(0, MOST_DOLLARS),
    callback=_sum,
    metavar="USD",
    help="A cap for this build.",
)
@click.option("--until", type=click.Choice(_UNTIL), help="Stop after these; look at them, then go on.")
@click.option(
    "--only", multiple=True, metavar="KIND:ID", help="Only this, as in video:02 or character:ember."
)
@click.option(
    "--take",
    "takes",
    multiple=True,
    metavar="KIND:ID[=N]",
    help="Ask for a new sample: writes the next take (or N) into the spec.",
)
@click.option(
    "--retry-unknown", is_flag=True, help="Ask again for what may have been billed without an answer."
)
@click.option("--dry-run", is_flag=True, help="The same as `spicy plan`.")
@click.option("--serve", is_flag=True, help="Open the dashboard beside the build, and keep it until Ctrl-C.")
@click.option("--run-id", "run", metavar="ID", hidden=True, help="Whoever launches a build names its run.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings, failures and the result.")
@json_option
def build(
    specs: Sequence[Path],
    jobs: int | None,
    provider: str | None,
    max_cost: float | None,
    until: str | None,
    only: Sequence[str],
    takes: Sequence[str],
    retry_unknown: bool,
    dry_run: bool,
    serve: bool,
    run: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make everything in SPEC… that is stale, and nothing else.

    A film's files go to build/FILM/. Whatever was paid for before comes from the store for $0.
    """
    _check_usage(takes, dry_run, serve)
    with contextlib.ExitStack() as stack:
        alive = _claim(stack, run) if run is not None else None
        if takes:
            _bump(specs, takes, provider)
        with open_project(specs, provider, to_plan=dry_run) as project:
            wanted = _wanted(until, only)
            if dry_run:
                from spicy.cli.plan import show_plan

                show_plan(project, as_json, wanted)
                return
            asked = _asked(run, until, max_cost, retry_unknown, quiet, as_json)
            if serve:
                alive = alive or _claim(stack, asked.run)
            dashboard = stack.enter_context(_beside(provider)) if serve else None
            if dashboard is not None and (url := dashboard.url()):
                click.echo(f"dashboard: {url}/runs/{asked.run}", err=True)
            session, runs = _session(project, asked, alive)
            code = _build(project, session, runs, wanted, jobs or project.settings.jobs, asked.silent)
        if session.tally.made and (code != 0 or wanted is not None):
            _storyboard(project, asked.silent)
        if code == 0 and wanted is None and not as_json:
            _show_films(project)
        if dashboard is not None and code not in _NO_LOOKING_ON:
            _stay(dashboard)
    sys.exit(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a build is asked for, beside its targets."""

    run: str
    until: str
    max_cost: float | None
    retry_unknown: bool
    quiet: bool
    as_json: bool

    @property
    def silent(self) -> bool:
        """Whether talk is not wanted."""
        return self.quiet or self.as_json


def _asked(
    run: str | None, until: str | None, max_cost: float | None, again: bool, quiet: bool, as_json: bool
) -> _Asked:
    from spicy.engine.bootstrap import new_run

    return _Asked(
        run=run or new_run(),
        until=until or "",
        max_cost=max_cost,
        retry_unknown=again,
        quiet=quiet,
        as_json=as_json,
    )


def _check_usage(takes: Sequence[str], dry_run: bool, serve: bool) -> None:
    if takes and dry_run:
        raise UsageError("--take writes into the spec, so it does not go with --dry-run")
    if serve and dry_run:
        raise UsageError("--serve shows a build, so it does not go with --dry-run")
    if serve:
        from spicy.cli.serve import need_web

        need_web("--serve")


def _claim(stack: contextlib.ExitStack, run: str) -> RunLock | None:
    """Say that this run lives, until the stack ends, before anything can be asked about it.

    None where that cannot be written; the runs database says why. Raises UsageError.
    """
    from spicy.runs.liveness import RunLock, is_run_id
    from spicy.settings import read_settings

    if not is_run_id(run):
        raise UsageError(f"--run-id takes 4 to 40 letters, digits and hyphens, not `{run}`")
    try:
        alive = RunLock(read_settings().build_dir, run)
    except BlockingIOError:
        raise UsageError(f"the run {run} is under way already") from None
    except OSError:
        return None
    stack.callback(alive.close)
    # Whoever started us may have left Ctrl-C ignored, and cancels with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return alive


def _beside(provider: str | None) -> ServerProcess:
    """The server beside this build, on its way up."""
    from spicy.serving.sidecar import ServerProcess
    from spicy.settings import read_server_settings

    chosen = read_server_settings().model_fields_set
    extra = {} if "builtin_worker" in chosen else {"SPICY_BUILTIN_WORKER": "0"}
    options = [] if provider is None else [f"--provider={provider}"]
    return ServerProcess(Path.cwd(), options, extra, lambda line: click.echo(line, err=True))


_NO_LOOKING_ON = {2, 130}
"""Exit codes after which nobody wants to look on: a mistake, and Ctrl-C."""


def _stay(dashboard: ServerProcess) -> None:
    if url := dashboard.url():
        click.echo(f"the build is over; the dashboard stays at {url} until Ctrl-C", err=True)
        dashboard.stay()


def _show_films(project: Project) -> None:
    for film in project.films:
        final = Path(film.build) / film.name / "final.mp4"
        if final.exists():
            click.echo(final.as_posix())


def _storyboard(project: Project, silent: bool) -> None:
    """Show what there is of films that are not finished: the report, with what is missing shown as missing."""
    from spicy.engine.reporting import write_report

    for film in project.films:
        if film.told is not None and (Path(film.build) / film.name).is_dir():
            path = write_report(film)
            if not silent:
                click.echo(f"storyboard so far: {path.as_posix()}", err=True)


class _Wanted:
    """What --until and --only leave of a film's nodes."""

    def __init__(self, steps: frozenset[Step] | None, only: set[tuple[str, str]]) -> None:
        self.steps, self.only = steps, only

    def __call__(self, nodes: Sequence[Node]) -> list[NodeId]:
        return [
            n.id
            for n in nodes
            if (self.steps is None or n.step in self.steps)
            and (not self.only or (n.step.value, n.item) in self.only)
        ]

    def among(self, nodes: Sequence[Node]) -> list[NodeId]:
        """What is wanted of `nodes`. Raises UsageError, with what there is, when that is nothing."""
        chosen = self(nodes)
        if not chosen:
            there = ", ".join(dict.fromkeys(f"{n.step.value}:{n.item}" for n in nodes))
            raise UsageError(f"nothing fits --until and --only; there is {there}")
        return chosen


def _wanted(until: str | None, only: Sequence[str]) -> _Wanted | None:
    if not (until or only):
        return None
    from spicy.engine.forecast import UNTIL
    from spicy.engine.takes import parse_target

    return _Wanted(UNTIL[until] if until else None, {parse_target(text)[:2] for text in only})


def _session(project: Project, asked: _Asked, alive: RunLock | None) -> tuple[Session, RunsDb]:
    from spicy.engine.bootstrap import build_maker
    from spicy.engine.calls.budget import Budget
    from spicy.runner.session import Session
    from spicy.runs.model import database
    from spicy.runs.record import RunsDb

    budget = Budget(None if asked.max_cost is None else ticks(asked.max_cost))
    runs = RunsDb(database(project.settings.build_dir), alive=alive)
    sink = _sink(project, asked, runs)
    films = {film.name: film for film in project.films}

    def maker(session: Session) -> Maker:
        return build_maker(
            project.settings,
            project.provider,
            project.store,
            films,
            budget,
            sink,
            asked.run,
            session.stop,
            session.known,
            retry_unknown=asked.retry_unknown,
        )

    session = Session(
        run=asked.run,
        provider=project.provider,
        films=project.films,
        store=project.store,
        maker=maker,
        budget=budget,
        sink=sink,
        until=asked.until,
    )
    return session, runs


def _sink(project: Project, asked: _Asked, runs: RunsDb) -> Sink:
    from spicy.sinks.factory import choose_sink
    from spicy.sinks.fanout import FanOut

    def names() -> list[NodeId]:
        return [node.id for film in project.films if film.told for node in film.nodes()]

    talk = choose_sink(
        json=asked.as_json,
        quiet=asked.quiet,
        stdout=sys.stdout,
        stderr=sys.stderr,
        length=_length,
        names=names,
    )
    return FanOut([talk, runs], report=lambda line: click.echo(line, err=True))


def _length(path: str) -> float | None:
    """The length of a finished film, as its receipt has it."""
    try:
        receipt = json.loads((Path(path).parent / ".spicy" / "final.json").read_bytes())
        return float(receipt["facts"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(
    project: Project, session: Session, runs: RunsDb, wanted: _Wanted | None, jobs: int, silent: bool
) -> int:
    if wanted is not None and all(film.told for film in session.films):
        wanted.among([node for film in session.films for node in film.nodes()])
    if project.notice and not silent:
        click.echo(project.notice, err=True)
    session.start()
    try:
        if _all_fresh(session, wanted):
            session.recover()
        else:
            _make_stale(project, session, wanted, jobs)
        return session.finish(_left(session, wanted))
    except BaseException as error:
        # A second Ctrl-C may break what is in its way: a lock, for one, that is let go of where it was not held.
        stopped = session.stop.is_set() or isinstance(error, KeyboardInterrupt)
        if stopped:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # how the run ended is written down first
        runs(session.ending(_code_of(error, stopped)))  # the terminal is told by who catches it
        session.sink.close()  # gives the terminal back
        if stopped:
            raise KeyboardInterrupt from error
        raise


def _code_of(error: BaseException, stopped: bool) -> int:
    """The exit code that a build ends with when this is raised."""
    from spicy.runner.session import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE

    if stopped:
        return EXIT_INTERRUPTED
    return EXIT_USAGE if isinstance(error, UsageError | SpecError | StoreError) else EXIT_FAILED


def _make_stale(project: Project, session: Session, wanted: _Wanted | None, jobs: int) -> None:
    from spicy.engine.bootstrap import check_provider
    from spicy.runner.build import run

    _writable(project)
    if _announce(project, session, wanted):
        check_provider(project.provider, project.settings, project.films[0].recipe)
    session.recover()
    if wanted is None:
        run(session, None, jobs)
        return

    def select() -> list[NodeId]:
        return wanted.among([node for film in session.films for node in film.nodes()])

    run(session, select, jobs)


def _writable(project: Project) -> None:
    """Say it before anything is asked when what is made could not be kept. Raises UsageError, StoreError.

    Also sweeps up what a killed build left half-written.
    """
    from spicy.files import remove_stale_drafts

    project.store.prepare()
    folder = project.settings.build_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(folder))
        remove_stale_drafts(folder)
    except OSError as error:
        said = f"{folder} cannot be written: {error.strerror}; set SPICY_BUILD_DIR to a folder that can"
        raise UsageError(said) from error


def _all_fresh(session: Session, wanted: _Wanted | None) -> bool:
    """The common case, without doit: every node that is wanted is what it should be."""
    if any(film.told is None for film in session.films):
        return False
    nodes = [node for film in session.films for node in film.nodes()]
    if wanted is not None:
        from spicy.engine.forecast import needed

        nodes = list(needed(nodes, set(wanted.among(nodes))))
    return all(session.is_fresh(node) for node in nodes)


def _announce(project: Project, session: Session, wanted: _Wanted | None) -> bool:
    """Tell what lies ahead; returns whether any call will have to be put to the provider."""
    from spicy.engine.forecast import PlannedAction, forecast_all
    from spicy.events import Planned

    calls = False
    for ahead in forecast_all(project.films, project.store, wanted):
        calls = calls or bool(ahead.pending) or any(o.fate is PlannedAction.CALLS for o in ahead.outlooks)
        price = ahead.price
        session.sink(
            Planned(
                ahead.film.name, len(ahead.outlooks), len(ahead.stale), price.low, price.likely, price.worst
            )
        )
    return calls


def _left(session: Session, wanted: _Wanted | None) -> Ticks:
    """The likely price of what failed or was not tried; what was refused will not be asked for again."""
    if not session.tally.failed:
        return Ticks(0)
    from spicy.engine.forecast import forecast_all

    refused = {id for id, kind in session.tally.failed.items() if kind == "refused"}
    ahead = forecast_all(session.films, session.store, wanted)
    return Ticks(sum(o.price.likely for film in ahead for o in film.outlooks if o.node.id not in refused))


def _bump(specs: Sequence[Path], takes: Sequence[str], provider: str | None) -> None:
    if len(specs) != 1:
        raise UsageError("--take changes a spec, so it goes with exactly one")
    from spicy.engine.takes import bump_takes, parse_target

    targets = [parse_target(text) for text in takes]
    with open_project(specs, provider) as project:
        for line in bump_takes(project.films[0], targets, Path.cwd()):
            click.echo(line, err=True)
