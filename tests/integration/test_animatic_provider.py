"""The animatic as a provider: tickets, failures, leftovers, and the same bytes every time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from spicy.canonical_json import digest_file
from spicy.errors import CallFailed, Expired, ProviderUnreachable
from spicy.ids import Digest, Ticks
from spicy.ports import Answer, Call, ChatCall, ImageCall, Provider, Running, Schema, Ticket, VideoCall
from spicy.providers.animatic import AnimaticProvider

SHEET = ImageCall(
    model="animatic-1",
    prompt="Paper\nCard: Ember\nRole: lead\nDescription: A red fox with a green scarf.",
    aspect_ratio="1:1",
    resolution="144p",
)


@pytest.fixture
def provider() -> Iterator[AnimaticProvider]:
    made = AnimaticProvider(threads=2)
    yield made
    made.close()


def wait(provider: Provider, ticket: Ticket) -> Answer:
    """Poll until there is an answer."""
    deadline = time.monotonic() + 60
    while isinstance(state := provider.poll(ticket), Running):
        assert time.monotonic() < deadline
        time.sleep(provider.poll_seconds)
    return state


def answer(provider: Provider, call: Call, files: dict[Digest, Path]) -> Answer:
    """Submit a call and wait for its answer."""
    ticket = provider.submit(call, files)
    return wait(provider, ticket) if isinstance(ticket, Ticket) else ticket


def make(provider: Provider, call: Call, files: dict[Digest, Path], into: Path) -> Path:
    """Have a call's media made."""
    provider.fetch(answer(provider, call, files), into)
    return into


def temporary_files(provider: AnimaticProvider) -> list[Path]:
    """What the provider has on disk."""
    return list(provider._folder.rglob("*")) if provider._folder.exists() else []


def test_a_picture_is_made_fetched_and_forgotten(provider: AnimaticProvider, tmp_path: Path) -> None:
    found = answer(provider, SHEET, {})
    assert (found.model, found.cost, found.text) == ("animatic-1", 0, None)
    provider.fetch(found, tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (144, 144))
    assert temporary_files(provider) == []
    with pytest.raises(Expired):
        provider.fetch(found, tmp_path / "again.jpg")


def test_a_chat_is_answered_with_text_that_stays_pollable(provider: AnimaticProvider) -> None:
    call = ChatCall(model="m", prompt="Concept: two cats\nScenes: 2", schema=Schema("story", "{}"))
    ticket = provider.submit(call, {})
    first = wait(provider, ticket)
    assert len(json.loads(first.text or "")["scenes"]) == 2
    assert provider.poll(ticket) == first


def test_a_ticket_of_another_process_has_expired(provider: AnimaticProvider) -> None:
    with pytest.raises(Expired):
        provider.poll(Ticket("animatic-0123456789abcdef"))


def test_a_failure_comes_out_of_poll(provider: AnimaticProvider, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    digest = digest_file(broken)
    call = VideoCall(
        model="m", prompt="s\nCaption: x", image=digest, duration=1, resolution="96p", aspect_ratio="1:1"
    )
    with pytest.raises(CallFailed, match="cannot identify image"):
        answer(provider, call, {digest: broken})
    with pytest.raises(CallFailed, match="no answer of the form 'poem'"):
        answer(provider, ChatCall(model="m", prompt="p", schema=Schema("poem", "{}")), {})


def test_fetching_to_nowhere_fails_and_keeps_the_file(provider: AnimaticProvider, tmp_path: Path) -> None:
    found = answer(provider, SHEET, {})
    with pytest.raises(ProviderUnreachable):
        provider.fetch(found, tmp_path / "missing" / "sheet.jpg")
    provider.fetch(found, tmp_path / "sheet.jpg")


def test_closing_stops_work_and_leaves_nothing(tmp_path: Path) -> None:
    provider = AnimaticProvider(threads=1)
    still = make(provider, SHEET, {}, tmp_path / "s.jpg")
    digest = digest_file(still)
    call = VideoCall(model="m", prompt="s", image=digest, duration=15, resolution="480p", aspect_ratio="1:1")
    tickets = [provider.submit(call, {digest: still}) for _ in range(3)]
    folder = provider._folder
    started = time.monotonic()
    provider.close()
    assert time.monotonic() - started < 2
    assert not folder.exists()
    for ticket in tickets:
        with pytest.raises(CallFailed, match="closed"):
            provider.poll(ticket)
    with pytest.raises(CallFailed, match="closed"):
        provider.submit(SHEET, {})
    assert not [t for t in threading.enumerate() if t.name.startswith("animatic")]


def test_many_threads_share_one_provider(provider: AnimaticProvider, tmp_path: Path) -> None:
    made: dict[int, bytes] = {}

    def work(number: int) -> None:
        made[number] = make(provider, SHEET, {}, tmp_path / f"{number}.jpg").read_bytes()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made.values())) == 1


def test_the_same_request_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = """
import sys, time, hashlib
from pathlib import Path
from spicy.canonical_json import digest_file
from spicy.ports import EditCall, ImageCall, Running, VideoCall
from spicy.providers.animatic import AnimaticProvider
into, files, out = Path(sys.argv[1]), {}, []
provider = AnimaticProvider(threads=2)
def make(call, name):
    ticket = provider.submit(call, files)
    while isinstance(found := provider.poll(ticket), Running):
        time.sleep(0.01)
    provider.fetch(found, into / name)
    digest = digest_file(into / name)
    files[digest] = into / name
    out.append(digest)
    return digest
small = {"model": "m", "resolution": "144p", "aspect_ratio": "16:9"}
sheet = make(ImageCall(prompt="Paper\\nCard: E\\nDescription: A red fox with a hat.", **small), "sheet.jpg")
still = make(ImageCall(prompt="Paper\\nSetting: a forest at night\\nFigure: fox", images=(sheet,), **small), "still.jpg")
clip = make(VideoCall(prompt="Paper\\nCamera: pan left\\nCaption: It runs", image=still, duration=1, **small), "clip.mp4")
make(EditCall(model="m", prompt="Paper\\nCorrect: pale", video=clip, seconds=1, resolution="144p"), "edit.mp4")
provider.close()
print(out)
"""
    seen = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        arguments = [sys.executable, "-c", code, str(tmp_path / name)]
        seen.add(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert len(seen) == 1


def test_another_setting_or_take_gives_other_bytes(provider: AnimaticProvider, tmp_path: Path) -> None:
    def still(setting: str, take: int = 1) -> bytes:
        call = ImageCall(
            model="m", prompt=f"P\nSetting: {setting}", aspect_ratio="16:9", resolution="96p", take=take
        )
        return make(provider, call, {}, tmp_path / "x.jpg").read_bytes()

    settings = ["a forest", "a forest.", "the forest", "a wood", "gibberish", "gibberisch"]
    assert len({still(s) for s in settings} | {still("a forest", take=2)}) == len(settings) + 1


@pytest.mark.parametrize("link", ["", ".", "/", "elsewhere.jpg"])
def test_only_its_own_files_are_ever_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "elsewhere.jpg").write_bytes(b"mine")
    monkeypatch.chdir(home)
    provider = AnimaticProvider()
    with pytest.raises(Expired):
        provider.fetch(Answer("animatic-1", Ticks(0), link=link), tmp_path / "x.jpg")
    provider.close()
    assert (home / "elsewhere.jpg").read_bytes() == b"mine"
    assert not (tmp_path / "x.jpg").exists()
