"""Draw the user's own footage that specs/vertical.yaml brings along: a short clip and a still.

    python tools/make_footage.py            # writes specs/footage/plane.mp4 and specs/art/window.jpg

Both are drawn from nothing but shapes and noise, so that the repository holds no one else's pictures.
Needs ffmpeg on the path.
"""

from __future__ import annotations

import math
import random
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

SPECS = Path(__file__).parent.parent / "specs"
WIDTH, HEIGHT, FPS, SECONDS = 720, 1280, 24, 3
FRAMES = FPS * SECONDS
HORIZON = 900

Colour = tuple[int, int, int]
Point = tuple[float, float]

DUSK: list[tuple[float, Colour]] = [
    (0.0, (22, 24, 62)),
    (0.35, (70, 54, 110)),
    (0.58, (186, 98, 122)),
    (0.7, (246, 168, 112)),
    (1.0, (255, 214, 150)),
]


def gradient(stops: list[tuple[float, Colour]], width: int, height: int) -> Image.Image:
    """A vertical gradient through colours at their heights, with a grain too fine to band."""
    at = np.linspace(0.0, 1.0, height)
    bands = [np.interp(at, [s for s, _ in stops], [c[i] for _, c in stops]) for i in range(3)]
    rows = np.stack(bands, axis=1)[:, None, :].repeat(width, axis=1)
    grain = np.random.default_rng(7).normal(0.0, 0.8, (height, width, 1))
    return Image.fromarray(np.clip(rows + grain, 0, 255).astype(np.uint8))


