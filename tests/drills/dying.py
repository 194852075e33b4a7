"""`spicy`, killed by its own hand at a chosen boundary of the path of a paid call.

    python -m tests.drills.dying BOUNDARY KIND NTH [die|hold|tell] -- build oak.yaml -j 4 -q

The product has no hooks for this. The methods of the real classes are wrapped in this process, and the NTH
time that a call of KIND (clip, still, chat) comes to the boundary, the process gets SIGKILL (`die`), stands
still there for ever (`hold`), or only says so (`tell`). Then the true command line runs.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spicy.engine.maker import Maker
    from spicy.plan.node import Node
    from spicy.ports import Call
    from spicy.store.ledger import LedgerRow

_ALL = ("clip", "still", "chat")
_MEDIA = ("clip", "still")
BOUNDARIES = {
    "asked": _ALL,  # after the look-up, before the reservation
    "reserved": _ALL,  # before the intent is written
    "intent": _ALL,  # before it is submitted
    "accepted": _ALL,  # submitted, and nothing written of it
    "ticket": ("clip",),  # before the first poll
    "polled": ("clip",),  # between two polls
    "answered": _ALL,  # before `ready` is written
    "ready": _ALL,  # before anything is fetched
    "halfway": _MEDIA,  # of the download
    "fetched": _MEDIA,  # before the blob
    "blob-draft": _MEDIA,  # its bytes are there, under a temporary name
    "blob": _MEDIA,  # before the record
    "record-draft": _ALL,
    "recorded": _ALL,  # before the row is closed
    "closed": _ALL,  # before the step goes on
    "placing": _ALL,  # before the first target
    "target-draft": _ALL,
    "half-placed": ("clip",),  # the first of three targets is there
    "placed": _ALL,  # before the receipt
    "receipt-draft": _ALL,
    "receipted": _ALL,  # before anybody is told
}
"""Where the path can be cut, and the kinds of call that come there; the last six are met by the call's node."""

HERE = "at the boundary"
"""What a process that holds or tells prints."""


class _Place(threading.local):
    """Where this thread is."""

    call: str | None = None
    node: str | None = None
    draft: str | None = None


