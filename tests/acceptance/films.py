"""Specs for acceptance tests: small, quick to make, with everything that a film has."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.conftest import Project, Ran, child_environment

CONCEPT = """\
recipe: quick
concept: A curious fox meets a wise owl in an enchanted forest
scenes: 2
"""

WRITTEN = """\
recipe: quick
title: The Oak
style: flat paper cut-outs
characters:
  - {name: Ember, description: A small red fox with a white tail tip}
  - {name: Sage, description: A great grey owl with amber eyes}
scenes:
  - title: Meeting
    characters: [Ember, Sage]
    setting: a moonlit oak clearing
    action: Ember walks up to Sage
    camera: slow push-in
    duration: 1
  - title: River
    characters: [Ember]
    setting: a river at dawn
    action: Ember drinks from the river
    camera: pan left
    duration: 1
  - title: Hill
    characters: [Sage]
    setting: a snowy hill at noon
    action: Sage spreads her wings
    camera: static
    duration: 1
"""


DODO = 'from spicy.dodo import films\nglobals().update(films("specs/*.yaml"))\n'


def calls(ran: Ran) -> Counter[str]:
    """How many calls a `--json` build put to the provider, by purpose."""
    events = [json.loads(line) for line in ran.out.splitlines()]
    return Counter(e["purpose"] for e in events if e["event"] == "call_done" and not e["from_store"])


def finished(project: Project) -> Counter[str]:
    """How often each call was finished, by key, as the ledger has it."""
    ledger = next(Path(project.env.get("SPICY_CACHE_DIR") or _cache()).glob("ledger.sqlite"))
    with closing(sqlite3.connect(ledger)) as db:
        rows = db.execute("SELECT key, count(*) FROM call WHERE state = 'closed' GROUP BY key").fetchall()
    return Counter(dict(rows))


def store(project: Project) -> Path:
    """The store's folder."""
    return Path(project.env.get("SPICY_CACHE_DIR") or _cache())


def _cache() -> str:
    import os

    return os.environ["SPICY_CACHE_DIR"]


def media(project: Project, film: str) -> dict[str, str]:
    """Every made file of a film but receipts and report, with its digest."""
    kept = (".jpg", ".png", ".mp4", ".md", ".yaml")
    files = [f for f in project.files(f"build/{film}") if f.endswith(kept)]
    return {f: hashlib.sha256((project.root / f).read_bytes()).hexdigest() for f in files}


def doit(project: Project, *args: str) -> Ran:
    """Run bare `doit ARGS` in the project."""
    done = subprocess.run(
        [sys.executable, "-m", "doit", *args],
        cwd=project.root,
        env=child_environment(project.env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
