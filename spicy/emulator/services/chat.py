"""The Chat service: one answer a call, structured when a schema comes along."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator

from spicy.emulator.content.answers import Json, Walker, is_verdict, matches, verdict
from spicy.emulator.content.inputs import Inbox, invalid
from spicy.emulator.content.phrases import phrase
from spicy.emulator.content.story import is_story, tell
from spicy.emulator.ledger import SubmittedRequest
from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import ChatModel
from spicy.emulator.services.rpc import guard, service, unary
from spicy.emulator.services.sdk_modules import chat_pb2, grpc, sample_pb2, timestamp_pb2, usage_pb2
from spicy.emulator.state import Admitted, EmulatorState

_FORMATS = {"JPEG", "PNG"}
_TOKENS_PER_PICTURE = 256


class Chat:
    """The service on the wire."""

    def __init__(self, state: EmulatorState, inbox: Inbox) -> None:
        self._state = state
        self._inbox = inbox

    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls."""
        request = chat_pb2.GetCompletionsRequest
        return service(
            "Chat",
            {
                "GetCompletion": unary(
                    self._state, self.complete, request, chat_pb2.GetChatCompletionResponse
                ),
                "GetCompletionChunk": grpc.unary_stream_rpc_method_handler(
                    guard(self._state, self.stream, _nothing),
                    request_deserializer=request.FromString,
                    response_serializer=chat_pb2.GetChatCompletionChunk.SerializeToString,
                ),
            },
        )

    def complete(
        self, request: chat_pb2.GetCompletionsRequest, context: grpc.ServicerContext
    ) -> chat_pb2.GetChatCompletionResponse:
        """Answer a conversation."""
        model, order, schema = self._read(request)
        admitted = self._state.admit(order, context, _unfit(schema))
        self._state.work(admitted, admitted.seconds, context)
        n = request.n or 1
        texts = [_answer(admitted, schema, order.prompt) for _ in range(n)]
        return chat_pb2.GetChatCompletionResponse(
            id=f"chat-{admitted.name}",
            model=admitted.model,
            created=timestamp_pb2.Timestamp(seconds=int(time.time())),
            outputs=[
                chat_pb2.CompletionOutput(
                    index=number,
                    finish_reason=sample_pb2.FinishReason.REASON_STOP,
                    message=chat_pb2.CompletionMessage(
                        content=text, role=chat_pb2.MessageRole.ROLE_ASSISTANT
                    ),
                )
                for number, text in enumerate(texts)
            ],
            usage=_usage(model, order, "".join(texts)),
        )

    def stream(
        self, request: chat_pb2.GetCompletionsRequest, context: grpc.ServicerContext
    ) -> Iterator[chat_pb2.GetChatCompletionChunk]:
        """Answer a conversation, in two pieces."""
        return _pieces(self.complete(request, context))

    def _read(self, request: chat_pb2.GetCompletionsRequest) -> tuple[ChatModel, SubmittedRequest, Json]:
        served = self._state.catalogue.served(request.model)
        model = self._state.catalogue.chat.get(served)
        if model is None:
            raise Refusal(Code.NOT_FOUND, f"The model {request.model} does not exist.")
        parts = [part for message in request.messages for part in message.content]
        prompt = "\n".join(part.text for part in parts if part.text)
        if not parts:
            raise invalid("At least one message is required.")
        if len(prompt) // 4 > model.context:
            raise invalid(f"The prompt exceeds the context of {model.context} tokens.")
        _check_options(request, model)
        schema = _schema(request.response_format)
        pictures = [
            self._inbox.picture(part.image_url, _FORMATS) for part in parts if part.HasField("image_url")
        ]
        order = SubmittedRequest(
            kind="chat",
            model=request.model,
            served=served,
            prompt=prompt,
            ticks=model.per_call * (request.n or 1),
            seconds=self._state.latency("chat"),
            params={
                "schema": json.dumps(schema, sort_keys=True),
                "reasoning_effort": request.reasoning_effort,
                "n": request.n or 1,
            },
            inputs=tuple(p.digest for p in pictures),
        )
        return model, order, schema


