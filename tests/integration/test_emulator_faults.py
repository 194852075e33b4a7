"""Everything that can go wrong with xAI goes wrong here on demand, and the ledger tells what it cost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
import requests
from pydantic import BaseModel, Field, ValidationError
from xai_sdk import Client
from xai_sdk.chat import user
from xai_sdk.proto import deferred_pb2

from spicy.emulator import Emulator, Fault
from spicy.emulator.faults import EFFECTS, FaultPlan, read_fault
from tests.conftest import ROOT, child_environment

Status = deferred_pb2.DeferredStatus
Code = grpc.StatusCode
CENT = 10**8
IMAGE = "grok-imagine-image-2.0"
VIDEO = "grok-imagine-video"
ONCE = [("grpc.enable_retries", 0)]


class Verdict(BaseModel):
    score: float = Field(ge=0, le=1)
    problems: list[str]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(time_scale=0.001) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.reset()
    return running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    with Client(api_key="test-key", api_host=emulator.host, channel_options=ONCE) as made:
        yield made


def ask(client: Client, prompt: str = "how is it?") -> Any:
    chat = client.chat.create("grok-4.3", response_format=Verdict)
    chat.append(user(prompt))
    return chat.sample()


def start(client: Client, prompt: str = "it moves") -> str:
    return client.video.start(prompt, VIDEO, duration=1).request_id


def finish(client: Client, request_id: str) -> Any:
    while (state := client.video.get(request_id)).status == Status.PENDING:
        time.sleep(0.002)
    return state


def submit(client: Client, kind: str) -> None:
    match kind:
        case "chat":
            ask(client)
        case "image":
            client.image.sample("a fox", IMAGE)
        case "video":
            start(client)


def failure(client: Client, kind: str) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        submit(client, kind)
    return caught.value


def submit_over_a_new_connection(client: Client, kind: str) -> None:
    """Submit as soon as gRPC has noticed that its old connection is dead; until then nothing arrives."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return submit(client, kind)
        except grpc.RpcError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


KINDS = ("chat", "image", "video")


# --- before and after acceptance ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("unavailable", Code.UNAVAILABLE),
        ("exhausted", Code.RESOURCE_EXHAUSTED),
        ("error/PERMISSION_DENIED", Code.PERMISSION_DENIED),
        ("error", Code.INTERNAL),
    ],
)
def test_what_is_not_accepted_costs_nothing(
    client: Client, emulator: Emulator, kind: str, fault: str, code: grpc.StatusCode
) -> None:
    emulator.set_faults([f"{kind}:{fault}:1"])
    assert failure(client, kind).code() == code
    assert emulator.accepted == []
    submit(client, kind)
    assert len(emulator.accepted) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fault", "code"), [("drop", Code.CANCELLED), ("cut", Code.UNAVAILABLE)])
def test_a_lost_reply_is_accepted_and_billed(
    client: Client, emulator: Emulator, kind: str, fault: str, code: grpc.StatusCode
) -> None:
    emulator.set_faults([f"{kind}:{fault}:1"])
    assert failure(client, kind).code() == code
    assert [(r.kind, r.fault, r.lost) for r in emulator.accepted] == [(kind, fault, True)]
    assert emulator.bill > 0
    submit_over_a_new_connection(client, kind)
    assert list(emulator.contents.values()) == [2]


def test_a_cut_connection_is_sent_again_by_the_sdk_itself(emulator: Emulator) -> None:
    emulator.set_faults(["image:cut:2"])
    with Client(api_key="test-key", api_host=emulator.host) as retrying:
        retrying.image.sample("a fox", IMAGE)
    assert list(emulator.contents.values()) == [3]


def test_a_cut_takes_the_other_calls_of_its_connection_along(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["image:never:1:patience", "chat:cut:1"])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.image.sample, "patience", IMAGE)
        while not emulator.accepted:
            time.sleep(0.002)
        failure(client, "chat")
        assert isinstance(waiting.exception(timeout=10), grpc.RpcError)
    deadline = time.monotonic() + 5
    while not all(r.lost for r in emulator.accepted) and time.monotonic() < deadline:
        time.sleep(0.002)
    assert [r.lost for r in emulator.accepted] == [True, True]


def test_polls_and_uploads_fail_too(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["poll:unavailable:1", "upload:exhausted:1"])
    request_id = start(client)
    with pytest.raises(grpc.RpcError, match="overloaded"):
        client.video.get(request_id)
    assert finish(client, request_id).status == Status.DONE
    with pytest.raises(grpc.RpcError, match="Too many requests"):
        client.files.upload(b"x", filename="x")
    assert client.files.upload(b"x", filename="x").id
    assert emulator.ledger.counts["polls"] >= 2


