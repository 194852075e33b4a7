"""`spicy doctor`: is everything there that a build needs?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from spicy.cli.options import HELP
from spicy.errors import SpicyError
from spicy.settings import Settings


@click.command(context_settings=HELP)
def doctor() -> None:
    """Check ffmpeg, provider, key, store and disk. Exit 1 if a build could not work."""
    from spicy.settings import read_settings

    settings = read_settings()
    checks: dict[str, Callable[[Settings], str]] = {
        "ffmpeg": _ffmpeg,
        "provider": _provider,
        "store": _store,
        "build": _build,
        "yaml": _yaml,
    }
    bad = False
    for name, check in checks.items():
        try:
            mark, text = click.style("ok ", fg="green"), check(settings)
        except (SpicyError, OSError) as error:
            mark, text, bad = click.style("bad", fg="red"), str(error), True
        click.echo(f"{mark} {name:<9} {text}")
    if bad:
        sys.exit(1)


def _ffmpeg(settings: Settings) -> str:
    from spicy.media.ffmpeg import ffmpeg_version, find_ffmpeg

    path = find_ffmpeg()
    return f"{path} ({ffmpeg_version(path)})"


def _provider(settings: Settings) -> str:
    from spicy.engine.bootstrap import check_provider, choose_provider
    from spicy.recipe.load import load_recipe

    name, notice = choose_provider(None, settings)
    return notice or check_provider(name, settings, load_recipe("default", Path.cwd()))


def _store(settings: Settings) -> str:
    from spicy.engine.bootstrap import open_store

    store = open_store(settings)
    store.prepare()
    probe = store.temporary("doctor")
    probe.write_bytes(b"ok")
    probe.unlink()
    store.close()
    return f"{store.root}, {_free(store.root)}"


def _build(settings: Settings) -> str:
    folder = settings.build_dir
    while not folder.exists():
        folder = folder.absolute().parent
    probe = folder / ".spicy-doctor"
    probe.write_bytes(b"ok")
    probe.unlink()
    return f"{settings.build_dir} can be written, {_free(folder)}"


def _free(path: Path) -> str:
    return f"{shutil.disk_usage(path).free / 1e9:.0f} GB free"


def _yaml(settings: Settings) -> str:
    from spicy.spec.yaml import has_libyaml

    return "libyaml" if has_libyaml() else "pure Python: works, but big specs load slowly"
