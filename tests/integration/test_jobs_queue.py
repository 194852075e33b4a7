"""The queue on real files, with real threads and real processes that are really killed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from spicy.errors import StoreError, UsageError
from spicy.ids import Digest, Ticks
from spicy.jobs import database
from spicy.jobs.model import ENDS, Job, JobRequest, JobState, Mode, Outcome
from spicy.jobs.queue import MOST_TRIES, ClaimLost, KeyReused, NoSuchJob, Queue
from tests.conftest import child_environment

LEASE = 60.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def queue(path: Path, clock: Clock) -> Iterator[Queue]:
    with closing(Queue(path, clock=clock)) as queue:
        yield queue


def order(prompt: str = "a cat", mode: Mode = Mode.VIDEO) -> JobRequest:
    return JobRequest(mode=mode, model="grok", prompt=prompt, request={"prompt": prompt, "take": 0})


def python(code: str, *args: str | Path) -> subprocess.Popen[str]:
    """Start a process of spicy's that works on a queue."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env=child_environment({}),
        stdout=subprocess.PIPE,
        text=True,
    )


# --- the life of a job


def test_a_job_is_as_it_was_ordered_also_for_the_next_process(path: Path, queue: Queue, clock: Clock) -> None:
    asked = JobRequest(
        mode=Mode.CHAT, model="grok-vision", prompt="¿Qué? 猫", request={"turns": [{"text": "猫"}], "take": 1}
    )
    job, created = queue.add(asked)
    assert created
    assert (job.mode, job.state, job.model, job.prompt) == (
        Mode.CHAT,
        JobState.PENDING,
        "grok-vision",
        "¿Qué? 猫",
    )
    assert job.request == {"turns": [{"text": "猫"}], "take": 1}
    assert len(job.id) == 28
    assert job.id.startswith("job_")
    assert job.created == job.updated == clock.now
    with closing(Queue(path)) as other:
        assert other.find(job.id) == job == queue.find(job.id)


def test_claims_go_by_age_and_by_mode(queue: Queue, clock: Clock) -> None:
    chat, first, second = (
        queue.add(order(p, m))[0] for p, m in [("1", Mode.CHAT), ("2", Mode.VIDEO), ("3", Mode.VIDEO)]
    )
    assert [queue.position(job) for job in (chat, first, second)] == [0, 0, 1]
    clock.now += 5
    one, two = queue.claim(Mode.VIDEO, "a", LEASE), queue.claim(Mode.VIDEO, "b", LEASE)
    assert one is not None
    assert two is not None
    assert [one.job.id, two.job.id] == [first.id, second.id]
    assert one.token != two.token
    assert (one.job.state, one.job.started, one.job.lease_until, one.job.tries) == (
        JobState.PROCESSING,
        clock.now,
        clock.now + LEASE,
        1,
    )
    assert one.job == queue.find(first.id)
    assert queue.position(one.job) == 0
    assert queue.claim(Mode.VIDEO, "c", LEASE) is None
    assert queue.counts() == {(Mode.CHAT, JobState.PENDING): 1, (Mode.VIDEO, JobState.PROCESSING): 2}


def test_a_completed_job_has_all_that_its_worker_brought(queue: Queue, clock: Clock) -> None:
    queue.add(order())
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    clock.now += 7
    outcome = Outcome(
        text="words",
        media=Digest("ab" * 32),
        size=5,
        seconds=8.5,
        cost=Ticks(7),
        from_store=True,
        answered_by="m",
    )
    job = queue.complete(claim.job.id, claim.token, outcome)
    assert job == queue.find(job.id)
    assert (job.state, job.finished, job.progress, job.lease_until) == (
        JobState.COMPLETED,
        clock.now,
        1.0,
        None,
    )
    assert outcome == Outcome(
        text=job.text,
        media=job.media,
        size=job.size,
        seconds=job.seconds,
        cost=job.cost,
        from_store=job.from_store,
        answered_by=job.answered_by,
    )


def test_a_failed_job_says_why_and_what_it_cost(queue: Queue) -> None:
    queue.add(order())
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    job = queue.fail(claim.job.id, claim.token, "the moderation said no", "refused", cost=Ticks(9))
    assert (job.state, job.error, job.code, job.cost) == (
        JobState.FAILED,
        "the moderation said no",
        "refused",
        Ticks(9),
    )


