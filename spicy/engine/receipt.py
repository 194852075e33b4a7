"""Receipts: one JSON file beside each asset that records its inputs, its provider and its cost."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spicy.canonical_json import Json
from spicy.files import write_atomic
from spicy.ids import Digest, Ticks
from spicy.plan.node import Node, node_key
from spicy.ports import CallResult, inputs_of
from spicy.steps.result import StepResult

RECEIPT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """The parts of a receipt that the staleness check needs."""

    key: str
    ingredients: Mapping[str, Json]
    inputs: Mapping[str, str]
    unkeyed: Mapping[str, str]
    targets: Mapping[str, str]
    """Path, as in the node → digest."""


def read_receipt(node: Node) -> Receipt | None:
    """Return a node's receipt, or None if there is none that can be read."""
    try:
        with open(node.receipt, "rb") as file:
            data = json.loads(file.read())
        if data["spicy"] != RECEIPT_VERSION or data["node"] != node.id:
            return None
        targets = {f"{node.folder}/{name}": digest for name, digest in data["targets"].items()}
        return Receipt(data["key"], data["ingredients"], data["inputs"], data["unkeyed"], targets)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def made_files(folder: Path) -> set[Path]:
    """Return the receipts below a film's folder and the files that they list as made by spicy."""
    made: set[Path] = set()
    for path in folder.rglob("*.json"):
        try:
            data = json.loads(path.read_bytes())
            if data["spicy"] == RECEIPT_VERSION and isinstance(data["targets"], dict):
                made |= {path, *(folder / name for name in data["targets"])}
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return made


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one step: its calls, warnings and duration."""

    calls: Sequence[tuple[str, CallResult]] = ()
    """(purpose, answer), in call order."""
    warnings: Sequence[str] = ()
    seconds: float = 0.0

    def cost(self, *, paid_only: bool = False) -> Ticks:
        """Return the cost of all calls, or only of those that were not answered from the store."""
        return Ticks(sum(a.cost for _, a in self.calls if not (paid_only and a.from_store)))


def write_receipt(
    node: Node,
    inputs: Mapping[str, Digest],
    unkeyed: Mapping[str, Digest],
    targets: Mapping[str, Digest],
    made: StepResult,
    log: Log,
    provider: str,
) -> None:
    """Write a node's receipt atomically; it is the last file of a node to appear."""
    data: dict[str, Json] = {
        "spicy": RECEIPT_VERSION,
        "node": node.id,
        "film": node.film,
        "step": node.step.value,
        "item": node.item,
        "key": node_key(node, inputs),
        "provider": provider,
        "ingredients": dict(node.ingredients),
        "inputs": dict(inputs),
        "unkeyed": dict(unkeyed),
        "targets": {path.removeprefix(f"{node.folder}/"): digest for path, digest in targets.items()},
        "calls": [_call(purpose, answered) for purpose, answered in log.calls],
        "attempts": [
            {
                "number": a.number,
                "call": a.call,
                "asset": a.asset.digest,
                "suffix": a.asset.suffix,
                "score": a.score,
                "problems": list(a.problems),
                "chosen": index == made.chosen,
            }
            for index, a in enumerate(made.attempts)
        ],
        "warnings": list(log.warnings),
        "cost_ticks": log.cost(),
        "paid_ticks": log.cost(paid_only=True),
        "seconds": round(log.seconds, 3),
        "made": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "facts": dict(made.facts),
    }
    write_atomic(Path(node.receipt), (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def _call(purpose: str, answered: CallResult) -> dict[str, Json]:
    call = answered.call
    return {
        "key": answered.key,
        "kind": call.kind.value,
        "purpose": purpose,
        "prompt": call.prompt,
        "model": call.model,
        "answered_by": answered.model,
        "inputs": list(inputs_of(call)),
        "take": call.take,
        "attempt": call.attempt,
        "cost_ticks": answered.cost,
        "from_store": answered.from_store,
        "started": answered.started,
        "seconds": answered.seconds,
        "text": answered.text,
        "asset": answered.asset.digest if answered.asset else None,
    }
