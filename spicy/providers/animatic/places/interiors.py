"""Rooms: a wall, a floor, a window that lets the hour in, and furniture that says which room it is."""

from __future__ import annotations

from spicy.providers.animatic.drawing.colours import Colour, lift, mix
from spicy.providers.animatic.drawing.layers import Stage
from spicy.providers.animatic.places.setting import Hour

_LAMP: Colour = (255, 206, 128)
_WOOD: Colour = (146, 98, 66)


def room(stage: Stage) -> None:
    """A living room, a bedroom, a theatre: window, picture, lamp, rug."""
    _shell(stage, (206, 172, 146), _WOOD)
    _window(stage, 0.70, 0.34, 0.19, 0.25)
    _pictures(stage)
    _sofa(stage)
    _lamp(stage, 0.10)
    _rug(stage)
    _beam(stage)


def library(stage: Stage) -> None:
    """Shelves from floor to ceiling, a tall window, a lamp."""
    _shell(stage, (124, 92, 78), _WOOD)
    _window(stage, 0.52, 0.31, 0.11, 0.25)
    _shelves(stage, 0.0, 0.36, 5)
    _shelves(stage, 0.68, 1.0, 5)
    _lamp(stage, 0.44)
    _rug(stage)
    _beam(stage)


def kitchen(stage: Stage) -> None:
    """A counter, cupboards, pans on a rail, tiles."""
    light, wide, r = stage.light, stage.wide, stage.random
    _shell(stage, (226, 212, 184), (190, 170, 146))
    _window(stage, 0.60, 0.30, 0.15, 0.19)
    counter, top, pans = stage.pen(), stage.pen(), stage.pen()
    y = stage.horizon
    counter.box(-0.1, y - 0.14, wide + 0.1, y + 0.03)
    top.box(-0.1, y - 0.16, wide + 0.1, y - 0.135)
    stage.lay(counter, _lit(stage, (104, 150, 146)), _lit(stage, (78, 116, 116)))
    stage.lay(top, _lit(stage, (240, 230, 214)))
    lines = stage.pen()
    for k in range(int(wide / 0.2) + 1):
        lines.box(k * 0.2 + 0.02, y - 0.12, k * 0.2 + 0.18, y + 0.015, 90, 0.008)
    stage.lay(lines, light.ink, None, 0.45)
    pans.line([(wide * 0.08, 0.16), (wide * 0.40, 0.16)], 0.006)
    for k in range(5):
        x, s = wide * (0.10 + 0.07 * k), r.uniform(0.024, 0.040)
        pans.line([(x, 0.16), (x, 0.21)], 0.005)
        pans.oval(x, 0.21 + s, s, s)
    stage.lay(pans, _lit(stage, (196, 120, 80)), _lit(stage, (120, 76, 62)))
    for k, tint in enumerate(((206, 84, 66), (234, 186, 84), (90, 140, 100))):
        jar = stage.pen()
        jar.box(
            wide * 0.80 + k * 0.07,
            y - 0.23 - 0.02 * (k % 2),
            wide * 0.80 + k * 0.07 + 0.048,
            y - 0.16,
            radius=0.012,
        )
        stage.lay(jar, _lit(stage, tint), _lit(stage, lift(tint, -0.25)))
    _hanging_lamps(stage)
    _beam(stage)


def workshop(stage: Stage) -> None:
    """A laboratory, a factory, the inside of a ship: panels, pipes, screens."""
    light, wide, r = stage.light, stage.wide, stage.random
    _shell(stage, (92, 104, 128), (78, 84, 102))
    if stage.place.has("spaceship", "cockpit", "starship"):
        window_frame(stage)
    else:
        _window(stage, 0.52, 0.28, 0.20, 0.16)
    pipes, panels = stage.pen(), stage.pen()
    for k, x in enumerate((0.06, 0.13, 0.88)):
        pipes.line(
            [
                (x * wide, -0.02),
                (x * wide, stage.horizon - 0.06 * k),
                ((x + 0.1) * wide, stage.horizon - 0.06 * k),
            ],
            0.022,
        )
    stage.lay(pipes, _lit(stage, (150, 124, 108)), _lit(stage, (100, 86, 92)))
    for k in range(int(wide / 0.28) + 1):
        x, y = 0.06 + k * 0.28, stage.horizon - 0.17
        panels.box(x, y, x + 0.19, y + 0.12, radius=0.012)
    stage.lay(panels, mix(light.ink, (30, 60, 90), 0.5), mix(light.ink, (20, 40, 70), 0.5))
    for k in range(int(wide / 0.28) + 1):
        x, y, tint = (
            0.06 + k * 0.28,
            stage.horizon - 0.17,
            ((110, 230, 220), (255, 170, 90), (150, 160, 255))[k % 3],
        )
        graph = stage.pen()
        graph.line([(x + 0.02 + 0.025 * i, y + 0.06 + r.uniform(-0.035, 0.035)) for i in range(7)], 0.004)
        stage.glow(x + 0.09, y + 0.06, 0.16, tint, 0.22)
        stage.lay(graph, tint)
    _hanging_lamps(stage)
    _beam(stage)


