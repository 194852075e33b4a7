"""The exceptions of spicy, as one tree.

    SpicyError
    ├── SpecError           mistakes in a spec or a recipe, all of a file at once
    ├── UsageError          an invalid command, option or setting
    ├── MediaError          ffmpeg or a media file failed; carries the end of ffmpeg's output
    ├── StoreError          the store cannot be used
    │   └── DamagedObject   stored bytes do not match their digest
    ├── StepFailed          one target cannot be made; names file, reason, advice
    ├── Interrupted         the user asked to stop; no new call may start
    └── CallError           one call to a provider has no answer
        ├── Refused              refused by moderation: final, never reworded, never retried
        ├── CallFailed           the provider failed the call; a later retry may succeed
        ├── Expired              the answer existed and is gone; has to be submitted again
        ├── ProviderUnreachable  unreachable now; the next build resumes an accepted call
        ├── OutcomeUnknown       an expensive submission whose reply was lost; not repeated unless requested
        └── BudgetExceeded       the next call does not fit under the cap; not submitted

Errors carry fields and know nothing of exit codes, HTTP or terminals: the user interfaces translate them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spicy.ids import Ticks, usd


class SpicyError(Exception):
    """The base class of all errors that spicy raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a text file; `line` and `column` count from 1, and are 0 if the place is not known."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = self.file if not self.line else f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.message}"


class SpecError(SpicyError):
    """An invalid spec or recipe; `problems` lists every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(p) for p in self.problems))


class UsageError(SpicyError):
    """A request on the command line or in the settings that cannot be fulfilled."""


class MediaError(SpicyError):
    """A failure of a media tool or file; `detail` has the end of ffmpeg's output."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        self.message, self.detail = message, detail.strip()
        super().__init__(message + (f"\n{self.detail}" if self.detail else ""))


class StoreError(SpicyError):
    """A store that cannot be read or written in its present state."""


class DamagedObject(StoreError):
    """A stored object that is missing or whose bytes do not match its digest."""

    def __init__(self, digest: str, message: str) -> None:
        self.digest = digest
        super().__init__(message)


class StepFailed(SpicyError):
    """A target that cannot be made from its inputs; has the file, the reason and advice."""

    def __init__(self, reason: str, *, file: str = "", advice: str = "") -> None:
        self.reason, self.file, self.advice = reason, file, advice
        parts = [f"{file}: {reason}" if file else reason]
        if advice:
            parts.append(advice)
        super().__init__("; ".join(parts))


class Interrupted(SpicyError):
    """An interruption: the run is stopping, submitted calls stay in the ledger, and no new call starts."""


class CallError(SpicyError):
    """A call that ended without an answer; `billed` is its cost anyway (ticks)."""

    def __init__(self, message: str, *, billed: Ticks = Ticks(0)) -> None:
        self.message, self.billed = message, billed
        super().__init__(message)

    def __str__(self) -> str:
        return self.message


class Refused(CallError):
    """A request refused by the provider's moderation. Final for that request.

    `message` has the provider's message; the text form adds the billed amount and the prompt to correct.
    """

    def __init__(self, message: str, *, billed: Ticks = Ticks(0), prompt: str = "") -> None:
        super().__init__(message, billed=billed)
        self.prompt = prompt

    def __str__(self) -> str:
        if not self.prompt:
            return self.message
        return f"{self.message}\nbilled: {usd(self.billed)}\nprompt: {self.prompt}"


class CallFailed(CallError):
    """A call that the provider failed. Never cached: the next build submits it again."""


class Expired(CallError):
    """A submitted call whose answer the provider no longer has."""


class ProviderUnreachable(CallError):
    """A provider or its bytes that cannot be reached. A submitted call stays open and is not paid again."""


class OutcomeUnknown(CallError):
    """A submission whose reply was lost; repeating it could pay twice. The text form adds advice."""

    def __str__(self) -> str:
        return f"{self.message}. Check the provider's console, then build again with --retry-unknown"


class BudgetExceeded(CallError):
    """A call that does not fit under the cap and was not submitted."""
