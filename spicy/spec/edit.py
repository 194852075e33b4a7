"""Changing a spec for its author: only the bytes of what changes are replaced, everything else stays.

A change is cut into the text at the places where the parser found things, so comments, quotes, layout, line
endings, a byte order mark and a missing last newline are kept because nobody touches them. What a person may
have written (aliases, odd layouts) is not second-guessed: after each change the text is read again, and it
must say what it said before plus the change, or the change is refused.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from spicy.errors import Problem, SpecError, UsageError
from spicy.files import atomic_path
from spicy.spec import positions
from spicy.spec.load import load_spec
from spicy.spec.positions import Value
from spicy.spec.scalars import resolve
from spicy.spec.yaml import has_libyaml, parse_yaml

_BOM = "\ufeff"
_BREAK = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"[ \t]*(?<!\S)#[^\r\n]*")
_PLAIN = re.compile(r"[^\W\d_](?:[\w .()/'’;!-]*[\w.)!])?|store:[0-9a-f]{64}(?:\.\w+)?")
_OTHERS_READ_DIFFERENTLY = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_ORDER = ("concept", "title", "recipe", "style", "palette", "aspect_ratio", "refs", "characters", "scenes")
"""Where a key belongs that was not there: after those before it."""


class SpecEdit:
    """A spec's text on its way to other values; the file changes only with `save`."""

    def __init__(self, path: Path, shown: str = "") -> None:
        """Read the spec at `path`, which messages call `shown`. Raises OSError."""
        self.path, self.shown = path, shown or str(path)
        self._before = path.read_bytes()
        text = self._before.decode()
        self._bom = _BOM if text.startswith(_BOM) else ""
        self._text = text.removeprefix(_BOM)
        found = _BREAK.search(self._text)
        self._newline = found[0] if found else "\n"

    @property
    def text(self) -> str:
        """The text as edited so far."""
        return self._bom + self._text

    def set(self, path: positions.Path, value: Value) -> None:
        """Set one value; mappings on the way are made. Raises UsageError when the layout does not allow it."""
        data = self._data()
        _put(data, path, value)
        node, key, in_flow = self._root(), None, False
        for depth, step in enumerate(path):
            in_flow = in_flow or _is_flow(node)
            found = _child(node, step)
            if found is None:
                self._become(self._grown(node, key, path[depth:], value, in_flow), data, path)
                return
            key, node = found
        self._become(self._replaced(key, node, value, in_flow), data, path)

    def put(self, name: str, block: str) -> None:
        """Set a top-level key to what `block` says, a text of its own such as `scenes:` and its lines.

        Raises UsageError when the layout does not allow it.
        """
        value = parse_yaml(block, name).data[name]
        data, root = self._data(), self._root()
        data[name] = value
        found = _pair(root, name)
        if _is_flow(root):
            self.set((name,), value)
            return
        block = textwrap.indent(block, " " * root.start_mark.column)
        if found is None:
            splice = self._lines(self._place_for(root, name), block)
        else:
            key, old = found
            splice = self._swapped(key, old, block.partition(":")[2])
        self._become([splice], data, (name,))

    def append(self, path: positions.Path, items: Iterable[str]) -> None:
        """Add items, each a text such as `- name: Ember` and its lines, to a list that has some already.

        Raises UsageError when the layout does not allow it.
        """
        data = self._data()
        node, at = self._root(), _inner_of(data, path)
        for step in path:
            found = _child(node, step)
            node = found[1] if found else node
        texts = list(items)
        values = [item for text in texts for item in _list(parse_yaml("x:\n" + text, "x").data["x"])]
        _list(at).extend(values)
        if _is_flow(node):
            end = self._end(_list_node(node)[-1])
            splice = (end, end, "".join(f", {_flow(value)}" for value in values))
        else:
            splice = self._lines(
                self._line_end(self._end(node)),
                textwrap.indent("".join(texts), " " * node.start_mark.column),
            )
        self._become([splice], data, path)

    def remove(self, name: str) -> None:
        """Take a top-level key away; the comments inside it stay where they are, as lines of their own.

        Raises UsageError when the layout does not allow it.
        """
        data, root = self._data(), self._root()
        found = _pair(root, name)
        if found is None:
            return
        key, value = found
        if _is_flow(root):
            self.set((name,), {})
            return
        del data[name]
        start = self._line_start(key.start_mark.index)
        end = self._line_end(self._end(value, key))
        self._become([(start, end, self._own_lines(self._comments(value, start, end)))], data, (name,))

    def drop(self, path: positions.Path) -> None:
        """Take one value and its key away, and what would be empty without it; comments stay.

        Nothing is done when it is not there. Raises UsageError when the layout does not allow it.
        """
        data, nodes = self._data(), [self._root()]
        for step in path:
            found = _child(nodes[-1], step)
            if found is None:
                return
            nodes.append(found[1])
        path = _emptied(data, path)
        holder = nodes[len(path) - 1]
        _take_out(data, path)
        pairs = _pairs(holder)
        at = next(n for n, (key, _) in enumerate(pairs) if _is_key(key, path[-1]))
        if len(pairs) == 1:  # the whole file, or an item of a list: it stays, with nothing in it
            splices = [(holder.start_mark.index, self._end(holder), "{}")]
        else:
            splices = self._out_of_flow(pairs, at) if _is_flow(holder) else self._out_of_block(pairs, at)
        self._become(splices, data, path)

    def save(self, root: Path) -> None:
        """Replace the file, after reading the new text as a spec; `root` is the working directory.

        Raises UsageError when it would not be a valid spec, cannot be written, or was changed by somebody else
        since it was read; the file is as it was then.
        """
        data = self.text.encode()
        try:
            if not os.access(self.path, os.W_OK):
                raise PermissionError(13, "Permission denied")
            self._try(data, root)
            with atomic_path(Path(os.path.realpath(self.path))) as temporary:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())  # now, so that nothing slow comes between looking and replacing
                shutil.copymode(self.path, temporary)
                if self.path.read_bytes() != self._before:
                    raise UsageError(
                        f"{self.shown} was changed by somebody else meanwhile and is left as it is; try again"
                    )
        except OSError as error:
            raise UsageError(f"{self.shown} cannot be changed: {error.strerror}") from error

    def _try(self, data: bytes, root: Path) -> None:
        # Beside the spec, because the paths in it are relative to its folder.
        trial = self.path.with_name(f".{self.path.name[:80]}.{os.getpid()}.part")
        try:
            trial.write_bytes(data)
            load_spec(trial.absolute(), root)
        except SpecError as error:
            told = [Problem(self.shown, p.line, p.column, p.message) for p in error.problems]
            raise UsageError(
                f"{self.shown} is left as it is; changed, it would be wrong: {told[0]}"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                trial.unlink()

    # --- reading the text ---

    def _root(self) -> Node:
        root = yaml.compose(self._text, Loader=yaml.CBaseLoader if has_libyaml() else yaml.BaseLoader)
        assert root is not None  # noqa: S101  # `_data` has read it before
        return root

    def _data(self) -> dict[str, Value]:
        # A copy without the sharing of aliases: a change must reach one place only.
        data: dict[str, Value] = json.loads(json.dumps(parse_yaml(self._text, self.shown).data))
        return data

    def _become(
        self, splices: Iterable[tuple[int, int, str]], data: Mapping[str, Value], path: positions.Path
    ) -> None:
        text = self._text
        for start, end, new in sorted(splices, reverse=True):
            text = text[:start] + _BREAK.sub(self._newline, new) + text[end:]
        try:
            said = parse_yaml(text, self.shown)
        except SpecError as error:
            raise self._refused(path) from error
        if said.data != data or said.problems:
            raise self._refused(path)
        self._text = text

    def _refused(self, path: positions.Path) -> UsageError:
        way = ".".join(str(step + 1 if isinstance(step, int) else step) for step in path)
        return UsageError(f"{self.shown}: `{way}` cannot be changed without changing more; change it by hand")

    def _end(self, node: Node, after: Node | None = None) -> int:
        """Where a value ends, without the blank lines and comments that the parser counts in."""
        start, end = node.start_mark.index, node.end_mark.index
        if after is not None and start < after.end_mark.index:  # an alias: its place is its anchor's
            return self._text.index(":", after.end_mark.index) + 1
        if isinstance(node, ScalarNode):
            is_kept = node.style not in ("|", ">") or "+" in self._text[start : self._line_end(start)]
            return end if is_kept else start + len(self._text[start:end].rstrip())
        if isinstance(node, CollectionNode) and not _is_flow(node) and node.value:
            last = node.value[-1]
            return self._end(last[1], last[0]) if isinstance(last, tuple) else self._end(last)
        return end

    def _line_start(self, index: int) -> int:
        before = max(self._text.rfind("\n", 0, index), self._text.rfind("\r", 0, index))
        return before + 1

    def _line_end(self, index: int) -> int:
        """Where the next line begins, or the text ends."""
        if index and self._text[index - 1] in "\r\n":
            return index
        found = _BREAK.search(self._text, index)
        return found.end() if found else len(self._text)

    def _comments(self, node: Node, start: int, end: int) -> list[tuple[int, str]]:
        """The comments between two places, each with the blanks before it; `node` is the value in there."""
        text = list(self._text[start:end])
        for scalar in _scalars(node):
            first, last = scalar.start_mark.index, min(scalar.end_mark.index, end)
            if scalar.style in ("|", ">"):
                first = self._line_end(first)  # a comment may follow the `>-`
            if start <= first < last:
                text[first - start : last - start] = "x" * (last - first)
        return [(start + c.start(), c[0]) for c in _COMMENT.finditer("".join(text))]

    def _place_for(self, root: Node, name: str) -> int:
        pairs = _pairs(root)
        before = _ORDER[: _ORDER.index(name)] if name in _ORDER else [key.value for key, _ in pairs]
        ends = [self._end(value, key) for key, value in pairs if key.value in before]
        return self._line_end(ends[-1]) if ends else self._line_start(pairs[0][0].start_mark.index)

    # --- cutting ---

    def _lines(self, at: int, block: str) -> tuple[int, int, str]:
        """Put whole lines at the beginning of a line, or at the end of a text without a last newline."""
        is_open = at == len(self._text) and at > 0 and self._text[at - 1] not in "\r\n"
        return at, at, "\n" + block.removesuffix("\n") if is_open else block

    def _grown(
        self, node: Node, key: Node | None, rest: positions.Path, value: Value, in_flow: bool
    ) -> list[tuple[int, int, str]]:
        """Make the way to a value that is not there; `node` is as far as the text goes."""
        inner = value
        for step in reversed(rest[1:]):
            inner = {str(step): inner}
        chain: dict[str, Value] = {str(rest[0]): inner}
        if isinstance(node, MappingNode) and _is_flow(node):
            if not node.value:
                return [(node.start_mark.index, node.end_mark.index, _flow(chain))]
            last_key, last = node.value[-1]
            end = max(self._end(last, last_key), last_key.end_mark.index)
            return [(end, end, f", {_flow(chain)[1:-1]}")]
        if isinstance(node, MappingNode):
            at = self._line_end(self._end(node))
            return [self._lines(at, _block(chain, node.value[0][0].start_mark.column))]
        if in_flow or key is None or node.start_mark.index != node.end_mark.index:
            return self._replaced(key, node, chain, in_flow)
        at = self._line_end(node.end_mark.index)
        return [self._lines(at, _block(chain, key.start_mark.column + 2))]

    def _replaced(
        self, key: Node | None, node: Node, value: Value, in_flow: bool
    ) -> list[tuple[int, int, str]]:
        start, end = node.start_mark.index, node.end_mark.index
        is_block = (
            not _is_flow(node)
            if isinstance(node, CollectionNode)
            else getattr(node, "style", "") in ("|", ">")
        )
        lost = self._comments(node, start, self._end(node))
        if key is not None and not in_flow and (is_block or lost):
            return [self._swapped(key, node, f" {_flow(value)}\n")]
        blank = "" if start < end else " "
        kept = [self._lines(len(self._text), self._own_lines(lost))] if lost else []
        return [(start, end, blank + _flow(value)), *kept]

    def _swapped(self, key: Node, node: Node, new: str) -> tuple[int, int, str]:
        """Replace all behind a key's colon; the comments from there stay, as close as they can be."""
        start = self._text.index(":", key.end_mark.index) + 1
        end = self._line_end(self._end(node, key))
        first, _, rest = new.partition("\n")
        comments = self._comments(node, start, end)
        beside = ""
        if comments and comments[0][0] < self._line_end(start):
            beside = comments.pop(0)[1]
        indent = " " * (key.start_mark.column + 2)
        above = "".join(f"{indent}{text.strip()}\n" for _, text in comments)
        if first.strip().startswith((">", "|")):  # a line below its head would be read as text
            text, at = f"{first}{beside}\n{rest}{above.replace(indent, indent[2:])}", start
        else:
            text, at = f"{first}{beside}\n{above}{rest}", start
        is_open = end == len(self._text) and self._text[end - 1] not in "\r\n"
        return at, end, text.removesuffix("\n") if is_open else text

    def _out_of_flow(self, pairs: Sequence[tuple[Node, Node]], at: int) -> list[tuple[int, int, str]]:
        key, value = pairs[at]
        start, end = key.start_mark.index, max(self._end(value, key), key.end_mark.index)
        if at + 1 < len(pairs):
            begin, stop = start, pairs[at + 1][0].start_mark.index
        else:
            before, last = pairs[at - 1]
            begin, stop = max(self._end(last, before), before.end_mark.index), end
        if not self._comments(value, begin, stop):
            return [(begin, stop, "")]
        comma = re.compile(r"[ \t]*,[ \t]*").match(
            self._text, end
        )  # else one stays before it, which is allowed
        return [(start, comma.end() if comma else end, "")]

    def _out_of_block(self, pairs: Sequence[tuple[Node, Node]], at: int) -> list[tuple[int, int, str]]:
        key, value = pairs[at]
        start, end = key.start_mark.index, self._line_end(self._end(value, key))
        line = self._line_start(start)
        if not self._text[line:start].strip():
            return [(line, end, self._own_lines(self._comments(value, line, end)))]
        # Behind the dash of a list's item: the next key takes its place.
        end, indent = pairs[at + 1][0].start_mark.index, " " * key.start_mark.column
        lines = [f"{text.strip()}\n{indent}" for _, text in self._comments(value, start, end)]
        return [(start, end, "".join(lines))]

    def _own_lines(self, comments: Iterable[tuple[int, str]]) -> str:
        out = []
        for at, text in comments:
            is_alone = self._line_start(at) == at
            out.append((text if is_alone else text.strip()) + "\n")
        return "".join(out)


def dump(values: Mapping[str, object]) -> str:
    """Write a new spec's text from its values, in their order."""
    text: str = yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=False, width=100)
    return text


