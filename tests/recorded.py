"""Runs without builds: the events of a film, kept by the real sink, and what a browser makes of a run's page.

events = film_events(story(3))
with recording(build, "run-1") as recorder:
    recorder.tell(*events[:10])
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import requests

from spicy.events import (
    Attempt,
    CallDone,
    CallProgress,
    CallStarted,
    Event,
    NodeDone,
    NodeStarted,
    Planned,
    RunFinished,
    RunStarted,
    StoryTold,
    Warned,
)
from spicy.ids import CallKey, Digest, NodeId, Ticks, ticks
from spicy.runs.liveness import RunLock
from spicy.runs.model import database
from spicy.runs.read import Tail
from spicy.runs.record import RunsDb
from spicy.story.model import Character, Scene, Story

RUN = "run-0001"


def story(scenes: int = 2, *, title: str = "The Fox", text: str = "walks on") -> Story:
    """A story of one character; `text` stands wherever a user or a provider may write."""
    return Story(
        title=title,
        style=text,
        aspect_ratio="16:9",
        characters=(Character(name="Ember", description=text, role=text[:60], slug="ember"),),
        scenes=tuple(
            Scene(
                id=f"{n:02}", slug=f"{n:02}", title=text[:200], characters=("Ember",), setting=text, action=text, duration=6
            )
            for n in range(1, scenes + 1)
        ),
    )  # fmt: skip


def digest_of(name: str) -> Digest:
    """A digest that no file has."""
    return Digest(hashlib.sha256(name.encode()).hexdigest())


def start(run: str = RUN, film: str = "fox", *, told: Story | None = None, until: str = "") -> list[Event]:
    """A run begins, and its story is known."""
    begun: list[Event] = [RunStarted(run, (film,), "animatic", ticks(5), (f"specs/{film}.yaml",), until)]
    known = told or story()
    return [*begun, StoryTold(film, known), Planned(film, 9, 9, ticks(0.1), ticks(0.5), ticks(2))]


def made(film: str, step: str, item: str, name: str, *more: str, text: str = "a bit off") -> list[Event]:
    """A target is made, with a call, its progress, a warning and an attempt; `more` are further files of it."""
    node = NodeId(f"{film}:{step}/{item}")
    key, asset = CallKey(digest_of(f"key {node}")), digest_of(f"{node} {name}")
    suffix = "." + name.rpartition(".")[2]
    names = (name, *more)
    return [
        NodeStarted(node, f"{step} {item} · {text[:40]}", ("never made",)),
        CallStarted(node, key, "image", "sheet", "grok"),
        CallProgress(node, key, 0.5),
        CallDone(node, key, "image", "sheet", "grok", ticks(0.07), False, 2.0),
        Warned(node, text),
        NodeDone(
            node,
            tuple(f"build/{film}/{item}/{n}" for n in names),
            1.0,
            ticks(0.07),
            Ticks(0),
            (0.91,),
            tuple(digest_of(f"{node} {n}") for n in names),
            (),
            (Attempt(1, 1, key, asset, suffix, 0.91, (text,), ticks(0.07), False, True),),
        ),
    ]


def film_events(
    run: str = RUN, film: str = "fox", *, told: Story | None = None, text: str = "a bit off"
) -> list[Event]:
    """A whole film from its first event to its last."""
    known = told or story()
    events = start(run, film, told=known) + made(film, "character", "ember", "ember.jpg", text=text)
    for scene in known.scenes:
        events += made(film, "keyframe", scene.slug, "keyframe.jpg", text=text)
        events += made(film, "video", scene.slug, "clip.mp4", "first.jpg", "last.jpg", text=text)
    final = NodeId(f"{film}:assembly/final")
    done = NodeDone(final, (f"build/{film}/final.mp4",), 1.0, Ticks(0), Ticks(0), (), (digest_of("final"),))
    end = RunFinished(run, 0, 7, 0, 0, 0, ticks(0.35), Ticks(0), 12.0)
    return [*events, NodeStarted(final, "final film", ()), done, end]


@dataclass(slots=True)
class Recorder:
    """A run that is under way in this process."""

    build: Path
    run: str
    sink: RunsDb
    last: int = 0
    """The id of the newest event that is known to be kept."""

    def tell(self, *events: Event) -> int:
        """Events happen; waits until the database has them, and gives the id of the newest."""
        for event in events:
            self.sink(event)
        wanted = next((e for e in reversed(events) if not isinstance(e, CallProgress)), events[-1])
        tail, until = Tail(self.build), time.monotonic() + 20
        try:
            while True:
                found = tail.after(self.run, self.last)
                if any(one.event == wanted for one in found):
                    self.last = found[-1].id
                    return self.last
                assert time.monotonic() < until, "the sink keeps nothing"
                time.sleep(0.005)
        finally:
            tail.close()


@contextlib.contextmanager
def recording(build: Path, run: str = RUN) -> Iterator[Recorder]:
    """A living run of this process; when the block ends its claim to live is given up, whatever was recorded."""
    sink = RunsDb(database(build), alive=RunLock(build, run))
    try:
        yield Recorder(build, run, sink)
    finally:
        sink.close()


@dataclass(frozen=True, slots=True)
class Message:
    """A server-sent event."""

    kind: str
    id: str
    data: str


@contextlib.contextmanager
def stream(url: str, last: str | None = None, **params: str) -> Iterator[Iterator[Message]]:
    """Listen to server-sent events as a browser does that comes back for what is after `last`."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with requests.get(url, params=params, headers=headers, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _messages(answer)


