"""Reads a prompt: lines that carry a label, and a first line that is the style.

A prompt without labels is a brief too: its words are all there is, and everything falls back to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABELS = frozenset(
    [
        "style",
        "palette",
        "colours",
        "concept",
        "scenes",
        "scene",
        "character",
        "card",
        "role",
        "description",
        "correct",
        "setting",
        "mood",
        "camera",
        "framing",
        "figure",
        "previous",
        "check",
        "caption",
        "label",
        "rules",
    ]
) | {"reference picture"}
_LABELLED = re.compile(r"(?P<label>[A-Z][a-z]+(?: [a-z]+)?)(?: \d+)?(?: \([^)]*\))?:(?:\s+(?P<value>.*))?$")


@dataclass(frozen=True, slots=True)
class Brief:
    """A prompt, taken apart."""

    text: str
    style: str
    lines: tuple[tuple[str, str], ...]
    """Label in lower case, without number or remark in brackets, and value; in the prompt's order."""

    @classmethod
    def parse(cls, prompt: str) -> Brief:
        """Take a prompt apart; a line without a label goes on with the value before it."""
        lines: list[tuple[str, str]] = []
        opening, inside = "", False
        for line in (raw.strip() for raw in prompt.splitlines()):
            found = _LABELLED.match(line)
            if found and found["label"].lower() in _LABELS:
                lines.append((found["label"].lower(), (found["value"] or "").strip()))
                inside = True
            elif not line:
                inside = False
            elif inside:
                label, value = lines[-1]
                lines[-1] = label, f"{value} {line}".strip()
            else:
                opening = opening or line
        written = next((value for label, value in lines if label == "style"), "")
        return cls(prompt, written or opening, tuple(lines))

    def has(self, label: str) -> bool:
        """Whether a line is labelled so."""
        return any(name == label for name, _ in self.lines)

    def first(self, *labels: str) -> str:
        """Give the value of the first line that carries one of the labels, or nothing."""
        return next((value for label in labels for name, value in self.lines if name == label), "")

    def every(self, label: str) -> tuple[str, ...]:
        """Give the values of all lines labelled so."""
        return tuple(value for name, value in self.lines if name == label)