def test_an_answer_that_was_there_already_ends_a_job_nobody_claimed(queue: Queue) -> None:
    job, _ = queue.add(order())
    assert queue.answer(job.id, Outcome(from_store=True)).state is JobState.COMPLETED
    assert queue.claim(Mode.VIDEO, "w", LEASE) is None
    with pytest.raises(ClaimLost, match="completed already"):
        queue.answer(job.id, Outcome())


def test_a_held_job_is_shown_to_no_worker_until_whoever_holds_it_is_gone(queue: Queue, clock: Clock) -> None:
    job, _ = queue.add(order(), held=30)
    assert queue.claim(Mode.VIDEO, "w", LEASE) is None
    assert queue.answer(job.id, Outcome(from_store=True)).state is JobState.COMPLETED
    left, _ = queue.add(order(), held=30)
    clock.now += 31  # its holder died
    assert [job.state for job in queue.lapse()] == [JobState.PENDING]
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    assert claim.job.id == left.id
    with pytest.raises(ClaimLost):
        queue.answer(left.id, Outcome())


def test_after_a_silence_of_the_servers_own_every_claim_has_some_time(queue: Queue, clock: Clock) -> None:
    queue.add(order())
    waiting, _ = queue.add(order("another"))
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    clock.now += LEASE + 100  # no server was there
    queue.grant(60)
    assert queue.lapse() == []
    clock.now += 59
    queue.renew(claim.job.id, claim.token, LEASE)
    queue.grant(1)  # which shortens nothing
    clock.now += LEASE - 1
    assert queue.lapse() == []
    found = queue.find(waiting.id)
    assert found is not None
    assert found.lease_until is None


def test_a_released_job_is_next_again_and_the_try_does_not_count(queue: Queue) -> None:
    for name in "ab":
        queue.add(order(name))
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    queue.release(claim.job.id, claim.token)
    again = queue.claim(Mode.VIDEO, "w", LEASE)
    assert again is not None
    assert (again.job.id, again.job.tries) == (claim.job.id, 1)
    with pytest.raises(ClaimLost, match="another worker"):
        queue.release(claim.job.id, claim.token)


@pytest.mark.parametrize(("said", "kept"), [(0.4, 0.4), (-1.0, 0.0), (7.0, 1.0), (float("nan"), 0.0)])
def test_a_renewal_holds_the_claim_and_tells_the_progress(
    queue: Queue, clock: Clock, said: float, kept: float
) -> None:
    queue.add(order())
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    clock.now += LEASE - 1
    queue.renew(claim.job.id, claim.token, LEASE, said)
    clock.now += LEASE - 1
    assert queue.lapse() == []
    queue.renew(claim.job.id, claim.token, LEASE)
    job = queue.find(claim.job.id)
    assert job is not None
    assert (job.progress, job.lease_until) == (kept, clock.now + LEASE)


# --- who may end a job


def ends(queue: Queue) -> dict[str, Callable[[str, str | None], object]]:
    """Every way in which a worker speaks about its claim."""
    return {
        "complete": lambda id, token: queue.complete(id, token, Outcome()),
        "fail": lambda id, token: queue.fail(id, token, "no", "failed"),
        "renew": lambda id, token: queue.renew(id, token, LEASE),
    }


@pytest.mark.parametrize("speak", ["complete", "fail", "renew"])
def test_only_the_holder_of_a_live_claim_is_heard(queue: Queue, clock: Clock, speak: str) -> None:
    say = ends(queue)[speak]
    job, _ = queue.add(order())
    for token in (None, "made up", "\ud800"):
        with pytest.raises(ClaimLost, match="not claimed"):
            say(job.id, token)
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    for token in ("", "made up", "ß", "\ud800", claim.token[:-1]):
        with pytest.raises(ClaimLost, match="another worker"):
            say(job.id, token)
    clock.now += LEASE
    for held in (claim.token, None):
        with pytest.raises(ClaimLost, match="ran out"):
            say(job.id, held)
    with pytest.raises(NoSuchJob):
        say("job_" + "0" * 24, claim.token)
    with pytest.raises(NoSuchJob):
        say("\ud800", claim.token)