# --- moderation, in all its shapes --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_moderation_at_submit(client: Client, emulator: Emulator, kind: str) -> None:
    emulator.set_faults([f"{kind}:moderated_submit"])
    error = failure(client, kind)
    assert error.code() == Code.INVALID_ARGUMENT
    assert "rejected by content moderation" in error.details()
    assert emulator.bill > 0


def test_moderation_of_a_chat(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["any:moderated"])
    error = failure(client, "chat")
    assert (error.code(), error.details()) == (Code.PERMISSION_DENIED, "Content violates usage guidelines.")


def test_moderation_by_flag_is_billed(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["any:moderated"])
    picture = client.image.sample("a fox", IMAGE)
    assert not picture.respect_moderation
    assert picture.usage.cost_in_usd_ticks == 4 * CENT
    clip = finish(client, start(client))
    assert clip.status == Status.DONE
    assert not clip.response.video.respect_moderation
    assert clip.response.video.url == ""
    assert clip.response.usage.cost_in_usd_ticks == 5 * CENT


def test_moderation_as_failure_is_billed(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["video:moderated_failed"])
    clip = finish(client, start(client))
    assert (clip.status, clip.response.error.code) == (Status.FAILED, "invalid_argument")
    assert "moderation" in clip.response.error.message
    assert clip.response.usage.cost_in_usd_ticks == emulator.bill == 5 * CENT


def test_moderation_as_nothing_is_billed(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["image:empty"])
    with pytest.raises(IndexError):
        client.image.sample("a fox", IMAGE)
    assert emulator.bill == 4 * CENT


# --- what comes of accepted work ----------------------------------------------------------------------


def test_a_failed_clip_says_why_and_costs_nothing(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["video:failed/service_unavailable"])
    clip = finish(client, start(client))
    assert (clip.status, clip.response.error.code) == (Status.FAILED, "service_unavailable")
    assert len(emulator.accepted) == 1
    assert emulator.bill == 0


def test_clips_expire_or_are_never_done(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["video:expired:1:old", "video:never:1:lost"])
    assert finish(client, start(client, "old")).status == Status.EXPIRED
    request_id = start(client, "lost")
    time.sleep(0.05)
    assert client.video.get(request_id).status == Status.PENDING
    assert emulator.ledger.in_flight() == 1


def test_slow_is_slow(client: Client, emulator: Emulator) -> None:
    emulator.set_faults([Fault("image", "slow", factor=50)])
    began = time.monotonic()
    submit(client, "image")
    assert time.monotonic() - began >= 0.3


def test_another_model_may_answer(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["any:other_model"])
    assert ask(client).proto.model == "grok-4.3-stand-in"
    assert client.image.sample("a fox", IMAGE).model == f"{IMAGE}-stand-in"
    assert finish(client, start(client)).response.model == f"{VIDEO}-stand-in"


def test_an_answer_may_be_no_json(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["chat:bad_json:1"])
    with pytest.raises(ValidationError):
        Verdict.model_validate_json(ask(client).content)
    Verdict.model_validate_json(ask(client).content)


def test_a_low_score_waits_for_a_question_with_a_score(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["chat:low_score:1"])
    plain = client.chat.create("grok-4.3", messages=[user("hello")])
    plain.sample()
    assert Verdict.model_validate_json(ask(client).content).score < 0.8
    assert Verdict.model_validate_json(ask(client).content).score >= 0.8


# --- downloads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("effect", "status"), [("gone", 404), ("forbidden", 403)])
def test_a_link_may_lead_nowhere(client: Client, emulator: Emulator, effect: str, status: int) -> None:
    url = client.image.sample("a fox", IMAGE).url
    emulator.set_faults([f"download:{effect}:1"])
    assert [requests.get(url, timeout=5).status_code for _ in range(2)] == [status, 200]
    assert emulator.ledger.counts["downloads"] == 2


def test_a_download_may_end_half_way_and_be_taken_up_again(client: Client, emulator: Emulator) -> None:
    url = client.image.sample("a fox", IMAGE).url
    whole = requests.get(url, timeout=5).content
    emulator.set_faults(["download:half:1"])
    got = bytearray()
    with requests.get(url, timeout=5, stream=True) as reply, pytest.raises(requests.RequestException):
        got.extend(byte for piece in reply.iter_content(1024) for byte in piece)
    assert bytes(got) == whole[: len(got)]
    rest = requests.get(url, timeout=5, headers={"Range": f"bytes={len(got)}-"})
    assert bytes(got) + rest.content == whole


def test_a_download_may_be_something_else(client: Client, emulator: Emulator) -> None:
    url = client.image.sample("a fox", IMAGE).url
    emulator.set_faults(["download:garbage:1"])
    reply = requests.get(url, timeout=5)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html")


# --- limits -------------------------------------------------------------------------------------------


