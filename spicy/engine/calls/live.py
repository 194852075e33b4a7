"""The call client of a running build: answers a step from the store or, if needed, from the provider."""

from __future__ import annotations

import dataclasses
import threading
import time

from spicy.engine.calls.budget import Budget
from spicy.engine.calls.caller import Caller, CallObserver, CostBound
from spicy.engine.calls.local_work import do_local
from spicy.engine.calls.replay import StoreFiles, find_local
from spicy.engine.receipt import Log
from spicy.errors import Interrupted, Refused
from spicy.events import CallDone, CallProgress, CallStarted, Sink, Warned
from spicy.ids import CallKey, NodeId
from spicy.plan.price import estimate_cost, max_cost
from spicy.ports import Call, CallResult, ImageCall, LocalJob, LocalResult
from spicy.recipe.model import Recipe
from spicy.store.ledger import Purpose
from spicy.store.store import Store


class LiveCallClient(StoreFiles):
    """A call client for one step of a running build; emits events and keeps the log for the receipt."""

    def __init__(
        self,
        store: Store,
        caller: Caller,
        recipe: Recipe,
        budget: Budget,
        node: NodeId,
        purpose: Purpose,
        sink: Sink,
        stop: threading.Event,
    ) -> None:
        super().__init__(store)
        self.calls: list[tuple[str, CallResult]] = []
        self._caller, self._recipe, self._budget, self._node = caller, recipe, budget, node
        self._purpose, self._sink, self._stop = purpose, sink, stop
        self._began = time.monotonic()

    def call(self, call: Call, purpose: str) -> CallResult:
        """Return the answer from the store or the provider. Raises CallError; Refused has the prompt."""
        watch = CallObserver(
            started=lambda key, c: self._sink(CallStarted(self._node, key, c.kind.value, purpose, c.model)),
            progress=lambda key, done: self._sink(CallProgress(self._node, key, done)),
            warn=self.warn,
        )
        labelled = dataclasses.replace(self._purpose, purpose=purpose)
        offer = CostBound(estimate_cost(call, self._recipe), max_cost(call, self._recipe), self._budget)
        try:
            answered = self._caller.answer(call, offer, labelled, watch)
        except Refused as refusal:
            prompt = call.sent_prompt() if isinstance(call, ImageCall) else call.prompt
            raise Refused(refusal.message, billed=refusal.billed, prompt=prompt) from refusal
        self.calls.append((purpose, answered))
        if answered.model != call.model and not answered.from_store:
            self._substituted(call.model, answered.model)
        self._sink(
            CallDone(
                self._node,
                answered.key,
                call.kind.value,
                purpose,
                answered.model,
                answered.cost,
                answered.from_store,
                answered.seconds,
            )
        )
        return answered

    def _substituted(self, asked: str, answered: str) -> None:
        """Warn once per run that another model answered; every receipt names the model that did."""
        message = f"{asked} was asked, {answered} answered"
        if self._caller.first_time(message):
            self.warn(f"{message}; this warning is shown once, each receipt names the model that answered")

    def local(self, job: LocalJob) -> LocalResult:
        """Return the result of local work, stored or new. Raises Interrupted, MediaError, DamagedObject."""
        known = find_local(self.store, job)
        if known is not None:
            return known
        if self._stop.is_set():
            raise Interrupted("stopping: no new work is started")
        key = CallKey(job.key())
        self._sink(CallStarted(self._node, key, "local", job.kind.value.replace("_", " "), "ffmpeg"))
        return do_local(self.store, job, lambda done: self._sink(CallProgress(self._node, key, done)))

    def warn(self, message: str) -> None:
        """Keep a warning for the receipt and emit it to the sink; a repeated one is ignored."""
        if message not in self.warnings:
            self.warnings.append(message)
            self._sink(Warned(self._node, message))

    def log(self) -> Log:
        """Return the log of this step so far."""
        return Log(tuple(self.calls), tuple(self.warnings), time.monotonic() - self._began)
