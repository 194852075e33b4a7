"""What figures wear. Every garment has a place on the common frame of the figures: neck at 500, 500."""

from __future__ import annotations

from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix
from spicy.providers.animatic.drawing.vector import Brush, Shape, blob, limb, oval, poly, slab
from spicy.providers.animatic.figures.look import Look

_DEFAULT: dict[str, Colour] = {
    "scarf": (196, 58, 60), "hat": (92, 68, 58), "cap": (70, 108, 156), "helmet": (186, 194, 208), "hood": (110, 76, 64),
    "crown": (236, 188, 74), "cape": (150, 44, 60), "glasses": (58, 50, 62), "goggles": (150, 110, 70),
    "bag": (150, 104, 66), "tie": (176, 52, 56), "bow": (206, 64, 82), "collar": (196, 62, 62), "belt": (104, 74, 56),
    "boots": (92, 66, 56), "gloves": (120, 84, 66), "apron": (236, 226, 206), "vest": (84, 112, 98),
    "jacket": (78, 108, 146), "coat": (134, 98, 78), "robe": (98, 82, 146), "suit": (70, 78, 100),
    "armour": (170, 180, 196), "dress": (206, 92, 104), "trousers": (74, 82, 110),
}  # fmt: skip
_OVER_TORSO = ("armour", "suit", "robe", "coat", "dress", "jacket", "vest", "apron")
INK: Colour = (40, 30, 42)


def colour_of(look: Look, garment: str) -> Colour:
    """The colour that the words give a garment, or its usual one."""
    return look.worn.get(garment) or _DEFAULT[garment]


def over_torso(look: Look) -> str | None:
    """Name the garment that covers the body, if any."""
    return next((g for g in _OVER_TORSO if g in look.worn), None)


def sleeve(look: Look) -> Colour | None:
    """Colour of the sleeves, where a garment has any."""
    garment = over_torso(look)
    return None if garment in (None, "vest", "apron") else lift(colour_of(look, garment or ""), 0.03)


def behind(brush: Brush, look: Look) -> None:
    """Draw what hangs behind the body: a cape."""
    if "cape" in look.worn:
        cloth = colour_of(look, "cape")
        brush.body(blob((500, 460), (620, 500), (716, 700), (744, 900), (640, 930), (500, 916), (360, 930), (256, 900),
                        (284, 700), (380, 500)), lift(cloth, -0.12))  # fmt: skip


def torso(brush: Brush, look: Look, body: Shape) -> None:
    """Dress the body of an animal."""
    garment = over_torso(look)
    if garment:
        cloth = colour_of(look, garment)
        long = garment in ("robe", "coat", "dress", "suit", "armour")
        cover = blob((500, 440), (640, 500), (720, 700), (720, 880 if long else 790), (500, 900 if long else 810),
                     (280, 880 if long else 790), (280, 700), (360, 500))  # fmt: skip
        brush.fill(cover, lift(cloth, 0.08), lift(cloth, -0.14), inside=body)
        if garment in ("vest", "coat", "jacket"):
            brush.fill(poly((470, 460), (530, 460), (516, 800), (484, 800)), lift(cloth, -0.22), inside=body)
        for y in (640, 720, 790):
            brush.fill(oval(500, y, 11, 11), lift(cloth, 0.5))
    if "belt" in look.worn:
        brush.fill(slab(280, 726, 720, 766, 8), colour_of(look, "belt"), inside=body)
    if "bag" in look.worn:
        bag = colour_of(look, "bag")
        brush.fill(limb([(400, 500), (540, 640), (640, 740)], (20, 20, 20)), lift(bag, -0.2), inside=body)
        brush.body(slab(596, 706, 708, 812, 22), bag)
        brush.fill(slab(596, 706, 708, 752, 20), lift(bag, -0.16))
    if "cape" in look.worn:
        cloth = colour_of(look, "cape")
        for side in (False, True):
            fold = blob((470, 500), (400, 540), (330, 700), (300, 900), (250, 900), (270, 680), (370, 500))
            brush.body(fold.mirrored() if side else fold, cloth)


def neck(brush: Brush, look: Look) -> None:
    """Draw what is worn round the neck, over the body and under the head."""
    if "scarf" in look.worn:
        cloth = colour_of(look, "scarf")
        brush.body(
            blob((430, 560), (500, 540), (470, 640), (446, 760), (380, 744), (396, 640)), lift(cloth, -0.10)
        )
        for y in (722, 738):
            brush.line([(386, y), (448, y + 12)], 6, lift(cloth, 0.25))
        brush.body(blob((352, 500), (500, 470), (648, 500), (660, 556), (500, 606), (340, 556)), cloth)
        brush.line([(380, 548), (500, 580), (622, 548)], 6, lift(cloth, -0.16))
    if "collar" in look.worn:
        cloth = colour_of(look, "collar")
        brush.body(blob((376, 500), (500, 520), (624, 500), (630, 534), (500, 566), (370, 534)), cloth)
        brush.body(oval(500, 574, 24, 26), (238, 194, 84))
    if "bow" in look.worn:
        cloth = colour_of(look, "bow")
        for side in (False, True):
            wing = blob((500, 550), (440, 510), (404, 516), (408, 590), (444, 592))
            brush.body(wing.mirrored() if side else wing, cloth)
        brush.body(oval(500, 551, 22, 24), lift(cloth, -0.12))
    if "tie" in look.worn:
        cloth = colour_of(look, "tie")
        brush.fill(
            poly((478, 520), (522, 520), (512, 556), (530, 690), (500, 726), (470, 690), (488, 556)),
            lift(cloth, 0.1),
            cloth,
        )


