"""Finds the characters in a concept and describes them so that they can be drawn, and told apart, every time."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spicy.providers.animatic.drawing.colours import named
from spicy.providers.animatic.drawing.lettering import plain
from spicy.providers.animatic.figures import look
from spicy.providers.animatic.story import story_data
from spicy.providers.animatic.story.brief import Brief

_SIZES = frozenset(
    [
        "small",
        "tiny",
        "little",
        "big",
        "great",
        "large",
        "huge",
        "tall",
        "old",
        "young",
        "ancient",
        "elderly",
        "fluffy",
        "round",
        "skinny",
        "plump",
        "giant",
        "baby",
        "slender",
    ]
)
_PLAIN_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "of",
        "in",
        "on",
        "at",
        "to",
        "from",
        "with",
        "who",
        "that",
        "which",
        "his",
        "her",
        "their",
        "its",
        "my",
        "our",
        "this",
        "these",
        "those",
        "is",
        "are",
        "was",
        "has",
        "have",
        "meets",
        "meet",
        "finds",
        "find",
        "loses",
        "helps",
        "two",
        "three",
        "four",
        "some",
        "one",
        "every",
        "for",
        "by",
        "as",
        "into",
        "over",
        "under",
        "after",
        "before",
        "when",
        "while",
        "where",
        "then",
        "never",
        "always",
        "not",
        "no",
        "it",
        "he",
        "she",
        "they",
        "i",
        "you",
        "we",
        "named",
        "called",
    ]
)
_SIZE = dict.fromkeys(("bear", "elephant", "horse", "whale", "lion", "tiger", "deer"), "big") | {
    "wolf": "lean",
    "eagle": "proud",
}
_GIVEN = re.compile(r"(?P<name>.+?)(?: \((?P<role>[^()]*)\))?: (?P<description>.*)", re.DOTALL)
_PARTS = ("protagonist", "companion", "stranger", "helper", "rival", "witness")


@dataclass(frozen=True, slots=True)
class Role:
    """A character of the story."""

    name: str
    part: str
    description: str
    kind: str
    noun: str = ""
    told: bool = False
    """Whether the concept itself names this being."""

    @property
    def goes(self) -> str:
        """The verb for how it moves."""
        return story_data.GOES[look.SPECIES[self.kind].build]


@dataclass(frozen=True, slots=True)
class _Being:
    kind: str
    noun: str
    adjectives: tuple[str, ...] = ()
    name: str = ""
    told: bool = False
    hostile: bool = False


def spelled_out(text: str) -> str:
    """Write pictographs as the words of their names, so that a fox is a fox."""
    out = []
    for char in text:
        if unicodedata.category(char) == "So":
            out.append(f" {unicodedata.name(char, '').lower().removesuffix(' face')} ")
        elif unicodedata.category(char) not in ("Cs", "Co", "Cn", "Cc") or char.isspace():
            out.append(char)
    return "".join(out)


def cast(
    brief: Brief, concept: str, picks: random.Random, most: int, scenes: int, named_in_scenes: Sequence[str]
) -> list[Role]:
    """Cast the story: the given characters as they are, else those of the concept; every label gets one."""
    given = [_given(line) for line in brief.every("character")]
    labels = [
        re.sub(r"\s*\(name a character exactly so\)\s*$", "", v).strip()
        for v in brief.every("reference picture")
    ]
    beings = [] if given else _beings(concept)
    wanted = [n for n in dict.fromkeys([*named_in_scenes, *labels]) if n not in {r.name for r in given}]
    beings = _christened(beings, wanted)
    if not given and not beings:
        beings = _invented(concept, picks)
    least = len([b for b in beings if b.name])
    beings = sorted(beings, key=lambda b: not b.name)[: max(most, least, 1)] if len(beings) > most else beings
    if not given and len(beings) == 1 and scenes > 1 and most > 1 and not wanted:
        beings.append(_companion(beings[0], picks))
    if re.search(r"\b(fight|battle|against|villain|enemy|duel|chase|hunt)", concept.lower()):
        beings = [replace(being, hostile=True) for being in beings]
    roles = list(given)
    for being in beings:
        roles.append(_role(being, roles, picks))
    return roles


def seen_in(words: str, picks: random.Random, most: int) -> list[Role]:
    """The beings that `words` name, and no others: not every picture has somebody in it."""
    roles: list[Role] = []
    for being in _beings(words)[:most]:
        roles.append(_role(being, roles, picks))
    return roles


def _given(line: str) -> Role:
    found = _GIVEN.match(line)
    if not found:
        return Role(line.strip(), "", line.strip(), look.read(line).kind)
    words = found["description"].strip()
    return Role(
        found["name"].strip(), found["role"] or "", words or found["name"].strip(), look.read(words).kind
    )


def _beings(concept: str) -> list[_Being]:
    """Find the nouns that name a being, each with its adjectives and, when it has one, its name."""
    tokens = re.findall(r"[^\W_]+(?:['-][^\W_]+)*|[.,;:!?]", concept)
    found: list[_Being] = []
    for i, token in enumerate(tokens):
        word = token.lower()
        if not token.isascii() and not look.kind_of(word):
            found += [
                _Being(kind, kind, told=True)
                for kind in look.kinds_in(word)
                if kind not in {b.kind for b in found}
            ]
            continue
        kind = look.kind_of(word)
        if (
            not kind
            or word == "people"
            or (i and token[:1].isupper() and word in ("robin", "bear", "wolf", "fox"))
        ):
            continue
        adjectives, compound = _adjectives(tokens, i, look.SPECIES[kind].build is look.Build.PERSON)
        noun = f"{compound} {_singular(word, kind)}".strip() if word.isascii() else kind
        if noun not in {b.noun for b in found}:
            found.append(_Being(kind, noun, adjectives, _name_near(tokens, i), told=True))
    return found[:6]


_ADJECTIVE = re.compile(r".*(ful|ous|ive|less|y|ed|ing|ish|al|ic|ly|ble|ent|ant|some|ern|ary|ical)$")
_SHORT_ADJECTIVES = frozenset(
    [
        "wise",
        "quick",
        "brave",
        "shy",
        "sad",
        "kind",
        "proud",
        "bold",
        "calm",
        "cute",
        "dear",
        "fast",
        "fat",
        "fine",
        "free",
        "glad",
        "good",
        "grim",
        "keen",
        "lone",
        "lost",
        "loud",
        "mad",
        "mean",
        "meek",
        "mild",
        "neat",
        "nice",
        "odd",
        "poor",
        "pure",
        "quiet",
        "rare",
        "rich",
        "rude",
        "safe",
        "secret",
        "slow",
        "sly",
        "soft",
        "strong",
        "sweet",
        "tame",
        "thin",
        "tough",
        "warm",
        "weak",
        "wild",
        "young",
        "rogue",
        "tender",
        "clever",
        "eager",
        "noble",
        "humble",
        "gentle",
        "fierce",
        "stern",
        "polite",
        "modest",
        "vain",
    ]
)


def _adjectives(tokens: list[str], i: int, person: bool) -> tuple[tuple[str, ...], str]:
    """Collect the adjectives before a noun, and for people the word that makes it a trade: 'lighthouse keeper'."""
    out: list[str] = []
    compound = ""
    for at in range(i - 1, max(-1, i - 4), -1):
        word = tokens[at].lower()
        if not word.isalpha() or word in _PLAIN_WORDS or look.kind_of(word):
            break
        if named(word) or word in _SIZES or word in _SHORT_ADJECTIVES or _ADJECTIVE.match(word):
            out.append(word)
        elif (
            person and at == i - 1 and at > 0 and tokens[at - 1].lower() in ("a", "an", "the", "old", "young")
        ):
            compound = word
        else:
            break
    return tuple(reversed(out)), compound


def _name_near(tokens: list[str], i: int) -> str:
    after = tokens[i + 1 : i + 3]
    if len(after) == 2 and after[0].lower() in ("named", "called") and after[1][:1].isupper():
        return after[1]
    if after and after[0][:1].isupper() and after[0].isalpha() and after[0].lower() not in _PLAIN_WORDS:
        return after[0] if not look.kind_of(after[0].lower()) else ""
    for back in range(1, 4):
        if (
            i - back >= 1
            and tokens[i - back].lower() in ("the", "a", "an")
            and tokens[i - back - 1][:1].isupper()
        ):
            before = tokens[i - back - 1]
            return before if before.lower() not in _PLAIN_WORDS and not look.kind_of(before.lower()) else ""
    return ""


def _singular(word: str, kind: str) -> str:
    if look.kind_of(word) and word.endswith("ves"):
        return kind
    for ending in ("es", "s"):
        stem = word.removesuffix(ending)
        if stem != word and look.kind_of(stem) == kind:
            return stem
    return word


def _christened(beings: list[_Being], wanted: Sequence[str]) -> list[_Being]:
    """Give wanted names to beings: first where the name says the kind, then in order; the rest get beings of their own."""
    out = list(beings)
    rest: list[str] = []
    for label in wanted:
        kinds = {look.kind_of(w) for w in re.findall(r"[^\W_]+", label.lower())} - {None}
        at = next(
            (
                k
                for k, b in enumerate(out)
                if b.name == label or (not b.name and (b.kind in kinds or b.noun in label.lower()))
            ),
            None,
        )
        if at is None:
            rest.append(label)
        else:
            out[at] = replace(out[at], name=label)
    for label in rest:
        own = next((k for w in re.findall(r"[^\W_]+", label.lower()) if (k := look.kind_of(w))), None)
        at = next((k for k, b in enumerate(out) if not b.name), None) if own is None else None
        if at is None:
            out.append(_Being(own or "person", own or "person", (), label))
        else:
            out[at] = replace(out[at], name=label)
    return out


def _invented(concept: str, picks: random.Random) -> list[_Being]:
    """Make up a lead for a concept that names nobody: a person with a name that it mentions, or anybody."""
    names = [w for w in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", concept) if w.lower() not in _PLAIN_WORDS]
    text = concept.lower()
    if "love" in text or "wedding" in text or "romance" in text:
        return [_Being("woman", "woman"), _Being("man", "man")]
    kind = next((k for signs, k in (("space rocket planet mars", "astronaut"), ("crime heist thriller mystery", "spy"), ("magic spell", "wizard"),
                                    ("school toy summer", "girl"), ("machine factory future", "robot")) if any(s in text for s in signs.split())), "")  # fmt: skip
    kind = kind or picks.choice(("girl", "boy", "woman", "man"))
    return [_Being(kind, kind, (), names[0] if names else "")]


def _companion(lead: _Being, picks: random.Random) -> _Being:
    animal = look.SPECIES[lead.kind].build is not look.Build.PERSON
    kinds = [
        k
        for k in (("mouse", "bird", "rabbit", "robot") if animal else ("dog", "cat", "bird", "fox"))
        if k != lead.kind
    ]
    kind = picks.choice(kinds)
    return _Being(kind, kind, ("small",))


def _role(being: _Being, before: Sequence[Role], picks: random.Random) -> Role:
    taken = {r.name for r in before}
    options = [n for n in story_data.NAMES.get(being.kind, story_data.NAMES["person"]) if n not in taken] or [
        f"{n} {k}"
        for k in ("Two", "Three", "Four", "Five", "Six")
        for n in story_data.NAMES["person"]
        if f"{n} {k}" not in taken
    ]
    name = being.name if being.name and being.name not in taken else picks.choice(options)
    used = " ".join(r.description for r in before)
    words = (
        _person(being, used, picks)
        if look.SPECIES[being.kind].build is look.Build.PERSON
        else _animal(being, used, picks)
    )
    part = "rival" if being.hostile and len(before) == 1 else _PARTS[min(len(before), len(_PARTS) - 1)]
    return Role(name, part, words, being.kind, being.noun, being.told)


def _animal(being: _Being, used: str, picks: random.Random) -> str:
    shades = [a for a in being.adjectives if named(a)]
    sizes = [a for a in being.adjectives if a in _SIZES]
    manner = [a for a in being.adjectives if a not in shades and a not in sizes]
    coats = story_data.COATS.get(being.kind, ("grey", "brown"))
    coat = shades[0] if shades else next((c for c in coats if c not in used), coats[0])
    eyes = picks.choice([e for e in story_data.EYES if e not in used] or story_data.EYES)
    marks = story_data.MARKS.get(being.kind, "a pale belly and {eyes} eyes").replace("{eyes}", eyes)
    noun = being.noun
    build = " ".join([*(sizes or [_SIZE.get(being.kind, "small")]), coat, noun])
    first = f"{_article(build)} {build} with {marks}."
    second = _garment(coat, used, picks) if look.SPECIES[being.kind].build is not look.Build.FISH else ""
    third = f"The face looks {' and '.join(manner[:2])}." if manner else ""
    return " ".join(p for p in (first, second, third) if p)


def _garment(coat: str, used: str, picks: random.Random) -> str:
    cloth = picks.choice([c for c in story_data.CLOTH if c != coat and c not in used] or story_data.CLOTH)
    thing = picks.choice([w for w in story_data.WORN if w not in used] or story_data.WORN)
    return "Wears round glasses." if thing == "round glasses" else f"Wears a {cloth} {thing}."


def _person(being: _Being, used: str, picks: random.Random) -> str:
    outfits = story_data.DRESS.get(being.kind, story_data.DRESS["person"])
    hair, clothes = picks.choice([o for o in outfits if o.split("|")[1] not in used] or outfits).split("|")
    noun = being.noun
    shades = [a for a in being.adjectives if named(a)]
    sizes = [a for a in being.adjectives if a in _SIZES]
    manner = [a for a in being.adjectives if a not in sizes and a not in shades]
    build = " ".join([*sizes, noun])
    face = f" The face looks {' and '.join(manner[:2])}." if manner else ""
    scarf = f" A {shades[0]} scarf round the neck." if shades else ""
    return f"{_article(build)} {build} with {hair}. Wears {clothes}.{scarf}{face}"


def _article(words: str) -> str:
    return "An" if plain(words)[:1].lower() in "aeiou" else "A"
