"""Is a target what it would be if it were made now? Decided from receipts and digests, never from doit's records."""

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
    """`reasons` is empty when the node is fresh; `targets` are the digests its receipt promises."""

    reasons: tuple[Reason, ...]
    targets: Mapping[str, str]

    @property
    def fresh(self) -> bool:
        """Nothing to do."""
        return not self.reasons


def check_node(node: Node, digest_of: DigestOf, store: Store, *, repair: bool = True) -> Status:
    """Compare a node with its receipt; `digest_of` gives the digest that an input has or will have.

    With `heal`, an intact target whose copy in the store was lost or damaged puts it back, so that the next
    loss is still repaired for $0.
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
        # The same parts under another key: an input moved to another label's place.
        reasons = reasons or (Reason(Cause.CHANGED, "order of inputs"),)
    return Status(reasons + compare_targets(receipt.targets, found), receipt.targets)


def _heal(promised: Mapping[str, str], found: Mapping[str, Digest | None], store: Store) -> None:
    """Healing is a favour: a disk that is full or read-only must not stop a build that needs nothing of it."""
    for path, digest in found.items():
        # Texts are made from the story and are not in the store.
        if digest is not None and promised.get(path) == digest and path.endswith(_STORED):
            with contextlib.suppress(OSError):
                store.repair(digest, Path(path))


_STORED = (".jpg", ".jpeg", ".png", ".webp", ".mp4", ".mov", ".webm", ".mkv", ".m4v")
