"""The manifest: a whole film as one machine-readable value, made of its story and its receipts.

Pure and deterministic: story order, no clock, no disk. Nothing is left out because it is missing: a target
without a receipt is there with the state `missing`, and says why when the caller knows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from spicy.canonical_json import Json
from spicy.ids import NodeId, Step
from spicy.report.receipt import AttemptLine, CallLine, ReportReceipt, read_receipt
from spicy.story.model import Character, Scene, Story

VERSION = 1

Tree = dict[str, Json]


def build_manifest(
    film: str, story: Story, receipts: Sequence[Mapping[str, Json]], *, missing: Sequence[str] = ()
) -> Tree:
    """Describe `film` as it stands.

    `missing` names targets that could not be made, each as a node id, optionally followed by `: reason`.
    A receipt of a target that the story no longer has is left out. Raises StoreError for a receipt that
    cannot be read.
    """
    return _Film(film, story, receipts, missing).tree()


class _Film:
    def __init__(
        self, film: str, story: Story, receipts: Sequence[Mapping[str, Json]], missing: Sequence[str]
    ) -> None:
        self.film, self.story = film, story
        self.receipts = {NodeId(r.node): r for r in map(read_receipt, receipts) if r.film == film}
        self.missing = dict(_named(text) for text in missing)
        self.used: list[ReportReceipt] = []
        self.absent: list[Json] = []

    def tree(self) -> Tree:
        ideation = self._part(Step.IDEATION, "story")
        characters: list[Json] = [self._character(c) for c in self.story.characters]
        script = self._part(Step.SCRIPT, "script")
        scenes: list[Json] = [self._scene(number, s) for number, s in enumerate(self.story.scenes, 1)]
        final = self._part(Step.ASSEMBLY, "final")
        return {
            "spicy": VERSION,
            "film": self.film,
            "story": {
                "title": self.story.title,
                "style": self.story.style,
                "palette": self.story.palette,
                "aspect_ratio": self.story.aspect_ratio,
                "seconds": sum(s.duration for s in self.story.scenes),
            },
            "ideation": ideation,
            "script": script,
            "characters": characters,
            "scenes": scenes,
            "final": final,
            "totals": _totals(self.used),
            "warnings": [{"node": r.node, "message": w} for r in self.used for w in r.warnings],
            "missing": self.absent,
        }

    def _character(self, character: Character) -> Tree:
        own: Tree = {"own_sheet": character.sheet}
        return {**_plain(character), **own, "sheet": self._part(Step.CHARACTER, character.slug)}

    def _scene(self, number: int, scene: Scene) -> Tree:
        keyframe: Json = None
        if scene.keyframe is not None or scene.clip is None:
            keyframe = self._part(Step.KEYFRAME, scene.slug)
        clip = self._part(Step.VIDEO, scene.slug)
        targets = clip["targets"] if isinstance(clip["targets"], Mapping) else {}
        frames: Tree = {name: _stem(targets, name) for name in ("first", "last")}
        own: Tree = {"own_keyframe": scene.keyframe, "own_clip": scene.clip}
        return {"number": number, **_plain(scene), **own, "keyframe": keyframe, "clip": clip, **frames}

    def _part(self, step: Step, item: str) -> Tree:
        """One target group: how it was made, or that it was not."""
        node = NodeId(f"{self.film}:{step.value}/{item}")
        receipt = self.receipts.get(node)
        if receipt is None or node in self.missing:
            reason = self.missing.get(node, "")
            self.absent.append({"node": node, "reason": reason})
            if receipt is None:
                return {"state": "missing", "node": node, "reason": reason, **_made(None)}
            self.used.append(receipt)
            return {"state": "old", "node": node, "reason": reason, **_made(receipt)}
        self.used.append(receipt)
        return {"state": "made", "node": node, "reason": "", **_made(receipt)}


def _named(text: str) -> tuple[NodeId, str]:
    node, _, reason = text.partition(": ")
    return NodeId(node), reason


def _plain(value: Character | Scene) -> Tree:
    """The written fields of a character or scene; enums and tuples as JSON has them."""
    return {
        name: list(field) if isinstance(field, tuple) else field
        for name, field in dataclasses.asdict(value).items()
    }


def _stem(targets: Mapping[str, Json], name: str) -> Json:
    return next((path for path in targets if PurePosixPath(path).stem == name), None)


def _made(receipt: ReportReceipt | None) -> Tree:
    """What a receipt says of its target, or the same fields with nothing in them."""
    if receipt is None:
        receipt = ReportReceipt(spicy=1, node="", film="", step=Step.SCRIPT, item="")
    chosen = next((a for a in receipt.attempts if a.chosen), None)
    return {
        "path": next(iter(receipt.targets), None),
        "targets": dict(receipt.targets),
        "key": receipt.key,
        "provider": receipt.provider,
        "score": chosen.score if chosen else None,
        "attempts": [_attempt(a) for a in receipt.attempts],
        "calls": [_call(c) for c in receipt.calls],
        "from_store": bool(receipt.calls) and all(c.from_store for c in receipt.calls),
        "cost_ticks": receipt.cost_ticks,
        "paid_ticks": receipt.paid_ticks,
        "seconds": round(receipt.seconds, 3),
        "made": receipt.made,
        "warnings": list(receipt.warnings),
        "facts": dict(receipt.facts),
    }


def _attempt(attempt: AttemptLine) -> Tree:
    return {**attempt.model_dump(), "problems": list(attempt.problems)}


def _call(call: CallLine) -> Tree:
    return {**call.model_dump(), "inputs": list(call.inputs)}


def _totals(receipts: Iterable[ReportReceipt]) -> Tree:
    """Sums over the film. A call that serves two targets was bought once and counts once."""
    kept = list(receipts)
    unique: dict[str, CallLine] = {}
    for call in (c for r in kept for c in r.calls):
        known = unique.get(call.key)
        if known is None or (known.from_store and not call.from_store):
            unique[call.key] = call
    return {
        "cost_ticks": sum(c.cost_ticks for c in unique.values()),
        "paid_ticks": sum(r.paid_ticks for r in kept),
        "from_store_ticks": sum(c.cost_ticks for c in unique.values() if c.from_store),
        "calls": len(unique),
        "calls_from_store": sum(c.from_store for c in unique.values()),
        "seconds": round(sum(r.seconds for r in kept), 3),
        "by_kind": {kind: _kind(unique.values(), kind) for kind in sorted({c.kind for c in unique.values()})},
    }


def _kind(calls: Iterable[CallLine], kind: str) -> Tree:
    ours = [c for c in calls if c.kind == kind]
    return {
        "calls": len(ours),
        "from_store": sum(c.from_store for c in ours),
        "cost_ticks": sum(c.cost_ticks for c in ours),
        "from_store_ticks": sum(c.cost_ticks for c in ours if c.from_store),
        "seconds": round(sum(c.seconds for c in ours), 3),
    }
