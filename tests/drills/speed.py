"""How long a film takes beside what its provider takes, and what bounds many films.

    python -m tests.drills.speed critical [--runs 5] [--scenes 12] [--jobs 64]
    python -m tests.drills.speed throughput [--films 50] [--video 20 --image 40 --chat 100]

`critical`: the wall of the whole `spicy build` process, against the longest chain of the emulator's own latencies
(sheet, check, keyframe, check, clip, check). `throughput`: many films in one command under a rate limit, where the
limit has to be what bounds and the memory has to stay flat.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import click

from spicy.emulator.state import LATENCIES
from tests.drills.studio import Studio, film, studio

BOUND = 1.15
SHARE = 0.9
"""How much of the rate limit has to be used in the steady phase."""
GROWTH = 1.2
FREE = {"chat": 1000.0, "image": 1000.0, "video": 1000.0}
CHARACTERS = 2


class Broken(Exception):
    """The promise was broken; the words are the evidence."""


def critical_path(duration: int, time_scale: float) -> float:
    """Seconds of the longest chain of one scene: three checks, a sheet, a keyframe, and its clip."""
    stills = 2 * LATENCIES["image"]
    return (stills + 3 * LATENCIES["chat"] + LATENCIES["video"] * duration) * time_scale


def expected(scenes: int, films: int = 1) -> dict[str, int]:
    """What has to be accepted for films without a single retry: sheets, stills, clips, and a check of each."""
    stills = CHARACTERS + scenes
    return {"chat": films * (stills + scenes), "image": films * stills, "video": films * scenes}


@dataclass(frozen=True, slots=True)
class Critical:
    """One cold build beside its critical path, in seconds."""

    wall: float
    path: float
    polls: int
    cpu: float
    queued: float
    """Seconds that its threads, added up, could run and had no processor: what this machine's other work took."""

    @property
    def ratio(self) -> float:
        """How many times the critical path."""
        return self.wall / self.path


def critical(
    scenes: int, jobs: int, *, duration: int = 8, time_scale: float = 0.34, seed: int = 0
) -> Critical:
    """Build a film of `scenes` cold. Raises Broken when anything was asked twice, refused or left out."""
    with studio(seed=seed, time_scale=time_scale) as place:
        place.project.write("oak.yaml", film(scenes, duration=duration))
        began = time.monotonic()
        process = place.project.start("build", "oak.yaml", "-j", str(jobs), "-q")
        with Watched(process) as watched:
            _, err = process.communicate()
        wall = time.monotonic() - began
        _prove(place, process.returncode, err, expected(scenes))
        path = critical_path(duration, time_scale)
        return Critical(wall, path, place.emulator.ledger.counts["polls"], watched.cpu, watched.queued)


def _prove(place: Studio, code: int, err: str, wanted: Mapping[str, int]) -> None:
    """Every call was accepted once, and none was refused."""
    kinds = [record.kind for record in place.emulator.accepted]
    got = {kind: kinds.count(kind) for kind in wanted}
    twice = [digest for digest, times in place.emulator.contents.items() if times > 1]
    refused = dict(place.emulator.ledger.refused)
    if code != 0 or got != dict(wanted) or twice or refused:
        raise Broken(f"exit {code}, accepted {got} of {wanted}, twice {twice}, refused {refused}\n{err}")


