"""The parts of a run's page: what each needs to know, put together for its template, and drawn.

A part is an element with an id. Drawn alone it is what the browsers of a run get when it changed; a page is all of
them together, drawn by the same templates.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from spicy.errors import StoreError
from spicy.events import Recovering
from spicy.ids import CallKey, Digest, NodeId, Step, Ticks
from spicy.runs.model import AttemptRow, RunState, parts
from spicy.runs.view import FilmView, NodeState, NodeView
from spicy.slug import film_name
from spicy.store.records import Records
from spicy.story.model import Character, Scene
from spicy.web.dashboard.plan_service import PlanService, RemainingWork
from spicy.web.dashboard.rendering import part
from spicy.web.dashboard.runs.live_run import HEAD, LINES, LiveRun, LogLine, Part

MANY = 40
"""A film of more scenes has no players and no attempts in its page, only ways to them."""
_LINES = 400
_NOW = 4

RUN_WORDS = {
    RunState.STARTING: ("…", "starting"),
    RunState.RUNNING: ("●", "running"),
    RunState.DONE: ("✓", "done"),
    RunState.FAILED: ("✕", "failed"),
    RunState.MISTAKE: ("!", "mistake"),
    RunState.BUDGET: ("■", "stopped by the budget"),
    RunState.INTERRUPTED: ("■", "interrupted"),
    RunState.DIED: ("✕", "died"),
}
"""How a run stands, as a sign and a word: never by colour alone."""

NODE_WORDS = {
    NodeState.WAITING: ("○", "waiting"),
    NodeState.RUNNING: ("●", "being made"),
    NodeState.MADE: ("✓", "made"),
    NodeState.FRESH: ("✓", "up to date"),
    NodeState.FAILED: ("✕", "failed"),
    NodeState.STOPPED: ("■", "stopped"),
    NodeState.BLOCKED: ("⊘", "not tried"),
}

_COUNTED = {
    NodeState.MADE: "made",
    NodeState.FRESH: "up to date",
    NodeState.FAILED: "failed",
    NodeState.STOPPED: "stopped",
    NodeState.BLOCKED: "not tried",
}
_TITLES = {Step.CHARACTER: "Sheet", Step.KEYFRAME: "Keyframe", Step.VIDEO: "Clip"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """An attempt as a gallery shows it."""

    digest: Digest
    suffix: str
    take: int
    number: int
    score: float | None
    problems: tuple[str, ...]
    cost: Ticks
    prompt: str
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A character's sheet, a keyframe or a clip as a page shows it."""

    id: str
    run: str
    film: str
    step: Step
    item: str
    title: str
    about: str
    """What is to be seen, for those who cannot see it."""
    node: NodeView
    sign: str
    word: str
    shape: str
    poster: Digest | None
    """The picture: the target itself, or what stands for a clip."""
    score: float | None
    cost: Ticks
    """What making it cost, in whichever run."""
    paid: Ticks
    """In this run."""
    until: str
    """Where this run stopped: what is remade from it stops there too, or a storyboard would buy its clips."""
    price: str
    """What another take of it would cost, with what follows; empty when that is nothing, or not known."""
    own: bool
    pinned: bool
    tries: tuple[Try, ...]
    many: bool
    character: Character | None
    """Whose sheet it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRow:
    """A scene with its two cards."""

    id: str
    scene: Scene
    number: int
    keyframe: Card | None
    clip: Card


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPart:
    """A film of a run."""

    film: FilmView
    mark: str
    """What ids of its elements begin with: empty when the run has one film."""
    shape: str
    many: bool
    characters: tuple[Card, ...]
    scenes: tuple[SceneRow, ...]
    ideation: NodeView
    final: NodeView
    has_script: bool
    has_report: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPart:
    """A run as a whole."""

    run: str
    state: RunState
    sign: str
    word: str
    title: str
    films: tuple[FilmView, ...]
    total: int
    ready: int
    counts: tuple[str, ...]
    """Of targets by outcome, in words."""
    now: tuple[tuple[NodeView, str], ...]
    """What is being made, and where in the page it is."""
    more: int
    troubles: tuple[tuple[NodeView, str], ...]
    blocked: int
    left: Ticks | None
    rest: Mapping[str, RemainingWork]
    """What a build of each film would make now, or of its storyboard when that was not finished; nothing while the
    run goes on, and nothing of a film that cannot be built as it is."""
    seconds: float | None
    until: str
    stopping: bool
    provider: str
    cap: Ticks | None
    paid: Ticks
    saved: Ticks
    began: str
    recovering: Recovering | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """All of a run's page."""

    head: HeadPart
    films: tuple[FilmPart, ...]
    lines: Sequence[LogLine]
    left_out: int
    """Older lines of the log, which only the log as text has."""
    last: int
    is_over: bool


