"""`spicy costs`, `runs`, `report`, `clean`, `schema`: look back, tidy up."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import HELP, json_option, open_project, provider_option
from spicy.errors import UsageError
from spicy.ids import usd

if TYPE_CHECKING:
    from spicy.runs.model import Run

_GROUPS = ("film", "step", "kind", "node", "run")


@click.command(context_settings=HELP)
@click.option("--by", type=click.Choice(_GROUPS), default="film", show_default=True, help="How to group.")
@json_option
def costs(by: str, as_json: bool) -> None:
    """Show what was spent, and what the store saved, from the ledger of this machine."""
    from spicy.engine.bootstrap import open_store
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
    cells = [
        (name or "-", f"{calls:,}", usd(paid), f"{hits:,}", usd(saved))
        for name, calls, paid, hits, saved in rows
    ]
    calls, paid = sum(row[1] for row in rows), sum(row[2] for row in rows)
    hits, saved = sum(row[3] for row in rows), sum(row[4] for row in rows)
    cells.append(("total", f"{calls:,}", usd(paid), f"{hits:,}", usd(saved)))
    head, *body, foot = _columns([(by, "calls", "paid", "from store", "saved"), *cells], left=1)
    click.secho(head, bold=True)
    for line in body:
        click.echo(line)
    click.secho(foot, bold=True)
    for node, state, estimate, when, note in doubtful:
        age = (time.time() - when) / 86400
        click.echo(f"{node}: {state.replace('_', ' ')}, {usd(estimate)}, {age:.1f} days ago: {note}")


def _columns(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Lines with every column as wide as its widest cell; the first `left` columns begin left, the others end right."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - cell_len(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = [c + g if n < left else g + c for n, (c, g) in enumerate(zip(row, gaps, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


@click.command(context_settings=HELP)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@json_option
def runs(limit: int, as_json: bool) -> None:
    """List the builds of this project that made something, newest first."""
    from spicy.events import MONEY
    from spicy.runs.read import list_runs
    from spicy.settings import read_settings

    rows = list_runs(read_settings().build_dir, limit)
    if as_json:
        told = [
            {
                f"{name}_ticks" if name in MONEY else name: cell
                for name, cell in dataclasses.asdict(row).items()
            }
            for row in rows
        ]
        click.echo(json.dumps(told, indent=1))
        return
    if not rows:
        click.echo("no builds yet")
        return
    names = ("run", "outcome", "films", "provider", "made", "failed", "stopped", "time", "paid", "saved")
    head, *body = _columns([names, *map(_run, rows)], left=4)
    click.secho(head, bold=True)
    for line in body:
        click.echo(line)


def _run(run: Run) -> tuple[str, ...]:
    from spicy.sinks.messages import brief, one_line, took

    films = brief(one_line(", ".join(run.films)), 40)
    counts = [f"{count:,}" for count in (run.made, run.failed, run.stopped)]
    time = "" if run.seconds is None else took(run.seconds)
    return (run.id, run.state.value, films, run.provider, *counts, time, usd(run.paid), usd(run.saved))


@click.command(context_settings=HELP)
@click.argument("spec", type=click.Path(path_type=Path))
@provider_option
def report(spec: Path, provider: str | None) -> None:
    """Write SPEC's report.html and manifest.json again, with whatever is there, and print its path."""
    from spicy.engine.reporting import write_report

    with open_project([spec], provider) as project:
        film = project.films[0]
        if film.told is None:
            raise UsageError(f"the story of {film.name} is not written yet; build it first")
        click.echo(write_report(film).as_posix())


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