def _messages(answer: requests.Response) -> Iterator[Message]:
    fields: dict[str, list[str]] = {}
    rest = b""
    for chunk in answer.iter_content(chunk_size=None):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in (raw.decode() for raw in lines):
            if line:
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            elif "event" in fields:
                data = "\n".join(fields.get("data", []))
                yield Message(fields["event"][0], fields.get("id", [""])[0], data)
                fields = {}
            else:
                fields = {}


class _Spans(HTMLParser):
    """Where each element with an id begins and ends, and which elements are roots."""

    _VOID = frozenset({"img", "input", "link", "meta", "br"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self._starts = [0]
        for line in html.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._open: list[tuple[str, str, int]] = []
        self.spans: dict[str, tuple[int, int]] = {}
        self.roots: list[str] = []
        self._html = html
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def _at(self) -> int:
        line, column = self.getpos()
        return self._starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        id = dict(attrs).get("id") or ""
        if not self._open and id:
            self.roots.append(id)
        if tag not in self._VOID:
            self._open.append((tag, id, self._at()))

    def handle_endtag(self, tag: str) -> None:
        opened, id, begin = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        if id:
            assert id not in self.spans, f"two elements have the id {id}"
            self.spans[id] = (begin, self._html.index(">", self._at()) + 1)


class Page:
    """A run's page in a browser without a window: it changes as the script would change it."""

    def __init__(self, html: str) -> None:
        begin, end = _Spans(html).spans["run"]
        self.html = html[begin:end]

    def patch(self, drawn: str) -> None:
        """Put parts in the place of those with the same id; lines that are there already are left out."""
        found = _Spans(drawn)
        for id in found.roots:
            begin, end = found.spans[id]
            part, here = drawn[begin:end], _Spans(self.html).spans.get(id)
            if here is None:
                continue
            if "data-append" in part.partition(">")[0]:
                known = self.html[slice(*here)]
                lines = [
                    line for line in re.findall(r"<li id=.*?</li>", part, re.DOTALL) if line[:24] not in known
                ]
                part = known.removesuffix("</ol>") + "".join(lines) + "</ol>"
            self.html = self.html[: here[0]] + part + self.html[here[1] :]

    @property
    def seen(self) -> str:
        """What can be seen of it: without what is new each time it is drawn, and without space between elements."""
        plain = re.sub(r'name="(run|csrf)" value="[^"]*"', r'name="\1"', self.html)
        return re.sub(r"\s+", " ", re.sub(r">\s+<", "><", plain)).strip()
