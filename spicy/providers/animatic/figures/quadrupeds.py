"""Furry (and scaly) four-legged beings, drawn sitting upright and looking at us."""

from __future__ import annotations

from dataclasses import dataclass

from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix
from spicy.providers.animatic.drawing.vector import Brush, Shape, blob, limb, oval, poly
from spicy.providers.animatic.figures import wardrobe
from spicy.providers.animatic.figures.look import Look

INK: Colour = (40, 30, 42)


@dataclass(frozen=True, slots=True)
class _Make:
    """What tells one beast from another."""

    ears: str
    tail: str
    face: str = "muzzle"
    wide: float = 1.0
    cheeks: bool = False
    nose: Colour = INK


_MAKES: dict[str, _Make] = {
    "fox": _Make("tall", "brush", "mask", 1.02, True),
    "wolf": _Make("tall", "brush", "mask", 1.06, True),
    "dog": _Make("flop", "whip", "muzzle", 0.98, nose=(52, 38, 40)),
    "cat": _Make("point", "thin", "small", 1.04, True, (226, 130, 136)),
    "lion": _Make("round", "tuft", "muzzle", 1.0, nose=(122, 70, 54)),
    "tiger": _Make("round", "thin", "muzzle", 1.06, True, (206, 112, 108)),
    "bear": _Make("round", "none", "muzzle", 1.06),
    "panda": _Make("round", "none", "muzzle", 1.10),
    "rabbit": _Make("long", "puff", "small", 0.94, nose=(232, 140, 148)),
    "mouse": _Make("disc", "string", "small", 0.94, nose=(232, 140, 148)),
    "squirrel": _Make("tuft", "plume", "small", 0.96, True),
    "raccoon": _Make("tuft", "ring", "bandit", 1.06, True),
    "badger": _Make("round", "none", "bandit", 1.0),
    "deer": _Make("leaf", "puff", "muzzle", 0.86),
    "horse": _Make("leaf", "mane", "long", 0.82),
    "pig": _Make("leaf", "none", "snout", 1.04, nose=(226, 132, 138)),
    "monkey": _Make("disc", "string", "muzzle", 0.98),
    "elephant": _Make("fan", "string", "trunk", 0.98),
    "frog": _Make("none", "none", "frog", 1.16),
    "turtle": _Make("none", "none", "frog", 0.86),
}


def draw(brush: Brush, look: Look) -> None:
    """Draw the beast of `look` with everything it wears."""
    make = _MAKES.get(look.kind, _MAKES["cat"])
    fur = look.body
    if make.tail != "none":
        _tail(brush, look, make.tail)
    if look.kind == "turtle":
        shell = look.parts.get("shell") or (134, 98, 62)
        brush.body(oval(500, 690, 270, 250), shell)
    wardrobe.behind(brush, look)
    body = brush.body(
        blob((500, 470), (588, 520), (640, 650), (672, 800), (640, 900), (500, 926), (360, 900), (328, 800), (360, 650),
             (412, 520)), fur)  # fmt: skip
    belly = blob(
        (500, 480), (570, 560), (592, 700), (570, 850), (500, 900), (430, 850), (408, 700), (430, 560)
    )
    if look.kind != "panda":
        brush.fill(belly, look.accent, mix(look.accent, fur, 0.12), inside=body)
    _haunches(brush, look, body)
    wardrobe.torso(brush, look, body)
    _forelegs(brush, look)
    _marks_on_body(brush, look, body)
    head = _head_shape(make)
    brush.shadow(body, head.moved(0, 10, 0.86), 34, 0.30)
    wardrobe.neck(brush, look)
    _ears(brush, look, make.ears)
    if look.kind == "lion":
        mane = look.parts.get("hair") or lift((150, 84, 40), 0.0)
        brush.body(blob(*[_ring(500, 330, 268 if i % 2 else 238, i / 22) for i in range(22)]), mane)
    brush.body(head, fur)
    _face(brush, look, make, head)
    wardrobe.head(brush, look, top=166, brow=226, half=int(176 * make.wide))


def _ring(cx: float, cy: float, radius: float, turn: float) -> tuple[float, float]:
    from math import cos, sin, tau

    return cx + radius * cos(tau * turn), cy + radius * sin(tau * turn)


