"""Reads a character's description: what it is, its colours, what it wears, its marks.

Pure words in, values out. Drawing and judging both work from the same reading, so that what is judged
is what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from spicy.providers.animatic.drawing.colours import Colour, named, shaded, words_of


class Build(StrEnum):
    """The bodies that can be drawn."""

    BEAST = "beast"
    OWL = "owl"
    BIRD = "bird"
    PERSON = "person"
    ROBOT = "robot"
    DRAGON = "dragon"
    FISH = "fish"
    GHOST = "ghost"
    CREATURE = "creature"


@dataclass(frozen=True, slots=True)
class Species:
    """A kind of being: its body, and its colours when the words name none."""

    build: Build
    body: Colour
    accent: Colour
    eyes: Colour = (52, 40, 44)


_B = Build
SPECIES: dict[str, Species] = {
    "fox": Species(_B.BEAST, (226, 112, 44), (252, 240, 222)),
    "wolf": Species(_B.BEAST, (122, 130, 146), (226, 228, 232), (228, 176, 60)),
    "dog": Species(_B.BEAST, (196, 138, 84), (246, 228, 202)),
    "cat": Species(_B.BEAST, (150, 146, 158), (240, 236, 234), (126, 182, 84)),
    "lion": Species(_B.BEAST, (222, 168, 84), (248, 226, 184)),
    "tiger": Species(_B.BEAST, (236, 140, 50), (252, 240, 224)),
    "bear": Species(_B.BEAST, (134, 90, 60), (206, 168, 128)),
    "panda": Species(_B.BEAST, (244, 242, 238), (56, 54, 64)),
    "rabbit": Species(_B.BEAST, (214, 200, 186), (252, 244, 236)),
    "mouse": Species(_B.BEAST, (168, 160, 164), (240, 228, 224)),
    "squirrel": Species(_B.BEAST, (190, 98, 54), (250, 226, 196)),
    "raccoon": Species(_B.BEAST, (128, 132, 142), (222, 222, 224)),
    "badger": Species(_B.BEAST, (96, 98, 108), (240, 238, 236)),
    "deer": Species(_B.BEAST, (190, 130, 80), (250, 232, 206)),
    "horse": Species(_B.BEAST, (150, 96, 62), (226, 196, 160)),
    "pig": Species(_B.BEAST, (244, 176, 176), (252, 210, 204)),
    "monkey": Species(_B.BEAST, (136, 92, 64), (240, 206, 168)),
    "elephant": Species(_B.BEAST, (146, 156, 176), (196, 202, 214)),
    "frog": Species(_B.BEAST, (106, 176, 82), (226, 236, 176), (232, 186, 60)),
    "turtle": Species(_B.BEAST, (120, 168, 98), (226, 214, 154)),
    "owl": Species(_B.OWL, (140, 108, 82), (238, 220, 188), (244, 178, 48)),
    "bird": Species(_B.BIRD, (84, 142, 206), (250, 236, 214)),
    "crow": Species(_B.BIRD, (56, 58, 76), (96, 100, 124)),
    "penguin": Species(_B.BIRD, (48, 56, 78), (248, 248, 246)),
    "duck": Species(_B.BIRD, (246, 204, 84), (254, 238, 184)),
    "eagle": Species(_B.BIRD, (112, 78, 54), (246, 242, 234), (240, 184, 60)),
    "person": Species(_B.PERSON, (70, 108, 168), (236, 228, 214)),
    "woman": Species(_B.PERSON, (170, 74, 86), (236, 228, 214)),
    "man": Species(_B.PERSON, (62, 92, 136), (236, 228, 214)),
    "girl": Species(_B.PERSON, (226, 92, 78), (250, 226, 150)),
    "boy": Species(_B.PERSON, (76, 148, 182), (246, 214, 120)),
    "elder": Species(_B.PERSON, (110, 98, 132), (226, 218, 204)),
    "wizard": Species(_B.PERSON, (74, 70, 152), (232, 196, 92)),
    "witch": Species(_B.PERSON, (92, 62, 122), (150, 190, 92)),
    "knight": Species(_B.PERSON, (172, 182, 198), (176, 54, 58)),
    "spy": Species(_B.PERSON, (92, 88, 98), (232, 228, 222)),
    "astronaut": Species(_B.PERSON, (234, 236, 242), (232, 122, 60)),
    "pirate": Species(_B.PERSON, (124, 44, 52), (238, 228, 210)),
    "royal": Species(_B.PERSON, (128, 56, 112), (236, 192, 84)),
    "sailor": Species(_B.PERSON, (46, 74, 128), (244, 244, 240)),
    "chef": Species(_B.PERSON, (244, 244, 242), (206, 70, 60)),
    "robot": Species(_B.ROBOT, (134, 168, 184), (240, 170, 74), (112, 232, 240)),
    "dragon": Species(_B.DRAGON, (72, 158, 112), (244, 222, 150), (246, 188, 60)),
    "fish": Species(_B.FISH, (244, 142, 62), (252, 240, 226)),
    "whale": Species(_B.FISH, (76, 122, 176), (226, 236, 242)),
    "ghost": Species(_B.GHOST, (226, 234, 246), (182, 198, 232)),
    "creature": Species(_B.CREATURE, (122, 112, 190), (250, 208, 140)),
}

_ALIKE = {
    "fox": "лиса лис vixen foxes 狐 狐狸 zorro renard fuchs", "wolf": "волк wolves coyote jackal werewolf husky 狼",
    "dog": "собака puppy hound terrier corgi retriever labrador poodle shepherd pup 狗 犬 hund perro",
    "cat": "кот кошка kitten feline tomcat kitty lynx panther leopard puma jaguar 猫 gato chat katze", "lion": "lioness 狮子",
    "tiger": "tigress 虎 老虎", "bear": "медведь cub grizzly teddy 熊", "panda": "熊猫",
    "rabbit": "заяц bunny hare 兔 兔子", "mouse": "rat hamster shrew mice hedgehog 鼠", "squirrel": "chipmunk beaver otter",
    "raccoon": "tanuki", "badger": "skunk mole", "deer": "stag doe reindeer moose elk antelope 鹿",
    "horse": "pony unicorn donkey mare stallion zebra giraffe 马", "pig": "piglet boar 猪",
    "monkey": "ape chimp chimpanzee gorilla 猴子", "elephant": "mammoth hippo rhino 象", "frog": "toad newt 青蛙",
    "turtle": "tortoise 乌龟", "owl": "сова owlet owls 猫头鹰", "crow": "raven rook magpie blackbird 乌鸦",
    "bird": "sparrow robin parrot finch swallow dove pigeon wren hummingbird canary heron crane phoenix gull seagull 鸟",
    "penguin": "penguins puffin 企鹅", "duck": "duckling goose chick hen swan chicken 鸭",
    "eagle": "hawk falcon vulture griffin 鹰", "girl": "daughter sister schoolgirl 女孩", "boy": "son brother kid 男孩 child",
    "woman": "lady mother heroine actress nurse grandmother queen's dancer ballerina 女人",
    "man": "gentleman father hero guy 男人",
    "elder": "grandfather grandpa grandma granny fisherman hermit keeper clockmaker 老人", "wizard": "mage sorcerer magician druid merlin",
    "witch": "sorceress enchantress", "knight": "warrior soldier paladin samurai guard gladiator viking",
    "spy": "detective agent assassin thief investigator sleuth 间谍 侦探", "astronaut": "cosmonaut spaceman pilot 宇航员",
    "pirate": "captain buccaneer corsair", "royal": "king queen prince princess emperor empress 公主 国王",
    "sailor": "mariner seaman", "chef": "cook baker", "robot": "робот android droid cyborg automaton machine bot rover 机器人",
    "dragon": "дракон wyvern dinosaur dino wyrm lizard crocodile salamander 龙", "whale": "dolphin shark orca 鲸",
    "fish": "goldfish koi salmon trout seahorse octopus squid jellyfish mermaid 鱼",
    "ghost": "spirit phantom spectre wraith 鬼", "creature": "monster alien troll goblin yeti ogre fairy elf imp beast blob",
    "person": "people scientist engineer painter artist musician doctor teacher farmer gardener traveller traveler "
    "wanderer explorer adventurer hiker inventor mechanic librarian postman courier violinist pianist singer poet "
    "writer student teenager human hunter ranger shepherdess blacksmith merchant monk nun diver climber cyclist driver",
}  # fmt: skip
_WORDS = {alias: kind for kind, aliases in _ALIKE.items() for alias in aliases.split()} | {
    k: k for k in SPECIES
}
_RED_FUR: Colour = (212, 88, 44)
"""What people call red when they speak of fur."""
_SIGNS = sorted((word for word in _WORDS if not word.isascii()), key=len, reverse=True)
"""Names of beings in other scripts, the longest first."""
_WORN = frozenset(
    [
        "wearing",
        "wears",
        "wore",
        "dressed",
        "in",
        "rain",
        "winter",
        "trench",
        "wool",
        "woollen",
        "duffle",
        "buttoned",
    ]
)
_ANIMAL = (_B.BEAST, _B.OWL, _B.BIRD, _B.DRAGON, _B.FISH)

GARMENTS: dict[str, str] = {
    "scarf": "scarf", "shawl": "scarf", "bandana": "scarf", "neckerchief": "scarf", "muffler": "scarf",
    "hat": "hat", "cap": "cap", "beret": "cap", "beanie": "cap", "helmet": "helmet", "hood": "hood",
    "crown": "crown", "tiara": "crown", "cape": "cape", "cloak": "cape", "mantle": "cape", "coat": "coat",
    "overcoat": "coat", "raincoat": "coat", "trenchcoat": "coat", "robe": "robe", "robes": "robe", "gown": "dress",
    "dress": "dress", "skirt": "dress", "jacket": "jacket", "parka": "jacket", "waistcoat": "vest", "vest": "vest",
    "sweater": "jacket", "jumper": "jacket", "hoodie": "jacket", "shirt": "jacket", "tunic": "jacket", "blouse": "jacket",
    "apron": "apron", "suit": "suit", "tuxedo": "suit", "spacesuit": "suit", "uniform": "suit", "armor": "armour",
    "armour": "armour", "trousers": "trousers", "jeans": "trousers", "pants": "trousers", "shorts": "trousers",
    "dungarees": "trousers", "overalls": "trousers", "boots": "boots", "shoes": "boots", "sneakers": "boots",
    "wellingtons": "boots", "glasses": "glasses", "spectacles": "glasses", "goggles": "goggles", "monocle": "glasses",
    "sunglasses": "goggles", "satchel": "bag", "bag": "bag", "backpack": "bag", "rucksack": "bag", "tie": "tie",
    "necktie": "tie", "bowtie": "bow", "bow": "bow", "ribbon": "bow", "collar": "collar", "necklace": "collar",
    "pendant": "collar", "medallion": "collar", "belt": "belt", "sash": "belt", "gloves": "gloves", "mittens": "gloves",
}  # fmt: skip
_PARTS: dict[str, str] = {
    "fur": "body", "coat's": "body", "feathers": "body", "plumage": "body", "scales": "body", "skin": "skin",
    "shell": "shell", "metal": "body", "plating": "body", "plates": "body", "body": "body", "casing": "body",
    "face": "face", "complexion": "skin", "hide": "body", "pelt": "body", "wings": "wings", "wing": "wings", "chest": "accent",
    "belly": "accent", "breast": "accent", "bib": "accent", "underside": "accent", "throat": "accent", "muzzle": "accent",
    "tip": "accent", "tipped": "accent", "cheeks": "accent", "fins": "accent", "fin": "accent", "eyes": "eyes",
    "eyed": "eyes", "eye": "eyes", "hair": "hair", "haired": "hair", "curls": "hair", "braid": "hair", "braids": "hair",
    "pigtails": "hair", "ponytail": "hair", "plaits": "hair", "bun": "hair", "mane": "hair", "beard": "beard",
    "bearded": "beard", "moustache": "beard", "mustache": "beard", "beak": "beak", "stripes": "stripes", "striped": "stripes",
    "spots": "spots", "spotted": "spots", "freckles": "spots", "speckled": "spots", "speckles": "spots", "patch": "patch",
    "star": "star", "horns": "horns", "antlers": "horns", "horn": "horns", "paws": "socks", "socks": "socks", "legs": "socks",
    "feet": "socks", "ears": "ears", "tail": "tail", "panel": "lights", "light": "lights", "lights": "lights", "antenna": "lights",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """A description, read."""

    kind: str
    species: Species
    body: Colour
    accent: Colour
    eyes: Colour
    worn: dict[str, Colour | None] = field(default_factory=dict)
    """Garment → its colour, when the words give one."""
    parts: dict[str, Colour | None] = field(default_factory=dict)
    """Part or mark → its colour, when the words give one."""
    words: frozenset[str] = frozenset()

    def has(self, *words: str) -> bool:
        """Whether the description uses any of these words."""
        return any(word in self.words for word in words)


def kind_of(word: str) -> str | None:
    """Say which kind of being a word names, in singular or plural."""
    if word in _WORDS:
        return _WORDS[word]
    for ending in ("es", "s"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and stem in _WORDS:
            return _WORDS[stem]
    return None


def kinds_in(text: str) -> list[str]:
    """Find the beings named in a text of a script that does not part its words, in order."""
    found: list[tuple[int, str]] = []
    for sign in _SIGNS:
        while sign in text:
            found.append((text.index(sign), _WORDS[sign]))
            text = text.replace(sign, "\0" * len(sign), 1)
    return [kind for _, kind in sorted(found)]


def read(description: str) -> Look:
    """Read a description; whatever it does not say is taken from the kind of being it names."""
    words = words_of(description)
    kind = _kind(words)
    species = SPECIES[kind]
    worn, parts, free = _paint(words, kind)
    whole = parts.get("body") or (free[0] if free else None)
    clothes = next(
        (worn[g] for g in ("dress", "robe", "coat", "armour", "suit", "jacket") if worn.get(g)), None
    )
    body = (clothes or whole or species.body) if species.build is Build.PERSON else (whole or species.body)
    second = free[1] if len(free) > 1 and not parts.get("body") else None
    accent = parts.get("accent") or parts.get("face") or second or _default_accent(species, body)
    eyes = parts.get("eyes") or species.eyes
    return Look(kind, species, body, accent, eyes, worn, parts, frozenset(words))


def _kind(words: Sequence[str]) -> str:
    """The first being named; a word such as 'robot' goes before the animal that it is shaped like."""
    kinds = [kind for kind in map(kind_of, words) if kind]
    kinds += [kind for word in words if not word.isascii() for kind in kinds_in(word)]
    if "robot" in kinds:
        return "robot"
    animal = next((k for k in kinds if SPECIES[k].build in _ANIMAL), None)
    if animal and kinds[0] not in ("girl", "boy", "woman", "man", "person", "elder"):
        return (
            animal
            if kinds[0] in ("knight", "wizard", "spy", "pirate", "royal", "sailor", "chef", "astronaut")
            else kinds[0]
        )
    if kinds[:1] and kinds[0] in ("girl", "boy", "woman", "man", "person"):
        trade = next(
            (k for k in kinds[1:] if SPECIES[k].build is Build.PERSON and k not in ("person", "man")), None
        )
        return trade if trade and kinds[0] in ("person", "man", "woman") else kinds[0]
    if kinds:
        return kinds[0]
    return "person" if any(w in GARMENTS or w in ("hair", "beard") for w in words) else "creature"


def _paint(
    words: list[str], kind: str
) -> tuple[dict[str, Colour | None], dict[str, Colour | None], list[Colour]]:
    """Give every colour to the thing it stands before (or after 'is' and 'of'); the rest stays free."""
    worn: dict[str, Colour | None] = {}
    parts: dict[str, Colour | None] = {}
    furred = SPECIES[kind].build is Build.BEAST
    free: list[Colour] = []
    waiting: list[Colour] = []
    last: tuple[dict[str, Colour | None], str] | None = None
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        colour = named(word)
        if colour and not (word in ("rose", "ash", "sage", "raven", "ruby", "honey") and kind_of(word)):
            colour = shaded(
                _RED_FUR if furred and word in ("red", "reddish") and not _dressed(words, i) else colour,
                before,
            )
            if last and before in ("is", "are", "of", "in") and last[0].get(last[1]) is None:
                last[0][last[1]] = colour
            else:
                waiting.append(colour)
            continue
        thing = _thing(words, i, kind)
        if thing:
            book, name = (worn, thing[1]) if thing[0] else (parts, thing[1])
            colour = waiting.pop() if waiting else None
            book[name] = book.get(name) or colour
            last = book, name
        elif kind_of(word) or word in ",.;:":
            free += waiting
            waiting = []
    return worn, parts, free + waiting


def _dressed(words: list[str], i: int) -> bool:
    """Whether the colour at `i` is that of a garment or a mark, as in 'red woollen scarf'."""
    return any(word in GARMENTS or _PARTS.get(word, "body") != "body" for word in words[i + 1 : i + 4])


def _thing(words: list[str], i: int, kind: str) -> tuple[bool, str] | None:
    """Say which garment (True) or part (False) the word at `i` is; an animal's coat is its fur unless worn."""
    word = words[i]
    if word == "coat" and SPECIES[kind].build is not Build.PERSON:
        before = words[max(0, i - 5) : i]
        return (True, "coat") if _WORN & set(before) else (False, "body")
    if word in GARMENTS and not (word == "bow" and words[i + 1 : i + 2] == ["tie"]):
        return True, "bow" if word == "tie" and words[max(0, i - 1)] == "bow" else GARMENTS[word]
    if word in _PARTS:
        return False, _PARTS[word]
    return None


def _default_accent(species: Species, body: Colour) -> Colour:
    """Keep the kind's own accent, unless the words painted the body into it."""
    far = sum(abs(a - b) for a, b in zip(species.accent, body, strict=True))
    return species.accent if far > 90 else species.body
