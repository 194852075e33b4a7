"""`spicy init`, `spicy new`, `spicy freeze`: getting a spec, and making it one's own."""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spicy.cli.options import HELP, open_project, provider_option
from spicy.errors import SpecError, UsageError

if TYPE_CHECKING:
    from spicy.spec.edit import SpecEdit
    from spicy.spec.model import CharacterChanges, SceneChanges, Spec

_DODO = 'from spicy.dodo import films\nglobals().update(films("specs/*.yaml"))\n'
_IGNORE = "/build/\n.doit.db*\n.env\n"
_SPEC = """\
# A film needs no more than its concept; `spicy build specs/{name}.yaml` makes it.
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
    from spicy.engine.spec_files import written

    texts = {"dodo.py": _DODO, "specs/fox_owl.yaml": _SPEC.format(name="fox_owl"), ".gitignore": _IGNORE}
    files = {directory / name: text.encode() for name, text in texts.items()}
    new_files = {path: data for path, data in files.items() if not path.exists()}
    with written(new_files):
        for path in files:
            click.echo(f"{'wrote' if path in new_files else 'kept '}   {path}")
    there = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
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
@click.option("--serve", is_flag=True, help="Build it at once, and open the dashboard beside the build.")
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
    serve: bool,
    provider: str | None,
) -> None:
    """Write a spec from CONCEPT, ready to build and to edit."""
    from spicy.engine.spec_files import short_name, write_spec

    if serve:
        from spicy.cli.serve import need_web

        need_web("--serve")
    if not concept.strip():
        raise UsageError("CONCEPT is empty: say in a sentence what the film is about")
    path = out or Path("specs") / f"{short_name(title or concept)}.yaml"
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

    def check() -> None:
        with open_project([path], provider):
            pass  # a spec with mistakes is not left behind

    try:
        write_spec(path, values, {}, check)
    except SpecError as error:
        said = "; ".join(problem.message for problem in error.problems)
        raise UsageError(f"{path} is not written: {said}") from error
    click.echo(f"wrote   {path}", err=then_build or serve)
    if then_build or serve:
        from spicy.cli.build import build

        ctx.invoke(build, specs=(path,), provider=provider, serve=serve)
    else:
        click.echo(f"next:   spicy build {shlex.quote(str(path))}")


def _refs(refs: Sequence[str], spec: Path) -> dict[str, str]:
    found = {}
    for text in refs:
        name, equals, file = text.partition("=")
        if not (equals and name.strip() and file.strip()):
            raise UsageError(f"--ref takes NAME=FILE, as in --ref Alex=photos/alex.jpg, not `{text}`")
        if name.strip() in found:
            raise UsageError(f"--ref names {name.strip()} twice")
        target = Path(file.strip()).absolute()
        if not target.is_file():
            raise UsageError(f"--ref {text}: {'not a file' if target.exists() else 'no such file'}")
        found[name.strip()] = Path(os.path.relpath(target, spec.absolute().parent)).as_posix()
    return found


@click.command(context_settings=HELP)
@click.argument("spec", type=click.Path(path_type=Path))
@provider_option
def freeze(spec: Path, provider: str | None) -> None:
    """Write the ideated story back into SPEC, keeping its comments, so that it is yours to edit.

    A build afterwards finds nothing to do: what was made stays valid.
    """
    from spicy.spec.edit import SpecEdit
    from spicy.story.yaml_out import story_yaml

    with open_project([spec], provider) as project:
        film = project.films[0]
        if film.told is None:
            raise UsageError(f"the story of {film.name} is not written yet; build it first")
        if not film.spec.needs_ideation:
            click.echo(f"{film.spec.path}: everything is written already")
            return
        folder = Path(os.path.relpath(spec.absolute().parent)).as_posix()
        edit = SpecEdit(spec)
        _write_story(edit, film.spec, story_yaml(film.told.story, folder))
        edit.save(Path.cwd())
    click.echo(f"{spec}: the story is written in full; edit it and build again")


def _write_story(edit: SpecEdit, spec: Spec, text: str) -> None:
    """Give a spec what only its story says; what the user wrote is touched where an override changes it."""
    from spicy.spec.model import scene_at

    blocks = {block.partition(":")[0]: block for block in re.split(r"(?m)^(?=\w)", text) if block}
    for key in ("title", "style", "palette", "aspect_ratio"):
        if key in blocks and not getattr(spec, key):
            edit.put(key, blocks[key])
    characters, scenes = (_items(blocks[key]) for key in ("characters", "scenes"))
    if not spec.characters:
        edit.put("characters", blocks["characters"])
    else:
        for n, c in enumerate(spec.characters):
            changes = spec.overrides.characters.get(c.name)
            _write_item(edit, ("characters", n), changes, characters[n], "" if c.ref else "ref")
        if len(characters) > len(spec.characters):
            edit.append(("characters",), characters[len(spec.characters) :])
    if not isinstance(spec.scenes, tuple):
        edit.put("scenes", blocks["scenes"])
    else:
        ids = [s.id for s in spec.scenes]
        for key, changed in spec.overrides.scenes.items():
            if (at := scene_at(key, ids)) is not None:
                _write_item(edit, ("scenes", at), changed, scenes[at])
    # What these said is in the characters and scenes now.
    edit.remove("refs")
    edit.remove("overrides")


def _items(block: str) -> list[str]:
    """The items of a list in `story_yaml`'s layout, each as a text that begins with its dash."""
    return [textwrap.dedent(item) for item in re.split(r"(?m)^(?=  - )", block)[1:]]


def _write_item(
    edit: SpecEdit,
    path: tuple[str | int, ...],
    changes: CharacterChanges | SceneChanges | None,
    item: str,
    also: str = "",
) -> None:
    """Set the fields of a written character or scene that `changes` speaks of, and `also` if the story has it."""
    from spicy.spec.yaml import parse_yaml

    resolved = parse_yaml("item:\n" + item, "story").data["item"]
    fields = resolved[0] if isinstance(resolved, list) and isinstance(resolved[0], dict) else {}
    for key, value in changes or ():
        if value is not None:
            edit.set((*path, key), fields.get(key, list(value) if isinstance(value, tuple) else value))
    if also in fields and getattr(changes, also, None) is None:
        edit.set((*path, also), fields[also])
