"""Places that people have built: city, village, castle."""

from __future__ import annotations

from spicy.providers.animatic.drawing.colours import Colour, mix
from spicy.providers.animatic.drawing.layers import Pen, Stage
from spicy.providers.animatic.places import scenery
from spicy.providers.animatic.places.setting import Hour, Weather

_LAMP: Colour = (255, 206, 124)


def city(stage: Stage) -> None:
    """Rows of towers with lit windows, and the street in front."""
    h, light, r = stage.horizon, stage.light, stage.random
    glow = light.dark or stage.place.hour in (Hour.DUSK, Hour.DAWN) or light.strength < 0.2
    for depth, count, high in ((0.10, 22, 0.44), (0.26, 15, 0.40), (0.46, 9, 0.34)):
        body, lit = stage.pen(), stage.pen()
        blocks = max(4, int(count * stage.wide / 1.78))
        for k in range(blocks):
            x = (k + 0.5 + r.uniform(-0.3, 0.3)) / blocks * (stage.wide + 0.1) - 0.05
            half, tall = stage.wide / count * r.uniform(0.30, 0.52), high * r.uniform(0.45, 1.1) * h / 0.66
            _tower(stage, body, lit, (x, half, tall, 0.30 + 0.2 * depth), k)
        shade = light.on((92, 100, 130), depth)
        stage.lay(body, mix(shade, light.middle, 0.12), mix(shade, light.low, 0.3))
        stage.lay(
            lit,
            _LAMP if glow else mix(light.low, (255, 255, 255), 0.3),
            None,
            (0.85 if glow else 0.35) * (0.5 + depth),
        )
        scenery.haze(stage, h - 0.02, 0.12, 0.32)
    _street(stage, glow)


def _tower(stage: Stage, body: Pen, lit: Pen, shape: tuple[float, float, float, float], k: int) -> None:
    (x, w, tall, awake), r, h = shape, stage.random, stage.horizon
    body.box(x - w, h - tall, x + w, h + 0.06)
    if k % 3 == 0:
        body.box(x - w * 0.6, h - tall * 1.12, x + w * 0.5, h - tall)
    if k % 4 == 1:
        body.line([(x, h - tall), (x, h - tall * 1.25)], 0.003)
    rows, columns = max(2, int(tall / 0.030)), max(2, int(w * 2 / 0.024))
    for row in range(rows - 1):
        for column in range(columns):
            if r.random() < awake:
                wx, wy = x - w + (column + 0.5) * 2 * w / columns, h - tall + (row + 0.6) * tall / rows
                lit.box(wx - 0.0045, wy - 0.006, wx + 0.0045, wy + 0.006, r.randint(120, 255))


def _street(stage: Stage, glow: bool) -> None:
    h, light, r = stage.horizon, stage.light, stage.random
    wet = stage.place.weather in (Weather.RAIN, Weather.STORM) or stage.place.has("wet", "puddle", "neon")
    scenery.floor(stage, (104, 106, 122))
    x = stage.wide / 2
    road = stage.pen()
    road.poly(
        [
            (x - 0.05, h + 0.012),
            (x + 0.05, h + 0.012),
            (x + stage.wide * 0.62, 1.02),
            (x - stage.wide * 0.62, 1.02),
        ]
    )
    stage.lay(road, light.on((96, 98, 116), 0.4), light.on((62, 62, 80), 0.9), 0.85)
    if wet or glow:
        shine = stage.pen(1)
        for _ in range(16):
            sx = r.uniform(0, stage.wide)
            shine.box(
                sx - r.uniform(0.004, 0.02),
                h + 0.02,
                sx + 0.012,
                r.uniform(h + 0.12, 0.98),
                r.randint(60, 170),
            )
        neon = (236, 92, 160) if stage.place.has("neon") else _LAMP
        stage.lay(shine, neon, light.middle, 0.34 if wet else 0.16, 0.008)
    for side in (0.05, 0.95):
        _lamp_post(stage, side * stage.wide, 0.90, 0.62, glow)


def _lamp_post(stage: Stage, x: float, foot: float, tall: float, glow: bool) -> None:
    pen = stage.pen()
    inward = 0.05 if x < stage.wide / 2 else -0.05
    pen.line([(x, foot), (x, foot - tall), (x + inward, foot - tall - 0.02)], 0.008)
    pen.box(x - 0.014, foot - 0.02, x + 0.014, foot)
    stage.lay(pen, stage.light.on((56, 56, 70), 0.95))
    if glow:
        stage.glow(x + inward, foot - tall, 0.30, _LAMP, 0.55)
        stage.glow(x + inward, foot - tall, 0.06, (255, 246, 216), 0.95)


def village(stage: Stage) -> None:
    """Houses with gables between hills, a path through the middle."""
    h = stage.horizon
    scenery.hills(stage, (112, 150, 96), 2, 0.16)
    scenery.houses(stage, h + 0.01, max(3, int(9 * stage.wide / 1.78)), 0.085, 0.45)
    scenery.floor(stage, (132, 156, 96), 0.012)
    scenery.houses(stage, h + 0.10, max(2, int(4 * stage.wide / 1.78)), 0.17, 0.8)
    scenery.path(stage, (206, 184, 146))
    scenery.tufts(stage, 0.985, 0.05, 0.9, (104, 146, 80), 44)


def castle(stage: Stage) -> None:
    """Towers behind a wall, on a rise, and the road to the gate."""
    h, light = stage.horizon, stage.light
    scenery.hills(stage, (108, 140, 110), 2, 0.14)
    for depth, scale, x in ((0.30, 1.0, stage.wide * 0.56),):
        walls, roofs, lit = stage.pen(), stage.pen(), stage.pen()
        for dx, w, tall in (
            (-0.34, 0.05, 0.26),
            (-0.16, 0.06, 0.38),
            (0.0, 0.10, 0.30),
            (0.14, 0.05, 0.46),
            (0.32, 0.06, 0.28),
        ):
            cx = x + dx * scale
            walls.box(cx - w, h - tall, cx + w, h + 0.05)
            for k in range(5):
                walls.box(
                    cx - w * 1.1 + k * w * 0.46,
                    h - tall - 0.018,
                    cx - w * 1.1 + k * w * 0.46 + w * 0.26,
                    h - tall,
                )
            if w < 0.09:
                roofs.poly(
                    [
                        (cx - w * 1.3, h - tall - 0.012),
                        (cx, h - tall - 0.17),
                        (cx + w * 1.3, h - tall - 0.012),
                    ]
                )
            lit.box(cx - 0.009, h - tall * 0.66, cx + 0.009, h - tall * 0.66 + 0.036, radius=0.008)
        walls.box(x - 0.36, h - 0.14, x + 0.36, h + 0.05)
        stone = light.on((168, 160, 172), depth + 0.1)
        stage.lay(walls, mix(stone, light.key, 0.12), mix(stone, light.low, 0.32))
        stage.lay(roofs, light.on((110, 84, 150), depth + 0.2), light.on((84, 66, 130), depth + 0.1))
        stage.lay(lit, _LAMP, None, 0.95 if light.dark or stage.place.hour is Hour.DUSK else 0.5)
    scenery.floor(stage, (116, 148, 96), 0.03)
    scenery.path(stage, (190, 180, 168))
    for side in (0.06, 0.95):
        scenery.broadleaf(stage, stage.wide * side, 0.90, 0.42, 0.85)