def test_a_second_completion_is_too_late_whatever_the_first_one_said(queue: Queue) -> None:
    for first in ("complete", "fail"):
        queue.add(order())
        claim = queue.claim(Mode.VIDEO, "w", LEASE)
        assert claim is not None
        ends(queue)[first](claim.job.id, claim.token)
        ended = queue.find(claim.job.id)
        for second in ends(queue).values():
            for token in (claim.token, None):
                with pytest.raises(ClaimLost, match="already") as late:
                    second(claim.job.id, token)
                assert late.value.job == ended == queue.find(claim.job.id)


def test_who_polled_without_keeping_the_token_may_end_the_job_while_the_lease_runs(queue: Queue) -> None:
    queue.add(order())
    claim = queue.claim(Mode.VIDEO, "the extension", LEASE)
    assert claim is not None
    assert queue.complete(claim.job.id, None, Outcome()).state is JobState.COMPLETED


def test_a_cancelled_job_is_not_completed_any_more(queue: Queue) -> None:
    for _ in range(2):
        queue.add(order())
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    cancelled = queue.cancel(claim.job.id)
    assert cancelled is not None
    assert (cancelled.state, cancelled.lease_until) == (JobState.CANCELLED, None)
    with pytest.raises(ClaimLost, match="cancelled already"):
        queue.complete(claim.job.id, claim.token, Outcome())
    assert queue.cancel(claim.job.id) == cancelled
    waiting = queue.jobs(state=JobState.PENDING)[0]
    queue.cancel(waiting.id)
    assert queue.claim(Mode.VIDEO, "w", LEASE) is None
    assert queue.cancel("job_" + "0" * 24) is None


def test_a_lease_that_ran_out_is_forgiven_once(queue: Queue, clock: Clock) -> None:
    queue.add(order("slow"))
    queue.add(order("waits"))
    claim = queue.claim(Mode.VIDEO, "dies", LEASE)
    assert claim is not None
    clock.now += LEASE - 0.001
    assert queue.lapse() == []
    clock.now += 0.001
    (back,) = queue.lapse()
    assert (back.id, back.state, back.started, back.tries) == (claim.job.id, JobState.PENDING, None, 1)
    with pytest.raises(ClaimLost):
        queue.complete(claim.job.id, claim.token, Outcome())
    again = queue.claim(Mode.VIDEO, "dies too", LEASE)
    assert again is not None
    assert (again.job.id, again.job.tries) == (claim.job.id, 2)
    with pytest.raises(ClaimLost, match="another worker"):
        queue.complete(claim.job.id, claim.token, Outcome())
    clock.now += LEASE
    (failed,) = queue.lapse()
    assert (failed.id, failed.state, failed.code) == (claim.job.id, JobState.FAILED, "timeout")
    assert failed.error is not None
    assert failed.error.startswith("timeout: ")
    assert queue.lapse() == []


def test_the_claims_of_the_dead_go_back_at_once_and_those_of_the_living_stay(queue: Queue) -> None:
    for name in "ab":
        queue.add(order(name))
    dead, living = queue.claim(Mode.VIDEO, "dead", LEASE), queue.claim(Mode.VIDEO, "living", LEASE)
    assert dead is not None
    assert living is not None
    (back,) = queue.recall(lambda worker: worker == "living")
    assert (back.id, back.state) == (dead.job.id, JobState.PENDING)
    with pytest.raises(ClaimLost):
        queue.complete(dead.job.id, dead.token, Outcome())
    assert queue.complete(living.job.id, living.token, Outcome()).state is JobState.COMPLETED


def test_a_job_that_every_worker_dies_of_is_given_up(queue: Queue) -> None:
    job, _ = queue.add(order())
    for left in range(MOST_TRIES - 1, -1, -1):
        assert queue.claim(Mode.VIDEO, "dies", LEASE) is not None
        (changed,) = queue.recall(lambda worker: False)
        assert (changed.id, changed.state) == (job.id, JobState.PENDING if left else JobState.FAILED)
    assert queue.recall(lambda worker: False) == []


# --- idempotency


