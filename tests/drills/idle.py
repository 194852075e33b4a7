"""A build in a loop with nothing to do: no file, no byte and no process may be left by it.

python -m tests.drills.idle [--runs 200]
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click

from tests.drills.studio import Studio, film, studio

FIRST = 10
"""How many builds at each end are compared, because one alone is noise."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What many builds with nothing stale did."""

    seconds: Sequence[float]
    grown: Mapping[str, tuple[int, int]]
    """Every file that is new, gone, or of another size, with its bytes before and after (-1: not there)."""
    left: Sequence[str]
    """Processes that outlived their build."""
    files: int
    accepted: int
    """Submissions that any of them made."""

    @property
    def clean(self) -> bool:
        """Whether nothing was left at all."""
        return not (self.grown or self.left or self.accepted)


def snapshot(*folders: Path) -> dict[str, int]:
    """Every file below the folders, with its size."""
    files = (f for folder in folders for f in folder.rglob("*") if f.is_file())
    return {str(f): f.stat().st_size for f in files}


def processes(*names: str) -> list[str]:
    """Processes whose command line has one of these names in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if any(name in words for name in names):
            found.append(f"{entry.name}: {words}")
    return found


def idle(runs: int, *, scenes: int = 6, seed: int = 0) -> Idle:
    """Build a film, then again and again with nothing stale."""
    with studio(seed=seed) as place:
        spec = f"idle-{os.getpid()}.yaml"
        place.project.write(spec, film(scenes))
        _build(place, spec)
        # The second build is the first with nothing to do; it may still note what the first one wrote.
        _build(place, spec)
        accepted = len(place.emulator.accepted)
        before = snapshot(place.project.root, place.home)
        seconds = [_build(place, spec) for _ in range(runs)]
        after = snapshot(place.project.root, place.home)
        changed = {
            path: (before.get(path, -1), after.get(path, -1))
            for path in sorted({*before, *after})
            if before.get(path) != after.get(path)
        }
        left = processes(spec, str(place.project.root.parent))
        return Idle(seconds, changed, left, len(after), len(place.emulator.accepted) - accepted)


def _build(place: Studio, spec: str) -> float:
    began = time.monotonic()
    ran = place.project.spicy("build", spec, "-q")
    seconds = time.monotonic() - began
    assert ran.code == 0, ran.err
    return seconds


@click.command()
@click.option("--runs", default=200)
@click.option("--scenes", default=6)
@click.option("--seed", default=0)
def main(runs: int, scenes: int, seed: int) -> None:
    """Count what builds with nothing to do leave behind."""
    done = idle(runs, scenes=scenes, seed=seed)
    first, last = median(done.seconds[:FIRST]), median(done.seconds[-FIRST:])
    click.echo(
        f"{runs} builds with nothing stale: {done.files} files before and after,"
        f" {len(done.grown)} changed in size, {len(done.left)} processes left, {done.accepted} submissions"
    )
    click.echo(f"median of the first {FIRST} {first:.3f} s, of the last {FIRST} {last:.3f} s")
    for path, (was, now) in done.grown.items():
        click.echo(f"  {path}: {was} -> {now} bytes")
    for process in done.left:
        click.echo(f"  still running: {process}")
    if not done.clean:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
