"""Cached local work: frames of clips, crops and the join, kept in the store like provider answers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from spicy.canonical_json import Json
from spicy.ids import CallKey, Ticks
from spicy.ports import Asset, LocalJob, LocalKind, LocalResult
from spicy.store.records import CallRecord
from spicy.store.store import Store


def do_local(store: Store, job: LocalJob, progress: Callable[[float], None]) -> LocalResult:
    """Run a local job, store its result and return it. Raises MediaError, DamagedObject.

    It is not in the ledger: it costs nothing, and two concurrent runs produce the same bytes.
    """
    began = time.time()
    paths = [store.objects.open(digest) for digest in job.inputs]
    temporary = store.temporary(f"{job.key()[:16]}.{secrets.token_hex(4)}{job.suffix}")
    try:
        report = _work(job, paths, temporary, progress)
        digest = store.objects.add_file(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    store.records.add(
        CallRecord(
            key=CallKey(job.key()),
            provider="local",
            kind="local",
            purpose=job.kind.value,
            request={"inputs": list(job.inputs), "params": dict(job.params)},
            model="ffmpeg",
            cost=Ticks(0),
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
            seconds=round(time.time() - began, 3),
            text=json.dumps(report),
            digest=digest,
            suffix=job.suffix,
        )
    )
    return LocalResult(Asset(digest, job.suffix), report)


def _work(job: LocalJob, paths: list[Path], into: Path, progress: Callable[[float], None]) -> dict[str, Json]:
    from spicy.media import frames

    match job.kind:
        case LocalKind.FIRST_FRAME:
            frames.first_frame(paths[0], into)
            return {}
        case LocalKind.LAST_FRAME:
            frames.last_frame(paths[0], into)
            return {}
        case LocalKind.CROP:
            from spicy.media.crop import crop_to

            across, down = (int(part) for part in str(job.params["aspect_ratio"]).split(":"))
            crop_to(paths[0], into, across, down)
            return {}
        case LocalKind.JOIN:
            return _join(job, paths, into, progress)


def _join(job: LocalJob, paths: list[Path], into: Path, progress: Callable[[float], None]) -> dict[str, Json]:
    from spicy.media.join import join_clips
    from spicy.media.plan import JoinPlan

    params = dict(job.params)
    report = join_clips(paths, into, JoinPlan(**params), progress)  # type: ignore[arg-type]
    info = report.info
    return {
        "duration": round(report.duration, 3),
        "copied": len(report.copied),
        "reencoded": {str(index + 1): list(reasons) for index, reasons in report.reencoded},
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "codecs": f"{info.video_codec} {info.audio_codec or ''}".strip(),
    }