def test_one_key_is_one_job_and_another_body_is_refused(queue: Queue) -> None:
    job, created = queue.add(order(), idempotency=("k", "body"))
    assert created
    assert queue.add(order(), idempotency=("k", "body")) == (job, False)
    with pytest.raises(KeyReused) as refused:
        queue.add(order("a dog"), idempotency=("k", "other"))
    assert refused.value.job == job
    queue.cancel(job.id)
    assert queue.add(order(), idempotency=("k", "body"))[0].id == job.id
    assert queue.add(order(), idempotency=("another", "body"))[1]


def test_a_key_is_forgotten_with_its_job(queue: Queue) -> None:
    job, _ = queue.add(order(), idempotency=("k", "body"))
    assert queue.remove(job.id) == job
    assert queue.remove(job.id) is None
    fresh, created = queue.add(order("a dog"), idempotency=("k", "other"))
    assert created
    assert queue.clear() == [fresh]
    assert queue.add(order(), idempotency=("k", "body"))[1]


ADDS = """
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from spicy.jobs.model import Mode, JobRequest
from spicy.jobs.queue import Queue
queue = Queue(Path(sys.argv[1]))
one = JobRequest(mode=Mode.VIDEO, model="grok", prompt="p", request={})
with ThreadPoolExecutor(10) as pool:
    for added in [pool.submit(queue.add, one, idempotency=("k", "body")) for _ in range(10)]:
        job, created = added.result()
        print(job.id, int(created))
"""


