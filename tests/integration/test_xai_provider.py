"""The xAI provider over a real gRPC connection: what travels, how often, and what each end of a call becomes."""

from __future__ import annotations

import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from PIL import Image
from xai_sdk.proto import auth_pb2, chat_pb2, deferred_pb2, files_pb2, image_pb2, usage_pb2, video_pb2

from spicy.canonical_json import digest_file
from spicy.errors import CallFailed, Expired, Interrupted, ProviderUnreachable, Refused, UsageError
from spicy.ids import Digest, Ticks
from spicy.ports import (
    Answer,
    Call,
    ChatCall,
    EditCall,
    ExtendCall,
    ImageCall,
    OrderOnly,
    Running,
    Schema,
    Ticket,
    VideoCall,
)
from spicy.providers.xai import RateSettings, ReplyLost, RetryPolicy, XaiProvider, once, pictures
from spicy.providers.xai.pace import Backoff

KEY = "xai-S3cr3tS3cr3tS3cr3t"
CODES = grpc.StatusCode
STATUS = deferred_pb2.DeferredStatus
CENT = 100_000_000

METHODS = {
    "/xai_api.Chat/GetCompletion": chat_pb2.GetCompletionsRequest,
    "/xai_api.Image/GenerateImage": image_pb2.GenerateImageRequest,
    "/xai_api.Video/GenerateVideo": video_pb2.GenerateVideoRequest,
    "/xai_api.Video/GetDeferredVideo": video_pb2.GetDeferredVideoRequest,
    "/xai_api.Auth/get_api_key_info": empty_pb2.Empty,
    "/xai_api.Files/UploadFile": files_pb2.UploadFileChunk,
    "/xai_api.Video/ExtendVideo": video_pb2.ExtendVideoRequest,
}
CHAT, IMAGE, START, GET, AUTH, UPLOAD, EXTEND = METHODS

Said = tuple[grpc.StatusCode, str]


class Server(grpc.GenericRpcHandler):
    """Answers each method by the next entry of its script, the last one for ever, and keeps the requests."""

    def __init__(self) -> None:
        self.script: dict[str, list[Any]] = defaultdict(list)
        self.asked: dict[str, list[Any]] = defaultdict(list)
        self.keys: set[str] = set()
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = details.method
        self.keys.add(str(dict(details.invocation_metadata).get("authorization")))

        def reply(request: Any, context: grpc.ServicerContext) -> Any:
            self.asked[method].append(request if method != UPLOAD else list(request))
            script = self.script[method]
            entry = script.pop(0) if len(script) > 1 else script[0]
            if callable(entry):
                entry = entry(context)
            if isinstance(entry, tuple):
                context.abort(*entry)
            return entry

        make = (
            grpc.stream_unary_rpc_method_handler if method == UPLOAD else grpc.unary_unary_rpc_method_handler
        )
        return make(reply, METHODS[method].FromString, lambda message: message.SerializeToString())

    def stop(self) -> None:
        """Break every connection."""
        self._server.stop(0).wait()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def patient(server: Server, tries: int = 3, **more: Any) -> XaiProvider:
    """A provider that hardly waits."""
    quick = Backoff(tries, first=0.001, longest=0.01)
    return XaiProvider(
        KEY,
        host=f"127.0.0.1:{server.port}",
        rates=RateSettings(1000, 1000, 1000),
        patience=RetryPolicy(quick, quick, quick, quick),
        **more,
    )


@pytest.fixture
def xai(server: Server) -> Iterator[XaiProvider]:
    made = patient(server)
    yield made
    made.close()


def usage(cents: int) -> usage_pb2.SamplingUsage:
    return usage_pb2.SamplingUsage(cost_in_usd_ticks=cents * CENT)


def said(text: str, **more: Any) -> chat_pb2.GetChatCompletionResponse:
    message = chat_pb2.CompletionMessage(role=chat_pb2.ROLE_ASSISTANT, content=text)
    output = chat_pb2.CompletionOutput(index=0, message=message, **more)
    return chat_pb2.GetChatCompletionResponse(outputs=[output], model="grok-4.7", usage=usage(2))


def drawn(url: str = "http://127.0.0.1:1/a.jpg", fine: bool = True) -> image_pb2.ImageResponse:
    image = image_pb2.GeneratedImage(url=url, respect_moderation=fine)
    return image_pb2.ImageResponse(images=[image], model="grok-imagine-image-2.0", usage=usage(4))