def head(brush: Brush, look: Look, top: int, brow: int, half: int) -> None:
    """Draw what is worn on the head: `top` of the skull, height of the `brow`, `half` its width there."""
    if "hood" in look.worn:
        _hood(brush, colour_of(look, "hood"), top, half)
    if "helmet" in look.worn:
        _helmet(brush, colour_of(look, "helmet"), top, brow, half)
    if "hat" in look.worn:
        _hat(brush, look, top, half)
    if "cap" in look.worn:
        cloth = colour_of(look, "cap")
        dome = blob((500 - half, brow + 6), (500 - half * 0.9, top - 10), (500, top - 52), (500 + half * 0.9, top - 10),
                    (500 + half, brow + 6), (500, brow - 14))  # fmt: skip
        brush.body(dome, cloth)
        brush.body(
            blob((500 - half, brow), (500, brow - 26), (500 + half, brow), (500, brow + 24)),
            lift(cloth, -0.2),
        )
        brush.fill(oval(500, top - 50, 16, 12), lift(cloth, -0.2))
    if "crown" in look.worn:
        metal = colour_of(look, "crown")
        w = half * 0.6
        spikes = [(500 - w, top + 26), (500 - w * 1.16, top - 74), (500 - w * 0.5, top - 20), (500, top - 96)]
        spikes += [(1000 - x, y) for x, y in reversed(spikes[:3])]
        brush.fill(poly(*spikes), lift(metal, 0.25), lift(metal, -0.12))
        for x in (500 - w * 1.16, 500, 500 + w * 1.16):
            brush.fill(oval(x, top - 80 if x != 500 else top - 100, 14, 14), lift(metal, 0.35))
        brush.fill(oval(500, top - 4, 15, 17), (206, 60, 84))
    if "glasses" in look.worn or "goggles" in look.worn:
        _glasses(brush, look, brow)


def _glasses(brush: Brush, look: Look, brow: int) -> None:
    thick = "goggles" in look.worn
    frame = colour_of(look, "goggles" if thick else "glasses")
    r, y = 56, brow + 104
    brush.line([(404, y), (500, y - 12), (596, y)], 14 if thick else 9, frame)
    for x in (408, 592):
        ring = oval(x, y, r + (16 if thick else 9), r + (16 if thick else 9))
        hole = oval(x, y, r, r)
        brush.fill(
            Shape((*ring.points, ring.points[0], *reversed(hole.points), hole.points[-1])),
            lift(frame, 0.1),
            frame,
        )
        brush.fill(hole, (210, 236, 246), alpha=0.22)
        brush.fill(
            poly((x - 30, y + 10), (x + 6, y - 40), (x + 20, y - 34), (x - 14, y + 22)),
            (255, 255, 255),
            alpha=0.35,
        )


def _hood(brush: Brush, cloth: Colour, top: int, half: int) -> None:
    outer = blob((500, top - 70), (500 + half * 1.05, top), (500 + half * 1.32, top + 220), (500 + half, 500), (500, 540),
                 (500 - half, 500), (500 - half * 1.32, top + 220), (500 - half * 1.05, top))  # fmt: skip
    hole = blob((500, top + 34), (500 + half * 0.8, top + 90), (500 + half * 0.98, top + 220), (500 + half * 0.7, 476),
                (500, 500), (500 - half * 0.7, 476), (500 - half * 0.98, top + 220), (500 - half * 0.8, top + 90))  # fmt: skip
    ring = Shape(
        (*outer.points, outer.points[0], *reversed((hole.points[0], *hole.points[1:])), hole.points[-1])
    )
    brush.fill(ring, lift(cloth, 0.12), lift(cloth, -0.14))


def _helmet(brush: Brush, metal: Colour, top: int, brow: int, half: int) -> None:
    dome = blob((500 - half * 1.06, brow + 40), (500 - half * 0.98, top - 10), (500, top - 62), (500 + half * 0.98, top - 10),
                (500 + half * 1.06, brow + 40), (500, brow + 8))  # fmt: skip
    brush.body(dome, metal)
    brush.fill(slab(488, top - 58, 512, brow + 20, 10), lift(metal, -0.18))


def _hat(brush: Brush, look: Look, top: int, half: int) -> None:
    cloth = colour_of(look, "hat")
    y = top + 34
    pointed = look.kind in ("wizard", "witch") or look.has("pointed", "wizard", "witch")
    tall = look.has("top") and not pointed
    straw = look.has("straw", "sun")
    if pointed:
        cone = blob((500 - half * 0.8, y), (500 - half * 0.3, top - 130), (470, top - 196), (560, top - 214),
                    (540, top - 120), (500 + half * 0.8, y), tension=0.7)  # fmt: skip
    elif tall:
        cone = slab(500 - half * 0.62, top - 150, 500 + half * 0.62, y, 20)
    else:
        cone = blob((500 - half * 0.8, y), (500 - half * 0.66, top - 66), (470, top - 84), (500, top - 72), (530, top - 84),
                    (500 + half * 0.66, top - 66), (500 + half * 0.8, y))  # fmt: skip
    brush.body(cone, cloth)
    band = mix(cloth, (24, 18, 34), 0.5) if luma(cloth) > 0.3 else lift(cloth, 0.35)
    brush.fill(slab(0, y - 42, 1000, y + 2, 4), band, inside=cone)
    reach = 1.42 if (pointed or straw) else 1.22
    brush.body(oval(500, y + 4, half * reach, 34), lift(cloth, -0.06))
