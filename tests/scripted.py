"""A provider in memory that answers at once, counts what it accepts, and fails as it is told.

For tests of the one path of a call; whole films are made by the animatic provider.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from spicy.errors import Expired
from spicy.ids import Digest, Ticks
from spicy.ports import Answer, Call, ChatCall, ImageCall, Running, Ticket, call_key
from spicy.store.store import Store

GOOD = json.dumps({"score": 0.9, "problems": []})


class Scripted:
    """Answers chats with `verdict`, stills and clips with a colour of their own."""

    poll_seconds = 0.001

    def __init__(self, *, cost: Ticks = Ticks(0), polls: int = 0) -> None:
        self.name = "scripted"
        self.cost, self.polls = cost, polls
        self.accepted: Counter[str] = Counter()
        """Submissions accepted, by call key."""
        self.kinds: Counter[str] = Counter()
        self.bill: Callable[[Call], Ticks] = lambda call: self.cost
        self.on_submit: Callable[[Call], None] = lambda call: None
        """Called before a submission is accepted; raise here to fail it."""
        self.after_accept: Callable[[Call], None] = lambda call: None
        """Called when it is accepted; raise here to lose the reply."""
        self.verdict: Callable[[ChatCall], str] = lambda call: GOOD
        self._open: dict[str, tuple[Call, int]] = {}
        self._lock = threading.Lock()

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        assert all(path.is_file() for path in files.values())
        self.on_submit(call)
        key = call_key(self.name, call)
        with self._lock:
            self.accepted[key] += 1
            self.kinds[call.kind.value] += 1
        self.after_accept(call)
        if isinstance(call, ChatCall):
            return Answer(call.model, self.bill(call), text=self.verdict(call))
        with self._lock:
            self._open[key] = (call, self.polls)
        return Ticket(key)

    def poll(self, ticket: Ticket) -> Running | Answer:
        with self._lock:
            if ticket.id not in self._open:
                raise Expired("no such ticket")
            call, left = self._open[ticket.id]
            self._open[ticket.id] = (call, left - 1)
        if left > 0:
            return Running(1 - left / self.polls)
        return Answer(call.model, self.bill(call), link=ticket.id)

    def fetch(self, answer: Answer, into: Path) -> None:
        call, _ = self._open[str(answer.link)]
        key = call_key(self.name, call)
        into.write_bytes(picture(key) if isinstance(call, ImageCall) else clip(key))

    def kind_of(self, answer: Answer) -> str:
        return self._open[str(answer.link)][0].kind.value

    def close(self) -> None:
        pass


def picture(seed: str) -> bytes:
    """A small JPEG whose colour follows from `seed`."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (32, 18), f"#{seed[:6]}").save(out, "JPEG")
    return out.getvalue()


def clip(seed: str) -> bytes:
    """One second of H.264 and AAC, 160x96 at 24 fps, whose colour follows from `seed`."""
    from spicy.media.ffmpeg import run_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        colour = ["-f", "lavfi", "-i", f"color=c=0x{seed[:6]}:s=160x96:r=24:d=1"]
        sound = ["-f", "lavfi", "-i", "sine=f=330:r=48000:d=1"]
        run_ffmpeg(
            [*colour, *sound, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", str(path)]
        )
        return path.read_bytes()


def stored(store: Store) -> int:
    """How many records a store holds."""
    return len(list(store.records.all()))