def clip(url: str = "http://127.0.0.1:1/a.mp4", fine: bool = True) -> video_pb2.GetDeferredVideoResponse:
    video = video_pb2.GeneratedVideo(url=url, duration=3, respect_moderation=fine)
    response = video_pb2.VideoResponse(video=video, model="grok-imagine-video", usage=usage(21), progress=100)
    return video_pb2.GetDeferredVideoResponse(status=STATUS.DONE, response=response)


def failed(code: str, message: str) -> video_pb2.GetDeferredVideoResponse:
    response = video_pb2.VideoResponse(error=video_pb2.VideoError(code=code, message=message), usage=usage(7))
    return video_pb2.GetDeferredVideoResponse(status=STATUS.FAILED, response=response)


def started(id: str = "r-1") -> deferred_pb2.StartDeferredResponse:
    return deferred_pb2.StartDeferredResponse(request_id=id)


SCHEMA = Schema("verdict", '{"properties":{"score":{"type":"number"}},"type":"object"}')
ASK = ChatCall(model="grok-4.7", prompt="Well?", schema=SCHEMA)
DRAW = ImageCall(
    model="grok-imagine-image-2.0", prompt="A fox", aspect_ratio="16:9", resolution="1k", quality="low"
)


def still(folder: Path, name: str, form: str = "JPEG", side: int = 16) -> tuple[Digest, Path]:
    path = folder / name
    with path.open("wb") as file:
        Image.effect_noise((side, side), 80).convert("RGB").save(file, form)
    return digest_file(path), path


def animate(folder: Path) -> tuple[VideoCall, dict[Digest, Path]]:
    digest, path = still(folder, "still.jpg")
    call = VideoCall(
        model="grok-imagine-video",
        prompt="It runs",
        image=digest,
        duration=3,
        resolution="480p",
        aspect_ratio="16:9",
    )
    return call, {digest: path}


def test_a_chat_carries_its_schema_untouched_and_its_pictures_in_order(
    server: Server, xai: XaiProvider, tmp_path: Path
) -> None:
    server.script[CHAT] = [said('{"score":1}')]
    files = dict([still(tmp_path, "a.jpg"), still(tmp_path, "b.webp", "WEBP")])
    call = ChatCall(model="grok-4.7", prompt="Well?", schema=SCHEMA, images=tuple(files))
    assert xai.submit(call, files) == Answer("grok-4.7", Ticks(2 * CENT), text='{"score":1}')
    (request,) = server.asked[CHAT]
    assert request.response_format.schema == SCHEMA.text
    assert request.response_format.format_type == chat_pb2.FORMAT_TYPE_JSON_SCHEMA
    words, first, second = request.messages[0].content
    assert words.text == "Well?"
    assert first.image_url.image_url == pictures.Inline((tmp_path / "a.jpg").read_bytes(), "image/jpeg").url()
    assert second.image_url.image_url.startswith("data:image/jpeg;base64,")
    assert server.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    "reply", [said('{"sco', finish_reason=2), chat_pb2.GetChatCompletionResponse(usage=usage(2))]
)
def test_an_answer_that_is_cut_off_or_empty_is_handed_on_with_its_cost(
    server: Server, xai: XaiProvider, reply: chat_pb2.GetChatCompletionResponse
) -> None:
    server.script[CHAT] = [reply]
    answer = xai.submit(ASK, {})
    assert isinstance(answer, Answer)
    assert (answer.text, answer.model, answer.cost) in {
        ('{"sco', "grok-4.7", 2 * CENT),
        ("", "grok-4.7", 2 * CENT),
    }


def test_a_cost_that_is_not_said_is_not_taken_for_nothing(
    server: Server, xai: XaiProvider, tmp_path: Path
) -> None:
    server.script[CHAT] = [chat_pb2.GetChatCompletionResponse(model="grok-4.7")]
    done = clip()
    done.response.ClearField("usage")
    server.script[START], server.script[GET] = [started()], [done]
    for answer in (xai.submit(ASK, {}), xai.poll(Ticket("r-1"))):
        assert isinstance(answer, Answer)
        assert answer.cost is None


def test_references_travel_beside_the_first_frame(server: Server, xai: XaiProvider, tmp_path: Path) -> None:
    server.script[START] = [started()]
    call, files = animate(tmp_path)
    more = dict([still(tmp_path, "a.jpg"), still(tmp_path, "b.jpg", side=32)])
    xai.submit(replace(call, references=tuple(more)), {**files, **more})
    (request,) = server.asked[START]
    assert request.image.image_url.startswith("data:image/jpeg;base64,")
    sent = [reference.image_url for reference in request.reference_images]
    assert sent == [pictures.Inline(path.read_bytes(), "image/jpeg").url() for path in more.values()]


