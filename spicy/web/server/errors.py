"""Every error of every route in OpenAI's shape, so that a client needs one way of reading them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spicy.engine.job_executor import UnknownModel
from spicy.errors import (
    BudgetExceeded,
    CallError,
    Interrupted,
    MediaError,
    ProviderUnreachable,
    Refused,
    SpicyError,
    StoreError,
    UsageError,
)
from spicy.jobs.queue import ClaimLost, KeyReused, NoSuchJob

INVALID = "invalid_request_error"
SERVER = "server_error"


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str = Field(examples=[INVALID])
    code: str | None = None
    param: str | None = None


class ErrorBody(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: ErrorDetail


class ApiError(Exception):
    """A refusal with its HTTP status; rendered as `{"error": {message, type, code, param}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        type: str = INVALID,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.message = status, message
        self.code, self.type, self.param = code, type, param
        self.headers = dict(headers or {})
        super().__init__(message)


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """How an endpoint's errors are described in the OpenAPI document."""
    return {s: {"model": ErrorBody, "description": HTTPStatus(s).phrase} for s in statuses}


FAULTS = responses(400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503)
"""The refusals that any endpoint may give."""


def render(error: ApiError) -> JSONResponse:
    """The response of an error."""
    detail = ErrorDetail(message=error.message, type=error.type, code=error.code, param=error.param)
    return JSONResponse({"error": detail.model_dump()}, error.status, headers=error.headers)


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an error from below the framework: from a middleware."""
    app: ASGIApp = respond(error, scope)
    await app(scope, receive, send)


_PAGES = re.compile(r"/|/(new|store|jobs)|/(new|runs|films)/.*", re.DOTALL)


def respond(error: ApiError, scope: Scope) -> Response:
    """The response of an error: a page to a browser that asked for a page of the dashboard, else JSON."""
    if "text/html" in Headers(scope=scope).get("accept", "") and _PAGES.fullmatch(scope["path"]):
        from spicy.web.dashboard.rendering import error_page

        return error_page(Request(scope), error.status, error.message, error.headers)
    return render(error)


def translate(error: SpicyError) -> ApiError:
    """What an error of spicy's is over HTTP."""
    message = str(error)
    match error:
        case UnknownModel():
            return ApiError(404, message, code="model_not_found", param="model")
        case UsageError():
            return ApiError(400, message, code="invalid_request")
        case KeyReused():
            return ApiError(409, message, code="idempotency_key_reused", type="idempotency_error")
        case NoSuchJob():
            return ApiError(404, message, code="not_found")
        case ClaimLost():
            return ApiError(409, message, code="claim_lost")
        case Refused():
            return ApiError(400, error.message, code="content_policy_violation")
        case MediaError():
            return ApiError(400, error.message, code="invalid_media")
        case Interrupted() | BudgetExceeded() | ProviderUnreachable() | StoreError():
            return ApiError(503, message, code="unavailable", type=SERVER)
        case CallError():
            return ApiError(502, message, code="upstream_error", type=SERVER)
        case _:
            return ApiError(500, message, code="internal_error", type=SERVER)


def install(app: FastAPI) -> None:
    """Render every error of `app`, the framework's own as well."""
    app.add_exception_handler(ApiError, _api)
    app.add_exception_handler(SpicyError, _spicy)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _broken)


async def _api(request: Request, error: Exception) -> Response:
    return respond(error if isinstance(error, ApiError) else _unknown(), request.scope)


async def _spicy(request: Request, error: Exception) -> Response:
    return respond(translate(error) if isinstance(error, SpicyError) else _unknown(), request.scope)


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return respond(_unknown(), request.scope)
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    kind = INVALID if error.status_code < 500 else SERVER
    said = str(error.detail or phrase)
    if said in (phrase, "Not Found", "Method Not Allowed"):
        said = f"{phrase}: {request.method} {request.url.path}"
    return respond(
        ApiError(error.status_code, said, code=code, type=kind, headers=error.headers), request.scope
    )


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        return respond(_unknown(), request.scope)
    faults = [(_place(e["loc"]), str(e["msg"])) for e in error.errors()]
    message = "; ".join(f"{place}: {said}" if place else said for place, said in faults)
    param = faults[0][0] if faults and faults[0][0] else None
    return respond(
        ApiError(422, message or "the request is invalid", code="invalid_request", param=param), request.scope
    )


async def _broken(request: Request, error: Exception) -> Response:
    return respond(_unknown(), request.scope)


def _unknown() -> ApiError:
    return ApiError(500, "the server failed; its log says why", code="internal_error", type=SERVER)


def _place(location: tuple[int | str, ...]) -> str:
    # The first part says body, query or path, which the name makes plain; a number alone is a byte of the JSON.
    return ".".join(str(part) for part in location[1:] if not isinstance(location[-1], int))
