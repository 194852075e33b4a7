"""What a gRPC status means for one call: a pure table from status, words and phase to what to do next.

The dangerous line is UNAVAILABLE, which stands for two opposite things: a server (or a connection that was
never made) that did not take the request, and a connection that broke after the request was sent. gRPC
tells them apart by words only. Words that are not known to mean "never sent" and smell of a connection
count as broken: an unknown outcome costs a question, a second submit costs money.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What was being done: a submit may cost money, a poll has a ticket to keep, a read is free."""

    SUBMIT = "submit"
    POLL = "poll"
    READ = "read"


class NextAction(StrEnum):
    """What to do next."""

    AGAIN = "again"
    """Not accepted, or free: wait and send it again."""
    SLOWER = "slower"
    """The same, and at a lower rate from now on."""
    REFUSED = "refused"
    """Moderation said no; final."""
    FAILED = "failed"
    """Sending the same again would fail the same."""
    KEY = "key"
    """The key is missing, wrong or blocked."""
    GONE = "gone"
    """The ticket is not known."""
    LOST = "lost"
    """Nobody knows whether it was accepted."""


@dataclass(frozen=True, slots=True)
class StatusVerdict:
    """What to do, and what to say about it."""

    then: NextAction
    said: str


_MODERATED = re.compile(
    r"(?i)moderation|moderated|content[ _-]polic|usage[ _-](?:guideline|polic)|acceptable[ _-]use"
    r"|violat\w*\b.{0,40}\b(?:guideline|polic|terms|rules)|safety[ _-](?:check|system|filter|guideline)"
    r"|prohibited content|disallowed content"
)
_KEY = re.compile(
    r"(?i)\b(?:incorrect|invalid|unknown|missing|expired|disabled|blocked)\b.{0,24}\bapi[ _-]?key"
)
_UNKNOWN_TICKET = re.compile(r"(?i)not found|no such|unknown request|does not exist|invalid request[ _-]?id")
_TOO_LARGE = re.compile(r"(?i)sent message larger|server: ?received message larger")
_REPLY_TOO_LARGE = re.compile(r"(?i)received message larger")
_NO_CREDIT = re.compile(r"(?i)\bcredits?\b|spending limit|insufficient (?:funds|balance)")
_NEVER_SENT = re.compile(
    r"(?i)failed to connect to all addresses|connections to all backends|dns resolution failed|name resolution|no such host"
    r"|getting metadata from plugin failed|rst_stream with error code 7\b"
    r"|upstream connect error.*(?:connection failure|overflow)"
)
_BROKEN = re.compile(
    r"(?i)socket|connection|reset|go_?away|keepalive|\bping\b|broken pipe|rst_?stream|stream|disconnect"
    r"|terminat|timed? ?out|upstream|http ?2|\beof\b|transport|endpoint|cancel|shut ?down|recvmsg|sendmsg"
    r"|http2? ?header|channel closed|\btcp\b"
)


def is_moderation(words: str) -> bool:
    """Whether the provider's words speak of its content rules."""
    return bool(_MODERATED.search(words))


def classify_status(status: str, details: str, phase: Phase) -> StatusVerdict:
    """Decide about a call that ended in gRPC `status` (its name) with `details`, already without secrets."""
    said = f"{details} ({status})" if details else status
    match status:
        case "INVALID_ARGUMENT" | "PERMISSION_DENIED" | "FAILED_PRECONDITION" if is_moderation(details):
            then = NextAction.REFUSED
        case "UNAUTHENTICATED":
            then = NextAction.KEY
        case "PERMISSION_DENIED":
            then = NextAction.KEY if phase is not Phase.SUBMIT or _KEY.search(details) else NextAction.FAILED
        case "INVALID_ARGUMENT" if _KEY.search(details):
            then = NextAction.KEY
        case _ if phase is Phase.SUBMIT:
            return _of_submit(status, details, said)
        case "NOT_FOUND" if phase is Phase.POLL:
            then = NextAction.GONE
        case "INVALID_ARGUMENT" if phase is Phase.POLL and _UNKNOWN_TICKET.search(details):
            then = NextAction.GONE
        case _ if phase is Phase.POLL:
            then = NextAction.AGAIN  # whatever it is, the work is paid for: a ticket is not given up for it
        case "INVALID_ARGUMENT" | "NOT_FOUND" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "UNIMPLEMENTED":
            then = NextAction.FAILED
        case _:
            then = NextAction.AGAIN
    return StatusVerdict(then, said)


def _of_submit(status: str, details: str, said: str) -> StatusVerdict:
    match status:
        case "RESOURCE_EXHAUSTED":
            return _exhausted(details, said)
        case "UNAVAILABLE":
            lost = not _NEVER_SENT.search(details) and _BROKEN.search(details)
            return StatusVerdict(NextAction.LOST if lost else NextAction.AGAIN, said)
        case "DATA_LOSS":
            return StatusVerdict(NextAction.FAILED, f"a picture could not be read by the server: {said}")
        case (
            "INVALID_ARGUMENT" | "NOT_FOUND" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "UNIMPLEMENTED"
            | "ALREADY_EXISTS"
        ):  # fmt: skip
            return StatusVerdict(NextAction.FAILED, said)
        case _:  # DEADLINE_EXCEEDED, CANCELLED, INTERNAL, UNKNOWN, ABORTED and what is yet to be invented
            return StatusVerdict(NextAction.LOST, said)


def _exhausted(details: str, said: str) -> StatusVerdict:
    if _TOO_LARGE.search(details):
        return StatusVerdict(
            NextAction.FAILED, f"the request is too large, send fewer or smaller pictures: {said}"
        )
    if _REPLY_TOO_LARGE.search(details):
        return StatusVerdict(NextAction.LOST, said)
    if _NO_CREDIT.search(details):
        return StatusVerdict(NextAction.FAILED, f"the account has nothing left to spend: {said}")
    return StatusVerdict(NextAction.SLOWER, said)
