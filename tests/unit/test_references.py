"""The references explain everything that can be written in a spec or a recipe, and nothing that cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from spicy.recipe.load import load_recipe
from spicy.recipe.model import recipe_schema
from spicy.spec.load import load_spec
from spicy.spec.model import spec_schema
from tests.conftest import ROOT, Project

DOCS = ROOT / "docs"


def keys_of(schema: Mapping[str, Any]) -> Iterator[str]:
    """Every key that a JSON Schema knows, wherever it stands."""
    for part in [schema, *schema["$defs"].values()]:
        yield from part.get("properties", {})


def explained(page: str) -> set[str]:
    """The keys in the first column of a page's tables, without what stands before the last dot."""
    rows = re.findall(r"^\| (`[^|]+`) \|", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    return {name.rpartition(".")[2] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def examples(page: str, folder: str) -> Iterator[tuple[str, str]]:
    """The YAML files that a page shows whole, with the path that their first line gives."""
    text = (DOCS / page).read_text(encoding="utf-8")
    yield from re.findall(rf"```yaml\n(?=# ({folder}/[a-z_]+\.yaml))(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(("page", "schema"), [("spec.md", spec_schema()), ("recipe.md", recipe_schema())])
def test_every_key_is_explained_and_no_other(page: str, schema: dict[str, JsonValue]) -> None:
    assert explained(page) == set(keys_of(schema))


def test_the_specs_shown_have_no_mistakes(project: Project) -> None:
    for file in ("refs/fox.png", "art/sage.png", "art/oak.jpg", "footage/fireflies.mp4"):
        project.write(f"specs/{file}", "a picture, as far as the border looks")
    shown = list(examples("spec.md", "specs"))
    assert len(shown) == 3
    for path, text in shown:
        load_spec(project.write(path, text), project.root)


def test_the_recipes_shown_have_no_mistakes(project: Project) -> None:
    shown = list(examples("recipe.md", "recipes"))
    assert len(shown) == 1
    for path, text in shown:
        load_recipe(project.write(path, text).stem, project.root)
