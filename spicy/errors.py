"""Every way in which spicy says no, as one small tree.

    SpicyError
    ├── SpecError           mistakes in a spec or a recipe, all of a file at once
    ├── UsageError          a command, an option or a setting that cannot be
    ├── MediaError          ffmpeg or a media file failed; carries ffmpeg's last words
    ├── StoreError          the store cannot be used
    │   └── DamagedObject   stored bytes are not what their name says
    ├── StepFailed          one target cannot be made; names file, reason, advice
    ├── Interrupted         the user asked to stop; no new call may start
    └── CallError           one call to a provider has no answer
        ├── Refused         moderation said no: final, never reworded, never retried
        ├── CallFailed      the provider failed it; asking again later may work
        ├── Expired         the answer existed and is gone; must be asked again
        ├── ProviderUnreachable  accepted, but the answer cannot be had now; the next build goes on from there
        ├── OutcomeUnknown  a submit whose answer was lost; dear, so not repeated silently
        └── BudgetExceeded  the next call does not fit under the cap; not submitted

Errors carry fields and know nothing of exit codes, HTTP or terminals: the faces translate them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spicy.ids import Ticks, usd


class SpicyError(Exception):
    """Root of everything spicy raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a text file; `line` and `column` count from 1, 0 when the place is not known."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = self.file if not self.line else f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.message}"


class SpecError(SpicyError):
    """A spec or recipe is wrong; `problems` lists every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(p) for p in self.problems))


class UsageError(SpicyError):
    """What was asked on the command line or in the settings cannot be done."""


class MediaError(SpicyError):
    """A media tool or file failed; `detail` holds the tail of ffmpeg's own words."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        self.message, self.detail = message, detail.strip()
        super().__init__(message + (f"\n{self.detail}" if self.detail else ""))


class StoreError(SpicyError):
    """The store cannot be read or written as it is."""


class DamagedObject(StoreError):
    """A stored object is missing or its bytes do not match its digest."""

    def __init__(self, digest: str, message: str) -> None:
        self.digest = digest
        super().__init__(message)


class StepFailed(SpicyError):
    """A target cannot be made from what was given: which file, why, and what to do about it."""

    def __init__(self, reason: str, *, file: str = "", advice: str = "") -> None:
        self.reason, self.file, self.advice = reason, file, advice
        parts = [f"{file}: {reason}" if file else reason]
        if advice:
            parts.append(advice)
        super().__init__("; ".join(parts))


class Interrupted(SpicyError):
    """The run is stopping: calls in flight are journalled, no new one starts."""


class CallError(SpicyError):
    """A call ended without an answer; `billed` is what it cost all the same (ticks)."""

    def __init__(self, message: str, *, billed: Ticks = Ticks(0)) -> None:
        self.message, self.billed = message, billed
        super().__init__(message)

    def __str__(self) -> str:
        return self.message


class Refused(CallError):
    """The provider's moderation refused the request. Final for that request.

    `message` has the provider's words; as text, what was billed and the prompt follow, for only its author can
    put it right.
    """

    def __init__(self, message: str, *, billed: Ticks = Ticks(0), prompt: str = "") -> None:
        super().__init__(message, billed=billed)
        self.prompt = prompt

    def __str__(self) -> str:
        if not self.prompt:
            return self.message
        return f"{self.message}\nbilled: {usd(self.billed)}\nprompt: {self.prompt}"


class CallFailed(CallError):
    """The provider failed the call. Never cached: the next build asks again."""


class Expired(CallError):
    """The provider no longer has the answer of a submitted call."""


class ProviderUnreachable(CallError):
    """The provider has the call, but cannot be asked or its bytes cannot be had. The call stays open, unpaid for again."""


class OutcomeUnknown(CallError):
    """Submitted, maybe; the reply was lost, and repeating it could pay twice. As text, with what a build can do."""

    def __str__(self) -> str:
        return f"{self.message}. Check the provider's console, then build again with --retry-unknown"


class BudgetExceeded(CallError):
    """The next call does not fit under the cap, so it was not submitted."""
