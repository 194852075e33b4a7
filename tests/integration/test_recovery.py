"""What a dead build had submitted comes home with the next one, whatever that one is about."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spicy.canonical_json import canonical
from spicy.engine.calls.caller import CallObserver, CostBound
from spicy.engine.calls.recovery import Recovery
from spicy.errors import Interrupted, OutcomeUnknown
from spicy.events import Event, Recovering, Warned
from spicy.ids import Ticks, ticks
from spicy.ports import Call, ImageCall, VideoCall, call_key
from spicy.store.ledger import _MIGRATIONS, CallState, Ledger, LedgerRow, ProcessLease
from spicy.store.orphans import collect_orphans
from tests.integration.test_call_path import CHEAP, DEAR, PURPOSE, STILL, CallerHarness
from tests.scripted import Scripted


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Callable[[Scripted], CallerHarness]]:
    opened: list[CallerHarness] = []

    def open_caller(provider: Scripted) -> CallerHarness:
        opened.append(CallerHarness(tmp_path / "store", provider))
        return opened[-1]

    yield open_caller
    for one in opened:
        one.store.close()


def submitted_and_dead(
    executor: Callable[[Scripted], CallerHarness], provider: Scripted, call: Call = STILL
) -> None:
    """Leave behind a submission whose ticket is kept, and whose process is gone."""
    dying = executor(provider)
    provider.polls = 1_000_000
    provider.after_accept = lambda call: dying.stop.set()
    with pytest.raises(Interrupted):
        dying.ask(call, estimate=DEAR)
    dying.die()
    provider.polls = 0
    provider._open = {key: (call, 0) for key, (call, _) in provider._open.items()}
    provider.after_accept = lambda call: None


def recover(here: CallerHarness) -> list[Event]:
    """Run the recovery of a build and return what it said."""
    said: list[Event] = []
    rows = collect_orphans(here.store)
    if rows:
        recovery = Recovery(here.caller, rows, _Sink(said))
        recovery.start()
        recovery.finish()
    return said


class _Sink:
    def __init__(self, said: list[Event]) -> None:
        self._said = said

    def __call__(self, event: Event) -> None:
        self._said.append(event)

    def close(self) -> None:
        pass


def test_a_submitted_call_that_nobody_asks_for_is_fetched_and_kept(
    executor: Callable[[Scripted], CallerHarness],
) -> None:
    provider = Scripted(cost=DEAR)
    submitted_and_dead(executor, provider)
    heir = executor(provider)
    assert recover(heir) == [Recovering(1, DEAR)]
    assert heir.state() is CallState.CLOSED
    assert heir.store.lookup(call_key(provider.name, STILL)) is not None
    assert heir.ask().from_store
    assert provider.kinds["image"] == 1
    assert heir.budget.spent == 0  # it is in the books of the build that submitted it
    assert recover(heir) == []


def test_an_asker_waits_for_the_recovery_instead_of_asking(
    executor: Callable[[Scripted], CallerHarness],
) -> None:
    provider = Scripted(cost=DEAR)
    submitted_and_dead(executor, provider)
    provider._open = {key: (call, 50) for key, (call, _) in provider._open.items()}
    provider.polls = 50
    heir = executor(provider)
    recovery = Recovery(heir.caller, collect_orphans(heir.store), _Sink([]))
    recovery.start()
    assert heir.ask(estimate=DEAR).from_store
    recovery.finish()
    assert provider.kinds["image"] == 1


def test_a_living_owner_is_left_alone(executor: Callable[[Scripted], CallerHarness]) -> None:
    provider = Scripted()
    busy = executor(provider)
    busy.store.ledger.claim(
        call_key("scripted", STILL),
        owner=busy.store.owner.id,
        provider="scripted",
        kind="image",
        model="m",
        estimate=CHEAP,
        purpose=PURPOSE,
        request="{}",
    )
    assert collect_orphans(executor(provider).store) == []


@pytest.mark.parametrize(("estimate", "state"), [(CHEAP, CallState.WRITTEN_OFF), (DEAR, CallState.UNKNOWN)])
def test_a_reply_lost_with_its_process_is_marked_at_once(
    executor: Callable[[Scripted], CallerHarness], estimate: Ticks, state: CallState
) -> None:
    provider = Scripted()
    dying = executor(provider)

    dying.store.ledger.claim(
        call_key("scripted", STILL),
        owner=dying.store.owner.id,
        provider="scripted",
        kind="image",
        model="m",
        estimate=estimate,
        purpose=PURPOSE,
        request=canonical(STILL.canonical()),
    )
    dying.die()
    heir = executor(provider)
    said = recover(heir)
    assert said[0] == Recovering(1, estimate)
    assert heir.state() is state
    assert heir.store.ledger.costs("film") == [("f", 1, estimate, 0, 0)]
    assert provider.kinds == {}
    if estimate == DEAR:
        with pytest.raises(OutcomeUnknown):
            heir.ask(estimate=DEAR)
    else:
        assert any(isinstance(e, Warned) and "possibly billed twice" in e.message for e in said)


def test_one_that_cannot_come_home_is_told_and_stops_nobody(
    executor: Callable[[Scripted], CallerHarness],
) -> None:
    provider = Scripted()
    submitted_and_dead(executor, provider)
    heir = executor(provider)
    provider.poll = _unreachable  # type: ignore[method-assign,assignment]
    said = recover(heir)
    assert [type(e) for e in said] == [Recovering, Warned]
    assert heir.state() is CallState.SUBMITTED  # the next build tries again
    assert len(collect_orphans(heir.store)) == 1


def _unreachable(ticket: object) -> None:
    raise ConnectionError("no route")


def test_a_ledger_of_the_first_version_is_upgraded_with_its_rows(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    with closing(sqlite3.connect(root / "ledger.sqlite")) as db:
        for statement in filter(str.strip, _MIGRATIONS[0].split(";")):
            db.execute(statement)
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO call (key, provider, kind, model, run, film, node, step, purpose, owner, state, ticket,"
            " estimate, created, updated) VALUES"
            " ('k', 'xai', 'video', 'm', 'r', 'f', 'n', 's', 'clip', 'dead', 'submitted', 't', 5, 1.0, 1.0)"
        )
        db.commit()
    ledger = Ledger(root)
    (row,) = ledger.live()
    assert isinstance(row, LedgerRow)
    assert (row.ticket, row.estimate, row.request) == ("t", 5, "")
    ledger.close()
    ledger = Ledger(root)  # and only once
    assert len(ledger.live()) == 1
    ledger.close()


def test_a_clip_comes_home_with_its_own_call(executor: Callable[[Scripted], CallerHarness]) -> None:
    provider = Scripted(cost=DEAR)
    still = executor(provider).ask().media().digest
    call = VideoCall(
        model="v", prompt="it runs", image=still, duration=1, resolution="720p", aspect_ratio="16:9"
    )
    submitted_and_dead(executor, provider, call)
    heir = executor(provider)
    recover(heir)
    record = heir.store.lookup(call_key(provider.name, call))
    assert record is not None
    assert (record.kind, record.purpose, record.cost, record.request) == (
        "video",
        "sheet",
        DEAR,
        {**call.canonical()},
    )


def test_a_call_that_was_never_sent_is_no_doubt(executor: Callable[[Scripted], CallerHarness]) -> None:
    """What fails between the claim and the submission leaves no row that somebody might take for a lost reply."""
    provider = Scripted()
    here = executor(provider)

    def broken(key: object, call: object) -> None:
        raise RuntimeError("a sink with a fault")

    with pytest.raises(RuntimeError):
        here.caller.answer(
            ImageCall(model="m", prompt="x", aspect_ratio="1:1", resolution="1k"),
            CostBound(ticks(0.5), ticks(0.5), here.budget),
            PURPOSE,
            CallObserver(broken, lambda key, done: None, lambda said: None),
        )
    assert here.store.ledger.live() == ()
    assert here.store.ledger.doubtful() == []
    assert here.budget.spent == 0
    assert provider.kinds == {}


def test_many_who_ask_at_once_do_not_take_each_other_for_the_one_who_is_asked_about(tmp_path: Path) -> None:
    dead, asker = ProcessLease(tmp_path), ProcessLease(tmp_path)
    dead.close(unfinished=True)
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(asker.is_alive(dead.id) for _ in range(300))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(answers)
    living = ProcessLease(tmp_path)
    assert asker.is_alive(living.id)
    living.close()
    assert not asker.is_alive(living.id)
    asker.close()