class Fate:
    """What happens to this process, and when."""

    def __init__(self, boundary: str, kind: str, nth: int, then: str) -> None:
        self.place = _Place()
        self._boundary, self._kind, self._left, self._then = boundary, kind, nth, then
        self._lock = threading.Lock()

    def reach(self, boundary: str, kind: str | None) -> None:
        """A call, or the node of a call, of that kind is at the boundary."""
        if (boundary, kind) != (self._boundary, self._kind):
            return
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if not due:
            return
        if self._then == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stderr.write(f"{HERE}\n")
        sys.stderr.flush()
        if self._then == "hold":
            threading.Event().wait()

    def call(self, boundary: str) -> None:
        """The call of this thread is there; work between calls does not count."""
        self.reach(boundary, self.place.call)

    def node(self, boundary: str) -> None:
        """The node of this thread is there, with no call under way."""
        if self.place.call is None:
            self.reach(boundary, self.place.node)


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a function by `around(real, *arguments)`."""
    real = getattr(owner, name)
    setattr(owner, name, functools.wraps(real)(lambda *a, **k: around(real, *a, **k)))


def _before(owner: Any, name: str, reached: Callable[[], None]) -> None:
    def around(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        reached()
        return real(*args, **kwargs)

    _wrap(owner, name, around)


def _after(
    owner: Any, name: str, reached: Callable[[], None], when: Callable[..., bool] = lambda *_, **__: True
) -> None:
    """`when` is asked with the result and the arguments."""

    def around(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        if when(result, *args, **kwargs):
            reached()
        return result

    _wrap(owner, name, around)


def _within(owner: Any, name: str, fate: Fate, draft: str) -> None:
    """Say what the drafts are that are written inside a function."""

    def around(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        fate.place.draft = draft
        try:
            return real(*args, **kwargs)
        finally:
            fate.place.draft = None

    _wrap(owner, name, around)


def prepare(fate: Fate) -> None:
    """Wrap everything."""
    _know_where(fate)
    _path_of_a_call(fate)
    _download(fate)
    _files(fate)


def _know_where(fate: Fate) -> None:
    from spicy.engine.calls.caller import Caller
    from spicy.engine.maker import Maker
    from spicy.ids import Step
    from spicy.ports import Kind, read_call
    from spicy.store.ledger import ProcessLease

    calls = {Kind.VIDEO: "clip", Kind.IMAGE: "still", Kind.CHAT: "chat"}
    nodes = {Step.VIDEO: "clip", Step.KEYFRAME: "still", Step.CHARACTER: "still", Step.IDEATION: "chat"}

    def answer(real: Callable[..., Any], caller: Caller, call: Call, *rest: Any) -> Any:
        fate.place.call = calls.get(call.kind)
        try:
            return real(caller, call, *rest)
        finally:
            fate.place.call = None

    def make(real: Callable[..., Any], maker: Maker, node: Node, *rest: Any) -> Any:
        fate.place.node = nodes.get(node.step)
        try:
            return real(maker, node, *rest)
        finally:
            fate.place.node = None

    def resume(real: Callable[..., Any], caller: Caller, row: LedgerRow, *rest: Any) -> Any:
        fate.place.call = calls.get(read_call(json.loads(row.request)).kind)
        try:
            return real(caller, row, *rest)
        finally:
            fate.place.call = None

    _wrap(Caller, "answer", answer)
    _wrap(Caller, "resume", resume)
    _wrap(Maker, "make", make)
    _after(
        ProcessLease,
        "is_alive",
        lambda: fate.call("waiting"),
        lambda alive, owner, other: alive and other != owner.id,
    )


def _path_of_a_call(fate: Fate) -> None:
    from spicy.engine.calls.budget import Budget
    from spicy.ports import Running
    from spicy.providers.xai.provider import XaiProvider
    from spicy.store.ledger import CallState, Ledger

    def reserve(real: Callable[..., Any], budget: Budget, *rest: Any) -> Any:
        if budget._above is not None:  # a film's budget; it asks the build's
            fate.call("asked")
        return real(budget, *rest)

    _wrap(Budget, "reserve", reserve)
    _before(Ledger, "claim", lambda: fate.call("reserved"))
    _before(XaiProvider, "submit", lambda: fate.call("intent"))
    _after(XaiProvider, "submit", lambda: fate.call("accepted"))
    _after(Ledger, "submitted", lambda: fate.call("ticket"))
    _after(XaiProvider, "poll", lambda: fate.call("polled"), lambda state, *_: isinstance(state, Running))
    _before(Ledger, "ready", lambda: fate.call("answered"))
    _after(Ledger, "ready", lambda: fate.call("ready"))
    _after(
        Ledger,
        "end",
        lambda: fate.call("closed"),
        lambda _, ledger, id, state, **__: state is CallState.CLOSED,
    )


def _download(fate: Fate) -> None:
    from spicy.providers.xai import download

    def chunks(real: Callable[..., Iterator[bytes]], response: Any) -> Iterator[bytes]:
        whole, have = int(response.headers.get("Content-Length", "0")), 0
        for chunk in real(response):
            if have <= whole // 2 < have + len(chunk):
                yield chunk[: whole // 2 - have]
                fate.call("halfway")
                chunk, have = chunk[whole // 2 - have :], whole // 2
            have += len(chunk)
            yield chunk

    _wrap(download, "_chunks", chunks)


def _files(fate: Fate) -> None:
    from spicy import files
    from spicy.engine import maker
    from spicy.store.objects import Objects
    from spicy.store.records import Records

    @contextlib.contextmanager
    def whole(real: Callable[..., Any], path: Path, **options: Any) -> Iterator[Path]:
        with real(path, **options) as draft:
            yield draft
            if fate.place.draft in ("blob", "record"):
                fate.call(f"{fate.place.draft}-draft")
            elif fate.place.draft is not None:
                fate.node(f"{fate.place.draft}-draft")

    _wrap(files, "atomic_path", whole)
    _within(Objects, "add_file", fate, "blob")
    _within(Records, "add", fate, "record")
    _within(maker.Maker, "_put", fate, "target")
    _within(maker, "write_receipt", fate, "receipt")
    _before(Objects, "add_file", lambda: fate.call("fetched"))
    _after(Objects, "add_file", lambda: fate.call("blob"))
    _after(Records, "add", lambda: fate.call("recorded"))
    _before(maker.Maker, "_put", lambda: fate.node("placing"))
    _after(Objects, "copy_to", lambda: fate.node("half-placed"))
    _before(maker, "write_receipt", lambda: fate.node("placed"))
    _after(maker, "write_receipt", lambda: fate.node("receipted"))


def main() -> None:
    """Take our own arguments away, wrap, and be spicy."""
    cut = sys.argv.index("--")
    boundary, kind, nth, *then = sys.argv[1:cut]
    prepare(Fate(boundary, kind, int(nth), then[0] if then else "die"))
    sys.argv = ["spicy", *sys.argv[cut + 1 :]]
    from spicy.cli import main as spicy

    spicy()


if __name__ == "__main__":
    main()