def window_frame(stage: Stage) -> None:
    """The round window of a ship, with stars behind it."""
    x, y = stage.wide * 0.5, 0.30
    stage.disc(x, y, 0.25, _lit(stage, (150, 160, 184)), _lit(stage, (96, 104, 130)))
    stage.disc(x, y, 0.22, (12, 14, 44), (44, 40, 96))
    pen = stage.pen()
    for _ in range(60):
        dx, dy = stage.random.uniform(-0.2, 0.2), stage.random.uniform(-0.2, 0.2)
        if dx * dx + dy * dy < 0.043:
            pen.oval(x + dx, y + dy, 0.0016, 0.0016, stage.random.randint(140, 255))
    stage.lay(pen, (255, 255, 255))
    stage.disc(x + 0.07, y + 0.05, 0.07, (224, 150, 110), (110, 60, 90))


def _lit(stage: Stage, colour: Colour) -> Colour:
    """Indoor light: lamps keep a room warm at night."""
    if stage.light.dark:
        return mix(mix(colour, stage.light.ink, 0.50), (255, 170, 96), 0.07)
    return mix(stage.light.on(colour, 0.95), (255, 226, 190), 0.08)


def _shell(stage: Stage, wall: Colour, boards: Colour) -> None:
    tint = stage.random.choice(((0, 0, 0), (14, -4, -10), (-12, 6, 8), (6, 8, -12)))
    wall = (wall[0] + tint[0], wall[1] + tint[1], wall[2] + tint[2])
    back, ground, skirt = stage.pen(1), stage.pen(), stage.pen()
    back.box(-0.1, -0.1, stage.wide + 0.1, 1.1)
    stage.lay(back, _lit(stage, lift(wall, -0.26)), _lit(stage, wall))
    ground.box(-0.1, stage.horizon, stage.wide + 0.1, 1.1)
    stage.lay(ground, _lit(stage, lift(boards, -0.12)), _lit(stage, lift(boards, -0.34)))
    seams = stage.pen()
    middle = stage.wide / 2
    for k in range(-12, 13):
        seams.line([(middle + k * 0.10, stage.horizon), (middle + k * 0.34, 1.04)], 0.003, 110)
    stage.lay(seams, stage.light.ink, None, 0.5)
    skirt.box(-0.1, stage.horizon - 0.022, stage.wide + 0.1, stage.horizon)
    stage.lay(skirt, _lit(stage, lift(wall, 0.25)), _lit(stage, lift(wall, 0.05)))


def _window(stage: Stage, at: float, y: float, w: float, high: float) -> None:
    light, x = stage.light, stage.wide * at
    outer, panes, hills, bars = stage.pen(), stage.pen(), stage.pen(), stage.pen()
    outer.box(x - w - 0.018, y - high - 0.018, x + w + 0.018, y + high + 0.018, radius=0.008)
    panes.box(x - w, y - high, x + w, y + high)
    hills.poly([(x - w, y + high), (x - w, y + high * 0.5), (x - w * 0.3, y + high * 0.3), (x + w * 0.3, y + high * 0.62),
                (x + w, y + high * 0.36), (x + w, y + high)])  # fmt: skip
    stage.lay(outer, _lit(stage, (240, 230, 214)), _lit(stage, (206, 190, 170)))
    stage.lay(panes, light.top, light.low)
    if light.dark:
        stage.disc(x + w * 0.4, y - high * 0.4, 0.032, (250, 250, 240), (220, 224, 236))
    stage.lay(hills, light.on((100, 140, 110), 0.4), light.on((80, 120, 100), 0.5))
    bars.box(x - 0.006, y - high, x + 0.006, y + high)
    bars.box(x - w, y - high * 0.1, x + w, y - high * 0.1 + 0.010)
    stage.lay(bars, _lit(stage, (236, 224, 206)))
    stage.glow(x, y, 0.62, mix(light.low, light.key, 0.5), 0.40 if not light.dark else 0.2)
    for side in (-1, 1):
        curtain = stage.pen()
        edge = x + side * (w + 0.05)
        curtain.poly([(edge, y - high - 0.04), (edge - side * 0.10, y - high - 0.04), (edge - side * 0.055, y + high * 0.4),
                      (edge - side * 0.075, y + high + 0.09), (edge + side * 0.02, y + high + 0.09)])  # fmt: skip
        cloth: Colour = (178, 84, 76)
        stage.lay(curtain, _lit(stage, cloth), _lit(stage, lift(cloth, -0.25)))


def _beam(stage: Stage) -> None:
    if stage.light.dark or stage.place.hour is Hour.NIGHT:
        return
    pen, x = stage.pen(1), stage.wide * 0.66
    pen.poly([(x - 0.12, 0.12), (x + 0.16, 0.12), (x - 0.16, 1.0), (x - 0.74, 1.0)], 200)
    stage.lay(pen, stage.light.key, stage.light.low, 0.24, 0.02)