class RunRenderer:
    """Draws the parts of runs. Its callers hold the run's lock."""

    def __init__(self, records: Records) -> None:
        self.ahead: PlanService | None = None
        """What lies ahead of films: what another take of a target would cost, and what is left to make."""
        self._prompt = functools.lru_cache(maxsize=4096)(functools.partial(_prompt, records))

    def paint(self, followed: LiveRun, changed: Iterable[Part], after: int) -> str:
        """The changed parts, and the lines of events after `after`, as HTML."""
        drawn: list[str] = []
        kinds: dict[str, set[str]] = {}
        for one in changed:
            kinds.setdefault(one.kind, set()).add(one.name)
        if "whole" in kinds:
            return _draw("whole", self.page(followed))
        if HEAD.kind in kinds:
            drawn.append(_draw("head", self.head(followed)))
        films = followed.view.films
        told = kinds.get("film", set()) & films.keys()
        drawn += [_draw("film", self.film(followed, films[name])) for name in sorted(told)]
        nodes, doing = kinds.get("node", set()), kinds.get("doing", set())
        others = films.keys() - told
        drawn += self._nodes(followed, [NodeId(n) for n in sorted(nodes) if parts(NodeId(n))[0] in others])
        calls = [NodeId(n) for n in sorted(doing - nodes) if parts(NodeId(n))[0] in others]
        drawn += [self._doing(followed, node) for node in calls]
        if LINES.kind in kinds:
            drawn.append(_draw("lines", followed.lines_after(after)[-_LINES:]))
        return "".join(drawn)

    def page(self, followed: LiveRun) -> RunPart:
        """All of a run."""
        shown = followed.lines[-_LINES:]
        return RunPart(
            head=self.head(followed),
            films=tuple(self.film(followed, film) for film in followed.view.films.values()),
            lines=shown,
            left_out=len(followed.lines) - len(shown),
            last=followed.view.last,
            is_over=followed.is_over,
        )

    def head(self, followed: LiveRun) -> HeadPart:
        """What is said of the run as a whole. Raises LookupError when nobody knows of it."""
        view, state = followed.view, followed.state
        if state is None:
            raise LookupError(followed.run)
        running = view.running
        films = tuple(view.films.values())
        if not films and followed.spec is not None:
            films = (FilmView(film_name(followed.spec), followed.spec.as_posix()),)
        titles = [film.story.title if film.story else film.name for film in films]
        failed = [node for node in view.nodes.values() if node.state is NodeState.FAILED]
        started, finished = view.started, view.finished
        return HeadPart(
            run=followed.run,
            state=state,
            sign=RUN_WORDS[state][0],
            word=RUN_WORDS[state][1],
            title=", ".join(titles),
            films=films,
            total=view.total,
            ready=view.ready,
            counts=tuple(f"{n:,} {word}" for state, word in _COUNTED.items() if (n := view.count(state))),
            now=tuple((node, _anchor(followed, node)) for node in running[:_NOW]),
            more=max(0, len(running) - _NOW),
            troubles=tuple((node, _anchor(followed, node)) for node in failed),
            blocked=view.count(NodeState.BLOCKED),
            left=_left(followed),
            rest=self._rest(followed),
            seconds=finished.seconds if finished else None,
            until=started.until if started else "",
            stopping=followed.stopping,
            provider=started.provider if started else "",
            cap=started.cap if started else None,
            paid=view.paid,
            saved=view.saved,
            began=view.began,
            recovering=view.recovering,
            said=followed.said,
        )

    def _rest(self, followed: LiveRun) -> Mapping[str, RemainingWork]:
        if self.ahead is None or not followed.is_over:
            return {}
        started = followed.view.started
        # Who looked at a storyboard goes on to the clips; one that was not finished is finished first.
        until = started.until if started and followed.state is not RunState.DONE else ""
        found = {name: self.ahead.rest(name, until) for name in followed.view.films}
        return {name: rest for name, rest in found.items() if rest is not None}

    def film(self, followed: LiveRun, film: FilmView) -> FilmPart:
        """A film with all its cards."""
        story = film.story
        many = story is not None and len(story.scenes) > MANY
        characters = story.characters if story else ()
        return FilmPart(
            film=film,
            mark=_mark(followed, film.name),
            shape=story.aspect_ratio if story else "",
            many=many,
            characters=tuple(self._sheet(followed, film, c) for c in characters),
            scenes=tuple(
                self._row(followed, film, scene, n)
                for n, scene in enumerate(story.scenes if story else (), 1)
            ),
            ideation=_known(followed, film.name, Step.IDEATION, "story"),
            final=_known(followed, film.name, Step.ASSEMBLY, "final"),
            has_script=bool(_known(followed, film.name, Step.SCRIPT, "script").assets),
            has_report=bool(_known(followed, film.name, Step.ASSEMBLY, "report").assets),
        )

    def _row(self, followed: LiveRun, film: FilmView, scene: Scene, number: int) -> SceneRow:
        drawn = scene.keyframe is not None or scene.clip is None
        return SceneRow(
            id=f"scene-{_mark(followed, film.name)}{scene.slug}",
            scene=scene,
            number=number,
            keyframe=self._still(followed, film, scene, number) if drawn else None,
            clip=self._clip(followed, film, scene, number),
        )

    def _sheet(self, followed: LiveRun, film: FilmView, character: Character) -> Card:
        node = _known(followed, film.name, Step.CHARACTER, character.slug)
        about = f"Character sheet of {character.name}"
        return self._card(followed, film, node, about, poster=node.digest, character=character)

    def _still(self, followed: LiveRun, film: FilmView, scene: Scene, number: int) -> Card:
        node = _known(followed, film.name, Step.KEYFRAME, scene.slug)
        return self._card(
            followed, film, node, f"Keyframe of scene {number}, {scene.title}", poster=node.digest
        )

    def _clip(self, followed: LiveRun, film: FilmView, scene: Scene, number: int) -> Card:
        node = _known(followed, film.name, Step.VIDEO, scene.slug)
        still = _known(followed, film.name, Step.KEYFRAME, scene.slug).digest
        first = next((digest for path, digest in node.assets.items() if path.endswith("/first.jpg")), still)
        return self._card(followed, film, node, f"Clip of scene {number}, {scene.title}", poster=first)

    def _card(
        self,
        followed: LiveRun,
        film: FilmView,
        node: NodeView,
        about: str,
        *,
        poster: Digest | None,
        character: Character | None = None,
    ) -> Card:
        tried = followed.tried(film.name, node.step, node.item)
        used = next((one for one in tried if one.used), None)
        chosen = [a for a in node.done.attempts if a.chosen] if node.done else []
        given = [d for label, d in node.done.inputs if label.startswith("own ")] if node.done else []
        own = bool(given) and not chosen
        has_asset = node.digest is not None
        many = film.story is not None and len(film.story.scenes) > MANY
        sign, word = _standing(followed, node)
        # While a run goes on nothing can be remade, and opening its film would hold up who follows it.
        asked = has_asset and not own and followed.is_over
        return Card(
            id=_card_id(followed, node),
            run=followed.run,
            film=film.name,
            step=node.step,
            item=node.item,
            title=_TITLES[node.step],
            about=about,
            node=node,
            sign=sign,
            word=word,
            shape="1:1" if character else film.story.aspect_ratio if film.story else "",
            poster=poster,
            score=node.score if chosen or own or not has_asset else (used.score if used else None),
            cost=Ticks(sum(a.cost for a in node.done.attempts))
            if chosen and node.done
            else Ticks(used.cost if used else 0),
            paid=followed.paid.get(node.id, Ticks(0)),
            until=followed.view.started.until if followed.view.started else "",
            price=self.ahead.prices(film.name).get(node.id, "") if asked and self.ahead else "",
            own=own,
            pinned=own and any(one.digest in given for one in tried),
            tries=() if many else tuple(self._tries(tried)),
            many=many,
            character=character,
        )

    def tries(self, followed: LiveRun, film: str, step: Step, item: str) -> tuple[Try, ...]:
        """Every attempt at a target, as a page of its own shows them."""
        return tuple(self._tries(followed.tried(film, step, item)))

    def _tries(self, tried: Iterable[AttemptRow]) -> Iterator[Try]:
        for one in tried:
            yield Try(
                digest=one.digest,
                suffix=one.suffix,
                take=one.take,
                number=one.number,
                score=one.score,
                problems=one.problems,
                cost=one.cost,
                prompt=self._prompt(one.key),
                used=one.used,
            )

    def _nodes(self, followed: LiveRun, nodes: Sequence[NodeId]) -> Iterator[str]:
        """The parts that show targets: each its card, those without one the head of their film."""
        cards = [node for node in nodes if parts(node)[1] in _TITLES]
        heads = {parts(node)[0] for node in nodes if parts(node)[1] not in _TITLES}
        for name in sorted(heads):
            yield _draw("film_head", self.film_head(followed, followed.view.films[name]))
        for node in cards:
            card = self._card_of(followed, node)
            if card is not None:
                yield _draw("card", card)

    def _card_of(self, followed: LiveRun, id: NodeId) -> Card | None:
        """A target's card; None for what the film's story does not have."""
        name, step, item = parts(id)
        film = followed.view.films[name]
        if film.story is None:
            return None
        if step is Step.CHARACTER:
            found = next((c for c in film.story.characters if c.slug == item), None)
            return self._sheet(followed, film, found) if found else None
        numbered = enumerate(film.story.scenes, 1)
        number, scene = next(((n, s) for n, s in numbered if s.slug == item), (0, None))
        if scene is None:
            return None
        draw = self._still if step is Step.KEYFRAME else self._clip
        return draw(followed, film, scene, number)

    def film_head(self, followed: LiveRun, film: FilmView) -> FilmPart:
        """A film without its cards: what its head needs."""
        bare = FilmView(film.name, film.spec, None, film.planned, film.final)
        drawn = self.film(followed, bare)
        return dataclasses.replace(drawn, film=film, shape=film.story.aspect_ratio if film.story else "")

    def _doing(self, followed: LiveRun, id: NodeId) -> str:
        """The part that shows how far a target's call has come."""
        node = followed.view.nodes.get(id)
        return "" if node is None else _draw("doing", _card_id(followed, node), node)


