"""The OpenAPI document as a page of its own: plain HTML with examples, that loads nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from spicy.canonical_json import Json
from spicy.web.dashboard.rendering import draw
from spicy.web.server.access import client

router = APIRouter(dependencies=[Depends(client)])
_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 6


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """Every endpoint with its parameters and examples."""
    document = request.app.openapi()
    groups: dict[str, list[dict[str, object]]] = {}
    for group, endpoint in _endpoints(document, str(request.base_url).rstrip("/")):
        groups.setdefault(group, []).append(endpoint)
    return draw(request, "docs.html.j2", here="docs", groups=groups, about=document["info"]["description"])


def _endpoints(document: Mapping[str, Json], base: str) -> Iterator[tuple[str, dict[str, object]]]:
    paths = document["paths"]
    for path, methods in paths.items() if isinstance(paths, Mapping) else ():
        for method in _METHODS:
            known = methods.get(method) if isinstance(methods, Mapping) else None
            if isinstance(known, Mapping):
                yield _group(known), _endpoint(document, base, path, method, known)


def _group(known: Mapping[str, Json]) -> str:
    tags = known.get("tags")
    return str(tags[0]) if isinstance(tags, list) and tags else "Other"


def _endpoint(
    document: Mapping[str, Json], base: str, path: str, method: str, known: Mapping[str, Json]
) -> dict[str, object]:
    body = _content(known.get("requestBody"))
    responses = known.get("responses")
    answers = responses if isinstance(responses, Mapping) else {}
    good = next((answer for status, answer in answers.items() if status.startswith("2")), None)
    sent = _shown(document, body.get("application/json"))
    parameters = known.get("parameters")
    return {
        "method": method.upper(),
        "path": path,
        "summary": known.get("description") or known.get("summary") or "",
        "parameters": [p for p in parameters if isinstance(p, Mapping)]
        if isinstance(parameters, list)
        else [],
        "sent": sent,
        "answer": _shown(document, _content(good).get("application/json")),
        "curl": _curl(base + path, method, sent, body),
        "statuses": ", ".join(answers),
    }


def _content(part: Json) -> Mapping[str, Json]:
    content = part.get("content") if isinstance(part, Mapping) else None
    return content if isinstance(content, Mapping) else {}


def _curl(url: str, method: str, sent: str, body: Mapping[str, Json]) -> str:
    command = f"curl -X {method.upper()} '{url}'"
    if sent:
        flat = json.dumps(json.loads(sent), ensure_ascii=False).replace("'", "'\\''")
        return f"{command} \\\n  -H 'Content-Type: application/json' \\\n  -d '{flat}'"
    if "multipart/form-data" in body:
        fields = _properties(body["multipart/form-data"])
        return "".join([command, *(f" \\\n  -F '{name}={value}'" for name, value in fields)])
    return command


def _properties(content: Json) -> Iterator[tuple[str, str]]:
    schema = content.get("schema") if isinstance(content, Mapping) else None
    fields = schema.get("properties") if isinstance(schema, Mapping) else None
    for name, field in fields.items() if isinstance(fields, Mapping) else ():
        if isinstance(field, Mapping):
            binary = field.get("format") == "binary"
            yield name, "@file" if binary else str(field.get("example") or field.get("default") or "…")


def _shown(document: Mapping[str, Json], content: Json) -> str:
    """An example as JSON text, or nothing."""
    if not isinstance(content, Mapping):
        return ""
    schema = content.get("schema")
    example = _example(document, schema, 0) if isinstance(schema, Mapping) and schema else None
    return "" if example is None else json.dumps(example, indent=2, ensure_ascii=False)


def _example(document: Mapping[str, Json], schema: Mapping[str, Json], depth: int) -> Json:
    """The schema's own example, or one that is made of its fields'."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _example(document, _at(document, reference), depth)
    example: Json = schema.get("example")
    if example is not None:
        return example
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        first: Json = examples[0]
        return first
    if "default" in schema or "const" in schema:
        return schema.get("default", schema.get("const"))
    if depth > _DEEPEST:
        return None
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        return _example(document, choices[0], depth + 1)
    return _typical(document, schema, depth)


def _typical(document: Mapping[str, Json], schema: Mapping[str, Json], depth: int) -> Json:
    values, items, fields = schema.get("enum"), schema.get("items"), schema.get("properties")
    if isinstance(values, list) and values:
        first: Json = values[0]
        return first
    if isinstance(items, Mapping):
        return [_example(document, items, depth + 1)]
    if isinstance(fields, Mapping):
        known = {name: part for name, part in fields.items() if isinstance(part, Mapping)}
        return {name: _example(document, part, depth + 1) for name, part in known.items()}
    kinds: dict[Json, Json] = {"string": "…", "integer": 0, "number": 0.0, "boolean": False, "object": {}}
    return kinds.get(schema.get("type"))


def _at(document: Mapping[str, Json], reference: str) -> Mapping[str, Json]:
    found: Json = document
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
