"""Outdoor places, painted from the sky to the ground in layers that fade into the haze."""

from __future__ import annotations

from math import cos, pi, sin

from spicy.providers.animatic.drawing.colours import Colour, lift, mix
from spicy.providers.animatic.drawing.layers import Pen, Stage
from spicy.providers.animatic.places.setting import Hour, Weather

_LEAF: Colour = (74, 128, 82)
_ROCK: Colour = (112, 116, 140)
_LAMP: Colour = (255, 210, 130)


def sky(stage: Stage) -> None:
    """Paint what is above: stars, moon or sun with its glow, clouds."""
    light, r = stage.light, stage.random
    x, y = light.sun[0] * stage.wide, light.sun[1] * stage.horizon / 0.66
    if light.dark and stage.place.weather in (Weather.CLEAR, Weather.CLOUDY):
        stars(stage, 150 if stage.place.ground != "space" else 420)
    if light.dark:
        stage.glow(x, y, 0.60, lift(light.low, 0.35), 0.55 * light.strength + 0.1)
        if light.strength > 0.15 and stage.place.ground != "space":
            stage.glow(x, y, 0.20, (236, 240, 255), 0.5)
            stage.disc(x, y, 0.062, (252, 250, 238), (226, 228, 236))
            for dx, dy, size in ((-0.02, -0.014, 0.014), (0.018, 0.012, 0.010), (-0.006, 0.026, 0.008)):
                stage.disc(x + dx, y + dy, size, (222, 222, 226), (210, 212, 222), 0.7)
    elif light.strength > 0.05:
        stage.glow(x, y, 0.95, mix(light.low, (255, 246, 220), 0.5), 0.75 * light.strength)
        stage.glow(x, y, 0.34, (255, 250, 232), 0.75 * light.strength)
        if stage.place.weather in (Weather.CLEAR, Weather.CLOUDY):
            stage.disc(x, y, 0.060, (255, 253, 240), mix(light.low, (255, 246, 214), 0.7))
    number = {
        Weather.CLEAR: 4,
        Weather.CLOUDY: 8,
        Weather.RAIN: 9,
        Weather.STORM: 10,
        Weather.SNOW: 6,
        Weather.FOG: 2,
    }[stage.place.weather]
    for k in range(number):
        heavy = stage.place.weather in (Weather.RAIN, Weather.STORM)
        cloud(stage, r.uniform(0, stage.wide), r.uniform(0.05, stage.horizon * (0.5 if heavy else 0.62)),
              r.uniform(0.10, 0.22) * (1.6 if heavy else 1.0), 0.75 if heavy else 0.34 + 0.1 * (k % 3))  # fmt: skip


