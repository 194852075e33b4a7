"""Reading a recipe: its `extends` chain merged, its templates read, every mistake of it at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spicy.errors import Problem, SpecError, UsageError
from spicy.recipe.model import Recipe, RecipeText, Template, in_ticks
from spicy.spec.positions import Document, Value
from spicy.spec.positions import Path as Keys
from spicy.spec.suggest import unknown
from spicy.spec.validation import Mistake, check
from spicy.spec.yaml import MOST_BYTES, read_yaml

_PACKAGE = Path(__file__).resolve().parent.parent


def load_recipe(name: str, root: Path, *, complain: Callable[[str], Problem] | None = None) -> Recipe:
    """Read recipe `name`, the project's own (`root`/recipes) before the built-in one.

    Raises SpecError with every mistake in its files. A recipe that does not exist is a UsageError, or
    with `complain` a SpecError at the place that names it.
    """
    root = Path(os.path.abspath(root))
    file = _find(name, root, ())
    if file is None:
        said = unknown("recipe", name, recipe_names(root), list_as="the recipes are")
        raise SpecError([complain(said)]) if complain else UsageError(said)
    layers = _chain(file, root)
    data: dict[str, Value] = {}
    for layer in reversed(layers):
        data = _merged(data, layer.document.data)
    data.pop("extends", None)
    checked = check(RecipeText, data)
    problems = [p for layer in layers for p in layer.document.problems]
    problems += [_problem(layers, mistake) for mistake in checked.mistakes]
    if checked.value is None:
        raise SpecError(problems)
    reader = _Templates(layers, checked.value)
    recipe = _recipe(name, checked.value, reader.read())
    if problems := [*problems, *reader.problems, *_unknown_models(layers, recipe)]:
        raise SpecError(problems)
    return recipe


def recipe_names(root: Path) -> list[str]:
    """The names of all recipes, the project's own first."""
    files = [f for folder in (root / "recipes", built_in_folder()) for f in sorted(folder.glob("*.yaml"))]
    return list(dict.fromkeys(f.stem for f in files))


def built_in_folder() -> Path:
    """Where the recipes that come with spicy are: inside the wheel, or at the top of a checkout."""
    packaged = _PACKAGE / "_recipes"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "recipes"


@dataclass(frozen=True, slots=True)
class _Layer:
    """One file of an `extends` chain."""

    name: str
    file: Path
    document: Document


def _find(name: str, root: Path, chain: Sequence[Path]) -> Path | None:
    """The file of a recipe that is not in `chain`; what a built-in recipe extends is built in too."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        return None
    folders = [root / "recipes", built_in_folder()]
    if chain and chain[-1].parent == folders[1].resolve():
        folders = folders[1:]
    files = [(folder / f"{name}.yaml").resolve() for folder in folders]
    return next((f for f in files if f not in chain and f.is_file()), None)


def _chain(file: Path, root: Path) -> list[_Layer]:
    layers: list[_Layer] = []
    while True:
        layer = _Layer(file.stem, file, read_yaml(file, _shown(file, root)))
        layers.append(layer)
        extends = layer.document.data.get("extends")
        if extends is None:
            return layers
        if not isinstance(extends, str):
            raise SpecError([layer.document.problem(("extends",), "expected the name of a recipe")])
        below = _find(extends, root, [e.file for e in layers])
        if below is None:
            raise SpecError([layer.document.problem(("extends",), _no_base(extends, layers, root))])
        file = below


def _no_base(extends: str, layers: Sequence[_Layer], root: Path) -> str:
    names = [e.name for e in layers]
    if extends in names:
        return f"the recipe extends itself: {' → '.join([*names[names.index(extends) :], extends])}"
    return unknown("recipe", extends, recipe_names(root), list_as="the recipes are")


def _shown(file: Path, root: Path) -> str:
    root = root.resolve()
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _merged(below: dict[str, Value], above: dict[str, Value]) -> dict[str, Value]:
    """Lay one mapping over another: mappings merge, lists and plain values replace."""
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        out[key] = _merged(under, value) if isinstance(value, dict) and isinstance(under, dict) else value
    return out


def _writer(layers: Sequence[_Layer], path: Keys) -> _Layer | None:
    """The topmost layer that says something at `path`, and so the one whose word counts."""
    return next((e for e in layers if e.document.places.has(path)), None)


def _problem(layers: Sequence[_Layer], mistake: Mistake) -> Problem:
    layer = _writer(layers, mistake.path) or _writer(layers, mistake.path[:-1]) or layers[0]
    place = layer.document.key_problem if mistake.at_key else layer.document.problem
    return place(mistake.path, mistake.message)


def _unknown_models(layers: Sequence[_Layer], recipe: Recipe) -> list[Problem]:
    return [
        _problem(layers, Mistake(("models", provider, role), f"`{model}` has no entry in the price table"))
        for provider, models in recipe.models.items()
        for role, model in models
        if model not in recipe.prices
    ]


class _Templates:
    """Reads the prompt files of a recipe, each from the folder of the file that names it."""

    def __init__(self, layers: Sequence[_Layer], text: RecipeText) -> None:
        self._layers, self._text = layers, text
        self.problems: list[Problem] = []

    def read(self) -> dict[str, Template]:
        """All templates, by prompt and by `provider/prompt`."""
        named: dict[str, tuple[Keys, str]] = {p: (("prompts", p), file) for p, file in self._text.prompts}
        for provider, prompts in self._text.provider_prompts.items():
            for prompt, file in prompts:
                if file is not None:
                    named[f"{provider}/{prompt}"] = (("provider_prompts", provider, prompt), file)
        templates = {key: self._read(path, file) for key, (path, file) in named.items()}
        return {key: template for key, template in templates.items() if template is not None}

    def _read(self, path: Keys, written: str) -> Template | None:
        layer = _writer(self._layers, path) or self._layers[0]
        try:
            text = _text(layer.file.parent, written)
        except (OSError, ValueError) as e:
            message = f"{written} cannot be read: {e.strerror}" if isinstance(e, OSError) else str(e)
            self.problems.append(_problem(self._layers, Mistake(path, message)))
            return None
        shown = Path(layer.document.file).parent / written
        return Template(shown.as_posix(), text)


def _text(folder: Path, written: str) -> str:
    """The text of a prompt file; raises ValueError for one that a recipe may not name."""
    if "\0" in written:
        raise ValueError("a file name cannot hold the character U+0000")
    file = (folder / written).resolve()
    if not file.is_relative_to(folder):
        raise ValueError(f"{written} lies outside the recipe's folder")
    if not file.is_file():
        raise ValueError(f"no such file: {written}")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{written} is larger than 1 MiB")
    try:
        return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as e:
        raise ValueError(f"{written} is not UTF-8") from e


def _recipe(name: str, text: RecipeText, templates: dict[str, Template]) -> Recipe:
    return Recipe(
        name=name,
        models=text.models,
        story=text.story,
        verify=text.verify,
        limits=text.limits,
        output=text.output,
        assembly=text.assembly,
        rates=text.rates,
        prices_as_of=text.prices.as_of,
        prices={model: in_ticks(price) for model, price in text.prices.models.items()},
        templates=templates,
    )
