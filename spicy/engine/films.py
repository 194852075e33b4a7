"""Films: a spec, its recipe, and its story as far as the store knows it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spicy.engine.replay import Missing, ReplayAsk
from spicy.errors import Problem, SpecError
from spicy.ids import Ticks
from spicy.plan.expand import Paths, expand
from spicy.plan.node import Node, Price
from spicy.plan.price import Prices
from spicy.plan.prompts import Prompts
from spicy.ports import Ask
from spicy.recipe.load import load_recipe
from spicy.recipe.model import Recipe
from spicy.spec.load import load_spec
from spicy.spec.model import Spec
from spicy.steps.ideation import Told, tell_story
from spicy.store.store import Store
from spicy.story.yaml_out import story_yaml


@dataclass(slots=True)
class Film:
    """One film of a build. `told` is None until ideation has answered."""

    spec: Spec
    prompts: Prompts
    build: str
    told: Told | None = None
    _nodes: tuple[Node, ...] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The film's name."""
        return self.spec.film

    @property
    def recipe(self) -> Recipe:
        """How it is made."""
        return self.prompts.recipe

    def tell(self, ask: Ask) -> Told:
        """Resolve the story, asking for what is not written. Raises what ideation raises."""
        with self._lock:
            if self.told is None:
                self.told = tell_story(self.spec, self.prompts, ask)
            return self.told

    def nodes(self) -> tuple[Node, ...]:
        """The whole graph; the story must be told."""
        if self.told is None:
            raise RuntimeError(f"{self.name}: the graph is asked for before the story")
        if self._nodes is None:
            story, folder = self.told.story, Paths.of(self.build, self.name).folder
            self._nodes = expand(
                self.name, story, story_yaml(story, folder), self.recipe, self.prompts.provider, self.build
            )
        return self._nodes

    def guess(self) -> Price:
        """What ideation and all after it may cost, before the story exists."""
        prices, rules = Prices(self.recipe, self.prompts.provider), self.recipe.story
        scenes = self.spec.scenes or rules.scenes
        written = scenes if isinstance(scenes, tuple) else None
        count = scenes if isinstance(scenes, int) else len(scenes)
        references = self.recipe.limits.references_per_edit
        total = prices.ideation(labels=bool(self.spec.refs))
        cast = self.spec.characters
        low = len(cast) if cast else max(1, len(self.spec.refs))
        likely = len(cast) if cast else max(rules.characters, low)
        worst = len(cast) if cast else max(rules.most_characters, likely)
        sheet = prices.character(has_ref=bool(self.spec.refs))
        total += Price(Ticks(sheet.low * low), Ticks(sheet.likely * likely), Ticks(sheet.worst * worst))
        longest = 8
        for n in range(count):
            still, full = prices.keyframe(references=1), prices.keyframe(references=references)
            total += Price(still.low, full.likely, full.worst)
            duration = written[n].duration if written is not None and written[n].duration else None
            short = prices.video(duration=duration or 3, judged=True)
            long = prices.video(duration=duration or longest, judged=True)
            total += Price(short.low, long.likely, long.worst)
        return total


def load_films(paths: Sequence[Path], root: Path, provider: str, build: str, store: Store) -> list[Film]:
    """Read every spec; raises one SpecError with the mistakes of all of them."""
    for folder in (root, root / build, store.root):
        store.memo.load(folder)
    films: list[Film] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        try:
            film = _load(path, root, provider, build, store)
        except SpecError as error:
            problems += error.problems
            continue
        if film.name in seen:
            problems.append(
                Problem(
                    film.spec.path,
                    0,
                    0,
                    f"another spec, {seen[film.name]}, makes a film of the same name; rename one",
                )
            )
        seen[film.name] = film.spec.path
        films.append(film)
    if problems:
        raise SpecError(problems)
    return films


def _load(path: Path, root: Path, provider: str, build: str, store: Store) -> Film:
    spec = load_spec(path, root)
    film = Film(
        spec,
        Prompts(load_recipe(spec.recipe, root, complain=partial(spec.problem, ("recipe",))), provider),
        build,
    )
    with contextlib.suppress(Missing):
        film.tell(ReplayAsk(store, provider))
    return film
