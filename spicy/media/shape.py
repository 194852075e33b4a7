"""Frame sizes: a resolution such as `720p` names the short side, the aspect ratio gives the other."""

from __future__ import annotations

from spicy.errors import UsageError


def frame_size(aspect_ratio: str, resolution: str) -> tuple[int, int]:
    """Width and height in pixels; the long side is rounded down to a multiple of 16.

    That rounding is what xAI delivers: 480p at 16:9 is 848x480 (sizes as listed by runware.ai for
    grok-imagine-video-1.5). Raises UsageError for what is no resolution or ratio.
    """
    try:
        across, down = (float(part) for part in aspect_ratio.split(":"))
        short = int(resolution.removesuffix("p"))
        long = int(short * max(across, down) / min(across, down)) // 16 * 16
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{resolution} at {aspect_ratio} is no frame size; try 720p at 16:9") from error
    long = max(long, short // 2 * 2)
    return (long, short) if across >= down else (short, long)
