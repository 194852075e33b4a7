"""Methods of services as gRPC wants them, each behind the same guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from spicy.emulator.network import Gone, Refusal
from spicy.emulator.services.sdk_modules import grpc
from spicy.emulator.state import EmulatorState

Request = TypeVar("Request")
Reply = TypeVar("Reply")


def guard(
    state: EmulatorState, method: Callable[[Request, grpc.ServicerContext], Reply], empty: Callable[[], Reply]
) -> Callable[[Request, grpc.ServicerContext], Reply]:
    """Wrap a method of a service: show the key first, refusals become statuses, lost ones go unanswered."""

    def handle(request: Request, context: grpc.ServicerContext) -> Reply:
        try:
            state.check_key(context)
            return method(request, context)
        except Refusal as refusal:
            state.ledger.refuse(refusal.code.name)
            context.abort(refusal.code, refusal.text)
        except Gone:
            pass
        return empty()

    return handle


def service(name: str, methods: Mapping[str, grpc.RpcMethodHandler]) -> grpc.GenericRpcHandler:
    """A service of the API by its name on the wire."""
    return grpc.method_handlers_generic_handler(f"xai_api.{name}", methods)


def unary(
    state: EmulatorState,
    method: Callable[[Request, grpc.ServicerContext], Reply],
    request: type[Request],
    reply: type[Reply],
) -> grpc.RpcMethodHandler:
    """One request, one reply."""
    return grpc.unary_unary_rpc_method_handler(
        guard(state, method, reply),
        request_deserializer=request.FromString,  # type: ignore[attr-defined]
        response_serializer=reply.SerializeToString,  # type: ignore[attr-defined]
    )