def _put(data: Value, path: positions.Path, value: Value) -> None:
    for step in path[:-1]:
        if isinstance(data, dict) and data.get(str(step)) is None:
            data[str(step)] = {}
        data = _inner(data, step)
    if isinstance(data, list) and isinstance(path[-1], int):
        data[path[-1]] = value
    elif isinstance(data, dict):
        data[str(path[-1])] = value


def _inner_of(data: Value, path: positions.Path) -> Value:
    for step in path:
        data = _inner(data, step)
    return data


def _inner(data: Value, step: str | int) -> Value:
    if isinstance(data, list) and isinstance(step, int):
        return data[step]
    return data[str(step)] if isinstance(data, dict) else None


def _emptied(data: Value, path: positions.Path) -> positions.Path:
    """As much of the way to a value as would hold nothing any more without it."""
    while len(path) > 1 and isinstance(path[-2], str):
        holder = _inner_of(data, path[:-1])
        if not isinstance(holder, dict) or len(holder) > 1:
            break
        path = path[:-1]
    return path


def _take_out(data: Value, path: positions.Path) -> None:
    holder = _inner_of(data, path[:-1])
    if isinstance(holder, dict):
        holder.pop(str(path[-1]), None)


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _child(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(step, int):
        return None, node.value[step]
    return _pair(node, step)


def _pair(node: Node, name: str | int) -> tuple[Node, Node] | None:
    return next(((key, value) for key, value in _pairs(node) if _is_key(key, name)), None)


def _is_key(node: Node, name: str | int) -> bool:
    return unicodedata.normalize("NFC", node.value) == name


def _pairs(node: Node) -> list[tuple[Node, Node]]:
    return list(node.value) if isinstance(node, MappingNode) else []


def _list_node(node: Node) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []


def _is_flow(node: Node) -> bool:
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    for key, value in _pairs(node):
        yield from _scalars(key)
        yield from _scalars(value)
    for item in _list_node(node):
        yield from _scalars(item)


def _block(chain: Mapping[str, Value], column: int) -> str:
    """`overrides:` and below it `scenes:`, and the last two keys on one line, as one would write it."""
    (key, value), indent = next(iter(chain.items())), " " * column
    if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
        return f"{indent}{_flow(key)}:\n{_block(value, column + 2)}"
    return f"{indent}{_flow(key)}: {_flow(value)}\n"


def _flow(value: Value) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case str():
            is_plain = _PLAIN.fullmatch(value) and value.lower() not in _OTHERS_READ_DIFFERENTLY
            return value if is_plain and resolve(value) == value else _quoted(value)
        case _:
            return json.dumps(value)


def _quoted(text: str) -> str:
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf)
    return quoted.rstrip("\n")
