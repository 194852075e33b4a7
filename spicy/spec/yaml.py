"""Our YAML loader: what the user wrote, and where.

PyYAML reads YAML 1.1, where `16:9` is 969, `no` is false, `012` is ten and a repeated key wins in
silence. Only its event parser is used here. On top of it stands YAML 1.2's core schema, every value keeps
its place in the file, repeated keys are mistakes, and nothing that a file says can make it execute,
recurse or swell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import yaml
from yaml.events import AliasEvent, CollectionStartEvent, Event, MappingStartEvent, ScalarEvent

from spicy.errors import Problem, SpecError
from spicy.spec.positions import Document, Position, Positions, Value
from spicy.spec.scalars import resolve

MOST_BYTES: Final = 1 << 20
_MOST_ALIASED: Final = 50_000
_DEEPEST: Final = 40

_PARSER: Final[type[yaml.SafeLoader | yaml.CSafeLoader]] = (
    yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
)
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Reachable through the escapes of double-quoted text; no file name, terminal or encoder takes them."""


def read_yaml(path: Path, shown: str) -> Document:
    """Read a YAML file; `shown` is the file's name in messages.

    Mistakes after which reading can go on are in `problems` of the document.
    Raises SpecError for those after which it cannot: no file, not text, not YAML, not a mapping.
    """
    return parse_yaml(_text(path, shown), shown)


def parse_yaml(text: str, shown: str) -> Document:
    """Read YAML text; see `read_yaml`."""
    if found := _UNREADABLE.search(text):
        raise _fatal(
            shown, _place_of(text, found.start()), f"the character U+{ord(found[0]):04X} is not text"
        )
    reader = _Reader(shown)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            reader.take(event)
    except yaml.MarkedYAMLError as e:
        raise _syntax(shown, text, e) from e
    except yaml.YAMLError as e:
        raise _fatal(shown, (1, 1), f"not valid YAML: {e}") from e
    return reader.document()


def _text(path: Path, shown: str) -> str:
    def unreadable(message: str) -> SpecError:
        return SpecError([Problem(shown, 0, 0, message)])

    try:
        if not path.is_file():
            raise unreadable("is a folder, not a file" if path.is_dir() else "no such file")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise unreadable(f"has {size / MOST_BYTES:.1f} MiB; at most 1 MiB is read")
        data = path.read_bytes()
    except (OSError, ValueError) as e:
        raise unreadable(f"cannot be read: {e.strerror if isinstance(e, OSError) else e}") from e
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        place = _place_of(data[: e.start].decode("utf-8-sig", "replace"), None)
        raise _fatal(shown, place, f"not UTF-8 (byte 0x{data[e.start]:02X}); save the file as UTF-8") from e


def _place_of(text: str, index: int | None) -> tuple[int, int]:
    before = re.split(r"\r\n|\r|\n", text[:index])
    return len(before), len(before[-1]) + 1


def _fatal(shown: str, at: tuple[int, int], message: str) -> SpecError:
    return SpecError([Problem(shown, *at, message)])


def _syntax(shown: str, text: str, error: yaml.MarkedYAMLError) -> SpecError:
    mark = error.problem_mark or error.context_mark
    at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = re.split(r"\r\n|\r|\n", text)
    # libyaml may notice a tab only at the token behind it, on the same line or the next one.
    for number in (at[0], at[0] - 1):
        indent = re.match(r" *\t", lines[number - 1]) if 0 < number <= len(lines) else None
        if indent:
            return _fatal(shown, (number, indent.end()), "a tab cannot indent YAML; use spaces")
    said = " ".join(part for part in (error.context, error.problem) if part)
    return _fatal(shown, at, f"not valid YAML: {said}")


class _Anchor(NamedTuple):
    value: Value
    place: Position
    size: int


class _Frame:
    """A list or mapping that is being read."""

    __slots__ = ("anchor", "is_dup", "items", "key", "key_at", "pairs", "place", "size", "value")

    def __init__(self, value: dict[str, Value] | list[Value], place: Position, anchor: str | None) -> None:
        self.value, self.place, self.anchor = value, place, anchor
        self.pairs = value if isinstance(value, dict) else None
        self.items = value if isinstance(value, list) else None
        self.key: str | None = None
        self.key_at = (0, 0)
        self.is_dup = False
        self.size = 1


