"""The pages of runs: all of them, one as it is made, and what happens in them as it happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from spicy.ids import Step
from spicy.spec.find import list_specs
from spicy.web.access import client
from spicy.web.errors import ApiError
from spicy.web.followed import Followed
from spicy.web.live import EventStream, Live, mark
from spicy.web.pages import draw
from spicy.web.room import Room, room_of

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[Room, Depends(room_of)]


def runs_page(request: Request, room: Room) -> HTMLResponse:
    """All runs, newest first, and the films that there are specs of: a spec that was never built is no run."""
    drawn = room.live.runs.drawn()
    return draw(
        request, "runs.html.j2", here="runs", rows=list(drawn.values()), mark=mark(drawn), films=list(list_specs(room.root)),
        provider=room.desk.provider,
    )  # fmt: skip


@router.get("/events")
async def runs_live(request: Request, room: Here, after: str = "") -> Response:
    """What happens in the list of runs, as server-sent events."""
    return EventStream(room.live.watch_list(_last(request, after)))


@router.get("/runs/{id}")
def run_page(id: str, request: Request, room: Here) -> Response:
    """One run, as it is now."""
    followed = _followed(room.live, id)
    with followed.lock:
        followed.forget_tried()
        page = room.live.painter.page(followed)
        return draw(request, "run.html.j2", here="runs", page=page)


@router.get("/runs/{id}/events")
async def run_live(id: str, request: Request, room: Here, after: str = "") -> Response:
    """What happens in a run, as server-sent events, from `after` or from what the browser saw last."""
    return EventStream(room.live.watch_run(id, _last(request, after)))


@router.get("/runs/{id}/log")
def run_log(id: str, room: Here) -> Response:
    """All lines of a run's log, and the last words of its process when it did not come to an end."""
    followed = _followed(room.live, id)
    with followed.lock:
        lines = [f"{line.at[:19].replace('T', ' ')}  {line.text}" for line in followed.lines]
        said = "\n".join([*lines, *filter(None, [followed.said])]) + "\n"
    return PlainTextResponse(
        said.encode("utf-8", "replace"),
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


@router.get("/runs/{id}/takes")
def takes_page(id: str, request: Request, room: Here, film: str, step: Step, item: str) -> Response:
    """Every take and attempt of one item, for films with too many scenes to show them all at once."""
    followed = _followed(room.live, id)
    with followed.lock:
        followed.forget_tried()
        tries = room.live.painter.tries(followed, film, step, item)
        mark = f"{film}-" if len(followed.view.films) > 1 else ""
    return draw(
        request, "takes.html.j2", here="runs", run=id, film=film, step=step, item=item, mark=mark, tries=tries
    )  # fmt: skip


def _followed(live: Live, id: str) -> Followed:
    found = live.follow(id)
    if found is None:
        raise ApiError(404, f"there is no run {id[:40]!r} in this project", code="not_found")
    return found


def _last(request: Request, after: str) -> str:
    """What a browser saw last: it says so itself when it comes back, else its page does."""
    return request.headers.get("last-event-id") or after or "0"
