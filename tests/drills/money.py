"""Two promises about money, put to the test in random films that go wrong in random ways.

`worst`: what `spicy plan` calls low and worst are bounds of what the build is billed; where nothing had to be
made again, low is the bill to the tick. `cap`: whatever is judged low, refused or lost on the way, with 64
targets at once the bill stays under the cap, and a second build uses everything that the first one bought.

    python -m tests.drills.money --what worst --runs 50 --seed 0
    python -m tests.drills.money --what cap --runs 20 --seed 0
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import click

from spicy.emulator import Fault
from tests.conftest import ROOT, Ran
from tests.drills.studio import Studio, film, studio

CAP = 10_000_000_000
"""One US dollar, in ticks."""
PATIENCE = 300.0
"""Seconds after which a build is held to hang."""
FRUITLESS = {"failed", "expired", *(f"moderated_{how}" for how in ("submit", "flag", "failed", "empty"))}
"""Faults after which an accepted request has no answer."""
CONTINUITIES = ("none", "soft", "strict")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: a line of figures, what was broken, and what to look at if anything was."""

    line: str
    broken: tuple[str, ...]
    evidence: str
    ratio: float = 0.0
    """Of the bill to the worst price, or to the cap."""
    exact: bool = False
    """Whether nothing was made again, so that low had to be the bill to the tick."""


def mixed(dice: random.Random, scenes: int, seconds: Sequence[int]) -> str:
    """A written spec whose scenes have random continuities and durations."""
    text = film(scenes, continuity="none", duration=1)
    text = re.sub("continuity: none", lambda _: f"continuity: {dice.choice(CONTINUITIES)}", text)
    return re.sub("duration: 1$", lambda _: f"duration: {dice.choice(seconds)}", text, flags=re.M)


def concept(dice: random.Random, scenes: int) -> str:
    """A spec that leaves everything to ideation, sometimes with a reference picture."""
    lines = [
        "recipe: quick",
        f"concept: A fox and an owl look for oak number {dice.randrange(1000)}",
        f"scenes: {scenes}",
    ]
    if dice.random() < 0.5:
        lines.append("refs: {Ember: fox.png}")
    return "\n".join(lines) + "\n"


def judges(dice: random.Random) -> list[Fault]:
    """A judge who is hard to please, and sometimes hard to read."""
    low = Fault("chat", "low_score", probability=min(1.0, dice.uniform(0.2, 1.2)))
    if dice.random() < 0.6:
        return [low]
    return [Fault("chat", "bad_json", probability=dice.uniform(0.05, 0.6)), low]


def worst(seed: int) -> Outcome:
    """Plan a random film, build it, and compare the bill with low and worst."""
    dice = random.Random(seed)
    with studio(seed=seed) as place:
        shutil.copy(ROOT / "specs/refs/fox.png", place.project.root / "fox.png")
        ideated, scenes = dice.random() < 0.25, dice.randint(1, 4)
        text = concept(dice, scenes) if ideated else mixed(dice, scenes, range(1, 11))
        faults = [] if dice.random() < 0.3 else judges(dice)
        place.project.write("oak.yaml", text)
        place.emulator.set_faults(faults)
        planned = place.project.spicy("plan", "oak.yaml", "--json")
        price = json.loads(planned.out)[0]["price"]
        low, most = price["low_ticks"], price["worst_ticks"]
        ran = place.project.spicy("build", "oak.yaml", "-j", "64", timeout=PATIENCE)
        bill = place.emulator.bill
        # A story that nobody can read ends the film before it costs what it has to.
        untold = ideated and "no usable story" in ran.err
        exact = not ideated and not faults
        broken = []
        if ran.code != (1 if untold else 0):
            broken.append(f"exit code {ran.code}")
        if bill > most:
            broken.append(f"billed {bill}, worst was {most}")
        if bill < low and not untold:
            broken.append(f"billed {bill}, low was {low}")
        if exact and bill != low:
            broken.append(f"nothing was made again, billed {bill}, low was {low}")
        kind = "concept" if ideated else "written"
        line = (
            f"seed {seed:3}  {kind}  {scenes} scenes  low {dollars(low)}  billed {dollars(bill)}"
            f"  worst {dollars(most)}  bill/worst {bill / most:.3f}{'  no story' * untold}{'  exact' * exact}"
        )
        return Outcome(line, tuple(broken), _evidence(text, faults, ran), bill / most, exact)


HAZARDS = ("nothing", "drop", "drop", "drop", "refusal", "expired")
"""What else goes wrong under a cap, all of it billed: lost replies, refusals, clips that are gone."""


def hazards(dice: random.Random, name: str) -> list[Fault]:
    """The faults of a hazard."""
    some = dice.uniform(0.02, 0.2)
    match name:
        case "drop":
            return [Fault("image", "drop", probability=some), Fault("chat", "drop", probability=some)]
        case "refusal":
            return [Fault("image", "moderated_submit", probability=3 * some, prompt="clearing number")]
        case "expired":
            return [Fault("video", "expired", probability=3 * some)]
        case _:
            return []