def test_fifty_adds_at_once_with_one_key_are_one_job(path: Path) -> None:
    """Twenty threads over four objects here, thirty in three other processes; the file is new to all of them."""
    others = [python(ADDS, path) for _ in range(3)]
    queues = [Queue(path) for _ in range(4)]
    gate = threading.Barrier(20)

    def add(at: int) -> tuple[str, int]:
        gate.wait()
        job, created = queues[at % 4].add(order("p"), idempotency=("k", "body"))
        return job.id, int(created)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(add, range(20)))
    for other in others:
        lines = other.communicate(timeout=30)[0].splitlines()
        answers += [(line.split()[0], int(line.split()[1])) for line in lines]
    assert len(answers) == 50
    assert len({id for id, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    assert len(queues[0].jobs()) == 1
    for queue in queues:
        queue.close()


# --- many at once


def test_five_hundred_jobs_and_twenty_pollers_claim_each_job_once(path: Path) -> None:
    queues = [Queue(path) for _ in range(5)]
    ids = {queues[at % 5].add(order(str(at)))[0].id for at in range(500)}
    gate = threading.Barrier(20)

    def poll(at: int) -> list[str]:
        queue, done = queues[at % 5], []
        gate.wait()
        while claim := queue.claim(Mode.VIDEO, f"poller {at}", LEASE):
            queue.complete(claim.job.id, claim.token, Outcome(text=f"poller {at}"))
            done.append(claim.job.id)
        return done

    with ThreadPoolExecutor(20) as pool:
        claimed = list(pool.map(poll, range(20)))
    assert Counter(id for one in claimed for id in one) == dict.fromkeys(ids, 1)
    jobs = queues[0].jobs(limit=1000)
    assert {job.id: (job.state, job.tries, job.text) for job in jobs} == {
        id: (JobState.COMPLETED, 1, f"poller {at}") for at, one in enumerate(claimed) for id in one
    }
    for queue in queues:
        queue.close()


def test_of_all_who_end_one_job_at_once_exactly_one_is_heard(queue: Queue) -> None:
    queue.add(order())
    claim = queue.claim(Mode.VIDEO, "w", LEASE)
    assert claim is not None
    gate = threading.Barrier(12)

    def end(at: int) -> JobState | None:
        gate.wait()
        try:
            if at % 3 == 0:
                queue.cancel(claim.job.id)
                return JobState.CANCELLED if at == 0 else None
            if at % 3 == 1:
                return queue.fail(claim.job.id, claim.token, "no", "failed").state
            return queue.complete(claim.job.id, claim.token, Outcome()).state
        except ClaimLost:
            return None

    with ThreadPoolExecutor(12) as pool:
        heard = {state for state in pool.map(end, range(12)) if state} - {JobState.CANCELLED}
    job = queue.find(claim.job.id)
    assert job is not None
    assert job.state in ENDS
    assert heard == ({job.state} - {JobState.CANCELLED})


WORKS = """
import sys
from pathlib import Path
from spicy.jobs.model import Mode, Outcome
from spicy.jobs.queue import Queue
queue = Queue(Path(sys.argv[1]))
while claim := queue.claim(Mode.VIDEO, "doomed", 60):
    print("claimed", claim.job.id, flush=True)
    queue.complete(claim.job.id, claim.token, Outcome(text="done"))
    print("completed", claim.job.id, flush=True)
"""


def test_a_kill_amid_claims_and_completions_leaves_every_promise_kept(path: Path) -> None:
    with closing(Queue(path)) as queue:
        ids = {queue.add(order(str(at)))[0].id for at in range(400)}
        said: list[tuple[str, str]] = []
        for _ in range(3):
            worker = python(WORKS, path)
            assert worker.stdout is not None
            heard = [worker.stdout.readline() for _ in range(60)]
            worker.kill()
            heard += worker.stdout.readlines()
            worker.stdout.close()
            assert worker.wait() == -9
            said += [(word, id) for word, id in (line.split() for line in heard if line.endswith("\n"))]
        assert len([1 for word, _ in said if word == "completed"]) < 400, "the worker died too late"

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    later = Clock()
    with closing(Queue(path, clock=later)) as queue:
        jobs = {job.id: job for job in queue.jobs(limit=1000)}
        assert set(jobs) == ids
        for word, id in said:
            assert jobs[id].state in (
                {JobState.COMPLETED} if word == "completed" else {JobState.COMPLETED, JobState.PROCESSING}
            )
        held = {id for id, job in jobs.items() if job.state is JobState.PROCESSING}
        assert len(held) <= 3
        later.now = max(job.updated for job in jobs.values()) + 61
        assert {job.id for job in queue.lapse()} == held
        while claim := queue.claim(Mode.VIDEO, "w", LEASE):
            queue.complete(claim.job.id, claim.token, Outcome(text="done"))
        assert queue.counts() == {(Mode.VIDEO, JobState.COMPLETED): 400}
        assert {job.tries for job in queue.jobs(limit=1000) if job.id in held} <= {2}


# --- lists


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_neither_repeat_nor_miss_a_job_while_others_come(queue: Queue, newest_first: bool) -> None:
    ids = [queue.add(order(str(at)))[0].id for at in range(10)]
    seen: list[str] = []
    while page := queue.jobs(limit=4, after=seen[-1] if seen else None, newest_first=newest_first):
        seen += [job.id for job in page]
        if newest_first:
            queue.add(order("newer"))
    assert seen == (ids[::-1] if newest_first else ids)


def test_a_list_can_be_of_one_state_and_one_mode(queue: Queue) -> None:
    video = queue.add(order("v"))[0]
    chat = queue.add(order("c", Mode.CHAT))[0]
    done = queue.add(order("d", Mode.CHAT))[0]
    ended = queue.answer(done.id, Outcome())
    assert queue.jobs() == [ended, chat, video]
    assert queue.jobs(mode=Mode.CHAT) == [ended, chat]
    assert queue.jobs(state=JobState.PENDING) == [chat, video]
    assert queue.jobs(state=JobState.PENDING, mode=Mode.CHAT, newest_first=False) == [chat]
    assert queue.jobs(limit=0) == queue.jobs(limit=-5) == []
    assert queue.jobs(limit=10**30, after=chat.id) == [video]
    for gone in ("job_" + "0" * 24, "\ud800"):
        with pytest.raises(NoSuchJob):
            queue.jobs(after=gone)


def test_only_jobs_that_ended_grow_old(queue: Queue, clock: Clock) -> None:
    old, new, waiting = (queue.add(order(name))[0] for name in "abc")
    queue.cancel(old.id)
    clock.now += 2 * 86_400
    queue.answer(new.id, Outcome())
    clock.now += 6 * 86_400
    assert [job.id for job in queue.aged(7)] == [old.id]
    assert [job.id for job in queue.aged(5)] == [old.id, new.id]
    assert waiting.id not in {job.id for job in queue.aged(0)}


# --- waiting


def test_who_waits_for_work_is_woken_by_an_add_and_by_a_job_put_back(queue: Queue) -> None:
    assert not queue.wait_for_work(0.001)
    works = threading.Event()

    def work() -> list[str]:
        """A worker that gives its first job back and ends its second."""
        done: list[str] = []
        while len(done) < 2:
            claim = queue.claim(Mode.VIDEO, "w", LEASE)
            works.set()
            if claim is None:
                assert queue.wait_for_work(30)
            elif done:
                done.append(queue.complete(claim.job.id, claim.token, Outcome()).id)
            else:
                queue.release(claim.job.id, claim.token)
                done.append(claim.job.id)
        return done

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        works.wait(30)
        job, _ = queue.add(order())
        assert done.result(30) == [job.id, job.id]


def test_what_comes_between_a_vain_claim_and_the_wait_is_not_missed(queue: Queue, clock: Clock) -> None:
    assert queue.claim(Mode.VIDEO, "w", LEASE) is None
    queue.add(order())
    assert queue.claim(Mode.CHAT, "w", LEASE) is None
    assert queue.wait_for_work(30)
    assert queue.claim(Mode.VIDEO, "w", LEASE) is not None
    assert queue.claim(Mode.VIDEO, "w", LEASE) is None
    clock.now += LEASE
    queue.lapse()
    assert queue.wait_for_work(30)
    assert not queue.wait_for_work(0.001)


# --- the file


def test_a_file_of_a_newer_spicy_is_refused_with_words(path: Path, queue: Queue) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(database.MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match=r"newer than this spicy; please upgrade"):
        Queue(path)


def test_an_older_file_is_brought_up_with_its_jobs(
    path: Path, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = queue.add(order())
    newer = (*database.MIGRATIONS, "ALTER TABLE job ADD COLUMN more TEXT; UPDATE job SET more = 'm'")
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    with closing(Queue(path)) as upgraded:
        assert upgraded.find(job.id) == job
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT more FROM job").fetchall() == [("m",)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(newer),)


def test_a_migration_that_fails_changes_nothing(
    path: Path, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = (*database.MIGRATIONS, "ALTER TABLE job ADD COLUMN more TEXT; INSERT INTO nothing VALUES (1)")
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    with pytest.raises(StoreError, match="nothing"):
        Queue(path)
    with closing(sqlite3.connect(path)) as db:
        assert "more" not in {row[1] for row in db.execute("PRAGMA table_info(job)")}
        assert db.execute("PRAGMA user_version").fetchone() == (len(newer) - 1,)


def test_a_locked_file_is_told_in_words_and_serves_again_afterwards(path: Path) -> None:
    with closing(Queue(path, patience=0.05)) as queue:
        job, _ = queue.add(order())
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="another process holds it"):
                queue.add(order())
            with pytest.raises(StoreError, match="another process holds it"):
                queue.claim(Mode.VIDEO, "w", LEASE)
            assert queue.find(job.id) == job, "readers do not wait for writers"
            db.execute("ROLLBACK")
        assert queue.add(order())[1]


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A folder that everybody may enter, so that whoever runs the tests can become nobody in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_a_file_that_may_not_be_written_is_told_in_words(foreign: Path) -> None:
    path = foreign / "jobs.db"
    Queue(path).close()
    path.chmod(0o444)
    foreign.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match="writable"):
            Queue(path).add(order())
        with pytest.raises(StoreError, match="folder cannot be made"):
            Queue(foreign / "no" / "jobs.db")
    finally:
        if root:
            os.seteuid(0)


def test_what_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("my notes, not a database at all\n" * 40)
    with pytest.raises(StoreError, match="name another file"):
        Queue(tmp_path / "notes")
    with pytest.raises(StoreError, match="unable to open"):
        Queue(tmp_path)


def test_a_closed_queue_says_so(path: Path) -> None:
    queue = Queue(path)
    job: Job = queue.add(order())[0]
    queue.close()
    with pytest.raises(StoreError, match="closed"):
        queue.find(job.id)
    with pytest.raises(StoreError, match="closed"):
        queue.add(order())
    queue.close()


def test_text_that_is_no_text_is_refused_before_a_row_exists(queue: Queue) -> None:
    with pytest.raises(UsageError, match="surrogate"):
        queue.add(order("half of \ud83d"))
    assert queue.find("\ud83d") is None
    assert queue.remove("\ud83d") is None
    assert queue.counts() == {}
    assert queue.add(order("nul \x00 is text"))[0].prompt == "nul \x00 is text"
