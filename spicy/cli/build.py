"""`spicy build`: everything stale, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import HELP, Project, json_option, open_project, provider_option, specs_argument
from spicy.errors import UsageError
from spicy.ids import NodeId, Step, Ticks, ticks

if TYPE_CHECKING:
    from spicy.engine.make import Maker
    from spicy.events import Sink
    from spicy.plan.node import Node
    from spicy.runner.session import Session

_UNTIL = {
    "characters": {Step.IDEATION, Step.CHARACTER},
    "keyframes": {Step.IDEATION, Step.CHARACTER, Step.SCRIPT, Step.KEYFRAME},
    "videos": {Step.IDEATION, Step.CHARACTER, Step.SCRIPT, Step.KEYFRAME, Step.VIDEO},
}


@click.command(context_settings=HELP)
@specs_argument
@click.option("-j", "--jobs", type=click.IntRange(1, 1024), help="Targets made at the same time (default 8).")
@provider_option
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="USD", help="A cap for this build.")
@click.option("--until", type=click.Choice(list(_UNTIL)), help="Stop after these; look at them, then go on.")
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
    quiet: bool,
    as_json: bool,
) -> None:
    """Make everything in SPEC… that is stale, and nothing else.

    A film's files go to build/FILM/. Whatever was paid for before comes from the store for $0.
    """
    if takes and dry_run:
        raise UsageError("--take writes into the spec, so it does not go with --dry-run")
    if takes:
        _bump(specs, takes, provider)
    with open_project(specs, provider, to_plan=dry_run) as project:
        wanted = _wanted(until, only)
        if dry_run:
            from spicy.cli.plan import show_plan

            show_plan(project, as_json, wanted)
            return
        session = _session(project, max_cost, retry_unknown, quiet, as_json)
        code = _build(project, session, wanted, jobs or project.settings.jobs, quiet or as_json)
    if session.tally.made and (code != 0 or wanted is not None):
        _storyboard(project, quiet or as_json)
    if code == 0 and not as_json:
        for film in project.films:
            final = Path(film.build) / film.name / "final.mp4"
            if wanted is None and final.exists():
                click.echo(final.as_posix())
    sys.exit(code)


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

    def __init__(self, steps: set[Step] | None, only: set[tuple[str, str]]) -> None:
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
    from spicy.engine.takes import parse_target

    return _Wanted(_UNTIL[until] if until else None, {parse_target(text)[:2] for text in only})


def _session(
    project: Project, max_cost: float | None, retry_unknown: bool, quiet: bool, as_json: bool
) -> Session:
    from spicy.engine.budget import Budget
    from spicy.engine.wire import build_maker, new_run
    from spicy.runner.session import Session

    run, budget = new_run(), Budget(None if max_cost is None else ticks(max_cost))
    sink = _sink(project, quiet, as_json)
    films = {film.name: film for film in project.films}

    def maker(session: Session) -> Maker:
        return build_maker(
            project.settings,
            project.provider,
            project.store,
            films,
            budget,
            sink,
            run,
            session.stop,
            session.known,
            retry_unknown=retry_unknown,
        )

    return Session(
        run=run,
        provider=project.provider,
        films=project.films,
        store=project.store,
        maker=maker,
        budget=budget,
        sink=sink,
    )


def _sink(project: Project, quiet: bool, as_json: bool) -> Sink:
    from spicy.runs.model import database
    from spicy.runs.record import RunsDb
    from spicy.sinks.choose import choose_sink
    from spicy.sinks.fan import FanOut

    def names() -> list[NodeId]:
        return [node.id for film in project.films if film.told for node in film.nodes()]

    talk = choose_sink(
        json=as_json, quiet=quiet, stdout=sys.stdout, stderr=sys.stderr, length=_length, names=names
    )
    runs = RunsDb(database(project.settings.build_dir))
    return FanOut([talk, runs], report=lambda line: click.echo(line, err=True))


def _length(path: str) -> float | None:
    """The length of a finished film, as its receipt has it."""
    try:
        receipt = json.loads((Path(path).parent / ".spicy" / "final.json").read_bytes())
        return float(receipt["facts"]["duration"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(project: Project, session: Session, wanted: _Wanted | None, jobs: int, silent: bool) -> int:
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
    except BaseException:
        session.sink.close()  # gives the terminal back
        raise
    return session.finish(_left(session, wanted))


def _make_stale(project: Project, session: Session, wanted: _Wanted | None, jobs: int) -> None:
    from spicy.engine.wire import check_provider
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
    from spicy.files import sweep

    project.store.prepare()
    folder = project.settings.build_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(folder))
        sweep(folder)
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
    from spicy.engine.forecast import Fate, forecast_all
    from spicy.events import Planned

    calls = False
    for ahead in forecast_all(project.films, project.store, wanted):
        calls = calls or bool(ahead.pending) or any(o.fate is Fate.CALLS for o in ahead.outlooks)
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
