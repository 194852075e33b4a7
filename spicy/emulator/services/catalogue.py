"""What exists and what it costs: models, prices, limits and sizes, as of November 2026.

Amounts are integer ticks of 1e-10 US dollars, as the API reports them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

MIB = 1 << 20
MAX_MESSAGE = 20 * MIB
MAX_PICTURE = 10 * MIB
MAX_FILE = 512 * MIB
MAX_EDIT_SECONDS = 8.7
MAX_KEYFRAMES = 4
MAX_VOICES = 3
VIDEO_PROMPT_BYTES = 4096
FPS = 24
# fmt: off
VOICES = frozenset((
    "ara", "eve", "leo", "rex", "sal", "carina", "zagan", "helix", "orion", "luna", "iris",
    "altair", "zenith", "perseus", "helios", "lux", "kepler", "rigel", "cosmo", "celeste", "ursa",
    "sirius", "lumen", "castor", "naksh", "atlas",
))
# fmt: on


def usd(amount: str) -> int:
    """Ticks of an amount of US dollars, written as text so that no cent is rounded."""
    return int(Decimal(amount) * 10**10)


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A language model; every answer costs the same, so that bills can be foretold."""

    name: str
    per_call: int
    input_price: int
    output_price: int
    context: int
    always_reasons: bool
    """Whether reasoning cannot be switched off."""


@dataclass(frozen=True, slots=True)
class ImageModel:
    """An image model; `prices` by quality and resolution. One quality means that none may be asked for."""

    name: str
    prices: Mapping[tuple[str, str], int]
    per_input: int
    max_prompt_bytes: int
    max_inputs: int = 5

    @property
    def qualities(self) -> frozenset[str]:
        """The qualities it knows."""
        return frozenset(quality for quality, _ in self.prices)


@dataclass(frozen=True, slots=True)
class VideoModel:
    """A video model; `per_second` by resolution."""

    name: str
    per_second: Mapping[str, int]
    per_input: int
    max_references: int = 14
    reference_seconds: int = 15
    image_with_references: bool = True
    pins: bool = False
    """Whether last frames, keyframes and voices are understood."""
    edits: bool = False
    """Whether it edits and extends clips."""


def _chat(
    name: str,
    per_call: str,
    price_in: str,
    price_out: str,
    *,
    context: int = 500_000,
    always_reasons: bool = False,
) -> ChatModel:
    a_token_in, a_token_out = usd(price_in) // 10**6, usd(price_out) // 10**6
    return ChatModel(name, usd(per_call), a_token_in, a_token_out, context, always_reasons)


_CHAT = (
    _chat("grok-4.7", "0.02", "2", "6", always_reasons=True),
    _chat("grok-4.6", "0.02", "2", "6", always_reasons=True),
    _chat("grok-4.5", "0.02", "2", "6", always_reasons=True),
    _chat("grok-4.3", "0.005", "1.25", "2.50", context=1_000_000),
    _chat("grok-4.20-0309-reasoning", "0.005", "1.25", "2.50"),
    _chat("grok-4.20-0309-non-reasoning", "0.005", "1.25", "2.50"),
)
_IMAGE = (
    ImageModel(
        "grok-imagine-image-2.0",
        {
            ("low", "1k"): usd("0.04"),
            ("low", "2k"): usd("0.06"),
            ("medium", "1k"): usd("0.06"),
            ("medium", "2k"): usd("0.08"),
        },
        per_input=usd("0.01"),
        max_prompt_bytes=64_000,
    ),
    ImageModel(
        "grok-imagine-image",
        {("", "1k"): usd("0.02"), ("", "2k"): usd("0.02")},
        per_input=usd("0.002"),
        max_prompt_bytes=16_000,
    ),
)
_VIDEO = (
    VideoModel(
        "grok-imagine-video",
        {"480p": usd("0.05"), "720p": usd("0.07")},
        per_input=usd("0.002"),
        reference_seconds=10,
        image_with_references=False,
        edits=True,
    ),
    VideoModel(
        "grok-imagine-video-1.5",
        {"480p": usd("0.08"), "720p": usd("0.14"), "1080p": usd("0.25")},
        per_input=usd("0.01"),
        pins=True,
    ),
    VideoModel(
        "grok-imagine-video-1.5-lite",
        {"480p": usd("0.02"), "720p": usd("0.03"), "1080p": usd("0.14")},
        per_input=usd("0.01"),
        max_references=0,
    ),
)
_RETIRED = {
    "grok-4-1-fast-reasoning": "grok-4.3",
    "grok-4-1-fast-non-reasoning": "grok-4.3",
    "grok-4-fast-reasoning": "grok-4.3",
    "grok-4-fast-non-reasoning": "grok-4.3",
    "grok-4-0709": "grok-4.3",
    "grok-3": "grok-4.3",
    "grok-code-fast-1": "grok-4.3",
    "grok-imagine-image-quality": "grok-imagine-image-2.0",
    "grok-imagine-image-pro": "grok-imagine-image-2.0",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model by name; a retired name is answered by its successor without a word, as in life."""

    chat: Mapping[str, ChatModel] = field(default_factory=lambda: {m.name: m for m in _CHAT})
    image: Mapping[str, ImageModel] = field(default_factory=lambda: {m.name: m for m in _IMAGE})
    video: Mapping[str, VideoModel] = field(default_factory=lambda: {m.name: m for m in _VIDEO})
    retired: Mapping[str, str] = field(default_factory=lambda: dict(_RETIRED))

    def served(self, name: str) -> str:
        """The model that answers for `name`."""
        return self.retired.get(name, name)

    def with_chat_prices(self, per_call: Mapping[str, str]) -> Catalogue:
        """The same catalogue with other flat prices of chat calls, in US dollars by model name."""
        changed = {name: replace(self.chat[name], per_call=usd(price)) for name, price in per_call.items()}
        return replace(self, chat={**self.chat, **changed})


_LISTED = {
    "1:1": (1024, 1024),
    "16:9": (1408, 768),
    "9:16": (768, 1408),
    "3:2": (1296, 864),
    "2:3": (864, 1296),
    "4:3": (1280, 896),
    "3:4": (896, 1280),
}


def picture_size(aspect: float | str, resolution: str) -> tuple[int, int]:
    """Pixels of a picture: the sizes that are known, else about a megapixel in multiples of 16."""
    if isinstance(aspect, str) and aspect in _LISTED:
        width, height = _LISTED[aspect]
    else:
        ratio = ratio_of(aspect) if isinstance(aspect, str) else aspect
        width, height = (round(1024 * side / 16) * 16 for side in (ratio**0.5, ratio**-0.5))
    scale = 2 if resolution == "2k" else 1
    return width * scale, height * scale


def clip_size(ratio: float, resolution: str) -> tuple[int, int]:
    """Pixels of a clip: the short side by resolution, the long side by shape, in multiples of 16."""
    short = int(resolution.removesuffix("p"))
    long = max(short, int(short * max(ratio, 1 / ratio) / 16 + 1e-6) * 16)
    return (long, short) if ratio >= 1 else (short, long)


def ratio_of(aspect: str) -> float:
    """`16:9` as a number."""
    width, height = aspect.split(":")
    return float(width) / float(height)
