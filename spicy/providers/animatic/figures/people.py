"""People, from toddlers to wizards, standing and facing us."""

from __future__ import annotations

from dataclasses import dataclass

from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix
from spicy.providers.animatic.drawing.vector import Brush, Shape, blob, limb, oval, poly, slab
from spicy.providers.animatic.figures import wardrobe
from spicy.providers.animatic.figures.look import Look

INK: Colour = (46, 34, 44)
_SKINS: tuple[Colour, ...] = (
    (250, 214, 186),
    (238, 190, 154),
    (206, 150, 112),
    (156, 104, 74),
    (112, 74, 56),
)
_HAIRS: tuple[Colour, ...] = ((62, 44, 40), (120, 74, 48), (44, 40, 52), (196, 138, 70), (150, 66, 40))
_USUAL: dict[str, tuple[str, ...]] = {
    "girl": ("dress", "boots"), "boy": ("jacket", "trousers", "boots"), "woman": ("coat", "boots"),
    "man": ("jacket", "trousers", "boots"), "person": ("jacket", "trousers", "boots"), "elder": ("coat", "trousers", "boots"),
    "wizard": ("robe", "hat", "beard"), "witch": ("robe", "hat"), "knight": ("armour", "helmet", "cape"),
    "spy": ("coat", "hat", "tie"), "astronaut": ("suit", "visor"), "pirate": ("coat", "hat", "belt", "boots"),
    "royal": ("robe", "crown", "cape"), "sailor": ("jacket", "cap", "trousers"), "chef": ("jacket", "toque", "apron", "trousers"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Person:
    look: Look
    skin: Colour
    hair: Colour
    child: bool
    female: bool
    long_hair: bool

    @property
    def chin(self) -> float:
        return 452 if self.child else 372

    def wears(self, garment: str) -> bool:
        return garment in self.look.worn


def draw(brush: Brush, look: Look) -> None:
    """Draw the person of `look`; whatever the words leave open is what their kind usually wears."""
    who = _read(look)
    wardrobe.behind(brush, who.look)
    _hair_behind(brush, who)
    _legs(brush, who)
    torso = _torso(brush, who)
    _arms(brush, who)
    _dress_torso(brush, who, torso)
    _head(brush, who)


def _read(look: Look) -> _Person:
    usual = _USUAL.get(look.kind, _USUAL["person"])
    worn = dict(look.worn)
    covered = wardrobe.over_torso(look)
    for garment in usual:
        cover = garment in ("dress", "jacket", "coat", "robe", "suit", "armour")
        hatted = garment in ("hat", "helmet", "crown", "cap", "toque") and worn.keys() & {
            "hat",
            "cap",
            "hood",
            "helmet",
            "crown",
        }
        if not (cover and covered) and not hatted and garment != "beard":
            worn.setdefault(garment, None)
    main = next((g for g in ("robe", "coat", "dress", "armour", "suit", "jacket") if g in worn), "jacket")
    worn[main] = worn.get(main) or look.body
    for garment in ("hat", "cape", "helmet", "crown"):
        if garment in worn and worn[garment] is None and garment in usual:
            worn[garment] = _match(garment, look)
    parts = dict(look.parts)
    if "beard" in usual:
        parts.setdefault("beard", None)
    dressed = Look(look.kind, look.species, look.body, look.accent, look.eyes, worn, parts, look.words)
    pick = sum(map(ord, "".join(sorted(look.words)))) if look.words else 0
    old = look.kind in ("elder", "wizard") or look.has(
        "old", "elderly", "aged", "ancient", "grandmother", "grandma"
    )
    skin = parts.get("skin") or (
        parts.get("face") or (_SKINS[pick % 3] if not look.has("dark-skinned") else _SKINS[3])
    )
    hair = parts.get("hair") or ((226, 226, 230) if old else _HAIRS[pick % len(_HAIRS)])
    female = look.kind in ("girl", "woman", "witch") or look.has(
        "she", "her", "queen", "princess", "lady", "grandmother", "woman"
    )
    child = look.kind in ("girl", "boy") or (
        look.has("child", "toddler", "young") and look.kind in ("person", "royal")
    )
    long_hair = (female or look.has("long", "braids", "ponytail")) and not look.has(
        "short", "bald", "cropped", "bob"
    )
    return _Person(dressed, skin, hair, child, female, long_hair)


def _match(garment: str, look: Look) -> Colour:
    if garment == "crown":
        return 236, 188, 74
    if garment == "helmet":
        return lift(look.body, 0.12)
    if garment == "cape":
        return look.accent if look.kind == "knight" else lift(look.body, -0.25)
    return lift(look.body, -0.28)


def _torso(brush: Brush, who: _Person) -> Shape:
    look, c = who.look, who.chin
    garment = wardrobe.over_torso(look) or "jacket"
    cloth = wardrobe.colour_of(look, garment)
    top = c + 18
    hem, flare, waist = _cut(garment, who)
    half = 96 if who.child else (104 if who.female else 122)
    shape = blob((500, top - 6), (500 + half * 0.72, top + 12), (500 + half, top + 80), (500 + half * waist, (top + hem) / 2),
                 (500 + flare, hem - 16), (500, hem + 8), (500 - flare, hem - 16), (500 - half * waist, (top + hem) / 2),
                 (500 - half, top + 80), (500 - half * 0.72, top + 12), tension=0.82)  # fmt: skip
    brush.fill(slab(462, c - 40, 538, c + 60, 24), lift(who.skin, -0.14))
    brush.body(shape, cloth)
    return shape


def _cut(garment: str, who: _Person) -> tuple[float, float, float]:
    """Give hem height, half width at the hem and share of the shoulders at the waist."""
    if garment == "robe":
        return 924, 216, 1.12
    if garment == "dress":
        return (796, 190, 0.94) if who.child else (850, 196, 0.78)
    if garment == "coat":
        return (760, 160, 1.04) if who.child else (800, 164, 0.94)
    return (700, 104, 1.0) if who.child else (664, 112, 0.86)


def _legs(brush: Brush, who: _Person) -> None:
    look = who.look
    bare = wardrobe.over_torso(look) == "dress" and not who.wears("trousers")
    suit = wardrobe.over_torso(look) in ("suit", "armour")
    cloth = look.body if suit else (lift(who.skin, -0.05) if bare else wardrobe.colour_of(look, "trousers"))
    shoe = lift(look.body, -0.4) if suit else wardrobe.colour_of(look, "boots")
    high = look.worn.get("boots") is not None or who.look.has("boots", "wellingtons")
    for x in (448, 552):
        width = 62 if bare else 84
        brush.body(limb([(x, 640), (x, 780), (x, 900)], (width + 14, width, width - 8)), cloth)
        if high:
            brush.body(limb([(x, 812), (x, 900)], (88, 84)), shoe)
        out = -1 if x < 500 else 1
        foot = blob(
            (x - 46, 880),
            (x + 46, 880),
            (x + 46 + out * 16, 932),
            (x + out * 10, 944),
            (x - 46 + out * 16, 932),
        )
        brush.body(foot, lift(shoe, -0.06))


def _arms(brush: Brush, who: _Person) -> None:
    look, top = who.look, who.chin + 18
    garment = wardrobe.over_torso(look) or "jacket"
    sleeve = lift(wardrobe.colour_of(look, "jacket" if garment in ("vest", "apron") else garment), 0.03)
    short = garment == "dress" and not look.has("long-sleeved")
    half = 96 if who.child else (104 if who.female else 122)
    reach = 250 if who.child else 300
    hand = (
        wardrobe.colour_of(look, "gloves")
        if who.wears("gloves")
        else (lift(look.body, -0.3) if garment in ("suit", "armour") else who.skin)
    )
    for side in (-1, 1):
        x = 500 + side * (half - 10)
        line = [(x, top + 62), (x + side * 52, top + 62 + reach * 0.5), (x + side * 46, top + 62 + reach)]
        brush.body(oval(line[-1][0] + side * 2, line[-1][1] + 22, 36, 40), hand)
        if short:
            brush.body(limb(line, (62, 52, 46)), who.skin)
            brush.body(limb([line[0], (x + side * 30, top + 62 + reach * 0.3)], (88, 84)), sleeve)
        else:
            wide = 96 if garment == "robe" else 70
            brush.body(limb(line, (84, 78, wide)), lift(sleeve, 0.04 if side < 0 else -0.04))


def _dress_torso(brush: Brush, who: _Person, torso: Shape) -> None:
    look, c = who.look, who.chin
    garment = wardrobe.over_torso(look) or "jacket"
    cloth = wardrobe.colour_of(look, garment)
    trim = look.parts.get("accent") or look.accent
    if garment in ("coat", "jacket", "suit") and look.kind != "astronaut":
        shirt = trim if sum(abs(a - b) for a, b in zip(trim, cloth, strict=True)) > 60 else lift(cloth, 0.5)
        brush.fill(poly((450, c + 6), (550, c + 6), (500, c + 128)), shirt, inside=torso)
        for side in (False, True):
            lapel = poly((446, c + 8), (476, c + 8), (504, c + 140), (452, c + 92))
            brush.fill(lapel.mirrored() if side else lapel, lift(cloth, -0.16), inside=torso)
        if garment == "coat":
            brush.line([(500, c + 140), (500, 760)], 5, lift(cloth, -0.2))
        for y in (c + 180, c + 240, c + 300):
            brush.fill(oval(518, y, 9, 9), lift(cloth, 0.4 if luma(cloth) < 0.6 else -0.4), inside=torso)
    if garment in ("robe", "dress"):
        brush.fill(poly((444, c + 8), (556, c + 8), (500, c + 70)), trim, inside=torso)
        brush.fill(
            slab(0, 890 if garment == "robe" else 764, 1000, 960 if garment == "robe" else 790, 2),
            trim,
            inside=torso,
            alpha=0.9,
        )
    if garment == "armour":
        for y in (c + 120, c + 190, c + 250):
            brush.line([(400, y), (500, y + 26), (600, y)], 6, lift(cloth, -0.3))
        brush.fill(poly((500, c + 46), (536, c + 76), (500, c + 120), (464, c + 76)), trim)
    if look.kind == "astronaut":
        brush.body(slab(430, c + 90, 570, c + 190, 18), lift(cloth, -0.12))
        for x, colour in ((462, trim), (500, (86, 170, 214)), (538, (240, 200, 80))):
            brush.fill(oval(x, c + 140, 13, 13), colour)
    _carried(brush, who, torso, garment, trim)


def _carried(brush: Brush, who: _Person, torso: Shape, garment: str, trim: Colour) -> None:
    """Draw what is put on over the clothes: apron, belt, bag, tie."""
    look, c = who.look, who.chin
    if who.wears("apron"):
        apron = blob((430, c + 70), (570, c + 70), (610, 700), (590, 800), (410, 800), (390, 700))
        brush.fill(apron, wardrobe.colour_of(look, "apron"), lift(wardrobe.colour_of(look, "apron"), -0.1))
    if who.wears("belt") or garment == "robe":
        belt = wardrobe.colour_of(look, "belt") if who.wears("belt") else lift(trim, -0.1)
        y = 640 if garment != "robe" else 660
        brush.fill(slab(0, y, 1000, y + 34, 4), belt, inside=torso)
        brush.fill(slab(482, y - 4, 518, y + 38, 8), (236, 196, 96))
    if who.wears("bag"):
        bag = wardrobe.colour_of(look, "bag")
        brush.fill(
            limb([(430, c + 20), (520, c + 160), (604, c + 300)], (20, 20, 20)), lift(bag, -0.2), inside=torso
        )
        brush.body(slab(570, c + 280, 680, c + 384, 20), bag)
        brush.fill(slab(570, c + 280, 680, c + 326, 20), lift(bag, -0.16))
    if who.wears("tie"):
        tie = wardrobe.colour_of(look, "tie")
        brush.fill(
            poly(
                (484, c + 22),
                (516, c + 22),
                (508, c + 48),
                (520, c + 120),
                (500, c + 142),
                (480, c + 120),
                (492, c + 48),
            ),
            tie,
        )


def _hair_behind(brush: Brush, who: _Person) -> None:
    if not who.long_hair or who.wears("hood") or who.look.kind == "astronaut":
        return
    c, look = who.chin, who.look
    if look.has("braids", "pigtails", "plaits", "braid"):
        for side in (False, True):
            braid = limb([(400, c - 110), (366, c + 10), (380, c + 130)], (60, 66, 40))
            brush.body(braid.mirrored() if side else braid, who.hair)
            tie = oval(378, c + 118, 24, 14)
            brush.fill(tie.mirrored() if side else tie, look.accent)
        return
    w = 150 if who.child else 128
    low = c + (90 if who.child else 120)
    brush.body(blob((500, c - 230), (500 + w, c - 160), (500 + w + 16, c), (500 + w - 10, low), (500, low - 30),
                    (500 - w + 10, low), (500 - w - 16, c), (500 - w, c - 160)), lift(who.hair, -0.12))  # fmt: skip


def _head(brush: Brush, who: _Person) -> None:
    look, c = who.look, who.chin
    r = 126.0 if who.child else 98.0
    cy = c - r * 1.02
    face = blob((500, cy - r * 1.02), (500 + r * 0.86, cy - r * 0.62), (500 + r, cy + r * 0.12), (500 + r * 0.66, cy + r * 0.84),
                (500, cy + r * 1.12), (500 - r * 0.66, cy + r * 0.84), (500 - r, cy + r * 0.12), (500 - r * 0.86, cy - r * 0.62))  # fmt: skip
    if look.kind == "astronaut":
        brush.body(oval(500, cy, r * 1.36, r * 1.36), look.body)
    for side in (-1, 1):
        brush.body(oval(500 + side * r * 1.0, cy + r * 0.16, r * 0.17, r * 0.24), lift(who.skin, -0.06))
    brush.body(face, who.skin)
    _features(brush, who, cy, r)
    if not look.has("bald"):
        _hair_front(brush, who, face, cy, r)
    if "beard" in look.parts:
        _beard(
            brush, look.parts.get("beard") or who.hair, cy, r, long=look.kind == "wizard" or look.has("long")
        )
    if look.kind == "astronaut":
        brush.fill(oval(500, cy, r * 1.16, r * 1.1), (190, 226, 246), (110, 150, 200), alpha=0.26)
        brush.fill(limb([(500 - r * 0.8, cy - r * 0.1), (500 - r * 0.5, cy - r * 0.7), (500 + r * 0.1, cy - r * 0.9)], (8, 22, 6)),
                   (255, 255, 255), alpha=0.75)  # fmt: skip
    _neckwear(brush, who)
    if "toque" in look.worn:
        for dx, dy, s in ((-60, -64, 66), (60, -64, 66), (0, -98, 76)):
            brush.body(oval(500 + dx, cy - r + dy, s, s * 0.86), (250, 250, 248))
        brush.body(slab(500 - r * 0.78, cy - r - 50, 500 + r * 0.78, cy - r * 0.62, 14), (244, 244, 242))
    brow = int(cy - r * 0.5)
    _headwear(brush, who, cy, r, brow)


def _neckwear(brush: Brush, who: _Person) -> None:
    worn = {g: v for g, v in who.look.worn.items() if g in ("scarf", "bow", "collar")}
    if not worn:
        return
    look, c = who.look, who.chin
    if "scarf" in worn:
        cloth = wardrobe.colour_of(look, "scarf")
        brush.body(
            blob(
                (452, c + 40), (500, c + 30), (490, c + 120), (470, c + 210), (418, c + 200), (432, c + 110)
            ),
            lift(cloth, -0.1),
        )
        brush.body(
            blob((396, c - 4), (500, c + 10), (604, c - 4), (616, c + 48), (500, c + 82), (384, c + 48)),
            cloth,
        )
        brush.line([(410, c + 40), (500, c + 58), (590, c + 40)], 5, lift(cloth, -0.18))
    if "bow" in worn and not look.has("hair"):
        cloth = wardrobe.colour_of(look, "bow")
        for side in (False, True):
            wing = blob((500, c + 34), (452, c + 6), (428, c + 18), (434, c + 66), (456, c + 64))
            brush.body(wing.mirrored() if side else wing, cloth)
        brush.body(oval(500, c + 35, 15, 17), lift(cloth, -0.15))
    if "collar" in worn:
        brush.line([(430, c + 16), (500, c + 60), (570, c + 16)], 12, wardrobe.colour_of(look, "collar"))
        brush.body(oval(500, c + 66, 17, 19), lift(wardrobe.colour_of(look, "collar"), 0.2))


def _headwear(brush: Brush, who: _Person, cy: float, r: float, brow: int) -> None:
    look = who.look
    worn = {g: v for g, v in look.worn.items() if g not in ("glasses", "goggles")}
    if look.kind == "astronaut":
        worn.pop("helmet", None)
    bare = Look(look.kind, look.species, look.body, look.accent, look.eyes, worn, look.parts, look.words)
    top = int(cy - r * 0.98)
    if "hood" in worn:
        cloth = wardrobe.colour_of(look, "hood")
        outer = oval(500, cy + 4, r * 1.34, r * 1.42)
        hole = oval(500, cy + r * 0.16, r * 0.96, r * 1.04)
        ring = Shape((*outer.points, outer.points[0], *reversed(hole.points), hole.points[-1]))
        brush.fill(ring, lift(cloth, 0.12), lift(cloth, -0.14))
        worn.pop("hood")
    wardrobe.head(brush, bare, top=top + 4, brow=brow, half=int(r * 1.02))
    if "glasses" in look.worn or "goggles" in look.worn:
        frame = wardrobe.colour_of(look, "goggles" if "goggles" in look.worn else "glasses")
        for side in (-1, 1):
            x, y, s = 500 + side * r * 0.42, cy + r * 0.14, r * 0.33
            ring, hole = oval(x, y, s + 8, s + 8), oval(x, y, s, s)
            brush.fill(Shape((*ring.points, ring.points[0], *reversed(hole.points), hole.points[-1])), frame)
            brush.fill(hole, (214, 238, 248), alpha=0.25)
        brush.line(
            [(500 - r * 0.12, cy + r * 0.1), (500, cy + r * 0.06), (500 + r * 0.12, cy + r * 0.1)], 7, frame
        )


def _features(brush: Brush, who: _Person, cy: float, r: float) -> None:
    y = cy + r * 0.14
    iris = who.look.eyes if luma(who.look.eyes) > 0.3 else INK
    for side in (-1, 1):
        x = 500 + side * r * 0.42
        if iris is not INK:
            brush.fill(oval(x, y, r * 0.15, r * 0.18), (252, 250, 246))
            brush.fill(oval(x, y + 1, r * 0.12, r * 0.145), lift(iris, -0.15))
            brush.fill(oval(x, y + 1, r * 0.065, r * 0.08), INK)
        else:
            brush.fill(oval(x, y, r * 0.105, r * 0.145), INK)
        brush.fill(oval(x + r * 0.04, y - r * 0.06, r * 0.036, r * 0.04), (255, 255, 255))
        brow = [(x - r * 0.17, y - r * 0.30), (x, y - r * 0.36), (x + r * 0.17, y - r * 0.29)]
        brush.line(brow, r * 0.055, mix(who.hair, INK, 0.3))
        brush.fill(
            oval(500 + side * r * 0.6, y + r * 0.36, r * 0.17, r * 0.11), (236, 110, 100), alpha=0.32, soft=8
        )
    brush.line(
        [(500 - r * 0.02, y + r * 0.14), (500 + r * 0.05, y + r * 0.26), (500 - r * 0.02, y + r * 0.29)],
        r * 0.035,
        lift(who.skin, -0.35),
    )
    brush.line(
        [(500 - r * 0.18, y + r * 0.50), (500, y + r * 0.58), (500 + r * 0.18, y + r * 0.50)],
        r * 0.05,
        (150, 66, 66),
    )
    if "spots" in who.look.parts:
        for dx, dy in ((-0.58, 0.3), (-0.48, 0.38), (-0.68, 0.4), (0.58, 0.3), (0.48, 0.38), (0.68, 0.4)):
            brush.fill(oval(500 + dx * r, y + dy * r, 4, 4), lift(who.skin, -0.35))


def _hair_front(brush: Brush, who: _Person, face: Shape, cy: float, r: float) -> None:
    look, hair = who.look, who.hair
    if look.kind == "astronaut":
        brush.fill(oval(500, cy - r * 0.86, r * 1.1, r * 0.52), hair, inside=face)
        return
    if look.has("curly", "curls", "afro"):
        for i in range(11):
            from math import cos, pi, sin

            a = pi * (0.02 + 0.96 * i / 10)
            brush.body(
                oval(500 - cos(a) * r * 1.0, cy - r * 0.18 - sin(a) * r * 0.94, r * 0.34, r * 0.32), hair
            )
        brush.fill(oval(500, cy - r * 0.9, r * 0.98, r * 0.46), hair, inside=face)
        return
    if who.long_hair:
        cap = blob((500 - r * 1.08, cy + r * 0.34), (500 - r * 1.12, cy - r * 0.5), (500 - r * 0.5, cy - r * 1.18),
                   (500 + r * 0.5, cy - r * 1.18), (500 + r * 1.12, cy - r * 0.5), (500 + r * 1.08, cy + r * 0.34),
                   (500 + r * 0.86, cy - r * 0.2), (500 + r * 0.3, cy - r * 0.56), (500 - r * 0.1, cy - r * 0.62),
                   (500 - r * 0.7, cy - r * 0.3))  # fmt: skip
    else:
        cap = blob((500 - r * 1.04, cy + r * 0.06), (500 - r * 1.1, cy - r * 0.6), (500 - r * 0.5, cy - r * 1.2),
                   (500 + r * 0.42, cy - r * 1.24), (500 + r * 1.06, cy - r * 0.66), (500 + r * 1.04, cy + r * 0.06),
                   (500 + r * 0.88, cy - r * 0.36), (500 + r * 0.46, cy - r * 0.5), (500 - r * 0.3, cy - r * 0.62),
                   (500 - r * 0.82, cy - r * 0.3))  # fmt: skip
    brush.body(cap, hair)
    if look.has("bun"):
        brush.body(oval(500, cy - r * 1.26, r * 0.4, r * 0.36), hair)
    if "bow" in look.worn and look.has("hair"):
        cloth = wardrobe.colour_of(look, "bow")
        for side in (-1, 1):
            brush.body(oval(560 + side * 28, cy - r * 1.06, 30, 22, side * 20), cloth)
        brush.fill(oval(560, cy - r * 1.06, 12, 13), lift(cloth, -0.2))


def _beard(brush: Brush, colour: Colour, cy: float, r: float, *, long: bool) -> None:
    low = cy + r * (2.5 if long else 1.5)
    brush.body(blob((500 - r * 0.98, cy + r * 0.24), (500 - r * 0.5, cy + r * 0.52), (500, cy + r * 0.44), (500 + r * 0.5, cy + r * 0.52),
                    (500 + r * 0.98, cy + r * 0.24), (500 + r * 0.8, cy + r * 1.1), (500 + r * 0.2, low), (500 - r * 0.2, low),
                    (500 - r * 0.8, cy + r * 1.1)), colour)  # fmt: skip
    for side in (-1, 1):
        brush.body(limb([(500, cy + r * 0.48), (500 + side * r * 0.3, cy + r * 0.54), (500 + side * r * 0.5, cy + r * 0.66)], (24, 26, 8)),
                   lift(colour, 0.12))  # fmt: skip
    brush.line([(480, cy + r * 0.74), (500, cy + r * 0.78), (520, cy + r * 0.74)], 7, (150, 66, 66))