def _prompt(records: Records, key: CallKey) -> str:
    try:
        record = records.find(key)
    except (StoreError, OSError):
        return ""
    found = record.request.get("prompt") if record else None
    return found if isinstance(found, str) else ""


def _left(followed: LiveRun) -> Ticks | None:
    """What is likely still to be paid; None while nobody knows."""
    view = followed.view
    if view.finished is not None:
        return view.finished.left
    planned = [film.planned.likely for film in view.films.values() if film.planned]
    return Ticks(max(0, sum(planned) - view.paid)) if planned else None


def _known(followed: LiveRun, film: str, step: Step, item: str) -> NodeView:
    """A target as the view has it. Asking must not make it one of the run's."""
    id = NodeId(f"{film}:{step}/{item}")
    return followed.view.nodes.get(id) or NodeView(id, film, step, item)


def _standing(followed: LiveRun, node: NodeView) -> tuple[str, str]:
    """Sign and word of a target. What a run did not come to waits no longer when it is over."""
    if node.state is NodeState.WAITING:
        started = followed.view.started
        if node.step is Step.VIDEO and started is not None and started.until in ("characters", "keyframes"):
            return "○", "after the storyboard"
        if followed.is_over:
            return "○", "not in this run"
    return NODE_WORDS[node.state]


def _mark(followed: LiveRun, film: str) -> str:
    return f"{film}-" if len(followed.view.films) > 1 else ""


def _card_id(followed: LiveRun, node: NodeView) -> str:
    mark = _mark(followed, node.film)
    return f"card-{mark}{node.step}-{node.item}"


def _anchor(followed: LiveRun, node: NodeView) -> str:
    """The id of the part that shows a target."""
    return _card_id(followed, node) if node.step in _TITLES else f"film-head-{node.film}"


_draw = functools.partial(part, "_run.html.j2")