def _head_shape(make: _Make) -> Shape:
    w = make.wide
    if make.face == "long":
        return blob((500, 150), (612, 196), (640, 300), (606, 420), (580, 520), (500, 546), (420, 520), (394, 420),
                    (360, 300), (388, 196))  # fmt: skip
    if make.face == "frog":
        return blob((500, 216), (500 + 150 * w, 232), (500 + 226 * w, 340), (500 + 176 * w, 446), (500, 482),
                    (500 - 176 * w, 446), (500 - 226 * w, 340), (500 - 150 * w, 232))  # fmt: skip
    if make.cheeks:
        right = [
            (500 + x * w, y)
            for x, y in ((112, 176), (190, 262), (216, 342), (262, 404), (172, 456), (92, 500))
        ]
        left = [(1000 - x, y) for x, y in reversed(right)]
        return blob((500, 158), *right, (500, 516), *left)
    return blob((500, 156), (500 + 136 * w, 186), (500 + 212 * w, 300), (500 + 206 * w, 410), (500 + 120 * w, 486),
                (500, 506), (500 - 120 * w, 486), (500 - 206 * w, 410), (500 - 212 * w, 300), (500 - 136 * w, 186))  # fmt: skip


def _tail(brush: Brush, look: Look, kind: str) -> None:
    fur, tip = look.parts.get("tail") or look.body, look.accent
    line = [(600, 880), (740, 872), (822, 780), (800, 660), (846, 560)]
    if kind == "brush":
        shape = limb([(580, 890), (730, 890), (834, 800), (836, 660), (792, 546)], (60, 150, 176, 130, 12))
        brush.body(shape, fur)
        brush.fill(blob((700, 640), (760, 676), (812, 640), (872, 684), (960, 640), (940, 480), (700, 480)), tip,
                   inside=shape)  # fmt: skip
    elif kind == "plume":
        shape = limb(
            [(590, 890), (760, 880), (850, 730), (800, 560), (850, 430), (790, 400)],
            (70, 170, 210, 200, 130, 60),
        )
        brush.body(shape, fur)
        brush.fill(shape.moved(22, 10, 0.7), lift(fur, 0.22), inside=shape, alpha=0.7, soft=12)
    elif kind == "ring":
        shape = limb([(580, 890), (730, 890), (834, 800), (836, 670), (800, 570)], (60, 120, 132, 116, 40))
        brush.body(shape, fur)
        for x, y, turn in ((716, 888, 90), (818, 826, 40), (838, 726, 0), (822, 640, -14)):
            brush.fill(oval(x, y, 120, 19, turn), lift(fur, -0.55), inside=shape)
    elif kind == "puff":
        brush.body(oval(668, 836, 66, 62), lift(look.accent, 0.1))
    elif kind == "mane":
        brush.body(limb([(610, 800), (730, 760), (790, 850), (770, 930)], (50, 110, 90, 20)), _mane(look))
    else:
        width = {"whip": 54, "thin": 48, "tuft": 34, "string": 22}[kind]
        brush.body(
            limb(line, (width, width, width * 0.9, width * 0.8, width * 0.7)),
            fur if kind != "string" else lift(fur, 0.1),
        )
        if kind == "tuft":
            brush.body(oval(850, 540, 48, 62, 20), lift(fur, -0.4))
        elif kind == "thin" and look.parts.keys() & {"accent"}:
            brush.fill(oval(846, 560, 40, 50, 10), tip, inside=limb(line, (width,) * 5))


def _mane(look: Look) -> Colour:
    return look.parts.get("hair") or lift(look.body, -0.5)


def _haunches(brush: Brush, look: Look, body: Shape) -> None:
    fur = look.body if look.kind != "panda" else look.accent
    for side in (False, True):
        thigh = blob((352, 720), (420, 760), (436, 860), (390, 926), (318, 920), (300, 830))
        foot = blob((290, 900), (350, 876), (430, 890), (440, 930), (360, 946), (286, 936))
        if side:
            thigh, foot = thigh.mirrored(), foot.mirrored()
        brush.body(thigh, lift(fur, -0.05))
        brush.body(foot, look.parts.get("socks") or _paw(look, fur))


