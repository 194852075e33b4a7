"""The pages of runs: all of them, and one as it is made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from spicy.runs.read import find_run, list_runs
from spicy.web.access import client
from spicy.web.errors import ApiError
from spicy.web.pages import draw
from spicy.web.room import Room, room_of

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[Room, Depends(room_of)]
_SHOWN = 100


def runs_page(request: Request, room: Room) -> HTMLResponse:
    """All runs, newest first."""
    return draw(request, "runs.html.j2", here="runs", runs=list_runs(room.build, _SHOWN))


@router.get("/runs/{id}")
def run_page(id: str, request: Request, room: Here) -> Response:
    """One run."""
    run = find_run(room.build, id)
    if run is None:
        raise ApiError(404, f"there is no run {id[:40]!r}", code="not_found")
    return draw(request, "run.html.j2", here="runs", run=run)
