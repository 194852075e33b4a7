"""A receipt as the report reads it: checked at the border, so that everything after may trust its shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from spicy.canonical_json import Json
from spicy.errors import StoreError
from spicy.ids import Step


class _ReceiptPart(BaseModel):
    """Newer receipts may carry more fields; those that are known must be what they are."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CallLine(_ReceiptPart):
    """One call, as its receipt remembers it."""

    key: str
    kind: str
    purpose: str = ""
    prompt: str = ""
    model: str = ""
    answered_by: str = ""
    inputs: tuple[str, ...] = ()
    take: int = 1
    attempt: int = 1
    cost_ticks: int = 0
    from_store: bool = False
    started: str = ""
    seconds: float = 0.0
    text: str | None = None
    asset: str | None = None


class AttemptLine(_ReceiptPart):
    """One try at a target, with the judge's verdict."""

    number: int
    call: str = ""
    asset: str | None = None
    suffix: str = ""
    score: float | None = None
    problems: tuple[str, ...] = ()
    chosen: bool = False


class ReportReceipt(_ReceiptPart):
    """How one target group was made."""

    spicy: Literal[1]
    node: str
    film: str
    step: Step
    item: str
    key: str = ""
    provider: str = ""
    targets: dict[str, str] = Field(default_factory=dict)
    calls: tuple[CallLine, ...] = ()
    attempts: tuple[AttemptLine, ...] = ()
    warnings: tuple[str, ...] = ()
    cost_ticks: int = 0
    paid_ticks: int = 0
    seconds: float = 0.0
    made: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)


def read_receipt(data: Mapping[str, Json]) -> ReportReceipt:
    """Check a receipt. Raises StoreError naming its node, what is wrong and what to do."""
    node = data.get("node", "unknown target")
    if data.get("spicy") != 1:
        raise StoreError(
            f"the receipt of {node} has version {data.get('spicy')!r}, this spicy reads 1: use a newer spicy"
        )
    try:
        return ReportReceipt.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"the receipt of {node} is damaged ({place}: {first['msg']}): delete it and build again"
        ) from error
