"""A resolved story as YAML: easy to read, stable to compare, and a valid spec itself."""

from __future__ import annotations

import json
import posixpath
import re
import textwrap
from collections.abc import Iterator

from spicy.spec.pins import is_pin
from spicy.story.model import Character, Continuity, Scene, Story

_WIDTH = 96
_PLAIN = re.compile(r"[^\W\d_](?:[\w ,.()/'’–;!?-]*[\w.,)!?])?|store:[0-9a-f]{64}(?:\.\w+)?")
_OTHERS_READ_DIFFERENTLY = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
"""Words that YAML 1.1 readers take for something else than text."""


def story_yaml(story: Story, folder: str = ".") -> str:
    """Write `story` as the fully written form of a spec.

    `folder` is where the file will stand, relative to the working directory: the paths of a spec are
    relative to the spec.
    """
    lines = [
        *_pairs("", {"title": story.title, "style": story.style, "palette": story.palette}),
        f'aspect_ratio: "{story.aspect_ratio}"',
        "characters:" if story.characters else "characters: []",
    ]
    for character in story.characters:
        lines += _item(_character(character, folder))
    lines.append("scenes:")
    for scene in story.scenes:
        lines += _item(_scene(scene, folder))
    return "\n".join(lines) + "\n"


Field = str | int | tuple[str, ...] | None


def _character(c: Character, folder: str) -> dict[str, Field]:
    return {
        "name": c.name,
        "role": c.role,
        "description": c.description,
        "ref": _moved(c.ref, folder),
        "sheet": _moved(c.sheet, folder),
        "take": c.take if c.take != 1 else None,
    }


def _scene(s: Scene, folder: str) -> dict[str, Field]:
    return {
        "id": s.id,
        "title": s.title,
        "characters": s.characters,
        "setting": s.setting,
        "action": s.action,
        "camera": s.camera,
        "mood": s.mood,
        "duration": s.duration,
        "continuity": s.continuity.value if s.continuity is not Continuity.SOFT else None,
        "keyframe": _moved(s.keyframe, folder),
        "clip": _moved(s.clip, folder),
        "take": s.take if s.take != 1 else None,
        "keyframe_take": s.keyframe_take if s.keyframe_take != 1 else None,
    }


def _moved(path: str | None, folder: str) -> str | None:
    if path is None or is_pin(path) or posixpath.isabs(path) or posixpath.isabs(folder):
        return path
    return posixpath.relpath(path, folder)


def _item(fields: dict[str, Field]) -> Iterator[str]:
    mark = "  - "
    for line in _pairs("    ", fields):
        yield mark + line[4:] if mark else line
        mark = ""


def _pairs(indent: str, fields: dict[str, Field]) -> Iterator[str]:
    for key, value in fields.items():
        match value:
            case None | "" | ():
                continue
            case int():
                yield f"{indent}{key}: {value}"
            case tuple():
                yield f"{indent}{key}: [{', '.join(_in_flow(v) for v in value)}]"
            case _ if _is_foldable(value):
                yield f"{indent}{key}: >-"
                room = _WIDTH - len(indent) - 2
                for line in textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False):
                    yield f"{indent}  {line}"
            case _:
                yield f"{indent}{key}: {_scalar(value)}"


def _is_foldable(text: str) -> bool:
    return len(text) > _WIDTH - 20 and text.isprintable() and text == " ".join(text.split())


def _in_flow(text: str) -> str:
    return _quoted(text) if "," in text else _scalar(text)


def _scalar(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _OTHERS_READ_DIFFERENTLY
    return text if is_plain else _quoted(text)


def _quoted(text: str) -> str:
    def escaped(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    # JSON's escapes are YAML's too, but for what YAML takes as line breaks or does not print.
    return re.sub("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]", escaped, json.dumps(text, ensure_ascii=False))
