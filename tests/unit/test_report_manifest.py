"""The manifest: story and receipts in, one value out."""

from __future__ import annotations

import json

import pytest

from spicy.canonical_json import Json
from spicy.errors import StoreError
from spicy.report.manifest import build_manifest
from spicy.story.model import Character, Scene, Story

STORY = Story(
    title="The Fox",
    style="ink",
    aspect_ratio="16:9",
    characters=(
        Character(name="Ember", description="a fox", slug="ember"),
        Character(name="Sage", description="an owl", slug="sage", sheet="art/sage.png"),
    ),
    scenes=(
        Scene(
            id="1", slug="01", title="Oak", characters=("Ember",), setting="wood", action="runs", duration=6
        ),
        Scene(id="2", slug="02", title="", characters=(), setting="", action="", duration=4, clip="own.mp4"),
    ),
)


def call(key: str, kind: str, cost: int, *, from_store: bool = False) -> dict[str, Json]:
    return {"key": key, "kind": kind, "cost_ticks": cost, "from_store": from_store, "seconds": 1.5}


def receipt(
    node: str, *targets: str, calls: tuple[dict[str, Json], ...] = (), **more: Json
) -> dict[str, Json]:
    step, item = node.split("/")
    costs = [(int(str(c["cost_ticks"])), bool(c["from_store"])) for c in calls]
    return {
        "spicy": 1,
        "node": f"fox:{node}",
        "film": "fox",
        "step": step,
        "item": item,
        "targets": dict.fromkeys(targets, "d1"),
        "calls": calls,
        "cost_ticks": sum(cost for cost, _ in costs),
        "paid_ticks": sum(cost for cost, stored in costs if not stored),
        "seconds": 2.0,
        **more,
    }


ATTEMPTS: tuple[Json, ...] = (
    {"number": 1, "call": "k1", "score": 0.62, "problems": ["red scarf"]},
    {"number": 2, "call": "k2", "score": 0.93, "chosen": True},
)
RECEIPTS = (
    receipt("ideation/story", "story.yaml", calls=(call("s", "chat", 200),)),
    receipt(
        "character/ember",
        "characters/ember.jpg",
        calls=(call("k1", "image", 400), call("k2", "image", 400), call("c", "chat", 50)),
        attempts=ATTEMPTS,
        warnings=["close"],
    ),
    receipt("character/sage", "characters/sage.png", facts={"own": True}),
    receipt("script/script", "script.md", "state.json"),
    receipt("keyframe/01", "scenes/01/keyframe.jpg", calls=(call("k1", "image", 400, from_store=True),)),
    receipt(
        "video/02", "scenes/02/clip.mov", "scenes/02/first.jpg", "scenes/02/last.jpg", facts={"duration": 4.1}
    ),
    receipt("video/99", "scenes/99/clip.mp4", calls=(call("z", "video", 9000),)),
)


def at(tree: Json, *path: str | int) -> Json:
    """The value at a path of a JSON tree."""
    for step in path:
        assert isinstance(tree, dict | list | tuple)
        tree = tree[step]  # type: ignore[index]
    return tree


def test_totals_count_a_shared_call_once_and_no_stranger() -> None:
    totals = build_manifest("fox", STORY, RECEIPTS)["totals"]
    assert totals == {
        "cost_ticks": 1050,
        "paid_ticks": 1050,
        "from_store_ticks": 0,
        "calls": 4,
        "calls_from_store": 0,
        "seconds": 12.0,
        "by_kind": {
            "chat": {"calls": 2, "from_store": 0, "cost_ticks": 250, "from_store_ticks": 0, "seconds": 3.0},
            "image": {"calls": 2, "from_store": 0, "cost_ticks": 800, "from_store_ticks": 0, "seconds": 3.0},
        },
    }


def test_what_the_store_gave_is_not_paid() -> None:
    stored = receipt("keyframe/01", "k.jpg", calls=(call("k", "image", 400, from_store=True),))
    manifest = build_manifest("fox", STORY, [stored])
    assert at(manifest, "scenes", 0, "keyframe", "from_store") is True
    totals = at(manifest, "totals")
    assert [at(totals, n) for n in ("cost_ticks", "paid_ticks", "from_store_ticks", "calls_from_store")] == [
        400,
        0,
        400,
        1,
    ]


def test_every_part_of_the_film_has_its_place() -> None:
    manifest = build_manifest("fox", STORY, RECEIPTS)
    sheet = at(manifest, "characters", 0, "sheet")
    assert [at(sheet, n) for n in ("state", "path", "score")] == ["made", "characters/ember.jpg", 0.93]
    assert at(sheet, "attempts", 0, "problems") == ["red scarf"]
    assert at(manifest, "characters", 1, "own_sheet") == "art/sage.png"
    own = at(manifest, "scenes", 1)
    assert [at(own, n) for n in ("number", "keyframe", "first", "last", "own_clip")] == [
        2,
        None,
        "scenes/02/first.jpg",
        "scenes/02/last.jpg",
        "own.mp4",
    ]
    assert at(own, "clip", "path") == "scenes/02/clip.mov"
    assert manifest["warnings"] == [{"node": "fox:character/ember", "message": "close"}]


def test_missing_parts_are_there_and_say_why() -> None:
    manifest = build_manifest("fox", STORY, RECEIPTS, missing=["fox:video/01: refused: no", "fox:video/02"])
    assert manifest["missing"] == [
        {"node": "fox:video/01", "reason": "refused: no"},
        {"node": "fox:video/02", "reason": ""},
        {"node": "fox:assembly/final", "reason": ""},
    ]
    assert at(manifest, "scenes", 0, "clip", "state") == "missing"
    assert at(manifest, "scenes", 0, "clip", "path") is None
    assert at(manifest, "scenes", 1, "clip", "state") == "old"
    assert at(manifest, "final", "state") == "missing"


def test_the_order_of_receipts_does_not_matter() -> None:
    first = build_manifest("fox", STORY, RECEIPTS)
    again = build_manifest("fox", STORY, RECEIPTS[::-1])
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)


def test_an_unknown_version_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="fox:script/script has version 2, this spicy reads 1: use a newer"):
        build_manifest("fox", STORY, [{**RECEIPTS[3], "spicy": 2}])


def test_a_damaged_receipt_is_named() -> None:
    damaged = {**RECEIPTS[3], "seconds": "soon"}
    with pytest.raises(StoreError, match=r"fox:script/script is damaged \(seconds: .*delete it and build"):
        build_manifest("fox", STORY, [damaged])
