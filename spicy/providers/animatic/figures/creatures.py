"""Beings that are neither beast, bird nor person: robots, dragons, fish, ghosts, and creatures without a name."""

from __future__ import annotations

from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix
from spicy.providers.animatic.drawing.vector import Brush, Shape, blob, limb, oval, poly, slab
from spicy.providers.animatic.figures import wardrobe
from spicy.providers.animatic.figures.look import Look
from spicy.providers.animatic.figures.quadrupeds import INK, eye


def robot(brush: Brush, look: Look) -> None:
    """Draw a friendly robot: round casing, a screen for a face, one light on the chest."""
    metal, trim, glow = look.body, look.accent, look.eyes if luma(look.eyes) > 0.3 else (112, 232, 240)
    dark = lift(metal, -0.5)
    wardrobe.behind(brush, look)
    for hand in (-1, 1):
        x = 500 + hand * 82
        brush.body(limb([(x, 760), (x, 880)], (50, 46)), dark)
        brush.body(slab(x - 66, 862, x + 66, 942, 34), lift(metal, -0.1))
        arm = [(500 + hand * 176, 576), (500 + hand * 250, 680), (500 + hand * 226, 780)]
        brush.body(limb(arm, (50, 44, 44)), dark)
        brush.body(oval(500 + hand * 184, 572, 48, 48), metal)
        brush.body(oval(arm[-1][0], arm[-1][1] + 10, 46, 48), trim)
    body = brush.body(slab(316, 500, 684, 822, 110), metal)
    brush.fill(slab(384, 566, 616, 748, 40), lift(metal, 0.28), lift(metal, 0.1), inside=body)
    brush.fill(oval(500, 648, 54, 54), dark)
    light = look.parts.get("lights") or trim
    brush.fill(oval(500, 648, 42, 42), lift(light, 0.35), light)
    for x in (430, 570):
        brush.fill(oval(x, 722, 9, 9), dark)
    brush.fill(slab(316, 778, 684, 800, 2), trim, inside=body)
    wardrobe.torso(brush, look, body)
    brush.body(slab(450, 462, 550, 520, 14), dark)
    wardrobe.neck(brush, look)
    for left in (238, 714):
        brush.body(slab(left, 280, left + 48, 376, 22), trim)
    brush.line([(500, 180), (500, 96)], 14, dark)
    brush.body(oval(500, 84, 30, 30), light)
    head = brush.body(slab(272, 168, 728, 480, 128), metal)
    screen = brush.fill(slab(326, 222, 674, 428, 84), (30, 36, 58), (44, 52, 80))
    for hand in (-1, 1):
        brush.fill(oval(500 + hand * 84, 314, 58, 62), glow, inside=screen, alpha=0.4, soft=16)
        brush.fill(oval(500 + hand * 84, 314, 34, 42), lift(glow, 0.35), glow)
    brush.line([(452, 382), (500, 400), (548, 382)], 11, glow)
    brush.fill(blob((320, 200), (420, 184), (400, 206), (330, 240)), (255, 255, 255), inside=head, alpha=0.4)
    wardrobe.head(brush, look, top=182, brow=220, half=190)


