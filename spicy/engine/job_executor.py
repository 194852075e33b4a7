"""Executes server jobs through the single path of a paid call: same store, same ledger, same provider.

Answers already paid for, by a film or by a job, cost $0 here. A job that is run again after a crash rejoins
the ticket of its first run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from spicy.canonical_json import Json
from spicy.engine.bootstrap import PROVIDERS, LazyProvider, ProviderContext, open_store
from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller, CallObserver, CostBound
from spicy.engine.calls.recovery import Recovery
from spicy.engine.calls.replay import recalled
from spicy.errors import UsageError
from spicy.events import Event
from spicy.ids import Digest, Ticks
from spicy.jobs.model import JobRequest, Mode
from spicy.plan.price import estimate_cost, max_cost
from spicy.ports import Call, CallResult, ChatCall, ImageCall, Turn, VideoCall, call_key
from spicy.recipe.load import load_recipe
from spicy.recipe.model import ModelPrice, Recipe
from spicy.settings import ServerSettings, Settings
from spicy.spec.suggest import unknown
from spicy.store.ledger import Purpose
from spicy.store.orphans import collect_orphans
from spicy.store.store import Store

ALIASES = frozenset({"", "grok", "grok-vision", "grok-imagine"})
"""Model names of clients that stand for the recipe's model for that kind of request."""

LONGEST = 15
SHAPES = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
RUN = "serve"


class UnknownModel(UsageError):
    """An error: no model of that name answers that kind of request."""


class JobExecutor:
    """The executor of job requests, shared by all workers of a server."""

    def __init__(self, caller: Caller, recipe: Recipe, store: Store) -> None:
        self._caller, self._recipe, self.store = caller, recipe, store
        self._recovery: Recovery | None = None

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self._caller.provider.name

    @property
    def stop(self) -> threading.Event:
        """The stop event: once set, calls in progress end as Interrupted and no new one is submitted."""
        return self._caller.stop

    def models(self) -> list[str]:
        """Return the models that a request may name, from the price table."""
        if self.provider != "xai":
            return [self._recipe.models_for(self.provider).video]
        return [name for name, price in self._recipe.prices.items() if _kinds(price)]

    def model(self, asked: str, mode: Mode) -> str:
        """Return the model that answers for `asked`. Raises UnknownModel with the known names."""
        models = self._recipe.models_for(self.provider)
        own = {Mode.VIDEO: models.video, Mode.CHAT: models.story, Mode.IMAGE: models.image}[mode]
        if self.provider != "xai" or asked in ALIASES:
            return own
        fit = [n for n, price in self._recipe.prices.items() if mode in _kinds(price)]
        if asked not in fit:
            raise UnknownModel(unknown("model", asked, fit, list_as=f"for {mode} there is"))
        return asked

    def call(self, order: JobRequest) -> Call:
        """Return the provider call for a request. Raises UsageError for what the model cannot do."""
        model, request = self.model(order.model, order.mode), order.request
        take = _whole(request.get("take"), 1)
        match order.mode:
            case Mode.CHAT:
                return self._chat(model, request, take)
            case Mode.VIDEO:
                return self._video(model, order.prompt, request, take)
            case Mode.IMAGE:
                self._check_prompt(model, order.prompt)
                return ImageCall(
                    model=model,
                    prompt=order.prompt,
                    aspect_ratio=_shape(request.get("aspect_ratio"), "1:1"),
                    resolution=_one_of(
                        "resolution",
                        str(request.get("resolution") or self._recipe.output.image_resolution),
                        self._recipe.price(model).per_image,
                    ),
                    quality=self._recipe.output.image_quality,
                    images=_digests(request.get("images")),
                    take=take,
                )

    def _video(self, model: str, prompt: str, request: Mapping[str, Json], take: int) -> VideoCall:
        self._check_prompt(model, prompt)
        duration = _whole(request.get("duration"), self._recipe.story.duration)
        if not 1 <= duration <= LONGEST:
            raise UsageError(f"a clip lasts 1 to {LONGEST} whole seconds, not {duration}")
        resolution = str(request.get("resolution") or self._recipe.output.resolution)
        image = request.get("image")
        return VideoCall(
            model=model,
            prompt=prompt,
            image=Digest(str(image)) if image else None,
            duration=duration,
            resolution=_one_of("resolution", resolution, self._recipe.price(model).per_second),
            aspect_ratio=_shape(request.get("aspect_ratio"), "16:9"),
            take=take,
        )

    def _chat(self, model: str, request: Mapping[str, Json], take: int) -> ChatCall:
        written = request.get("turns")
        turns = [_turn(turn) for turn in written] if isinstance(written, list) else []
        if not turns or turns[-1].role != "user":
            raise UsageError("the last message has to be the user's")
        temperature, most_tokens = request.get("temperature"), request.get("max_tokens")
        return ChatCall(
            model=model,
            prompt=turns[-1].text,
            images=turns[-1].images,
            turns=tuple(turns[:-1]),
            temperature=float(temperature) if isinstance(temperature, int | float) else None,
            max_tokens=_whole(most_tokens, 0) or None,
            take=take,
        )

    def _check_prompt(self, model: str, prompt: str) -> None:
        if not prompt.strip():
            raise UsageError("the prompt is empty")
        size, limit = len(prompt.encode()), self._recipe.prompt_bytes(model)
        if size > limit:
            raise UsageError(f"the prompt has {size:,} bytes, and {model} takes {limit:,}")

    def stored(self, order: JobRequest) -> CallResult | None:
        """Return the stored answer, for $0, or None. Raises UsageError."""
        call = self.call(order)
        record = self.store.lookup(call_key(self.provider, call))
        return recalled(record, call) if record is not None else None

    def answer(self, order: JobRequest, *, job: str, progress: Callable[[float], None]) -> CallResult:
        """Return the answer from the store or the provider.

        Raises CallError, Interrupted, StoreError, UsageError.
        """
        call = self.call(order)
        purpose = Purpose(
            run=RUN,
            film="jobs",
            node=f"jobs:{order.mode}/{job}",
            step=order.mode.value,
            purpose=order.mode.value,
        )
        offer = CostBound(estimate_cost(call, self._recipe), max_cost(call, self._recipe), Budget(None))
        watch = CallObserver(lambda key, c: None, lambda key, done: progress(done), lambda said: None)
        return self._caller.answer(call, offer, purpose, watch)

    def open(self, answered: CallResult) -> Path:
        """Return a verified path of an answer's media. Raises DamagedObject."""
        return self.store.objects.open(answered.media().digest)

    def recover(self) -> None:
        """Start to resume the calls of dead servers and builds, and those that could not be fetched before.

        Call it periodically: a link is valid for an hour. Raises StoreError, OSError.
        """
        if not self.store.occupied or (self._recovery is not None and self._recovery.busy):
            return
        rows = [row for row in collect_orphans(self.store) if row.provider == self.provider and row.request]
        if rows:
            self._recovery = Recovery(self._caller, rows, _Silent())
            self._recovery.start()

    def close(self) -> None:
        """Set the stop event, wait for a running recovery, and close the provider and the store."""
        self._caller.stop.set()
        if self._recovery is not None:
            self._recovery.finish()
        self._caller.provider.close()
        self.store.close()


