"""A real browser with a real extension polls the server across origins, as the first server's users do."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.serving import Serving, started
from tests.conftest import Project, child_environment
from tests.scripted import clip

EXTENSION = Path(__file__).parents[1] / "data/extension"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ENV = {"SPICY_RECIPE": "quick", "SPICY_BUILTIN_WORKER": "0"}
KEYS = {"SPICY_API_KEY": "client-key-81c2", "SPICY_WORKER_KEY": "worker-key-6d09"}


@contextlib.contextmanager
def browser(folder: Path, server: Serving, *, key: str = "", claims: bool = False) -> Iterator[Path]:
    """Chromium without a window, with the extension at work; gives the file of what it says."""
    extension = folder / "extension"
    shutil.copytree(EXTENSION, extension)
    (extension / "clip.mp4").write_bytes(clip("aa5533"))
    config = {"server": server.url, "key": key, "claims": claims}
    (extension / "config.json").write_text(json.dumps(config))
    log = folder / "chromium.log"
    command = [
        str(CHROMIUM),
        "--headless=new",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        f"--load-extension={extension}",
        f"--disable-extensions-except={extension}",
        # Where a build of Chromium no longer takes an unpacked extension from its command line.
        "--disable-features=DisableLoadExtensionCommandLineSwitch",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        "about:blank",
    ]
    env = {k: v for k, v in child_environment({}).items() if k != "PYTHONPATH"}
    with (
        log.open("w") as err,
        subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True
        ) as process,
    ):
        try:
            yield log
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("keys", [False, True], ids=["any origin", "keys and claims"])
def test_an_extension_brings_a_clip_a_chat_and_an_error(project: Project, tmp_path: Path, keys: bool) -> None:
    env = {**ENV, **(KEYS if keys else {})}
    if keys:
        env["SPICY_CORS_ORIGINS"] = f"chrome-extension://{extension_id(tmp_path / 'extension')}"
    with started(project, "serve", "--port", "0", env=env, key=env.get("SPICY_API_KEY", "")) as server:
        good, bad = server.order("a cat at the piano"), server.order("an impossible cat")
        with browser(tmp_path, server, key=env.get("SPICY_WORKER_KEY", ""), claims=keys) as log:
            chat = server.ask(
                "POST",
                "/v1/chat/completions",
                json={"model": "grok", "messages": [{"role": "user", "content": "Who is there?"}]},
            )
            assert chat.status_code == 200, chat.text + log.read_text()
            job, failed = server.ended(good), server.ended(bad)
        said = chat.json()["choices"][0]["message"]["content"]
        assert "Chrome" in said
        assert said.endswith("read: Who is there?")
        assert job["status"] == "completed"
        assert server.ask("GET", f"/videos/{good}.mp4").content == clip("aa5533")
        assert (failed["status"], failed["error"]) == ("failed", "Grok has no tab open")


def extension_id(folder: Path) -> str:
    """What Chromium calls an unpacked extension: a hash of where it lies."""
    import hashlib

    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
