"""The places themselves: each is a short recipe of layers."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sin

from spicy.providers.animatic.drawing.colours import Colour, lift, mix
from spicy.providers.animatic.drawing.layers import Stage
from spicy.providers.animatic.places import interiors, scenery, towns
from spicy.providers.animatic.places.setting import Ground, Weather

_LAMP: Colour = (255, 206, 124)


def paint(stage: Stage) -> None:
    """Paint the stage's place, up to where the figures come in."""
    if not stage.place.indoors and stage.place.ground not in (Ground.CAVE, Ground.UNDERWATER):
        scenery.sky(stage)
    _PAINTERS[stage.place.ground](stage)
    if stage.place.has("lantern", "lamp", "lights") and not stage.place.indoors:
        _lanterns(stage)
    if stage.place.weather is Weather.FOG:
        scenery.haze(stage, stage.horizon, 0.26, 0.62)
    elif stage.place.weather is Weather.SNOW and stage.place.ground is not Ground.SNOW:
        _dusting(stage)


def _sea(stage: Stage) -> None:
    h, light = stage.horizon, stage.light
    isle = stage.pen()
    isle.poly(
        [(x, y + (h - y) * 0.0) for x, y in stage.crags(h, 0.10, 3)[:-2]]
        + [(stage.wide + 0.1, h), (-0.05, h)]
    )
    stage.lay(isle, light.on((90, 112, 120), 0.25), mix(light.low, light.on((90, 112, 120), 0.25), 0.5))
    if stage.place.has("lighthouse"):
        _lighthouse(stage)
    scenery.water(stage, h - 0.005, 0.92)
    shore = h + (1 - h) * 0.42
    foam, sand = stage.pen(), stage.pen()
    foam.poly([(x, y - 0.016) for x, y in stage.ridge(shore, 0.03, 0.1)])
    stage.lay(foam, light.on((250, 252, 250), 0.9), None, 0.75, 0.003)
    sand.poly(stage.ridge(shore + 0.012, 0.03, 0.1))
    beach: Colour = (226, 202, 158)
    stage.lay(sand, light.on(lift(beach, -0.16), 0.8), light.on(beach, 0.95))
    if stage.place.has("ship", "boat", "sail"):
        _boat(stage, stage.wide * 0.56, h + 0.02, 0.10)


def _boat(stage: Stage, x: float, y: float, s: float) -> None:
    hull, sail = stage.pen(), stage.pen()
    hull.poly(
        [
            (x - s * 0.6, y - s * 0.12),
            (x + s * 0.6, y - s * 0.12),
            (x + s * 0.4, y + s * 0.10),
            (x - s * 0.4, y + s * 0.10),
        ]
    )
    sail.poly([(x - 0.005, y - s * 1.3), (x - 0.005, y - s * 0.16), (x - s * 0.5, y - s * 0.16)])
    sail.poly([(x + 0.006, y - s * 1.1), (x + 0.006, y - s * 0.16), (x + s * 0.42, y - s * 0.16)])
    stage.lay(hull, stage.light.on((128, 70, 58), 0.7))
    stage.lay(sail, stage.light.on((250, 244, 232), 0.7), stage.light.on((214, 206, 200), 0.7))


def _lighthouse(stage: Stage) -> None:
    x, base, light = stage.wide * 0.84, stage.horizon + 0.02, stage.light
    rock, tower, band = stage.pen(), stage.pen(), stage.pen()
    rock.poly(
        [
            (x - 0.24, base),
            (x - 0.13, base - 0.08),
            (x + 0.02, base - 0.12),
            (x + 0.16, base - 0.07),
            (x + 0.3, base),
        ]
    )
    tower.poly(
        [
            (x - 0.034, base - 0.10),
            (x - 0.022, base - 0.42),
            (x + 0.022, base - 0.42),
            (x + 0.034, base - 0.10),
        ]
    )
    tower.box(x - 0.03, base - 0.44, x + 0.03, base - 0.42)
    for k in (0, 2):
        y = base - 0.17 - k * 0.075
        band.poly(
            [
                (x - 0.031 + k * 0.003, y),
                (x - 0.029 + k * 0.003, y - 0.06),
                (x + 0.029 - k * 0.003, y - 0.06),
                (x + 0.031 - k * 0.003, y),
            ]
        )
    band.poly([(x - 0.026, base - 0.49), (x, base - 0.53), (x + 0.026, base - 0.49)])
    stage.lay(rock, light.on((96, 92, 104), 0.6), light.on((70, 68, 84), 0.6))
    stage.lay(tower, light.on((246, 242, 234), 0.75), light.on((206, 204, 206), 0.7))
    stage.lay(band, light.on((200, 66, 58), 0.8))
    beam = stage.pen(1)
    beam.poly([(x, base - 0.465), (x - 1.2, base - 0.66), (x - 1.2, base - 0.40)])
    stage.lay(beam, (255, 240, 190), None, 0.40 if light.dark else 0.16, 0.014)
    stage.glow(x, base - 0.465, 0.12, (255, 238, 180), 0.95)


