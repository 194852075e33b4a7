"""Reading a spec: one file in, one frozen `Spec` out, or every mistake of the file at once."""

from __future__ import annotations

import os
from pathlib import Path

from spicy.errors import Problem, SpecError
from spicy.ids import ticks
from spicy.slug import film_name
from spicy.spec.checks import Checks, bad_paths
from spicy.spec.inputs import Inputs, canonical_path
from spicy.spec.model import Overrides, Spec, SpecText
from spicy.spec.validation import salvage
from spicy.spec.yaml import read_yaml

CHARACTERS_PER_SCENE = 2
"""What a spec may ask for; a recipe may allow fewer, which `resolve_story` checks."""

_DOIT_COMMANDS = frozenset(
    [
        "auto",
        "clean",
        "dumpdb",
        "forget",
        "help",
        "ignore",
        "info",
        "list",
        "reset-dep",
        "run",
        "strace",
        "tabcompletion",
    ]
)


def load_spec(path: Path, root: Path, *, characters_per_scene: int = CHARACTERS_PER_SCENE) -> Spec:
    """Read the spec at `path`; `root` is the working directory, which relative paths start from.

    Raises SpecError with every mistake in the file.
    """
    root = Path(os.path.abspath(root))
    path = Path(os.path.normpath(root / path))
    shown = canonical_path(str(path), root)
    film, problems = film_name(path), []
    if film in _DOIT_COMMANDS:
        advice = f"rename the file, for example to {film}_film{path.suffix}"
        problems.append(
            Problem(shown, 0, 0, f"a film cannot be called `{film}`, like a command of doit; {advice}")
        )
    try:
        document = read_yaml(path, shown)
    except SpecError as e:
        raise SpecError([*problems, *e.problems]) from e
    problems += document.problems
    checked = salvage(SpecText, document)
    for mistake in checked.mistakes:
        place = document.key_problem if mistake.at_key else document.problem
        problems.append(place(mistake.path, mistake.message))
    if checked.value is None:
        raise SpecError(problems)
    text = checked.value
    checks = Checks(
        document, text, bad_paths(checked.mistakes), Inputs(path.parent, root), characters_per_scene
    )
    characters, scenes, refs = checks.characters(), checks.scenes(), checks.refs()
    overrides = checks.overrides()
    checks.whole()
    if problems := [*problems, *checks.problems]:
        raise SpecError(problems)
    return Spec(
        film=film,
        path=shown,
        concept=text.concept or None,
        title=text.title or None,
        recipe=text.recipe or "default",
        style=text.style or None,
        palette=text.palette or None,
        aspect_ratio=text.aspect_ratio,
        refs=refs,
        scenes=scenes,
        characters=characters,
        budget=ticks(text.budget) if text.budget is not None else None,
        take=text.take or 1,
        overrides=Overrides(*overrides),
        needs_ideation=checks.needs_ideation,
        document=document,
    )
