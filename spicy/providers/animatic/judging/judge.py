"""The judge: scores pictures by looking at them, and says what is off in words.

A sheet is measured against the colours and the build that its description names, or against the
reference picture; a keyframe or the last frame of a clip is searched for the figure of every sheet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from spicy.providers.animatic.drawing.colours import NAMED, Colour
from spicy.providers.animatic.figures import card, figure, look, poster
from spicy.providers.animatic.judging import cutout, similarity
from spicy.providers.animatic.story.brief import Brief

_SMALL = 420


@dataclass(frozen=True, slots=True)
class ScoredVerdict:
    """A score, 0 to 1, and the visible faults."""

    score: float
    problems: tuple[str, ...]


def answer(brief: Brief, images: Sequence[Path]) -> str:
    """Judge `images[0]`, with sheets or a reference in the others. Raises OSError when one cannot be read."""
    opening = brief.first("check").lower() or brief.text.lower()
    pictures = [_open(path) for path in images]
    if not pictures:
        verdict = ScoredVerdict(0.0, ("there is no picture",))
    elif _blank(pictures[0]):
        verdict = ScoredVerdict(0.02, ("the picture is empty",))
    elif "sheet" in opening.split(".")[0] and not brief.first("check").startswith(("keyframe", "clip")):
        words = brief.first("figure", "description") or brief.text
        verdict = _sheet(pictures[0], words, images[1] if len(images) > 1 else None)
    else:
        verdict = _frame(pictures[0], pictures[1:], brief.every("figure"))
    return json.dumps(
        {"score": round(verdict.score, 2), "problems": list(verdict.problems)}, ensure_ascii=False
    )


def _open(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        opened.draft("RGB", (_SMALL, _SMALL))
        picture = opened.convert("RGB")
    picture.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    return picture


def _blank(picture: Image.Image) -> bool:
    data = np.asarray(picture.resize((48, 48), Image.Resampling.BOX), np.float32)
    return float(data.std(axis=(0, 1)).max()) < 4.0


# --- sheets ------------------------------------------------------------------------------------------


def _sheet(sheet: Image.Image, words: str, reference: Path | None) -> ScoredVerdict:
    cut = cutout.cut(sheet, most=320)
    if reference is not None:
        return _against_reference(cut, reference)
    if not cut.keyed:
        return ScoredVerdict(0.2, ("no single figure stands out from a plain backdrop",))
    seen = look.read(words)
    problems: list[str] = []
    found, whole, kept = 0.0, 0.0, 1.0
    pixels = _pixels(cut.figure)
    for name, colour, weight, least in _wanted(seen):
        share = min(1.0, _share(pixels, colour) / least) ** 0.7
        found, whole = found + share * weight, whole + weight
        if share < 0.5:
            problems.append(f"the {_named(colour)} of {name} is missing")
            kept *= 1 - 0.2 * min(1.0, weight)
    outline, apart = similarity.overlaid(figure.draw(seen, 150, finer=1), cut.figure)
    build, spread = _ramp(outline, 0.48, 0.88), _ramp(-apart, -46, -7)
    if build < 0.5:
        problems.append(
            f"the build is not that of a {seen.kind}" if seen.kind != "creature" else "the build is off"
        )
    if spread < 0.5:
        problems.append("the colours are in other places than they should be")
    score = 0.05 + 0.93 * (0.42 * found / max(whole, 1e-6) + 0.30 * spread + 0.28 * build)
    return ScoredVerdict(kept * min(score, 0.40 + 0.6 * min(build, spread) ** 0.5), tuple(problems))


def _against_reference(cut: cutout.Cut, reference: Path) -> ScoredVerdict:
    wanted = poster.redrawn(reference, (150, 190), 1.0)
    outline, apart = similarity.overlaid(wanted, cut.figure)
    build, spread = _ramp(outline, 0.45, 0.86), _ramp(-apart, -44, -8)
    pixels = _pixels(cut.figure)
    problems: list[str] = []
    kept = []
    for colour in card.palette(wanted, 4):
        kept.append(min(1.0, _share(pixels, colour) / 0.02) ** 0.7)
        if kept[-1] < 0.5:
            problems.append(f"the {_named(colour)} of the reference is missing")
    if build < 0.5:
        problems.append("the outline is not that of the reference")
    if spread < 0.5:
        problems.append("the colours are not those of the reference")
    score = 0.05 + 0.93 * (0.3 * float(np.mean(kept)) + 0.42 * spread + 0.28 * build)
    return ScoredVerdict(min(score, 0.40 + 0.6 * min(build, spread) ** 0.5), tuple(problems))


def _wanted(seen: look.Look) -> list[tuple[str, Colour, float, float]]:
    """List what the words ask for: a name, its colour, how much it weighs, the least share of the figure."""
    person = seen.species.build is look.Build.PERSON
    out = [("the clothes" if person else f"the {seen.kind}", seen.body, 3.0, 0.14)]
    wearing = seen.worn.items() if seen.species.build is not look.Build.FISH else ()
    out += [
        (f"the {name}", colour, 1.2, 0.012)
        for name, colour in wearing
        if colour and name not in ("gloves", "glasses", "goggles")
    ]
    small = {
        "eyes": 0.0006,
        "lights": 0.001,
        "star": 0.001,
        "beak": 0.002,
        "horns": 0.004,
        "spots": 0.002,
        "stripes": 0.004,
    }
    drawn = (
        "eyes",
        "hair",
        "accent",
        "wings",
        "beard",
        "lights",
        "horns",
        "stripes",
        "spots",
        "patch",
        "beak",
        "shell",
        "socks",
    )
    out += [(f"the {name}", colour, 0.5 if name in small else 0.9, small.get(name, 0.006))
            for name, colour in seen.parts.items() if colour and name in drawn]  # fmt: skip
    return out


def _pixels(being: Image.Image) -> similarity.Floats:
    small = being.copy()
    small.thumbnail((110, 110), Image.Resampling.BOX)
    data = np.asarray(small, np.float32)
    return similarity.lab(data[data[..., 3] > 140][:, :3])


def _share(pixels: similarity.Floats, colour: Colour) -> float:
    """How much of a figure has a colour, counting lit and shaded tones of it."""
    if not len(pixels):
        return 0.0
    wanted = similarity.lab(np.asarray([colour], np.float32))[0]
    away = (pixels - wanted) * np.asarray((0.5, 1, 1), np.float32)
    return float(np.clip((32 - np.sqrt((away**2).sum(axis=1))) / 14, 0, 1).mean())


# --- frames ------------------------------------------------------------------------------------------


def _frame(picture: Image.Image, sheets: Sequence[Image.Image], figures: Sequence[str]) -> ScoredVerdict:
    if not sheets:
        return ScoredVerdict(0.9, ())
    scores: list[float] = []
    problems: list[str] = []
    for k, sheet in enumerate(sheets):
        name = _name(figures[k]) if k < len(figures) else f"the figure of picture {k + 1}"
        found = similarity.find(cutout.cut(sheet, most=260).figure, picture)
        form, hue = _ramp(found.shape, 0.42, 0.86), _ramp(-found.colour, -34, -10)
        scores.append(0.04 + 0.94 * (0.62 * form + 0.38 * hue) * min(1.0, 0.3 + form))
        if form < 0.45:
            problems.append(f"{name} is not to be seen")
        elif hue < 0.5:
            problems.append(f"the colours of {name} are off")
        elif form < 0.7:
            problems.append(f"{name} is hard to recognise")
    return ScoredVerdict(0.6 * min(scores) + 0.4 * float(np.mean(scores)), tuple(problems))


def _name(words: str) -> str:
    kind = look.read(words).kind
    return "the creature" if kind == "creature" else f"the {kind}"


def _named(colour: Colour) -> str:
    """Find the plainest name of a colour."""
    plain = [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "purple",
        "pink",
        "brown",
        "black",
        "white",
        "grey",
        "cream",
        "teal",
        "gold",
    ]
    wanted = similarity.lab(np.asarray([colour], np.float32))[0]
    table = similarity.lab(np.asarray([NAMED[name] for name in plain], np.float32))
    return plain[int(((table - wanted) ** 2).sum(axis=1).argmin())]


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))
