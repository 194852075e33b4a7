"""What is to go wrong: scripted and random, changeable while the emulator runs.

Random faults depend on the seed, the content asked for and how often it was asked, never on the order in
which threads arrive; so a run under load can be repeated.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

SUBMITS = frozenset({"chat", "image", "video", "edit", "extend"})
CLIPS = frozenset({"video", "edit", "extend"})
KINDS = SUBMITS | {"poll", "upload", "download"}

EFFECTS: Mapping[str, frozenset[str]] = {
    "unavailable": SUBMITS | {"poll", "upload"},
    "exhausted": SUBMITS | {"poll", "upload"},
    "error": SUBMITS | {"poll", "upload"},
    "drop": SUBMITS,
    "cut": SUBMITS | {"poll"},
    "slow": SUBMITS | {"download"},
    "never": SUBMITS,
    "failed": CLIPS,
    "expired": CLIPS,
    "moderated_submit": SUBMITS,
    "moderated_flag": CLIPS | {"image"},
    "moderated_failed": CLIPS,
    "moderated_empty": frozenset({"image"}),
    "moderated_chat": frozenset({"chat"}),
    "other_model": SUBMITS,
    "low_score": frozenset({"chat"}),
    "bad_json": frozenset({"chat"}),
    "gone": frozenset({"download"}),
    "forbidden": frozenset({"download"}),
    "half": frozenset({"download"}),
    "garbage": frozenset({"download"}),
}
"""Every effect with the kinds of request that it can happen to."""

_SHORT = {"empty": "moderated_empty"}
_MODERATED = {"chat": "moderated_chat"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, for requests of a `kind` whose prompt contains `prompt`.

    It happens with `probability`, and at most `times` times when that is given. `code` is a gRPC status
    name for `error` and an error code for `failed`; `factor` says how slow `slow` is.
    """

    kind: str
    effect: str
    times: int | None = None
    probability: float = 1.0
    prompt: str = ""
    code: str = ""
    factor: float = 10.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "effect", _SHORT.get(self.effect, self.effect))
        if self.kind not in KINDS | {"any"}:
            raise ValueError(f"unknown kind {self.kind!r}: one of any, {', '.join(sorted(KINDS))}")
        if self.effect not in {*EFFECTS, "moderated"}:
            raise ValueError(
                f"unknown effect {self.effect!r}: one of moderated, {', '.join(sorted(EFFECTS))}"
            )
        if self.kind != "any" and self.kind not in self._fits():
            raise ValueError(
                f"{self.effect} cannot happen to {self.kind}, only to {', '.join(sorted(self._fits()))}"
            )
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability lies between 0 and 1, not at {self.probability}")

    def _fits(self) -> frozenset[str]:
        return SUBMITS if self.effect == "moderated" else EFFECTS[self.effect]

    def effect_on(self, kind: str) -> str | None:
        """What it does to a request of `kind`; `moderated` takes the usual shape of each kind."""
        if self.kind not in {kind, "any"} or kind not in self._fits():
            return None
        return _MODERATED.get(kind, "moderated_flag") if self.effect == "moderated" else self.effect


def read_fault(text: str) -> Fault:
    """Read `KIND:EFFECT[/CODE][:HOW][:PROMPT]`, where HOW is `0.1` for a probability or `3` for a count.

    Raises ValueError.
    """
    kind, _, rest = text.partition(":")
    effect, _, rest = rest.partition(":")
    how, _, prompt = rest.partition(":")
    effect, _, code = effect.partition("/")
    if "." in how:
        return Fault(kind, effect, probability=float(how), prompt=prompt, code=code)
    return Fault(kind, effect, times=int(how) if how else None, prompt=prompt, code=code)


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that happens to a request, under the name of what it does there."""

    effect: str
    fault: Fault


class FaultPlan:
    """The faults in force, with what is left of them. Safe to use from any thread."""

    def __init__(self, seed: int, faults: Iterable[Fault | str] = ()) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._faults: Sequence[Fault] = ()
        self._hits: Counter[int] = Counter()
        self._draws: Counter[tuple[int, str]] = Counter()
        self.set(faults)

    def set(self, faults: Iterable[Fault | str]) -> None:
        """Put other faults in force, from the beginning. Raises ValueError."""
        read = tuple(read_fault(f) if isinstance(f, str) else f for f in faults)
        with self._lock:
            self._faults = read
            self._hits.clear()
            self._draws.clear()

    def listed(self) -> list[dict[str, object]]:
        """The faults in force, with how often each has happened."""
        with self._lock:
            return [{**asdict(f), "happened": self._hits[n]} for n, f in enumerate(self._faults)]

    def draw(self, kind: str, prompt: str, content: str, unfit: frozenset[str] = frozenset()) -> Hit | None:
        """The fault that happens to this request, if any; the first in the list that does.

        `unfit` are effects that this request cannot show, such as a low score where none is asked for.
        """
        with self._lock:
            for number, fault in enumerate(self._faults):
                effect = fault.effect_on(kind)
                if effect is None or effect in unfit or fault.prompt not in prompt:
                    continue
                if fault.times is not None and self._hits[number] >= fault.times:
                    continue
                self._draws[number, content] += 1
                dice = random.Random(f"{self._seed}/{number}/{content}/{self._draws[number, content]}")
                if dice.random() < fault.probability:
                    self._hits[number] += 1
                    return Hit(effect, fault)
        return None
