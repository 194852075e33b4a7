"""`spicy init`, `spicy new`, `spicy freeze`: getting a spec, and making it one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from spicy.cli.options import HELP, open_project, provider_option
from spicy.errors import UsageError

_DODO = 'from spicy.dodo import films\nglobals().update(films("specs/*.yaml"))\n'
_IGNORE = "/build/\n.doit.db*\n.env\n"
_SPEC = """\
# The smallest useful spec is its first line; `spicy build specs/{name}.yaml` makes the film.
concept: A curious fox meets a wise owl in an enchanted forest
title: The Fox and the Owl
style: Pixar-style 3D animation, soft volumetric lighting
aspect_ratio: 16:9
scenes: 3
# budget: 5.00        # US dollars, a cap for one build
# refs: {{Ember: refs/fox.png}}
"""


@click.command(context_settings=HELP)
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Scaffold a project in DIRECTORY: dodo.py, a spec, .gitignore. Files that exist stay as they are."""
    from spicy.files import write_whole

    files = {"dodo.py": _DODO, "specs/fox_owl.yaml": _SPEC.format(name="fox_owl"), ".gitignore": _IGNORE}
    for name, text in files.items():
        path = directory / name
        if path.exists():
            click.echo(f"kept    {path}")
            continue
        write_whole(path, text.encode())
        click.echo(f"wrote   {path}")
    there = "" if directory == Path() else f"cd {directory} && "
    click.echo(f"next:   {there}spicy build specs/fox_owl.yaml")


@click.command(context_settings=HELP)
@click.argument("concept")
@click.option("--ref", "refs", multiple=True, metavar="NAME=FILE", help="A character's reference picture.")
@click.option("--title", help="The film's title.")
@click.option("--style", help="The style lock.")
@click.option("--scenes", type=click.IntRange(1, 999), help="How many scenes.")
@click.option("--recipe", help="A recipe's name.")
@click.option("--aspect-ratio", help="Such as 16:9 or 9:16.")
@click.option(
    "--budget", type=click.FloatRange(min=0, min_open=True), metavar="USD", help="A cap for one build."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The spec file to write.")
@click.option("--build", "then_build", is_flag=True, help="Build it at once.")
@click.option("--provider", metavar="NAME", help="Who answers calls, with --build.")
@click.pass_context
def new(
    ctx: click.Context,
    concept: str,
    refs: Sequence[str],
    title: str | None,
    style: str | None,
    scenes: int | None,
    recipe: str | None,
    aspect_ratio: str | None,
    budget: float | None,
    out: Path | None,
    then_build: bool,
    provider: str | None,
) -> None:
    """Write a spec from CONCEPT, ready to build and to edit."""
    from spicy.files import write_whole

    path = out or Path("specs") / f"{_short_name(title or concept)}.yaml"
    if path.exists():
        raise UsageError(f"{path} exists; give another name with --out, or edit it")
    values: dict[str, object] = {
        "concept": concept,
        "title": title,
        "recipe": recipe,
        "style": style,
        "aspect_ratio": aspect_ratio,
        "refs": _refs(refs, path) or None,
        "scenes": scenes,
        "budget": budget,
    }
    write_whole(path, _yaml({key: value for key, value in values.items() if value is not None}).encode())
    try:
        with open_project([path], provider):
            click.echo(f"wrote {path}", err=then_build)
    except BaseException:
        path.unlink()  # a spec with mistakes is not left behind
        raise
    if then_build:
        from spicy.cli.build import build

        ctx.invoke(build, specs=(path,), provider=provider)


def _short_name(text: str) -> str:
    from spicy.slug import slug

    return "_".join(slug(text).split("-")[:6])


def _refs(refs: Sequence[str], spec: Path) -> dict[str, str]:
    found = {}
    for text in refs:
        name, equals, file = text.partition("=")
        if not (equals and name.strip() and file.strip()):
            raise UsageError(f"--ref takes NAME=FILE, as in --ref Alex=photos/alex.jpg, not `{text}`")
        if name.strip() in found:
            raise UsageError(f"--ref names {name.strip()} twice")
        target = Path(file.strip()).absolute()
        found[name.strip()] = Path(os.path.relpath(target, spec.absolute().parent)).as_posix()
    return found


def _yaml(values: dict[str, object]) -> str:
    from spicy.spec.edit import dump

    return dump(values)


@click.command(context_settings=HELP)
@click.argument("spec", type=click.Path(path_type=Path))
@provider_option
def freeze(spec: Path, provider: str | None) -> None:
    """Write the ideated story back into SPEC, keeping its comments, so that it is yours to edit.

    A build afterwards finds nothing to do: what was made stays valid.
    """
    from spicy.spec.edit import merge_text
    from spicy.story.yaml_out import story_yaml

    with open_project([spec], provider) as project:
        film = project.films[0]
        if film.told is None:
            raise UsageError(f"the story of {film.name} is not written yet; build it first")
        if not film.spec.needs_ideation:
            click.echo(f"{film.spec.path}: everything is written already")
            return
        folder = os.path.relpath(spec.absolute().parent)
        # What refs and overrides said is in the characters and scenes now.
        merge_text(spec, story_yaml(film.told.story, Path(folder).as_posix()), remove=("refs", "overrides"))
    click.echo(f"{spec}: the story is written in full; edit it and build again")
