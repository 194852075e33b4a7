"""What video requests are refused for, model by model; and what an accepted one costs and looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from spicy.emulator.content.inputs import Footage, Inbox, InputPicture, invalid
from spicy.emulator.ledger import Param
from spicy.emulator.services.catalogue import (
    FPS,
    MAX_EDIT_SECONDS,
    MAX_KEYFRAMES,
    MAX_VOICES,
    VIDEO_PROMPT_BYTES,
    VOICES,
    VideoModel,
    clip_size,
    ratio_of,
)
from spicy.emulator.services.sdk_modules import video_pb2

_DEFAULT_SECONDS = 8
_DEFAULT_EXTENSION = 6
_LONGEST = 15
_PINNED_RESOLUTIONS = {"480p", "720p"}


@dataclass(frozen=True, slots=True)
class Shot:
    """A checked request: what it makes and what it is billed for."""

    kind: str
    size: tuple[int, int]
    frames: int
    seconds: int
    """What is billed, and how long it takes."""
    ticks: int
    sound: bool = True
    background: bytes | None = None
    inputs: tuple[bytes, ...] = ()
    params: dict[str, Param] = field(default_factory=dict)


def check_prompt(prompt: str, *, pinned: bool) -> None:
    """Refuse a prompt that is too long, or empty with no frame to start from."""
    if len(prompt.encode()) > VIDEO_PROMPT_BYTES:
        raise invalid(f"Prompt length exceeds the maximum allowed length of {VIDEO_PROMPT_BYTES}.")
    if not prompt.strip() and not pinned:
        raise invalid("Prompt cannot be empty.")


def read_shot(request: video_pb2.GenerateVideoRequest, model: VideoModel, inbox: Inbox) -> Shot:
    """Check a request for a new clip. Raises Refusal."""
    first, last = request.HasField("image"), request.HasField("last_frame")
    check_prompt(request.prompt, pinned=first or last or bool(request.keyframes))
    seconds = request.duration if request.HasField("duration") else _DEFAULT_SECONDS
    if not 1 <= seconds <= _LONGEST:
        raise invalid(f"duration must be between 1 and {_LONGEST} seconds.")
    resolution, aspect = _resolution(request), _aspect(request)
    if resolution not in model.per_second:
        raise invalid(f"Resolution {resolution} is not supported for model {model.name}.")
    _check_references(request, model, seconds)
    _check_pins(request, model, seconds)
    pinned = last or bool(request.keyframes or request.reference_audios)
    if (request.reference_images or pinned) and resolution not in _PINNED_RESOLUTIONS:
        raise invalid(f"Resolution {resolution} is not supported for reference-to-video: at most 720p.")
    given = [
        *([request.image] if first else []),
        *([request.last_frame] if last else []),
        *(k.image for k in request.keyframes),
        *request.reference_images,
    ]
    pictures = [inbox.picture(content) for content in given]
    ratio = pictures[0].ratio if first else ratio_of(aspect)
    return Shot(
        kind="video",
        size=clip_size(ratio, resolution),
        frames=seconds * FPS + 1,
        seconds=seconds,
        ticks=model.per_second[resolution] * seconds + model.per_input * len(pictures),
        sound=request.generate_audio if request.HasField("generate_audio") else True,
        background=_background(pictures),
        inputs=tuple(p.digest for p in pictures),
        params={
            "duration": seconds,
            "resolution": resolution,
            "aspect_ratio": "image" if first else aspect,
            "first": first,
            "last": last,
            "keyframes": [k.timestamp_s for k in request.keyframes],
            "voices": " ".join(a.voice_id for a in request.reference_audios),
            "audio": request.generate_audio if request.HasField("generate_audio") else True,
        },
    )


def read_edit(request: video_pb2.GenerateVideoRequest, model: VideoModel, inbox: Inbox) -> Shot:
    """Check a request to edit a clip. Raises Refusal."""
    check_prompt(request.prompt, pinned=False)
    if not model.edits:
        raise invalid(f"Video editing is not supported for model {model.name}.")
    for name in ("image", "last_frame", "duration", "aspect_ratio", "resolution"):
        if request.HasField(name):
            raise invalid(f"{name} is not supported for video editing.")
    if request.reference_images or request.keyframes or request.reference_audios:
        raise invalid("References are not supported for video editing.")
    footage = inbox.footage(request.video)
    if footage.clip.seconds > MAX_EDIT_SECONDS:
        raise invalid(
            f"Input video is too long: {footage.clip.seconds:.2f} s, the maximum is {MAX_EDIT_SECONDS} s."
        )
    return _from_footage("edit", footage, model, math.ceil(footage.clip.seconds), 0)


def read_extension(request: video_pb2.ExtendVideoRequest, model: VideoModel, inbox: Inbox) -> Shot:
    """Check a request to extend a clip. Raises Refusal."""
    check_prompt(request.prompt, pinned=False)
    if not model.edits:
        raise invalid(f"Video extension is not supported for model {model.name}.")
    added = request.duration if request.HasField("duration") else _DEFAULT_EXTENSION
    if not 1 <= added <= _LONGEST:
        raise invalid(f"duration must be between 1 and {_LONGEST} seconds.")
    footage = inbox.footage(request.video)
    if not 2 <= footage.clip.seconds < _LONGEST + 1:
        raise invalid(f"Input video must be between 2 and {_LONGEST} seconds.")
    return _from_footage("extend", footage, model, added, added)


def _from_footage(kind: str, footage: Footage, model: VideoModel, billed: int, added: int) -> Shot:
    clip = footage.clip
    short = min(clip.width, clip.height)
    shrink = min(1.0, 720 / short)
    size = (round(clip.width * shrink / 2) * 2, round(clip.height * shrink / 2) * 2)
    return Shot(
        kind=kind,
        size=size,
        frames=round((clip.seconds + added) * FPS),
        seconds=billed,
        ticks=model.per_second["480p" if short <= 480 else "720p"] * billed,
        background=footage.small,
        inputs=(footage.digest,),
        params={"duration": added} if added else {},
    )


def _background(pictures: list[InputPicture]) -> bytes | None:
    return pictures[0].small if pictures else None


def _resolution(request: video_pb2.GenerateVideoRequest) -> str:
    if not request.HasField("resolution"):
        return "480p"
    known = video_pb2.VideoResolution
    if request.resolution not in known.values() or not request.resolution:
        raise invalid("Unknown resolution: use 480p, 720p or 1080p.")
    return str(known.Name(request.resolution)).removeprefix("VIDEO_RESOLUTION_").lower()


def _aspect(request: video_pb2.GenerateVideoRequest) -> str:
    if not request.HasField("aspect_ratio"):
        return "16:9"
    known = video_pb2.VideoAspectRatio
    if request.aspect_ratio not in known.values() or not request.aspect_ratio:
        raise invalid("Unknown aspect_ratio.")
    return str(known.Name(request.aspect_ratio)).removeprefix("VIDEO_ASPECT_RATIO_").replace("_", ":")


def _check_references(request: video_pb2.GenerateVideoRequest, model: VideoModel, seconds: int) -> None:
    count = len(request.reference_images)
    if not count:
        return
    if not model.max_references:
        raise invalid("`reference_images` is not supported for this model.")
    if count > model.max_references:
        raise invalid(f"Too many reference images: {count}. Maximum allowed is {model.max_references}.")
    if request.HasField("image") and not model.image_with_references:
        raise invalid(f"Model {model.name} does not support image together with reference_images.")
    if seconds > model.reference_seconds:
        raise invalid(f"duration must be at most {model.reference_seconds} seconds with reference_images.")


def _check_pins(request: video_pb2.GenerateVideoRequest, model: VideoModel, seconds: int) -> None:
    wanted = {
        "last_frame": request.HasField("last_frame"),
        "keyframes": bool(request.keyframes),
        "reference_audios": bool(request.reference_audios),
    }
    for name, given in wanted.items():
        if given and not model.pins:
            raise invalid(f"`{name}` is not supported for this model.")
    times = [k.timestamp_s for k in request.keyframes]
    if len(times) > MAX_KEYFRAMES:
        raise invalid(f"At most {MAX_KEYFRAMES} keyframes are allowed.")
    if any(not 0 < t < seconds for t in times):
        raise invalid("A keyframe's timestamp must lie inside the clip.")
    ordered = sorted(times)
    if any(b - a < 1 / 3 - 1e-3 for a, b in pairwise(ordered)):
        raise invalid("Keyframes must be at least 1/3 second apart.")
    voices = [a.voice_id for a in request.reference_audios]
    if len(voices) > MAX_VOICES:
        raise invalid(f"At most {MAX_VOICES} reference audios are allowed.")
    if unknown := [v for v in voices if v not in VOICES]:
        raise invalid(f"Unknown voice {unknown[0]}: use one of {', '.join(sorted(VOICES))}.")