def test_a_clip_is_made_longer_by_the_part_that_is_added(
    server: Server, xai: XaiProvider, tmp_path: Path
) -> None:
    server.script[EXTEND] = [started("r-2")]
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 32)
    digest = digest_file(path)
    call = ExtendCall(model="grok-imagine-video", prompt="On", video=digest, seconds=6, resolution="720p")
    assert xai.submit(call, {digest: path}) == Ticket("r-2")
    (request,) = server.asked[EXTEND]
    assert (request.duration, request.prompt, request.model) == (6, "On", "grok-imagine-video")
    assert request.video.url.startswith("data:video/mp4;base64,")


def test_a_still_is_drawn_and_edited_with_what_its_call_says(
    server: Server, xai: XaiProvider, tmp_path: Path
) -> None:
    server.script[IMAGE] = [drawn()]
    files = dict([still(tmp_path, "a.jpg"), still(tmp_path, "b.png", "PNG")])
    one, two = files
    more = {"model": "grok-imagine-image", "prompt": "A fox", "aspect_ratio": "1:1", "resolution": "2k"}
    order_only = OrderOnly(images=(two,), note="Like <IMAGE_1>.")
    expected = Answer("grok-imagine-image-2.0", Ticks(4 * CENT), link="http://127.0.0.1:1/a.jpg")
    assert xai.submit(DRAW, {}) == expected
    xai.submit(ImageCall(images=(one,), quality="low", **more), files)
    xai.submit(ImageCall(images=(one,), order_only=order_only, **more), files)
    plain, edit, both = server.asked[IMAGE]
    assert (plain.n, plain.format, plain.prompt) == (1, image_pb2.IMG_FORMAT_URL, "A fox")
    assert plain.aspect_ratio == image_pb2.IMG_ASPECT_RATIO_16_9
    assert (plain.resolution, plain.quality) == (image_pb2.IMG_RESOLUTION_1K, image_pb2.IMG_QUALITY_LOW)
    assert not plain.HasField("image")
    assert not edit.HasField("quality")
    assert edit.image.image_url.startswith("data:image/jpeg;")
    assert [i.image_url.partition(";")[0] for i in both.images] == ["data:image/jpeg", "data:image/png"]
    assert both.prompt == "A fox\nLike <IMAGE_1>."


def test_pictures_that_do_not_fit_into_a_request_go_as_files_all_of_them(
    server: Server, xai: XaiProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "REQUEST_BYTES", 900)
    monkeypatch.setattr(once, "REQUEST_BYTES", 900)
    server.script[IMAGE] = [drawn()]
    server.script[UPLOAD] = [files_pb2.File(id="file-1"), files_pb2.File(id="file-2")]
    files = dict([still(tmp_path, "a.jpg"), still(tmp_path, "b.jpg", side=32)])
    xai.submit(
        ImageCall(model="m", prompt="p", aspect_ratio="1:1", resolution="1k", images=tuple(files)), files
    )
    assert [i.file_id for i in server.asked[IMAGE][0].images] == ["file-1", "file-2"]
    assert not any(i.image_url for i in server.asked[IMAGE][0].images)
    first = server.asked[UPLOAD][0]
    assert (first[0].init.name, first[0].init.expires_after) == ("spicy.jpg", 86400)
    assert b"".join(chunk.data for chunk in first[1:])[:3] == b"\xff\xd8\xff"


def test_a_clip_lives_from_ticket_to_answer(server: Server, xai: XaiProvider, tmp_path: Path) -> None:
    pending = video_pb2.GetDeferredVideoResponse(
        status=STATUS.PENDING, response=video_pb2.VideoResponse(progress=40)
    )
    server.script[START] = [started()]
    server.script[GET] = [
        (CODES.INVALID_ARGUMENT, "not yet"),
        video_pb2.GetDeferredVideoResponse(),
        pending,
        clip(),
    ]
    ticket = xai.submit(*animate(tmp_path))
    assert ticket == Ticket("r-1")
    states = [xai.poll(Ticket("r-1")) for _ in range(4)]
    done = Answer("grok-imagine-video", Ticks(21 * CENT), link="http://127.0.0.1:1/a.mp4")
    assert states == [Running(None), Running(0.4), done, done]
    (request,) = server.asked[START]
    assert (request.prompt, request.duration) == ("It runs", 3)
    assert request.resolution == video_pb2.VIDEO_RESOLUTION_480P
    assert request.image.image_url.startswith("data:image/jpeg;base64,")
    assert not request.HasField("aspect_ratio")


