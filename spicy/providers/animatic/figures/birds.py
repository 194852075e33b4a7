"""Feathered beings: owls, with their great eyes, and birds of other kinds."""

from __future__ import annotations

from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix
from spicy.providers.animatic.drawing.vector import Brush, Shape, blob, limb, oval, poly
from spicy.providers.animatic.figures import wardrobe
from spicy.providers.animatic.figures.look import Look
from spicy.providers.animatic.figures.quadrupeds import eye


def owl(brush: Brush, look: Look) -> None:
    """Draw an owl: egg body, folded wings, ear tufts, facial discs."""
    feathers, pale = look.body, look.accent
    wardrobe.behind(brush, look)
    _feet(brush, look.parts.get("beak") or (228, 166, 74), 908)
    body = brush.body(
        blob((500, 150), (650, 200), (722, 360), (732, 600), (676, 820), (500, 912), (324, 820), (268, 600), (278, 360),
             (350, 200)), feathers)  # fmt: skip
    chest = blob(
        (500, 470), (620, 540), (640, 700), (590, 830), (500, 880), (410, 830), (360, 700), (380, 540)
    )
    brush.fill(chest, pale, mix(pale, feathers, 0.25), inside=body)
    mark = look.parts.get("spots") or mix(feathers, pale, 0.25)
    for row in range(5):
        for k in range(-2, 3):
            x, y = 500 + k * 58 + (row % 2) * 29 - 14, 600 + row * 58
            brush.fill(poly((x - 16, y - 8), (x, y + 16), (x + 16, y - 8), (x, y + 2)), mark, inside=chest)
    wardrobe.torso(brush, look, body)
    for side in (False, True):
        _wing(brush, look, side)
    wardrobe.neck(brush, look)
    for side in (False, True):
        tuft = blob((330, 300), (276, 190), (262, 84), (360, 150), (470, 220), tension=0.8)
        brush.body(tuft.mirrored() if side else tuft, lift(feathers, -0.14))
    _owl_face(brush, look)
    wardrobe.head(brush, look, top=158, brow=220, half=190)


def _wing(brush: Brush, look: Look, mirrored: bool) -> None:
    colour = look.parts.get("wings") or lift(look.body, -0.16)
    wing = blob((300, 430), (360, 500), (384, 640), (340, 800), (262, 868), (232, 720), (238, 540))
    wing = wing.mirrored() if mirrored else wing
    brush.body(wing, colour)
    for y in (600, 676, 752, 828):
        scallop = limb([(230, y - 26), (280, y + 12), (330, y + 6), (384, y - 30)], (7, 7))
        brush.fill(scallop.mirrored() if mirrored else scallop, lift(colour, 0.22), inside=wing)


def _owl_face(brush: Brush, look: Look) -> None:
    face = look.parts.get("face") or look.accent
    for hand in (-1, 1):
        disc = oval(500 + hand * 104, 336, 132, 136)
        brush.fill(disc, lift(face, 0.1), mix(face, look.body, 0.22))
        brush.fill(oval(500 + hand * 100, 338, 98, 100), lift(face, 0.22), face)
    brush.body(blob((500, 196), (556, 250), (500, 366), (444, 250), tension=0.6), lift(look.body, 0.02))
    iris = look.eyes if luma(look.eyes) > 0.24 else (244, 178, 48)
    for hand in (-1, 1):
        x = 500 + hand * 96
        brush.fill(oval(x, 336, 66, 66), lift(iris, -0.5))
        brush.fill(oval(x, 336, 59, 59), lift(iris, -0.1), lift(iris, 0.14))
        brush.fill(oval(x, 338, 34, 36), (34, 26, 36))
        brush.fill(oval(x + 18, 318, 14, 15), (255, 255, 255))
    beak = look.parts.get("beak") or (236, 172, 76)
    brush.fill(
        blob((500, 372), (534, 400), (500, 468), (466, 400), tension=0.8), lift(beak, 0.2), lift(beak, -0.2)
    )


