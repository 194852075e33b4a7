"""What must be true after a `kill -9`, however it came about: nothing paid twice, nothing lost, nothing left lying.

A drill kills; `Patient` looks at the ledger right after each kill, heals with a plain build (and with
`--retry-unknown` only when that build reported an unknown outcome), and collects what it has to complain of.
"""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from spicy.engine.calls.submission import CHEAP
from spicy.ids import Ticks, usd
from tests.acceptance.films import media
from tests.conftest import Ran
from tests.drills.studio import Studio, studio

FILM = "oak"
SPEC = f"{FILM}.yaml"
BILLED_TWICE = "possibly billed twice"


@dataclass(frozen=True, slots=True)
class Lost:
    """A submission whose intent was written and whose ticket was not: nobody can know whether it was accepted."""

    id: int
    kind: str
    node: str
    estimate: Ticks

    @property
    def dear(self) -> bool:
        """Whether spicy must ask before it asks again."""
        return self.estimate > CHEAP


@dataclass(slots=True)
class Patient:
    """A film that is being killed."""

    studio: Studio
    jobs: int = 4
    lost: dict[int, Lost] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def build(self, *more: str) -> Ran:
        """Build to the end."""
        return self.studio.project.spicy("build", SPEC, "-j", str(self.jobs), "-q", *more, timeout=120)

    def autopsy(self) -> list[Lost]:
        """Remember what is in doubt now, from a copy of the ledger, so that the scene stays as the dead left it."""
        found = [lost for lost in _intents(self.studio.store) if lost.id not in self.lost]
        self.lost.update({lost.id: lost for lost in found})
        return found

    def expect(self, fact: bool, complaint: str) -> None:
        """Complain unless it is so."""
        if not fact:
            self.complaints.append(complaint)

    def repair(self) -> None:
        """Build, plainly; again on request if something dear is in doubt; then look at everything."""
        self.healed(self.build())

    def healed(self, ran: Ran) -> None:
        """Judge a build that ran after the last death, ask again for what is in doubt, look at everything."""
        self._never_twice("before --retry-unknown")
        dear = [lost for lost in self.lost.values() if lost.dear]
        self.expect(ran.code == bool(dear), f"the plain build ended with {ran.code}: {ran.err[-500:]}")
        for lost in dear:
            said = [line for line in ran.err.splitlines() if line.startswith(f"{lost.node}: outcome unknown")]
            priced = any(f"at {usd(lost.estimate)} " in line and "--retry-unknown" in line for line in said)
            self.expect(
                priced, f"{lost.node} at {usd(lost.estimate)} is not reported unknown: {ran.err[-500:]}"
            )
        if dear:
            again = self.build("--retry-unknown")
            self.expect(again.code == 0, f"--retry-unknown ended with {again.code}: {again.err[-500:]}")
        self._money()
        self._film()
        self._nothing_left()

    def _never_twice(self, when: str) -> None:
        clips = Counter(r.digest for r in self.studio.emulator.accepted if r.kind == "video")
        twice = sum(clips.values()) - len(clips)
        self.expect(not twice, f"{twice} clips were accepted twice {when}")

    def asked_twice(self) -> Counter[str]:
        """How many accepted submissions more than contents there are, by kind."""
        accepted = self.studio.emulator.accepted
        return Counter(r.kind for r in accepted if r.nth > 1)

    def _money(self) -> None:
        allowed = Counter(lost.kind for lost in self.lost.values())
        for kind, twice in self.asked_twice().items():
            self.expect(
                twice <= allowed[kind], f"{twice} {kind} calls asked twice, {allowed[kind]} in flight"
            )
        told = self.studio.project.spicy("costs").out.count(BILLED_TWICE)
        self.expect(
            told == len(self.lost), f"{len(self.lost)} replies lost, {told} marked as {BILLED_TWICE!r}"
        )
        paid = sum(r.ticks for r in self.studio.emulator.accepted if r.nth == 1)
        booked, doubtful, live = _books(self.studio.store)
        bill = self.studio.emulator.bill
        self.expect(booked == paid, f"{booked} ticks are booked, the film's contents cost {paid}")
        self.expect(bill <= booked + doubtful, f"billed {bill}, booked {booked} and in doubt {doubtful}")
        self.expect(not live, f"{live} rows of the ledger are still live")

    def _film(self) -> None:
        """Complete, at rest, and with nothing asked twice the very film that an undisturbed build makes."""
        ran = self.studio.project.spicy("plan", SPEC, "--check")
        self.expect(ran.code == 0, f"something is stale after the healing build: {ran.out[-500:]}")
        if not self.asked_twice():
            made = media(self.studio.project, FILM)
            wanted = undisturbed(self.studio.project.read(SPEC))
            other = sorted(set(made.items()) ^ set(wanted.items()))
            self.expect(not other, f"other bytes than those of an undisturbed build: {other}")

    def _nothing_left(self) -> None:
        left = leftovers(self.studio)
        self.expect(not left, f"left lying: {left}")
        ran = self.studio.project.spicy("cache", "verify")
        self.expect(ran.code == 0, f"cache verify: {ran.out}")


def leftovers(studio: Studio) -> list[str]:
    """Files in the making, and locks of the dead, in the build folder and in the store.

    Not SQLite's logs: what is in them is data, until somebody opens the database again.
    """
    build, store = studio.project.root / "build", studio.store
    drafts = [p for root in (build, store) for p in root.rglob(".*.part*")]
    lying = [p for folder in ("tmp", "owners", "aside") for p in (store / folder).glob("*")]
    return sorted({p.relative_to(studio.home.parent).as_posix() for p in drafts + lying})


@functools.cache
def undisturbed(spec: str) -> dict[str, str]:
    """The files of the film that nobody disturbs, with their digests."""
    with studio() as calm:
        calm.project.write(SPEC, spec)
        ran = calm.project.spicy("build", SPEC, "-j", "16", "-q", timeout=120)
        assert ran.code == 0, ran.err
        return media(calm.project, FILM)


def _intents(store: Path) -> list[Lost]:
    if not (store / "ledger.sqlite").exists():
        return []
    with tempfile.TemporaryDirectory() as folder:
        for file in store.glob("ledger.sqlite*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder, "ledger.sqlite"))) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'call'").fetchone():
                return []
            rows = db.execute(
                "SELECT id, kind, node, estimate FROM call WHERE state = 'intent' ORDER BY id"
            ).fetchall()
    return [Lost(id, kind, node, Ticks(estimate)) for id, kind, node, estimate in rows]


def _books(store: Path) -> tuple[int, int, int]:
    """Ticks of closed rows, estimates of rows written off, and how many rows are live."""
    with closing(sqlite3.connect(store / "ledger.sqlite")) as db:
        (booked,) = db.execute("SELECT coalesce(sum(cost), 0) FROM call WHERE state = 'closed'").fetchone()
        (doubtful,) = db.execute(
            "SELECT coalesce(sum(estimate), 0) FROM call WHERE state = 'written_off'"
        ).fetchone()
        (live,) = db.execute(
            "SELECT count(*) FROM call WHERE state IN ('intent', 'submitted', 'ready')"
        ).fetchone()
    return int(booked), int(doubtful), int(live)