def test_a_correction_carries_its_clip_and_nothing_that_would_change_it(
    server: Server, xai: XaiProvider, tmp_path: Path
) -> None:
    server.script[START] = [started()]
    path = tmp_path / "c.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    digest = digest_file(path)
    call = EditCall(model="grok-imagine-video", prompt="Greener", video=digest, seconds=3, resolution="480p")
    assert xai.submit(call, {digest: path}) == Ticket("r-1")
    (request,) = server.asked[START]
    assert request.video.url.startswith("data:video/mp4;base64,")
    assert not any(request.HasField(name) for name in ("duration", "resolution", "aspect_ratio", "image"))


@pytest.mark.parametrize(
    ("reply", "error", "words", "billed"),
    [
        (clip(fine=False, url=""), Refused, "moderation", 21 * CENT),
        (clip(url=""), CallFailed, "without a link", 21 * CENT),
        (failed("invalid_argument", "rejected by content moderation"), Refused, "rejected", 7 * CENT),
        (failed("internal_error", "boom"), CallFailed, r"boom \(internal_error\)", 7 * CENT),
        (video_pb2.GetDeferredVideoResponse(status=STATUS.EXPIRED), Expired, "no longer", 0),
        (video_pb2.GetDeferredVideoResponse(status=STATUS.DONE), CallFailed, "sent nothing", 0),
        ((CODES.NOT_FOUND, "no such request"), Expired, "no such request", 0),
        ((CODES.INTERNAL, "boom"), ProviderUnreachable, "next build asks again", 0),
        ((CODES.UNAUTHENTICATED, "bad key"), ProviderUnreachable, "key is refused", 0),
    ],
)
def test_every_end_of_a_clip_has_its_error(
    server: Server, xai: XaiProvider, reply: Any, error: type[Exception], words: str, billed: int
) -> None:
    server.script[GET] = [reply]
    with pytest.raises(error, match=words) as raised:
        xai.poll(Ticket("r-1"))
    assert getattr(raised.value, "billed", 0) == billed


@pytest.mark.parametrize(
    ("reply", "error", "words", "billed"),
    [
        (drawn(fine=False, url=""), Refused, "moderation", 4 * CENT),
        (image_pb2.ImageResponse(usage=usage(4)), Refused, "blocked or empty", 4 * CENT),
        ((CODES.INVALID_ARGUMENT, "content-moderated cost_in_usd_ticks: 5"), Refused, "moderated", 5),
        ((CODES.PERMISSION_DENIED, "Content violates usage guidelines"), Refused, "guidelines", 0),
        ((CODES.INVALID_ARGUMENT, "too many images"), CallFailed, "too many images", 0),
        ((CODES.NOT_FOUND, "no such model"), CallFailed, "no such model", 0),
        ((CODES.UNAUTHENTICATED, f"bad key {KEY}"), CallFailed, r"GROK_API_KEY.*\[key\]", 0),
        ((CODES.INTERNAL, "boom"), ReplyLost, "boom", 0),
        ((CODES.DEADLINE_EXCEEDED, ""), ReplyLost, "DEADLINE", 0),
        ((CODES.UNAVAILABLE, "Socket closed"), ReplyLost, "Socket", 0),
    ],
)
def test_every_end_of_a_submit_has_its_error_and_is_sent_once(
    server: Server, xai: XaiProvider, reply: Any, error: type[Exception], words: str, billed: int
) -> None:
    server.script[IMAGE] = [reply]
    with pytest.raises(error, match=words) as raised:
        xai.submit(DRAW, {})
    assert getattr(raised.value, "billed", 0) == billed
    assert len(server.asked[IMAGE]) == 1
    assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "turned_away", [(CODES.UNAVAILABLE, "overloaded"), (CODES.RESOURCE_EXHAUSTED, "slow down")]
)
def test_what_was_not_accepted_is_sent_again_and_not_for_ever(
    server: Server, xai: XaiProvider, turned_away: Said
) -> None:
    server.script[IMAGE] = [turned_away, turned_away, drawn()]
    assert isinstance(xai.submit(DRAW, {}), Answer)
    assert len(server.asked[IMAGE]) == 3
    server.script[IMAGE] = [turned_away]
    with pytest.raises(ProviderUnreachable, match="did not accept"):
        xai.submit(DRAW, {})
    assert len(server.asked[IMAGE]) == 3 + 4


def test_a_request_too_large_for_the_wire_is_not_sent_again(server: Server, xai: XaiProvider) -> None:
    with pytest.raises(CallFailed, match="smaller pictures"):
        xai.submit(ChatCall(model="m", prompt="x" * (21 << 20), schema=SCHEMA), {})
    assert not server.asked[CHAT]


