"""`spicy costs`, `runs`, `report`, `clean`, `schema`: look back, tidy up."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from spicy.cli.options import HELP, json_option, open_project, provider_option
from spicy.errors import UsageError
from spicy.ids import usd

_GROUPS = ("film", "step", "kind", "node", "run")


@click.command(context_settings=HELP)
@click.option("--by", type=click.Choice(_GROUPS), default="film", show_default=True, help="How to group.")
@json_option
def costs(by: str, as_json: bool) -> None:
    """Show what was spent, and what the store saved, from the ledger of this machine."""
    from spicy.engine.wire import open_store
    from spicy.settings import read_settings

    store = open_store(read_settings())
    rows = store.ledger.costs(by) if (store.root / "ledger.sqlite").exists() else []
    doubtful = store.ledger.doubtful() if rows else []
    store.close()
    if as_json:
        names = (by, "calls", "paid_ticks", "calls_saved", "saved_ticks")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1))
        return
    if not rows:
        click.echo("nothing was asked of any provider yet")
        return
    click.secho(f"{by:<36} {'calls':>7} {'paid':>10} {'from store':>11} {'saved':>10}", bold=True)
    for name, calls, paid, hits, saved in rows:
        click.echo(f"{name or '-':<36} {calls:>7} {usd(paid):>10} {hits:>11} {usd(saved):>10}")
    total = [sum(row[i] for row in rows) for i in range(1, 5)]  # type: ignore[misc]
    click.secho(
        f"{'total':<36} {total[0]:>7} {usd(total[1]):>10} {total[2]:>11} {usd(total[3]):>10}", bold=True
    )
    for node, state, estimate, when, note in doubtful:
        age = (time.time() - when) / 86400
        click.echo(f"{node}: {state.replace('_', ' ')}, {usd(estimate)}, {age:.1f} days ago: {note}")


@click.command(context_settings=HELP)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@json_option
def runs(limit: int, as_json: bool) -> None:
    """List the builds of this project that made something, newest first."""
    from spicy.settings import read_settings
    from spicy.sinks.runs_db import list_runs

    rows = list_runs(read_settings().build_dir / "spicy.db", limit)
    if as_json:
        click.echo(json.dumps([{**row, "films": json.loads(str(row["films"]))} for row in rows], indent=1))
        return
    if not rows:
        click.echo("no builds yet")
    for row in rows:
        films = ", ".join(json.loads(str(row["films"])))
        click.echo(f"{row['id']}  {_outcome(row):<14} {films}  {_numbers(row)}")


def _outcome(row: object) -> str:
    code = row["exit_code"]  # type: ignore[index]
    names = {0: "done", 1: "failed", 3: "budget", 130: "interrupted", None: "died or running"}
    return names.get(code, f"exit {code}")


def _numbers(row: object) -> str:
    values = dict(row)  # type: ignore[call-overload]
    if values["finished"] is None:
        return str(values["provider"])
    seconds, paid, saved = values["seconds"], usd(values["paid"]), usd(values["saved"])
    return f"{values['provider']}, {values['made']} made, {values['failed']} failed, {seconds:.1f} s, paid {paid}, saved {saved}"


@click.command(context_settings=HELP)
@click.argument("spec", type=click.Path(path_type=Path))
@provider_option
def report(spec: Path, provider: str | None) -> None:
    """Write SPEC's report.html and manifest.json again, with whatever is there, and print its path."""
    from spicy.engine.reporting import make_report
    from spicy.files import write_whole
    from spicy.plan.node import ReportJob

    with open_project([spec], provider) as project:
        film = project.films[0]
        if film.told is None:
            raise UsageError(f"the story of {film.name} is not written yet; build it first")
        node = film.nodes()[-1]
        if not isinstance(node.job, ReportJob):
            raise TypeError("the last node of a film is its report")
        folder = Path(film.build) / film.name
        made = make_report(film.name, folder, node.job, map(Path, node.inputs.values()))
        for path, content in zip(node.targets, made.files, strict=True):
            if isinstance(content, bytes):
                write_whole(Path(path), content)
    click.echo(node.targets[1])


@click.command(context_settings=HELP)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Remove the film's whole folder in build/.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@provider_option
def clean(spec: Path, everything: bool, dry_run: bool, provider: str | None) -> None:
    """Remove files in SPEC's build folder that no longer belong to the film, such as a renamed scene's.

    Only files that a receipt says spicy made. The store keeps what they were made of, so that a build brings
    anything back for $0.
    """
    from spicy.engine.receipt import made_files

    with open_project([spec], provider) as project:
        film = project.films[0]
        folder = Path(film.build) / film.name
        if film.told is None and not everything:
            raise UsageError(f"the story of {film.name} is not written yet; --all removes {folder} whole")
        kept = set() if everything or film.told is None else _belonging(film.nodes())
        there = sorted(p for p in folder.rglob("*") if not p.is_dir() and p.as_posix() not in kept)
        made = made_files(folder)
        for path in there:
            if path not in made:
                click.echo(f"kept {path.as_posix()}: not made by spicy", err=True)
                continue
            if not dry_run:
                path.unlink()
            click.echo(f"{'would remove' if dry_run else 'removed'} {path.as_posix()}")
        if not dry_run:
            for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
                if not any(path.iterdir()):
                    path.rmdir()
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()
    if not there:
        click.echo("nothing to tidy up")


def _belonging(nodes: object) -> set[str]:
    return {path for node in nodes for path in (*node.targets, node.receipt)}  # type: ignore[attr-defined]


@click.command(context_settings=HELP)
@click.option("--recipe", is_flag=True, help="The schema of recipes instead.")
def schema(recipe: bool) -> None:
    """Print the JSON Schema of specs, so that editors complete and check them."""
    if recipe:
        from spicy.recipe.model import recipe_schema

        click.echo(json.dumps(recipe_schema(), indent=2))
        return
    from spicy.spec.model import spec_schema

    click.echo(json.dumps(spec_schema(), indent=2))