def stars(stage: Stage, count: int) -> None:
    """Strew stars over the upper part of the sky."""
    r, pen = stage.random, stage.pen()
    for _ in range(count):
        x, y, size = (
            r.uniform(0, stage.wide),
            r.uniform(0, 1) ** 1.3 * stage.horizon,
            r.choice((0.0009, 0.0013, 0.0013, 0.0022)),
        )
        pen.oval(x, y, size, size, r.randint(110, 255))
    stage.lay(pen, (250, 248, 240))
    for _ in range(count // 40):
        stage.glow(r.uniform(0, stage.wide), r.uniform(0, stage.horizon * 0.7), 0.014, (255, 255, 255), 0.8)


def cloud(stage: Stage, x: float, y: float, size: float, alpha: float) -> None:
    """Lay one long soft cloud, lit from above."""
    r, pen = stage.random, stage.pen(1)
    for k in range(7):
        dx = (k - 3) / 3
        swell = (1 - dx * dx * 0.8) * r.uniform(0.7, 1.1)
        pen.oval(
            x + dx * size, y - swell * size * 0.10, size * 0.26 * swell + 0.01, size * 0.17 * swell + 0.005
        )
    pen.oval(x, y + size * 0.03, size * 1.25, size * 0.075)
    light = stage.light
    base = (
        mix(light.middle, light.top, 0.3)
        if stage.place.weather in (Weather.RAIN, Weather.STORM)
        else light.middle
    )
    stage.lay(
        pen,
        mix(lift(light.low, 0.4 if not light.dark else 0.05), base, 0.15),
        mix(base, light.low, 0.3),
        alpha,
        0.006,
    )


def hills(stage: Stage, colour: Colour, layers: int = 4, high: float = 0.10, rough: float = 0.3) -> None:
    """Roll hills from the horizon to the front."""
    h = stage.horizon
    for k in range(layers):
        depth = (k + 0.5) / layers
        y = h - 0.05 + (1 - h) * 0.72 * (k / layers) ** 1.2
        pen = stage.pen()
        pen.poly(stage.ridge(y, high * (1.1 - depth * 0.5), rough))
        near = stage.light.on(colour, 0.12 + depth * 0.72)
        stage.lay(pen, mix(near, stage.light.key, 0.16), lift(near, -0.16))


def floor(stage: Stage, colour: Colour, lip: float = 0.0) -> None:
    """Lay the ground that the figures stand on, from the horizon line down."""
    pen = stage.pen()
    pen.poly(stage.ridge(stage.horizon + lip, 0.012, 0.2))
    near = stage.light.on(colour, 0.86)
    far = mix(stage.light.on(colour, 0.5), stage.light.low, 0.18)
    stage.lay(pen, far, lift(near, -0.22))
    x = stage.light.sun[0] * stage.wide
    pool = stage.pen(1)
    pool.oval(
        x * 0.6 + stage.wide * 0.2,
        stage.horizon + (1 - stage.horizon) * 0.45,
        stage.wide * 0.42,
        (1 - stage.horizon) * 0.34,
    )
    stage.lay(
        pool, mix(stage.light.key, stage.light.low, 0.3), None, 0.26 if not stage.light.dark else 0.16, 0.09
    )


def peaks(stage: Stage, snow: bool) -> None:
    """Raise two ranges of mountains, with snow on their lit sides."""
    h, light = stage.horizon, stage.light
    for depth, high, count in ((0.18, 0.42, 3), (0.36, 0.27, 5)):
        ridge = stage.crags(h + 0.03, high * h / 0.66, max(2, round(count * stage.wide / 1.78)))
        pen = stage.pen()
        pen.poly(ridge)
        rock = light.on(_ROCK, depth)
        stage.lay(pen, mix(rock, light.key, 0.10), mix(rock, light.low, 0.45))
        if snow:
            _caps(stage, ridge, depth, h - high * 0.36)


def _caps(stage: Stage, ridge: list[tuple[float, float]], depth: float, line: float) -> None:
    tops, light = ridge[:-2], stage.light
    summits = [
        p
        for k, p in enumerate(tops)
        if p[1] < line and p[1] <= min(q[1] for q in tops[max(0, k - 5) : k + 6])
    ]
    pen = stage.pen()
    for x, y in summits:
        drop = (line - y) * 0.8 + 0.03
        near = [p for p in tops if abs(p[0] - x) < drop * 0.75 and p[1] < y + drop]
        if len(near) > 2:
            zigzag = [(near[-1][0] - (near[-1][0] - near[0][0]) * t, y + drop * (1.0 if k % 2 else 0.66)) for k, t in
                      enumerate((0.0, 0.18, 0.36, 0.54, 0.72, 1.0))]  # fmt: skip
            pen.poly([*near, *zigzag])
    stage.lay(
        pen,
        mix(light.on((250, 250, 255), 0.6 + depth * 0.5), light.key, 0.3),
        light.on((206, 218, 240), 0.6),
        0.9,
    )


def conifers(stage: Stage, y: float, count: int, high: float, depth: float, colour: Colour = _LEAF) -> None:
    """Plant a row of firs."""
    r, pen = stage.random, stage.pen()

    def fir(x: float, _: int) -> None:
        tall = high * r.uniform(0.62, 1.15)
        base = y + r.uniform(-0.008, 0.012)
        pen.box(x - tall * 0.02, base - tall * 0.2, x + tall * 0.02, base + 0.03)
        for tier in range(5):
            top = base - tall + tier * tall * 0.165
            half, low = tall * (0.075 + tier * 0.042), top + tall * 0.30
            pen.poly([(x, top), (x + half, low), (x + half * 0.4, low - tall * 0.03), (x, low + tall * 0.01),
                      (x - half * 0.4, low - tall * 0.03), (x - half, low)])  # fmt: skip

    stage.scatter(count, fir)
    pen.poly(stage.ridge(y, 0.02, 0.3))
    shade = stage.light.on(colour, depth)
    stage.lay(pen, mix(shade, stage.light.key, 0.10), mix(shade, stage.light.low, 0.22 * (1 - depth)))


def broadleaf(stage: Stage, x: float, base: float, tall: float, depth: float, colour: Colour = _LEAF) -> None:
    """Plant one tree with a round crown."""
    r, light = stage.random, stage.light
    trunk = stage.pen()
    w = tall * 0.045
    trunk.poly([(x - w * 0.7, base - tall * 0.6), (x + w * 0.7, base - tall * 0.6), (x + w, base - 0.02), (x + w * 2, base + 0.01),
                (x - w * 2, base + 0.01), (x - w, base - 0.02)])  # fmt: skip
    for side in (-1, 1):
        trunk.line([(x, base - tall * 0.40), (x + side * tall * 0.2, base - tall * 0.66)], w * 0.8)
    bark = light.on((98, 72, 60), depth)
    stage.lay(trunk, bark, lift(bark, -0.25))
    leaf = light.on(colour, depth)
    for shade, grow, lowering in (
        (lift(leaf, -0.22), 1.06, 0.03),
        (leaf, 0.92, 0.0),
        (mix(leaf, light.key, 0.24), 0.62, -0.05),
    ):
        crown = stage.pen()
        for k in range(11):
            a = k / 11 * 2 * pi
            reach = tall * 0.23 * grow
            crown.oval(x + cos(a) * reach * 1.05 - (0.02 if grow < 0.7 else 0), base - tall * (0.72 - lowering) + sin(a) * reach * 0.66,
                       tall * 0.13 * grow * r.uniform(0.85, 1.15), tall * 0.12 * grow * r.uniform(0.85, 1.15))  # fmt: skip
        crown.oval(x, base - tall * (0.72 - lowering), tall * 0.22 * grow, tall * 0.17 * grow)
        stage.lay(crown, mix(shade, light.key, 0.06), shade)


def forest(stage: Stage) -> None:
    """A wood: rows of firs in the haze, near trunks at the sides, ferns, shafts of light."""
    h, light, r = stage.horizon, stage.light, stage.random
    many = stage.wide / 1.78
    leaf = (156, 98, 54) if stage.place.has("autumn", "amber", "golden-leaved") else _LEAF
    for depth, count, high, y in (
        (0.10, 26, 0.34, h - 0.02),
        (0.24, 18, 0.46, h + 0.0),
        (0.42, 11, 0.60, h + 0.02),
    ):
        conifers(stage, y, max(4, int(count * many)), high * h / 0.66, depth, leaf)
        haze(stage, y - 0.03, 0.08, 0.30)
    floor(stage, mix(leaf, (92, 104, 62), 0.5), 0.01)
    _trunks(stage, 0.62, 5, 0.020)
    tufts(stage, h + 0.06, 0.05, 0.6, leaf, 46)
    _trunks(stage, 0.88, 3, 0.052)
    if light.strength > 0.25:
        shafts(stage, 0.30 if not light.dark else 0.16)
    if stage.place.has("enchanted", "magic", "magical", "fairy"):
        for _ in range(12):
            x, y = r.uniform(0, stage.wide), r.uniform(h - 0.12, 0.94)
            stage.glow(x, y, r.uniform(0.02, 0.05), mix((150, 255, 214), light.key, 0.2), 0.75)
        mushrooms(stage)


def _trunks(stage: Stage, depth: float, count: int, width: float) -> None:
    r, pen = stage.random, stage.pen()
    base = stage.horizon + (1 - stage.horizon) * depth * 0.45

    def trunk(x: float, k: int) -> None:
        if 0.30 < x / stage.wide < 0.72 and depth > 0.7:
            x = x * 0.16 if k % 2 else stage.wide - (stage.wide - x) * 0.16
        w, foot, lean = width * r.uniform(0.7, 1.3), base + r.uniform(-0.01, 0.03), r.uniform(-0.03, 0.03)
        pen.poly([(x - w * 0.6 + lean, -0.02), (x + w * 0.6 + lean, -0.02), (x + w * 0.8, foot - 0.08), (x + w * 1.9, foot),
                  (x - w * 1.9, foot), (x - w * 0.8, foot - 0.08)])  # fmt: skip
        for _ in range(2):
            side, y = r.choice((-1, 1)), r.uniform(0.05, 0.36)
            pen.line(
                [(x + lean * 0.5, y + 0.08), (x + side * w * 3, y), (x + side * w * 5.5, y - 0.05)], w * 0.36
            )

    stage.scatter(count, trunk, 0.42)
    bark = stage.light.on((86, 66, 62), depth)
    stage.lay(pen, lift(bark, -0.06), mix(bark, stage.light.key, 0.12))


def mushrooms(stage: Stage) -> None:
    """Put a few glowing mushrooms at the edges of the ground."""
    r = stage.random
    for x in (0.07, 0.11, 0.88, 0.93):
        x, y, s = x * stage.wide, r.uniform(0.86, 0.94), r.uniform(0.018, 0.032)
        stem, cap = stage.pen(), stage.pen()
        stem.box(x - s * 0.22, y - s, x + s * 0.22, y, radius=0.004)
        cap.oval(x, y - s, s, s * 0.62)
        stage.glow(x, y - s, s * 4, (140, 240, 220), 0.35)
        stage.lay(stem, stage.light.on((238, 226, 206), 0.9))
        stage.lay(cap, stage.light.on((226, 94, 88), 1.0), stage.light.on((170, 58, 80), 0.9))


def tufts(stage: Stage, y: float, high: float, depth: float, colour: Colour, count: int) -> None:
    """Let grass grow in a row."""
    r, pen = stage.random, stage.pen()

    def tuft(x: float, _: int) -> None:
        for _ in range(5):
            dx, tall = r.uniform(-0.022, 0.022), high * r.uniform(0.5, 1.1)
            pen.poly(
                [
                    (x + dx * 0.4 - 0.0025, y + 0.02),
                    (x + dx * 0.4 + 0.0025, y + 0.02),
                    (x + dx * 1.8, y - tall),
                ]
            )

    stage.scatter(count, tuft, 0.6)
    shade = stage.light.on(colour, depth)
    stage.lay(pen, mix(shade, stage.light.key, 0.28), lift(shade, -0.15))


def flowers(stage: Stage, y0: float, y1: float, count: int) -> None:
    """Strew blossoms over the ground, larger towards the front."""
    r = stage.random
    kinds: tuple[Colour, ...] = (
        (246, 214, 92),
        (240, 120, 140),
        (250, 246, 240),
        (162, 120, 214),
        (236, 110, 80),
    )
    for colour in kinds:
        pen = stage.pen()
        for _ in range(count // len(kinds)):
            t = r.random()
            x, y, s = r.uniform(0, stage.wide), y0 + (y1 - y0) * t, 0.0035 + 0.0065 * t
            for k in range(5):
                pen.oval(x + cos(k * 1.257) * s, y + sin(k * 1.257) * s * 0.8, s * 0.7, s * 0.6)
        stage.lay(pen, stage.light.on(colour, 0.95), stage.light.on(lift(colour, -0.1), 0.9))


def haze(stage: Stage, y: float, deep: float, alpha: float) -> None:
    """Lay a band of mist."""
    pen = stage.pen(1)
    pen.box(-0.1, y - deep * 0.5, stage.wide + 0.1, y + deep * 0.5)
    stage.lay(
        pen,
        mix(stage.light.low, stage.light.key, 0.3 if not stage.light.dark else 0.0),
        None,
        alpha,
        deep * 0.7,
    )


def shafts(stage: Stage, alpha: float) -> None:
    """Let beams fall from the sun through the trees."""
    r, pen = stage.random, stage.pen(1)
    x = stage.light.sun[0] * stage.wide
    for k in range(6):
        start, spread = x + (k - 2.5) * 0.09, r.uniform(0.015, 0.05)
        end = start - 0.42 - (2.5 - k) * 0.10
        pen.poly([(start - spread * 0.3, -0.05), (start + spread * 0.3, -0.05), (end + spread * 2, 1.0), (end - spread * 2, 1.0)],
                 r.randint(110, 220))  # fmt: skip
    stage.lay(pen, mix(stage.light.key, (255, 244, 214), 0.4), stage.light.low, alpha, 0.012)


def water(stage: Stage, y0: float, y1: float, colour: Colour = (60, 128, 160)) -> None:
    """Lay water that mirrors the sky, with glints under the sun or moon."""
    light, r = stage.light, stage.random
    pen = stage.pen()
    pen.box(-0.1, y0, stage.wide + 0.1, y1)
    stage.lay(pen, mix(light.low, light.middle, 0.35), mix(light.on(colour, 0.75), light.top, 0.35))
    dark, bright = stage.pen(), stage.pen()
    sun = light.sun[0] * stage.wide
    for k in range(150):
        t = (k / 150) ** 1.5
        y, length = y0 + (y1 - y0) * t, (0.02 + 0.10 * t) * r.uniform(0.5, 1.3)
        thick = 0.0010 + 0.0030 * t
        dark.oval(r.uniform(0, stage.wide), y, length, thick, r.randint(60, 140))
        if r.random() < 0.62:
            bright.oval(sun + r.gauss(0, 0.03 + 0.10 * t), y, length * 0.5, thick, r.randint(120, 255))
    stage.lay(dark, mix(light.top, light.ink, 0.35), None, 0.5)
    stage.lay(bright, mix(light.key, (255, 252, 236), 0.5), None, 0.25 + 0.6 * light.strength)


def houses(stage: Stage, y: float, count: int, size: float, depth: float) -> None:
    """Put up a row of small houses with gables and lit windows."""
    r, light = stage.random, stage.light
    walls: tuple[Colour, ...] = ((226, 206, 178), (206, 168, 140), (188, 196, 190), (222, 190, 150))
    roofs: tuple[Colour, ...] = ((176, 86, 66), (120, 78, 72), (92, 98, 122), (148, 96, 64))

    def house(x: float, k: int) -> None:
        w, high = size * r.uniform(0.8, 1.2), size * r.uniform(0.7, 1.0)
        wall, roof, lit = stage.pen(), stage.pen(), stage.pen()
        wall.box(x - w / 2, y - high, x + w / 2, y + 0.02)
        roof.poly(
            [
                (x - w * 0.62, y - high * 0.96),
                (x - w * 0.12, y - high * 1.62),
                (x + w * 0.12, y - high * 1.62),
                (x + w * 0.62, y - high * 0.96),
            ]
        )
        roof.box(x + w * 0.22, y - high * 1.74, x + w * 0.34, y - high * 1.2)
        for dx in (-0.24, 0.24):
            lit.box(
                x + w * dx - w * 0.10, y - high * 0.74, x + w * dx + w * 0.10, y - high * 0.42, radius=0.003
            )
        colour = light.on(walls[k % 4], depth)
        stage.lay(wall, mix(colour, light.key, 0.1), lift(colour, -0.14))
        stage.lay(roof, light.on(roofs[(k + 1) % 4], depth), light.on(lift(roofs[(k + 1) % 4], -0.2), depth))
        glow = light.dark or stage.place.hour in (Hour.DUSK, Hour.DAWN) or light.strength < 0.2
        if glow:
            stage.glow(x, y - high * 0.5, w * 0.9, _LAMP, 0.30)
        stage.lay(lit, _LAMP if glow else mix(light.top, (60, 70, 90), 0.4), None, 0.95)

    stage.scatter(count, house, 0.22)


def crown_mask(pen: Pen, x: float, y: float, size: float) -> None:
    """Draw a leafy clump into a mask."""
    for k in range(7):
        a = k / 7 * 2 * pi
        pen.oval(x + cos(a) * size * 0.6, y + sin(a) * size * 0.5, size * 0.52, size * 0.46)


def path(stage: Stage, colour: Colour) -> None:
    """Let a path wind from the horizon to the front."""
    h, pen = stage.horizon, stage.pen()
    x = stage.wide * 0.5
    left, right = [], []
    for k in range(13):
        t = k / 12
        y, half = h + 0.03 + (1.02 - h - 0.03) * t, 0.012 + 0.24 * t**1.6
        bend = 0.10 * sin(t * pi * 1.4) * (1 - t * 0.4)
        left.append((x + bend - half, y))
        right.append((x + bend + half, y))
    pen.poly([*left, *reversed(right)])
    stage.lay(pen, stage.light.on(colour, 0.5), stage.light.on(colour, 0.95), 0.75, 0.003)