@pytest.mark.parametrize("change", [{"resolution": "144p"}, {"aspect_ratio": "7:5"}, {"quality": "splendid"}])
def test_what_the_sdk_does_not_know_is_not_sent(
    server: Server, xai: XaiProvider, change: dict[str, str]
) -> None:
    wrong = {
        "model": "grok-imagine-image-2.0",
        "prompt": "p",
        "aspect_ratio": "1:1",
        "resolution": "1k",
        **change,
    }
    with pytest.raises(CallFailed, match=next(iter(change.values()))):
        xai.submit(ImageCall(**wrong), {})
    assert not server.asked[IMAGE]


def test_a_connection_that_cannot_be_made_is_no_lost_reply(server: Server) -> None:
    server.stop()
    provider = patient(server, tries=1)
    with pytest.raises(ProviderUnreachable, match="failed to connect"):
        provider.submit(DRAW, {})
    with pytest.raises(UsageError, match=f"localhost:{server.port} cannot be reached"):
        provider.check_key()
    provider.close()


def hang(entered: threading.Event) -> Callable[[grpc.ServicerContext], Said]:
    """An entry that takes the request and answers nothing until the caller is gone."""

    def entry(context: grpc.ServicerContext) -> Said:
        gone = threading.Event()
        context.add_callback(gone.set)
        entered.set()
        gone.wait(10)
        return CODES.CANCELLED, "gone"

    return entry


@pytest.mark.parametrize("by", ["server", "close"])
def test_a_connection_that_breaks_after_sending_is_a_lost_reply(server: Server, by: str) -> None:
    provider, entered = patient(server), threading.Event()
    server.script[IMAGE] = [hang(entered)]
    with futures.ThreadPoolExecutor(1) as pool:
        flight = pool.submit(provider.submit, DRAW, {})
        assert entered.wait(10)
        server.stop() if by == "server" else provider.close()
        with pytest.raises(ReplyLost):
            flight.result(timeout=10)
    assert len(server.asked[IMAGE]) == 1
    provider.close()


@pytest.mark.parametrize("by", ["run", "close"])
def test_waiting_for_the_rate_limit_ends_when_the_run_does(server: Server, by: str) -> None:
    stop, long = threading.Event(), Backoff(3, first=60, longest=60)
    provider = XaiProvider(
        KEY, host=f"localhost:{server.port}", patience=RetryPolicy(exhausted=long, reads=long), stop=stop
    )
    server.script[IMAGE] = [(CODES.RESOURCE_EXHAUSTED, "slow down")]
    server.script[GET] = [(CODES.UNAVAILABLE, "later")]
    with futures.ThreadPoolExecutor(8) as pool:
        flights = [pool.submit(provider.submit, DRAW, {}) for _ in range(4)]
        flights += [pool.submit(provider.poll, Ticket("r-1")) for _ in range(4)]
        while not (server.asked[IMAGE] and server.asked[GET]):
            time.sleep(0.01)
        stop.set() if by == "run" else provider.close()
        for flight in flights:
            with pytest.raises((Interrupted, ProviderUnreachable, ReplyLost)):
                flight.result(timeout=5)
    provider.close()


def test_many_threads_share_it(server: Server, xai: XaiProvider) -> None:
    server.script[CHAT], server.script[GET] = [said("{}")], [clip()]
    calls: list[Call] = [ChatCall(model=f"m{n % 3}", prompt=str(n), schema=SCHEMA) for n in range(64)]
    with futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda call: xai.submit(call, {}), calls))
        list(pool.map(lambda call: xai.poll(Ticket("r")), calls))
    assert len(answers) == len(server.asked[CHAT]) == 64
    assert sorted(int(r.messages[0].content[0].text) for r in server.asked[CHAT]) == list(range(64))


def test_the_key_is_checked_for_free(server: Server, xai: XaiProvider) -> None:
    server.script[AUTH] = [auth_pb2.ApiKey(name="films", redacted_api_key="xai-...r3t")]
    assert xai.check_key() == f"localhost:{server.port} accepts the key `films`"
    for reply, words in (
        (auth_pb2.ApiKey(name="films", disabled=True), "`films` is disabled"),
        (auth_pb2.ApiKey(name="films", team_blocked=True), "of a blocked team"),
        ((CODES.UNAUTHENTICATED, f"Incorrect API key: {KEY}"), "refuses the key"),
        ((CODES.INVALID_ARGUMENT, "Incorrect API key provided"), "refuses the key"),
    ):
        server.script[AUTH] = [reply]
        with pytest.raises(UsageError, match=words) as error:
            xai.check_key()
        assert KEY not in str(error.value)
        assert "\n" not in str(error.value)
