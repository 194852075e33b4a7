"""Plausible answers to any JSON Schema, by walking it; a few kinds of answer are known by their properties.

A schema that speaks of characters and scenes is a story and is told by `story.py`; one with a score and
problems is a verdict; one with matches pairs the labels of the prompt with its characters.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from spicy.emulator.content.phrases import phrase

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Schema = Mapping[str, "Json"]

DEEPEST = 24


class BadSchema(ValueError):
    """A schema that the API refuses."""


class Walker:
    """Makes valid data for one schema document."""

    def __init__(self, root: Schema, dice: random.Random) -> None:
        self._root = root
        self.dice = dice

    def resolve(self, schema: Json, depth: int = 0) -> Schema:
        """Follow `$ref`, single `allOf` and the first useful alternative. Raises BadSchema."""
        if not isinstance(schema, dict):
            raise BadSchema("a schema must be an object")
        if depth > DEEPEST:
            raise BadSchema("circular $ref is not supported")
        if isinstance(ref := schema.get("$ref"), str):
            return self.resolve(self._find(ref), depth + 1)
        for word in ("anyOf", "oneOf", "allOf"):
            options = schema.get(word)
            if isinstance(options, list):
                if not options:
                    raise BadSchema(f"{word} must not be empty")
                useful = [o for o in options if not (isinstance(o, dict) and o.get("type") == "null")]
                return self.resolve((useful or options)[0], depth + 1)
        return schema

    def _find(self, ref: str) -> Json:
        found: Json = dict(self._root)
        for part in ref.removeprefix("#/").split("/"):
            if not isinstance(found, dict) or part not in found:
                raise BadSchema(f"$ref {ref} points nowhere")
            found = found[part]
        return found

    def make(self, schema: Json, name: str = "", depth: int = 0) -> Json:
        """Valid data for `schema`; `name`, the property it stands in, gives texts their colour."""
        if depth > DEEPEST:
            raise BadSchema("the schema is nested too deeply or circular")
        known = self.resolve(schema)
        if "const" in known:
            return known["const"]
        if "enum" in known:
            options = known["enum"]
            if not isinstance(options, list) or not options:
                raise BadSchema("enum must not be empty")
            return self.dice.choice(options)
        kind: Json = known.get("type") or ("object" if "properties" in known else "string")
        if isinstance(kind, list):
            kind = next((k for k in kind if k != "null"), "null")
        match kind:
            case "object":
                return self._object(known, depth)
            case "array":
                return self._array(known, name, depth)
            case "integer" | "number":
                return self._number(known, whole=kind == "integer")
            case "boolean":
                return self.dice.random() < 0.5
            case "null":
                return None
            case "string":
                return self._text(known, name)
            case _:
                raise BadSchema(f"unknown type {kind!r}")

    def _object(self, schema: Schema, depth: int) -> Json:
        properties = schema.get("properties") or {}
        if not isinstance(properties, dict):
            raise BadSchema("properties must be an object")
        return {key: self.make(value, key, depth + 1) for key, value in properties.items()}

    def _array(self, schema: Schema, name: str, depth: int) -> Json:
        prefix = schema.get("prefixItems")
        made = [self.make(s, name, depth + 1) for s in prefix] if isinstance(prefix, list) else []
        least, most = whole(schema, "minItems", 0), whole(schema, "maxItems", 256)
        items = schema.get("items")
        if isinstance(items, list):
            raise BadSchema("array-valued items are not supported")
        if items is not None:
            while len(made) < min(max(least, 2), most):
                made.append(self.make(items, name, depth + 1))
        return made

    def _number(self, schema: Schema, *, whole: bool) -> Json:
        low, high = number(schema, "minimum"), number(schema, "maximum")
        step = number(schema, "multipleOf") or (1 if whole else 0)
        if (above := number(schema, "exclusiveMinimum")) is not None:
            low = above + (step or 1e-3)
        if (below := number(schema, "exclusiveMaximum")) is not None:
            high = below - (step or 1e-3)
        if low is None:
            low = 0.0 if high is None else min(0.0, high - 10)
        if high is None:
            high = low + 10
        made = self.dice.uniform(low, high)
        if step:
            first = -(-low // step) * step
            made = first + (made - first) // step * step if made >= first else first
        return int(made) if whole else round(made, 4)

    def _text(self, schema: Schema, name: str) -> str:
        form = schema.get("format")
        text = _FORMATS[form] if isinstance(form, str) and form in _FORMATS else phrase(name, self.dice)
        least, most = whole(schema, "minLength", 0), whole(schema, "maxLength", 2048)
        while len(text) < least:
            text += " " + text
        return text[:most]


_FORMATS = {
    "date": "2026-11-23",
    "time": "12:00:00Z",
    "date-time": "2026-11-23T12:00:00Z",
    "email": "ember@example.com",
    "uuid": "7d2f4e1a-0f4b-4c58-9d52-1b8f3c6a9e70",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
}


def number(schema: Schema, word: str) -> float | None:
    """A numeric keyword of a schema."""
    value = schema.get(word)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(schema: Schema, word: str, default: int) -> int:
    """A whole-number keyword of a schema."""
    value = number(schema, word)
    return default if value is None else int(value)


def is_verdict(schema: Schema) -> bool:
    """Whether the schema asks for a score."""
    properties = schema.get("properties")
    return isinstance(properties, dict) and "score" in properties


def verdict(walker: Walker, schema: Schema, *, low: bool) -> Json:
    """A judge's answer: good and without problems, or low and with one."""
    made = walker.make(dict(schema))
    assert isinstance(made, dict)  # noqa: S101  # a schema with properties makes an object
    dice = walker.dice
    made["score"] = round(dice.uniform(0.25, 0.65) if low else dice.uniform(0.86, 0.98), 2)
    if "problems" in made:
        made["problems"] = [phrase("problem", dice)] if low else []
    return made


def matches(walker: Walker, schema: Schema, prompt: str) -> Json:
    """Pair the labels of the prompt with its characters: alike ones first, the rest in order."""
    made = walker.make(dict(schema))
    assert isinstance(made, dict)  # noqa: S101  # a schema with properties makes an object
    labels = re.findall(r"^Label: (.+)$", prompt, re.M)
    names = re.findall(r"^Character: (.+?)(?: \([^)\n]*\))?: ", prompt, re.M)
    made["matches"] = [{"label": label, "name": name} for label, name in _pairs(labels, names)]
    return made


def _pairs(labels: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    free = list(names)
    pairs = {}
    for label in labels:
        alike = [n for n in free if label.casefold() in n.casefold() or n.casefold() in label.casefold()]
        if alike:
            pairs[label] = alike[0]
            free.remove(alike[0])
    for label in labels:
        if label not in pairs:
            pairs[label] = free.pop(0) if free else ""
    return [(label, pairs[label]) for label in labels]