def _forelegs(brush: Brush, look: Look) -> None:
    fur = look.body if look.kind != "panda" else look.accent
    for x in (446, 554):
        sleeve = wardrobe.sleeve(look)
        leg = limb([(x, 620), (x, 760), (x, 900)], (84, 78, 82))
        brush.body(leg, sleeve or lift(fur, 0.03))
        paw = blob((x - 46, 872), (x, 852), (x + 46, 872), (x + 52, 924), (x, 944), (x - 52, 924))
        brush.body(paw, look.parts.get("socks") or _paw(look, fur))
        for dx in (-16, 16):
            brush.line([(x + dx, 912), (x + dx, 934)], 5, lift(_paw(look, fur), -0.3))


def _paw(look: Look, fur: Colour) -> Colour:
    if look.kind == "fox":
        return (74, 48, 46)
    return lift(fur, -0.12) if look.kind not in ("cat", "rabbit", "dog", "mouse") else look.accent


def _marks_on_body(brush: Brush, look: Look, body: Shape) -> None:
    if "stripes" in look.parts or look.kind == "tiger":
        colour = look.parts.get("stripes") or lift(look.body, -0.6)
        for y in (600, 690, 780):
            for side in (False, True):
                mark = poly((300, y - 20), (420, y + 14), (300, y + 22))
                brush.fill(mark.mirrored() if side else mark, colour, inside=body)
    if "spots" in look.parts:
        colour = look.parts.get("spots") or lift(look.body, -0.35)
        for x, y, r in ((380, 640, 22), (372, 760, 28), (628, 690, 26), (610, 600, 17), (640, 800, 20)):
            brush.fill(oval(x, y, r, r * 0.86), colour, inside=body)


def _ears(brush: Brush, look: Look, kind: str) -> None:
    fur = look.parts.get("ears") or (look.body if look.kind != "panda" else look.accent)
    inner = (
        mix(lift(fur, -0.35), (236, 150, 150), 0.45)
        if kind in ("long", "disc", "point", "leaf")
        else lift(fur, -0.42)
    )
    shapes: dict[str, tuple[Shape, Shape | None]] = {
        "tall": (blob((292, 300), (276, 160), (296, 40), (390, 108), (462, 210), (420, 300), tension=0.8),
                 blob((322, 270), (308, 170), (316, 96), (376, 148), (420, 222), tension=0.8)),
        "point": (blob((300, 300), (290, 180), (304, 78), (390, 130), (470, 220), (410, 300), tension=0.8),
                  blob((330, 260), (318, 190), (324, 126), (376, 166), (420, 222), tension=0.8)),
        "round": (oval(340, 178, 78, 76), oval(344, 190, 44, 42)),
        "disc": (oval(306, 210, 112, 112), oval(312, 216, 74, 76)),
        "long": (blob((372, 260), (330, 140), (342, -4), (400, -6), (446, 90), (464, 240)),
                 blob((388, 230), (362, 140), (370, 42), (400, 46), (424, 110), (436, 220))),
        "tuft": (blob((320, 270), (306, 170), (318, 92), (384, 150), (446, 210), (400, 290)), oval(362, 190, 26, 44, -18)),
        "leaf": (blob((400, 250), (310, 236), (226, 150), (300, 140), (390, 176)), blob((384, 226), (320, 212), (272, 168), (330, 170))),
        "flop": (blob((380, 190), (306, 176), (252, 270), (236, 400), (280, 446), (330, 380), (372, 290)), None),
        "fan": (blob((390, 230), (280, 150), (140, 200), (130, 360), (220, 470), (330, 440), (390, 360)),
                blob((370, 260), (280, 200), (176, 234), (172, 350), (236, 420), (320, 400))),
    }  # fmt: skip
    if kind not in shapes or (kind in ("round", "point", "tall") and look.worn.keys() & {"hood", "helmet"}):
        return
    outer, inside = shapes[kind]
    for side in (False, True):
        ear = outer.mirrored() if side else outer
        brush.body(ear, fur if kind != "flop" else lift(fur, -0.22))
        if inside:
            brush.fill(inside.mirrored() if side else inside, inner, lift(inner, 0.15), inside=ear)
        if look.kind in ("fox",) and kind == "tall":
            tip = poly((240, 20), (420, 20), (420, 104), (240, 136))
            brush.fill(tip.mirrored() if side else tip, (66, 44, 46), inside=ear)
    if look.kind == "deer" or "horns" in look.parts or look.has("unicorn"):
        _horns(brush, look)


