"""Arguments and options that several commands share, and opening a project with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spicy.engine.project import Film
    from spicy.settings import Settings
    from spicy.store.store import Store

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"]}


def specs_argument(function: F) -> F:
    """SPEC…: one or more spec files."""
    return click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path))(function)


def provider_option(function: F) -> F:
    """--provider."""
    return click.option("--provider", metavar="NAME", help="Who answers calls: xai or animatic.")(function)


def json_option(function: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")(function)


@dataclass(frozen=True, slots=True)
class Project:
    """Settings, store and films of one command."""

    settings: Settings
    store: Store
    provider: str
    notice: str | None
    films: list[Film]


@contextmanager
def open_project(specs: Sequence[Path], provider: str | None, *, to_plan: bool = False) -> Iterator[Project]:
    """Read settings and specs and open the store; raises SpecError or UsageError before anything is spent."""
    from spicy.engine.bootstrap import choose_provider, open_store
    from spicy.engine.project import load_films
    from spicy.settings import read_settings

    settings = read_settings()
    name, notice = choose_provider(provider, settings, to_plan=to_plan)
    store = open_store(settings)
    try:
        films = load_films(specs, Path.cwd(), name, settings.build_dir.as_posix(), store)
        yield Project(settings, store, name, notice, films)
    finally:
        store.close()
