"""Files on their way into a request: told apart by their bytes, sent as they are, shrunk when they must be."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from spicy.errors import CallFailed
from spicy.providers.xai import pictures
from spicy.providers.xai.pictures import Inline, read_clip, read_pictures, sniff, weight


def picture(path: Path, form: str = "PNG", size: tuple[int, int] = (8, 6), mode: str = "RGB") -> Path:
    with path.open("wb") as file:
        Image.effect_noise(size, 90).convert(mode).save(file, form)
    return path


@pytest.mark.parametrize(
    ("form", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_a_picture_travels_as_it_is_whatever_it_is_called(tmp_path: Path, form: str, mime: str) -> None:
    path = picture(tmp_path / "a.dat", form)
    (read,) = read_pictures([path])
    assert read == Inline(path.read_bytes(), mime)
    assert read.url() == f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    assert read.weight() == len(read.url())


def test_what_the_model_does_not_take_is_encoded_again(tmp_path: Path) -> None:
    paths = [picture(tmp_path / "a", "WEBP"), picture(tmp_path / "b", "GIF"), picture(tmp_path / "c", "BMP")]
    assert {p.mime for p in read_pictures(paths, webp=False)} == {"image/jpeg"}


def test_only_a_request_that_is_too_large_is_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = picture(tmp_path / "l.png", size=(2400, 300), mode="RGBA")
    small = picture(tmp_path / "s.jpg", "JPEG")
    assert [p.mime for p in read_pictures([large, small])] == ["image/png", "image/jpeg"]
    monkeypatch.setattr(pictures, "REQUEST_BYTES", 100_000)
    shrunk = read_pictures([large, small])
    assert weight(shrunk) < weight(read_pictures([large])) * 4
    with Image.open(io.BytesIO(shrunk[0].data)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (2048, 256))


def test_what_is_no_media_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(CallFailed, match=r"notes\.txt"):
        read_pictures([tmp_path / "notes.txt"])
    with pytest.raises(CallFailed, match=r"notes\.txt is no MP4"):
        read_clip(tmp_path / "notes.txt")


def test_media_are_known_by_their_first_bytes() -> None:
    assert sniff(b"\0\0\0\x20ftypisom\0\0\0\0") == "video/mp4"
    assert sniff(b"<html>") is None
    assert sniff(b"") is None
