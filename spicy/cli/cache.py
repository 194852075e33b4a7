"""`spicy cache`: the store, from outside."""

from __future__ import annotations

import json
import sys

import click

from spicy.cli.options import HELP, json_option
from spicy.ids import usd


@click.group(context_settings=HELP)
def cache() -> None:
    """Look after the store, where everything that was ever paid for is kept."""


@cache.command(context_settings=HELP)
@json_option
def stats(as_json: bool) -> None:
    """Show where the store is and how much it holds."""
    from spicy.engine.bootstrap import open_store
    from spicy.settings import read_settings
    from spicy.store.store import stats as count

    store = open_store(read_settings())
    numbers = count(store)
    store.close()
    if as_json:
        click.echo(json.dumps({"path": str(store.root), **numbers}))
        return
    click.echo(f"store      {store.root}")
    click.echo(f"answers    {numbers['records']}, which cost {usd(numbers['cost_ticks'])}")
    click.echo(f"objects    {numbers['objects']}, {size(numbers['bytes'])}")
    if numbers["aside"]:
        click.echo(f"set aside  {numbers['aside']} damaged, {size(numbers['aside_bytes'])}")


@cache.command(context_settings=HELP)
def verify() -> None:
    """Hash every object again; damaged ones are set aside and named. Exit 1 if there are any."""
    from spicy.engine.bootstrap import open_store
    from spicy.settings import read_settings
    from spicy.store.store import verify as check

    store = open_store(read_settings())
    found = check(store)
    store.close()
    for item in found:
        click.echo(f"{item.what:<8} {item.name}")
    if found:
        click.echo(
            "the next build repairs what a build folder still has, and asks again for the rest", err=True
        )
        sys.exit(1)
    click.echo("every object is what its name says")


@cache.command(context_settings=HELP)
@click.option(
    "--keep-days", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Kept if used since."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def gc(keep_days: float, dry_run: bool) -> None:
    """Remove what can be made again for nothing: leftovers, unused previews and local work.

    What was paid for is never removed.
    """
    from spicy.engine.bootstrap import open_store
    from spicy.settings import read_settings
    from spicy.store.store import collect_garbage

    store = open_store(read_settings())
    found = collect_garbage(store, keep_days=keep_days, dry_run=dry_run)
    store.close()
    verb = "would remove" if dry_run else "removed"
    click.echo(f"{verb} {len(found)} files, {size(sum(item.size for item in found))}")


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
