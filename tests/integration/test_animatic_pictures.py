"""The animatic's pictures: cards, keyframes, cut-outs, and the judge that looks at them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spicy.ids import Digest
from spicy.ports import ImageCall, OrderOnly
from spicy.providers.animatic import still
from spicy.providers.animatic.figures import card
from spicy.providers.animatic.judging import cutout, judge
from spicy.providers.animatic.story.brief import Brief

FOX = "A small red fox with a white-tipped tail, amber eyes and a green scarf."
OWL = "A great brown owl with a cream chest, golden eyes and a blue hat."
CAST = [
    FOX, OWL, "A black cat with green eyes and a red collar.", "A silver robot with an orange light and cyan eyes.",
    "A girl with brown braids, a yellow raincoat and red boots.", "An old wizard with a long white beard in a purple robe.",
    "A green dragon with orange wings and a cream belly.", "A grey elephant with a yellow scarf.",
    "A pink creature with a cream belly and green eyes.", "A white ghost with a purple cape.",
]  # fmt: skip
IMAGE = Digest("0" * 64)


def opened(path: Path) -> Image.Image:
    """The picture in a file, with the file closed again."""
    with Image.open(path) as picture:
        return picture.copy()


def draw_card(words: str, into: Path, **more: object) -> Path:
    """Draw a card."""
    prompt = f"Paper\nCard: Somebody\nRole: lead\nDescription: {words}"
    call = ImageCall(model="m", prompt=prompt, aspect_ratio="1:1", resolution="480p", **more)  # type: ignore[arg-type]
    card.draw(call, Brief.parse(prompt), [], into)
    return into


def draw_still(
    setting: str, cast: list[tuple[str, Path]], into: Path, aspect: str = "16:9", lines: str = ""
) -> Path:
    """Compose a keyframe."""
    prompt = f"Paper\nSetting: {setting}\n{lines}" + "".join(f"Figure: {words}\n" for words, _ in cast)
    call = ImageCall(
        model="m", prompt=prompt, aspect_ratio=aspect, resolution="360p", images=(IMAGE,) * len(cast)
    )
    still.compose(call, Brief.parse(prompt), [path for _, path in cast], into, seed=len(setting))
    return into


def score(what: str, cast: list[str], pictures: list[Path]) -> tuple[float, list[str]]:
    """Ask the judge."""
    prompt = f"Check: {what}\n" + "".join(f"Figure: {words}\n" for words in cast)
    verdict = json.loads(judge.answer(Brief.parse(prompt), pictures))
    return verdict["score"], verdict["problems"]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cards")
    return [draw_card(words, folder / f"{k}.jpg") for k, words in enumerate(CAST)]


def test_own_cards_are_good_and_those_of_others_are_not(cards: list[Path]) -> None:
    for k, words in enumerate(CAST):
        assert score("sheet", [words], [cards[k]]) >= (0.85, [])
        assert score("sheet", [words], [cards[(k + 1) % len(CAST)]])[0] < 0.7


def test_a_card_with_swapped_colours_is_told_apart_in_words(cards: list[Path], tmp_path: Path) -> None:
    red, green, blue = opened(cards[0]).split()
    Image.merge("RGB", (blue, red, green)).save(tmp_path / "swapped.jpg")
    value, problems = score("sheet", [FOX], [tmp_path / "swapped.jpg"])
    assert value < 0.6
    assert any("of the fox is missing" in p for p in problems)


def test_nothing_and_noise_score_nothing(cards: list[Path], tmp_path: Path) -> None:
    Image.new("RGB", (320, 320)).save(tmp_path / "black.jpg")
    noise = np.random.default_rng(1).integers(0, 255, (320, 320, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    for name in ("black.jpg", "noise.jpg"):
        assert score("sheet", [FOX], [tmp_path / name])[0] < 0.4
        assert score("keyframe", [FOX], [tmp_path / name, cards[0]])[0] < 0.4


@pytest.mark.parametrize(
    ("setting", "lines", "aspect"),
    [
        ("an enchanted forest at night", "Camera: low angle, push-in\n", "16:9"),
        ("a city street in the rain", "Camera: wide shot\n", "16:9"),
        ("a library at dusk", "Camera: medium shot\n", "1:1"),
        ("a beach at noon", "Camera: high angle\n", "9:16"),
    ],
)
def test_the_cast_is_found_in_its_keyframe_and_no_one_else(
    cards: list[Path], tmp_path: Path, setting: str, lines: str, aspect: str
) -> None:
    path = draw_still(setting, [(FOX, cards[0]), (OWL, cards[1])], tmp_path / "k.jpg", aspect, lines)
    assert score("keyframe", [FOX, OWL], [path, cards[0], cards[1]])[0] >= 0.8
    wrong, problems = score("keyframe", [CAST[3], CAST[4]], [path, cards[3], cards[4]])
    assert wrong < 0.7
    assert problems


def test_a_reference_is_redrawn_as_the_same_subject(tmp_path: Path) -> None:
    reference = Image.new("RGB", (300, 400), (200, 220, 230))
    pen = ImageDraw.Draw(reference)
    pen.ellipse((70, 90, 230, 380), fill=(180, 60, 40))
    pen.ellipse((100, 30, 200, 130), fill=(240, 200, 90))
    reference.save(tmp_path / "ref.png")
    prompt = "Paper\nCard: Blob\nDescription: A blob."
    call = ImageCall(model="m", prompt=prompt, aspect_ratio="1:1", resolution="480p", images=(IMAGE,))
    card.draw(call, Brief.parse(prompt), [tmp_path / "ref.png"], tmp_path / "card.jpg")
    assert score("sheet", ["A blob."], [tmp_path / "card.jpg", tmp_path / "ref.png"])[0] >= 0.8
    other = draw_card(OWL, tmp_path / "owl.jpg")
    assert score("sheet", ["A blob."], [other, tmp_path / "ref.png"])[0] < 0.6


def test_photographs_are_framed_and_transparent_pictures_are_cut_out(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((300, 400), Image.Resampling.BICUBIC)
    assert not cutout.cut(photo).keyed
    photo.save(tmp_path / "photo.png")
    shape = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(shape).ellipse((60, 60, 240, 240), fill=(250, 240, 230, 255))
    shape.save(tmp_path / "shape.png")
    for name in ("photo.png", "shape.png"):
        prompt = "Paper\nCard: X\nDescription: A thing."
        call = ImageCall(model="m", prompt=prompt, aspect_ratio="3:4", resolution="144p", images=(IMAGE,))
        card.draw(call, Brief.parse(prompt), [tmp_path / name], tmp_path / "out.jpg")
        assert opened(tmp_path / "out.jpg").size == (144, 192)


def test_the_cut_out_is_the_figure_without_the_lettering(cards: list[Path]) -> None:
    cut = cutout.cut(opened(cards[3]))
    assert cut.keyed
    assert cut.figure.height < 0.8 * 480
    alpha = np.asarray(cut.figure.getchannel("A"))
    assert alpha[0, 0] == 0
    assert 0.3 < (alpha > 128).mean() < 0.9


def test_a_second_attempt_is_another_and_stronger_card(tmp_path: Path) -> None:
    first = draw_card(FOX, tmp_path / "1.jpg")
    second = draw_card(FOX, tmp_path / "2.jpg", attempt=2)

    def strength(path: Path) -> float:
        figure = np.asarray(cutout.cut(opened(path)).figure.convert("HSV"), np.float32)
        return float(figure[..., 1].mean())

    assert strength(second) > strength(first)


def test_the_shot_before_lends_its_colour(cards: list[Path], tmp_path: Path) -> None:
    Image.new("RGB", (64, 36), (220, 40, 30)).save(tmp_path / "red.jpg")
    prompt = "Paper\nSetting: a grey city in fog"
    alone = ImageCall(model="m", prompt=prompt, aspect_ratio="16:9", resolution="96p")
    after = ImageCall(
        model="m", prompt=prompt, aspect_ratio="16:9", resolution="96p",
        order_only=OrderOnly((IMAGE,), "Previous: the last picture"),
    )  # fmt: skip
    still.compose(alone, Brief.parse(alone.sent_prompt()), [], tmp_path / "a.jpg", 1)
    still.compose(after, Brief.parse(after.sent_prompt()), [tmp_path / "red.jpg"], tmp_path / "b.jpg", 1)
    a, b = (np.asarray(opened(tmp_path / n), np.float32).mean(axis=(0, 1)) for n in ("a.jpg", "b.jpg"))
    assert (b - a)[0] > 4 > (b - a)[2]


def test_prompts_without_labels_still_draw(tmp_path: Path) -> None:
    from spicy.providers.animatic.work import perform

    for aspect, prompt in (
        ("16:9", "A red fox in a snowy forest"),
        ("1:1", "Character sheet of a blue robot"),
        ("16:9", ""),
    ):
        call = ImageCall(model="m", prompt=prompt, aspect_ratio=aspect, resolution="96p")
        made = perform(call, {}, tmp_path / "x", lambda progress: None)
        assert made.path is not None
        assert opened(made.path).size == ((168, 96) if aspect == "16:9" else (96, 96))
