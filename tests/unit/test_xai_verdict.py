"""Every gRPC status has its answer: the table of what happens next, and words without secrets."""

from __future__ import annotations

import pytest

from spicy.ids import Ticks
from spicy.providers.xai.faults import quoted
from spicy.providers.xai.replies import billed_by_words
from spicy.providers.xai.verdict import Phase, Then, is_moderation, judge

SUBMITS = [
    # Certainly not accepted, so it may be sent again.
    ("RESOURCE_EXHAUSTED", "Too many requests for team", Then.SLOWER),
    ("RESOURCE_EXHAUSTED", "", Then.SLOWER),
    ("UNAVAILABLE", "Service temporarily unavailable. The model is overloaded", Then.AGAIN),
    ("UNAVAILABLE", "", Then.AGAIN),
    ("UNAVAILABLE", "failed to connect to all addresses; last error: recvmsg:Connection reset", Then.AGAIN),
    ("UNAVAILABLE", "DNS resolution failed for api.x.ai:443: timed out", Then.AGAIN),
    ("UNAVAILABLE", "Received RST_STREAM with error code 7", Then.AGAIN),
    (
        "UNAVAILABLE",
        "upstream connect error or disconnect/reset. reset reason: connection failure",
        Then.AGAIN,
    ),
    # Sent, and then the connection broke: nobody knows.
    ("UNAVAILABLE", "Socket closed", Then.LOST),
    ("UNAVAILABLE", "Stream removed (recvmsg:Connection reset by peer (104))", Then.LOST),
    ("UNAVAILABLE", "Cancelling all calls", Then.LOST),
    ("UNAVAILABLE", "GOAWAY received", Then.LOST),
    ("UNAVAILABLE", "keepalive watchdog timeout", Then.LOST),
    ("UNAVAILABLE", "ping timeout", Then.LOST),
    ("UNAVAILABLE", "Broken pipe", Then.LOST),
    ("UNAVAILABLE", "Received RST_STREAM with error code 2", Then.LOST),
    ("UNAVAILABLE", "upstream connect error. reset reason: connection termination", Then.LOST),
    ("UNAVAILABLE", "Received http2 header with status: 502", Then.LOST),
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", Then.LOST),
    ("CANCELLED", "Channel closed!", Then.LOST),
    ("INTERNAL", "boom", Then.LOST),
    ("UNKNOWN", "", Then.LOST),
    ("ABORTED", "", Then.LOST),
    ("A_STATUS_OF_2030", "", Then.LOST),
    ("RESOURCE_EXHAUSTED", "CLIENT: Received message larger than max (9 vs. 4)", Then.LOST),
    # Turned away for good.
    ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (25 vs. 20)", Then.FAILED),
    ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (25 vs. 20)", Then.FAILED),
    ("RESOURCE_EXHAUSTED", "Your team has used all available credits", Then.FAILED),
    ("INVALID_ARGUMENT", "duration must be between 1 and 15", Then.FAILED),
    ("NOT_FOUND", "The model grok-9 does not exist", Then.FAILED),
    ("FAILED_PRECONDITION", "not supported for this model", Then.FAILED),
    ("DATA_LOSS", "could not fetch the image", Then.FAILED),
    ("PERMISSION_DENIED", "no access to model grok-4.7", Then.FAILED),
    ("UNAUTHENTICATED", "no key", Then.KEY),
    ("PERMISSION_DENIED", "blocked API key", Then.KEY),
    ("INVALID_ARGUMENT", "Incorrect API key provided", Then.KEY),
    ("INVALID_ARGUMENT", "Generated image rejected by content moderation.", Then.REFUSED),
    ("INVALID_ARGUMENT", "imagine:content-moderated", Then.REFUSED),
    ("PERMISSION_DENIED", "Content violates usage guidelines. Team: x", Then.REFUSED),
    ("FAILED_PRECONDITION", "The prompt violates our content policy", Then.REFUSED),
]

POLLS = [
    ("NOT_FOUND", "unknown request", Then.GONE),
    ("INVALID_ARGUMENT", "request 42 not found", Then.GONE),
    ("INVALID_ARGUMENT", "not ready", Then.AGAIN),
    ("UNAVAILABLE", "Socket closed", Then.AGAIN),
    ("DEADLINE_EXCEEDED", "", Then.AGAIN),
    ("INTERNAL", "", Then.AGAIN),
    ("RESOURCE_EXHAUSTED", "", Then.AGAIN),
    ("FAILED_PRECONDITION", "later", Then.AGAIN),
    ("UNAUTHENTICATED", "", Then.KEY),
    ("PERMISSION_DENIED", "", Then.KEY),
    ("INVALID_ARGUMENT", "rejected by content moderation", Then.REFUSED),
]

READS = [
    ("UNAVAILABLE", "Socket closed", Then.AGAIN),
    ("RESOURCE_EXHAUSTED", "", Then.AGAIN),
    ("INVALID_ARGUMENT", "file name", Then.FAILED),
    ("UNAUTHENTICATED", "", Then.KEY),
]


@pytest.mark.parametrize(
    ("phase", "status", "details", "then"),
    [(Phase.SUBMIT, *row) for row in SUBMITS]
    + [(Phase.POLL, *row) for row in POLLS]
    + [(Phase.READ, *row) for row in READS],
)
def test_what_happens_next(phase: Phase, status: str, details: str, then: Then) -> None:
    verdict = judge(status, details, phase)
    assert verdict.then is then
    assert status in verdict.said
    assert details in verdict.said


def test_a_poll_never_gives_up_a_ticket_for_a_status_it_does_not_know() -> None:
    assert judge("A_STATUS_OF_2030", "?", Phase.POLL).then is Then.AGAIN


def test_advice_comes_with_a_request_that_is_too_large() -> None:
    assert (
        "smaller pictures" in judge("RESOURCE_EXHAUSTED", "Sent message larger than max", Phase.SUBMIT).said
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
