"""Assembly: the clips joined into the film, and everything's receipts gathered into the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from spicy.canon import Json
from spicy.plan.node import FilmJob, ReportJob
from spicy.ports import Asset, LocalJob, LocalKind
from spicy.steps.made import Bench, Made


def make_film(job: FilmJob, files: Mapping[str, Asset], bench: Bench) -> Made:
    """Join the clips in the order of the scenes; only those that deviate are encoded again."""
    from spicy.media.shape import frame_size

    recipe = bench.prompts.recipe
    width, height = frame_size(job.story.aspect_ratio, recipe.output.resolution)
    assembly = recipe.assembly
    params: dict[str, Json] = {
        "version": 1,
        "width": width,
        "height": height,
        "fps": recipe.output.fps,
        "crf": assembly.crf,
        "audio_rate": assembly.audio_rate,
        "audio_channels": assembly.audio_channels,
        "transition": assembly.transition,
        "crossfade_seconds": assembly.crossfade_seconds,
        "title": job.story.title,
        "comment": assembly.mark,
    }
    clips = tuple(asset.digest for asset in files.values())
    done = bench.ask.local(LocalJob(LocalKind.JOIN, clips, params, suffix=".mp4"))
    return Made(files=(done.asset,), facts=done.report)


def make_report(film: str, folder: Path, job: ReportJob, receipts: Mapping[str, Path]) -> Made:
    """Gather the receipts (name → path) into `manifest.json` and `report.html`."""
    from spicy.report.html import render_report
    from spicy.report.manifest import build_manifest

    read = [json.loads(path.read_bytes()) for path in receipts.values() if path.exists()]
    missing = [name for name, path in receipts.items() if not path.exists()]
    manifest = build_manifest(film, job.story, read, missing=missing)
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    return Made(files=(text.encode(), render_report(manifest, folder).encode()))
