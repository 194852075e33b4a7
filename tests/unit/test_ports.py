"""A call as data and back: work that outlived its asker keeps its key."""

from __future__ import annotations

import json

import pytest

from spicy.canonical_json import canonical
from spicy.ids import Digest
from spicy.ports import (
    Call,
    ChatCall,
    EditCall,
    ExtendCall,
    ImageCall,
    OrderOnly,
    Schema,
    Turn,
    VideoCall,
    call_key,
    inputs_of,
    read_call,
)

A, B, C = (Digest(letter * 64) for letter in "abc")
CALLS: dict[str, Call] = {
    "chat": ChatCall(model="m", prompt="p", schema=Schema("s", "{}"), images=(A, B), attempt=2),
    "conversation": ChatCall(
        model="m", prompt="p", turns=(Turn("user", "t", (C,)), Turn("assistant", "u")), temperature=0.5
    ),
    "drawing": ImageCall(model="m", prompt="p", aspect_ratio="1:1", resolution="1k"),
    "edit of pictures": ImageCall(
        model="m", prompt="p", aspect_ratio="16:9", resolution="2k", quality="low", images=(A, B), take=3
    ),
    "clip": VideoCall(model="m", prompt="p", image=A, duration=4, resolution="720p", aspect_ratio="16:9"),
    "clip of words": VideoCall(model="m", prompt="p", duration=4, resolution="720p", aspect_ratio="16:9"),
    "clip with references": VideoCall(
        model="m", prompt="p", image=A, duration=4, resolution="720p", aspect_ratio="1:1", references=(B, C)
    ),
    "correction": EditCall(model="m", prompt="p", video=A, seconds=5, resolution="480p"),
    "longer": ExtendCall(model="m", prompt="p", video=A, seconds=5, resolution="480p"),
}
KEYS = {
    "conversation": "bff9b6cbfc57",
    "clip of words": "7d23106ef528",
    "chat": "e31c8172ff2b",
    "drawing": "9c1c558043ae",
    "edit of pictures": "6a77c7104dcb",
    "clip": "79d281b05e29",
    "clip with references": "cd6b2f509c89",
    "correction": "aeda8de9aa16",
    "longer": "7577ae7c7a3a",
}
"""The first digits of real keys. They may never change: every paid answer is found by them."""


@pytest.mark.parametrize("name", CALLS)
def test_a_call_survives_as_data(name: str) -> None:
    call = CALLS[name]
    again = read_call(json.loads(canonical(call.canonical())))
    assert again == call
    assert call_key("xai", again) == call_key("xai", call)


@pytest.mark.parametrize("name", CALLS)
def test_keys_never_change(name: str) -> None:
    assert call_key("xai", CALLS[name]).startswith(KEYS[name])


def test_every_call_has_its_own_key() -> None:
    assert len({call_key("xai", call) for call in CALLS.values()}) == len(CALLS)


def test_what_is_order_only_is_sent_but_not_kept() -> None:
    plain = ImageCall(model="m", prompt="p", aspect_ratio="1:1", resolution="1k", images=(A,))
    soft = ImageCall(
        model="m",
        prompt="p",
        aspect_ratio="1:1",
        resolution="1k",
        images=(A,),
        order_only=OrderOnly((B,), "<IMAGE_1> is the shot before"),
    )
    assert read_call(soft.canonical()) == plain
    assert inputs_of(soft) == (A, B)


def test_pictures_of_a_conversation_travel_oldest_first() -> None:
    call = ChatCall(model="m", prompt="p", images=(B,), turns=(Turn("user", "t", (C, A)),))
    assert inputs_of(call) == (C, A, B)


def test_references_travel_after_the_still() -> None:
    assert inputs_of(CALLS["clip with references"]) == (A, B, C)


@pytest.mark.parametrize("text", ['{"kind": "sound", "model": "m"}', "{}", '{"kind": "edit", "video": "x"}'])
def test_a_call_of_another_version_is_said_to_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="no call of this version"):
        read_call(json.loads(text))
