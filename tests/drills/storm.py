"""Everything goes wrong at once: an overloaded server, rate limits, cut downloads, failing clips, a refusal.

One build has to bring home every scene but those whose clip the provider itself failed, and the refused one,
and say of each why; the refusal with its prompt and its bill. One more build in calm weather heals what can be
healed, asks nothing of the refused scene, and buys no clip twice.

    python -m tests.drills.storm --runs 5 --seed 0

The back-offs are the product's own, so a run takes real seconds.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass

import click

from spicy.emulator import Fault
from spicy.ids import usd
from tests.conftest import Ran
from tests.drills.money import twice
from tests.drills.studio import Studio, film, studio

PATIENCE = 300.0
"""Seconds after which a build is held to hang."""
REFUSALS = (
    ("image", "moderated_submit"),
    ("image", "moderated_flag"),
    ("image", "moderated_empty"),
    ("video", "moderated_submit"),
    ("video", "moderated_flag"),
    ("video", "moderated_failed"),
)
"""Every shape in which a still or a clip is refused."""
_SUBMITS = ("chat", "image", "video")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: a line of figures, what was broken, and what to look at if anything was."""

    line: str
    broken: tuple[str, ...]
    evidence: str


def weather(refused: Fault, failing: float = 0.1) -> list[Fault]:
    """The faults of a storm; the refusal goes first, so that nothing else takes its place."""
    return [
        refused,
        *(Fault(kind, "unavailable", probability=0.2) for kind in _SUBMITS),
        *(Fault(kind, "exhausted", probability=0.2) for kind in _SUBMITS),
        Fault("download", "half", probability=0.2),
        Fault("video", "failed", probability=failing),
    ]


def storm(seed: int, scenes: int = 12) -> Outcome:
    """Build a film in a storm, build again in calm weather, then put the refused words right and build."""
    dice = random.Random(seed)
    (kind, effect), scene = dice.choice(REFUSALS), dice.randint(1, scenes)
    words = f"clearing number {scene} of" if kind == "image" else f"oak number {scene}\n"
    refused = Fault(kind, effect, prompt=words)
    with studio(seed=seed) as place:
        emulator, text = place.emulator, film(scenes, continuity="none")
        place.project.write("oak.yaml", text)
        emulator.set_faults(weather(refused))
        first, seconds = _build(place)
        storms = emulator.ledger.refused
        failed = {_scene(r.prompt) for r in emulator.accepted if r.fault == "failed"}
        broken = _told(place, first, refused, scene, failed)
        broken += _whole(place, scenes, {scene, *failed}, "the storm")

        emulator.set_faults([refused])
        second, calm = _build(place)
        broken += _told(place, second, refused, scene, set())
        broken += _whole(place, scenes, {scene}, "the second build")

        place.project.write("oak.yaml", text.replace(words, words.replace("number", "with the number")))
        third, _ = _build(place)
        if third.code != 0 or "final.mp4" not in third.out:
            broken.append(f"exit code {third.code} once the refused words were changed")
        broken += _bought(place) + twice(place)
        line = (
            f"seed {seed:3}  {kind}/{effect} in scene {scene:2}  failed clips {len(failed)}"
            f"  turned away {storms['UNAVAILABLE']} + {storms['RESOURCE_EXHAUSTED']}"
            f"  storm {seconds:.1f} s, then {calm:.1f} s  billed {usd(emulator.bill)}"
        )
        evidence = "\n".join(f"--- exit {ran.code}\n{ran.err[-6000:]}" for ran in (first, second, third))
        return Outcome(line, tuple(broken), evidence)


def _build(place: Studio) -> tuple[Ran, float]:
    began = time.monotonic()
    ran = place.project.spicy("build", "oak.yaml", "-j", "16", timeout=PATIENCE)
    return ran, time.monotonic() - began


def _scene(prompt: str) -> int:
    found = re.search(r"(?:oak|clearing) number (\d+)", prompt)
    return int(found[1]) if found else 0


def _told(place: Studio, ran: Ran, refused: Fault, scene: int, failed: set[int]) -> list[str]:
    """Whether the build says what went wrong, of each scene and of no other."""
    step = "keyframe" if refused.kind == "image" else "video"
    lines = re.findall(r"^oak:(\w+)/(\d+): (refused|failed|outcome unknown|damaged): (.*)$", ran.err, re.M)
    said = {(str(where), int(item)): (str(how), str(why)) for where, item, how, why in lines}
    broken = [] if ran.code == 1 else [f"exit code {ran.code}"]
    wanted = {(step, scene), *(("video", n) for n in failed)}
    if said.keys() != wanted:
        broken.append(f"said to have failed: {sorted(said)}, but it was {sorted(wanted)}")
    broken += [
        f"{key} is said to have {how}: {why}"
        for key, (how, why) in said.items()
        if key != (step, scene) and (how != "failed" or "could not be generated" not in why)
    ]
    return broken + _refusal(place, ran, refused, f"oak:{step}/{scene:02}: refused: ")


def _refusal(place: Studio, ran: Ran, refused: Fault, head: str) -> list[str]:
    """Whether the refusal is told with the provider's words, the prompt, and what it was billed."""
    (record, *again) = [r for r in place.emulator.accepted if r.fault == refused.effect]
    told = ran.err.partition(head)[2].partition("The provider's refusal is final")[0]
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    prompt = [line.strip() for line in f"prompt: {record.prompt}".splitlines() if line.strip()]
    broken = [f"the refused request was sent {1 + len(again)} times"] if again else []
    if "moderation" not in told and "blocked" not in told:
        broken.append("the refusal is not told in the provider's words")
    if f"billed: {usd(record.ticks)}" not in lines:
        broken.append(f"the refusal does not tell that {usd(record.ticks)} was billed")
    if lines[-len(prompt) :] != prompt:
        broken.append("the refusal does not tell the prompt")
    return broken


def _whole(place: Studio, scenes: int, lost: set[int], when: str) -> list[str]:
    """Every scene but the `lost` ones has its clip."""
    folder = place.project.root / "build/oak/scenes"
    there = {n for n in range(1, scenes + 1) if (folder / f"{n:02}/clip.mp4").exists()}
    wanted = set(range(1, scenes + 1)) - lost
    return [] if there == wanted else [f"after {when} there are {sorted(there)}, not {sorted(wanted)}"]


def _bought(place: Studio) -> list[str]:
    """No clip is bought again but one that the provider failed."""
    good = Counter(r.digest for r in place.emulator.accepted if r.kind == "video" and r.fault != "failed")
    twice_bought = [digest[:12] for digest, n in good.items() if n > 1]
    return [f"clips bought twice: {twice_bought}"] if twice_bought else []


@click.command()
@click.option("--runs", default=5, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(runs: int, seed: int) -> None:
    """Run the drill; exit 1 when a promise was broken."""
    began = time.monotonic()
    wrong = 0
    for number in range(seed, seed + runs):
        outcome = storm(number)
        click.echo(outcome.line)
        for broken in outcome.broken:
            click.echo(f"    BROKEN: {broken}")
        if outcome.broken:
            wrong += 1
            click.echo(outcome.evidence)
    click.echo(f"storm: {runs} runs, {wrong} broken; {time.monotonic() - began:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