class Watched:
    """The memory (RSS, in MB) and the processor time of a process, looked at four times a second while it runs."""

    def __init__(self, process: subprocess.Popen[str], every: float = 0.25) -> None:
        self._folder, self._every = Path(f"/proc/{process.pid}"), every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.samples: list[tuple[float, float]] = []
        self.cpu = 0.0
        self.threads = 0
        self._queued: dict[str, float] = {}

    @property
    def queued(self) -> float:
        """Seconds that the threads, added up, waited for a processor."""
        return sum(self._queued.values())

    def __enter__(self) -> Watched:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no longer."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._every):
            try:
                status = (self._folder / "status").read_text()
                self._queue()
                ticks = (self._folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                return
            lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if "VmRSS" in lines:
                self.samples.append((time.monotonic() - began, int(lines["VmRSS"].split()[0]) / 1024))
                self.threads = max(self.threads, int(lines["Threads"]))
            self.cpu = (int(ticks[11]) + int(ticks[12])) / 100

    def _queue(self) -> None:
        for task in (self._folder / "task").iterdir():
            with contextlib.suppress(OSError):  # threads end
                self._queued[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9


@dataclass(frozen=True, slots=True)
class Memory:
    """RSS in MB: after the first fifth of the run, in its last fifth, and at its highest."""

    early: float
    late: float
    peak: float
    tenths: tuple[float, ...]
    """At the end of each tenth of the run."""

    @property
    def flat(self) -> bool:
        """Whether the last fifth needs hardly more than the second."""
        return self.late <= GROWTH * self.early


def memory(samples: Sequence[tuple[float, float]]) -> Memory:
    """Compare the second fifth of a run with its last; medians, because a sample is a moment."""
    fifth = max(1, len(samples) // 5)
    sizes = [size for _, size in samples]
    tenths = tuple(sizes[len(sizes) * n // 10 - 1] for n in range(1, 11)) if len(sizes) >= 10 else ()
    return Memory(median(sizes[fifth : 2 * fifth] or sizes), median(sizes[-fifth:]), max(sizes), tenths)


def steady(moments: Sequence[float]) -> float:
    """Events per second between the first tenth and the last of them."""
    tenth = len(moments) // 10
    first, last = tenth, len(moments) - 1 - tenth
    return (last - first) / (moments[last] - moments[first])


@dataclass(frozen=True, slots=True)
class Throughput:
    """Many films in one command."""

    wall: float
    rate: float
    limit: float
    memory: Memory
    cpu: float
    threads: int

    @property
    def share(self) -> float:
        """How much of the rate limit was used in the steady phase."""
        return self.rate / self.limit


def throughput(
    films: int, scenes: int, rates: Mapping[str, float], *, jobs: int, time_scale: float, seed: int = 0
) -> Throughput:
    """Build many films at once. Raises Broken as `critical` does, and when the limit was overrun."""
    with studio(seed=seed, time_scale=time_scale) as place:
        said = ", ".join(f"{kind}: {rate:g}" for kind, rate in rates.items())
        recipe = place.project.read("recipes/quick.yaml").split("rates:")[0]
        place.project.write("recipes/quick.yaml", f"{recipe}rates: {{xai: {{{said}}}}}\n")
        specs = [f"film{n:02}.yaml" for n in range(1, films + 1)]
        for n, spec in enumerate(specs, 1):
            place.project.write(spec, film(scenes, title=f"Oak {n}"))
        began = time.monotonic()
        process = place.project.start("build", *specs, "-j", str(jobs), "-q")
        with Watched(process) as watched:
            _, err = process.communicate()
        wall = time.monotonic() - began
        _prove(place, process.returncode, err, expected(scenes, films))
        clips = sorted(record.seconds for record in place.emulator.accepted if record.kind == "video")
    done = Throughput(
        wall, steady(clips), rates["video"], memory(watched.samples), watched.cpu, watched.threads
    )
    if done.share > 1.05:
        raise Broken(f"{done.rate:.1f} clips a second under a limit of {done.limit:g}")
    return done


@click.group()
def main() -> None:
    """Speed drills."""


@main.command("critical")
@click.option("--runs", default=5)
@click.option("--seed", default=0)
@click.option("--scenes", default=12)
@click.option("--jobs", default=64)
@click.option("--duration", default=8)
@click.option("--time-scale", default=0.34)
def critical_command(runs: int, seed: int, scenes: int, jobs: int, duration: int, time_scale: float) -> None:
    """The wall of a cold build beside the critical path of its latencies."""
    ratios = []
    for run in range(runs):
        done = critical(scenes, jobs, duration=duration, time_scale=time_scale, seed=seed + run)
        ratios.append(done.ratio)
        click.echo(
            f"{run + 1}: wall {done.wall:.2f} s, critical path {done.path:.2f} s, ratio {done.ratio:.3f},"
            f" cpu {done.cpu:.1f} s, queued for a processor {done.queued:.1f} s, {done.polls} polls,"
            f" load of the machine {os.getloadavg()[0]:.1f}"
        )
    click.echo(
        f"{scenes} scenes, -j {jobs}: ratio mean {mean(ratios):.3f}, median {median(ratios):.3f},"
        f" best {min(ratios):.3f}, worst {max(ratios):.3f} (bound {BOUND} with a thread for every scene)"
    )
    if jobs >= scenes and median(ratios) > BOUND:
        raise SystemExit(1)


@main.command("throughput")
@click.option("--films", default=50)
@click.option("--scenes", default=6)
@click.option("--jobs", default=64)
@click.option("--time-scale", default=0.02)
@click.option("--video", default=20.0)
@click.option("--image", default=40.0)
@click.option("--chat", default=100.0)
@click.option("--seed", default=0)
def throughput_command(
    films: int,
    scenes: int,
    jobs: int,
    time_scale: float,
    video: float,
    image: float,
    chat: float,
    seed: int,
) -> None:
    """Accepted clips per second of many films in one command, and the memory of the process."""
    rates = {"chat": chat, "image": image, "video": video}
    done = throughput(films, scenes, rates, jobs=jobs, time_scale=time_scale, seed=seed)
    click.echo(
        f"{films} films of {scenes} scenes, -j {jobs}: {done.wall:.1f} s, {done.rate:.2f} clips/s in the steady"
        f" phase under a limit of {done.limit:g}/s ({done.share:.0%}); cpu {done.cpu:.1f} s,"
        f" at most {done.threads} threads"
    )
    m = done.memory
    click.echo(
        f"memory: {m.early:.0f} MB in the second fifth, {m.late:.0f} MB in the last, peak {m.peak:.0f} MB;"
        f" by tenths of the run {' '.join(f'{size:.0f}' for size in m.tenths)}"
    )
    if done.share < SHARE or not m.flat:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
