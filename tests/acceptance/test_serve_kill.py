"""The server and its workers are killed, or told to leave, with jobs open: each job reaches a true end, no clip is bought twice."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from spicy.emulator import Fault
from spicy.jobs.model import JobState
from spicy.jobs.queue import Queue
from tests.acceptance.serving import Serving, started, wait_until
from tests.drills.studio import Studio, studio

JOBS = 20


@pytest.fixture
def shop() -> Iterator[Studio]:
    with studio(seed=3) as made:
        yield made


SERVE = ("serve", "--port", "0", "-j", str(JOBS))
ENV = {"SPICY_RECIPE": "quick"}


def clips(shop: Studio) -> Counter[str]:
    """How often each clip was accepted."""
    return Counter(call.digest for call in shop.emulator.accepted if call.kind == "video")


def tickets(shop: Studio) -> int:
    """How many tickets the ledger holds."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(shop.store / "ledger.sqlite")) as db,
    ):
        return int(db.execute("SELECT count(*) FROM call WHERE state = 'submitted'").fetchone()[0])
    return 0


def order_all(server: Serving) -> list[str]:
    """Twenty clips, all different, each too dear to be asked for again on suspicion."""
    return [server.order(f"a cat walks over roof number {n}") for n in range(JOBS)]


def check_ends(server: Serving, shop: Studio, ids: list[str]) -> Counter[str]:
    """Every job has ended well, or honestly; what is accepted was accepted once."""
    ends: Counter[str] = Counter()
    for id in ids:
        job = server.ended(id)
        ends[job["code"] or job["status"]] += 1
        clip = server.ask("GET", f"/videos/{id}.mp4")
        assert (clip.status_code == 200) == (job["status"] == "completed")
    assert set(ends) <= {"completed", "unknown"}, server.words
    assert set(clips(shop).values()) <= {1}
    assert ends["completed"] <= len(clips(shop)) <= JOBS
    return ends


def test_killed_while_clips_are_made_goes_on_from_every_ticket(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=10)])
    with started(shop.project, *SERVE, env=ENV) as server:
        ids = order_all(server)
        wait_until(lambda: tickets(shop) == JOBS)
    with started(shop.project, *SERVE, env=ENV) as server:
        assert check_ends(server, shop, ids) == {"completed": JOBS}
        costs = [server.job(id)["cost_ticks"] for id in ids]
    assert sum(costs) == shop.emulator.bill


@pytest.mark.parametrize("accepted", [1, 12])
def test_killed_while_clips_are_submitted_never_submits_again(shop: Studio, accepted: int) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=5)])
    with started(shop.project, *SERVE, env=ENV) as server:
        ids = order_all(server)
        wait_until(lambda: len(clips(shop)) >= accepted)
    with started(shop.project, *SERVE, env=ENV) as server:
        check_ends(server, shop, ids)


def test_killed_again_and_again(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=8)])
    ids: list[str] = []
    for accepted in (4, 12):
        with started(shop.project, *SERVE, env=ENV) as server:
            ids = ids or order_all(server)
            with contextlib.suppress(AssertionError):  # those that are unknown by now are not submitted
                wait_until(lambda least=accepted: len(clips(shop)) >= least, 3)  # type: ignore[misc]
    with started(shop.project, *SERVE, env=ENV) as server:
        check_ends(server, shop, ids)


def test_a_lost_reply_ends_as_unknown_and_stays_so(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="drop", times=1)])
    with started(shop.project, *SERVE, env=ENV) as server:
        job = server.ended(server.order("a cat in the rain"))
        assert (job["status"], job["code"]) == ("failed", "unknown")
    with started(shop.project, *SERVE, env=ENV) as server:
        assert server.ended(server.order("a cat in the rain"))["code"] == "unknown"
        assert server.job(job["id"])["code"] == "unknown"
    assert clips(shop).total() == 1


def test_workers_killed_while_they_hold_claims(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=5)])
    env = {**ENV, "SPICY_BUILTIN_WORKER": "0", "JOB_TIMEOUT_SECONDS": "3"}
    with started(shop.project, *SERVE, env=env) as server:
        ids = order_all(server)
        work = ("worker", "--url", server.url, "--mode", "video", "-j", "10")
        with started(shop.project, *work, env=ENV), started(shop.project, *work, env=ENV):
            wait_until(lambda: tickets(shop) >= 15)
        assert not any(server.job(id)["status"] == "failed" for id in ids)
        with started(shop.project, *work, env=ENV):
            ends = check_ends(server, shop, ids)
    assert ends["completed"] >= 15


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_ctrl_c_gives_jobs_back_and_the_next_start_ends_them(
    shop: Studio, sent: signal.Signals, code: int
) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=8)])
    with started(shop.project, *SERVE[:-1], "3", env=ENV) as server:
        ids = [server.order(f"cat {n}") for n in range(5)]
        wait_until(lambda: tickets(shop) == 3)
        server.process.send_signal(sent)
        assert server.process.wait(timeout=20) == code
        assert "Traceback" not in server.words
    with closing(Queue(shop.project.root / "jobs.db")) as queue:
        assert {(job.state, job.tries) for job in queue.jobs()} == {(JobState.PENDING, 0)}
    with started(shop.project, *SERVE, env=ENV) as server:
        assert {server.ended(id)["status"] for id in ids} == {"completed"}
    assert set(clips(shop).values()) == {1}


def test_a_worker_survives_the_restart_of_its_server(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="slow", factor=8)])
    env = {**ENV, "SPICY_BUILTIN_WORKER": "0"}
    with started(shop.project, *SERVE, env=env) as server:
        port = server.url.rpartition(":")[2]
        ids = [server.order(f"cat {n}") for n in range(3)]
        with started(shop.project, "worker", "--url", server.url, "-j", "2", env=ENV) as working:
            wait_until(lambda: tickets(shop) == 2)
            server.kill()
            working.heard("cannot be reached")
            with started(shop.project, "serve", "--port", port, env=env) as again:
                assert {again.ended(id)["status"] for id in ids} == {"completed"}
    assert set(clips(shop).values()) == {1}


def test_the_second_ctrl_c_of_a_worker_gives_its_job_back(shop: Studio) -> None:
    shop.emulator.set_faults([Fault(kind="video", effect="never")])
    with started(shop.project, *SERVE, env={**ENV, "SPICY_BUILTIN_WORKER": "0"}) as server:
        id = server.order("a cat that sleeps")
        with started(shop.project, "worker", "--url", server.url, env=ENV) as worker:
            wait_until(lambda: tickets(shop) == 1)
            worker.process.send_signal(signal.SIGINT)
            worker.heard(f"finishing {id}")
            assert server.job(id)["status"] == "processing", worker.words
            worker.process.send_signal(signal.SIGINT)
            assert worker.process.wait(timeout=20) == 130
        assert server.job(id)["status"] == "pending", worker.words