def bird(brush: Brush, look: Look) -> None:
    """Draw a round bird: songbirds, crows, penguins, ducks and eagles differ in beak, crest and wings."""
    feathers, pale = look.body, look.accent
    wardrobe.behind(brush, look)
    beak = look.parts.get("beak") or ((70, 70, 84) if look.kind == "crow" else (242, 158, 58))
    _feet(brush, beak, 900)
    if look.kind != "penguin":
        brush.body(limb([(600, 760), (740, 840), (832, 900)], (120, 96, 60)), lift(feathers, -0.2))
    body = brush.body(
        blob((500, 160), (624, 196), (676, 330), (716, 540), (700, 760), (620, 880), (500, 908), (380, 880), (300, 760),
             (284, 540), (324, 330), (376, 196)), feathers)  # fmt: skip
    front = blob(
        (500, 430), (610, 500), (640, 660), (600, 820), (500, 890), (400, 820), (360, 660), (390, 500)
    )
    brush.fill(front, pale, mix(pale, feathers, 0.16), inside=body)
    wardrobe.torso(brush, look, body)
    for side in (False, True):
        _flipper(brush, look, side)
    wardrobe.neck(brush, look)
    if look.kind in ("penguin", "eagle"):
        for side in (False, True):
            cheek = blob((500, 300), (440, 240), (370, 262), (346, 350), (400, 440), (500, 450))
            brush.fill(cheek.mirrored() if side else cheek, pale, inside=body)
    if look.kind in ("bird", "duck"):
        for dx, height in ((-30, 70), (4, 92), (38, 66)):
            brush.fill(
                limb([(500, 176), (500 + dx * 0.7, 130), (500 + dx * 1.6, 168 - height)], (30, 24, 6)),
                feathers,
            )
    if "spots" in look.parts:
        for x, y in ((440, 620), (540, 600), (490, 700), (570, 720), (430, 760)):
            brush.fill(oval(x, y, 15, 13), look.parts.get("spots") or lift(feathers, -0.3), inside=front)
    for hand in (-1, 1):
        eye(brush, 500 + hand * 84, 300, 29, look.eyes, ring=luma(feathers) < 0.42)
    _beak(brush, look.kind, beak)
    wardrobe.head(brush, look, top=166, brow=200, half=146)


def _flipper(brush: Brush, look: Look, mirrored: bool) -> None:
    colour = look.parts.get("wings") or lift(look.body, -0.14)
    wing = blob((318, 440), (376, 520), (380, 660), (316, 790), (232, 826), (222, 660), (262, 500))
    wing = wing.mirrored() if mirrored else wing
    brush.body(wing, colour)
    if look.kind != "penguin":
        for y in (640, 710, 780):
            row = limb([(222, y), (280, y + 20), (350, y - 20)], (7, 7))
            brush.fill(row.mirrored() if mirrored else row, lift(colour, 0.2), inside=wing)


def _beak(brush: Brush, kind: str, colour: Colour) -> None:
    shape: Shape = {
        "duck": oval(500, 376, 96, 40),
        "eagle": blob((500, 320), (548, 350), (530, 410), (500, 470), (470, 410), (452, 350)),
        "crow": blob((500, 320), (540, 346), (500, 462), (460, 346), tension=0.7),
    }.get(kind, blob((500, 326), (552, 356), (500, 424), (448, 356), tension=0.7))
    brush.fill(shape, lift(colour, 0.2), lift(colour, -0.14))
    brush.fill(shape.moved(0, 30), lift(colour, -0.35), inside=shape, alpha=0.45)


def _feet(brush: Brush, colour: Colour, y: float) -> None:
    for x in (428, 572):
        for dx in (-34, 0, 34):
            brush.fill(
                limb([(x, y - 30), (x + dx * 0.7, y + 8), (x + dx, y + 34)], (30, 27, 22)),
                lift(colour, 0.1),
                lift(colour, -0.15),
            )
