"""`spicy plan` and `spicy why`: know before you pay."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import (
    HELP,
    Project,
    json_option,
    open_project,
    provider_option,
    specs_argument,
)
from spicy.errors import UsageError
from spicy.ids import usd

if TYPE_CHECKING:
    from spicy.canonical_json import Json
    from spicy.engine.forecast import Choose, Forecast, NodeForecast
    from spicy.plan.node import Price
    from spicy.plan.reasons import Reason


@click.command(context_settings=HELP)
@specs_argument
@provider_option
@click.option("--check", is_flag=True, help="Exit 1 if anything is stale.")
@json_option
def plan(specs: Sequence[Path], provider: str | None, check: bool, as_json: bool) -> None:
    """Show what a build of SPEC… would make, why, and what it would cost: low, likely, worst.

    Spends nothing and writes nothing into build/.
    """
    with open_project(specs, provider, to_plan=True) as project:
        stale = show_plan(project, as_json)
    if check and stale:
        sys.exit(1)


def show_plan(project: Project, as_json: bool, choose: Choose | None = None) -> bool:
    """Print the plan, of the nodes that `choose` picks; returns whether anything is stale."""
    from spicy.engine.forecast import forecast_all
    from spicy.plan.node import Price

    ahead = forecast_all(project.films, project.store, choose)
    if as_json:
        click.echo(json.dumps([_as_json(f, project.provider) for f in ahead], indent=1, ensure_ascii=False))
    else:
        for film in ahead:
            _print_film(film, project.provider)
        if len(ahead) > 1:
            total = sum((film.price for film in ahead), Price())
            click.secho(f"{len(ahead)} films: {_total(total, ahead[0].film.recipe.prices_as_of)}", bold=True)
    return any(film.stale or film.pending for film in ahead)


def _as_json(ahead: Forecast, provider: str) -> Json:
    return {
        "film": ahead.film.name,
        "provider": provider,
        "story": "to be written" if ahead.pending else "known",
        "estimated": [{"what": what, "price": _price_json(price)} for what, price in ahead.pending],
        "price": _price_json(ahead.price),
        "prices_as_of": ahead.film.recipe.prices_as_of,
        "targets": len(ahead.outlooks),
        "stale": [
            {
                "node": o.node.id,
                "fate": o.fate.value,
                "reasons": [_reason_json(r) for r in o.reasons],
                "price": _price_json(o.price),
            }
            for o in ahead.stale
        ],
        "older_than_neighbour": [
            {"node": o.node.id, "neighbour": o.older} for o in ahead.outlooks if o.older
        ],
    }


def _price_json(price: Price) -> Json:
    return {"low_ticks": price.low, "likely_ticks": price.likely, "worst_ticks": price.worst}


def _reason_json(reason: Reason) -> Json:
    return {"cause": reason.cause.value, "name": reason.name, "old": reason.old, "new": reason.new}


def _print_film(ahead: Forecast, provider: str) -> None:
    film, recipe = ahead.film, ahead.film.recipe
    click.secho(f"{film.name}", bold=True, nl=False)
    click.echo(f"  {film.spec.path}, recipe {recipe.name}, provider {provider}")
    if ahead.pending:
        click.echo("  the story is not written yet; what follows from it is estimated")
    for what, price in ahead.pending:
        click.echo(f"  {what:<38} {_range(price) if price.worst else 'free'}")
    for outlook in ahead.stale:
        click.echo(_line(outlook))
    for outlook in ahead.outlooks:
        if outlook.older:
            click.echo(
                f"  note: {outlook.node.title} was made before its neighbour changed; that is no reason to remake it"
            )
    fresh = len(ahead.outlooks) - len(ahead.stale)
    calls = sum(o.fate.value == "calls" for o in ahead.outlooks)
    if not ahead.stale and not ahead.pending:
        click.echo(f"  everything is up to date ({fresh} targets)")
        return
    if not ahead.pending:
        click.echo(f"  {len(ahead.stale)} stale, {calls} of them with calls; {fresh} up to date")
    click.secho(f"  {_total(ahead.price, recipe.prices_as_of)}", bold=True)
    if film.spec.budget is not None and ahead.price.worst > film.spec.budget:
        click.echo(f"  the spec's budget of {usd(film.spec.budget)} may stop it")


def _line(outlook: NodeForecast) -> str:
    why = "; ".join(str(r) for r in outlook.reasons[:3]) + ("; …" if len(outlook.reasons) > 3 else "")
    if outlook.shared:
        return f"  {_cut(outlook.node.title, 38):<38} {'$0, asked for once':<22} {why}"
    match outlook.fate.value, outlook.price.worst:
        case "refused", _:
            cost = "$0, refused for good"
        case "calls", 0:
            cost = "free"
        case "calls", _:
            cost = _range(outlook.price)
        case _:
            cost = "$0"
    return f"  {_cut(outlook.node.title, 38):<38} {cost:<22} {why}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _range(price: Price) -> str:
    return usd(price.low) if price.low == price.worst else f"{usd(price.low)} – {usd(price.worst)}"


def _total(price: Price, as_of: str) -> str:
    if price.worst == 0:
        return "cost: $0"
    return f"cost: low {usd(price.low)}, likely {usd(price.likely)}, worst {usd(price.worst)} (prices of {as_of})"


@click.command(context_settings=HELP)
@click.argument("target")
@provider_option
@json_option
def why(target: str, provider: str | None, as_json: bool) -> None:
    """Explain TARGET: a file such as build/fox_owl/scenes/02/clip.mp4, or a name such as fox_owl:video/02.

    Shows which inputs changed, old and new, what else would be remade because of it, and the price.
    """
    from spicy.engine.forecast import forecast
    from spicy.spec.find import find_spec

    with open_project([find_spec(_film_of(target))], provider, to_plan=True) as project:
        film = project.films[0]
        ahead = forecast(film, project.store)
        outlook = _find(target, ahead)
        follows = _followers(outlook, ahead)
        if as_json:
            data = {
                "node": outlook.node.id,
                "fate": outlook.fate.value,
                "reasons": [_reason_json(r) for r in outlook.reasons],
                "price": _price_json(outlook.price),
                "followed_by": [o.node.id for o in follows],
            }
            click.echo(json.dumps(data, indent=1, ensure_ascii=False))
        else:
            _explain(outlook, follows)


def _film_of(target: str) -> str:
    if ":" in target:
        first, _, rest = target.partition(":")
        return rest if first == "ideation" else first
    target = _relative(target)
    parts = Path(target).parts
    for marker in ("characters", "scenes"):
        if marker in parts and parts.index(marker):
            return parts[parts.index(marker) - 1]
    if len(parts) < 2:
        raise UsageError(f"`{target}` names no target; write a file below build/, or FILM:STEP/ITEM")
    return parts[-2]


def _relative(target: str) -> str:
    path = Path(target)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.as_posix()


def _find(target: str, ahead: Forecast) -> NodeForecast:
    if ahead.pending:
        raise UsageError(
            f"the story of {ahead.film.name} is not written yet, so it has no other targets; build it first"
        )
    path = _relative(target)
    if target == f"ideation:{ahead.film.name}":
        target = ahead.outlooks[0].node.id
    for outlook in ahead.outlooks:
        if target == outlook.node.id or path in (*outlook.node.targets, outlook.node.receipt):
            return outlook
    import difflib

    names = [o.node.id for o in ahead.outlooks] + [t for o in ahead.outlooks for t in o.node.targets]
    near = difflib.get_close_matches(target, names, 1)
    raise UsageError(f"no target `{target}`" + (f"; did you mean {near[0]}?" if near else ""))


def _followers(outlook: NodeForecast, ahead: Forecast) -> list[NodeForecast]:
    touched = set(outlook.node.targets) | {outlook.node.receipt}
    found = []
    for other in ahead.outlooks:
        if other is not outlook and touched & set(other.node.inputs.values()):
            touched |= {*other.node.targets, other.node.receipt}
            found.append(other)
    return found


def _explain(outlook: NodeForecast, follows: list[NodeForecast]) -> None:
    from spicy.plan.reasons import Cause, changed_lines

    node = outlook.node
    click.secho(f"{node.id}", bold=True, nl=False)
    click.echo(f"  {node.title}")
    for label, path in node.inputs.items():
        click.echo(f"  from  {label}: {path}")
    for label, pin in node.pins.items():
        click.echo(f"  from  {label}: {pin.text}")
    for label, path in node.unkeyed.items():
        click.echo(f"  after {label}: {path} (used when first made; its changes do not count)")
    if not outlook.reasons:
        click.echo("  up to date")
        return
    for reason in outlook.reasons:
        click.echo(f"  {reason}")
        if reason.cause in (Cause.CHANGED, Cause.INPUT):
            for sign, line in changed_lines(reason):
                click.secho(f"    {sign} {line}", fg="red" if sign == "-" else "green")
    click.echo(f"  to make it again: {_cost_words(outlook)}")
    if follows:
        click.echo("  what follows from it:")
        for other in follows:
            click.echo(f"    {other.node.title}")


def _cost_words(outlook: NodeForecast) -> str:
    if outlook.fate.value == "refused":
        return "what it needs was refused for good and is not asked for again; change its words"
    if outlook.fate.value == "stored":
        return "$0, from the store or by local work"
    return _range(outlook.price) if outlook.price.worst else "a free call"
