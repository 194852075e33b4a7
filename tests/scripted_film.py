"""A whole film in this process over a scripted provider: what is asked, in which words, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller
from spicy.engine.forecast import forecast
from spicy.engine.maker import Maker
from spicy.engine.project import load_films
from spicy.events import Event, NodeFailed, Warned
from spicy.ids import ticks
from spicy.plan.node import Price
from spicy.runner.build import run
from spicy.runner.session import Session
from spicy.store.store import Store
from tests.conftest import Project
from tests.scripted import Scripted

RECIPE = """\
extends: default
models:
  scripted: {story: s, judge: j, image: i, video: v, correct: v}
output: {resolution: 96p, image_resolution: 96p}
rates: {scripted: {chat: 1, image: 1, video: 1}}
prices:
  as_of: 2026-01-01
  models:
    s: {per_call: 0.02}
    j: {per_call: 0.005}
    i: {per_image: {96p: 0.04}, per_input: 0.01}
    v: {per_second: {96p: 0.05}, per_input: 0.002}
"""

SPEC = """\
recipe: scripted
title: Two scenes
style: flat
characters:
  - {name: Ember, description: a small red fox}
  - {name: Sage, description: a great grey owl}
scenes:
  - {characters: [Ember, Sage], setting: an oak clearing, action: Ember walks up, camera: push-in, duration: 1}
  - {characters: [Ember], setting: a river at dawn, action: Ember drinks, duration: 1}
"""


class Studio:
    """A project, a store and a scripted provider under any provider's name; `build` is one build."""

    def __init__(self, project: Project, name: str = "scripted") -> None:
        self.project, self.provider = project, Scripted()
        self.provider.name = name
        self.events: list[Event] = []
        project.write("recipes/scripted.yaml", RECIPE)
        project.write("film.yaml", SPEC)

    def build(self, *, cap: float | None = None, jobs: int = 4) -> int:
        store = Store(self.project.root / "store")
        films = load_films([Path("film.yaml")], self.project.root, self.provider.name, "build", store)
        budget = Budget(None if cap is None else ticks(cap))
        self.events = []

        class Sink:
            def __init__(self, take: Callable[[Event], None]) -> None:
                self.take = take

            def __call__(self, event: Event) -> None:
                self.take(event)

            def close(self) -> None:
                pass

        sink = Sink(self.events.append)

        def maker(session: Session) -> Maker:
            store.prepare()
            caller = Caller(store, self.provider, session.stop)
            return Maker(
                store, caller, {f.name: f for f in films}, budget, sink, "run", session.stop, session.known
            )

        session = Session(
            run="run",
            provider=self.provider.name,
            films=films,
            store=store,
            maker=maker,
            budget=budget,
            sink=sink,
        )
        run(session, None, jobs)
        return session.finish()

    def edit(self, old: str, new: str) -> None:
        text = self.project.read("film.yaml")
        assert old in text
        self.project.write("film.yaml", text.replace(old, new))

    def asked(self) -> dict[str, int]:
        """Calls since the last time, by kind."""
        found = dict(self.provider.kinds)
        self.provider.kinds.clear()
        return found

    def price(self) -> Price:
        store = Store(self.project.root / "store")
        films = load_films([Path("film.yaml")], self.project.root, self.provider.name, "build", store)
        price = forecast(films[0], store).price
        store.close()
        return price

    def receipt(self, name: str) -> dict[str, object]:
        data: dict[str, object] = json.loads((self.project.root / "build/film" / name).read_bytes())
        return data

    def failures(self) -> dict[str, str]:
        return {e.node: e.message for e in self.events if isinstance(e, NodeFailed)}

    def warnings(self) -> dict[str, str]:
        return {e.node: e.message for e in self.events if isinstance(e, Warned)}
