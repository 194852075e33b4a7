"""The emulator answers the true SDK as xAI does: every service, every price, every refusal."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import av
import grpc
import pytest
import requests
from PIL import Image
from pydantic import BaseModel, Field
from xai_sdk import Client
from xai_sdk.chat import image as picture_part
from xai_sdk.chat import user
from xai_sdk.proto import deferred_pb2, image_pb2, image_pb2_grpc

from spicy.emulator import Emulator

CENT = 10**8
IMAGE = "grok-imagine-image-2.0"
VIDEO = "grok-imagine-video"
VIDEO_15 = "grok-imagine-video-1.5"


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(time_scale=0.001, latencies={"submit": 0}) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.reset()
    return running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    with Client(api_key="test-key", api_host=emulator.host) as made:
        yield made


def data_url(size: tuple[int, int] = (64, 36), kind: str = "png") -> str:
    out = io.BytesIO()
    Image.new("RGB", size, "orange").save(out, kind)
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"


def ask(client: Client, prompt: str, shape: Any = None, model: str = "grok-4.3", **more: Any) -> Any:
    chat = client.chat.create(model, response_format=shape, **more)
    chat.append(user(prompt))
    return chat.sample()


def wait(client: Client, request_id: str) -> Any:
    deadline = time.monotonic() + 10
    while (state := client.video.get(request_id)).status == deferred_pb2.DeferredStatus.PENDING:
        assert 0 <= state.response.progress <= 99
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return state


def make_clip(client: Client, seconds: int = 1, *, model: str = VIDEO, **more: Any) -> Any:
    return wait(client, client.video.start("it moves", model, duration=seconds, **more).request_id).response


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


# --- chat ---------------------------------------------------------------------------------------------


class Hero(BaseModel):
    name: str
    role: str
    description: str


class Scene(BaseModel):
    title: str
    characters: list[str]
    action: str
    duration: int = Field(ge=1, le=15)


class Story(BaseModel):
    title: str
    style: str
    characters: list[Hero]
    scenes: list[Scene]


STORY = """\
Concept: A fox meets an owl
Style: Ink on paper
Scenes: 5
Character (use exactly this name and description): Ember (the brave): A red fox: small.
Reference picture: old owl (name a character exactly so)
"""


def test_a_story_has_the_scenes_and_names_that_were_asked_for(client: Client) -> None:
    story = Story.model_validate_json(ask(client, STORY, Story).content)
    assert story.style == "Ink on paper"
    assert [c.name for c in story.characters] == ["Ember", "old owl"]
    assert story.characters[0] == Hero(name="Ember", role="the brave", description="A red fox: small.")
    assert len(story.scenes) == 5
    assert all(0 < len(s.characters) <= 2 and {"Ember", "old owl"} >= {*s.characters} for s in story.scenes)
    assert len({s.title for s in story.scenes}) == 5


def test_a_story_of_nothing_has_two_characters_and_three_scenes(client: Client) -> None:
    story = Story.model_validate_json(ask(client, "Tell me something", Story).content)
    assert len(story.characters) == 2
    assert len(story.scenes) == 3


def test_written_scenes_come_back_unchanged(client: Client) -> None:
    prompt = "Scenes: 1\nScene 1: Dusk | with Ada and Ben | a quay | they wave"
    story = Story.model_validate_json(ask(client, prompt, Story).content)
    assert [c.name for c in story.characters] == ["Ada", "Ben"]
    assert (story.scenes[0].title, story.scenes[0].action) == ("Dusk", "they wave")


class Verdict(BaseModel):
    score: float = Field(ge=0, le=1)
    problems: list[str]


class Match(BaseModel):
    label: str
    name: str


class Matches(BaseModel):
    matches: list[Match]


def test_a_verdict_is_good_unless_told_otherwise(client: Client, emulator: Emulator) -> None:
    good = Verdict.model_validate_json(ask(client, "how is it?", Verdict).content)
    emulator.set_faults(["chat:low_score"])
    poor = Verdict.model_validate_json(ask(client, "how is it?", Verdict).content)
    assert good.score >= 0.8
    assert not good.problems
    assert poor.score < 0.8
    assert poor.problems


def test_labels_are_matched_to_characters(client: Client) -> None:
    prompt = "Label: bird\nLabel: ember\nCharacter: Ember (hero): a fox\nCharacter: Sage: an owl"
    found = Matches.model_validate_json(ask(client, prompt, Matches).content)
    assert [(m.label, m.name) for m in found.matches] == [("bird", "Sage"), ("ember", "Ember")]


class Anything(BaseModel):
    kind: Literal["a", "b"]
    count: int = Field(ge=3, lt=5)
    share: float = Field(gt=0, lt=1)
    many: list[Hero] = Field(min_length=3, max_length=3)
    maybe: int | None
    nested: dict[str, str] | list[bool]
    code: str = Field(min_length=40, max_length=50)


def test_any_schema_is_answered_with_valid_data(client: Client) -> None:
    for n in range(5):
        assert len(Anything.model_validate_json(ask(client, f"go {n}", Anything).content).many) == 3


def test_chat_is_billed_by_the_call_and_says_who_answered(client: Client, emulator: Emulator) -> None:
    assert ask(client, "hello", model="grok-4.7").usage.cost_in_usd_ticks == 2 * CENT
    old = ask(client, "hello", model="grok-4-1-fast-reasoning")
    assert old.proto.model == "grok-4.3"
    assert emulator.bill == 2.5 * CENT


def test_prices_of_chats_can_be_set() -> None:
    with (
        Emulator(time_scale=0, chat_prices={"grok-4.3": "0.0123"}) as dear,
        Client(api_key="test-key", api_host=dear.host) as client,
    ):
        assert ask(client, "hello").usage.cost_in_usd_ticks == 1.23 * CENT


def test_chat_streams_and_sees_pictures(client: Client) -> None:
    chat = client.chat.create("grok-4.3")
    chat.append(user("what is it?", picture_part(data_url())))
    *_, (response, _chunk) = chat.stream()
    assert response.content.startswith("Here is")
    assert response.usage.prompt_image_tokens


# --- images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "size", "cents"),
    [
        ({"aspect_ratio": "16:9"}, (1408, 768), 4),
        ({"aspect_ratio": "1:1", "quality": "medium"}, (1024, 1024), 6),
        ({"aspect_ratio": "9:16", "resolution": "2k"}, (1536, 2816), 6),
        ({"image_urls": [data_url(), data_url()], "quality": "low", "aspect_ratio": "3:2"}, (1296, 864), 6),
        ({"image_url": data_url((64, 64))}, (1024, 1024), 7),
    ],
)
def test_a_picture_has_its_size_and_its_price(
    client: Client, more: dict[str, Any], size: tuple[int, int], cents: int
) -> None:
    made = client.image.sample("a fox", IMAGE, **more)
    assert made.usage.cost_in_usd_ticks == cents * CENT
    reply = get(made.url)
    assert reply.headers["Content-Type"] == "image/jpeg"
    with Image.open(io.BytesIO(reply.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", size)


def test_each_request_gets_a_picture_of_its_own(client: Client, emulator: Emulator) -> None:
    pictures = {client.image.sample("a fox", IMAGE, image_format="base64").image for _ in range(2)}
    pictures |= {made.image for made in client.image.sample_batch("an owl", IMAGE, 2, image_format="base64")}
    assert len(pictures) == 4
    assert sorted(emulator.contents.values()) == [1, 2]
    assert emulator.bill == 16 * CENT


def test_the_same_bytes_are_the_same_content_however_they_travel(client: Client, emulator: Emulator) -> None:
    url = data_url()
    file_id = client.files.upload(base64.b64decode(url.partition(",")[2]), filename="fox.png").id
    client.image.sample("a fox", IMAGE, image_url=url)
    client.image.sample("a fox", IMAGE, image_file_id=file_id)
    assert list(emulator.contents.values()) == [2]


def test_output_can_be_stored(client: Client) -> None:
    options: Any = {"filename": "fox.jpg", "public_url": True}
    made = client.image.sample("a fox", IMAGE, storage_options=options)
    assert made.file_output is not None
    assert client.files.content(made.file_output.file_id) == get(made.public_url or "").content


# --- video --------------------------------------------------------------------------------------------


def probe(data: bytes) -> tuple[int, int, float, list[str]]:
    with av.open(io.BytesIO(data)) as clip:
        video = clip.streams.video[0]
        assert video.duration is not None
        seconds = float(video.duration * (video.time_base or 0))
        assert sum(1 for _ in clip.decode(video)) == round(seconds * 24)
        return video.width, video.height, seconds, [s.codec_context.name for s in clip.streams]


@pytest.mark.parametrize(
    ("more", "size", "cents"),
    [
        ({"resolution": "720p", "image_url": data_url()}, (1280, 720), 14.2),
        ({"resolution": "480p", "aspect_ratio": "9:16"}, (480, 848), 10),
        ({"resolution": "1080p", "model": VIDEO_15, "image_url": data_url((40, 40))}, (1080, 1080), 51),
        ({"reference_image_urls": [data_url()] * 3, "aspect_ratio": "4:3"}, (640, 480), 10.6),
    ],
)
def test_a_clip_has_its_size_its_price_and_a_little_more_than_its_length(
    client: Client, more: dict[str, Any], size: tuple[int, int], cents: float
) -> None:
    made = make_clip(client, 2, **more)
    assert (made.video.duration, made.progress) == (2, 100)
    assert made.usage.cost_in_usd_ticks == round(cents * CENT)
    width, height, seconds, codecs = probe(get(made.video.url).content)
    assert (width, height) == size
    assert 2 < seconds < 2.1
    assert codecs == ["h264", "aac"]


def test_a_clip_can_be_silent(client: Client) -> None:
    assert probe(get(make_clip(client, generate_audio=False).video.url).content)[3] == ["h264"]


def test_a_clip_is_edited_and_extended(client: Client, emulator: Emulator) -> None:
    url = make_clip(client, 2, resolution="720p").video.url
    clip = get(url).content
    edit = wait(client, client.video.start("bluer", VIDEO, video_url=url).request_id).response
    assert edit.usage.cost_in_usd_ticks == 21 * CENT  # 2.04 s are three
    assert probe(get(edit.video.url).content)[:3] == probe(clip)[:3]
    file_id = client.files.upload(clip, filename="clip.mp4").id
    longer = client.video.extend_start("on", VIDEO, video_file_id=file_id, duration=3)
    made = wait(client, longer.request_id).response
    assert made.usage.cost_in_usd_ticks == 21 * CENT
    assert probe(get(made.video.url).content)[2] == pytest.approx(5.04, abs=0.01)
    assert [r.kind for r in emulator.accepted] == ["video", "edit", "extend"]


def test_links_serve_ranges_and_die(client: Client) -> None:
    url = client.image.sample("a fox", IMAGE).url
    whole = get(url).content
    part = get(url, Range=f"bytes={len(whole) // 2}-")
    assert (part.status_code, part.content) == (206, whole[len(whole) // 2 :])
    assert get(url, Range="bytes=0-9").headers["Content-Range"] == f"bytes 0-9/{len(whole)}"
    assert get(url, Range=f"bytes={len(whole)}-").status_code == 416
    assert requests.head(url, timeout=5).headers["Content-Length"] == str(len(whole))
    with (
        Emulator(time_scale=1, latencies={"image": 0}, link_seconds=0) as brief,
        Client(api_key="test-key", api_host=brief.host) as other,
    ):
        assert get(other.image.sample("a fox", IMAGE).url).status_code == 404


def test_a_new_poll_gives_a_new_link_until_the_request_is_forgotten() -> None:
    quick = {"video": 0, "submit": 0}
    with (
        Emulator(time_scale=1, latencies=quick, link_seconds=0, kept_seconds=0.2) as brief,
        Client(api_key="test-key", api_host=brief.host) as client,
    ):
        request_id = client.video.start("it moves", VIDEO, duration=1).request_id
        assert len({client.video.get(request_id).response.video.url for _ in range(2)}) == 2
        time.sleep(0.25)
        assert client.video.get(request_id).status == deferred_pb2.DeferredStatus.EXPIRED


# --- the rest -----------------------------------------------------------------------------------------


def test_files_are_kept_published_and_thrown_away(client: Client, emulator: Emulator) -> None:
    data = bytes(range(256)) * 20_000
    kept = client.files.upload(data, filename="noise.bin")
    assert client.files.get(kept.id).size == len(data)
    assert client.files.content(kept.id) == data
    assert [f.id for f in client.files.list().data] == [kept.id]
    url = client.files.create_public_url(kept.id).public_url
    assert get(url).content == data
    client.files.revoke_public_url(kept.id)
    assert get(url).status_code == 404
    assert client.files.delete(kept.id).deleted
    with pytest.raises(grpc.RpcError, match="File not found"):
        client.files.get(kept.id)
    assert emulator.ledger.counts["uploads"] == 1


def test_models_prices_and_the_key_can_be_read(client: Client) -> None:
    images = {m.name: m for m in client.models.list_image_generation_models()}
    assert images[IMAGE].max_prompt_length == 64_000
    assert images[IMAGE].image_price == 4 * CENT
    assert client.models.get_image_generation_model("grok-imagine-image-pro").name == IMAGE
    assert "grok-4.7" in {m.name for m in client.models.list_language_models()}
    assert client.models.get_language_model("grok-4.3").completion_text_token_price == 25_000
    assert not list(client.models.list_embedding_models())
    info = client.auth.get_api_key_info()
    assert not any([info.disabled, info.api_key_blocked, info.team_blocked])
    assert len(client.tokenize.tokenize_text("eight ch", model="grok-4.3")) == 2


def test_the_ledger_can_be_written_as_json(client: Client, emulator: Emulator) -> None:
    client.image.sample("a fox", IMAGE)
    told = json.loads(json.dumps(emulator.ledger.as_json()))
    assert told["bill_usd"] == 0.04
    assert told["by_kind"] == {"image": 1}
    assert told["most_in_flight"] == {"image": 1, "all": 1}


# --- refusals -----------------------------------------------------------------------------------------

Call = Callable[[Client], object]
BIG = f"data:image/png;base64,{base64.b64encode(bytes(11 << 20)).decode()}"
BAD_IMAGE = "data:image/png;base64,aGVsbG8="


def picture(prompt: str = "a fox", model: str = IMAGE, **more: Any) -> Call:
    return lambda client: client.image.sample(prompt, model, **more)


def clip(prompt: str = "it moves on", model: str = VIDEO, **more: Any) -> Call:
    return lambda client: client.video.start(prompt, model, **more)


def extension(seconds: int) -> Call:
    return lambda c: c.video.extend_start("on", VIDEO, video_url=make_clip(c, 2).video.url, duration=seconds)


def edit_of(seconds: int, **more: Any) -> Call:
    return lambda c: clip(video_url=make_clip(c, seconds).video.url, **more)(c)


REFUSED: dict[str, tuple[Call, str, str]] = {
    "unknown chat model": (lambda c: ask(c, "hi", model="grok-9"), "NOT_FOUND", "does not exist"),
    "reasoning off": (
        lambda c: ask(c, "hi", model="grok-4.7", reasoning_effort="none"),
        "INVALID_ARGUMENT",
        "reasoning_effort",
    ),
    "unknown image model": (picture(model="grok-imagine-image-9"), "NOT_FOUND", "does not exist"),
    "unknown video model": (clip(model="grok-imagine-video-2.0"), "NOT_FOUND", "does not exist"),
    "unknown request": (lambda c: c.video.get("no-such"), "NOT_FOUND", "Request not found"),
    "unknown file": (picture(image_file_id="file_0"), "NOT_FOUND", "File not found"),
    "n": (lambda c: c.image.sample_batch("a fox", IMAGE, 11), "INVALID_ARGUMENT", "between 1 and 10"),
    "image prompt in bytes": (
        picture("é" * 8001, model="grok-imagine-image"),
        "INVALID_ARGUMENT",
        "maximum allowed length of 16000",
    ),
    "empty prompt": (picture(" "), "INVALID_ARGUMENT", "empty"),
    "six pictures": (picture(image_urls=[data_url()] * 6), "INVALID_ARGUMENT", "at most 5 input image"),
    "quality of 1.0": (picture(model="grok-imagine-image", quality="low"), "INVALID_ARGUMENT", "Quality"),
    "large picture": (picture(image_url=BIG), "INVALID_ARGUMENT", "too large"),
    "no picture": (picture(image_url=BAD_IMAGE), "INVALID_ARGUMENT", "decode"),
    "a GIF": (picture(image_url=data_url(kind="gif")), "INVALID_ARGUMENT", "Unsupported image format"),
    "a link elsewhere": (picture(image_url="http://127.0.0.1:9/a.png"), "DATA_LOSS", "fetch"),
    "video prompt in bytes": (clip("é" * 2049), "INVALID_ARGUMENT", "length of 4096"),
    "16 s": (clip(duration=16), "INVALID_ARGUMENT", "between 1 and 15"),
    "1080p of the classic": (clip(resolution="1080p"), "INVALID_ARGUMENT", "1080p"),
    "15 references": (clip(reference_image_urls=[data_url()] * 15), "INVALID_ARGUMENT", "allowed is 14"),
    "references and a still": (
        clip(reference_image_urls=[data_url()], image_url=data_url()),
        "INVALID_ARGUMENT",
        "together",
    ),
    "references of lite": (
        clip(model="grok-imagine-video-1.5-lite", reference_image_urls=[data_url()]),
        "INVALID_ARGUMENT",
        "`reference_images` is not supported",
    ),
    "long references": (
        clip(reference_image_urls=[data_url()], duration=11),
        "INVALID_ARGUMENT",
        "at most 10 seconds",
    ),
    "1080p with references": (
        clip(model=VIDEO_15, reference_image_urls=[data_url()], resolution="1080p"),
        "INVALID_ARGUMENT",
        "at most 720p",
    ),
    "last frame of the classic": (clip(last_frame_url=data_url()), "INVALID_ARGUMENT", "`last_frame`"),
    "keyframes too close": (
        clip(model=VIDEO_15, keyframes=[{"image_url": data_url(), "timestamp": t} for t in (1.0, 1.1)]),
        "INVALID_ARGUMENT",
        "1/3 second",
    ),
    "unknown voice": (
        clip(model=VIDEO_15, reference_audios=[{"voice_id": "nobody"}]),
        "INVALID_ARGUMENT",
        "Unknown voice",
    ),
    "edit of 9 s": (edit_of(9), "INVALID_ARGUMENT", "too long"),
    "edit on 1.5": (edit_of(2, model=VIDEO_15), "INVALID_ARGUMENT", "not supported for model"),
    "edit with a length": (edit_of(2, duration=3), "INVALID_ARGUMENT", "duration is not supported"),
    "extension by 16 s": (extension(16), "INVALID_ARGUMENT", "between 1 and 15"),
    "bad file name": (
        lambda c: c.files.upload(b"x", filename='a"b'),
        "INVALID_ARGUMENT",
        "Invalid filename",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_xai_refuses_is_refused_and_costs_nothing(client: Client, emulator: Emulator, name: str) -> None:
    call, code, text = REFUSED[name]
    with pytest.raises(grpc.RpcError) as caught:
        call(client)
    assert caught.value.code().name == code
    assert text in caught.value.details()
    assert {r.prompt for r in emulator.accepted} <= {"it moves"}
    assert emulator.ledger.refused == {code: 1}


@pytest.mark.parametrize(
    "schema",
    ['{"enum": []}', '{"anyOf": []}', '{"$ref": "#"}', '{"type": "array", "items": [{}]}', "nonsense"],
)
def test_bad_schemas_are_refused(client: Client, schema: str) -> None:
    chat = client.chat.create("grok-4.3", messages=[user("go")], response_format=Verdict)
    chat.proto.response_format.schema = schema
    with pytest.raises(grpc.RpcError, match="Invalid response_format schema"):
        chat.sample()


@pytest.mark.parametrize("field", ["aspect_ratio", "resolution", "quality"])
def test_shapes_that_the_sdk_would_not_send_are_refused_too(emulator: Emulator, field: str) -> None:
    with grpc.insecure_channel(emulator.host) as channel:
        stub = image_pb2_grpc.ImageStub(channel)
        request = image_pb2.GenerateImageRequest(prompt="a fox", model=IMAGE, **{field: 99})
        with pytest.raises(grpc.RpcError) as caught:
            stub.GenerateImage(request, metadata=[("authorization", "Bearer test-key")])
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as caught:
            stub.GenerateImage(request)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_another_key_is_not_let_in_anywhere(emulator: Emulator) -> None:
    calls: list[Call] = [
        lambda c: c.auth.get_api_key_info(),
        lambda c: ask(c, "hi"),
        picture(),
        clip(),
        lambda c: c.files.upload(b"x", filename="x"),
        lambda c: c.files.content("x"),
        lambda c: c.models.list_language_models(),
    ]
    with Client(api_key="another", api_host=emulator.host) as stranger:
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call(stranger)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
            assert "another" not in caught.value.details()
    assert emulator.bill == 0
