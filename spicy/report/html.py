"""The report: a film's manifest as a storyboard book in one HTML file that fetches nothing from outside.

Pictures are inlined small; clips and the final film are played from the files beside the report. Every
text that came from a spec or a provider is escaped by Jinja2 and set with its own writing direction.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from spicy.canonical_json import Json
from spicy.errors import StoreError
from spicy.ids import usd
from spicy.report.manifest import VERSION
from spicy.report.pictures import Thumbnail, inside, size_for, thumbnail

if TYPE_CHECKING:
    from jinja2 import Template

MOST_POSTERS = 120
"""Browsers load every poster at once; a longer film's players go without."""


def render_report(manifest: Mapping[str, Json], film_dir: Path) -> str:
    """Write `manifest` as HTML; pictures are read from `film_dir`, where the report is to stand.

    A picture that cannot be read is shown as missing. Raises StoreError for a manifest of another version.
    """
    if manifest.get("spicy") != VERSION:
        found = manifest.get("spicy")
        raise StoreError(f"the manifest has version {found!r}, this spicy reads {VERSION}: build again")
    cast, scenes = _count(manifest, "characters"), _count(manifest, "scenes")
    size = size_for(cast + scenes)

    def thumb(path: object) -> Thumbnail | None:
        known = inside(path)
        return thumbnail(film_dir / known, size) if known else None

    text = _template().render(
        film=manifest,
        thumb=functools.lru_cache(maxsize=8)(thumb),
        posters=scenes <= MOST_POSTERS,
        ratio=_ratio(manifest),
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair must not stop the writing


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spicy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(usd=usd, took=took, clock=clock, link=link, brief=brief)
    return environment.get_template("report.html.j2")


def _count(manifest: Mapping[str, Json], name: str) -> int:
    found = manifest.get(name)
    return len(found) if isinstance(found, list | tuple) else 0


def _ratio(manifest: Mapping[str, Json]) -> tuple[int, int]:
    """The film's shape; 16:9 when the story's is not two numbers."""
    story = manifest.get("story")
    text = str(story.get("aspect_ratio", "")) if isinstance(story, Mapping) else ""
    wide, _, high = text.partition(":")
    if wide.isascii() and wide.isdigit() and high.isascii() and high.isdigit() and int(wide) and int(high):
        return int(wide), int(high)
    return 16, 9


def link(path: object) -> str:
    """A relative URL of a file in the film's folder; `#` when the path leaves it."""
    known = inside(path)
    return quote(known, safe="/") if known else "#"


def brief(text: str, most: int) -> str:
    """`text` cut at a word to at most `most` characters, with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    word = cut.rpartition(" ")[0]
    return (word if len(word) > most // 2 else cut).rstrip() + "…"


def took(seconds: float) -> str:
    """A duration in words: `3.2 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """A length as a player shows it: `0:24`, `1:02:03`."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
