"""Writes the report of a film: `manifest.json` and `report.html`, from its receipts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from spicy.engine.project import Film
from spicy.files import write_atomic
from spicy.plan.node import ReportJob
from spicy.report.html import render_report
from spicy.report.manifest import build_manifest
from spicy.steps.result import StepResult


def write_report(film: Film) -> Path:
    """Write a film's report and manifest outside the graph, from existing receipts; return the report's path.

    The next whole build makes them again. Raises OSError.
    """
    node = film.nodes()[-1]
    if not isinstance(node.job, ReportJob):
        raise TypeError("the last node of a film is its report")
    made = make_report(film.name, Path(node.folder), node.job, map(Path, node.inputs.values()))
    for path, content in zip(node.targets, made.files, strict=True):
        if isinstance(content, bytes):
            write_atomic(Path(path), content)
    return Path(node.targets[1])


def make_report(film: str, folder: Path, job: ReportJob, receipts: Iterable[Path]) -> StepResult:
    """Return the texts of both files, made from the receipts that exist; the others are shown as missing."""
    read = [json.loads(path.read_bytes()) for path in receipts if path.exists()]
    manifest = build_manifest(film, job.story, read)
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    return StepResult(files=(text.encode(), render_report(manifest, folder).encode()))