def _shelves(stage: Stage, start: float, end: float, rows: int) -> None:
    x0, x1, r = start * stage.wide, end * stage.wide, stage.random
    case, back = stage.pen(), stage.pen()
    case.box(x0 - 0.01, 0.02, x1 + 0.01, stage.horizon + 0.01)
    stage.lay(case, _lit(stage, (118, 78, 56)), _lit(stage, (88, 58, 48)))
    step = (stage.horizon - 0.05) / rows
    for row in range(rows):
        back.box(x0 + 0.01, 0.04 + row * step, x1 - 0.01, 0.04 + (row + 1) * step - 0.014)
    stage.lay(back, _lit(stage, (66, 44, 42)), _lit(stage, (48, 34, 38)))
    tints: tuple[Colour, ...] = (
        (170, 64, 58),
        (60, 108, 120),
        (210, 164, 86),
        (88, 116, 76),
        (120, 80, 120),
        (196, 180, 150),
    )
    for k, tint in enumerate(tints):
        books = stage.pen()
        for row in range(rows):
            x = x0 + 0.016
            floor = 0.04 + (row + 1) * step - 0.014
            while x < x1 - 0.03:
                w, tall = r.uniform(0.010, 0.022), step * r.uniform(0.55, 0.84)
                if r.randrange(len(tints)) == k:
                    books.box(x, floor - tall, x + w, floor)
                x += w + 0.002
        stage.lay(books, _lit(stage, tint), _lit(stage, lift(tint, -0.22)))


def _pictures(stage: Stage) -> None:
    r = stage.random
    for x, y, w, high in ((0.20, 0.26, 0.07, 0.09), (0.34, 0.22, 0.05, 0.05)):
        frame, inside = stage.pen(), stage.pen()
        x *= stage.wide
        frame.box(x - w - 0.010, y - high - 0.010, x + w + 0.010, y + high + 0.010)
        inside.box(x - w, y - high, x + w, y + high)
        stage.lay(frame, _lit(stage, (120, 84, 58)))
        tint: Colour = r.choice(((120, 160, 170), (226, 170, 120), (140, 160, 120)))
        stage.lay(inside, _lit(stage, lift(tint, 0.3)), _lit(stage, tint))


def _sofa(stage: Stage) -> None:
    x, y = stage.wide * 0.22, stage.horizon + 0.03
    pen = stage.pen()
    pen.box(x - 0.24, y - 0.20, x + 0.24, y - 0.02, radius=0.05)
    pen.box(x - 0.29, y - 0.13, x - 0.20, y + 0.02, radius=0.04)
    pen.box(x + 0.20, y - 0.13, x + 0.29, y + 0.02, radius=0.04)
    stage.lay(pen, _lit(stage, (96, 128, 130)), _lit(stage, (62, 88, 98)))
    seat = stage.pen()
    seat.box(x - 0.21, y - 0.08, x + 0.21, y + 0.02, radius=0.025)
    stage.lay(seat, _lit(stage, (116, 150, 150)), _lit(stage, (84, 112, 118)))


def _lamp(stage: Stage, at: float) -> None:
    x, y = at * stage.wide, stage.horizon
    pen, shade = stage.pen(), stage.pen()
    pen.line([(x, y + 0.03), (x, y - 0.34)], 0.007)
    pen.box(x - 0.04, y + 0.02, x + 0.04, y + 0.03)
    shade.poly([(x - 0.032, y - 0.43), (x + 0.032, y - 0.43), (x + 0.064, y - 0.33), (x - 0.064, y - 0.33)])
    stage.lay(pen, _lit(stage, (70, 54, 50)))
    on = stage.light.dark or stage.place.hour in (Hour.DUSK, Hour.DAWN)
    if on:
        stage.glow(x, y - 0.37, 0.55, _LAMP, 0.55)
    stage.lay(
        shade,
        (255, 236, 190) if on else _lit(stage, (240, 220, 180)),
        (250, 196, 120) if on else _lit(stage, (220, 190, 150)),
    )


def _hanging_lamps(stage: Stage) -> None:
    for at in (0.30, 0.52, 0.74):
        x = at * stage.wide
        wire, shade = stage.pen(), stage.pen()
        wire.line([(x, -0.02), (x, 0.05)], 0.003)
        shade.poly([(x - 0.012, 0.05), (x + 0.012, 0.05), (x + 0.045, 0.09), (x - 0.045, 0.09)])
        stage.lay(wire, stage.light.ink)
        if stage.light.dark:
            stage.glow(x, 0.11, 0.34, _LAMP, 0.45)
        stage.lay(shade, _lit(stage, (196, 150, 84)), _lit(stage, (232, 190, 110)))


def _rug(stage: Stage) -> None:
    x, y = stage.wide * 0.5, stage.horizon + (1 - stage.horizon) * 0.58
    tint: Colour = stage.random.choice(((170, 76, 70), (70, 104, 130), (150, 110, 150)))
    for grow, shade in ((1.0, tint), (0.86, lift(tint, 0.30)), (0.80, lift(tint, -0.05))):
        pen = stage.pen()
        pen.oval(x, y, stage.wide * 0.34 * grow, (1 - stage.horizon) * 0.36 * grow)
        stage.lay(pen, _lit(stage, shade), _lit(stage, lift(shade, -0.12)), 0.9)
