"""Films: a spec, its recipe, and its story if stored answers give it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spicy.engine.calls.replay import NotInStore, ReplayCallClient
from spicy.errors import Problem, SpecError, StepFailed
from spicy.ids import Digest, Ticks
from spicy.plan.expand import Paths, expand
from spicy.plan.node import Node, Price
from spicy.plan.price import Prices
from spicy.plan.prompts import StepPrompts
from spicy.ports import CallClient
from spicy.recipe.capabilities import check_models, check_prompts
from spicy.recipe.load import load_recipe
from spicy.recipe.model import Recipe
from spicy.spec.load import load_spec
from spicy.spec.model import Spec, WrittenScene
from spicy.spec.pins import Pin, pins_of
from spicy.spec.positions import Path as Way
from spicy.steps.ideation import IdeationResult, tell_story
from spicy.store.store import Store
from spicy.story.yaml_out import story_yaml

LOST_PIN = "is not in this machine's store"

LONGEST = 15
"""Seconds; the longest clip that a story may have."""


@dataclass(slots=True)
class Film:
    """One film of a build; `told` is None until ideation has answered."""

    spec: Spec
    prompts: StepPrompts
    build: str
    told: IdeationResult | None = None
    _nodes: tuple[Node, ...] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The film's name."""
        return self.spec.film

    @property
    def recipe(self) -> Recipe:
        """The recipe that makes the film."""
        return self.prompts.recipe

    def tell(self, ask: CallClient) -> IdeationResult:
        """Resolve and return the story, generating what is not written. Raises what ideation raises."""
        with self._lock:
            if self.told is None:
                self.told = tell_story(self.spec, self.prompts, ask)
            return self.told

    def nodes(self) -> tuple[Node, ...]:
        """Return the whole graph. Raises RuntimeError if the story is not resolved yet."""
        if self.told is None:
            raise RuntimeError(f"{self.name}: the graph is asked for before the story")
        if self._nodes is None:
            story, folder = self.told.story, Paths.of(self.build, self.name).folder
            self._nodes = expand(
                self.name, story, story_yaml(story, folder), self.recipe, self.prompts.provider, self.build
            )
        return self._nodes

    def guess(self) -> Iterator[tuple[str, Price]]:
        """Yield (description, price) of ideation and all later steps, before the story exists.

        Low assumes the shortest scenes and fewest characters that a story may have, worst the longest and
        most.
        """
        spec, rules = self.spec, self.recipe.story
        prices = Prices(self.recipe, self.prompts.provider)
        yield "story", prices.ideation(labels=bool(spec.refs))
        named = len(spec.names_in_scenes())
        most = max(rules.most_characters, named, len(spec.refs))
        fewest = named or max(1, len(spec.refs))
        if spec.characters is not None:
            fewest = most = sum(c.sheet is None for c in spec.characters)
        likely = min(max(rules.characters, fewest), most)
        sheet, bare = prices.character(has_ref=bool(spec.refs)), prices.character(has_ref=False)
        price = Price(Ticks(bare.low * fewest), Ticks(sheet.likely * likely), Ticks(sheet.worst * most))
        yield f"about {likely} character sheet{'s' * (likely != 1)}", price
        scenes = spec.scenes or rules.scenes
        listed = scenes if isinstance(scenes, tuple) else (None,) * scenes
        guesses = (self._guess_scene(prices, scene) for scene in listed)
        yield f"{len(listed)} scene{'s' * (len(listed) != 1)}", sum(guesses, Price())

    def _guess_scene(self, prices: Prices, scene: WrittenScene | None) -> Price:
        price = Price()
        if scene is None or (scene.keyframe is None and scene.clip is None):
            lean = prices.keyframe(references=0 if scene is None else len(scene.characters))
            full = prices.keyframe(references=self.recipe.limits.references_per_edit)
            price += Price(lean.low, full.likely, full.worst)
        if scene is None or scene.clip is None:
            given = scene.duration if scene is not None else None
            short, usual, long = (given or seconds for seconds in (1, self.recipe.story.duration, LONGEST))
            # A clip without a cast is not judged, and a generated scene may have no cast.
            fewest = len(scene.characters) if scene is not None else 0
            most = self.recipe.limits.characters_per_scene
            price += Price(
                prices.video(duration=short, cast=fewest).low,
                prices.video(duration=usual, cast=max(1, fewest)).likely,
                max(prices.video(duration=d, cast=most).worst for d in (long, min(long, 8))),
            )
        return price


