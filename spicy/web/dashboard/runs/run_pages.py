"""The pages of runs: all of them, one as it is made, and what happens in them as it happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from spicy.ids import Step
from spicy.spec.find import list_specs
from spicy.web.dashboard.rendering import draw
from spicy.web.dashboard.runs.event_stream import EventStream, Live, mark
from spicy.web.dashboard.runs.live_run import LiveRun
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import ApiError

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]


def runs_page(request: Request, app_state: AppState) -> HTMLResponse:
    """All runs, newest first, and the films that there are specs of: a spec that was never built is no run."""
    drawn = app_state.live.runs.drawn()
    return draw(
        request, "runs.html.j2", here="runs", rows=list(drawn.values()), mark=mark(drawn), films=list(list_specs(app_state.root)),
        provider=app_state.executor.provider,
    )  # fmt: skip


@router.get("/events")
async def runs_live(request: Request, app_state: Here, after: str = "") -> Response:
    """What happens in the list of runs, as server-sent events."""
    return EventStream(app_state.live.watch_list(_last(request, after)))


@router.get("/runs/{id}")
def run_page(id: str, request: Request, app_state: Here) -> Response:
    """One run, as it is now."""
    followed = _followed(app_state.live, id)
    with followed.lock:
        followed.forget_tried()
        page = app_state.live.renderer.page(followed)
        return draw(request, "run.html.j2", here="runs", page=page)


@router.get("/runs/{id}/events")
async def run_live(id: str, request: Request, app_state: Here, after: str = "") -> Response:
    """What happens in a run, as server-sent events, from `after` or from what the browser saw last."""
    return EventStream(app_state.live.watch_run(id, _last(request, after)))


@router.get("/runs/{id}/log")
def run_log(id: str, app_state: Here) -> Response:
    """All lines of a run's log, and the last words of its process when it did not come to an end."""
    followed = _followed(app_state.live, id)
    with followed.lock:
        lines = [f"{line.at[:19].replace('T', ' ')}  {line.text}" for line in followed.lines]
        said = "\n".join([*lines, *filter(None, [followed.said])]) + "\n"
    return PlainTextResponse(
        said.encode("utf-8", "replace"),
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


@router.get("/runs/{id}/takes")
def takes_page(id: str, request: Request, app_state: Here, film: str, step: Step, item: str) -> Response:
    """Every take and attempt of one item, for films with too many scenes to show them all at once."""
    followed = _followed(app_state.live, id)
    with followed.lock:
        followed.forget_tried()
        tries = app_state.live.renderer.tries(followed, film, step, item)
        mark = f"{film}-" if len(followed.view.films) > 1 else ""
    return draw(
        request, "takes.html.j2", here="runs", run=id, film=film, step=step, item=item, mark=mark, tries=tries
    )  # fmt: skip


def _followed(live: Live, id: str) -> LiveRun:
    found = live.follow(id)
    if found is None:
        raise ApiError(404, f"there is no run {id[:40]!r} in this project", code="not_found")
    return found


def _last(request: Request, after: str) -> str:
    """What a browser saw last: it says so itself when it comes back, else its page does."""
    return request.headers.get("last-event-id") or after or "0"
