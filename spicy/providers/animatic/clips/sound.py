"""A quiet bed of sound: a warm chord that breathes, and wind, rain or night under it."""

from __future__ import annotations

from math import tau

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
RATE = 48_000

_LOUD = 0.060
"""Root mean square of the chord, which makes about -24 LUFS."""

_CHORDS: dict[str, tuple[tuple[int, ...], ...]] = {
    "bright": ((0, 7, 12, 16, 23), (5, 12, 16, 19, 24), (0, 7, 14, 16, 19)),
    "dark": ((0, 7, 12, 15, 22), (-4, 8, 12, 15, 19), (0, 7, 10, 15, 17)),
    "wonder": ((0, 7, 14, 18, 23), (2, 9, 14, 18, 21), (-3, 9, 12, 16, 23)),
}
"""Chords in semitones over the ground note."""
_BRIGHT = [
    "joy",
    "happy",
    "warm",
    "hope",
    "laugh",
    "play",
    "dance",
    "sun",
    "bright",
    "smile",
    "run",
    "cheer",
    "triumph",
]
_DARK = [
    "dark",
    "tense",
    "fear",
    "danger",
    "night",
    "storm",
    "rain",
    "sad",
    "lonely",
    "cold",
    "shadow",
    "fog",
    "fight",
    "chase",
]


def bed(words: str, air: str, dark: bool, seconds: int, seed: int) -> Floats:
    """Synthesise the bed, stereo, exactly so many seconds long; it fades at both ends."""
    picks = np.random.default_rng(seed)
    count = seconds * RATE
    mode = _mode(words.lower(), dark)
    chord = _CHORDS[mode][int(picks.integers(len(_CHORDS[mode])))]
    ground = 110.0 * 2 ** (int(picks.integers(-3, 4)) / 12)
    t = np.arange(count, dtype=np.float32) / np.float32(RATE)
    out = np.zeros((2, count), np.float32)
    for k, step in enumerate(chord):
        _voice(out, t, ground * 2 ** (step / 12), 0.9 / (1.6 + k), picks)
    out *= np.float32(_LOUD / max(1e-6, float(np.sqrt(np.mean(out * out)))))
    _weather(out, air, picks)
    _chimes(out, ground, chord, picks)
    fade = np.minimum(1.0, np.minimum(t / 0.45, (np.float32(seconds) - t) / 0.55)).astype(np.float32)
    out *= fade * fade * (3 - 2 * fade)
    return np.clip(out, -0.9, 0.9)


def _mode(words: str, dark: bool) -> str:
    if any(word in words for word in _BRIGHT):
        return "bright"
    return "dark" if any(word in words for word in _DARK) else "wonder" if dark else "bright"


def _voice(out: Floats, t: Floats, pitch: float, level: float, picks: np.random.Generator) -> None:
    """Add one note: two strings slightly apart, one to each side, swelling slowly."""
    breath = np.float32(tau * float(picks.uniform(0.05, 0.12))) * t + np.float32(level * 9)
    swell = np.float32(level) * (np.float32(0.75) + np.float32(0.25) * np.sin(breath))
    for side in range(2):
        note = np.zeros_like(t)
        for partial, share in ((1.0, 1.0), (2.0, 0.28), (3.0, 0.09)):
            detune = 1 + float(picks.uniform(-0.0016, 0.0016))
            phase = np.float32(picks.uniform(0, tau))
            note += np.float32(share) * np.sin(np.float32(tau * pitch * partial * detune) * t + phase)
        out[side] += note * swell


def _weather(out: Floats, air: str, picks: np.random.Generator) -> None:
    level, smooth = {
        "rain": (0.030, 6),
        "snow": (0.020, 90),
        "bubbles": (0.022, 140),
        "stars": (0.012, 160),
    }.get(air, (0.009, 70))
    count = out.shape[1]
    coarse = count // smooth + 2
    for side in range(2):
        noise = picks.standard_normal(coarse).astype(np.float32)
        breath = 0.7 + 0.3 * np.sin(np.linspace(0, 7, coarse, dtype=np.float32) + side)
        out[side] += np.float32(level) * np.interp(
            np.arange(count, dtype=np.float32) / smooth, np.arange(coarse, dtype=np.float32), noise * breath
        ).astype(np.float32)


def _chimes(out: Floats, ground: float, chord: tuple[int, ...], picks: np.random.Generator) -> None:
    """Let a few soft bells ring, one every two or three seconds."""
    count, at = out.shape[1], int(0.8 * RATE)
    ring = np.arange(int(1.8 * RATE), dtype=np.float32) / np.float32(RATE)
    while at < count - RATE // 2:
        pitch = ground * 4 * 2 ** (int(picks.choice(chord)) / 12)
        bell = (
            np.sin(np.float32(tau * pitch) * ring) + 0.3 * np.sin(np.float32(tau * pitch * 2.01) * ring)
        ) * np.exp(-ring * 3.2)
        bell *= np.minimum(1, ring * 120)
        pan = float(picks.uniform(0.25, 0.75))
        length = min(len(bell), count - at)
        out[0, at : at + length] += (bell[:length] * np.float32(0.020 * (1 - pan))).astype(np.float32)
        out[1, at : at + length] += (bell[:length] * np.float32(0.020 * pan)).astype(np.float32)
        at += int(float(picks.uniform(1.6, 3.2)) * RATE)