def _mountains(stage: Stage) -> None:
    scenery.peaks(stage, snow=True)
    scenery.haze(stage, stage.horizon, 0.12, 0.4)
    scenery.conifers(stage, stage.horizon + 0.05, max(6, int(24 * stage.wide / 1.78)), 0.15, 0.5)
    scenery.floor(stage, (108, 140, 92), 0.05)
    scenery.tufts(stage, 0.97, 0.06, 0.85, (96, 132, 80), 40)


def _desert(stage: Stage) -> None:
    h, light = stage.horizon, stage.light
    mesa = stage.pen()
    for x, w, tall in ((0.16, 0.16, 0.15), (0.30, 0.07, 0.20), (0.86, 0.20, 0.12)):
        x *= stage.wide
        mesa.poly(
            [
                (x - w * 1.25, h + 0.03),
                (x - w, h - tall),
                (x + w * 0.9, h - tall * 1.04),
                (x + w * 1.2, h + 0.03),
            ]
        )
    stage.lay(mesa, light.on((196, 112, 84), 0.28), mix(light.on((196, 112, 84), 0.25), light.low, 0.5))
    for k, depth in enumerate((0.35, 0.6, 0.9)):
        dune, y = stage.pen(), h + 0.01 + k * (1 - h) * 0.26
        dune.poly(stage.ridge(y, 0.11 - k * 0.02, 0.0, 0.008))
        sand = light.on((232, 184, 122), depth)
        stage.lay(dune, mix(sand, light.key, 0.25), lift(sand, -0.24))
    cactus = stage.pen()
    for x, s in ((0.09, 0.26), (0.93, 0.18)):
        x, y = x * stage.wide, 0.88
        cactus.box(x - s * 0.07, y - s, x + s * 0.07, y, radius=s * 0.07)
        for side in (-1, 1):
            cactus.line(
                [(x, y - s * 0.42), (x + side * s * 0.25, y - s * 0.46), (x + side * s * 0.25, y - s * 0.8)],
                s * 0.09,
            )
    stage.lay(cactus, light.on((86, 128, 88), 0.9), light.on((58, 94, 76), 0.95))


def _space(stage: Stage) -> None:
    r, light = stage.random, stage.light
    for k in range(9):
        tint: Colour = ((126, 70, 190), (60, 110, 210), (210, 80, 150))[k % 3]
        stage.glow(r.uniform(0, stage.wide), r.uniform(0, 0.6), r.uniform(0.25, 0.5), tint, 0.32)
    scenery.stars(stage, 200)
    x, y, radius = stage.wide * r.choice((0.22, 0.80)), 0.24, 0.15
    stage.glow(x, y, radius * 2.4, (150, 170, 255), 0.35)
    hue: Colour = r.choice(((226, 150, 96), (110, 170, 210), (190, 120, 170)))
    stage.disc(x, y, radius, lift(hue, 0.25), lift(hue, -0.5))
    ring = stage.pen()
    ring.line([(x + radius * 1.9 * c, y - radius * 0.45 * c + 0.012) for c in (-1, 1)], 0.010)
    stage.lay(ring, lift(hue, 0.5), None, 0.7)
    if stage.place.has("station", "starship", "ship"):
        interiors.window_frame(stage)
    dust: Colour = (206, 128, 96) if stage.place.has("mars", "red") else (150, 150, 176)
    for k, depth in enumerate((0.4, 0.95)):
        ground = stage.pen()
        ground.poly(stage.ridge(stage.horizon + 0.02 + k * 0.10, 0.06 - k * 0.03, 0.5))
        shade = light.on(dust, depth)
        stage.lay(ground, lift(shade, 0.12), lift(shade, -0.4))
    craters = stage.pen()
    for _ in range(12):
        t = r.random()
        craters.oval(
            r.uniform(0, stage.wide), stage.horizon + 0.16 + t * 0.2, 0.02 + 0.05 * t, 0.005 + 0.011 * t
        )
    stage.lay(craters, light.on(lift(dust, -0.4), 0.9), light.on(lift(dust, 0.05), 0.9), 0.7)


def _field(stage: Stage) -> None:
    gold: Colour = (220, 184, 92) if stage.place.has("wheat", "corn", "golden") else (126, 170, 86)
    scenery.hills(stage, (120, 156, 104), 3, 0.09)
    scenery.broadleaf(stage, stage.wide * 0.87, stage.horizon + 0.07, 0.40, 0.6)
    scenery.floor(stage, gold, 0.06)
    for k in range(4):
        scenery.tufts(stage, stage.horizon + 0.11 + k * 0.075, 0.035 + k * 0.012, 0.45 + k * 0.15, gold, 60)
    if not stage.place.has("wheat", "corn"):
        scenery.flowers(stage, stage.horizon + 0.09, 0.99, 120)


