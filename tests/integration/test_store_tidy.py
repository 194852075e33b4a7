"""Sweeping up after dead builds: what they had finished is closed, what was half-written goes, the rest waits."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from spicy.ids import CallKey, Ticks
from spicy.store.ledger import CallState, ProcessLease, Purpose
from spicy.store.orphans import collect_orphans
from spicy.store.records import CallRecord
from spicy.store.store import Store

PURPOSE = Purpose(run="r", film="f", node="f:character/x", step="character", purpose="check")
COST = Ticks(50)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def claim(store: Store, key: str, owner: str) -> int:
    """An intent of somebody's."""
    claimed = store.ledger.claim(
        CallKey(key),
        owner=owner,
        provider="xai",
        kind="chat",
        model="m",
        estimate=COST,
        purpose=PURPOSE,
        request="{}",
    )
    assert isinstance(claimed, int)
    return claimed


def record(store: Store, key: str) -> None:
    """The answer of a call."""
    store.records.add(
        CallRecord(
            key=CallKey(key),
            provider="xai",
            kind="chat",
            purpose="check",
            request={},
            model="m",
            cost=COST,
            started="",
            seconds=1.0,
            text="{}",
        )
    )


def state(store: Store, key: str) -> CallState:
    """Where a call stands."""
    row = store.ledger.find(CallKey(key))
    assert row is not None
    return row.state


def test_what_a_dead_build_had_recorded_is_closed_at_its_cost(store: Store) -> None:
    store.ledger.ready(claim(store, "aa-recorded", "dead"), "{}", COST)
    record(store, "aa-recorded")
    collect_orphans(store)
    assert state(store, "aa-recorded") is CallState.CLOSED
    assert store.ledger.costs("film") == [("f", 1, COST, 0, 0)]
    assert store.ledger.doubtful() == []


def test_an_intent_whose_answer_was_there_before_it_was_never_submitted(store: Store) -> None:
    record(store, "aa-answered")
    claim(store, "aa-answered", "dead")
    collect_orphans(store)
    assert state(store, "aa-answered") is CallState.FAILED
    assert store.ledger.doubtful() == []


def test_what_is_not_recorded_waits_for_whoever_asks_next(store: Store) -> None:
    claim(store, "aa-intent", "dead")
    store.ledger.submitted(claim(store, "bb-submitted", "dead"), "ticket")
    store.ledger.ready(claim(store, "cc-ready", "dead"), "{}", COST)
    waiting = collect_orphans(store)
    assert [row.key for row in waiting] == ["aa-intent", "bb-submitted", "cc-ready"]
    assert [state(store, key) for key in ("aa-intent", "bb-submitted", "cc-ready")] == [
        CallState.INTENT,
        CallState.SUBMITTED,
        CallState.READY,
    ]


def test_the_rows_and_files_of_a_living_build_are_its_own(store: Store) -> None:
    left = drafts(store)
    living = ProcessLease(store.root)
    store.ledger.ready(claim(store, "aa-recorded", living.id), "{}", COST)
    record(store, "aa-recorded")
    collect_orphans(store)
    assert state(store, "aa-recorded") is CallState.READY
    assert all(path.exists() for path in left)
    living._lock.release()
    collect_orphans(store)
    assert state(store, "aa-recorded") is CallState.CLOSED
    assert not any(path.exists() for path in left)


def test_a_dead_build_is_seen_without_opening_anything(store: Store) -> None:
    assert not store.occupied
    ProcessLease(store.root)._lock.release()  # dead: its file stays, its lock is gone
    assert store.occupied
    collect_orphans(store)
    store.close()
    assert not store.occupied


def test_a_build_that_leaves_work_behind_is_seen_too(store: Store) -> None:
    submitted = claim(store, "aa-submitted", store.owner.id)
    store.ledger.submitted(submitted, "ticket")
    store.ledger.release(submitted)  # as Ctrl-C does
    store.close()
    assert store.occupied
    assert [row.key for row in collect_orphans(store)] == ["aa-submitted"]


def test_files_in_the_making_are_swept_when_their_process_is_dead(store: Store) -> None:
    left, mine = drafts(store), store.temporary("clip.mp4")
    ProcessLease(store.root)._lock.release()  # dead: its file stays, its lock is gone
    mine.write_bytes(b"half")
    collect_orphans(store)
    assert not any(path.exists() for path in left)
    assert mine.exists()


def drafts(store: Store) -> list[Path]:
    """What a dead process left in each folder."""
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    mine = store.temporary("clip.mp4").name.split(".")
    name = ".".join([*mine[:2], str(dead.pid), *mine[3:]])
    left = [store.root / folder / name for folder in ("tmp", "objects/ab", "calls/ab")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    return left


def test_owners_are_never_taken_for_dead_while_they_are_born(tmp_path: Path) -> None:
    """Many come to life while others look for the dead: each that lives is seen alive by everybody."""
    judge, stop = ProcessLease(tmp_path), threading.Event()

    def look_and_bury() -> None:
        while not stop.is_set():
            for path in (tmp_path / "owners").glob("*"):
                if not judge.is_alive(path.name):
                    judge.remove(path.name)

    looking = [threading.Thread(target=look_and_bury) for _ in range(3)]
    for thread in looking:
        thread.start()
    owners = [ProcessLease(tmp_path) for _ in range(200)]
    stop.set()
    for thread in looking:
        thread.join()
    assert all(judge.is_alive(owner.id) for owner in owners)
    for owner in owners:
        owner.close()
