"""What passes before the figures: leaves and grass close to the lens, weather, lights in the air."""

from __future__ import annotations

from math import cos, pi, sin

from spicy.providers.animatic.drawing.colours import Colour, lift, mix
from spicy.providers.animatic.drawing.layers import Stage
from spicy.providers.animatic.places.setting import Ground, Hour, Weather

_LEAFY = (
    Ground.FOREST,
    Ground.GARDEN,
    Ground.LAKE,
    Ground.FIELD,
    Ground.HILLS,
    Ground.VILLAGE,
    Ground.CASTLE,
    Ground.MOUNTAINS,
)


def paint(stage: Stage, setting: str) -> str:
    """Paint the foreground and say what is in the air, for the clip to go on with."""
    if stage.place.ground in (Ground.FOREST, Ground.GARDEN, Ground.LAKE):
        _frond(stage, 0.0, 1)
        _frond(stage, stage.wide, -1)
    if stage.place.ground in _LEAFY:
        _blades(stage)
    elif stage.place.ground in (Ground.SEA, Ground.DESERT, Ground.SNOW, Ground.CAVE):
        _mound(stage)
    if stage.light.strength > 0.4 and not stage.place.indoors and stage.place.weather is Weather.CLEAR:
        x, y = stage.light.sun[0] * stage.wide, stage.light.sun[1] * stage.horizon / 0.66
        stage.glow(x, y, 0.8, mix(stage.light.key, (255, 236, 200), 0.5), 0.16 * stage.light.strength)
    air = air_of(stage, setting)
    if air == "rain":
        _rain(stage)
    elif air == "snow":
        _flakes(stage)
    elif air == "fireflies":
        for _ in range(26):
            x, y = stage.random.uniform(0, stage.wide), stage.random.uniform(0.35, 0.95)
            stage.glow(x, y, stage.random.uniform(0.010, 0.026), (255, 236, 140), 0.85)
    elif air in ("dust", "motes"):
        for _ in range(22):
            x, y = stage.random.uniform(0, stage.wide), stage.random.uniform(0.1, 0.9)
            stage.glow(
                x, y, stage.random.uniform(0.004, 0.011), mix(stage.light.key, (255, 255, 255), 0.5), 0.45
            )
    return air


def air_of(stage: Stage, setting: str) -> str:
    """Decide what floats in the air of a place."""
    where = stage.place
    if where.weather in (Weather.RAIN, Weather.STORM) and not where.indoors:
        return "rain"
    if where.weather is Weather.SNOW or (where.ground is Ground.SNOW and not where.indoors):
        return "snow"
    if where.ground is Ground.SPACE:
        return "stars"
    if where.ground is Ground.UNDERWATER:
        return "bubbles"
    if where.has("firefly", "fireflies", "enchanted", "magic", "magical") or (
        where.hour is Hour.NIGHT and where.ground in _LEAFY
    ):
        return "fireflies"
    if where.has("autumn", "leaves", "blossom", "petals"):
        return "leaves"
    return "dust" if where.indoors or where.ground in (Ground.DESERT, Ground.CAVE) else "motes"


def _frond(stage: Stage, edge: float, inward: int) -> None:
    """Hang a leafy twig, a little out of focus, into an upper corner."""
    r, pen = stage.random, stage.pen(1)
    x0, y0 = edge - inward * 0.02, -0.02
    x1, y1 = edge + inward * r.uniform(0.30, 0.42), r.uniform(0.10, 0.17)
    pen.line([(x0, y0), ((x0 + x1) / 2, y0 + (y1 - y0) * 0.3), (x1, y1)], 0.006)
    for k in range(9):
        t = (k + 0.6) / 9
        x, y = x0 + (x1 - x0) * t, y0 + (y1 - y0) * t * t
        for side in (-1, 1):
            angle = (
                (0.35 + side * r.uniform(0.7, 1.0))
                if inward > 0
                else pi - (0.35 + side * r.uniform(0.7, 1.0))
            )
            reach = 0.085 * (1.15 - t * 0.6) * r.uniform(0.8, 1.1)
            tip = x + cos(angle) * reach, y + sin(angle) * reach
            bend = (
                x + cos(angle) * reach * 0.5 - sin(angle) * reach * 0.24,
                y + sin(angle) * reach * 0.5 + cos(angle) * reach * 0.24,
            )
            other = (
                x + cos(angle) * reach * 0.5 + sin(angle) * reach * 0.24,
                y + sin(angle) * reach * 0.5 - cos(angle) * reach * 0.24,
            )
            pen.poly([(x, y), bend, tip, other])
    shade = _near(stage, (40, 78, 58))
    stage.lay(pen, shade, lift(shade, 0.06), 0.92, 0.005)


def _blades(stage: Stage) -> None:
    r, pen = stage.random, stage.pen(1)
    for _ in range(46):
        side = r.choice((0, 1))
        x = stage.wide * (side + (1 - 2 * side) * abs(r.gauss(0, 0.13)))
        tall = r.uniform(0.05, 0.17) * (1.2 - abs(x / stage.wide - 0.5 * side) * 0.3)
        lean = r.uniform(-0.03, 0.03)
        pen.poly([(x - 0.006, 1.02), (x + 0.006, 1.02), (x + lean, 1.0 - tall)])
    shade = _near(stage, (46, 84, 56))
    stage.lay(pen, mix(shade, stage.light.key, 0.14), lift(shade, -0.2), 0.95, 0.004)


def _mound(stage: Stage) -> None:
    for side in (0.0, 1.0):
        pen = stage.pen(1)
        x = side * stage.wide
        pen.oval(x, 1.06, 0.34, 0.15)
        pen.oval(x + (0.12 if side == 0 else -0.12), 1.06, 0.26, 0.09)
        base: Colour = (250, 250, 255) if stage.place.ground is Ground.SNOW else (120, 100, 96)
        shade = _near(stage, base)
        stage.lay(pen, mix(shade, stage.light.key, 0.12), shade, 0.9, 0.006)


def _near(stage: Stage, colour: Colour) -> Colour:
    return mix(stage.light.on(colour, 1.0), stage.light.ink, 0.42)


def _rain(stage: Stage) -> None:
    r = stage.random
    for alpha, count, length, thick in ((0.22, 260, 0.05, 0.0011), (0.34, 90, 0.10, 0.0019)):
        pen = stage.pen(1)
        for _ in range(count):
            x, y = r.uniform(-0.1, stage.wide), r.uniform(-0.1, 1)
            pen.line([(x, y), (x - length * 0.16, y + length)], thick, r.randint(120, 255))
        stage.lay(pen, mix(stage.light.low, (235, 244, 255), 0.7), None, alpha)
    drops = stage.pen()
    for _ in range(50):
        x, y = r.uniform(0, stage.wide), r.uniform(stage.horizon + 0.05, 1)
        drops.oval(x, y, 0.010, 0.0022, r.randint(80, 200))
    stage.lay(drops, (230, 240, 250), None, 0.35)


def _flakes(stage: Stage) -> None:
    r = stage.random
    for alpha, count, size, blur in (
        (0.6, 170, 0.0022, 0.0),
        (0.75, 70, 0.0042, 0.0),
        (0.55, 20, 0.010, 0.006),
    ):
        pen = stage.pen()
        for _ in range(count):
            s = size * r.uniform(0.6, 1.2)
            pen.oval(r.uniform(0, stage.wide), r.uniform(0, 1), s, s, r.randint(150, 255))
        stage.lay(pen, (255, 255, 255), None, alpha, blur)
