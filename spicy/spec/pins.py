"""Pins: bytes in the store that a spec names where it could name a file of the user's.

`store:` and a digest. A pin is content itself, so it enters keys as what it is; the ending only names the made
file and never matters for a key. Beyond the border a pin has one spelling: lower case, with its ending.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spicy.ids import Digest
from spicy.spec.inputs import InputKind
from spicy.spec.model import Spec
from spicy.spec.positions import Path

SCHEME = "store:"
FIELDS = {"sheet": InputKind.PICTURE, "keyframe": InputKind.PICTURE, "clip": InputKind.CLIP}
"""What may be pinned, and what it has to be."""

_WHOLE = re.compile(r"store:([0-9a-fA-F]{64})(\.\w+)?")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Pin:
    """One thing in the store; `suffix` is a file ending with its dot."""

    digest: Digest
    suffix: str

    @property
    def text(self) -> str:
        """Its one spelling beyond the border."""
        return f"{SCHEME}{self.digest}{self.suffix}"

    @property
    def brief(self) -> str:
        """For people, who compare the first letters at most."""
        return f"{SCHEME}{self.digest[:_SHOWN]}…"

    def written(self, field: str) -> str:
        """As a person would write it for `field`: without the ending that goes without saying."""
        usual = FIELDS[field].value[1][0]
        return f"{SCHEME}{self.digest}{'' if self.suffix == usual else self.suffix}"


def is_pin(written: str) -> bool:
    """Whether a text means to be a pin, be it a good one or not."""
    return written.startswith(SCHEME)


def take_pin(written: str, field: str, complain: Callable[[str], None]) -> str | None:
    """Give a pin its one spelling, or complain and give None; the store itself is asked when films are loaded."""
    if field not in FIELDS:
        complain(
            f"a `{field}` is a file of yours; only sheet, keyframe and clip may name what the store holds"
        )
        return None
    what, suffixes = FIELDS[field].value
    found = _WHOLE.fullmatch(written)
    if found is None:
        complain(
            f"`{written[:80]}` names nothing in the store: behind `{SCHEME}` belong the 64 hexadecimal digits of a"
            " digest, as a receipt has them under `asset`"
        )
        return None
    suffix = (found[2] or suffixes[0]).lower()
    if suffix not in suffixes:
        complain(f"`{found[2]}` is not the ending of a {what}; write {', '.join(suffixes)}, or nothing")
        return None
    return Pin(Digest(found[1].lower()), suffix).text


def read_pin(text: str | None) -> Pin | None:
    """The pin that a text beyond the border is; None for a path, and for nothing."""
    found = _WHOLE.fullmatch(text) if text is not None and is_pin(text) else None
    return Pin(Digest(found[1]), found[2]) if found is not None and found[2] else None


def pins_of(spec: Spec) -> Iterator[tuple[Path, Pin]]:
    """Every pin of a spec and where it stands, also one that an override puts out of use."""
    parts: list[tuple[Path, object]] = [(("characters", n), c) for n, c in enumerate(spec.characters or ())]
    if isinstance(spec.scenes, tuple):
        parts += [(("scenes", n), s) for n, s in enumerate(spec.scenes)]
    overrides = spec.overrides
    parts += [(("overrides", "characters", name), c) for name, c in overrides.characters.items()]
    parts += [(("overrides", "scenes", key), s) for key, s in overrides.scenes.items()]
    for path, part in parts:
        for field in FIELDS:
            if (pin := read_pin(getattr(part, field, None))) is not None:
                yield (*path, field), pin
