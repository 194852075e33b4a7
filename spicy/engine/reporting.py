"""The report of a film: its receipts gathered into `manifest.json` and `report.html`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from spicy.plan.node import ReportJob
from spicy.report.html import render_report
from spicy.report.manifest import build_manifest
from spicy.steps.made import Made


def make_report(film: str, folder: Path, job: ReportJob, receipts: Iterable[Path]) -> Made:
    """Read the receipts that exist and write both files' texts; what is missing is shown as missing."""
    read = [json.loads(path.read_bytes()) for path in receipts if path.exists()]
    manifest = build_manifest(film, job.story, read)
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    return Made(files=(text.encode(), render_report(manifest, folder).encode()))
