"""The documents say everything: each command and option, setting, exit code, and key of spec and recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from spicy.cli import spicy
from spicy.recipe.load import load_recipe
from spicy.recipe.model import recipe_schema
from spicy.runner import session
from spicy.settings import ServerSettings, Settings
from spicy.spec.load import load_spec
from spicy.spec.model import spec_schema

ROOT = Path(__file__).parents[2]
COMMANDS = (ROOT / "docs/commands.md").read_text(encoding="utf-8")


def commands(group: click.Group, prefix: str = "spicy") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


@pytest.mark.parametrize(
    ("name", "command"), list(commands(spicy)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_is_written_down(name: str, command: click.Command) -> None:
    assert command.help
    heading = re.search(rf"^### .*`{name}\b", COMMANDS, re.M)
    assert heading
    section = COMMANDS[heading.start() :].partition("\n### ")[0]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{name} {parameter.opts}"
            assert any(re.search(rf"`(?:[^`]*, )?{option}\b", section) for option in parameter.opts), (
                parameter.opts
            )


def test_every_setting_is_written_down() -> None:
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        names = [alias] if isinstance(alias, str) else list(getattr(alias, "choices", []))
        assert names
        for name in names:
            assert f"`{name}`" in COMMANDS, name


def test_every_setting_of_the_server_is_written_down() -> None:
    text = (ROOT / "docs/serve.md").read_text(encoding="utf-8")
    for field in ServerSettings.model_fields.values():
        assert f"| `{field.validation_alias}` |" in text, field.validation_alias


def test_every_exit_code_is_written_down() -> None:
    codes = [value for name, value in vars(session).items() if name.startswith("EXIT_")]
    assert len(codes) == 5
    for code in codes:
        assert re.search(rf"^\| {code} \|", COMMANDS, re.M), code


def keys(schema: dict[str, object]) -> set[str]:
    """Every key that a JSON Schema knows, at any depth."""
    found: set[str] = set()
    if isinstance(properties := schema.get("properties"), dict):
        found |= set(properties)
    for value in schema.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found |= keys(item)
                found |= set().union(*(keys(v) for v in item.values() if isinstance(v, dict)))
    return found


@pytest.mark.parametrize(("file", "schema"), [("spec.md", spec_schema), ("recipe.md", recipe_schema)])
def test_every_key_is_written_down(file: str, schema: object) -> None:
    text = (ROOT / "docs" / file).read_text(encoding="utf-8")
    missing = [key for key in sorted(keys(schema())) if not re.search(rf"\b{key}\b", text)]  # type: ignore[operator]
    assert not missing


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_specs_that_ship_are_good(path: Path) -> None:
    spec = load_spec(path, ROOT)
    load_recipe(spec.recipe, ROOT)


def blocks(path: Path) -> Iterator[str]:
    yield from re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("name", ["README.md", "docs/spec.md"])
def test_the_yaml_in_the_documents_can_be_read(name: str) -> None:
    from spicy.spec.yaml import parse_yaml

    found = list(blocks(ROOT / name))
    assert found
    for text in found:
        assert not parse_yaml(text, name).problems


def test_readme_has_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -e . && spicy build specs/fox_owl.yaml" in text
    assert 'pip install -e ".[dev]" && pytest' in text
