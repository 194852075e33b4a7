"""How long `spicy build` takes when nothing is stale, beside bare doit on a graph of the same size.

    python -m tests.bench.bench_noop [SCENES]

The bounds of the product, for 1,000 scenes: at most 1 s, at most 3 times bare doit, at most 300 MB. All figures
come from one run on one machine; compare the ratio, not the seconds.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller
from spicy.engine.maker import Maker
from spicy.engine.project import load_films
from spicy.runner.build import run
from spicy.runner.session import Session
from spicy.sinks.fanout import NullSink
from spicy.store.store import Store
from tests.integration.test_whole_film import RECIPE
from tests.scripted import Scripted, clip

ROOT = Path(__file__).parents[2]
NOOP = (
    "import sys\n"
    "from spicy.engine import wire\n"
    "wire.PROVIDERS = {**wire.PROVIDERS, 'scripted': wire.PROVIDERS['animatic']}\n"
    "sys.argv = ['spicy', 'build', '-q', '--provider', 'scripted', 'big.yaml']\n"
    "from spicy.cli import main\n"
    "main()\n"
)
BARE = """\
import json

def task_film():
    return (dict(task, actions=[]) for task in json.load(open("graph.json")))
"""
"""The same tasks, files and dependencies, as a plain dodo.py would have them; nothing of spicy is loaded."""


def spec(scenes: int) -> str:
    """A written film."""
    lines = ["recipe: scripted", "style: flat", "characters:"]
    lines += [
        "  - {name: Ember, description: A small red fox}",
        "  - {name: Sage, description: A grey owl}",
        "scenes:",
    ]
    for n in range(scenes):
        lines += [
            f"  - title: Scene {n}",
            "    characters: [Ember, Sage]",
            f"    setting: clearing number {n}",
        ]
        lines += [
            f"    action: Ember walks up {n}",
            "    camera: slow push-in",
            "    mood: calm",
            "    duration: 1",
        ]
    return "\n".join(lines) + "\n"


def make(folder: Path, scenes: int) -> None:
    """Build the whole film once, with a provider that answers at once."""
    (folder / "recipes").mkdir()
    (folder / "recipes/scripted.yaml").write_text(RECIPE)
    (folder / "big.yaml").write_text(spec(scenes))
    same = clip("aabbcc")
    provider = Scripted()
    fetch = provider.fetch
    provider.fetch = lambda answer, into: (  # type: ignore[method-assign,assignment]
        fetch(answer, into) if provider.kind_of(answer) == "image" else into.write_bytes(same)
    )
    store = Store(folder / "store")
    films = load_films([Path("big.yaml")], folder, "scripted", "build", store)
    budget, stop = Budget(None), threading.Event()
    maker = Maker(
        store, Caller(store, provider, stop), {f.name: f for f in films}, budget, NullSink(), "run", stop, {}
    )
    session = Session(
        run="run",
        provider="scripted",
        films=films,
        store=store,
        maker=lambda _: maker,
        budget=budget,
        sink=NullSink(),
    )
    run(session, None, 8)
    nodes = films[0].nodes()
    if session.finish() != 0:
        raise SystemExit("the film could not be made")
    graph = [
        {
            "name": node.id.partition(":")[2],
            "file_dep": sorted(set(node.inputs.values())),
            "task_dep": [f"film:{id.partition(':')[2]}" for id in node.after],
            "targets": list(node.targets),
        }
        for node in nodes
        if node.inputs
    ]
    names = {f"film:{task['name']}" for task in graph}
    for task in graph:
        task["task_dep"] = [id for id in task["task_dep"] if id in names]
    (folder / "graph.json").write_text(json.dumps(graph))


def timed(command: list[str], folder: Path, env: dict[str, str]) -> tuple[float, str]:
    """The best of five runs in seconds, and what the last one said."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    print(f"  {' '.join(f'{s:.2f}' for s in seconds)} s, median {statistics.median(seconds):.2f} s")
    return min(seconds), done.stdout + done.stderr


def main() -> None:
    """Print both times, their ratio and the memory."""
    scenes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        make(folder, scenes)
        (folder / "dodo.py").write_text(BARE)
        env = {**os.environ, "PYTHONPATH": str(ROOT), "SPICY_CACHE_DIR": str(folder / "store")}
        print(f"{scenes} scenes, nothing stale")
        subprocess.run([sys.executable, "-m", "doit"], cwd=folder, env=env, capture_output=True, check=True)
        print("bare doit")
        bare, said = timed([sys.executable, "-m", "doit"], folder, env)
        if "." in {line[:1] for line in said.splitlines()}:
            raise SystemExit("the yardstick was not up to date")
        print("spicy build")
        ours, _ = timed([sys.executable, "-c", NOOP], folder, env)
        print(f"ratio {ours / bare:.2f} (at most 3), {ours:.2f} s (at most 1)")
        done = subprocess.run(
            ["/usr/bin/time", "-v", sys.executable, "-c", NOOP],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        memory = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
        print(f"memory {int(memory[1]) / 1000 if memory else 0:.0f} MB (at most 300)")


if __name__ == "__main__":
    main()
