"""Check the coding rules that can be checked automatically."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spicy

PACKAGE = Path(spicy.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FACES = {"cli", "emulator"}
"""The packages that may print to a terminal."""

LONGEST_FUNCTION = 80
LONGEST_MODULE = 500

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree_of(path: Path) -> ast.Module:
    """Return the parsed module."""
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, node: ast.AST) -> str:
    """Return `file:line`, such as `spicy/ids.py:12`, which editors can open."""
    return f"{path.relative_to(PACKAGE.parent)}:{getattr(node, 'lineno', 1)}"


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield the public classes and functions of a body, and those inside its public classes."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{node.name}.")


def functions(path: Path) -> Iterator[Function]:
    """Return every function of a module, including nested ones."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def complain(found: Callable[[Path], Iterator[str]]) -> None:
    """Report all complaints about all modules in one assertion."""
    wrong = [message for path in MODULES for message in found(path)]
    assert not wrong, "\n" + "\n".join(wrong)


def is_override(node: Definition) -> bool:
    """Return True if a decorator marks the definition as an override, an overload or a setter."""
    names = {ast.unparse(d).split(".")[-1] for d in node.decorator_list}
    return bool(names & {"override", "overload", "setter"})


def test_everything_public_says_why_it_exists() -> None:
    def found(path: Path) -> Iterator[str]:
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            yield f"{place(path, tree)}: the module has no docstring"
        for name, node in public(tree.body):
            if not ast.get_docstring(node) and not is_override(node):
                yield f"{place(path, node)}: {name} has no docstring"

    complain(found)


def test_functions_are_short() -> None:
    def found(path: Path) -> Iterator[str]:
        for node in functions(path):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{place(path, node)}: {node.name} has {lines} lines, at most {LONGEST_FUNCTION}"

    complain(found)


def test_modules_are_short() -> None:
    def found(path: Path) -> Iterator[str]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            yield f"{path.relative_to(PACKAGE.parent)}: {lines} lines, at most {LONGEST_MODULE}"

    complain(found)


def test_every_function_says_what_it_returns() -> None:
    def found(path: Path) -> Iterator[str]:
        for node in functions(path):
            if node.returns is None:
                yield f"{place(path, node)}: {node.name} has no return type"

    complain(found)


def test_only_the_faces_print() -> None:
    def found(path: Path) -> Iterator[str]:
        if path.relative_to(PACKAGE).with_suffix("").parts[0] in FACES:
            return
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield f"{place(path, node)}: print() below the faces; emit an event"

    complain(found)


def test_nothing_is_left_for_later() -> None:
    later = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]))

    def found(path: Path) -> Iterator[str]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if later.search(line):
                yield f"{path.relative_to(PACKAGE.parent)}:{number}: {line.strip()}"

    complain(found)


@pytest.mark.parametrize("name", ["utils", "helpers", "manager", "common", "misc"])
def test_no_module_is_named_after_nothing(name: str) -> None:
    assert not [path for path in MODULES if path.stem == name or path.parent.name == name]
