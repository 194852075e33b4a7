"""Writes a story from a concept by rule: who is in it, where it happens, and what happens from scene to scene.

It takes what the concept says (beings, their adjectives, names, place, hour) and adds what a shot needs.
Any concept gives a valid story, in the worst case about somebody on a path over hills.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass

from spicy.providers.animatic.places import setting
from spicy.providers.animatic.story import character_parser, story_data
from spicy.providers.animatic.story.brief import Brief
from spicy.providers.animatic.story.character_parser import Role

_IN_PLACE = re.compile(
    r"\b(?:in|on|at|inside|under|through|across|near|beneath|above|over|aboard|into|to|along|beyond|around|deep in|behind)\s+"
    r"((?:[\w'-]+\s+){0,5}[\w'-]+)",
    re.IGNORECASE,
)
_LETTERS = 4000
"""So much of a concept is read; more would only repeat it."""


@dataclass(frozen=True, slots=True)
class _Where:
    """The place of the story: as the concept words it, and as it can be painted."""

    words: str
    ground: setting.Ground
    hour: str | None


def answer(brief: Brief, seed: int) -> str:
    """Write the story that `brief` asks for, as JSON."""
    picks = random.Random(seed)
    concept = (
        " ".join(character_parser.spelled_out(brief.first("concept"))[:_LETTERS].split()) or "a quiet walk"
    )
    written = [_written(line) for line in brief.every("scene")]
    count = _number(brief.first("scenes"), len(written) or 3)
    cast = character_parser.cast(
        brief, concept, picks, _most(brief.text), count, [n for scene in written for n in scene[1]]
    )
    where = _where(concept, cast, picks)
    scenes = [
        _repeated(scene, k, count, picks)
        if (scene := written[k] if k < len(written) else None)
        else _scene(k, count, cast, where, picks)
        for k in range(count)
    ]
    story = {
        "title": _title(concept, cast, where),
        "style": brief.first("style") or "Flat illustration, soft light",
        "characters": [{"name": r.name, "role": r.part, "description": r.description} for r in cast],
        "scenes": scenes,
    }
    return json.dumps(story, ensure_ascii=False)


def _number(text: str, otherwise: int) -> int:
    found = re.match(r"\d{1,3}", text)
    return max(1, int(found[0])) if found else otherwise


def _most(prompt: str) -> int:
    found = re.search(r"[Aa]t most (\d+) characters in all", prompt)
    return max(1, int(found[1])) if found else 4


def _written(line: str) -> tuple[str, list[str], str, str]:
    """Take a scene of the user's apart: title | with A and B | setting | action."""
    parts = [part.strip() for part in line.split(" | ")] + [""] * 4
    names = [n for n in re.split(r"\s+and\s+|,\s*", parts[1].removeprefix("with").strip()) if n]
    return parts[0], names, parts[2], " | ".join(p for p in parts[3:] if p)


def _repeated(
    scene: tuple[str, list[str], str, str], k: int, count: int, picks: random.Random
) -> dict[str, object]:
    title, names, setting, action = scene
    beat = _beat(k, count)
    return {
        "title": title, "characters": names, "setting": setting, "action": action,
        "camera": picks.choice(beat.cameras), "mood": picks.choice(beat.moods), "duration": 6,
    }  # fmt: skip


def _beat(k: int, count: int) -> story_data.Beat:
    """Choose the moment for scene `k`: beginning, middle parts in turn, a climax late, an end."""
    if count == 1:
        return story_data.WHOLE
    if k == 0:
        return story_data.OPENING
    if k == count - 1:
        return story_data.ENDING
    if count == 3:
        return story_data.CLIMAX
    if k == count - 2 and count > 3:
        return story_data.CLIMAX
    if k == 1:
        return story_data.MEETING
    return story_data.MIDDLE[(k - 2) % len(story_data.MIDDLE)]


def _scene(k: int, count: int, cast: list[Role], where: _Where, picks: random.Random) -> dict[str, object]:
    beat = _beat(k, count)
    first, second = _pair(k, count, cast)
    round_ = (k - 2) // len(story_data.MIDDLE) if k >= 2 else 0
    actions = beat.together if second else beat.alone
    action = _pick(actions, k + round_).replace("{A}", first.name).replace("{goes}", first.goes)
    if second:
        action = action.replace("{B}", second.name)
    return {
        "title": _numbered(_pick(beat.titles, round_ + picks.randrange(len(beat.titles))), round_),
        "characters": [r.name for r in (first, second) if r],
        "setting": _setting(k, count, where, picks),
        "action": action,
        "camera": _pick(beat.cameras, k + round_),
        "mood": _pick(beat.moods, k + round_),
        "duration": 6 if k in (0, count - 1) else picks.choice((5, 5, 6)),
    }


def _pick(options: tuple[str, ...], at: int) -> str:
    return options[at % len(options)]


def _numbered(title: str, round_: int) -> str:
    return title if round_ < 1 else f"{title}, {'Again' if round_ == 1 else f'Part {round_ + 1}'}"