def _lake(stage: Stage) -> None:
    h = stage.horizon
    scenery.peaks(stage, snow=False)
    scenery.conifers(stage, h + 0.0, max(8, int(30 * stage.wide / 1.78)), 0.16, 0.34)
    scenery.water(stage, h, 0.9)
    bank = stage.pen()
    bank.poly(stage.ridge(h + (1 - h) * 0.46, 0.03, 0.3))
    green = stage.light.on((92, 128, 80), 0.9)
    stage.lay(bank, mix(green, stage.light.key, 0.2), lift(green, -0.3))
    reeds = stage.pen()
    for k in range(26):
        x = (
            stage.random.uniform(0, 0.16) * stage.wide
            if k % 2
            else stage.wide * (1 - stage.random.uniform(0, 0.16))
        )
        y, tall = 0.92, stage.random.uniform(0.14, 0.30)
        reeds.line([(x, y), (x + 0.012, y - tall)], 0.004)
        if k % 3 == 0:
            reeds.oval(x + 0.012, y - tall, 0.006, 0.026)
    stage.lay(reeds, stage.light.on((96, 108, 64), 0.85), stage.light.on((54, 78, 58), 0.95))


def _snow(stage: Stage) -> None:
    h, light = stage.horizon, stage.light
    scenery.peaks(stage, snow=True)
    scenery.conifers(stage, h + 0.03, max(6, int(16 * stage.wide / 1.78)), 0.20, 0.42, (120, 150, 160))
    for k, depth in enumerate((0.6, 0.95)):
        drift = stage.pen()
        drift.poly(stage.ridge(h + 0.05 + k * 0.13, 0.05, 0.0))
        stage.lay(drift, light.on((252, 252, 255), depth), light.on((196, 212, 236), depth))


def _cave(stage: Stage) -> None:
    light, r, h = stage.light, stage.random, stage.horizon
    rock: Colour = (104, 92, 112)
    x = stage.wide * 0.55
    stage.glow(x, h * 0.62, 0.8, mix(light.low, light.key, 0.4), 0.7)
    for depth, reach in ((0.25, 0.52), (0.5, 0.74), (0.85, 0.98)):
        pen = stage.pen()
        pen.box(-0.1, -0.1, stage.wide + 0.1, 1.1)
        hole = [(x + reach * stage.wide * 0.52 * c * r.uniform(0.92, 1.06), h * 0.66 - reach * 0.58 * s * r.uniform(0.9, 1.08))
                for c, s in ((sin(k / 26 * 2 * pi), -sin(k / 26 * 2 * pi + pi / 2)) for k in range(26))]  # fmt: skip
        pen.poly(hole, 0)
        for _ in range(int(12 * reach)):
            sx, w = r.uniform(0, stage.wide), r.uniform(0.012, 0.034)
            pen.poly(
                [
                    (sx - w, h * 0.66 - reach * 0.62),
                    (sx + w, h * 0.66 - reach * 0.62),
                    (sx, h * 0.66 - reach * 0.58 + r.uniform(0.06, 0.24)),
                ]
            )
        shade = mix(light.on(rock, depth), light.ink, 0.28 + 0.35 * depth)
        stage.lay(pen, shade, lift(shade, -0.2))
    scenery.floor(stage, mix(rock, (60, 52, 70), 0.4), 0.06)
    if stage.place.has("crystal", "glowing", "gem", "treasure", "magic"):
        for k in range(9):
            cx, cy, s = (0.03 + 0.118 * k) * stage.wide, r.uniform(h + 0.02, h + 0.12), r.uniform(0.04, 0.10)
            tint: Colour = ((120, 220, 240), (190, 130, 250), (130, 240, 190))[k % 3]
            stage.glow(cx, cy, s * 2.4, tint, 0.4)
            gem = stage.pen()
            for lean in (-0.5, 0.1, 0.6):
                gem.poly(
                    [
                        (cx + lean * s - s * 0.16, cy),
                        (cx + lean * s * 1.5, cy - s * (1.1 - abs(lean) * 0.6)),
                        (cx + lean * s + s * 0.16, cy),
                    ]
                )
            stage.lay(gem, lift(tint, 0.5), lift(tint, -0.3))


