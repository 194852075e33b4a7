"""Decides whether a node is stale, from receipts and digests only, never from doit's records."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spicy.engine.receipt import read_receipt
from spicy.ids import Digest
from spicy.plan.node import Node, node_key
from spicy.plan.reasons import Cause, Reason, compare_ingredients, compare_inputs, compare_targets
from spicy.store.store import Store

DigestOf = Callable[[str], Digest | None]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a node: `reasons` is empty if it is fresh; `targets` are the digests in its receipt."""

    reasons: tuple[Reason, ...]
    targets: Mapping[str, str]

    @property
    def fresh(self) -> bool:
        """True if there is nothing to do."""
        return not self.reasons


def check_node(node: Node, digest_of: DigestOf, store: Store, *, repair: bool = True) -> Status:
    """Compare a node with its receipt; `digest_of` returns the digest that an input has or will have.

    With `repair`, intact targets restore their lost or damaged copies in the store, so that a later loss of
    the target can still be repaired for $0.
    """
    receipt = read_receipt(node)
    if receipt is None:
        return Status((Reason(Cause.NEW, node.title),), {})
    found = {path: store.memo.digest(path) for path in node.targets}
    if repair:
        _heal(receipt.targets, found, store)
    digests: dict[str, Digest] = {}
    for label, path in node.inputs.items():
        digest = digest_of(path)
        if digest is None:
            return Status((Reason(Cause.MISSING, path),), receipt.targets)
        digests[label] = digest
    digests.update((label, pin.digest) for label, pin in node.pins.items())
    reasons: tuple[Reason, ...] = ()
    if receipt.key != node_key(node, digests):
        reasons = compare_ingredients(receipt.ingredients, node.ingredients)
        reasons += compare_inputs(receipt.inputs, digests)
        # The same parts but another key: an input moved to another label.
        reasons = reasons or (Reason(Cause.CHANGED, "order of inputs"),)
    return Status(reasons + compare_targets(receipt.targets, found), receipt.targets)


def _heal(promised: Mapping[str, str], found: Mapping[str, Digest | None], store: Store) -> None:
    """Repair the store's copies; best effort, as a full or read-only disk must not stop the build."""
    for path, digest in found.items():
        # Text targets are generated from the story and are not in the store.
        if digest is not None and promised.get(path) == digest and path.endswith(_STORED):
            with contextlib.suppress(OSError):
                store.repair(digest, Path(path))


_STORED = (".jpg", ".jpeg", ".png", ".webp", ".mp4", ".mov", ".webm", ".mkv", ".m4v")