def test_each_model_has_its_rate() -> None:
    with (
        Emulator(time_scale=0, rates={"image": 2, "grok-4.3": 1}) as strict,
        Client(api_key="test-key", api_host=strict.host, channel_options=ONCE) as client,
    ):
        for _ in range(2):
            submit(client, "image")
        assert failure(client, "image").code() == Code.RESOURCE_EXHAUSTED
        ask(client)
        assert "rate limit of grok-4.3" in failure(client, "chat").details()
        start(client)
        assert strict.ledger.refused == {"RESOURCE_EXHAUSTED": 2}


def test_the_most_at_once_is_seen_and_can_be_limited() -> None:
    with (
        Emulator(time_scale=0.1, max_in_flight=3) as busy,
        Client(api_key="test-key", api_host=busy.host, channel_options=ONCE) as client,
    ):
        with ThreadPoolExecutor(5) as pool:
            made = [pool.submit(submit, client, "image") for _ in range(5)]
        assert sum(f.exception() is not None for f in made) == 2
        assert busy.ledger.most_in_flight == {"image": 3, "all": 3}


# --- scripts ------------------------------------------------------------------------------------------


def test_faults_are_read_from_text() -> None:
    assert read_fault("video:failed:0.1") == Fault("video", "failed", probability=0.1)
    assert read_fault("any:unavailable:3:scene: two") == Fault(
        "any", "unavailable", times=3, prompt="scene: two"
    )
    assert read_fault("chat:error/INTERNAL") == Fault("chat", "error", code="INTERNAL")


@pytest.mark.parametrize(
    "text", ["video", "video:sings", "dance:slow", "chat:half", "video:failed:1.5", "video:failed:x"]
)
def test_faults_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_fault(text)


def test_chance_depends_on_content_and_seed_not_on_order() -> None:
    contents = [f"content {n}" for n in range(400)]

    def struck(seed: int, order: list[str]) -> set[str]:
        plan = FaultPlan(seed, ["image:unavailable:0.2"])
        return {c for c in order if plan.draw("image", "", c)}

    first = struck(1, contents)
    assert first == struck(1, contents[::-1])
    assert first != struck(2, contents)
    assert 50 < len(first) < 110


def test_a_fault_may_wait_for_a_prompt(client: Client, emulator: Emulator) -> None:
    emulator.set_faults(["image:error::owl"])
    client.image.sample("a fox", IMAGE)
    with pytest.raises(grpc.RpcError):
        client.image.sample("an owl", IMAGE)
    emulator.clear_faults()
    client.image.sample("an owl", IMAGE)


def test_the_document_names_every_effect() -> None:
    document = (ROOT / "docs/emulator.md").read_text(encoding="utf-8")
    assert not [effect for effect in EFFECTS if f"`{effect}`" not in document]


def test_nothing_is_left_behind() -> None:
    before = threading.active_count()
    for _ in range(3):
        with Emulator(time_scale=0) as brief, Client(api_key="test-key", api_host=brief.host) as client:
            submit(client, "chat")
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before + 1


# --- as a process -------------------------------------------------------------------------------------


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    options = {"port": "0", "time-scale": "0.001", "key": "other-key", "fault": "image:unavailable:1"}
    command = [sys.executable, "-m", "spicy.emulator", *(f"--{k}={v}" for k, v in options.items())]
    with subprocess.Popen(
        command, cwd=ROOT, env=child_environment({}), stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


def test_it_runs_as_a_process_and_is_controlled_over_http(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    host, http = process.stdout.readline().split()
    with Client(api_key="other-key", api_host=host, channel_options=ONCE) as client:
        assert failure(client, "image").code() == Code.UNAVAILABLE
        submit(client, "image")
        told = requests.get(f"{http}/_control/ledger", timeout=5).json()
        assert (told["bill_usd"], told["refused"]) == (0.04, {"UNAVAILABLE": 1})
        wrong = requests.put(f"{http}/_control/faults", data='["image:sings"]', timeout=5)
        assert wrong.status_code == 400
        assert "unknown effect" in wrong.json()["error"]
        faults = [{"kind": "image", "effect": "error", "code": "INTERNAL"}, "chat:slow:0.5"]
        put = requests.put(f"{http}/_control/faults", data=json.dumps(faults), timeout=5).json()
        assert [f["effect"] for f in put] == ["error", "slow"]
        assert failure(client, "image").code() == Code.INTERNAL
        assert requests.get(f"{http}/_control/faults", timeout=5).json()[0]["happened"] == 1
        requests.delete(f"{http}/_control/faults", timeout=5)
        submit(client, "image")
        requests.post(f"{http}/_control/reset", timeout=5)
        assert requests.get(f"{http}/_control/ledger", timeout=5).json()["accepted"] == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
