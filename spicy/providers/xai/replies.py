"""What the server's messages say, as answers or as errors. Moderation is looked at before anything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spicy.errors import CallFailed, Expired, Refused
from spicy.ids import Ticks
from spicy.ports import Answer, Running
from spicy.providers.xai.faults import quoted
from spicy.providers.xai.verdict import is_moderation

if TYPE_CHECKING:
    from xai_sdk.proto import chat_pb2, image_pb2, usage_pb2, video_pb2

_BILLED = re.compile(r"cost_in_usd_ticks\W{1,4}(\d+)")


def billed_by_words(details: str) -> Ticks:
    """What a refusal says it cost, when it does."""
    found = _BILLED.search(details)
    return Ticks(int(found[1])) if found else Ticks(0)


def chat_answer(reply: chat_pb2.GetChatCompletionResponse, asked: str) -> Answer:
    """The text of a chat as it came, cut off or not: only the step can judge what it is good for."""
    from xai_sdk.proto import chat_pb2

    texts = [out.message.content for out in reply.outputs if out.message.role == chat_pb2.ROLE_ASSISTANT]
    return Answer(model=reply.model or asked, cost=_cost(reply.usage), text=texts[-1] if texts else "")


def image_answer(reply: image_pb2.ImageResponse, asked: str) -> Answer:
    """The link of a still. Raises Refused for a moderated or missing picture, CallFailed without a link."""
    cost, billed = _cost(reply.usage), _billed(reply.usage)
    if not reply.images:
        raise Refused("xAI returned no image: blocked or empty", billed=billed)
    image = reply.images[0]
    if not image.respect_moderation:
        raise Refused("xAI withheld the image: it did not pass content moderation", billed=billed)
    if not image.url:
        raise CallFailed("xAI returned an image without a link", billed=billed)
    return Answer(model=reply.model or asked, cost=cost, link=image.url)


def video_state(reply: video_pb2.GetDeferredVideoResponse, secret: str) -> Running | Answer:
    """How a clip is doing. Raises Refused, CallFailed (with what was billed) or Expired."""
    from xai_sdk.proto import deferred_pb2

    response = reply.response
    cost, billed = _cost(response.usage), _billed(response.usage)
    status = deferred_pb2.DeferredStatus
    if reply.status == status.FAILED:
        raise _failure(response.error.code, quoted(response.error.message, secret), billed)
    if reply.status == status.EXPIRED:
        raise Expired("xAI no longer has this clip", billed=billed)
    has_clip = reply.HasField("response") and response.HasField("video")
    if reply.status == status.PENDING or (reply.status != status.DONE and not has_clip):
        # The first polls have been seen to come back without any status.
        return Running(min(response.progress, 100) / 100 if reply.HasField("response") else None)
    if not has_clip:
        raise CallFailed("xAI finished the clip and sent nothing", billed=billed)
    if not response.video.respect_moderation:
        raise Refused("xAI withheld the clip: it did not pass content moderation", billed=billed)
    if not response.video.url:
        raise CallFailed("xAI finished the clip without a link to it", billed=billed)
    return Answer(model=response.model, cost=cost, link=response.video.url)


def _failure(code: str, message: str, cost: Ticks) -> Refused | CallFailed:
    said = f"xAI: {message or 'the clip failed'}" + (f" ({code})" if code else "")
    return (Refused if is_moderation(f"{code} {message}") else CallFailed)(said, billed=cost)


def _cost(usage: usage_pb2.SamplingUsage) -> Ticks | None:
    """What it cost, when the reply says so."""
    return Ticks(usage.cost_in_usd_ticks) if usage.HasField("cost_in_usd_ticks") else None


def _billed(usage: usage_pb2.SamplingUsage) -> Ticks:
    """What a call that gave nothing cost, as far as the reply says."""
    return _cost(usage) or Ticks(0)