def _horns(brush: Brush, look: Look) -> None:
    colour = look.parts.get("horns") or (214, 184, 142)
    if look.has("unicorn") or (look.kind == "horse" and look.has("horn")):
        brush.fill(poly((470, 190), (500, 0), (530, 190)), (255, 236, 190), (230, 186, 110))
        return
    for side in (1, -1):
        for points in (
            [(450, 190), (400, 110), (386, 10)],
            [(404, 120), (340, 90), (318, 30)],
            [(392, 60), (430, 30), (436, -2)],
        ):
            brush.fill(
                limb([(500 + (x - 500) * side, y) for x, y in points], (24, 20, 12)),
                lift(colour, 0.1),
                colour,
            )


def _face(brush: Brush, look: Look, make: _Make, head: Shape) -> None:
    w, pale = make.wide, look.accent
    eye_y, eye_x = 330.0, 92.0 * w
    if make.face == "mask":
        for side in (False, True):
            lobe = blob((500, 440), (560, 372), (640, 366), (740, 390), (720, 470), (610, 560), (500, 560))
            brush.fill(lobe.mirrored() if side else lobe, pale, mix(pale, look.body, 0.12), inside=head)
        brush.fill(
            blob((500, 250), (540, 380), (560, 450), (500, 520), (440, 450), (460, 380)),
            look.body,
            inside=head,
        )
        brush.fill(
            blob((500, 402), (556, 430), (566, 476), (500, 540), (434, 476), (444, 430)), pale, inside=head
        )
    elif make.face == "bandit":
        brush.fill(oval(500, 476, 210, 120), pale, inside=head)
        brush.fill(poly((478, 100), (522, 100), (532, 420), (468, 420)), pale, inside=head)
        for side in (False, True):
            patch = blob((430, 300), (474, 330), (452, 384), (366, 412), (300, 430), (330, 340))
            brush.fill(patch.mirrored() if side else patch, lift(look.body, -0.62), inside=head)
        if look.kind == "badger":
            brush.fill(poly((470, 100), (530, 100), (540, 420), (460, 420)), pale, inside=head)
    elif make.face in ("muzzle", "small"):
        big = make.face == "muzzle"
        if look.kind != "panda":
            brush.fill(
                oval(500, 430, 112 if big else 84, 84 if big else 58),
                pale,
                mix(pale, look.body, 0.1),
                inside=head,
            )
        if look.kind == "monkey":
            brush.fill(blob((500, 270), (600, 240), (650, 340), (610, 460), (500, 496), (390, 460), (350, 340), (400, 240)),
                       pale, inside=head)  # fmt: skip
        if look.kind == "panda":
            for side in (False, True):
                patch = oval(404, 340, 54, 70, 28)
                brush.fill(patch.mirrored() if side else patch, pale)
    _marks_on_face(brush, look, head)
    if make.face == "long":
        brush.body(
            blob((500, 400), (566, 430), (574, 510), (500, 552), (426, 510), (434, 430)), lift(pale, 0.05)
        )
        brush.body(limb([(500, 120), (470, 180), (486, 260)], (90, 80, 16)), _mane(look))
        eye_y = 300
    if make.face == "frog":
        eye_y, eye_x = 244, 130 * w
        for hand in (-1, 1):
            brush.body(oval(500 + hand * eye_x, 236, 74, 74), look.body)
        brush.fill(oval(500, 470, 200 * w, 76), pale, inside=head)
    if look.kind == "panda":
        eye_y = 346
    for hand in (-1, 1):
        eye(
            brush,
            500 + hand * eye_x,
            eye_y,
            31,
            look.eyes,
            ring=luma(look.body) < 0.42 or look.kind == "panda",
        )
    _nose(brush, look, make)


