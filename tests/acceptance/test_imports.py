"""What is not needed is not loaded: help is instant, and a build with nothing to do stays light."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.acceptance.films import WRITTEN
from tests.conftest import Project, child_environment

HEAVY = {"xai_sdk", "grpc", "av", "PIL", "numpy", "fastapi", "doit", "rich", "sqlite3"}


def loaded(project: Project, *args: str) -> set[str]:
    """The top-level modules that `spicy ARGS` has loaded when it ends."""
    code = (
        "import json, sys\n"
        "from spicy.cli import main\n"
        f"sys.argv = ['spicy', *{list(args)!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('LOADED', json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout.rpartition("LOADED ")[2]))


def test_help_loads_next_to_nothing(project: Project) -> None:
    assert not loaded(project, "--help") & (HEAVY | {"pydantic", "jinja2", "yaml"})


def test_a_build_with_nothing_to_do_loads_no_tools(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    assert project.spicy("build", "oak.yaml").code == 0
    assert not loaded(project, "build", "-q", "oak.yaml") & (HEAVY - {"sqlite3"})