class _Silent:
    """A sink without output: resumed answers are in the store, and `spicy costs` reports unknown outcomes."""

    def __call__(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass


def open_job_executor(
    settings: Settings, server: ServerSettings, provider: str, stop: threading.Event
) -> JobExecutor:
    """Return a job executor over the user's store. Raises SpecError, UsageError, StoreError."""
    recipe = load_recipe(server.recipe, Path.cwd())
    recipe.models_for(provider)
    store = open_store(settings)
    store.prepare()
    supplies = ProviderContext(settings, recipe, stop)
    caller = Caller(store, LazyProvider(provider, lambda: PROVIDERS[provider](supplies)), stop)
    return JobExecutor(caller, recipe, store)


def _kinds(price: ModelPrice) -> set[Mode]:
    found = {Mode.VIDEO: price.per_second, Mode.IMAGE: price.per_image, Mode.CHAT: price.per_call}
    return {mode for mode, given in found.items() if given}


def _turn(value: Json) -> Turn:
    if not isinstance(value, Mapping) or value.get("role") not in ("system", "user", "assistant"):
        raise UsageError("a message has a role: system, user or assistant")
    return Turn(str(value["role"]), str(value.get("text") or ""), _digests(value.get("images")))


def _digests(value: Json) -> tuple[Digest, ...]:
    return tuple(Digest(str(digest)) for digest in value) if isinstance(value, list | tuple) else ()


def _whole(value: Json, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _shape(value: Json, otherwise: str) -> str:
    return _one_of("aspect_ratio", str(value or otherwise), SHAPES)


def _one_of(name: str, value: str, known: Mapping[str, Ticks] | tuple[str, ...]) -> str:
    if known and value not in known:
        raise UsageError(f"{name} {value} is not among {', '.join(known)}")
    if not known and not re.fullmatch(r"[1-9][0-9]{0,3}[pk]", value):  # a provider that takes any
        raise UsageError(f"{name} {value} is not of the form 720p or 1k")
    return value
