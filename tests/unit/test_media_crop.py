"""A still is cut to the film's shape, and only when it is out of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from spicy.media.crop import crop_to, in_shape


@pytest.mark.parametrize(
    ("size", "shape", "fits"),
    [
        ((1280, 720), (16, 9), True),
        ((848, 477), (16, 9), True),
        ((1408, 768), (16, 9), False),
        ((720, 1280), (9, 16), True),
        ((1024, 1024), (1, 1), True),
        ((1024, 1000), (1, 1), False),
    ],
)
def test_in_shape(size: tuple[int, int], shape: tuple[int, int], fits: bool) -> None:
    assert in_shape(*size, *shape) is fits


@pytest.mark.parametrize(
    ("size", "shape"), [((1408, 768), (16, 9)), ((300, 1000), (9, 16)), ((100, 70), (1, 1))]
)
def test_the_middle_is_kept_in_shape(tmp_path: Path, size: tuple[int, int], shape: tuple[int, int]) -> None:
    Image.new("RGB", size, "navy").save(tmp_path / "still.jpg")
    crop_to(tmp_path / "still.jpg", tmp_path / "cut.jpg", *shape)
    with Image.open(tmp_path / "cut.jpg") as cut:
        assert in_shape(*cut.size, *shape)
        assert cut.size[0] <= size[0]
        assert cut.size[1] <= size[1]
        assert max(cut.size[0] / size[0], cut.size[1] / size[1]) > 0.9