class _Reader:
    """Builds values and places from events, without recursion."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._open: set[str] = set()
        self._problems: list[Problem] = []
        self._aliased = 0
        self._root: tuple[Value, Position] | None = None
        self._documents = 0
        self._on: dict[type[Event], Callable[[Event], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: Event) -> None:
        """Read one event; raises SpecError when nothing sensible can follow."""
        handle = self._on.get(type(event))
        if handle is not None:
            handle(event)

    def document(self) -> Document:
        """Give what was read; raises SpecError when it is not one mapping."""
        if self._root is None:
            raise self._stop((0, 0), "the file is empty")
        value, place = self._root
        if value is None:
            raise self._stop((0, 0), "the file is empty")
        if not isinstance(value, dict):
            what = "a list" if isinstance(value, list) else "one plain value"
            raise self._stop(place.at, f"expected a mapping of keys, such as `concept: …`, found {what}")
        return Document(self._shown, value, Positions(place), tuple(self._problems))

    def _document(self, event: Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._stop(_at(event), "a second document begins here; a file holds one")

    def _scalar(self, event: Event) -> None:
        assert isinstance(event, ScalarEvent)  # noqa: S101  # by the table in __init__
        at, text = _at(event), event.value
        if event.tag is not None:
            self._refuse_tag(at, event.tag)
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        if event.style == '"' and (found := _UNUSABLE.search(text)):
            self._note(at, f"the character U+{ord(found[0]):04X} cannot stand in text")
            text = _UNUSABLE.sub("", text)
        frame = self._frames[-1] if self._frames else None
        if frame is not None and frame.pairs is not None and frame.key is None:
            self._key(frame, text, at, is_plain=event.implicit[0])
            return
        value = resolve(text) if event.implicit[0] else text
        self._add(value, Position(at), 1, event.anchor)

    def _key(self, frame: _Frame, key: str, at: tuple[int, int], *, is_plain: bool) -> None:
        pairs = frame.pairs or {}
        if is_plain and key == "<<":
            raise self._stop(at, "merge keys (`<<`) are not supported; write the keys out")
        frame.key, frame.key_at, frame.is_dup = key, at, key in pairs
        if frame.is_dup:
            first = frame.place.pairs[key][0][0]
            self._note(at, f"duplicate key `{key}`; first written in line {first}")

    def _start(self, event: Event) -> None:
        assert isinstance(event, CollectionStartEvent)  # noqa: S101  # by the table in __init__
        at = _at(event)
        if event.tag is not None:
            self._refuse_tag(at, event.tag)
        if len(self._frames) >= _DEEPEST:
            raise self._stop(at, f"nested more than {_DEEPEST} levels deep")
        if self._frames and self._frames[-1].pairs is not None and self._frames[-1].key is None:
            raise self._stop(at, "a key has to be plain text")
        if event.anchor is not None:
            self._open.add(event.anchor)
        is_mapping = isinstance(event, MappingStartEvent)
        self._frames.append(
            _Frame({} if is_mapping else [], Position(at, {} if is_mapping else []), event.anchor)
        )

    def _end(self, event: Event) -> None:
        frame = self._frames.pop()
        if frame.anchor is not None:
            self._open.discard(frame.anchor)
        self._add(frame.value, frame.place, frame.size, frame.anchor)

    def _alias(self, event: Event) -> None:
        assert isinstance(event, AliasEvent)  # noqa: S101  # by the table in __init__
        at, name = _at(event), event.anchor
        if self._frames and self._frames[-1].pairs is not None and self._frames[-1].key is None:
            raise self._stop(at, "a key has to be plain text")
        if name in self._open:
            raise self._stop(at, f"the alias `*{name}` contains itself")
        if name not in self._anchors:
            raise self._stop(at, f"the alias `*{name}` has no anchor `&{name}` before it")
        anchor = self._anchors[name]
        self._aliased += anchor.size
        if self._aliased > _MOST_ALIASED:
            raise self._stop(at, f"aliases repeat more than {_MOST_ALIASED:,} values")
        self._add(anchor.value, Position(at, anchor.place.inner), anchor.size, None)

    def _add(self, value: Value, place: Position, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchor(value, place, size)
        if not self._frames:
            if self._root is None:
                self._root = (value, place)
            return
        frame = self._frames[-1]
        frame.size += size
        if frame.items is not None:
            frame.items.append(value)
            frame.place.items.append(place)
        elif frame.pairs is not None and frame.key is not None:
            if not frame.is_dup:
                frame.pairs[frame.key] = value
                frame.place.pairs[frame.key] = (frame.key_at, place)
            frame.key = None

    def _refuse_tag(self, at: tuple[int, int], tag: str) -> None:
        raise self._stop(at, f"tags such as `{tag.replace('tag:yaml.org,2002:', '!!')}` are not supported")

    def _note(self, at: tuple[int, int], message: str) -> None:
        self._problems.append(Problem(self._shown, *at, message))

    def _stop(self, at: tuple[int, int], message: str) -> SpecError:
        return SpecError([*self._problems, Problem(self._shown, *at, message)])


def _at(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def has_libyaml() -> bool:
    """Whether YAML is parsed by libyaml; without it a spec of 1,000 scenes takes seconds."""
    return _PARSER is not yaml.SafeLoader
