"""What forms do to films and runs: build, remake, pin, go back to a take, cancel.

Nothing here asks a provider for anything: a build does, as a process of its own, and it is started once for each
id that a page gave its form. What changes a spec and then builds is done by the build itself: so whoever comes
second, or dies in between, changes nothing.
"""

from __future__ import annotations

import math
import re
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from spicy.engine.forecast import forecast
from spicy.engine.project import Film
from spicy.engine.takes import MOST_TAKES, pin, set_take, unpin
from spicy.errors import SpecError, UsageError
from spicy.ids import MOST_DOLLARS, Step
from spicy.plan.node import node_id
from spicy.runs.model import AttemptRow, Run
from spicy.runs.read import find_run
from spicy.serving.build_process import LaunchedBuild, LaunchRequest
from spicy.web.dashboard.film_page import TAKES, draw_film, spec_of, tried_of
from spicy.web.dashboard.forms import Form, Sent
from spicy.web.dashboard.new_run import is_started
from spicy.web.dashboard.planning import is_alone, opened
from spicy.web.dashboard.rendering import query, urlpath
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import ApiError

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]

_UNTIL = ("characters", "keyframes", "videos")
_BORN = 5.0
"""Seconds within which a build that was just launched says which process it is."""


@router.post("/films/{film}/build")
def build(film: str, request: Request, app_state: Here, form: Sent) -> Response:
    """Build a film, and go to the run."""
    run, path = form.run(), spec_of(app_state, film)
    cap = _dollars(form.text("max_cost"))
    if cap is not None and math.isnan(cap):
        wrong = f"the cap is a sum of US dollars, such as 2.50, and at most {MOST_DOLLARS:,}, not "
        wrong += form.text("max_cost")[:40]
        return draw_film(request, app_state, film, wrong=wrong, status=422)
    again = bool(form.text("retry_unknown"))
    order = LaunchRequest(
        spec=path,
        run=run,
        provider=app_state.executor.provider,
        until=_until(form),
        max_cost=cap,
        retry_unknown=again,
    )
    return _started(request, app_state, film, order)


@router.post("/films/{film}/remake")
def remake(film: str, request: Request, app_state: Here, form: Sent) -> Response:
    """Build a film with the next take of an item, one that no run ever had; a storyboard stays one.

    Of a film that is not finished only the item is made: the rest was not what the button said.
    """
    run, path = form.run(), spec_of(app_state, film)
    step, item = _target(form)
    if is_started(app_state, run):
        return _to_run(run)
    try:
        with opened(app_state, path) as (loaded, store):
            take = _next_take(loaded, step, item, tried_of(app_state, film))
            alone = is_alone(forecast(loaded, store), node_id(film, step, item))
    except (SpecError, UsageError) as error:
        return draw_film(request, app_state, film, wrong=str(error), status=409)
    target = f"{step.value}:{item}"
    order = LaunchRequest(
        spec=path,
        run=run,
        provider=app_state.executor.provider,
        until=_until(form),
        only=target if alone else None,
        takes=(f"{target}={take}",),
    )
    return _started(request, app_state, film, order)


@router.post("/films/{film}/pin")
def pin_attempt(film: str, request: Request, app_state: Here, form: Sent) -> Response:
    """Write into the spec which attempt is used; the page shows what follows before anything is built."""
    path = spec_of(app_state, film)
    step, item = _target(form)
    wanted = form.text("digest")
    known = (one for one in tried_of(app_state, film) if (one.step, one.item) == (step, item))
    tried = next((one for one in known if one.digest == wanted), None)
    if tried is None or not app_state.store.objects.has(tried.digest):
        wrong = f"there is no such attempt at {step.value}:{item} in this machine's store; load its run's page again"
        return draw_film(request, app_state, film, wrong=wrong, status=409)
    try:
        with opened(app_state, path) as (loaded, _):
            pin(loaded, step, item, tried.digest, tried.suffix, app_state.root)
    except (SpecError, UsageError) as error:
        return draw_film(request, app_state, film, wrong=str(error), status=409)
    return _to_film(film, "pinned", step, item)


@router.post("/films/{film}/unpin")
def take_pin_out(film: str, request: Request, app_state: Here, form: Sent) -> Response:
    """Take a pin out of the spec, so that the item is made as before."""
    path = spec_of(app_state, film)
    step, item = _target(form)
    try:
        with opened(app_state, path) as (loaded, _):
            unpin(loaded, step, item, app_state.root)
    except (SpecError, UsageError) as error:
        return draw_film(request, app_state, film, wrong=str(error), status=409)
    return _to_film(film, "unpinned", step, item)


