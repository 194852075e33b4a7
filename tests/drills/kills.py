"""`kill -9` at every boundary of the path of a paid call, and at any moment: `python -m tests.drills.kills`.

boundaries  every boundary × kind of call, by the process's own hand at the Nth arrival, N = 1 … --runs
takeover    at the boundaries where a call is owned, while a second build waits for that very call
chain       a build dies, the next one dies with what it took over, while a third one waits for it
random      --runs kills from outside, at random moments, five a film of 12 scenes, with -j 16
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

from spicy.emulator import Emulator
from tests.conftest import Ran
from tests.drills.dying import BOUNDARIES, HERE
from tests.drills.healing import SPEC, Patient
from tests.drills.studio import film, studio

Process = subprocess.Popen[str]

CONCEPT = "recipe: quick\nconcept: A curious fox meets a wise owl in an enchanted forest\nscenes: 1\n"
IN_THE_LEDGER = {"clip": "video", "still": "image", "chat": "chat"}
"""The ledger's and the emulator's words for the kinds."""

_NAMES = tuple(BOUNDARIES)
OWNED = _NAMES[_NAMES.index("intent") : _NAMES.index("recorded")]
"""Where a process has a call that another one waits for; from then on the record answers."""

CHAINS = {
    "clip": ("ticket answered", "polled ready", "ready halfway", "halfway fetched", "blob record-draft"),
    "still": (
        "intent accepted",
        "accepted answered",
        "ready halfway",
        "halfway blob",
        "fetched record-draft",
    ),
    "chat": ("intent accepted", "accepted answered", "ready record-draft", "record-draft ready"),
}
"""Where the first and the second build of a chain die, by kind of the call."""

_SCENES, _KILLS_A_FILM = 12, 5
_STEP, _DELAY, _GLANCE = 1.2, 0.5, 0.005
"""A random kill strikes up to so many shares of the film's submissions later, and up to so many seconds after that:
counted in submissions, because seconds mean another moment on a machine with other things to do."""
_PATIENCE = 120.0


def spec_for(kind: str, scenes: int = 2) -> str:
    """A film whose clips are too dear to be asked for again unasked; for chats, one that begins with an ideation."""
    return CONCEPT if kind == "chat" else film(scenes, duration=2)


def boundary(name: str, kind: str, nth: int = 1) -> Patient:
    """Die by one's own hand at the `nth` arrival, then heal."""
    with studio() as place:
        patient = Patient(place)
        place.project.write(SPEC, spec_for(kind))
        with _spicy(patient, name, kind, nth, "die", patient.jobs) as process:
            end = _end(process)
        patient.expect(end.code == -9, f"not killed but ended with {end.code}: {end.err[-500:]}")
        lost = Counter(one.kind for one in patient.autopsy())[IN_THE_LEDGER[kind]]
        # A chat and a still have no ticket: their answer is lost until `ready` is written.
        accepted = {"accepted"} if kind == "clip" else {"accepted", "answered"}
        patient.expect(lost > 0 or name not in {"intent", *accepted}, "the ledger has no intent of it")
        patient.repair()
        twice = patient.asked_twice()[IN_THE_LEDGER[kind]]
        patient.expect(twice > 0 or name not in accepted, "its answer was lost, and it was not asked again")
        return patient


def takeover(name: str, kind: str) -> Patient:
    """A build owns a call, a second one waits for it; the first is killed at the boundary, the second heals."""
    with studio() as place:
        patient = Patient(place)
        place.project.write(SPEC, spec_for(kind, scenes=1))
        with _at(patient, name, kind, "hold") as first, _at(patient, "waiting", kind, "tell") as second:
            patient.autopsy()
            _kill(first)
            patient.healed(_end(second))
        return patient


def chain(first: str, second: str, kind: str) -> Patient:
    """A build dies, the next one takes over and dies too, and a third one, which waited for that, heals."""
    with studio() as place:
        patient = Patient(place)
        place.project.write(SPEC, spec_for(kind, scenes=1))
        with _at(patient, first, kind, "hold"):
            patient.autopsy()
        with _at(patient, second, kind, "hold") as heir, _at(patient, "waiting", kind, "tell") as last:
            patient.autopsy()
            _kill(heir)
            patient.healed(_end(last))
        return patient


def outlived(kind: str) -> Patient:
    """A build is killed with a recorded call whose row is open, after another one has finished the film."""
    with studio() as place:
        patient = Patient(place)
        place.project.write(SPEC, spec_for(kind, scenes=1))
        with _at(patient, "recorded", kind, "hold"):
            ran = patient.build()
            patient.expect(ran.code == 0, f"the other build ended with {ran.code}: {ran.err[-500:]}")
        patient.repair()
        return patient


