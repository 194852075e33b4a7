"""`spicy serve` and `spicy worker` as commands: what they say, what they refuse, how they leave."""

from __future__ import annotations

import base64
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.acceptance.serving import Serving, started
from tests.conftest import Project
from tests.scripted import picture

KEYS = {"SPICY_API_KEY": "client-key-81c2", "SPICY_WORKER_KEY": "worker-key-6d09"}
QUICK = {"SPICY_RECIPE": "quick"}


def test_serve_says_where_it_listens_what_protects_it_and_who_answers(project: Project) -> None:
    with started(project, "serve", "--port", "0", "-j", "3", env=QUICK) as server:
        assert server.ask("GET", "/").status_code == 200
        server.heard("answers:")
        assert server.said == [
            f"spicy serve listens at {server.url} (documentation at {server.url}/docs)",
            "protected by: only this machine can connect, clients need no key",
            "answers: animatic, offline, for $0 (no key is set); 3 jobs at the same time",
        ]


def test_an_open_address_needs_both_keys(project: Project) -> None:
    for env in ({}, {"SPICY_API_KEY": "x"}, {"SPICY_WORKER_KEY": "x"}):
        ran = project.spicy("serve", "--port", "0", env={"SERVER_HOST": "0.0.0.0", **env})
        assert ran.code == 2
        assert "SERVER_HOST=0.0.0.0" in ran.err
    assert project.spicy("serve", "--host", "0.0.0.0", "--port", "0").code == 2
    with started(project, "serve", "--port", "0", env={"SERVER_HOST": "0.0.0.0", **KEYS, **QUICK}) as server:
        words = server.heard("protected by")
        assert words == "protected by: clients need SPICY_API_KEY, workers need SPICY_WORKER_KEY"
        assert not any(key in server.words for key in KEYS.values())


def test_a_taken_port_and_a_key_that_is_refused_are_told_in_words(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = project.spicy("serve", "--port", port)
    assert (ran.code, f"127.0.0.1:{port} cannot be listened on: Address already in use" in ran.err) == (
        2,
        True,
    )
    ran = project.spicy("serve", "--port", "0", env={"GROK_API_KEY": "k", "SPICY_XAI_HOST": "localhost:9"})
    assert ran.code == 2
    assert "cannot be reached" in ran.err
    (project.root / "jobs.db").write_text("this is no database, whatever its name says" * 40)
    ran = project.spicy("serve", "--port", "0")
    assert (ran.code, "name another file in DB_PATH" in ran.err) == (2, True)


def test_without_the_extra_its_install_line_is_named(project: Project) -> None:
    block = project.write("site/sitecustomize.py", "import sys\nsys.modules['uvicorn'] = None\n")
    env = {"PYTHONPATH": os.pathsep.join([str(block.parent), str(Path(__file__).parents[2])])}
    ran = project.spicy("serve", env=env)
    assert (ran.code, ran.err.strip()) == (
        2,
        "spicy: `spicy serve` needs the extra `web`: pip install -e '.[web]' where spicy was cloned",
    )


def worker(project: Project, server: Serving, home: Path, *more: str) -> tuple[Project, tuple[str, ...]]:
    """A worker on another machine: its own store."""
    other = Project(project.root, {"SPICY_CACHE_DIR": str(home), **QUICK})
    return other, ("worker", "--url", server.url, "-j", "2", *more)


def test_a_worker_elsewhere_does_clips_and_chats(project: Project, tmp_path: Path) -> None:
    env = {**KEYS, **QUICK, "SPICY_BUILTIN_WORKER": "0"}
    with started(project, "serve", "--port", "0", env=env, key=KEYS["SPICY_API_KEY"]) as server:
        server.heard(f"answers: whoever polls, such as `spicy worker --url {server.url}`")
        still = base64.b64encode(picture("aa5533")).decode()
        clip = server.order("a cat", duration=1, image=still)
        assert server.job(clip)["status"] == "pending"
        other, command = worker(project, server, tmp_path / "elsewhere")
        with started(other, *command, env=KEYS) as working:
            job = server.ended(clip)
            chat = server.ask(
                "POST",
                "/v1/chat/completions",
                json={
                    "model": "grok-vision",
                    "messages": [
                        {"role": "system", "content": "You are terse."},
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "Describe this image."},
                                {
                                    "type": "image_url",
                                    "image_url": {"url": f"data:image/jpeg;base64,{still}"},
                                },
                            ],
                        },
                    ],
                },
            )
            assert chat.status_code == 200, chat.text
            assert chat.json()["choices"][0]["message"]["content"]
            assert job["status"] == "completed", working.words
            # What was ordered, and not what the worker would make by itself: a longer clip costs more.
            assert job["video"]["duration"] == pytest.approx(1, abs=0.2)
            assert (job["answered_by"], job["cost"], job["from_store"]) == ("animatic-1", 0.0, False)
            assert server.ask("GET", f"/videos/{clip}.mp4").content[4:8] == b"ftyp"
            working.process.send_signal(signal.SIGINT)
            assert working.process.wait(timeout=20) == 130
            assert "Traceback" not in working.words
        assert list((tmp_path / "elsewhere/objects").rglob("*"))


def test_a_worker_whose_key_is_refused_ends(project: Project) -> None:
    env = {**KEYS, **QUICK, "SPICY_BUILTIN_WORKER": "0"}
    with started(project, "serve", "--port", "0", env=env) as server:
        ran = project.spicy("worker", "--url", server.url, env={"SPICY_WORKER_KEY": "wrong-key-1"})
    assert ran.code == 2
    assert "refuses the key (SPICY_WORKER_KEY)" in ran.err
    assert "wrong-key-1" not in ran.err
    ran = project.spicy("worker", "--url", "ftp://localhost")
    assert (ran.code, "is not the address of a server" in ran.err) == (2, True)
