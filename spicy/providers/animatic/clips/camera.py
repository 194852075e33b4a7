"""Camera moves, read from words and given as a window on the still for every moment.

All moves are eased and the window is never rounded to pixels, so that slow moves do not jitter.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from math import pi, sin, tau


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the still that is seen: how much it is enlarged, and its centre in shares of the still."""

    zoom: float
    x: float
    y: float

    def box(self, wide: int, high: int) -> tuple[float, float, float, float]:
        """Give the window in pixels, kept inside the still."""
        w, h = wide / self.zoom, high / self.zoom
        left = min(max(self.x * wide - w / 2, 0.0), wide - w)
        top = min(max(self.y * high - h / 2, 0.0), high - h)
        return left, top, left + w, top + h


@dataclass(frozen=True, slots=True)
class Move:
    """A move: where the window is in the beginning and in the end, and what trembles on top."""

    start: Window
    end: Window
    sway: float = 0.0
    phase: float = 0.0

    def at(self, t: float) -> Window:
        """Give the window at `t`, 0 to 1."""
        s = _eased(t)
        shake_x = self.sway * (sin(tau * t * 1.1 + self.phase) + 0.45 * sin(tau * t * 2.7 + self.phase * 2))
        shake_y = self.sway * 0.7 * (sin(tau * t * 0.9 + self.phase * 3) + 0.4 * sin(tau * t * 2.3))
        a, b = self.start, self.end
        zoom = a.zoom * (b.zoom / a.zoom) ** s
        return Window(zoom, a.x + (b.x - a.x) * s + shake_x, a.y + (b.y - a.y) * s + shake_y)


def _eased(t: float) -> float:
    """Start and stop softly, but never so slowly that a cut lands on a standstill."""
    smooth = t * t * (3 - 2 * t)
    return 0.65 * smooth + 0.35 * t


_IN = r"push[- ]?in|dolly[- ]?in|zoom(s|ing)?[- ]?in|moves? in\b|closes? in|push(es|ing)? (slowly )?in|creep|move closer|推"
_OUT = r"pull[- ]?(out|back)|dolly[- ]?(out|back)|zoom(s|ing)?[- ]?out|pull(s|ing)? (slowly )?(back|out)|reveal|拉"
_STILL = r"\bstatic\b|\blocked|\bfixed\b|\btripod\b|no movement|\bstill (frame|camera|shot)\b|固定"
_SIDEWAYS = r"(pan|pans|panning|track|tracks|tracking|truck|slide|slides|sliding|dolly|moves?|drifts?|sweep|sweeps)\b[^,.;]{0,24}\b"
_UP = r"tilt[^,.;]{0,16}\bup|crane[^,.;]{0,16}\bup|\bris(e|es|ing)\b|pedestal up|boom up|lifts?\b"
_DOWN = r"tilt[^,.;]{0,16}\bdown|crane[^,.;]{0,16}\bdown|descend|lower(s|ing)\b|pedestal down|boom down"


def read(words: str, focus: tuple[float, float], seconds: float, seed: int) -> Move:
    """Read a move; words that name none become a gentle drift towards the focus."""
    text, picks = words.lower(), random.Random(seed)
    reach = min(1.0, 0.45 + seconds / 10)
    fx, fy = focus
    if re.search(_STILL, text):
        return Move(Window(1.0, 0.5, 0.5), Window(1.0, 0.5, 0.5))
    dx = -1 if re.search(_SIDEWAYS + "left", text) else 1 if re.search(_SIDEWAYS + "right", text) else 0
    if not dx and re.search(r"\b(pan|panning|track|tracking|trucking)\b|横移|摇", text):
        dx = picks.choice((-1, 1))
    dy = (
        -1
        if re.search(_UP, text) or ("crane" in text and not re.search(_DOWN, text))
        else 1
        if re.search(_DOWN, text)
        else 0
    )
    if not dy and re.search(r"\btilt", text):
        dy = -1
    zoom = 1 if re.search(_IN, text) else -1 if re.search(_OUT, text) else 0
    sway, phase = 0.0, picks.uniform(0, tau)
    if re.search(r"hand[- ]?held|shak(y|ing)|手持", text):
        sway = 0.0042
    elif re.search(r"orbit|arc|circl|环绕", text) and not dx:
        dx, zoom = picks.choice((-1, 1)), zoom or 1
    if not (dx or dy or zoom):
        return _drift(picks, (fx, fy), reach, sway, phase)
    return _composed((dx, dy, zoom), (fx, fy), reach, sway, phase)


def _composed(
    turn: tuple[int, int, int], focus: tuple[float, float], reach: float, sway: float, phase: float
) -> Move:
    """Put pan, tilt and zoom together; enlarged just enough for the window to travel inside the still."""
    dx, dy, zoom = turn
    spare = 1.0 + (0.17 if dx or dy else 0.02 if sway else 0.0) * reach
    travel = (1 - 1 / spare) / 2 * 0.96
    grow = 1.0 + 0.17 * reach
    near, far = (spare * grow, spare) if zoom else (spare, spare)
    start_zoom, end_zoom = (far, near) if zoom >= 0 else (near, far)
    tx = 0.5 + (focus[0] - 0.5) * 0.7 if zoom else 0.5
    ty = 0.5 + (focus[1] - 0.5) * 0.7 if zoom else 0.5
    start = Window(start_zoom, 0.5 if zoom >= 0 else tx, 0.5 if zoom >= 0 else ty)
    end = Window(end_zoom, tx if zoom >= 0 else 0.5, ty if zoom >= 0 else 0.5)
    if dx:
        start, end = (
            Window(start.zoom, 0.5 - dx * travel, start.y),
            Window(end.zoom, 0.5 + dx * travel, end.y),
        )
    if dy:
        start, end = (
            Window(start.zoom, start.x, 0.5 - dy * travel),
            Window(end.zoom, end.x, 0.5 + dy * travel),
        )
    return Move(start, end, sway, phase)


def _drift(picks: random.Random, focus: tuple[float, float], reach: float, sway: float, phase: float) -> Move:
    angle = picks.uniform(-pi, pi)
    side = 0.010 * reach
    start = Window(1.03, 0.5 - side * (1 if angle > 0 else -1), 0.5)
    end = Window(1.03 + 0.06 * reach, 0.5 + (focus[0] - 0.5) * 0.3, 0.5 + (focus[1] - 0.5) * 0.3)
    return Move(start, end, sway, phase)
