"""Stories for schemas with characters and scenes: the number asked for, and names that agree everywhere."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from spicy.emulator.content.answers import Json, Schema, Walker, number
from spicy.emulator.content.phrases import phrase

_SPARE = ("Ember", "Sage", "Bram", "Willa")
_CAST = 2
_IN_A_SCENE = 2


@dataclass(frozen=True, slots=True)
class _Pinned:
    """What the prompt wants word for word."""

    name: str
    role: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """A scene that the prompt asks to have repeated."""

    title: str
    characters: tuple[str, ...]
    setting: str
    action: str


def is_story(schema: Schema) -> bool:
    """Whether the schema asks for characters and scenes."""
    properties = schema.get("properties")
    return isinstance(properties, dict) and {"characters", "scenes"} <= properties.keys()


def tell(walker: Walker, schema: Schema, prompt: str) -> Json:
    """A story in the form of `schema` that keeps to what `prompt` asks. Raises BadSchema."""
    properties = schema["properties"]
    assert isinstance(properties, dict)  # noqa: S101  # is_story() said so
    written = _written(prompt)
    cast = _cast(prompt, written)
    story: dict[str, Json] = {}
    for name, part in properties.items():
        if name == "characters":
            item = _item(walker, part)
            story[name] = [_character(walker, item, c) for c in cast]
        elif name == "scenes":
            item = _item(walker, part)
            names = [c.name for c in cast]
            count = len(written) or _count(prompt)
            story[name] = [_scene(walker, item, n, names, written) for n in range(count)]
        else:
            story[name] = walker.make(part, name)
    if "title" in story and (concept := _line(prompt, "Concept")):
        story["title"] = " ".join(concept.split()[:6])
    if "style" in story and (style := _line(prompt, "Style")):
        story["style"] = style
    return story


def _item(walker: Walker, part: Json) -> Json:
    return walker.resolve(part).get("items") or {"type": "string"}


def _line(prompt: str, word: str) -> str:
    found = re.search(rf"^{word}: (.+)$", prompt, re.M)
    return found[1].strip() if found else ""


def _count(prompt: str) -> int:
    found = re.search(r"Scenes:\s*(\d+)", prompt)
    return int(found[1]) if found else 3


def _cast(prompt: str, written: list[_Written]) -> list[_Pinned]:
    pinned = re.findall(
        r"^Character \(use exactly[^)\n]*\): (.+?)(?: \(([^)\n]*)\))?(?:: (.*))?$", prompt, re.M
    )
    cast = {name: _Pinned(name, role, text) for name, role, text in pinned}
    labels = re.findall(r"^Reference picture: (.+?)(?: \(name a character[^)\n]*\))?$", prompt, re.M)
    for name in [*labels, *(name for scene in written for name in scene.characters)]:
        cast.setdefault(name.strip(), _Pinned(name.strip()))
    spare = [name for name in _SPARE if name not in cast]
    if not written:
        for name in spare[: max(0, _CAST - len(cast))]:
            cast[name] = _Pinned(name)
    return list(cast.values())


def _written(prompt: str) -> list[_Written]:
    scenes = []
    for title, who, setting, action in re.findall(
        r"^Scene \d+: (.*?) \| with (.*?) \| (.*?) \| (.*)$", prompt, re.M
    ):
        names = tuple(name for name in who.split(" and ") if name)
        scenes.append(_Written(title, names, setting, action))
    return scenes


def _character(walker: Walker, item: Json, pinned: _Pinned) -> Json:
    made = walker.make(item, "name")
    if not isinstance(made, dict):
        return pinned.name
    made["name"] = pinned.name
    if "role" in made and pinned.role:
        made["role"] = pinned.role
    if "description" in made:
        made["description"] = pinned.description or _looks(walker.dice, pinned.name)
    return made


def _looks(dice: random.Random, name: str) -> str:
    return f"{phrase('description', dice)} A mark like the letter {name[0].upper()} on the left shoulder."


def _scene(walker: Walker, item: Json, number_: int, names: list[str], written: list[_Written]) -> Json:
    made = walker.make(item, "scene")
    if not isinstance(made, dict):
        return made
    if "characters" in made:
        first = number_ % max(len(names), 1)
        made["characters"] = list((names[first:] + names[:first])[:_IN_A_SCENE])
    if "duration" in made:
        schema = walker.resolve(walker.resolve(item).get("properties"))
        limits = walker.resolve(schema["duration"])
        low, high = number(limits, "minimum") or 1, number(limits, "maximum") or 15
        made["duration"] = int(min(max(walker.dice.randint(4, 8), low), high))
    if "title" in made:
        made["title"] = f"{phrase('title', walker.dice)}, {number_ + 1}"
    if "setting" in made:
        made["setting"] = f"{phrase('setting', walker.dice)} Place {number_ + 1} of the story."
    if written:
        scene = written[number_]
        fixed: dict[str, Json] = {
            "title": scene.title,
            "characters": list(scene.characters),
            "setting": scene.setting,
            "action": scene.action,
        }
        made.update({key: value for key, value in fixed.items() if key in made})
    return made
