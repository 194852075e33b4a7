"""Jobs are answered through the one path of a paid call: twice the same is once, whoever asked first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spicy.canonical_json import Json
from spicy.engine.calls.caller import Caller
from spicy.engine.job_executor import JobExecutor, UnknownModel
from spicy.errors import OutcomeUnknown, UsageError
from spicy.ids import ticks
from spicy.jobs.model import JobRequest, Mode
from spicy.ports import Call, ChatCall, ImageCall, Turn, VideoCall
from spicy.recipe.load import load_recipe
from spicy.store.store import Store
from tests.scripted import Scripted


@pytest.fixture
def provider() -> Scripted:
    made = Scripted(cost=ticks(0.56))
    made.name = "xai"
    return made


@pytest.fixture
def executor(tmp_path: Path, provider: Scripted) -> Iterator[JobExecutor]:
    store = Store(tmp_path / "store")
    made = JobExecutor(Caller(store, provider, threading.Event()), load_recipe("default", tmp_path), store)
    yield made
    made.close()


def video(prompt: str = "A cat playing piano", model: str = "grok", **more: Json) -> JobRequest:
    return JobRequest(mode=Mode.VIDEO, model=model, prompt=prompt, request={"prompt": prompt, **more})


def chat(*turns: dict[str, Json], **more: Json) -> JobRequest:
    return JobRequest(mode=Mode.CHAT, model="grok", prompt="?", request={"turns": list(turns), **more})


def no_progress(done: float) -> None:
    pass


def test_the_same_job_twice_is_paid_once(executor: JobExecutor, provider: Scripted) -> None:
    assert executor.stored(video()) is None
    first = executor.answer(video(), job="job_1", progress=no_progress)
    again = executor.answer(video(), job="job_2", progress=no_progress)
    assert (first.from_store, again.from_store) == (False, True)
    stored = executor.stored(video())
    assert stored is not None
    assert stored.asset == first.asset
    assert executor.open(first).stat().st_size > 0
    assert provider.kinds == {"video": 1}
    executor.answer(video(take=2), job="job_3", progress=no_progress)
    assert provider.kinds == {"video": 2}


def test_what_may_have_been_billed_is_not_asked_again(executor: JobExecutor, provider: Scripted) -> None:
    def lose(call: Call) -> None:
        raise ConnectionError("gone")

    provider.after_accept = lose
    for job in ("job_1", "job_2"):
        with pytest.raises(OutcomeUnknown):
            executor.answer(video(), job=job, progress=no_progress)
    assert provider.kinds == {"video": 1}


def test_requests_become_calls(executor: JobExecutor) -> None:
    assert executor.call(video(duration=4, aspect_ratio="9:16", resolution="480p")) == VideoCall(
        model="grok-imagine-video",
        prompt="A cat playing piano",
        duration=4,
        resolution="480p",
        aspect_ratio="9:16",
    )
    asked = chat(
        {"role": "system", "text": "Be brief.", "images": []},
        {"role": "user", "text": "What is it?", "images": ["a" * 64]},
        temperature=0.5,
        max_tokens=20,
    )
    call = executor.call(asked)
    assert isinstance(call, ChatCall)
    assert (call.prompt, call.images, call.turns) == (
        "What is it?",
        ("a" * 64,),
        (Turn("system", "Be brief."),),
    )
    assert (call.schema, call.temperature, call.max_tokens) == (None, 0.5, 20)
    still = executor.call(JobRequest(mode=Mode.IMAGE, model="grok-imagine-image", prompt="A cat"))
    assert isinstance(still, ImageCall)
    assert (still.model, still.aspect_ratio, still.resolution) == ("grok-imagine-image", "1:1", "1k")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (video(" "), "the prompt is empty"),
        (video("é" * 3000), "6,000 bytes, and grok-imagine-video takes 4,096"),
        (video(duration=16), "1 to 15 whole seconds, not 16"),
        (video(resolution="1080p"), "resolution 1080p is not among 480p, 720p"),
        (video(aspect_ratio="5:2"), "aspect_ratio 5:2 is not among"),
        (chat(), "the last message has to be the user's"),
        (chat({"role": "assistant", "text": "Hm"}), "the last message has to be the user's"),
        (chat({"role": "robot", "text": "Hm"}), "a message has a role"),
        (video(model="sora-2"), "unknown model `sora-2`"),
        (video(model="grok-4.7"), "unknown model `grok-4.7`"),
    ],
)
def test_what_cannot_be_is_said_before_it_costs(
    executor: JobExecutor, provider: Scripted, order: JobRequest, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        executor.answer(order, job="job_1", progress=no_progress)
    assert provider.kinds == {}


def test_models_are_those_of_the_price_table(executor: JobExecutor) -> None:
    assert {"grok-4.7", "grok-imagine-image-2.0", "grok-imagine-video"} <= set(executor.models())
    assert "animatic-1" not in executor.models()
    assert executor.model("grok-imagine-video-1.5", Mode.VIDEO) == "grok-imagine-video-1.5"
    with pytest.raises(UnknownModel):
        executor.model("grok-imagine-video", Mode.CHAT)