def glow(size: tuple[int, int], centre: Point, radius: float, colour: Colour) -> Image.Image:
    """Light that falls off softly around a point, to be screened over a picture."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    far = np.hypot(x - centre[0], y - centre[1]) / radius
    light = np.exp(-(far**2))[..., None] * np.array(colour)
    return Image.fromarray(light.astype(np.uint8))


def sky() -> Image.Image:
    """The evening sky with its first stars and a low sun."""
    picture = gradient(DUSK, WIDTH, HEIGHT)
    draw = ImageDraw.Draw(picture)
    rng = random.Random(3)
    for _ in range(60):
        x, y = rng.randrange(WIDTH), rng.randrange(int(HEIGHT * 0.36))
        shine = int(90 + 130 * rng.random() * (1 - y / HEIGHT))
        draw.point((x, y), (shine + 20, shine + 15, min(255, shine + 40)))
    sun = (505.0, 800.0)
    draw.ellipse((sun[0] - 74, sun[1] - 74, sun[0] + 74, sun[1] + 74), (255, 226, 176))
    return ImageChops.screen(picture, glow((WIDTH, HEIGHT), sun, 330, (120, 72, 40)))


def clouds(width: int) -> Image.Image:
    """Long thin clouds, lit from below."""
    mask = Image.new("L", (width, HEIGHT), 0)
    draw = ImageDraw.Draw(mask)
    rng = random.Random(11)
    for _ in range(9):
        x, y, long = rng.randrange(width), rng.randrange(300, 720), rng.randrange(160, 420)
        for _ in range(6):
            dx, dy, w = rng.uniform(-0.4, 0.4) * long, rng.uniform(-12, 12), long * rng.uniform(0.3, 0.6)
            draw.ellipse((x + dx - w / 2, y + dy - 10, x + dx + w / 2, y + dy + 10), 105)
    layer = Image.new("RGBA", (width, HEIGHT), (255, 196, 178, 0))
    layer.putalpha(mask.filter(ImageFilter.GaussianBlur(9)))
    return layer


def skyline(width: int, seed: int, base: int, tallest: int, wall: Colour, lit: float) -> Image.Image:
    """A row of houses as a layer, wider than the picture so that it can pass by."""
    layer = Image.new("RGBA", (width, HEIGHT), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    rng = random.Random(seed)
    x = -20
    while x < width:
        wide, top = rng.randrange(54, 120), base - rng.randrange(tallest // 4, tallest)
        draw.rectangle((x, top, x + wide, HEIGHT), (*wall, 255))
        roof = rng.random()
        if roof < 0.3:
            draw.polygon([(x, top), (x + wide / 2, top - wide * 0.4), (x + wide, top)], (*wall, 255))
        elif roof < 0.5:
            draw.line((x + wide / 2, top, x + wide / 2, top - 46), (*wall, 255), 3)
        elif roof < 0.7:
            draw.rectangle((x + wide * 0.2, top - 22, x + wide * 0.55, top), (*wall, 255))
        for wy in range(top + 16, HEIGHT, 30):
            for wx in range(x + 11, x + wide - 15, 22):
                if rng.random() < lit:
                    warm = rng.choice([(255, 206, 120), (255, 184, 98), (255, 226, 168)])
                    draw.rectangle((wx, wy, wx + 8, wy + 13), (*warm, rng.randrange(130, 240)))
        x += wide + rng.choice([0, 0, 3, 12])
    return layer


def plane(size: float, tilt: float) -> Image.Image:
    """A folded paper plane seen from the side and a little below, nose to the right; tilt in degrees."""
    scale = 4
    side = int(size * 1.5) * scale
    layer = Image.new("RGBA", (side, side), (255, 236, 216, 0))
    draw = ImageDraw.Draw(layer)
    s, middle = size * scale, side / 2

    def at(x: float, y: float) -> Point:
        return (middle + x * s, middle + y * s)

    nose, tail = at(0.5, 0.02), at(-0.42, 0.04)
    draw.polygon([nose, at(-0.5, -0.3), at(-0.3, -0.02)], (236, 214, 208, 255))  # the far wing
    draw.polygon([nose, at(-0.3, -0.02), at(-0.34, 0.2)], (168, 134, 150, 255))  # the keel, in shade
    draw.polygon([nose, tail, at(-0.46, -0.14)], (255, 246, 232, 255))  # the near wing, in the light
    draw.line([nose, tail], (214, 180, 174, 255), 2 * scale)
    turned = layer.rotate(tilt, Image.Resampling.BICUBIC)
    return turned.resize((side // scale, side // scale), Image.Resampling.LANCZOS)


def flight(t: float) -> tuple[Point, float]:
    """Where the plane is at a time from 0 to 1, and how it is tilted: it dips, then the wind lifts it."""
    x = 150 + 400 * (t - 0.12 * math.sin(2 * math.pi * t) / math.pi)
    y = 560 + 70 * math.sin(1.15 * math.pi * t) - 190 * t * t
    return (x, y), -14 * math.cos(1.15 * math.pi * t) + 26 * t * t


def trail(picture: Image.Image, t: float) -> None:
    """A dashed line, as children draw the way of a plane, fading behind it."""
    over = Image.new("RGBA", picture.size, (255, 240, 224, 0))
    draw = ImageDraw.Draw(over)
    for i in range(26):
        then = t - 0.07 - i * 0.016
        (x, y), _ = flight(then)
        (x2, y2), _ = flight(then - 0.008)
        shift = 250 * (t - then)
        fade = int(150 * (1 - i / 26))
        draw.line((x - shift, y + 8, x2 - shift - 2, y2 + 8), (255, 240, 224, fade), 3)
    picture.alpha_composite(over)


def film() -> bytes:
    """Every frame of the clip, as raw RGB."""
    far = skyline(WIDTH + 200, 21, HORIZON + 40, 220, (118, 74, 112), 0.10)
    middle = skyline(WIDTH + 320, 5, HORIZON + 170, 300, (66, 46, 88), 0.24)
    near = skyline(WIDTH + 520, 8, HORIZON + 330, 330, (30, 26, 54), 0.34)
    background, drifting = sky().convert("RGBA"), clouds(WIDTH + 120)
    frames = []
    for n in range(FRAMES):
        t = n / (FRAMES - 1)
        picture = background.copy()
        for layer, speed in ((drifting, 60), (far, 90), (middle, 190), (near, 360)):
            picture.alpha_composite(layer.crop((int(speed * t), 0, int(speed * t) + WIDTH, HEIGHT)))
        trail(picture, t)
        (x, y), tilt = flight(t)
        paper = plane(230, tilt)
        picture.alpha_composite(paper, (int(x - paper.width / 2), int(y - paper.height / 2)))
        frames.append(picture.convert("RGB").tobytes())
    return b"".join(frames)


def make_clip(path: Path) -> None:
    """Encode the flight with a soft chord and a breath of wind."""
    chord = "+".join(
        f"0.05*sin(2*PI*{f}*t)*(0.8+0.2*sin(2*PI*0.4*t+{f}))" for f in (220.0, 277.18, 329.63, 415.3)
    )
    sound = f"aevalsrc='{chord}':s=48000:d={SECONDS}[chord];"
    wind = f"anoisesrc=r=48000:d={SECONDS}:c=pink:a=0.05:seed=4,lowpass=f=700[wind];"
    mix = f"[chord][wind]amix=2:normalize=0,afade=in:d=0.4,afade=out:st={SECONDS - 0.6}:d=0.6,pan=stereo|c0=c0|c1=c0"
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    video = ["-c:v", "libx264", "-preset", "veryslow", "-crf", "27", "-pix_fmt", "yuv420p"]
    audio = ["-c:a", "aac", "-b:a", "64k", "-shortest"]
    command = ["ffmpeg", "-v", "error", "-y", *shape, "-filter_complex", f"{sound}{wind}{mix}[a]"]
    command += ["-map", "0:v", "-map", "[a]", *video, *audio, "-movflags", "+faststart", str(path)]
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(command, input=film(), check=True)


def facade() -> Image.Image:
    """A house wall at night, brick by brick."""
    wall = gradient([(0.0, (38, 38, 74)), (1.0, (20, 20, 46))], WIDTH, HEIGHT)
    draw = ImageDraw.Draw(wall)
    rng = random.Random(2)
    for row, y in enumerate(range(0, HEIGHT, 34)):
        for x in range(-84 if row % 2 else -42, WIDTH, 84):
            shade = rng.randrange(-5, 7)
            base = wall.getpixel((max(0, min(x + 40, WIDTH - 1)), min(y + 15, HEIGHT - 1)))
            draw.rounded_rectangle((x + 2, y + 2, x + 80, y + 30), 3, tuple(c + shade + 5 for c in base))
    return wall


def make_still(path: Path) -> None:
    """A lit window at night; a paper plane has come to rest on its sill."""
    picture = facade()
    box = (150, 330, 570, 930)
    inside = gradient([(0.0, (255, 214, 140)), (0.7, (250, 176, 96)), (1.0, (206, 118, 70))], 420, 600)
    room = ImageDraw.Draw(inside)
    room.rectangle((222, 170, 352, 176), (170, 92, 58))
    for i, (wide, tall, colour) in enumerate(
        [(18, 74, (150, 78, 66)), (24, 90, (92, 96, 112)), (16, 66, (196, 150, 88)), (26, 82, (120, 66, 84))]
    ):
        room.rectangle((230 + i * 22, 170 - tall, 230 + i * 22 + wide, 169), colour)
    room.line((120, 0, 120, 96), (120, 66, 46), 4)
    room.polygon([(76, 150), (164, 150), (142, 96), (98, 96)], (255, 244, 206))
    inside = ImageChops.screen(inside, glow((420, 600), (120, 165), 190, (110, 90, 50)))
    picture.paste(inside, box[:2])
    picture = ImageChops.screen(picture, glow(picture.size, (360, 640), 430, (92, 54, 26)))
    curtains = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    fold = ImageDraw.Draw(curtains)
    for i in range(7):
        tone = 150 + (i % 2) * 26
        fold.polygon(
            [(150 + i * 14, 330), (164 + i * 14, 330), (158 + i * 9, 930), (149 + i * 9, 930)],
            (tone, 70, 72, 235),
        )
        fold.polygon(
            [(570 - i * 14, 330), (556 - i * 14, 330), (562 - i * 9, 930), (571 - i * 9, 930)],
            (tone, 70, 72, 235),
        )
    shown = picture.convert("RGBA")
    shown.alpha_composite(curtains)
    draw = ImageDraw.Draw(shown)
    frame = (232, 222, 214, 255)
    draw.rectangle((138, 318, 582, 942), outline=frame, width=14)
    draw.rectangle((354, 330, 366, 930), frame)
    draw.rectangle((150, 556, 570, 568), frame)
    draw.rectangle((104, 940, 616, 974), (206, 194, 190, 255))
    draw.rectangle((104, 974, 616, 988), (112, 100, 118, 255))
    draw.polygon([(176, 940), (246, 940), (236, 872), (186, 872)], (158, 84, 60, 255))
    for lean, tall in ((-46, 92), (-22, 126), (4, 142), (28, 118), (50, 84)):
        stem = (211 + lean * 0.2, 874), (211 + lean, 874 - tall)
        draw.line(stem, (58, 96, 74, 255), 5)
        draw.ellipse((stem[1][0] - 13, stem[1][1] - 24, stem[1][0] + 13, stem[1][1] + 12), (74, 122, 88, 255))
    shown.alpha_composite(plane(210, -7), (330, 762))
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.convert("RGB").save(path, quality=88, optimize=True)


if __name__ == "__main__":
    make_clip(SPECS / "footage" / "plane.mp4")
    make_still(SPECS / "art" / "window.jpg")
