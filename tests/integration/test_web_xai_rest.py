"""Requests in xAI's REST dialect, as its documentation has them, beside the other two dialects of the same paths."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from PIL import Image

from spicy.media.probe import probe_clip
from tests.served import Served, serving

ORDER = {"model": "grok-imagine-video", "prompt": "A cat playing piano", "duration": 1, "resolution": "480p"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the offline provider and its worker."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Served]:
    """A server that nobody works for."""
    with serving(tmp_path, builtin_worker=False) as running:
        yield running


def post(served: Served, path: str, body: Mapping[str, object]) -> dict[str, object]:
    """Send JSON; the answer, which has to be a good one."""
    answer = requests.post(served.url + path, json=body, timeout=20)
    assert answer.ok, answer.text
    found: dict[str, object] = answer.json()
    return found


def get(served: Served, path: str) -> dict[str, object]:
    """Look at something that is there."""
    answer = requests.get(served.url + path, timeout=5)
    assert answer.ok, answer.text
    found: dict[str, object] = answer.json()
    return found


def result(served: Served, request_id: object) -> dict[str, object]:
    """Poll a deferred result to its end, as xAI's documentation says."""
    until = time.monotonic() + 20
    while (answer := get(served, f"/v1/videos/{request_id}"))["status"] == "pending":
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    return answer


def test_a_clip_is_ordered_polled_and_downloaded(served: Served, tmp_path: Path) -> None:
    made = post(served, "/v1/videos/generations", {**ORDER, "aspect_ratio": "1:1"})
    assert made["request_id"] == made["id"]
    done = result(served, made["request_id"])
    assert done["status"] == "done"
    assert done["progress"] == 100
    assert done["usage"] == {"cost_in_usd_ticks": 0}
    video = done["video"]
    assert isinstance(video, dict)
    assert video["respect_moderation"] is True
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(requests.get(video["url"], timeout=5).content)
    facts = probe_clip(clip)
    assert facts.duration == pytest.approx(video["duration"], abs=0.05)
    assert (facts.width, facts.height) == (480, 480)


def test_a_clip_starts_from_the_image_by_its_url(served: Served) -> None:
    out = io.BytesIO()
    Image.new("RGB", (96, 96), "teal").save(out, "JPEG")
    still = {"url": "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()}
    made = post(served, "/v1/videos/generations", {**ORDER, "image": still})
    plain = post(served, "/v1/videos/generations", ORDER)
    clips = []
    for one in (made, plain):
        video = result(served, one["request_id"])["video"]
        assert isinstance(video, dict)
        clips.append(requests.get(video["url"], timeout=5).content)
    assert clips[0] != clips[1]


def test_a_failed_clip_has_a_code_that_xai_knows(idle: Served) -> None:
    made = post(idle, "/v1/videos/generations", ORDER)
    assert get(idle, f"/v1/videos/{made['request_id']}")["status"] == "pending"
    job = get(idle, "/extension/poll?mode=video")
    assert get(idle, f"/v1/videos/{made['request_id']}")["status"] == "pending"
    post(idle, "/extension/error", {"job_id": job["job_id"], "claim": job["claim"], "error": "no tab"})
    failed = get(idle, f"/v1/videos/{made['request_id']}")
    assert (failed["status"], failed["video"]) == ("failed", None)
    assert failed["error"] == {"code": "internal_error", "message": "no tab"}


def test_each_job_speaks_the_words_of_whoever_ordered_it(idle: Served) -> None:
    theirs = post(idle, "/v1/videos/generations", ORDER)
    openais = post(idle, "/v1/videos", {"prompt": "A dog", "seconds": "1", "size": "480x480"})
    listed = get(idle, "/v1/videos?order=asc")["data"]
    assert isinstance(listed, list)
    assert [(v["id"], v["request_id"], v["status"]) for v in listed] == [
        (theirs["id"], theirs["id"], "pending"),
        (openais["id"], openais["id"], "queued"),
    ]


def test_stills_in_xais_words(served: Served) -> None:
    order = {"model": "grok-imagine-image", "prompt": "A fox", "aspect_ratio": "16:9", "resolution": "1k"}
    made = post(served, "/v1/images/generations", {**order, "response_format": "b64_json"})
    still = made["data"][0]  # type: ignore[index]
    assert (still["mime_type"], still["respect_moderation"]) == ("image/jpeg", True)
    width, height = Image.open(io.BytesIO(base64.b64decode(still["b64_json"]))).size
    assert width / height == pytest.approx(16 / 9, rel=0.05)
    assert made["usage"] == {"cost_in_usd_ticks": 0}
    again = post(served, "/v1/images/generations", order)
    assert again["data"][0]["from_store"] is True  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "gives"),
    [("video-generation", "video"), ("image-generation", "image"), ("language", "text")],
)
def test_models_are_listed_by_what_they_make(idle: Served, path: str, gives: str) -> None:
    models = get(idle, f"/v1/{path}-models")["models"]
    assert isinstance(models, list)
    assert [(model["id"], model["output_modalities"]) for model in models] == [("animatic-1", [gives])]
