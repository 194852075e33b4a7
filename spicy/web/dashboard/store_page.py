"""The page of the store: how much it holds, what that cost, and what it saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from spicy.web.dashboard.rendering import draw
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]


@router.get("/store")
def store_page(request: Request, app_state: Here) -> Response:
    """What the store holds, cost and saved."""
    return draw(request, "store.html.j2", here="store", figures=app_state.counter.figures(), size=size)


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
