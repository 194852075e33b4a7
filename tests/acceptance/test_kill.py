"""`kill -9` at any moment, and two builds at once: nothing is lost, nothing is asked for twice."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.films import WRITTEN, finished, media
from tests.conftest import Project


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, str]:
    return {}


def reference(project: Project, known: dict[str, str]) -> dict[str, str]:
    """What an undisturbed build makes, once a session."""
    if not known:
        env = {"SPICY_CACHE_DIR": str(project.root / "other-store"), "SPICY_BUILD_DIR": "other"}
        assert project.spicy("build", "oak.yaml", env=env).code == 0
        (project.root / "other").rename(project.root / "build")
        known.update(media(project, "oak"))
        import shutil

        shutil.rmtree(project.root / "build")
    return known


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_moments_and_built_again(
    project: Project, undisturbed: dict[str, str], seed: int
) -> None:
    project.write("oak.yaml", WRITTEN)
    expected = reference(project, undisturbed)
    moments = random.Random(seed)
    for _ in range(5):
        process = project.start("build", "oak.yaml", "-j", "8", "-q")
        time.sleep(moments.uniform(0.2, 2.2))
        process.kill()
        process.communicate()
    ran = project.spicy("build", "oak.yaml", "-j", "8")
    assert ran.code == 0, ran.err
    assert media(project, "oak") == expected
    assert set(finished(project).values()) == {1}


def test_ctrl_c_leaves_at_once_with_its_own_exit_code(project: Project) -> None:
    project.write("oak.yaml", WRITTEN.replace("duration: 1", "duration: 8"))
    process = project.start("build", "oak.yaml", "-j", "8")
    assert process.stderr is not None
    while "keyframe/01: made in" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert project.spicy("build", "oak.yaml", "-j", "8").code == 0
    assert set(finished(project).values()) == {1}


def test_two_builds_at_once_both_succeed_and_ask_once(project: Project) -> None:
    project.write("oak.yaml", WRITTEN)
    both = [project.start("build", "oak.yaml", "-j", "8") for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert set(finished(project).values()) == {1}
    assert Path(project.root / "build/oak/final.mp4").exists()
