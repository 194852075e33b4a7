"""Pages of runs over the real server: as a build goes on, across a restart, and whatever a text says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from spicy.ids import Digest
from spicy.serving.build_process import LaunchRequest
from tests.recorded import RUN, Message, Page, film_events, made, recording, start, story, stream
from tests.served import Served, serving

BROWSER = {"Accept": "text/html"}
SPEC = """\
recipe: served
title: The Fox
style: ink
characters: [{name: Ember, description: A small red fox}]
scenes:
  - {title: Meeting, characters: [Ember], setting: a wood, action: walks, duration: 1}
"""
HOSTILE = (
    "<script>alert(1)</script> \"'><img src=x onerror=alert(2)> \u202etxet \x00 \ud800 &amp; {{ 7 * 7 }}"
)


def page_of(served: Served, path: str = f"/runs/{RUN}") -> str:
    """A page, as a browser gets it."""
    answer = requests.get(served.url + path, headers=BROWSER, timeout=20)
    assert answer.status_code == 200, answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    return answer.text


def last_of(page: str) -> str:
    """The newest event that a page knows of."""
    (last,) = re.findall(r'data-after="(\d+)"', page)
    return str(last)


def until(messages: Iterator[Message], mark: str = "", *, kind: str = "patch") -> list[Message]:
    """Messages up to the one of a kind that has `mark`."""
    found = []
    for message in messages:
        found.append(message)
        if message.kind == kind and mark in message.data:
            return found
    raise AssertionError(f"no {kind} with {mark!r} was told")


def test_a_page_follows_a_real_build_to_its_film(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        (tmp_path / "specs").mkdir()
        (tmp_path / "specs/fox.yaml").write_text(SPEC)
        order = LaunchRequest(spec=Path("specs/fox.yaml"), run=RUN, provider="animatic")
        # The build is another process, which must find the store that this server has.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPICY_CACHE_DIR", str(tmp_path / "cache"))
            assert served.app_state.launcher.start(order)
        first = page_of(served)
        assert 'data-state="starting"' in first or 'data-state="running"' in first
        page = Page(first)
        with stream(f"{served.url}/runs/{RUN}/events", after=last_of(first)) as messages:
            for message in until(messages, kind="end"):
                assert message.kind in ("patch", "end")
                if message.kind == "patch":
                    page.patch(message.data)
        assert page.seen == Page(page_of(served)).seen
        assert 'id="run-head" class="run-head" data-state="done"' in page.seen
        for card in ("character-ember", "keyframe-01", "video-01"):
            assert f'id="card-{card}" data-state="made"' in page.seen
        (film,) = re.findall(r'<video id="final"[^>]* src="([^"]+)"', page.seen)
        part = requests.get(served.url + film, headers={"Range": "bytes=4-11"}, timeout=20)
        assert (part.status_code, part.content[:4], part.headers["content-type"]) == (
            206,
            b"ftyp",
            "video/mp4",
        )
        for picture in set(re.findall(r'"(/(?:thumbs|objects)/[^" ]+)"', page.seen)):
            got = requests.get(served.url + picture, timeout=20)
            assert got.status_code == 200, picture
        for name in ("story.yaml", "script.md", "report.html", "scenes/01/clip.mp4"):
            assert requests.get(f"{served.url}/builds/fox/{name}", timeout=20).status_code == 200, name
        rows = page_of(served, "/")
        assert f'id="run-{RUN}" data-state="done"' in rows


def test_a_server_that_starts_anew_tells_what_happened_while_it_was_away(tmp_path: Path) -> None:
    events = film_events(told=story(4))
    with recording(tmp_path / "build") as recorder:
        recorder.tell(*events[:9])
        with serving(tmp_path, builtin_worker=False) as served:
            page = Page(first := page_of(served))
            with stream(f"{served.url}/runs/{RUN}/events", after=last_of(first)) as messages:
                recorder.tell(*events[9:15])
                seen = until(messages, "card-video-01")
                for message in seen:
                    page.patch(message.data)
        recorder.tell(*events[15:24])
        with serving(tmp_path, builtin_worker=False) as served:
            with stream(f"{served.url}/runs/{RUN}/events", last=seen[-1].id, after="0") as messages:
                recorder.tell(*events[24:])
                for message in until(messages, kind="end"):
                    page.patch(message.data)
            assert page.seen == Page(page_of(served)).seen
            again = requests.get(
                f"{served.url}/runs/{RUN}/events", headers={"Last-Event-ID": "99999"}, timeout=20
            )
            assert "event: reload" in again.text


def test_a_build_that_ends_before_it_says_anything_is_shown_with_its_words(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        (tmp_path / "specs").mkdir()
        (tmp_path / "specs/fox.yaml").write_text("concept: A fox\nscnes: 3\n")
        served.app_state.launcher.start(
            LaunchRequest(spec=Path("specs/fox.yaml"), run=RUN, provider="animatic")
        )
        first = page_of(served)
        with stream(f"{served.url}/runs/{RUN}/events", after=last_of(first)) as messages:
            told = "".join(message.data for message in until(messages, kind="end"))
        assert 'data-state="mistake"' in told
        assert "specs/fox.yaml:2:1" in told
        assert "scenes" in told
        assert "$ spicy" not in told
        assert 'href="/films/fox">Look at the spec' in page_of(served)
        assert re.search(
            r'<li class="run" [^>]*data-state="mistake">.*<bdi>fox</bdi>', page_of(served, "/"), re.S
        )


def test_a_run_whose_process_is_gone_is_told_so_within_two_seconds(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        with recording(tmp_path / "build") as recorder:
            recorder.tell(*start())
            last = last_of(page_of(served))
        gone = time.monotonic()
        with stream(f"{served.url}/runs/{RUN}/events", after=last) as messages:
            assert 'data-state="died"' in until(messages, 'data-state="died"')[-1].data
        assert time.monotonic() - gone < 2
        assert "build again to go on from there" in page_of(served)


def test_whatever_a_text_says_it_is_shown_as_text(tmp_path: Path) -> None:
    long = HOSTILE + " word" * 2000
    told = story(2, title=long, text=long)
    with serving(tmp_path, builtin_worker=False) as served, recording(tmp_path / "build") as recorder:
        recorder.tell(*start(told=told), *made("fox", "keyframe", "01", "keyframe.jpg", text=long))
        first = page_of(served)
        with stream(f"{served.url}/runs/{RUN}/events", after=last_of(first)) as messages:
            recorder.tell(*made("fox", "video", "01", "clip.mp4", text=long))
            patch = until(messages, "card-video-01")[-1].data
        for drawn in (first, patch, page_of(served, "/")):
            assert "&lt;script&gt;alert(1)" in drawn
            assert "<script>" not in drawn
            assert "<img src=x" not in drawn
            assert "{{ 7 * 7 }}" in drawn
            assert "\x00" not in drawn
        shown = re.sub(r"<details.*?</details>", "", first.partition("<main")[2], flags=re.DOTALL)
        assert "word " * 100 not in shown, "a long text is behind its beginning"
        assert "word " * 1900 in first
        assert page_of(served, f"/runs/{RUN}/takes?film=fox&step=keyframe&item=01").count("<script>") == 0
        log = requests.get(f"{served.url}/runs/{RUN}/log", timeout=20)
        assert log.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_spec_that_was_never_built_can_be_reached_from_the_first_page(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        assert "/films/" not in page_of(served, "/")
        (tmp_path / "specs").mkdir()
        for number in range(30):
            (tmp_path / f"specs/fox{number:02}.yaml").write_text(SPEC)
        page = page_of(served, "/")
        assert "Build one of the films above" in page
        assert re.findall(r'href="/films/([^"]+)"', page) == [f"fox{number:02}" for number in range(30)]
        assert "6 more" in page


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        for path in ("/runs/nobody-1", "/runs/..%2f..%2fetc", "/runs/nobody-1/log", "/runs/x/takes"):
            answer = requests.get(served.url + path, headers=BROWSER, timeout=20)
            assert answer.status_code in (404, 422), path
        assert "event: reload" in requests.get(f"{served.url}/runs/nobody-1/events", timeout=20).text


def test_forms_of_a_part_have_no_token_and_those_of_a_page_have_the_browsers(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served, recording(tmp_path / "build") as recorder:
        recorder.tell(*start())
        session = requests.Session()
        first = session.get(f"{served.url}/runs/{RUN}", headers=BROWSER, timeout=20)
        (token,) = session.cookies.values()
        assert set(re.findall(r'name="csrf" (?:value|content)="([^"]*)"', first.text)) == {token}
        again = session.get(f"{served.url}/runs/{RUN}", headers=BROWSER, timeout=20)
        assert "set-cookie" not in again.headers
        with stream(f"{served.url}/runs/{RUN}/events", after="0") as messages:
            patch = until(messages, "run-head")[-1].data
        assert set(re.findall(r'name="csrf" value="([^"]*)"', patch)) == {""}
        runs = re.findall(r'name="run" value="([^"]*)"', first.text + again.text)
        assert len(runs) == len(set(runs))


@pytest.mark.parametrize(("until_step", "offered"), [("keyframes", True), ("", False)])
def test_of_a_film_whose_spec_is_gone_nothing_is_offered_but_the_way_to_see_why(
    tmp_path: Path, until_step: str, offered: bool
) -> None:
    with serving(tmp_path, builtin_worker=False) as served, recording(tmp_path / "build") as recorder:
        recorder.tell(*start(until=until_step), film_events()[-1])
        head = page_of(served).partition('class="reel')[0]
    assert re.findall(r"<button[^>]*>([^<]*)</button>", head) == []
    assert ("What is left of" in head) is offered


def test_a_film_of_very_many_scenes_stays_light(tmp_path: Path) -> None:
    told = story(300)
    with serving(tmp_path, builtin_worker=False) as served, recording(tmp_path / "build") as recorder:
        recorder.tell(*film_events(told=told))
        page = page_of(served)
        assert page.count("<video") == 1, "only the film itself"
        assert page.count('loading="lazy"') == page.count("<img")
        assert len(page) < 2_000_000
        ways = re.findall(r'<a href="#(scene-[^"]+)" title=', page)
        assert len(ways) == 300
        assert [way for way in ways if f'id="{way}"' not in page] == []
        assert page.count('<li id="line-') == 400
        takes = page_of(served, f"/runs/{RUN}/takes?film=fox&step=video&item=17")
        assert "Use this one" not in takes, "the one attempt is in use"
        assert "in use" in takes


def test_with_a_key_nothing_of_the_dashboard_is_open(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False, api_key="client-key-1") as served:
        digest = served.app_state.store.objects.add_bytes(b"\xff\xd8\xff" + b"x" * 20)
        paths = [
            f"/runs/{RUN}",
            f"/runs/{RUN}/events",
            "/events",
            f"/runs/{RUN}/log",
            f"/objects/{digest}.jpg",
        ]
        paths += [
            f"/thumbs/{digest}.jpg",
            "/builds/fox/report.html",
            "/static/spicy.css",
            f"/runs/{RUN}/takes",
        ]
        for path in ["/", *paths]:
            assert requests.get(served.url + path, headers=BROWSER, timeout=20).status_code == 401, path
        known = requests.get(f"{served.url}/objects/{digest}.jpg", auth=("", "client-key-1"), timeout=20)
        assert known.status_code == 200
        assert Digest(digest) in known.url


def test_under_a_foreign_name_there_are_no_pages(tmp_path: Path) -> None:
    foreign = {**BROWSER, "Host": "films.example"}
    with serving(tmp_path, builtin_worker=False) as served, recording(tmp_path / "build") as recorder:
        recorder.tell(*start())
        for path in ("/", "/events", f"/runs/{RUN}", f"/runs/{RUN}/events", "/static/spicy.js"):
            assert requests.get(served.url + path, headers=foreign, timeout=20).status_code == 403, path
        health = requests.get(served.url, headers={"Host": "films.example"}, timeout=20)
        assert health.json()["status"] == "ok"