def _pair(k: int, count: int, cast: list[Role]) -> tuple[Role, Role | None]:
    """Choose who is in a scene: the first two carry it, the others come in between, some scenes are for one."""
    lead = cast[0]
    if len(cast) == 1:
        return lead, None
    if count > 4 and k % 5 == 4 and k != count - 1:
        return cast[(k // 5) % len(cast)], None
    others = cast[1:]
    if k in (0, count - 1):
        return lead, others[0]
    return lead, others[(k - 1) % len(others)]


def _setting(k: int, count: int, where: _Where, picks: random.Random) -> str:
    spots = story_data.SPOTS[where.ground]
    spot = spots[-1] if k == count - 1 and count > 1 else spots[k % max(1, len(spots) - 1)]
    hour, shine = _hour(k, count, where)
    air = (
        picks.choice(story_data.WEATHER)
        if where.ground not in (setting.Ground.SPACE, setting.Ground.UNDERWATER) and not _indoors(where)
        else ""
    )
    parts = [f"{where.words[:1].upper()}{where.words[1:]}, {spot}", hour, air, shine]
    return ", ".join(p for p in parts if p) + "."


def _indoors(where: _Where) -> bool:
    return setting.Setting(where.ground, setting.Hour.NOON, setting.Weather.CLEAR, frozenset()).indoors


def _hour(k: int, count: int, where: _Where) -> tuple[str, str]:
    """Let the day pass over the film; a concept that names its hour begins there."""
    if where.ground is setting.Ground.SPACE:
        return "endless night", ("starlight", "the glow of a planet", "a distant sun")[k % 3]
    names = [hour for hour, _ in story_data.HOURS]
    start = names.index(where.hour) if where.hour in names else 3 if count == 1 else 1
    lasts = 4 if count <= 3 else 5
    at = start + round(k * lasts / max(1, count - 1)) if count <= len(names) else start + k * len(names) // 9
    return story_data.HOURS[at % len(names)]


def _where(concept: str, cast: list[Role], picks: random.Random) -> _Where:
    read = setting.read(concept)
    hour = next((h for h, _ in story_data.HOURS if re.search(rf"\b{h}\b", concept.lower())), None)
    if hour is None and re.search(r"\b(moonlit|midnight|starry)\b", concept.lower()):
        hour = "night"
    for found in _IN_PLACE.finditer(concept):
        words = _phrase(found[1])
        if words and setting.read(words).ground is not setting.Ground.HILLS:
            return _Where(words, setting.read(words).ground, hour)
    if read.ground is not setting.Ground.HILLS:
        return _Where(_PLAIN[read.ground], read.ground, hour)
    ground = _home(concept, cast, picks)
    return _Where(_PLAIN[ground], ground, hour)


def _phrase(words: str) -> str:
    """End a phrase with its place: what follows the place's own noun is no part of it."""
    kept: list[str] = []
    best = ""
    for word in words.split():
        kept.append(word)
        if setting.read(word).ground is not setting.Ground.HILLS:
            best = " ".join(kept)
    return re.sub(r"^(his|her|their|its|my|our)\b", "the", best, flags=re.IGNORECASE)


def _home(concept: str, cast: list[Role], picks: random.Random) -> setting.Ground:
    """Give a story without a place the one that its genre or its beings live in."""
    text = " ".join((concept.lower(), *(role.kind for role in cast)))
    for signs, ground in (
        ("spy thriller detective crime heist noir robot cyber", setting.Ground.CITY), ("knight princess king queen dragon wizard", setting.Ground.CASTLE),
        ("astronaut alien rocket star", setting.Ground.SPACE), ("pirate sailor captain whale", setting.Ground.SEA),
        ("fish shark mermaid octopus", setting.Ground.UNDERWATER), ("penguin polar", setting.Ground.SNOW),
        ("fox owl wolf bear deer squirrel rabbit", setting.Ground.FOREST), ("love family letter piano ghost", setting.Ground.ROOM),
    ):  # fmt: skip
        if any(sign in text for sign in signs.split()):
            return ground
    options = (setting.Ground.HILLS, setting.Ground.LAKE, setting.Ground.FIELD, setting.Ground.VILLAGE)
    return picks.choice(options)


_PLAIN: dict[setting.Ground, str] = {
    setting.Ground.FOREST: "a quiet forest", setting.Ground.CITY: "a big city", setting.Ground.SEA: "a rugged sea coast",
    setting.Ground.MOUNTAINS: "high mountains", setting.Ground.DESERT: "a wide desert", setting.Ground.SPACE: "deep space", setting.Ground.ROOM: "an old living room",
    setting.Ground.LIBRARY: "an old library", setting.Ground.KITCHEN: "a bright kitchen", setting.Ground.WORKSHOP: "an inventor's workshop",
    setting.Ground.VILLAGE: "a small village", setting.Ground.FIELD: "a flowering meadow", setting.Ground.LAKE: "a calm lake",
    setting.Ground.SNOW: "an arctic plain", setting.Ground.CAVE: "a deep cave", setting.Ground.CASTLE: "an old castle", setting.Ground.GARDEN: "a walled garden",
    setting.Ground.SKY: "the open sky", setting.Ground.UNDERWATER: "an underwater reef", setting.Ground.HILLS: "green rolling hills",
}  # fmt: skip


def _title(concept: str, cast: list[Role], where: _Where) -> str:
    told = [r.noun for r in cast[:2] if r.told]
    if len(told) == 2 and told[0] != told[1]:
        return f"The {_titled(told[0])} and the {_titled(told[1])}"
    short = concept.rstrip(".!? ")
    if (
        short.isascii()
        and len(short) <= 48
        and re.search(r"[A-Za-z]{3}", short)
        and not re.search(r"[A-Za-z]{20}", short)
    ):
        return _titled(short)
    scene = re.sub(r"^(a|an|the)\s+", "", where.words, flags=re.IGNORECASE)
    return f"{cast[0].name} and the {_titled(scene)}"[:60]


def _titled(words: str) -> str:
    small = (
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "in",
        "on",
        "at",
        "to",
        "with",
        "from",
        "for",
        "by",
        "into",
        "its",
        "her",
        "his",
    )
    return " ".join(
        w if k and w.lower() in small else w[:1].upper() + w[1:] for k, w in enumerate(words.split())
    )
