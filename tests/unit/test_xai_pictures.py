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


def test_a_single_picture_goes_on_a_canvas_of_the_shape_that_is_asked_for() -> None:
    square = Image.new("RGB", (300, 300), (10, 200, 30))
    square.paste((255, 0, 0), (100, 50, 200, 250))
    into = io.BytesIO()
    square.save(into, "PNG")
    sent = pictures.on_canvas(pictures.Inline(into.getvalue(), "image/png"), "16:9", "sheet.png")
    with Image.open(io.BytesIO(sent.data)) as wide:
        assert (sent.mime, wide.size) == ("image/jpeg", (533, 300))
        for at in ((2, 150), (530, 150), (200, 20)):  # the sheet's own background, to the edges
            assert _near(wide.getpixel(at), (10, 200, 30))
        assert _near(wide.getpixel((266, 150)), (255, 0, 0))  # and the figure whole, in the middle
        assert _near(wide.getpixel((266, 60)), (255, 0, 0))


@pytest.mark.parametrize("size", [(1408, 768), (1280, 720), (1600, 900)])
def test_a_picture_that_is_nearly_in_shape_is_sent_as_it_is(size: tuple[int, int]) -> None:
    into = io.BytesIO()
    Image.new("RGB", size, "grey").save(into, "JPEG")
    picture = pictures.Inline(into.getvalue(), "image/jpeg")
    assert pictures.on_canvas(picture, "16:9", "still.jpg") == picture


def test_what_is_no_picture_is_not_put_on_a_canvas() -> None:
    with pytest.raises(CallFailed, match=r"odd\.png cannot be sent"):
        pictures.on_canvas(pictures.Inline(b"\x89PNG\r\n\x1a\nodd", "image/png"), "16:9", "odd.png")


def _near(found: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))