def _marks_on_face(brush: Brush, look: Look, head: Shape) -> None:
    if "stripes" in look.parts or look.kind == "tiger":
        colour = look.parts.get("stripes") or lift(look.body, -0.6)
        for dx in (-60, 0, 60):
            brush.fill(poly((482 + dx, 140), (518 + dx, 140), (500 + dx * 0.7, 250)), colour, inside=head)
        for y in (380, 430):
            for side in (False, True):
                mark = poly((270, y - 14), (356, y + 8), (270, y + 18))
                brush.fill(mark.mirrored() if side else mark, colour, inside=head)
    if "patch" in look.parts:
        brush.fill(oval(410, 322, 84, 92, 14), look.parts.get("patch") or lift(look.body, -0.4), inside=head)
    if "star" in look.parts:
        star = [_ring(500, 226, 40 if i % 2 == 0 else 17, i / 10 - 0.25) for i in range(10)]
        brush.fill(poly(*star), look.parts.get("star") or lift(look.accent, 0.3))


def eye(brush: Brush, x: float, y: float, r: float, colour: Colour, *, ring: bool = False) -> None:
    """A large friendly eye: a coloured iris shows when the colour is not simply dark."""
    light = luma(colour) > 0.28
    if ring or light:
        brush.fill(oval(x, y, r * 1.28, r * 1.34), (252, 250, 244))
    if light:
        brush.fill(oval(x, y + 1, r * 1.02, r * 1.08), lift(colour, -0.12), lift(colour, 0.18))
        brush.fill(oval(x, y + 1, r * 0.62, r * 0.7), INK)
    else:
        brush.fill(oval(x, y, r, r * 1.16), INK)
    brush.fill(oval(x + r * 0.32, y - r * 0.42, r * 0.32, r * 0.34), (255, 255, 255))
    brush.fill(oval(x - r * 0.34, y + r * 0.42, r * 0.15, r * 0.15), (255, 255, 255), alpha=0.8)


def _nose(brush: Brush, look: Look, make: _Make) -> None:
    if make.face == "trunk":
        trunk = limb([(500, 370), (500, 500), (510, 620), (570, 690)], (150, 110, 84, 60))
        brush.body(trunk, look.body)
        for y in (470, 520, 570):
            brush.line([(462, y), (500, y + 10), (538, y)], 6, lift(look.body, -0.2))
        return
    if make.face == "snout":
        brush.body(oval(500, 430, 92, 66), make.nose)
        for x in (470, 530):
            brush.fill(oval(x, 432, 14, 22), lift(make.nose, -0.45))
        return
    if make.face == "frog":
        brush.line([(350, 392), (430, 430), (500, 438), (570, 430), (650, 392)], 9, lift(look.body, -0.6))
        return
    y, r = (498, 30) if make.face == "mask" else (400, 34)
    if make.face == "long":
        for x in (470, 530):
            brush.fill(oval(x, 490, 12, 18), lift(look.body, -0.6))
        return
    if make.face in ("small", "bandit"):
        y, r = (404, 24) if make.face == "small" else (436, 30)
    brush.fill(blob((500 - r, y - r * 0.5), (500, y - r * 0.8), (500 + r, y - r * 0.5), (500, y + r * 0.8), tension=0.9),
               lift(make.nose, 0.16), make.nose)  # fmt: skip
    brush.fill(oval(500 - r * 0.3, y - r * 0.35, r * 0.28, r * 0.16), (255, 255, 255), alpha=0.5)
    if make.face != "mask":
        mouth = lift(make.nose, -0.3) if luma(make.nose) > 0.4 else make.nose
        for hand in (-1, 1):
            brush.line([(500, y + r), (500 + hand * 22, y + r + 22), (500 + hand * 48, y + r + 12)], 7, mouth)
    if make.face == "small" or look.has("whiskers"):
        for hand in (-1, 1):
            for dy in (-10, 18):
                ends = [(500 + hand * 100, y + 26 + dy * 0.5), (500 + hand * 210, y + 14 + dy * 1.6)]
                brush.line(
                    [ends[0], ((ends[0][0] + ends[1][0]) / 2, ends[0][1] - 4), ends[1]],
                    4,
                    lift(look.body, -0.3),
                )