@router.post("/films/{film}/take")
def choose_take(film: str, request: Request, app_state: Here, form: Sent) -> Response:
    """Write another take into the spec, such as an earlier one, which the store has; its pin is taken out."""
    path = spec_of(app_state, film)
    step, item = _target(form)
    number = form.text("take")
    try:
        if not number.isascii() or not number.isdigit() or len(number) > len(str(MOST_TAKES)):
            raise UsageError(f"a take is a whole number from 1 to {MOST_TAKES:,}, not {number[:40]!r}")
        with opened(app_state, path) as (loaded, _):
            set_take(loaded, step, item, int(number), app_state.root)
    except (SpecError, UsageError) as error:
        return draw_film(request, app_state, film, wrong=str(error), status=409)
    return _to_film(film, "take", step, item)


@router.post("/runs/{id}/cancel")
def cancel(id: str, app_state: Here, form: Sent) -> Response:
    """Interrupt a run: calls in flight are journalled, as by Ctrl-C; a second time it stops at once."""
    run = _born(app_state, id)
    if not run.state.is_over:
        if not app_state.launcher.cancel(run.id, run.pid, run.place) and not _is_over(app_state, id):
            raise ApiError(
                409,
                "this run was started on another machine, or where this server does not see its process;"
                " press Ctrl-C there",
                code="elsewhere",
            )
        app_state.stopping.add(run.id)
    return _to_run(run.id)


def _started(request: Request, app_state: AppState, film: str, order: LaunchRequest) -> Response:
    try:
        app_state.launcher.start(order)
    except UsageError as error:
        return draw_film(request, app_state, film, wrong=str(error), status=503)
    return _to_run(order.run)


def _to_run(run: str) -> Response:
    return RedirectResponse(f"/runs/{run}", 303)


def _to_film(film: str, done: str, step: Step, item: str) -> Response:
    said = query(**{done: f"{step.value}:{item}"})
    return RedirectResponse(f"/films/{urlpath(film)}?{said}", 303)


def _until(form: Form) -> str | None:
    """The step after which the build stops; None for a whole film. Raises ApiError 422: what is dearer is not guessed."""
    until = form.text("until")
    if until and until not in _UNTIL:
        raise ApiError(422, f"the form stops after {until[:40]!r}; a build stops after {', '.join(_UNTIL)}")
    return until or None


def _target(form: Form) -> tuple[Step, str]:
    """Which sheet, still or clip a form is about. Raises ApiError 422."""
    step = next((step for step in TAKES if step.value == form.text("step")), None)
    item = form.text("item")
    if step is None or not item:
        steps = ", ".join(step.value for step in TAKES)
        raise ApiError(422, f"the form names no target: step is one of {steps}, item what it is called")
    return step, item


def _next_take(film: Film, step: Step, item: str, tried: list[AttemptRow]) -> int:
    """The first take of an item that no run had. Raises UsageError, with what there is."""
    if film.told is None:
        raise UsageError(f"the story of {film.name} is not written yet; build it first")
    story = film.told.story
    things = story.characters if step is Step.CHARACTER else story.scenes
    thing = next((thing for thing in things if thing.slug == item), None)
    if thing is None:
        there = ", ".join(thing.slug for thing in things)
        raise UsageError(f"{film.name} has no {step.value} `{item[:60]}`; it has {there}")
    had = [one.take for one in tried if (one.step, one.item) == (step, item)]
    return max(int(getattr(thing, TAKES[step])), *had, 1) + 1


def _dollars(text: str) -> float | None:
    """A cap; None without one, NaN for what is none."""
    if not text:
        return None
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        return math.nan
    return amount if re.fullmatch(r"\$?[0-9.]{1,20}", text) and amount <= MOST_DOLLARS else math.nan


def _born(app_state: AppState, id: str) -> Run:
    """The row of a run; one that was just launched is waited for. Raises ApiError 404 and 409."""
    patience = time.monotonic() + _BORN
    while (run := find_run(app_state.build, id)) is None:
        state = app_state.launcher.state(id)
        if state is LaunchedBuild.UNKNOWN:
            raise ApiError(404, f"there is no run {id[:40]!r}", code="not_found")
        if state is LaunchedBuild.ENDED or time.monotonic() > patience:
            raise ApiError(409, "this run has no process that could be told to stop", code="not_running")
        time.sleep(0.05)
    return run


def _is_over(app_state: AppState, id: str) -> bool:
    run = find_run(app_state.build, id)
    return run is not None and run.state.is_over
