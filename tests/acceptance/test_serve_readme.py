"""The examples of the first server's README, as they are written there apart from the port, against `spicy serve`.

`tests/data/seed_readme_examples.txt` is a verbatim copy of that chapter.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spicy.media.probe import probe_clip
from tests.conftest import TESTS, Project, child_environment

EXAMPLES = (TESTS / "data/seed_readme_examples.txt").read_text(encoding="utf-8")
PORT = "8000"


def block(language: str) -> str:
    """The one code block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", EXAMPLES, re.MULTILINE | re.DOTALL)
    return str(found)


@contextlib.contextmanager
def served(project: Project) -> Iterator[str]:
    """`spicy serve` as a process; gives its port."""
    with project.start("serve", "--port", "0", env={"SPICY_RECIPE": "quick"}) as server:
        try:
            assert server.stderr is not None
            said = ""
            while (listens := re.search(r"listens at http://127\.0\.0\.1:(\d+)", said)) is None:
                line = server.stderr.readline()
                assert line, said
                said += line
            yield listens[1]
        finally:
            server.terminate()
            server.communicate(timeout=30)


def run(command: list[str], cwd: Path) -> str:
    """Run an example in its own process; what it printed."""
    ran = subprocess.run(
        command, cwd=cwd, env=child_environment({}), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_python_example_ends_with_a_playable_video(project: Project) -> None:
    with served(project) as port:
        script = project.write(
            "example.py", block("python").replace(f"localhost:{PORT}", f"localhost:{port}")
        )
        out = run([sys.executable, str(script)], project.root)
    assert "Video ready: http://localhost:" in out
    assert probe_clip(project.root / "video.mp4").duration == pytest.approx(8, abs=0.2)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is a curl command")
def test_the_curl_examples_end_with_a_playable_video(project: Project) -> None:
    create, status, download = re.split(r"^# .*\n", block("bash"), flags=re.MULTILINE)[1:]
    with served(project) as port:

        def curl(example: str, job: str = "") -> str:
            text = example.replace(f"localhost:{PORT}", f"localhost:{port}").replace("job_123abc", job)
            return run(["bash", "-c", text], project.root)

        job = json.loads(curl(create))
        assert job["object"] == "videos.generation"
        while (now := json.loads(curl(status, job["id"])))["status"] in ("pending", "processing"):
            assert now["error"] is None
        assert now["status"] == "completed"
        curl(download, job["id"])
    assert probe_clip(project.root / f"{job['id']}.mp4").frames > 0
