"""What each kind of call sets in motion. Heavy libraries are loaded here, by the branch that needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from spicy.canonical_json import digest_json
from spicy.errors import CallFailed
from spicy.ids import Digest
from spicy.ports import Call, ChatCall, EditCall, ExtendCall, ImageCall, VideoCall, inputs_of
from spicy.providers.animatic.clips.progress import Report
from spicy.providers.animatic.story.brief import Brief


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What became of a call: JSON text, or a file."""

    text: str | None = None
    path: Path | None = None


def seed_of(call: Call) -> int:
    """Derive the seed of every random choice from the request and its input files."""
    prompt = call.sent_prompt() if isinstance(call, ImageCall) else call.prompt
    whole = {**call.canonical(), "sent": prompt, "inputs": list(inputs_of(call))}
    return int(digest_json("spicy.animatic.v1", whole)[:15], 16)


def perform(call: Call, files: Mapping[Digest, Path], stem: Path, report: Report) -> WorkResult:
    """Do the work of `call`, writing to `stem` with a suffix. Raises CallFailed, MediaError or OSError."""
    match call:
        case ChatCall():
            return WorkResult(text=_chat(call, [files[d] for d in inputs_of(call)]))
        case ImageCall():
            return WorkResult(
                path=_image(call, [files[d] for d in call.sent_images()], stem.with_suffix(".jpg"))
            )
        case VideoCall():
            from spicy.providers.animatic.clips import clip

            into = stem.with_suffix(".mp4")
            drawn = _first_frame(call, stem) if call.image is None else None
            try:
                first = drawn or files[inputs_of(call)[0]]
                clip.shoot(call, first, into, seed_of(call), report)
            finally:
                if drawn is not None:
                    drawn.unlink()
            return WorkResult(path=into)
        case EditCall():
            from spicy.providers.animatic.clips import correction

            into = stem.with_suffix(".mp4")
            correction.correct(call, files[call.video], into, report)
            return WorkResult(path=into)
        case ExtendCall():
            from spicy.providers.animatic.clips import extension

            into = stem.with_suffix(".mp4")
            extension.extend(call, files[call.video], into, seed_of(call), report)
            return WorkResult(path=into)
        case _:
            assert_never(call)


def _first_frame(call: VideoCall, stem: Path) -> Path:
    """The still that a clip of words alone begins with: the place that they name, and whoever they name in it."""
    import random

    from spicy.providers.animatic.story.character_parser import seen_in

    def draw(prompt: str, shape: str, sheets: list[Path], name: str) -> Path:
        still = ImageCall(
            model=call.model, prompt=prompt, aspect_ratio=shape, resolution=call.resolution, take=call.take
        )
        return _image(still, sheets, stem.with_name(f"{stem.name}-{name}.jpg"))

    cast = seen_in(call.prompt, random.Random(seed_of(call)), 2)
    sheets = [
        draw(f"Card: {role.name}\nDescription: {role.description}", "1:1", [], str(n))
        for n, role in enumerate(cast)
    ]
    figures = "".join(f"\nFigure: {role.description}" for role in cast)
    try:
        return draw(f"{call.prompt}\nSetting: {call.prompt}{figures}", call.aspect_ratio, sheets, "first")
    finally:
        for sheet in sheets:
            sheet.unlink()


def _chat(call: ChatCall, images: list[Path]) -> str:
    if call.schema is None:
        return _offline(call, len(images))
    match call.schema.name:
        case "story":
            from spicy.providers.animatic.story import writer

            return writer.answer(Brief.parse(call.prompt), seed_of(call))
        case "matches" | "label_matches":
            from spicy.providers.animatic.story import labels

            return labels.answer(Brief.parse(call.prompt))
        case "check":
            from spicy.providers.animatic.judging import judge

            return judge.answer(Brief.parse(call.prompt), images)
        case other:
            raise CallFailed(f"the animatic provider has no answer of the form {other!r}")


def _offline(call: ChatCall, images: int) -> str:
    """What somebody hears who asks for a conversation where no language model is."""
    seen = f" with {images} picture{'s' * (images != 1)}" if images else ""
    return (
        "This is the offline animatic provider: it draws, but it does not talk, and no language model has read this."
        f" You asked{seen}: {call.prompt}"
    )


def _image(call: ImageCall, images: list[Path], into: Path) -> Path:
    brief, seed = Brief.parse(call.sent_prompt()), seed_of(call)
    if _wants_scene(call, brief):
        from spicy.providers.animatic import still

        still.compose(call, brief, images, into, seed)
    else:
        from spicy.providers.animatic.figures import card

        card.draw(call, brief, images, into)
    return into


def _wants_scene(call: ImageCall, brief: Brief) -> bool:
    if brief.has("setting") or brief.has("card"):
        return brief.has("setting")
    if "sheet" in brief.text.lower() or "portrait" in brief.text.lower():
        return False
    return len(call.images) != 1 or call.aspect_ratio not in ("1:1", "3:4", "2:3")
