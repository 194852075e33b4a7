"""How much dearer than `cat` it is to join twelve conforming clips: `python tests/bench/bench_join.py`.

Both sides read and write the same bytes in the same folder, alternately, with warm caches; the medians
are compared. The promise is a ratio of at most 10. Prints one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from spicy.media.ffmpeg import run_ffmpeg
from spicy.media.join import JoinPlan, join_clips

CLIPS, SECONDS, ROUNDS, BOUND = 12, 8, 7, 10.0
SIZE, FPS = (1280, 720), 24


def make_clip(into: Path) -> None:
    """Make a clip like a provider's: 720p, 24 fps, about 5 Mbit/s, with sound."""
    picture = f"testsrc2=s={SIZE[0]}x{SIZE[1]}:r={FPS}:d={SECONDS},noise=alls=12:allf=t"
    sound = f"sine=f=330:r=48000:d={SECONDS}"
    run_ffmpeg(
        [
            *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-ac", "2", "-pix_fmt", "yuv420p"),
            *(
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-b:v",
                "5M",
                "-c:a",
                "aac",
                str(into),
            ),
        ]
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as room:
        clips = [Path(room, f"{at}.mp4") for at in range(CLIPS)]
        make_clip(clips[0])
        for clip in clips[1:]:
            clip.write_bytes(clips[0].read_bytes())
        plan = JoinPlan(width=SIZE[0], height=SIZE[1], fps=FPS)
        pile, film = Path(room, "pile"), Path(room, "film.mp4")

        def cat() -> None:
            with pile.open("wb") as out:
                subprocess.run(["cat", *map(str, clips)], stdout=out, check=True)

        rounds = [(timed(cat), timed(lambda: join_clips(clips, film, plan))) for _ in range(ROUNDS + 1)][1:]
        cats, joins = median(c for c, _ in rounds), median(j for _, j in rounds)
        figures = {
            "cat_seconds": round(cats, 4),
            "join_seconds": round(joins, 4),
            "bytes": pile.stat().st_size,
        }
        line = {"bench": "join", "ratio": round(joins / cats, 2), "bound": BOUND, **figures}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