def dragon(brush: Brush, look: Look) -> None:
    """Draw a small dragon: bat wings, horns, belly plates, a tail with an arrow."""
    scales, belly = look.body, look.accent
    wing = look.parts.get("wings") or lift(mix(scales, belly, 0.35), 0.05)
    for side in (False, True):
        sail = blob((420, 560), (330, 380), (150, 300), (96, 360), (110, 470), (160, 500), (150, 590), (220, 600), (236, 680),
                    (320, 660), tension=0.7)  # fmt: skip
        sail = sail.mirrored() if side else sail
        brush.body(sail, wing)
        for end in ((110, 400), (156, 556), (236, 660)):
            rib = limb([(410, 560), (330, 460), end], (16, 12, 6))
            brush.fill(rib.mirrored() if side else rib, lift(scales, -0.2), inside=sail)
    tail = limb([(590, 880), (740, 900), (840, 830), (860, 740)], (120, 90, 60, 34))
    brush.body(poly((820, 760), (900, 752), (874, 640)), lift(belly, -0.2))
    brush.body(tail, scales)
    body = brush.body(blob((500, 470), (590, 530), (650, 680), (668, 820), (620, 906), (500, 926), (380, 906), (332, 820),
                           (350, 680), (410, 530)), scales)  # fmt: skip
    plate = blob(
        (500, 500), (566, 570), (588, 720), (566, 860), (500, 904), (434, 860), (412, 720), (434, 570)
    )
    brush.fill(plate, belly, lift(belly, -0.1), inside=body)
    for y in (600, 670, 740, 810):
        brush.line([(420, y), (500, y + 18), (580, y)], 7, lift(belly, -0.24))
    for x in (404, 596):
        brush.body(
            blob((x - 64, 880), (x, 846), (x + 64, 880), (x + 66, 934), (x - 66, 934)), lift(scales, -0.06)
        )
        brush.body(
            limb([(x + (26 if x < 500 else -26), 640), (x + (46 if x < 500 else -46), 730)], (60, 54)),
            lift(scales, 0.06),
        )
    wardrobe.torso(brush, look, body)
    head = blob((500, 170), (620, 200), (690, 310), (664, 400), (600, 440), (590, 500), (500, 528), (410, 500), (400, 440),
                (336, 400), (310, 310), (380, 200))  # fmt: skip
    brush.shadow(body, head.moved(0, 20, 0.8), 30)
    wardrobe.neck(brush, look)
    horn = look.parts.get("horns") or (246, 230, 196)
    for side in (False, True):
        spike = limb([(400, 220), (350, 140), (366, 56)], (58, 40, 6))
        ear = blob((350, 290), (270, 270), (214, 196), (300, 206), (372, 240))
        brush.body(ear.mirrored() if side else ear, lift(scales, -0.15))
        brush.fill(spike.mirrored() if side else spike, lift(horn, 0.1), lift(horn, -0.25))
    brush.fill(poly((466, 190), (500, 100), (534, 190)), lift(belly, -0.12))
    brush.body(head, scales)
    brush.fill(oval(500, 462, 104, 62), belly, mix(belly, scales, 0.2), inside=head)
    for hand in (-1, 1):
        eye(brush, 500 + hand * 92, 320, 34, look.eyes, ring=True)
        brush.fill(oval(500 + hand * 36, 430, 10, 14), lift(scales, -0.5))
    brush.line([(424, 474), (500, 494), (576, 474)], 8, lift(scales, -0.55))
    wardrobe.head(brush, look, top=178, brow=216, half=150)


def fish(brush: Brush, look: Look) -> None:
    """Draw a fish from the side, or a whale; it hovers above its shadow."""
    skin, pale = look.body, look.accent
    fin = look.parts.get("accent") or lift(mix(skin, pale, 0.2), -0.12)
    whale = look.kind == "whale"
    tail = blob((760, 560), (880, 420), (950, 430), (900, 560), (950, 690), (880, 700), tension=0.8)
    brush.body(tail, fin)
    if not whale:
        brush.body(blob((380, 360), (480, 220), (640, 250), (680, 400), tension=0.8), fin)
        brush.body(blob((480, 720), (520, 840), (620, 830), (610, 710), tension=0.8), fin)
    body = brush.body(blob((90, 560), (190, 400), (400, 320), (620, 390), (800, 540), (790, 580), (620, 720), (400, 790),
                           (190, 720)), skin)  # fmt: skip
    brush.fill(
        blob((60, 640), (300, 680), (560, 690), (800, 590), (700, 840), (300, 860)),
        pale,
        inside=body,
        alpha=0.95,
        soft=4,
    )
    if "stripes" in look.parts or look.has("clownfish"):
        stripe = look.parts.get("stripes") or (250, 246, 240)
        for x in (420, 620):
            brush.fill(limb([(x, 280), (x + 40, 560), (x, 860)], (50, 64, 50)), stripe, inside=body)
    elif not whale:
        for row in range(3):
            for k in range(4):
                x, y = 440 + k * 80 + (row % 2) * 36, 470 + row * 70
                brush.line([(x, y - 22), (x + 22, y), (x, y + 22)], 6, lift(skin, -0.16))
    brush.body(blob((430, 600), (560, 610), (610, 700), (480, 700), tension=0.9), lift(fin, 0.06))
    eye(brush, 246, 520, 40, look.eyes, ring=True)
    brush.line([(110, 610), (170, 640), (230, 628)], 9, lift(skin, -0.5))
    if whale:
        for hand in (-1, 1):
            brush.body(limb([(380, 330), (380, 250), (380 + hand * 80, 200)], (18, 22, 26)), (150, 208, 240))