def capped(seed: int, scenes: int = 12, cap: int = CAP, hazard: str | None = None) -> Outcome:
    """Build under a cap, look at the bill, then build without one and look at what was bought twice."""
    dice = random.Random(seed)
    odd = hazards(dice, hazard or dice.choice(HAZARDS))
    with studio(seed=seed) as place:
        text = mixed(dice, scenes, (1, 1, 2, 3))
        low = Fault("chat", "low_score", probability=dice.random())
        place.project.write("oak.yaml", text)
        place.emulator.set_faults([low, *odd])
        args = ("build", "oak.yaml", "-j", "64")
        first = place.project.spicy(*args, "--max-cost", f"{cap / 10**10:.2f}", timeout=PATIENCE)
        bill, bought, firstly = place.emulator.bill, paid_keys(place), len(place.emulator.accepted)
        place.emulator.set_faults([low])
        second = place.project.spicy(*args, timeout=PATIENCE)
        broken = _over(bill, cap, first, place, firstly)
        refused = any(fault.effect == "moderated_submit" for fault in odd) and "refused" in first.err
        broken += [] if refused else _finished(place, second, bought)
        broken += twice(place)
        lost = sum(record.lost for record in place.emulator.accepted)
        line = (
            f"seed {seed:3}  {odd[0].effect if odd else 'calm':16}  exit {first.code}  billed {dollars(bill)}"
            f" of {dollars(cap)}  in all {dollars(place.emulator.bill)}  lost replies {lost}"
        )
        evidence = _evidence(text, [low, *odd], first) + second.err[-3000:]
        return Outcome(line, tuple(broken), evidence, bill / cap)


def _over(bill: int, cap: int, first: Ran, place: Studio, firstly: int) -> list[str]:
    broken = [f"billed {bill} under a cap of {cap}"] if bill > cap else []
    # What was lost twice, refused or gone is a failure, and weighs more than the budget.
    records = place.emulator.accepted[:firstly]
    losses = Counter(record.digest for record in records if record.lost)
    failed = max(losses.values(), default=0) > 1 or any(
        r.fault in ("expired", "moderated_submit") for r in records
    )
    if first.code not in ({0, 1, 3} if failed else {0, 3}):
        broken.append(f"exit code {first.code} under the cap")
    if first.code == 0 and "final.mp4" not in first.out:
        broken.append("exit code 0 without a film")
    return broken


def _finished(place: Studio, second: Ran, bought: set[str]) -> list[str]:
    """The film is there, and everything that the capped build bought is in it."""
    if second.code != 0:
        return [f"exit code {second.code} without a cap"]
    receipts = (place.project.root / "build/oak").rglob("*.json")
    used = {
        key for file in receipts for key in re.findall(r'"key": ?"([0-9a-f]{64})"', file.read_text("utf-8"))
    }
    return [f"{len(bought - used)} answers bought under the cap are not used"] if bought - used else []


def rows(place: Studio) -> list[tuple[str, str]]:
    """Key and state of every row of the store's ledger."""
    with closing(sqlite3.connect(place.store / "ledger.sqlite")) as db:
        return [(str(key), str(state)) for key, state in db.execute("SELECT key, state FROM call")]


def paid_keys(place: Studio) -> set[str]:
    """The keys of the calls that were answered and kept."""
    return {key for key, state in rows(place) if state == "closed"}


def twice(place: Studio) -> list[str]:
    """What was paid for twice without a reason, by both books: the emulator's and the store's own.

    Every accepted request that was answered is the one answer of a key. Contents are not counted: a second
    attempt at what the judge found the same fault with is a new sample, asked for in the same words.
    """
    kept = rows(place)
    closed = Counter(key for key, state in kept if state == "closed")
    broken = [f"call {key[:12]} was finished {n} times" for key, n in closed.items() if n > 1]
    good = sum(not record.lost and record.fault not in FRUITLESS for record in place.emulator.accepted)
    if good != closed.total():
        broken.append(f"{good} requests were answered, the ledger has {closed.total()} answers")
    lost = sum(record.lost for record in place.emulator.accepted)
    doubtful = sum(state in ("written_off", "unknown") for _, state in kept)
    if doubtful != lost:
        broken.append(f"{lost} replies were lost, the ledger says {doubtful}")
    return broken


def dollars(ticks: int) -> str:
    """Ticks as dollars, to a tenth of a cent."""
    return f"${ticks / 10**10:.3f}"


def _evidence(text: str, faults: Sequence[Fault], ran: Ran) -> str:
    return f"{text}\n{faults}\n{ran.out[-1000:]}\n{ran.err[-5000:]}\n"


@click.command()
@click.option("--what", type=click.Choice(["worst", "cap"]), default="worst", show_default=True)
@click.option("--runs", default=10, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(what: str, runs: int, seed: int) -> None:
    """Run the drill; exit 1 when a promise was broken."""
    began = time.monotonic()
    outcomes = []
    for number in range(seed, seed + runs):
        outcome = worst(number) if what == "worst" else capped(number)
        click.echo(outcome.line)
        for broken in outcome.broken:
            click.echo(f"    BROKEN: {broken}")
        if outcome.broken:
            click.echo(outcome.evidence)
        outcomes.append(outcome)
    broken_runs = sum(bool(outcome.broken) for outcome in outcomes)
    ratios = sorted(outcome.ratio for outcome in outcomes)
    click.echo(
        f"{what}: {runs} runs, {broken_runs} broken, {sum(o.exact for o in outcomes)} exact;"
        f" bill to {'worst' if what == 'worst' else 'cap'}: median {ratios[len(ratios) // 2]:.3f},"
        f" most {ratios[-1]:.3f}; {time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if broken_runs else 0)


if __name__ == "__main__":
    main()