def load_films(paths: Sequence[Path], root: Path, provider: str, build: str, store: Store) -> list[Film]:
    """Return the films of all specs. Raises one SpecError with the mistakes of all of them."""
    for folder in (root, root / build, store.root):
        store.memo.load(folder)
    films: list[Film] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for path in {(root / path).resolve(): path for path in paths}.values():
        try:
            film = _load(path, root, provider, build, store)
        except SpecError as error:
            problems += error.problems
            continue
        name = film.name.casefold()  # such names collide on a case-insensitive file system
        if name in seen:
            problems.append(
                Problem(
                    film.spec.path,
                    0,
                    0,
                    f"another spec, {seen[name]}, makes a film of the same name; rename one",
                )
            )
        seen[name] = film.spec.path
        films.append(film)
    if problems:
        raise SpecError(problems)
    return films


def _load(path: Path, root: Path, provider: str, build: str, store: Store) -> Film:
    spec = load_spec(path, root)
    lost = [(way, pin) for way, pin in pins_of(spec) if not store.keeps(pin.digest)]
    problems = [
        spec.problem(("refs", label), f"{file} is no picture: JPEG, PNG or WebP is wanted")
        for label, file in spec.refs.items()
        if not _is_picture(root / file)
    ]
    if problems:
        raise SpecError([*problems, *_lost(spec, lost)])
    recipe = load_recipe(spec.recipe, _home(spec, root), complain=partial(spec.problem, ("recipe",)))
    check_models(recipe, provider)
    film = Film(spec, StepPrompts(recipe, provider), build)
    # If stored answers give no story, the film's ideation reports the failure when it runs.
    with contextlib.suppress(NotInStore, StepFailed):
        film.tell(ReplayCallClient(store, provider))
    if lost:
        _bring_back({pin.digest for _, pin in lost}, film, store)
        if problems := _lost(spec, [(way, pin) for way, pin in lost if not store.keeps(pin.digest)]):
            raise SpecError(problems)
    if film.told is None:  # otherwise every prompt is rendered before the first call anyway
        check_prompts(recipe)
    return film


def lost_pin_advice(pin: Pin) -> str:
    """Return the advice for a pin that the store does not have."""
    return (
        f"copy objects/{pin.digest[:2]}/{pin.digest} from the store of a machine that has it, or take the pin"
        " out of the spec"
    )


def _lost(spec: Spec, pins: Iterable[tuple[Way, Pin]]) -> list[Problem]:
    return [spec.problem(way, f"{pin.brief} {LOST_PIN}; {lost_pin_advice(pin)}") for way, pin in pins]


def _bring_back(digests: Set[Digest], film: Film, store: Store) -> None:
    """Restore lost objects to the store from the build folder, mostly from a pin's own target."""
    if film.told is None:
        return
    for path in (target for node in film.nodes() for target in node.targets):
        if (digest := store.memo.digest(path)) in digests and digest is not None:
            with contextlib.suppress(OSError):  # then it is reported as lost
                store.repair(digest, Path(path))


def _is_picture(path: Path) -> bool:
    """Return True if the file starts like a picture; a check before ideation, without Pillow."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def _home(spec: Spec, root: Path) -> Path:
    """Return the folder that has the recipe in recipes/: the root, the spec's folder or its parent."""
    folder = (root / spec.path).parent
    for home in (root, folder, folder.parent):
        if (home / "recipes" / f"{spec.recipe}.yaml").is_file():
            return home
    return root