def ghost(brush: Brush, look: Look) -> None:
    """Draw a ghost: a sheet with a wavy hem and a soft glow about it."""
    cloth = look.body
    wardrobe.behind(brush, look)
    hem = [(700, 860), (640, 930), (590, 868), (530, 936), (470, 868), (410, 930), (352, 866), (300, 900)]
    shape = blob(
        (500, 130), (640, 170), (716, 330), (730, 600), *hem, (270, 600), (284, 330), (360, 170), tension=0.9
    )
    brush.fill(shape, lift(cloth, 0.3), mix(cloth, look.accent, 0.8))
    brush.fill(shape.moved(60, 20, 0.96), look.accent, inside=shape, alpha=0.35, soft=30)
    for hand in (-1, 1):
        brush.body(
            limb([(500 + hand * 200, 520), (500 + hand * 270, 580), (500 + hand * 262, 650)], (84, 76, 40)),
            lift(cloth, 0.08),
        )
        eye(brush, 500 + hand * 82, 340, 36, look.eyes)
        brush.fill(oval(500 + hand * 140, 412, 36, 20), (244, 150, 160), alpha=0.5, soft=6)
    brush.fill(oval(500, 432, 30, 38), lift(INK, 0.1))
    wardrobe.neck(brush, look)
    wardrobe.head(brush, look, top=146, brow=220, half=160)


def creature(brush: Brush, look: Look) -> None:
    """Draw a round friendly creature for beings that have no drawing of their own."""
    fur = look.body
    pick = sum(len(word) * 7 + ord(word[0]) for word in sorted(look.words))
    horn = look.parts.get("horns") or look.accent
    wardrobe.behind(brush, look)
    for side in (False, True):
        spike: Shape = (
            limb([(390, 290), (330, 190), (360, 90)], (70, 48, 6)),
            blob((340, 330), (276, 200), (316, 110), (400, 180), (450, 270)),
            limb([(430, 250), (396, 140), (340, 80)], (20, 16, 16)),
        )[pick % 3]
        brush.body(spike.mirrored() if side else spike, horn if pick % 3 != 1 else lift(fur, -0.1))
        if pick % 3 == 2:
            brush.body(oval(340 if not side else 660, 76, 34, 34), horn)
        arm = limb([(310, 620), (226, 680), (216, 780)], (90, 80, 66))
        brush.body(arm.mirrored() if side else arm, lift(fur, -0.08))
        foot = blob((350, 880), (420, 850), (480, 890), (476, 940), (346, 940))
        brush.body(foot.mirrored() if side else foot, lift(fur, -0.12))
    outline = [
        (500, 210),
        (640, 250),
        (736, 420),
        (756, 640),
        (690, 840),
        (500, 910),
        (310, 840),
        (244, 640),
        (264, 420),
        (360, 250),
    ]
    body = brush.body(blob(*outline), fur)
    brush.fill(oval(500, 740, 170, 150), look.accent, mix(look.accent, fur, 0.2), inside=body)
    spot: Colour = look.parts.get("spots") or lift(fur, -0.18)
    for x, y, r in ((330, 520, 26), (660, 560, 32), (690, 700, 20), (310, 660, 18)):
        brush.fill(oval(x, y, r, r), spot, inside=body)
    wardrobe.torso(brush, look, body)
    count = 1 if look.has("one-eyed", "cyclops") else 3 if look.has("three") else 2
    for k in range(count):
        at = 500 + (k - (count - 1) / 2) * 150
        eye(
            brush,
            at,
            420 - (26 if count == 3 and k == 1 else 0),
            50 if count < 3 else 38,
            look.eyes,
            ring=True,
        )
    brush.line([(430, 536), (500, 566), (570, 536)], 11, lift(fur, -0.6))
    brush.fill(poly((460, 550), (486, 560), (470, 584)), (255, 255, 255))
    wardrobe.head(brush, look, top=226, brow=290, half=176)
