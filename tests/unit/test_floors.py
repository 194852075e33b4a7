"""Check that imports point down: each package of spicy is in a layer and imports only what it may.

The whole import graph is checked, including imports inside functions and under TYPE_CHECKING. To allow a new
package or a new import, change the two tables below.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import spicy

PACKAGE = Path(spicy.__file__).parent

WORDS = frozenset({"errors", "ids", "canonical_json", "slug", "files", "core_dumps"})
TEXT = WORDS | {"spec", "recipe", "story", "settings"}
VALUES = WORDS | {"ports", "events"}
MEDIA = VALUES | {"media"}
TOOLS = frozenset({"store", "providers", "sinks", "report", "jobs", "runs"})
BELOW_STEPS = TEXT | VALUES | MEDIA | {"plan"}
BELOW_ENGINE = BELOW_STEPS | TOOLS | {"steps"}
BELOW_RUNNER = BELOW_ENGINE | {"engine"}
BELOW_FACES = BELOW_RUNNER | {"runner", "serving"}

# The packages that each package may import, layer by layer. Modules directly below `spicy` count too.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    # 0 basics
    **dict.fromkeys(WORDS, WORDS),
    # 1 text
    "spec": TEXT,
    "recipe": TEXT,
    "story": TEXT | {"ports"},  # the JSON Schemas of answers are values of `ports`
    "settings": TEXT,
    # 2 plan: pure, but needs calls to price them
    "plan": TEXT | {"ports"},
    # 3 ports
    "ports": WORDS,
    "events": WORDS | {"story"},  # an event contains the story
    # 4 tools: they do not import each other; all may use media
    "media": VALUES,
    **dict.fromkeys(TOOLS, MEDIA | {"story"}),
    # 5 engine
    "steps": BELOW_STEPS,
    "engine": BELOW_ENGINE,
    # 6 runner, and serving for jobs; they do not import each other
    "runner": BELOW_RUNNER,
    "serving": BELOW_RUNNER,
    # 7 interfaces; the command line starts the web server
    "web": BELOW_FACES,
    "cli": BELOW_FACES | {"web"},
    "dodo": BELOW_FACES,
    "__main__": frozenset({"cli"}),
    "__init__": frozenset(),
    # outside the layers: imports nothing of spicy
    "emulator": frozenset(),
}

# External libraries, and the only packages that may import them.
ONLY_IMPORTED_BY: Mapping[str, frozenset[str]] = {
    "doit": frozenset({"runner"}),
    "xai_sdk": frozenset({"providers", "emulator"}),
    "grpc": frozenset({"providers", "emulator"}),
    "sqlite3": frozenset({"store", "jobs", "runs"}),
    "subprocess": frozenset({"media", "serving"}),
    "av": frozenset({"media", "providers", "emulator"}),
    "PIL": frozenset({"media", "providers", "report", "emulator"}),
    "fastapi": frozenset({"web"}),
    "uvicorn": frozenset({"web"}),
    "starlette": frozenset({"web"}),
    "click": frozenset({"cli"}),
    "rich": frozenset({"cli", "sinks"}),
}


def modules() -> dict[str, Path]:
    """Return every module of spicy by its dotted name."""
    out = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ["spicy", *path.relative_to(PACKAGE).with_suffix("").parts]
        out[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return out


MODULES = modules()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import in a module, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if name in MODULES else node.module) for name in whole)


def room_of(module: str) -> str:
    """Return the package of a module: `store` for `spicy.store.ledger`, `__init__` for `spicy` itself."""
    return [*module.split("."), "__init__"][1]


def rooms() -> list[str]:
    """Return the names of all packages, sorted."""
    return sorted({room_of(name) for name in MODULES})


def arrows(room: str) -> Iterator[tuple[str, str]]:
    """Yield `file:line` and the dotted name of every import in a package."""
    for name, path in MODULES.items():
        if room_of(name) == room:
            for line, target in imports(path):
                yield f"{path.relative_to(PACKAGE.parent)}:{line}", target


def cycle(graph: Mapping[str, Iterable[str]]) -> str:
    """Return the first cycle of a graph as `a → b → a`, or an empty string."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return " → ".join(reversed(found.args[1]))
    return ""


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    assert room in MAY_IMPORT, f"the new package spicy/{room} needs a layer: add it to MAY_IMPORT"
    allowed = MAY_IMPORT[room] | {room, "__init__"}
    wrong = [
        f"{place}: {room} may not import {target}"
        for place, target in arrows(room)
        if target.split(".")[0] == "spicy" and room_of(target) not in allowed
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("room", rooms())
def test_the_outside_world_is_met_only_in_its_own_room(room: str) -> None:
    wrong = [
        f"{place}: only {', '.join(sorted(ONLY_IMPORTED_BY[top]))} may import {top}"
        for place, target in arrows(room)
        if room not in ONLY_IMPORTED_BY.get(top := target.split(".")[0], {room})
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_rooms_do_not_import_in_circles() -> None:
    graph = {
        room: {room_of(t) for _, t in arrows(room) if t.startswith("spicy.")} - {room} for room in rooms()
    }
    assert not cycle(graph)


def test_modules_do_not_import_in_circles() -> None:
    """Inside packages too; an import inside a function or under TYPE_CHECKING hides a circle, it does not open it."""
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        targets = {target for _, target in imports(path)} & set(MODULES)
        graph[name] = targets - {name}
    assert not cycle(graph)


MOST_MODULES = 15
"""A folder with more modules than this is split."""


def test_folders_are_small() -> None:
    folders = Counter(
        path.parent.relative_to(PACKAGE.parent).as_posix()
        for path in MODULES.values()
        if path.stem != "__init__"
    )
    assert not {folder: count for folder, count in folders.items() if count > MOST_MODULES}


def test_the_tables_name_no_room_twice_and_allow_no_circle() -> None:
    known = set(MAY_IMPORT)
    assert {room for allowed in MAY_IMPORT.values() for room in allowed} <= known
    apart = WORDS | {
        "spec",
        "recipe",
        "story",
        "settings",
    }  # cycles here show in the real graph, tested above
    assert not cycle({room: MAY_IMPORT[room] - {room} for room in known - apart})


def test_nothing_heavy_is_loaded_by_the_package_itself() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_every_import_is_of_the_standard_library_a_dependency_or_spicy() -> None:
    declared = {
        "anyascii", "av", "click", "doit", "fastapi", "filelock", "google", "grpc", "imageio_ffmpeg", "jinja2", "numpy",
        "PIL", "platformdirs", "pydantic", "dotenv", "requests", "rich", "spicy", "starlette", "uvicorn",
        "xai_sdk", "yaml",
    }  # fmt: skip
    wrong = [
        f"{place}: {target} is not a dependency of spicy"
        for room in rooms()
        for place, target in arrows(room)
        if target.split(".")[0] not in declared | set(sys.stdlib_module_names)
    ]
    assert not wrong, "\n" + "\n".join(wrong)
