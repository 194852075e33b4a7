"""The unmodified `openai` package against a real server: what its users write has to work as it stands."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from PIL import Image

from spicy.media.probe import probe_clip
from tests.served import Served, serving

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

SMALL = {"size": "480x480", "seconds": "1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the offline provider and its worker."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Served]:
    """A server that nobody works for, and that soon loses patience."""
    with serving(tmp_path, builtin_worker=False, chat_wait=0.2) as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    """The package's client as its users make it, retries included."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any") as made:
        yield made


@pytest.fixture
def lonely(idle: Served) -> Iterator[openai.OpenAI]:
    """A client of the server that nobody works for."""
    with openai.OpenAI(base_url=f"{idle.url}/v1", api_key="any") as made:
        yield made


def png(colour: str = "orange") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(out, "PNG")
    return out.getvalue()


def data_url(picture: bytes) -> str:
    """A picture as a client writes it into JSON."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def test_a_clip_is_created_watched_listed_downloaded_and_deleted(
    served: Served, client: openai.OpenAI, tmp_path: Path
) -> None:
    videos = client.videos
    made = videos.create(model="grok", prompt="A cat playing piano", **SMALL)  # type: ignore[arg-type]
    assert (made.object, made.seconds, made.size) == ("video", "1", "480x480")
    assert made.status in ("queued", "in_progress")
    assert made.prompt == "A cat playing piano"

    done = videos.poll(made.id, poll_interval_ms=50)
    assert (done.id, done.status, done.progress, done.error) == (made.id, "completed", 100, None)
    assert done.completed_at is not None
    assert done.completed_at >= done.created_at
    assert done.expires_at is not None
    assert done.expires_at > done.completed_at
    assert videos.retrieve(made.id) == done
    assert made.id in [video.id for video in videos.list()]

    clip = tmp_path / "clip.mp4"
    videos.download_content(made.id).write_to_file(clip)
    assert probe_clip(clip).duration == pytest.approx(1, abs=0.2)

    gone = videos.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "video.deleted", True)
    with pytest.raises(openai.NotFoundError):
        videos.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        videos.delete(made.id)
    assert requests.get(f"{served.url}/videos/{made.id}.mp4", timeout=5).status_code == 404


def test_create_and_poll_starts_from_an_uploaded_still(client: openai.OpenAI) -> None:
    videos = client.videos
    picture = ("still.png", png(), "image/png")
    done = videos.create_and_poll(prompt="It moves", input_reference=picture, poll_interval_ms=50, **SMALL)  # type: ignore[arg-type]
    assert done.status == "completed"
    other = videos.create_and_poll(
        prompt="It moves",
        input_reference=("a.png", png("blue"), "image/png"),
        poll_interval_ms=50,
        **SMALL,  # type: ignore[arg-type]
    )
    assert videos.download_content(done.id).read() != videos.download_content(other.id).read()


def test_the_pause_between_polls_is_the_servers(client: openai.OpenAI) -> None:
    raw = client.videos.with_raw_response.create(prompt="A cat", **SMALL)  # type: ignore[arg-type]
    assert int(raw.headers["openai-poll-after-ms"]) <= 1000


def test_a_repeated_order_is_answered_by_the_store_for_nothing(client: openai.OpenAI) -> None:
    videos = client.videos
    first = videos.create_and_poll(prompt="A cat", poll_interval_ms=50, **SMALL)  # type: ignore[arg-type]
    again = videos.create_and_poll(prompt="A cat", poll_interval_ms=10, **SMALL)  # type: ignore[arg-type]
    assert (again.status, again.from_store, again.cost) == ("completed", True, 0)  # type: ignore[attr-defined]
    assert again.id != first.id
    assert videos.download_content(again.id).read() == videos.download_content(first.id).read()


def test_lists_come_in_pages_that_the_client_turns_itself(lonely: openai.OpenAI) -> None:
    videos = lonely.videos
    made = [videos.create(prompt=f"Clip {n}", **SMALL).id for n in range(5)]  # type: ignore[arg-type]
    assert [video.id for video in videos.list(limit=2)] == made[::-1]
    assert [video.id for video in videos.list(limit=2, order="asc")] == made
    page = videos.list(limit=2, order="asc", after=made[1])
    assert ([video.id for video in page.data], page.has_more) == (made[2:4], True)


def test_the_first_picture_of_a_clip_can_be_had_alone_and_a_spritesheet_cannot(client: openai.OpenAI) -> None:
    videos = client.videos
    done = videos.create_and_poll(prompt="A cat", poll_interval_ms=50, **SMALL)  # type: ignore[arg-type]
    thumbnail = videos.download_content(done.id, variant="thumbnail")
    assert thumbnail.response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(thumbnail.read())).size == (480, 480)
    with pytest.raises(openai.NotFoundError, match="spritesheets are not made here"):
        videos.download_content(done.id, variant="spritesheet")


def test_a_failed_clip_says_why(idle: Served, lonely: openai.OpenAI) -> None:
    videos = lonely.videos
    made = videos.create(prompt="A cat", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(openai.NotFoundError, match="it is queued"):
        videos.download_content(made.id)
    job = requests.get(f"{idle.url}/extension/poll", params={"mode": "video"}, timeout=5).json()
    assert videos.retrieve(made.id).status == "in_progress"
    said = {"job_id": job["job_id"], "claim": job["claim"], "error": "the page was closed"}
    assert requests.post(f"{idle.url}/extension/error", json=said, timeout=5).ok
    failed = videos.poll(made.id, poll_interval_ms=10)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.message == "the page was closed"


def test_what_cannot_be_ordered_is_refused_before_there_is_a_job(idle: Served, lonely: openai.OpenAI) -> None:
    videos = lonely.videos
    with pytest.raises(openai.UnprocessableEntityError, match="1280x720, 720x1280") as refused:
        videos.create(prompt="A cat", size="640x360")  # type: ignore[arg-type]
    assert refused.value.param == "size"
    with pytest.raises(openai.UnprocessableEntityError):
        videos.create(prompt="A cat", seconds="16")  # type: ignore[arg-type]
    with pytest.raises(openai.UnprocessableEntityError, match="fps"):
        videos.create(prompt="A cat", extra_body={"fps": "60"})
    with pytest.raises(openai.BadRequestError):
        videos.create(prompt="A cat", input_reference=("a.svg", b"<svg onload='x()'/>", "image/svg+xml"))
    sent = requests.post(
        f"{idle.url}/v1/videos", data="hello", headers={"Content-Type": "text/plain"}, timeout=5
    )
    assert sent.status_code == 415
    assert list(videos.list()) == []


def test_an_order_may_be_plain_json(idle: Served) -> None:
    order = {
        "prompt": "A cat",
        "seconds": 3,
        "size": "1280x720",
        "input_reference": {"image_url": data_url(png())},
    }
    made = requests.post(f"{idle.url}/v1/videos", json=order, timeout=5).json()
    assert (made["status"], made["seconds"], made["size"]) == ("queued", "3", "1280x720")


def test_one_idempotency_key_is_one_clip_however_the_form_is_bounded(lonely: openai.OpenAI) -> None:
    videos = lonely.videos
    key = {"Idempotency-Key": "order-1"}
    picture = ("still.png", png(), "image/png")
    made = {
        videos.create(prompt="A cat", input_reference=picture, extra_headers=key, **SMALL).id  # type: ignore[arg-type]
        for _ in range(3)
    }
    assert len(made) == 1
    with pytest.raises(openai.ConflictError):
        lonely.with_options(max_retries=0).videos.create(prompt="A dog", extra_headers=key, **SMALL)  # type: ignore[arg-type]


def test_a_chat_answers(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model="grok",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
    )
    assert said.id.startswith("chatcmpl-job_")
    assert said.object == "chat.completion"
    assert said.choices[0].finish_reason == "stop"
    assert said.choices[0].message.content


def test_a_chat_looks_at_a_picture(client: openai.OpenAI) -> None:
    ask = client.chat.completions.create

    def answer(picture: bytes) -> str | None:
        said = ask(
            model="grok-vision",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Describe this image."},
                        {"type": "image_url", "image_url": {"url": data_url(picture)}},
                    ],
                }
            ],
        )
        return said.choices[0].message.content

    assert answer(png())
    with pytest.raises(openai.BadRequestError):
        answer(b"not a picture")


def test_a_stream_brings_the_words_of_the_whole_answer(client: openai.OpenAI) -> None:
    chat = client.chat.completions
    question: list[Any] = [{"role": "user", "content": "Tell me a short story."}]
    chunks = list(
        chat.create(model="grok", messages=question, stream=True, stream_options={"include_usage": True})
    )
    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    whole = chat.create(model="grok", messages=question)
    assert "".join(words) == whole.choices[0].message.content
    assert len([word for word in words if word]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert whole.model_extra is not None
    assert whole.model_extra["from_store"] is True


def test_a_chat_without_a_worker_ends_in_time_is_not_asked_twice_and_names_its_job(
    idle: Served, lonely: openai.OpenAI
) -> None:
    chat = lonely.chat.completions
    with pytest.raises(openai.InternalServerError, match=r"job_[0-9a-f]{24}") as late:
        chat.create(model="grok", messages=[{"role": "user", "content": "Hello?"}])
    assert (late.value.status_code, late.value.code) == (504, "timeout")
    assert len(requests.get(f"{idle.url}/jobs", timeout=5).json()["jobs"]) == 1
    with pytest.raises(openai.APIError, match=r"job_[0-9a-f]{24}"):
        list(chat.create(model="grok", messages=[{"role": "user", "content": "Still?"}], stream=True))


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"response_format": {"type": "json_object"}},
        {"n": 2},
        {"stop": ["."]},
    ],
)
def test_a_chat_refuses_what_it_would_have_to_ignore(lonely: openai.OpenAI, more: dict[str, object]) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        lonely.chat.completions.create(  # type: ignore[call-overload]
            model="grok", messages=[{"role": "user", "content": "Hello?"}], **more
        )


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", '{"messages": [{"role": "user", "content": "%s"}]}'),
        ("chat/completions", '{"messages": [{"role": "user", "content": [{"type": "text", "text": "%s"}]}]}'),
        ("chat/completions", '{"metadata": {"%s": ""}, "messages": [{"role": "user", "content": "Hello?"}]}'),
        ("images/generations", '{"prompt": "%s"}'),
        ("videos", '{"prompt": "%s"}'),
        ("videos/generations", '{"prompt": "%s"}'),
    ],
)
def test_half_a_character_is_refused_at_the_border(idle: Served, path: str, body: str) -> None:
    said = requests.post(
        f"{idle.url}/v1/{path}",
        data=body % r"\ud800",
        headers={"Content-Type": "application/json"},
        timeout=5,
    )
    assert said.status_code == 422, said.text


def test_an_empty_question_is_not_paid_for(idle: Served) -> None:
    for content in ("", " ", [{"type": "text", "text": ""}]):
        body: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
        answer = requests.post(f"{idle.url}/v1/chat/completions", json=body, timeout=5)
        assert answer.status_code == 422


def test_the_models_are_listed(lonely: openai.OpenAI) -> None:
    models = lonely.models
    names = [model.id for model in models.list()]
    assert names == ["animatic-1"]
    assert models.retrieve(names[0]).owned_by == "animatic"
    with pytest.raises(openai.NotFoundError):
        models.retrieve("sora-2")


def test_stills_come_whole_or_by_address(client: openai.OpenAI) -> None:
    images = client.images
    made = images.generate(model="grok", prompt="A fox", n=2, size="1024x1024", response_format="b64_json")
    assert made.data is not None
    pictures = [base64.b64decode(still.b64_json or "") for still in made.data]
    assert [Image.open(io.BytesIO(picture)).format for picture in pictures] == ["JPEG", "JPEG"]
    linked = images.generate(model="grok", prompt="A fox", size="1024x1024")
    assert linked.data is not None
    link = linked.data[0].url or ""
    assert requests.get(link, timeout=5).content == pictures[0]
    assert requests.get(link.replace(".jpg", ".mp4"), timeout=5).status_code == 404
    with pytest.raises(openai.UnprocessableEntityError, match="1024x1024"):
        images.generate(prompt="A fox", size="17x17")
