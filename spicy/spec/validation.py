"""Where text becomes values: pydantic checks, our words for what it finds.

Every mistake is kept with the path of the value that it is about; the document turns paths into places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Generic, NamedTuple, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
)

from spicy.spec.positions import Document, Path, Value
from spicy.spec.scalars import written
from spicy.spec.suggest import unknown


class TextModel(BaseModel):
    """A mapping as a person writes it: no unknown keys, no guessed types, never changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


def _line(value: object) -> object:
    value = written(value)
    return " ".join(value.split()) if isinstance(value, str) else value


_AS_TEXT = WithJsonSchema({"type": ["string", "number", "boolean"]})
Prose = Annotated[str, BeforeValidator(written), StringConstraints(strip_whitespace=True), _AS_TEXT]
"""Text of any length; numbers are taken as they were typed."""
Line = Annotated[str, BeforeValidator(_line), _AS_TEXT]
"""Text on one line, such as a name."""
Word = Annotated[str, BeforeValidator(_line), StringConstraints(min_length=1), _AS_TEXT]
"""Text on one line that must not be empty."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with the value at `path`, or with its key."""

    path: Path
    message: str
    at_key: bool = False
    rest: bool = False
    """Whether what is around the value can still be made sense of without it, as an empty mapping."""


LIST, NUMBER = "\0list", "\0number"
"""How the branches of a union are named in pydantic's paths; no key of a file can be called so."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ValidationResult(Generic[M]):
    """A model, unless there were mistakes."""

    value: M | None
    mistakes: tuple[Mistake, ...] = ()


def check(model: type[M], data: Mapping[str, object]) -> ValidationResult[M]:
    """Validate `data`, finding every mistake in it."""
    try:
        return ValidationResult(model.model_validate(data))
    except ValidationError as e:
        schema = _schema(model)
        found = [
            _Found(error["type"], error["loc"], error["input"], error.get("ctx", {}), error["msg"])
            for error in e.errors(include_url=False)
        ]
        return ValidationResult(None, tuple(_mistake(error, schema) for error in found))


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, object]:
    return model.model_json_schema()


def salvage(model: type[M], document: Document) -> ValidationResult[M]:
    """Validate a document; drop what is wrong from its data and give what is left beside the mistakes.

    Every field of `model` has to be optional, so that the rest is always a value.
    """
    first = check(model, document.data)
    if first.value is not None:
        return first
    for mistake in first.mistakes:
        _drop(document.data, mistake)
    return ValidationResult(check(model, document.data).value, first.mistakes)


def _drop(data: dict[str, Value], mistake: Mistake) -> None:
    path = mistake.path
    if not mistake.rest:
        while isinstance(path[-1], int):
            path = path[:-1]
    holder: Value = data
    for step in path[:-1]:
        holder = holder[step] if _holds(holder, step) else None  # type: ignore[index]
    if isinstance(holder, dict):
        holder.pop(str(path[-1]), None)
    elif isinstance(holder, list) and isinstance(path[-1], int):
        holder[path[-1]] = {}


def _holds(holder: Value, step: str | int) -> bool:
    if isinstance(holder, list):
        return isinstance(step, int) and step < len(holder)
    return isinstance(holder, dict) and step in holder


class _Found(NamedTuple):
    """One of pydantic's complaints."""

    type: str
    path: Path
    input: object
    context: Mapping[str, object]
    message: str


def _mistake(error: _Found, schema: Mapping[str, object]) -> Mistake:
    path = tuple(step for step in error.path if step not in (LIST, NUMBER))
    match error.type:
        case "extra_forbidden":
            known = _known_keys(schema, path[:-1])
            message = unknown("key", str(path[-1]), known, list_as="the keys here are")
            return Mistake(path, message, at_key=True)
        case "missing":
            return Mistake(path, f"`{path[-1]}` is missing")
        case "model_type" | "model_attributes_type":
            return Mistake(path, _expected("a mapping of keys", error.input), rest=True)
        case _:
            return Mistake(path, _said(error))


def _said(error: _Found) -> str:
    context, found = error.context, error.input
    match error.type:
        case "int_type" | "int_from_float" | "int_parsing":
            return _expected("a whole number", found)
        case "float_type" | "float_parsing" | "finite_number":
            return _expected("a number", found)
        case "string_type":
            return _expected("text", found)
        case "bool_type":
            return _expected("true or false", found)
        case "tuple_type" | "list_type":
            return _expected("a list", found)
        case "union_tag_not_found":
            return _expected("a number or a list", found)
        case "dict_type":
            return _expected("a mapping of keys", found)
        case "string_too_short":
            return "must not be empty"
        case "literal_error":
            return _expected(f"one of {str(context['expected']).replace(chr(39), '')}", found)
        case "greater_than_equal":
            return _expected(f"at least {context['ge']:g}", found)
        case "greater_than":
            return _expected(f"more than {context['gt']:g}", found)
        case "less_than_equal":
            return _expected(f"at most {context['le']:g}", found)
        case "value_error":
            return str(context["error"])
        case _:
            return error.message[:1].lower() + error.message[1:]


def _expected(what: str, found: object) -> str:
    return f"expected {what}, found {describe(found)}"


def describe(value: object) -> str:
    """Say in a few words what a value is."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str():
            return f"the text `{value}`" if len(value) <= 40 else f"the text `{value[:40]}…`"
        case _:
            return f"`{written(value)}`"


def _known_keys(schema: Mapping[str, object], path: Path) -> list[str]:
    """The keys that a model allows at `path`, by its JSON Schema."""
    nodes = [schema]
    for step in path:
        nodes = [inner for node in nodes for inner in _inside(_alternatives(schema, node), step)]
    return [
        key for node in nodes for flat in _alternatives(schema, node) for key in _mapping(flat, "properties")
    ]


def _inside(nodes: Sequence[Mapping[str, object]], step: str | int) -> list[Mapping[str, object]]:
    out: list[Mapping[str, object]] = []
    for node in nodes:
        if isinstance(step, int):
            inner = _mapping(node, "items")
        else:
            inner = _mapping(_mapping(node, "properties"), step) or _mapping(node, "additionalProperties")
        if inner:
            out.append(inner)
    return out


def _alternatives(schema: Mapping[str, object], node: Mapping[str, object]) -> list[Mapping[str, object]]:
    if isinstance(ref := node.get("$ref"), str):
        return _alternatives(schema, _mapping(_mapping(schema, "$defs"), ref.rpartition("/")[2]))
    for union in ("anyOf", "oneOf"):
        if isinstance(choices := node.get(union), list):
            return [flat for choice in choices for flat in _alternatives(schema, choice)]
    return [node]


def _mapping(node: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = node.get(key)
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}