def at_random(seed: int, kills: int = _KILLS_A_FILM, scenes: int = _SCENES) -> tuple[Patient, int]:
    """Kill a film's builds from outside until it is complete, `kills` times at most, then heal; and how often it was."""
    dice = random.Random(seed)
    step = round(_STEP * (4 * scenes + 4) / kills)  # submissions of this film, for each kill
    struck = 0
    with studio() as place:
        patient = Patient(place, jobs=16)
        place.project.write(SPEC, film(scenes, duration=2))
        while struck < kills:
            after = len(place.emulator.accepted) + dice.randint(0, step)
            with place.start("spicy", "build", SPEC, "-j", "16", "-q") as process:
                if not _struck(process, place.emulator, after, dice.uniform(0, _DELAY)):
                    break
            struck += 1
            patient.autopsy()
        patient.repair()
    return patient, struck


def _struck(process: Process, emulator: Emulator, after: int, delay: float) -> bool:
    """Kill a process that long after so many submissions; False when it ended by itself before."""
    while len(emulator.accepted) < after:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GLANCE)
            return False
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait() == -9


@contextlib.contextmanager
def _spicy(patient: Patient, name: str, kind: str, nth: int, then: str, jobs: int) -> Iterator[Process]:
    """A build with its fate; dead at the latest when this ends, or when patience does."""
    fate = (name, kind, str(nth), then)
    build = ("build", SPEC, "-j", str(jobs), "-q")
    with patient.studio.start("tests.drills.dying", *fate, "--", *build) as process:
        patience = threading.Timer(_PATIENCE, process.kill)
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


@contextlib.contextmanager
def _at(patient: Patient, name: str, kind: str, then: str) -> Iterator[Process]:
    """A build of one call at a time that has come to the boundary."""
    with _spicy(patient, name, kind, 1, then, jobs=1) as process:
        assert process.stderr is not None
        heard = []
        while (line := process.stderr.readline()) and line.strip() != HERE:
            heard.append(line)
        patient.expect(bool(line), f"{name} was not reached: {''.join(heard)[-500:]}")
        yield process


def _kill(process: Process) -> None:
    """Kill it and bury it: a zombie would still pass for a living process."""
    process.kill()
    process.wait()


def _end(process: Process) -> Ran:
    """Hear a process to its end. Not `communicate`, which does not know of lines that were read already."""
    assert process.stdout is not None
    assert process.stderr is not None
    err, out = process.stderr.read(), process.stdout.read()
    return Ran(process.wait(), out, err)


class Tally:
    """Prints each run, and adds up."""

    def __init__(self) -> None:
        self.runs = self.broken = self.lost = self.dear = self.same = 0
        self.twice: Counter[str] = Counter()

    def add(self, title: str, patient: Patient) -> None:
        """One run."""
        twice = patient.asked_twice()
        dear = sum(one.dear for one in patient.lost.values())
        self.runs += 1
        self.broken += bool(patient.complaints)
        self.lost += len(patient.lost)
        self.dear += dear
        self.same += not twice and not patient.complaints
        self.twice += twice
        said = ", ".join(f"{kind} {n}" for kind, n in sorted(twice.items())) or "nothing"
        verdict = "BROKEN" if patient.complaints else "ok"
        print(
            f"{title:<36} replies lost {len(patient.lost)} ({dear} dear)  asked twice: {said:<16} {verdict}",
            flush=True,
        )
        for complaint in patient.complaints:
            print(f"    {complaint}", flush=True)

    def sum_up(self) -> int:
        """The summary, and the exit code."""
        twice = ", ".join(f"{kind} {n}" for kind, n in sorted(self.twice.items())) or "nothing"
        print(
            f"{self.runs} runs, {self.broken} broken; {self.lost} replies lost, {self.dear} of them dear and asked again"
            f" only on request; asked twice: {twice}; {self.same} films byte for byte the undisturbed one"
        )
        return int(self.broken > 0)


def main() -> int:
    """Run one of the drills at its full number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("drill", choices=["boundaries", "takeover", "chain", "random"])
    parser.add_argument("--runs", type=int, help="kills (random: 50) or arrivals at each boundary (1)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tally = Tally()
    if asked.drill == "boundaries":
        for nth in range(1, (asked.runs or 1) + 1):
            for name, kinds in BOUNDARIES.items():
                for kind in kinds:
                    tally.add(f"{name}, {kind} {nth}", boundary(name, kind, nth))
    elif asked.drill == "takeover":
        for name in OWNED:
            for kind in BOUNDARIES[name]:
                tally.add(f"{name}, {kind}", takeover(name, kind))
        for kind in BOUNDARIES["recorded"]:
            tally.add(f"recorded and outlived, {kind}", outlived(kind))
    elif asked.drill == "chain":
        for kind, pairs in CHAINS.items():
            for pair in pairs:
                tally.add(f"{pair}, {kind}", chain(pair.split()[0], pair.split()[1], kind))
    else:
        wanted, struck, seed = asked.runs or 50, 0, asked.seed
        while struck < wanted:
            patient, kills = at_random(seed, min(_KILLS_A_FILM, wanted - struck))
            tally.add(f"seed {seed}, {kills} kills", patient)
            struck, seed = struck + kills, seed + 1
        print(f"{struck} kills")
    return tally.sum_up()


if __name__ == "__main__":
    sys.exit(main())
