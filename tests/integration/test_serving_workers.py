"""Workers over a real queue, store and ledger: what is claimed is kept alive, brought back, or given back."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from spicy.engine.calls.caller import Caller
from spicy.engine.job_executor import JobExecutor
from spicy.errors import CallFailed, OutcomeUnknown, ProviderUnreachable, Refused, SpicyError, UsageError
from spicy.ids import Ticks, ticks
from spicy.jobs.model import ENDS, Job, JobRequest, JobState, Mode
from spicy.jobs.queue import MOST_TRIES, Queue
from spicy.media.probe import probe_clip
from spicy.ports import Call
from spicy.recipe.load import load_recipe
from spicy.serving import worker_pool
from spicy.serving.builtin import Workers, _name
from spicy.serving.remote import Server
from spicy.settings import ServerSettings
from spicy.store.store import Store
from tests.scripted import Scripted, picture
from tests.served import serving


@dataclass
class Shop:
    """A queue with a built-in worker whose provider does as it is told."""

    root: Path
    provider: Scripted = field(default_factory=Scripted)
    lease: float = 30.0
    jobs: int = 4
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider.name = "xai"
        self.queue = Queue(self.root / "jobs.db")
        self.open()

    def open(self) -> None:
        """A new process, as far as one process can be that."""
        self.store = Store(self.root / "store")
        recipe = load_recipe("default", self.root)
        self.executor = JobExecutor(Caller(self.store, self.provider, threading.Event()), recipe, self.store)
        server = ServerSettings.model_validate(
            {
                "JOB_TIMEOUT_SECONDS": self.lease,
                "CHAT_JOB_TIMEOUT_SECONDS": self.lease,
                "SPICY_SERVER_JOBS": self.jobs,
            }
        )
        self.workers = Workers(self.queue, self.executor, server, self.root / "videos", tell=self.said.append)

    def stop(self) -> None:
        """As the server does at its end."""
        self.workers.stop()
        self.executor.close()

    def order(self, mode: Mode, prompt: str = "a cat at the piano") -> Job:
        """Put a job into the queue."""
        request = {
            Mode.VIDEO: {"prompt": prompt, "duration": 6, "resolution": "480p", "aspect_ratio": "16:9"},
            Mode.CHAT: {"turns": [{"role": "user", "text": prompt, "images": []}]},
            Mode.IMAGE: {"prompt": prompt},
        }[mode]
        return self.queue.add(JobRequest(mode=mode, model="grok", prompt=prompt, request=request))[0]

    def job(self, job: Job) -> Job:
        """The job as it stands."""
        found = self.queue.find(job.id)
        assert found is not None
        return found

    def ended(self, job: Job) -> Job:
        """The job at its end, which is waited for."""
        wait_until(lambda: self.job(job).state in ENDS)
        return self.job(job)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for something that a worker does."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.stop()
    made.queue.close()


def test_jobs_of_every_mode_come_to_a_good_end(shop: Shop) -> None:
    shop.provider.bill = lambda call: ticks(0.05)
    shop.workers.start()
    clip, chat, still = (shop.ended(shop.order(mode)) for mode in (Mode.VIDEO, Mode.CHAT, Mode.IMAGE))
    assert [job.state for job in (clip, chat, still)] == [JobState.COMPLETED] * 3, shop.said
    file = shop.root / f"videos/{clip.id}.mp4"
    assert clip.seconds == probe_clip(file).duration == 1.0
    assert clip.size == file.stat().st_size
    assert chat.text is not None
    assert "score" in chat.text
    assert still.media is not None
    assert shop.store.objects.open(still.media).stat().st_size == still.size
    assert {job.cost for job in (clip, chat, still)} == {ticks(0.05)}
    assert (clip.answered_by, clip.from_store) == ("grok-imagine-video", False)


def test_the_same_order_again_is_answered_from_the_store(shop: Shop) -> None:
    shop.provider.bill = lambda call: ticks(0.3)
    shop.workers.start()
    first = shop.ended(shop.order(Mode.VIDEO))
    again = shop.ended(shop.order(Mode.VIDEO))
    assert (first.from_store, again.from_store, again.cost) == (False, True, 0)
    assert shop.provider.accepted.total() == 1
    files = [shop.root / f"videos/{job.id}.mp4" for job in (first, again)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Refused("xAI: not this cat", billed=ticks(0.02)), "refused", "xAI: not this cat"),
        (CallFailed("xAI: internal error"), "failed", "xAI: internal error"),
        (ProviderUnreachable("xAI did not accept it"), "failed", "xAI did not accept it"),
        (ConnectionResetError("cut"), "unknown", "may have been accepted and billed"),
    ],
    ids=["refused", "failed", "out of reach", "lost"],
)
def test_every_end_has_its_code_and_words(shop: Shop, error: Exception, code: str, words: str) -> None:
    def fail(call: Call) -> None:
        raise error

    shop.provider.after_accept = fail
    shop.workers.start()
    job = shop.ended(shop.order(Mode.VIDEO))
    assert (job.state, job.code) == (JobState.FAILED, code)
    assert words in (job.error or "")
    assert job.cost == (ticks(0.02) if code == "refused" else 0)
    assert (
        isinstance(error, Refused | CallFailed | ProviderUnreachable) or shop.provider.accepted.total() == 1
    )


def test_an_outcome_that_nobody_knows_is_not_asked_for_again(shop: Shop) -> None:
    def lose(call: Call) -> None:
        raise ConnectionResetError("cut")

    shop.provider.after_accept = lose
    shop.workers.start()
    assert shop.ended(shop.order(Mode.VIDEO)).code == "unknown"
    shop.provider.after_accept = lambda call: None
    assert shop.ended(shop.order(Mode.VIDEO)).code == "unknown"
    assert shop.provider.accepted.total() == 1
    assert OutcomeUnknown("").billed == 0


@dataclass
class Gate:
    """Keeps a call under way until it is told to go on."""

    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, call: Call) -> None:
        self.entered.release()
        assert self.opened.wait(20)


@pytest.fixture
def gate(shop: Shop) -> Iterator[Gate]:
    made = Gate()
    shop.provider.on_submit = made
    yield made
    made.opened.set()


def test_a_lease_does_not_lapse_while_its_call_is_under_way(tmp_path: Path) -> None:
    shop, gate = Shop(tmp_path, lease=0.6), Gate()
    shop.provider.on_submit = gate
    shop.workers.start()
    job = shop.order(Mode.VIDEO)
    assert gate.entered.acquire(timeout=10)
    began = shop.job(job)
    assert began.lease_until is not None
    wait_until(lambda: time.time() > began.lease_until + 0.3)  # type: ignore[operator]
    assert shop.queue.lapse() == []
    gate.opened.set()
    ended = shop.ended(job)
    assert (ended.state, ended.tries) == (JobState.COMPLETED, 1)
    shop.stop()


def test_progress_is_what_the_provider_says(shop: Shop) -> None:
    shop.provider.polls = 10_000
    shop.provider.poll_seconds = 0.02
    shop.workers.start()
    job = shop.order(Mode.VIDEO)
    wait_until(lambda: shop.job(job).progress > 0)
    assert shop.job(job).progress < 0.5


def test_a_stop_gives_back_what_is_under_way_and_the_next_start_goes_on_from_its_ticket(shop: Shop) -> None:
    shop.provider.polls = 10**9
    shop.provider.bill = lambda call: ticks(0.3)
    shop.workers.start()
    jobs = [shop.order(Mode.VIDEO, f"cat {n}") for n in range(6)]
    wait_until(lambda: len([row for row in shop.store.ledger.live() if row.ticket]) == 4)
    shop.stop()
    assert [(job.state, job.tries) for job in map(shop.job, jobs)] == [(JobState.PENDING, 0)] * 6
    shop.provider.polls = 0
    with shop.provider._lock:
        shop.provider._open = {key: (call, 0) for key, (call, _) in shop.provider._open.items()}
    shop.open()
    shop.workers.start()
    assert {shop.ended(job).state for job in jobs} == {JobState.COMPLETED}
    assert set(shop.provider.accepted.values()) == {1}
    # Those that were rejoined were paid by their jobs all the same.
    assert sum(shop.job(job).cost for job in jobs) == ticks(0.3) * 6
    assert not any(shop.job(job).from_store for job in jobs)


def test_what_is_cancelled_under_way_leaves_no_file(shop: Shop, gate: Gate) -> None:
    shop.workers.start()
    job = shop.order(Mode.VIDEO)
    assert gate.entered.acquire(timeout=10)
    shop.queue.cancel(job.id)
    gate.opened.set()
    wait_until(lambda: any(job.id in said for said in shop.said))
    assert shop.job(job).state is JobState.CANCELLED
    wait_until(lambda: not list((shop.root / "videos").glob("*.mp4")))
    # It was paid for, so it is kept for whoever asks next.
    assert shop.ended(shop.order(Mode.VIDEO)).from_store


def test_a_chat_does_not_wait_for_clips(shop: Shop) -> None:
    gate = Gate()
    shop.provider.on_submit = lambda call: gate(call) if call.kind == "video" else None
    shop.workers.start()
    clips = [shop.order(Mode.VIDEO, f"cat {n}") for n in range(8)]
    for _ in range(4):
        assert gate.entered.acquire(timeout=10)
    assert shop.ended(shop.order(Mode.CHAT)).state is JobState.COMPLETED
    assert not any(shop.job(clip).state in ENDS for clip in clips)
    gate.opened.set()


def test_claims_of_a_dead_server_are_taken_up_at_once_and_those_of_others_left_alone(shop: Shop) -> None:
    dead, other = shop.order(Mode.VIDEO, "cat 1"), shop.order(Mode.VIDEO, "cat 2")
    assert shop.queue.claim(Mode.VIDEO, f"{_name(shop.executor)} 0123456789abcdef", 3600)
    assert shop.queue.claim(Mode.VIDEO, "an extension", 3600)
    shop.workers.start()
    assert shop.ended(dead).state is JobState.COMPLETED
    assert shop.job(other).state is JobState.PROCESSING


def test_a_job_that_kills_its_server_again_and_again_fails(shop: Shop) -> None:
    job = shop.order(Mode.VIDEO)
    for _ in range(MOST_TRIES):
        assert shop.job(job).state is JobState.PENDING
        assert shop.queue.claim(Mode.VIDEO, "builtin dead", 3600)
        shop.queue.recall(lambda worker: worker != "builtin dead")
    ended = shop.job(job)
    assert (ended.state, ended.code) == (JobState.FAILED, "failed")
    assert "died 5 times" in (ended.error or "")


def test_a_disk_that_cannot_take_the_clip_fails_the_job_and_not_the_worker(shop: Shop) -> None:
    shop.workers.start()
    (shop.root / "videos").rmdir()
    (shop.root / "videos").write_text("not a folder")
    assert shop.ended(shop.order(Mode.VIDEO)).code == "failed"
    (shop.root / "videos").unlink()
    again = shop.ended(shop.order(Mode.VIDEO))
    assert (again.state, again.cost) == (JobState.COMPLETED, Ticks(0))
    assert shop.provider.accepted.total() == 1


def hiccups(real: Callable[..., Any], *errors: Exception) -> Callable[..., Any]:
    """As `real`, once it has raised every one of `errors`."""
    left = list(errors)

    def stumbling(*args: object) -> Any:
        if left:
            raise left.pop(0)
        return real(*args)

    return stumbling


def test_a_refused_renewal_does_not_end_the_renewing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, gate = Shop(tmp_path, lease=0.9), Gate()
    errors: list[SpicyError | OSError] = [UsageError("403"), CallFailed("400"), OSError("no descriptors")]
    source = shop.workers._pool._source
    monkeypatch.setattr(source, "renew", hiccups(source.renew, *errors))
    shop.provider.on_submit = gate
    shop.workers.start()
    job = shop.order(Mode.VIDEO)
    assert gate.entered.acquire(timeout=10)
    until = shop.job(job).lease_until
    assert until is not None
    wait_until(lambda: time.time() > until + 0.3)
    assert shop.queue.lapse() == []
    gate.opened.set()
    assert (shop.ended(job).state, shop.job(job).tries) == (JobState.COMPLETED, 1)
    assert len([said for said in shop.said if "could not be renewed" in said]) == len(errors)
    shop.stop()
    shop.queue.close()


def test_a_refused_delivery_is_tried_again_before_the_worker_breaks_off(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "_RETRY_INTERVAL", 0.01)
    pool = shop.workers._pool
    real = pool._source.deliver
    monkeypatch.setattr(pool._source, "deliver", hiccups(real, *[UsageError("403")] * 4))
    shop.workers.start()
    assert shop.ended(shop.order(Mode.VIDEO)).state is JobState.COMPLETED
    assert pool.broken is None
    monkeypatch.setattr(pool._source, "deliver", hiccups(real, *[UsageError("403")] * 5))
    job = shop.order(Mode.VIDEO, "another cat")
    wait_until(lambda: pool.broken is not None)
    assert shop.job(job).state is JobState.PROCESSING


def test_who_comes_too_late_with_a_clip_leaves_that_of_the_completed_job(shop: Shop) -> None:
    source, job = shop.workers._pool._source, shop.order(Mode.VIDEO)
    (shop.root / "videos").mkdir()
    late = source.take([Mode.VIDEO])
    assert late is not None
    answered = shop.executor.answer(late.order, job=job.id, progress=lambda done: None)
    source.give_back(late)
    second = source.take([Mode.VIDEO])
    assert second is not None
    source.deliver(second, answered)
    with pytest.raises(worker_pool.LeaseLost):
        source.deliver(late, answered)
    assert shop.job(job).state is JobState.COMPLETED
    assert (shop.root / f"videos/{job.id}.mp4").stat().st_size == shop.job(job).size


def test_a_job_that_cannot_be_taken_does_not_end_the_taking(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "_RETRY_INTERVAL", 0.01)
    source = shop.workers._pool._source
    monkeypatch.setattr(source, "take", hiccups(source.take, *[RuntimeError("odd")] * 20))
    shop.workers.start()
    assert shop.ended(shop.order(Mode.VIDEO)).state is JobState.COMPLETED


def test_a_worker_elsewhere_gives_back_what_its_full_disk_does_not_let_it_take(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = shop.store.objects
    monkeypatch.setattr(
        objects, "add_file", hiccups(objects.add_file, OSError(28, "No space left on device"))
    )
    with serving(shop.root / "server", builtin_worker=False) as served:
        order = {"prompt": "a cat", "image": base64.b64encode(picture("abcdef")).decode()}
        id = requests.post(f"{served.url}/v1/videos/generations", json=order, timeout=20).json()["id"]
        source = Server(served.url, None, shop.executor)
        with pytest.raises(worker_pool.SourceUnavailable, match="No space left"):
            source.take([Mode.VIDEO])
        job = served.app_state.queue.find(id)
        assert job is not None
        assert job.state is JobState.PENDING
        task = source.take([Mode.VIDEO])
        assert task is not None
        assert task.id == id


def test_a_server_over_another_store_leaves_living_claims_alone(shop: Shop, gate: Gate) -> None:
    shop.workers.start()
    job = shop.order(Mode.VIDEO)
    assert gate.entered.acquire(timeout=10)
    other = Shop(shop.root / "other")
    other.queue.close()
    other.queue = Queue(shop.root / "jobs.db")
    other.open()
    other.workers.start()
    assert (shop.job(job).state, shop.job(job).tries) == (JobState.PROCESSING, 1)
    gate.opened.set()
    assert shop.ended(job).state is JobState.COMPLETED
    other.stop()
    other.queue.close()
    assert not other.provider.accepted
