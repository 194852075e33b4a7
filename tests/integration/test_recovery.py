"""What a dead build had submitted comes home with the next one, whatever that one is about."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from spicy.canon import canonical
from spicy.engine.call import Offer, Watch
from spicy.engine.recover import Recovery
from spicy.errors import Interrupted, OutcomeUnknown
from spicy.events import Event, Recovering, Warned
from spicy.ids import Ticks, ticks
from spicy.ports import Call, ImageCall, VideoCall, call_key
from spicy.store.ledger import _MIGRATIONS, Ledger, Owner, Row, State
from spicy.store.tidy import tidy
from tests.integration.test_call_path import CHEAP, DEAR, PURPOSE, STILL, Desk
from tests.scripted import Scripted


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[[Scripted], Desk]]:
    opened: list[Desk] = []

    def open_desk(provider: Scripted) -> Desk:
        opened.append(Desk(tmp_path / "store", provider))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.store.close()


def submitted_and_dead(desk: Callable[[Scripted], Desk], provider: Scripted, call: Call = STILL) -> None:
    """Leave behind a submission whose ticket is kept, and whose process is gone."""
    dying = desk(provider)
    provider.polls = 1_000_000
    provider.after_accept = lambda call: dying.stop.set()
    with pytest.raises(Interrupted):
        dying.ask(call, estimate=DEAR)
    dying.die()
    provider.polls = 0
    provider._open = {key: (call, 0) for key, (call, _) in provider._open.items()}
    provider.after_accept = lambda call: None


def recover(here: Desk) -> list[Event]:
    """Run the recovery of a build and return what it said."""
    said: list[Event] = []
    rows = tidy(here.store)
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


def test_a_submitted_call_that_nobody_asks_for_is_fetched_and_kept(desk: Callable[[Scripted], Desk]) -> None:
    provider = Scripted(cost=DEAR)
    submitted_and_dead(desk, provider)
    heir = desk(provider)
    assert recover(heir) == [Recovering(1, DEAR)]
    assert heir.state() is State.CLOSED
    assert heir.store.lookup(call_key(provider.name, STILL)) is not None
    assert heir.ask().from_store
    assert provider.kinds["image"] == 1
    assert heir.budget.spent == 0  # it is in the books of the build that submitted it
    assert recover(heir) == []


def test_an_asker_waits_for_the_recovery_instead_of_asking(desk: Callable[[Scripted], Desk]) -> None:
    provider = Scripted(cost=DEAR)
    submitted_and_dead(desk, provider)
    provider._open = {key: (call, 50) for key, (call, _) in provider._open.items()}
    provider.polls = 50
    heir = desk(provider)
    recovery = Recovery(heir.caller, tidy(heir.store), _Sink([]))
    recovery.start()
    assert heir.ask(estimate=DEAR).from_store
    recovery.finish()
    assert provider.kinds["image"] == 1


def test_a_living_owner_is_left_alone(desk: Callable[[Scripted], Desk]) -> None:
    provider = Scripted()
    busy = desk(provider)
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
    assert tidy(desk(provider).store) == []


@pytest.mark.parametrize(("estimate", "state"), [(CHEAP, State.WRITTEN_OFF), (DEAR, State.UNKNOWN)])
def test_a_reply_lost_with_its_process_is_marked_at_once(
    desk: Callable[[Scripted], Desk], estimate: Ticks, state: State
) -> None:
    provider = Scripted()
    dying = desk(provider)

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
    heir = desk(provider)
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


def test_one_that_cannot_come_home_is_told_and_stops_nobody(desk: Callable[[Scripted], Desk]) -> None:
    provider = Scripted()
    submitted_and_dead(desk, provider)
    heir = desk(provider)
    provider.poll = _unreachable  # type: ignore[method-assign,assignment]
    said = recover(heir)
    assert [type(e) for e in said] == [Recovering, Warned]
    assert heir.state() is State.SUBMITTED  # the next build tries again
    assert len(tidy(heir.store)) == 1


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
    assert isinstance(row, Row)
    assert (row.ticket, row.estimate, row.request) == ("t", 5, "")
    ledger.close()
    ledger = Ledger(root)  # and only once
    assert len(ledger.live()) == 1
    ledger.close()


def test_a_clip_comes_home_with_its_own_call(desk: Callable[[Scripted], Desk]) -> None:
    provider = Scripted(cost=DEAR)
    still = desk(provider).ask().media().digest
    call = VideoCall(
        model="v", prompt="it runs", image=still, duration=1, resolution="720p", aspect_ratio="16:9"
    )
    submitted_and_dead(desk, provider, call)
    heir = desk(provider)
    recover(heir)
    record = heir.store.lookup(call_key(provider.name, call))
    assert record is not None
    assert (record.kind, record.purpose, record.cost, record.request) == (
        "video",
        "sheet",
        DEAR,
        {**call.canonical()},
    )


def test_a_call_that_was_never_sent_is_no_doubt(desk: Callable[[Scripted], Desk]) -> None:
    """What fails between the claim and the submission leaves no row that somebody might take for a lost reply."""
    provider = Scripted()
    here = desk(provider)

    def broken(key: object, call: object) -> None:
        raise RuntimeError("a sink with a fault")

    with pytest.raises(RuntimeError):
        here.caller.answer(
            ImageCall(model="m", prompt="x", aspect_ratio="1:1", resolution="1k"),
            Offer(ticks(0.5), ticks(0.5), here.budget),
            PURPOSE,
            Watch(broken, lambda key, done: None, lambda said: None),
        )
    assert here.store.ledger.live() == ()
    assert here.store.ledger.doubtful() == []
    assert here.budget.spent == 0
    assert provider.kinds == {}


def test_many_who_ask_at_once_do_not_take_each_other_for_the_one_who_is_asked_about(tmp_path: Path) -> None:
    dead, asker = Owner(tmp_path), Owner(tmp_path)
    dead.close(unfinished=True)
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(asker.alive(dead.id) for _ in range(300))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(answers)
    living = Owner(tmp_path)
    assert asker.alive(living.id)
    living.close()
    assert not asker.alive(living.id)
    asker.close()