def _nothing() -> Iterator[chat_pb2.GetChatCompletionChunk]:
    return iter(())


def _pieces(whole: chat_pb2.GetChatCompletionResponse) -> Iterator[chat_pb2.GetChatCompletionChunk]:
    for last in (False, True):
        outputs = []
        for output in whole.outputs:
            text = output.message.content
            half = len(text) // 2
            outputs.append(
                chat_pb2.CompletionOutputChunk(
                    index=output.index,
                    delta=chat_pb2.Delta(
                        content=text[half:] if last else text[:half],
                        role=chat_pb2.MessageRole.ROLE_ASSISTANT,
                    ),
                    finish_reason=output.finish_reason if last else 0,
                )
            )
        yield chat_pb2.GetChatCompletionChunk(
            id=whole.id,
            model=whole.model,
            created=whole.created,
            outputs=outputs,
            usage=whole.usage if last else None,
        )


def _check_options(request: chat_pb2.GetCompletionsRequest, model: ChatModel) -> None:
    if request.n < 0 or request.n > 16:
        raise invalid("n must be between 1 and 16 inclusive.")
    if model.always_reasons and request.reasoning_effort == chat_pb2.ReasoningEffort.EFFORT_NONE:
        raise invalid(f"Model {model.name} does not support reasoning_effort none.")
    if model.name.startswith("grok-4.20") and request.reasoning_effort:
        raise invalid(f"Model {model.name} does not support parameter reasoning_effort.")
    if model.always_reasons and request.stop:
        raise invalid(f"Model {model.name} does not support parameter stop.")


def _schema(wanted: chat_pb2.ResponseFormat) -> Json:
    """The schema that the answer must follow; an empty one for any JSON, None for plain text."""
    match wanted.format_type:
        case chat_pb2.FormatType.FORMAT_TYPE_JSON_OBJECT:
            return {"type": "object", "properties": {"answer": {"type": "string"}}}
        case chat_pb2.FormatType.FORMAT_TYPE_JSON_SCHEMA:
            try:
                read: Json = json.loads(wanted.schema)
                Walker(read if isinstance(read, dict) else {}, random.Random(0)).make(read)
            except ValueError as e:
                raise invalid(f"Invalid response_format schema: {e}") from e
            return read
        case _:
            return None


def _unfit(schema: Json) -> frozenset[str]:
    unfit = set()
    if schema is None:
        unfit.add("bad_json")
    if not isinstance(schema, dict) or not is_verdict(schema):
        unfit.add("low_score")
    return frozenset(unfit)


def _answer(admitted: Admitted, schema: Json, prompt: str) -> str:
    if not isinstance(schema, dict):
        return f"Here is {phrase('', admitted.dice)}."
    walker = Walker(schema, admitted.dice)
    known = walker.resolve(schema)
    properties = known.get("properties")
    if is_story(known):
        made = tell(walker, known, prompt)
    elif is_verdict(known):
        made = verdict(walker, known, low=admitted.effect == "low_score")
    elif isinstance(properties, dict) and "matches" in properties:
        made = matches(walker, known, prompt)
    else:
        made = walker.make(schema)
    text = json.dumps(made, ensure_ascii=False)
    return text[: len(text) * 2 // 3] if admitted.effect == "bad_json" else text


def _usage(model: ChatModel, order: SubmittedRequest, text: str) -> usage_pb2.SamplingUsage:
    words, pictures = len(order.prompt) // 4 + 1, _TOKENS_PER_PICTURE * len(order.inputs)
    said = len(text) // 4 + 1
    reasoned = 64 if model.always_reasons else 0
    return usage_pb2.SamplingUsage(
        prompt_tokens=words + pictures,
        prompt_text_tokens=words,
        prompt_image_tokens=pictures,
        completion_tokens=said,
        reasoning_tokens=reasoned,
        total_tokens=words + pictures + said + reasoned,
        cost_in_usd_ticks=order.ticks,
    )