def _garden(stage: Stage) -> None:
    h = stage.horizon
    scenery.hills(stage, (128, 164, 110), 2, 0.08)
    for k in range(max(3, int(6 * stage.wide / 1.78))):
        scenery.broadleaf(
            stage,
            stage.wide * (k + 0.4) / (6 * stage.wide / 1.78),
            h + 0.03,
            stage.random.uniform(0.22, 0.34),
            0.45,
        )
    hedge = stage.pen()
    for k in range(int(stage.wide / 0.06) + 2):
        scenery.crown_mask(hedge, k * 0.06, h + 0.03, 0.05)
    green = stage.light.on((80, 134, 80), 0.62)
    stage.lay(hedge, mix(green, stage.light.key, 0.18), lift(green, -0.2))
    scenery.floor(stage, (132, 176, 92), 0.05)
    scenery.path(stage, (220, 204, 172))
    scenery.flowers(stage, h + 0.06, 0.99, 170)


def _air(stage: Stage) -> None:
    r = stage.random
    for k in range(3):
        y, alpha = stage.horizon + 0.02 + k * 0.12, 0.55 + 0.15 * k
        for _ in range(int(7 * stage.wide / 1.78) + 1):
            scenery.cloud(
                stage,
                r.uniform(-0.1, stage.wide + 0.1),
                y + r.uniform(-0.03, 0.03),
                r.uniform(0.26, 0.44),
                alpha,
            )
    pen = stage.pen(1)
    pen.poly(stage.ridge(0.86, 0.10, 0.5))
    stage.lay(
        pen,
        mix(stage.light.low, (255, 255, 255), 0.45 if not stage.light.dark else 0.1),
        stage.light.middle,
        0.9,
        0.02,
    )


def _underwater(stage: Stage) -> None:
    light, r = stage.light, stage.random
    scenery.shafts(stage, 0.34)
    for depth, y in ((0.2, 0.62), (0.45, 0.72)):
        reef = stage.pen()
        reef.poly(stage.ridge(y, 0.16, 0.6))
        stage.lay(reef, light.on((40, 110, 140), depth), mix(light.low, light.ink, 0.3))
    scenery.floor(stage, (206, 190, 150), 0.10)
    for k in range(10):
        x = (r.uniform(0, 0.22) if k % 2 else r.uniform(0.78, 1.0)) * stage.wide
        coral, tint = stage.pen(), ((238, 110, 120), (250, 176, 90), (190, 120, 220))[k % 3]
        for lean in (-0.5, -0.2, 0.1, 0.4):
            coral.line(
                [(x, 0.92), (x + lean * 0.08, 0.84), (x + lean * 0.16, 0.92 - r.uniform(0.1, 0.22))], 0.012
            )
        stage.lay(coral, light.on(tint, 0.75), light.on(lift(tint, -0.3), 0.8))
    for _ in range(34):
        x, y, s = r.uniform(0, stage.wide), r.uniform(0.05, 0.9), r.uniform(0.003, 0.010)
        stage.disc(x, y, s, (226, 250, 255), (140, 210, 230), 0.5)


def _hills(stage: Stage) -> None:
    scenery.hills(stage, (112, 152, 116), 4, 0.16)
    scenery.floor(stage, (128, 164, 104), 0.10)
    scenery.tufts(stage, 0.985, 0.05, 0.9, (104, 146, 90), 44)


def _lanterns(stage: Stage) -> None:
    for k in range(7):
        x, y = stage.wide * (0.06 + 0.147 * k), 0.17 + 0.06 * sin(k * 1.9)
        wire, paper = stage.pen(), stage.pen()
        wire.line([(x, -0.02), (x, y)], 0.0018)
        paper.oval(x, y + 0.024, 0.018, 0.024)
        stage.lay(wire, stage.light.ink)
        stage.glow(x, y + 0.024, 0.13, _LAMP, 0.5)
        stage.lay(paper, (255, 226, 160), (246, 150, 84))


def _dusting(stage: Stage) -> None:
    pen = stage.pen(1)
    pen.poly(stage.ridge(stage.horizon + 0.06, 0.02, 0.2))
    stage.lay(pen, stage.light.on((250, 252, 255), 0.8), stage.light.on((206, 220, 240), 0.9), 0.62, 0.02)


_PAINTERS: dict[Ground, Callable[[Stage], None]] = {
    Ground.FOREST: scenery.forest, Ground.CITY: towns.city, Ground.SEA: _sea, Ground.MOUNTAINS: _mountains, Ground.DESERT: _desert,
    Ground.SPACE: _space, Ground.VILLAGE: towns.village, Ground.FIELD: _field, Ground.LAKE: _lake, Ground.SNOW: _snow,
    Ground.CAVE: _cave, Ground.CASTLE: towns.castle, Ground.GARDEN: _garden, Ground.SKY: _air, Ground.UNDERWATER: _underwater,
    Ground.HILLS: _hills, Ground.ROOM: interiors.room, Ground.LIBRARY: interiors.library, Ground.KITCHEN: interiors.kitchen,
    Ground.WORKSHOP: interiors.workshop,
}  # fmt: skip
