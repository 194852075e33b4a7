"""Every gRPC status has its answer: the table of what happens next, and words without secrets."""

from __future__ import annotations

import pytest

from spicy.ids import Ticks
from spicy.providers.xai.faults import quoted
from spicy.providers.xai.replies import billed_by_words
from spicy.providers.xai.verdict import NextAction, Phase, classify_status, is_moderation

SUBMITS = [
    # Certainly not accepted, so it may be sent again.
    ("RESOURCE_EXHAUSTED", "Too many requests for team", NextAction.SLOWER),
    ("RESOURCE_EXHAUSTED", "", NextAction.SLOWER),
    ("UNAVAILABLE", "Service temporarily unavailable. The model is overloaded", NextAction.AGAIN),
    ("UNAVAILABLE", "", NextAction.AGAIN),
    (
        "UNAVAILABLE",
        "failed to connect to all addresses; last error: recvmsg:Connection reset",
        NextAction.AGAIN,
    ),
    ("UNAVAILABLE", "DNS resolution failed for api.x.ai:443: timed out", NextAction.AGAIN),
    ("UNAVAILABLE", "Received RST_STREAM with error code 7", NextAction.AGAIN),
    (
        "UNAVAILABLE",
        "upstream connect error or disconnect/reset. reset reason: connection failure",
        NextAction.AGAIN,
    ),
    # Sent, and then the connection broke: nobody knows.
    ("UNAVAILABLE", "Socket closed", NextAction.LOST),
    ("UNAVAILABLE", "Stream removed (recvmsg:Connection reset by peer (104))", NextAction.LOST),
    ("UNAVAILABLE", "Cancelling all calls", NextAction.LOST),
    ("UNAVAILABLE", "GOAWAY received", NextAction.LOST),
    ("UNAVAILABLE", "keepalive watchdog timeout", NextAction.LOST),
    ("UNAVAILABLE", "ping timeout", NextAction.LOST),
    ("UNAVAILABLE", "Broken pipe", NextAction.LOST),
    ("UNAVAILABLE", "Received RST_STREAM with error code 2", NextAction.LOST),
    ("UNAVAILABLE", "upstream connect error. reset reason: connection termination", NextAction.LOST),
    ("UNAVAILABLE", "Received http2 header with status: 502", NextAction.LOST),
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", NextAction.LOST),
    ("CANCELLED", "Channel closed!", NextAction.LOST),
    ("INTERNAL", "boom", NextAction.LOST),
    ("UNKNOWN", "", NextAction.LOST),
    ("ABORTED", "", NextAction.LOST),
    ("A_STATUS_OF_2030", "", NextAction.LOST),
    ("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (9 vs. 4)", NextAction.LOST),
    # Turned away for good.
    ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (25 vs. 20)", NextAction.FAILED),
    ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (25 vs. 20)", NextAction.FAILED),
    ("RESOURCE_EXHAUSTED", "Your team has used all available credits", NextAction.FAILED),
    ("INVALID_ARGUMENT", "duration must be between 1 and 15", NextAction.FAILED),
    ("NOT_FOUND", "The model grok-9 does not exist", NextAction.FAILED),
    ("FAILED_PRECONDITION", "not supported for this model", NextAction.FAILED),
    ("DATA_LOSS", "could not fetch the image", NextAction.FAILED),
    ("PERMISSION_DENIED", "no access to model grok-4.7", NextAction.FAILED),
    ("UNAUTHENTICATED", "no key", NextAction.KEY),
    ("PERMISSION_DENIED", "blocked API key", NextAction.KEY),
    ("INVALID_ARGUMENT", "Incorrect API key provided", NextAction.KEY),
    ("INVALID_ARGUMENT", "Generated image rejected by content moderation.", NextAction.REFUSED),
    ("INVALID_ARGUMENT", "imagine:content-moderated", NextAction.REFUSED),
    ("PERMISSION_DENIED", "Content violates usage guidelines. Team: x", NextAction.REFUSED),
    ("FAILED_PRECONDITION", "The prompt violates our content policy", NextAction.REFUSED),
]

POLLS = [
    ("NOT_FOUND", "unknown request", NextAction.GONE),
    ("INVALID_ARGUMENT", "request 42 not found", NextAction.GONE),
    ("INVALID_ARGUMENT", "not ready", NextAction.AGAIN),
    ("UNAVAILABLE", "Socket closed", NextAction.AGAIN),
    ("DEADLINE_EXCEEDED", "", NextAction.AGAIN),
    ("INTERNAL", "", NextAction.AGAIN),
    ("RESOURCE_EXHAUSTED", "", NextAction.AGAIN),
    ("FAILED_PRECONDITION", "later", NextAction.AGAIN),
    ("UNAUTHENTICATED", "", NextAction.KEY),
    ("PERMISSION_DENIED", "", NextAction.KEY),
    ("INVALID_ARGUMENT", "rejected by content moderation", NextAction.REFUSED),
]

READS = [
    ("UNAVAILABLE", "Socket closed", NextAction.AGAIN),
    ("RESOURCE_EXHAUSTED", "", NextAction.AGAIN),
    ("INVALID_ARGUMENT", "file name", NextAction.FAILED),
    ("UNAUTHENTICATED", "", NextAction.KEY),
]


@pytest.mark.parametrize(
    ("phase", "status", "details", "then"),
    [(Phase.SUBMIT, *row) for row in SUBMITS]
    + [(Phase.POLL, *row) for row in POLLS]
    + [(Phase.READ, *row) for row in READS],
)
def test_what_happens_next(phase: Phase, status: str, details: str, then: NextAction) -> None:
    verdict = classify_status(status, details, phase)
    assert verdict.then is then
    assert status in verdict.said
    assert details in verdict.said


def test_a_poll_never_gives_up_a_ticket_for_a_status_it_does_not_know() -> None:
    assert classify_status("A_STATUS_OF_2030", "?", Phase.POLL).then is NextAction.AGAIN


def test_advice_comes_with_a_request_that_is_too_large() -> None:
    assert (
        "smaller pictures"
        in classify_status("RESOURCE_EXHAUSTED", "Sent message larger than max", Phase.SUBMIT).said
    )


@pytest.mark.parametrize(
    "words", ["a moderate load", "stream terminated", "image too large", "polite note", ""]
)
def test_ordinary_failures_are_not_moderation(words: str) -> None:
    assert not is_moderation(words)


def test_a_refusal_may_say_what_it_cost() -> None:
    assert billed_by_words('{"usage":{"cost_in_usd_ticks":200000000}}') == Ticks(200_000_000)
    assert billed_by_words("rejected") == 0


def test_words_are_quoted_on_one_line_without_the_key() -> None:
    key = "s3cr3t-key"
    said = quoted(
        f"bad key {key}\nAuthorization: Bearer {key}x  xai-AbCdEfGhIjKlMnOpQr, using xai-sdk-python-client",
        key,
    )
    assert key not in said
    assert "AbCdEfGh" not in said
    assert "\n" not in said
    assert "xai-sdk-python-client" in said
    assert len(quoted("x" * 5000, key)) == 400
