"""The one path of a call: asked once, kept for ever, whatever dies and whoever else asks."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller, CallObserver, CostBound
from spicy.errors import (
    BudgetExceeded,
    CallError,
    CallFailed,
    DamagedObject,
    Expired,
    Interrupted,
    OutcomeUnknown,
    ProviderUnreachable,
    Refused,
    StoreError,
)
from spicy.ids import Ticks, ticks
from spicy.ports import Answer, Call, CallResult, ChatCall, ImageCall, Running, Schema, Ticket, call_key
from spicy.store.ledger import CallState, Ledger, ProcessLease, Purpose
from spicy.store.store import Store
from tests.scripted import Scripted, stored

PURPOSE = Purpose(run="r", film="f", node="f:character/x", step="character", purpose="sheet")
STILL = ImageCall(model="m", prompt="a fox", aspect_ratio="1:1", resolution="1k")
CHEAP, DEAR = ticks(0.05), ticks(0.50)


class CallerHarness:
    """A caller over one store, as one run has it."""

    def __init__(self, root: Path, provider: Scripted, cap: float | None = None, **options: bool) -> None:
        self.store, self.provider = Store(root), provider
        self.stop = threading.Event()
        self.budget = Budget(None if cap is None else ticks(cap))
        self.caller = Caller(self.store, provider, self.stop, **options)
        self.warnings: list[str] = []

    def ask(self, call: Call = STILL, estimate: Ticks = CHEAP) -> CallResult:
        watch = CallObserver(lambda key, call: None, lambda key, done: None, self.warnings.append)
        return self.caller.answer(call, CostBound(estimate, estimate, self.budget), PURPOSE, watch)

    def state(self, call: Call = STILL) -> CallState | None:
        row = self.store.ledger.find(call_key(self.provider.name, call))
        return row.state if row else None

    def die(self) -> None:
        """What a killed process leaves: its lock is gone, its rows are as they were."""
        self.store.owner._lock.release()
        self.store.ledger.close()


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[Callable[..., CallerHarness]]:
    opened: list[CallerHarness] = []

    def open_caller(provider: Scripted, **options: bool) -> CallerHarness:
        opened.append(CallerHarness(tmp_path / "store", provider, **options))
        return opened[-1]

    yield open_caller
    for one in opened:
        one.store.close()


def test_the_second_time_is_free_and_has_the_same_bytes(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(cost=CHEAP)
    first = executor(provider).ask()
    again = executor(provider).ask()
    assert (first.from_store, again.from_store) == (False, True)
    assert first.asset == again.asset
    assert again.cost == CHEAP
    assert provider.kinds == {"image": 1}


def test_takes_and_attempts_are_calls_of_their_own_and_the_old_one_comes_back_for_nothing(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted()
    here = executor(provider)
    one = here.ask()
    two = here.ask(ImageCall(model="m", prompt="a fox", aspect_ratio="1:1", resolution="1k", take=2))
    assert one.asset != two.asset
    assert here.ask().asset == one.asset
    assert provider.kinds["image"] == 2


def test_twenty_threads_with_one_question_are_one_call(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(polls=5)
    here = executor(provider)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: here.ask(), range(20)))
    assert provider.kinds["image"] == 1
    assert len({a.asset for a in answers}) == 1
    assert sum(not a.from_store for a in answers) == 1


def test_two_runs_at_once_share_one_call(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(polls=20)
    desks = [executor(provider) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda d: d.ask(), desks))
    assert provider.kinds["image"] == 1


def test_many_may_open_a_new_ledger_at_the_same_moment(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def open_one(root: Path) -> Ledger:
        together.wait()
        return Ledger(root)

    with ThreadPoolExecutor(8) as pool:
        for n in range(60):  # in about one of ten SQLite refuses somebody
            for ledger in pool.map(open_one, [tmp_path / str(n)] * 8):
                ledger.close()


def test_a_ledger_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.execute("CREATE TABLE other (a)")
    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **more: real(f"file:{path}?mode=ro", uri=True, **more)
    )
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waits for what no waiting mends"))
    with pytest.raises(StoreError, match="readonly"):
        Ledger(tmp_path)


def test_a_ticket_of_a_dead_process_is_polled_and_not_submitted_again(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(cost=DEAR, polls=1_000_000)
    dying = executor(provider)
    dying.stop.set()
    with pytest.raises(Interrupted):
        dying.ask()
    assert provider.kinds["image"] == 0  # a run that is stopping starts nothing

    dying.stop.clear()
    provider.after_accept = lambda call: dying.stop.set()
    with pytest.raises(Interrupted):
        dying.ask(estimate=DEAR)
    assert dying.state() is CallState.SUBMITTED
    dying.die()

    provider._open = {key: (call, 0) for key, (call, _) in provider._open.items()}
    heir = executor(provider)
    assert heir.ask(estimate=DEAR).cost == DEAR
    assert provider.kinds["image"] == 1
    assert heir.state() is CallState.CLOSED


def test_an_expired_ticket_is_asked_for_again_and_said_when_it_cost(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(polls=1_000_000)
    dying = executor(provider)
    provider.after_accept = lambda call: dying.stop.set()
    with pytest.raises(Interrupted):
        dying.ask(estimate=DEAR)
    dying.die()
    provider._open.clear()
    provider.polls = 0
    provider.after_accept = lambda call: None

    heir = executor(provider)
    assert heir.ask(estimate=DEAR).asset is not None
    assert provider.kinds["image"] == 2
    said = "a submitted call, at $0.50, expired before it was fetched; it has to be submitted again"
    assert heir.warnings == [said]


class Killed(BaseException):
    """Stands for the process dying: nothing may catch it and tidy up."""


@pytest.mark.parametrize(
    ("estimate", "submissions", "end"),
    [(Ticks(0), 2, CallState.CLOSED), (CHEAP, 2, CallState.CLOSED), (DEAR, 1, CallState.UNKNOWN)],
    ids=["free", "cheap", "dear"],
)
def test_a_reply_lost_with_the_process_is_repeated_only_when_that_is_cheap(
    executor: Callable[..., CallerHarness], estimate: Ticks, submissions: int, end: CallState
) -> None:
    provider = Scripted()
    dying = executor(provider)

    def die(call: Call) -> None:
        raise Killed

    provider.after_accept = die
    with pytest.raises(Killed):
        dying.ask(estimate=estimate)
    assert dying.state() is CallState.INTENT
    dying.die()
    provider.after_accept = lambda call: None

    heir = executor(provider)
    if estimate == DEAR:
        with pytest.raises(OutcomeUnknown, match=r"\$0\.50 lost its reply.*--retry-unknown"):
            heir.ask(estimate=estimate)
        with pytest.raises(OutcomeUnknown):  # and it stays so
            heir.ask(estimate=estimate)
    else:
        heir.ask(estimate=estimate)
    assert provider.kinds["image"] == submissions
    assert heir.state() is end
    doubts = [state for _, state, *_ in heir.store.ledger.doubtful()]
    assert doubts == {0: [], CHEAP: ["written_off"], DEAR: ["unknown"]}[estimate]


def test_retry_unknown_asks_again_and_marks_the_doubt(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()

    def lose(call: Call) -> None:
        raise ConnectionError("connection reset")

    provider.after_accept = lose
    with pytest.raises(OutcomeUnknown, match="connection reset"):
        executor(provider).ask(estimate=DEAR)
    provider.after_accept = lambda call: None
    heir = executor(provider, retry_unknown=True)
    heir.ask(estimate=DEAR)
    assert provider.kinds["image"] == 2
    assert [state for _, state, *_ in heir.store.ledger.doubtful()] == ["written_off"]


def test_a_refusal_is_final_for_that_request(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()

    def refuse(call: Call) -> None:
        raise Refused("rejected by content moderation", billed=CHEAP)

    provider.on_submit = refuse
    here = executor(provider)
    with pytest.raises(Refused, match="content moderation"):
        here.ask()
    provider.on_submit = lambda call: pytest.fail("submitted unchanged after a refusal")
    with pytest.raises(Refused, match="refused before; not asked again") as again:
        executor(provider).ask()
    assert again.value.billed == CHEAP  # what it cost then
    assert here.budget.spent == CHEAP  # what a refusal cost is money too


@pytest.mark.parametrize("said", [Refused("blocked"), Expired("it is gone")], ids=["refused", "expired"])
def test_what_is_billed_without_a_word_counts_under_the_cap(
    executor: Callable[..., CallerHarness], said: CallError
) -> None:
    provider = Scripted()

    def end(call: Call) -> None:
        raise said

    provider.on_submit = end
    here = executor(provider, cap=0.80)
    with pytest.raises(type(said), match=r"the provider did not report the cost; counted at \$0\.50"):
        here.ask(estimate=DEAR)
    assert here.budget.spent == DEAR
    with pytest.raises(BudgetExceeded):
        here.ask(ImageCall(model="m", prompt="an owl", aspect_ratio="1:1", resolution="1k"), estimate=DEAR)
    row = here.store.ledger.find(call_key(provider.name, STILL))
    assert row is not None
    assert row.cost == DEAR


def test_a_failure_is_not_kept(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()

    def fail(call: Call) -> None:
        raise CallFailed("internal error")

    provider.on_submit = fail
    here = executor(provider)
    with pytest.raises(CallFailed):
        here.ask()
    assert stored(here.store) == 0
    provider.on_submit = lambda call: None
    assert not here.ask().from_store


def test_bytes_that_cannot_be_shown_are_never_kept_but_their_price_is(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(cost=CHEAP)
    fetch = provider.fetch
    provider.fetch = lambda answer, into: into.write_bytes(b"\xff\xd8half a pict")  # type: ignore[method-assign]
    here = executor(provider)
    with pytest.raises(ProviderUnreachable, match="answered and billed, but"):
        here.ask()
    assert stored(here.store) == 0
    assert here.budget.spent == CHEAP
    assert here.store.ledger.costs("film") == [("f", 1, CHEAP, 0, 0)]
    assert len(list(here.store.objects.aside.iterdir())) == 1  # paid for, so a person may want to see it
    provider.fetch = fetch  # type: ignore[method-assign]
    assert executor(provider).ask().cost == CHEAP  # the next build goes on from the ticket
    assert provider.kinds["image"] == 1


def test_a_cost_that_is_not_said_is_booked_at_its_estimate(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()
    provider.bill = lambda call: None  # type: ignore[assignment,return-value]
    here = executor(provider)
    assert here.ask().cost == CHEAP
    assert here.budget.spent == CHEAP
    assert here.warnings == ["the provider did not say what a call cost; booked at $0.05"]


@pytest.mark.parametrize("where", ["poll", "fetch"])
def test_a_line_that_is_cut_loses_nothing(executor: Callable[..., CallerHarness], where: str) -> None:
    provider = Scripted(cost=DEAR)
    whole = getattr(provider, where)

    def cut(*args: object) -> object:
        raise (
            ProviderUnreachable("the line is cut") if where == "fetch" else ConnectionError("the line is cut")
        )

    setattr(provider, where, cut)
    here = executor(provider, cap=1.0)
    with pytest.raises(ProviderUnreachable, match="the line is cut"):
        here.ask(estimate=DEAR)
    assert here.budget.spent == DEAR  # it may have been billed, so it counts
    setattr(provider, where, whole)
    assert executor(provider).ask(estimate=DEAR).asset is not None  # while the first run still lives
    assert provider.kinds["image"] == 1


def test_the_cap_holds_when_replies_are_lost(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(cost=DEAR)

    def lose(call: Call) -> None:
        raise ConnectionError("reset")

    provider.after_accept = lose
    here = executor(provider, cap=1.00)
    for number in range(6):
        call = ImageCall(model="m", prompt=f"fox {number}", aspect_ratio="1:1", resolution="1k")
        with pytest.raises((OutcomeUnknown, BudgetExceeded)):
            here.ask(call, DEAR)
    assert provider.kinds["image"] == 2


def test_a_cheap_lost_reply_is_asked_again_in_the_same_run_and_marked(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(cost=CHEAP)
    losses = [1]

    def lose(call: Call) -> None:
        if losses:
            losses.pop()
            raise ConnectionError("reset")

    provider.after_accept = lose
    here = executor(provider)
    assert here.ask().asset is not None
    assert provider.kinds["image"] == 2
    assert [state for _, state, *_ in here.store.ledger.doubtful()] == ["written_off"]
    assert "possibly billed twice" in here.warnings[0]


def test_one_ledger_and_one_owner_for_all_threads(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    barrier = threading.Barrier(16)

    def look(_: int) -> tuple[int, str]:
        barrier.wait()
        return id(store.ledger), store.owner.id

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(look, range(16)))) == 1
    store.close()


def test_a_link_that_died_expires_the_call_within_a_run(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()

    def gone(answer: Answer, into: Path) -> None:
        raise Expired("link is gone")

    provider.fetch = gone  # type: ignore[method-assign]
    with pytest.raises(Expired):
        executor(provider).ask()


@pytest.mark.parametrize("threads", [1, 16])
def test_the_cap_caps_with_any_number_of_threads(
    executor: Callable[..., CallerHarness], threads: int
) -> None:
    provider = Scripted(cost=ticks(0.04))
    here = executor(provider, cap=0.50)

    def ask(number: int) -> bool:
        call = ImageCall(model="m", prompt=f"fox {number}", aspect_ratio="1:1", resolution="1k")
        try:
            here.ask(call, ticks(0.04))
        except BudgetExceeded:
            return False
        return True

    with ThreadPoolExecutor(threads) as pool:
        bought = sum(pool.map(ask, range(40)))
    assert bought == 12 == provider.kinds["image"]
    assert here.budget.spent == ticks(0.48)
    assert (
        executor(provider)
        .ask(ImageCall(model="m", prompt="fox 0", aspect_ratio="1:1", resolution="1k"))
        .from_store
    )  # what was bought is kept for the next build


def test_a_films_own_cap_and_the_builds_cap_both_hold() -> None:
    build = Budget(ticks(1.00))
    one, two = Budget(ticks(0.30), build), Budget(None, build)
    one.reserve(ticks(0.30))
    with pytest.raises(BudgetExceeded):
        one.reserve(ticks(0.01))
    two.reserve(ticks(0.70))
    with pytest.raises(BudgetExceeded):
        two.reserve(ticks(0.01))
    two.settle(ticks(0.70), ticks(0.10))
    assert build.spent == ticks(0.10)


def test_a_damaged_object_is_set_aside_named_and_asked_for_again(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted()
    here = executor(provider)
    digest = here.ask().media().digest
    here.store.objects.path(digest).write_bytes(b"rotten")
    with pytest.raises(DamagedObject, match="set aside"):
        here.store.objects.open(digest)
    assert here.store.lookup(call_key(provider.name, STILL)) is None
    assert here.ask().media().digest == digest
    assert here.store.objects.open(digest).is_file()
    assert [p.read_bytes() for p in here.store.objects.aside.iterdir()] == [b"rotten"]


def test_an_owner_is_alive_until_its_lock_is_gone(tmp_path: Path) -> None:
    one, two = ProcessLease(tmp_path), ProcessLease(tmp_path)
    assert one.is_alive(two.id)
    assert two.is_alive(one.id)
    two.close()
    assert not one.is_alive(two.id)
    assert not one.is_alive("f" * 16)
    one.close()
    assert list((tmp_path / "owners").iterdir()) == []


def test_a_chat_is_answered_without_a_ticket(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()
    call = ChatCall(model="m", prompt="how good?", schema=Schema("check", "{}"))
    assert executor(provider).ask(call).text == executor(provider).ask(call).text
    assert provider.kinds == {"chat": 1}


def test_a_ticket_is_durable_before_the_first_poll(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted()
    here = executor(provider)
    seen: list[CallState | None] = []
    poll = provider.poll

    def watching(ticket: Ticket) -> object:
        seen.append(here.state())
        return poll(ticket)

    provider.poll = watching  # type: ignore[method-assign,assignment]
    here.ask()
    assert seen == [CallState.SUBMITTED]


def test_a_ticket_that_cannot_be_journalled_is_still_polled(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(cost=DEAR)
    here = executor(provider)

    def full(*_: object) -> None:
        raise StoreError("database or disk is full")

    here.store.ledger.submitted = full  # type: ignore[method-assign]
    assert here.ask(estimate=DEAR).asset is not None
    assert "could not be journalled" in here.warnings[0]
    assert provider.kinds["image"] == 1


def test_what_was_lost_in_a_run_is_not_repeated_in_it(executor: Callable[..., CallerHarness]) -> None:
    """`--retry-unknown` is about what was unknown before: each of four askers would pay once more."""
    provider = Scripted(cost=DEAR)

    def lose(call: Call) -> None:
        raise ConnectionError("gone")

    provider.after_accept = lose
    here = executor(provider, retry_unknown=True)
    for _ in range(4):
        with pytest.raises(OutcomeUnknown):
            here.ask(estimate=DEAR)
    assert provider.kinds == {"image": 1}
    with pytest.raises(OutcomeUnknown):
        executor(provider, retry_unknown=True).ask(estimate=DEAR)  # the next run asks again, once
    assert provider.kinds == {"image": 2}


def test_a_good_link_outlives_its_ticket(executor: Callable[..., CallerHarness]) -> None:
    provider = Scripted(cost=DEAR)
    fetch, poll, polls = provider.fetch, provider.poll, [0]

    def full(answer: Answer, into: Path) -> None:
        provider.fetch = fetch  # type: ignore[method-assign]
        raise ProviderUnreachable("no space left on device")

    def forgotten(ticket: Ticket) -> Running | Answer:
        polls[0] += 1
        if polls[0] > 1:
            raise Expired("no such ticket")
        return poll(ticket)

    provider.fetch, provider.poll = full, forgotten  # type: ignore[method-assign]
    assert executor(provider).ask(estimate=DEAR).asset is not None
    assert provider.kinds == {"image": 1}


def test_a_ticket_that_could_not_be_written_down_is_written_down_later(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(cost=DEAR)
    here = executor(provider)
    note, poll = here.store.ledger.submitted, provider.poll

    def locked(id: int, ticket: str) -> None:
        here.store.ledger.submitted = note  # type: ignore[method-assign]
        raise StoreError("database is locked")

    def down(ticket: Ticket) -> Running | Answer:
        provider.poll = poll  # type: ignore[method-assign]
        raise ProviderUnreachable("network down")

    here.store.ledger.submitted, provider.poll = locked, down  # type: ignore[method-assign]
    with pytest.raises(ProviderUnreachable):
        here.ask(estimate=DEAR)
    assert here.state() is CallState.SUBMITTED
    assert here.ask(estimate=DEAR).cost == DEAR
    assert provider.kinds == {"image": 1}


def test_a_call_in_the_hands_of_a_process_that_is_stuck_is_not_waited_for_without_end(
    executor: Callable[..., CallerHarness],
) -> None:
    provider = Scripted(cost=DEAR)
    stuck, here = executor(provider), executor(provider)
    key = call_key(provider.name, STILL)
    stuck.store.ledger._clock = lambda: time.time() - 3600
    stuck.store.ledger.claim(
        key, owner=stuck.store.owner.id, provider="scripted", kind="image", model="m", estimate=DEAR,
        purpose=PURPOSE, request="{}",
    )  # fmt: skip
    with pytest.raises(ProviderUnreachable, match="held this call for 60 minutes without progress"):
        here.ask(estimate=DEAR)
    assert provider.kinds == {}
