"""What every provider promises, asked of each of them: one suite, so that neither can drift from the other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from spicy.canonical_json import digest_file
from spicy.emulator import Emulator
from spicy.errors import CallError, Expired, Interrupted
from spicy.ids import Digest
from spicy.media.probe import probe_clip, probe_picture
from spicy.ports import (
    Answer,
    Call,
    ChatCall,
    EditCall,
    ExtendCall,
    ImageCall,
    Provider,
    Schema,
    Ticket,
    Turn,
    VideoCall,
)
from spicy.providers.animatic import AnimaticProvider
from spicy.providers.xai import RateSettings, RetryPolicy, XaiProvider
from spicy.providers.xai.pace import Backoff
from spicy.story.draft import CHECK_SCHEMA, MATCH_SCHEMA, STORY_SCHEMA, Check, LabelMatches, StoryDraft

KEY = "conformance-key"
SHAPES = {"1:1": 1.0, "16:9": 16 / 9, "9:16": 9 / 16}


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider under test, with what it calls its models and its smallest sizes."""

    provider: Provider
    chat: str
    image: str
    video: str
    reference_video: str
    image_resolution: str
    video_resolution: str
    paid: bool

    def ask(self, prompt: str, schema: Schema, images: tuple[Digest, ...] = ()) -> ChatCall:
        """A chat."""
        return ChatCall(model=self.chat, prompt=prompt, schema=schema, images=images)

    def draw(self, prompt: str, shape: str, images: tuple[Digest, ...] = ()) -> ImageCall:
        """A still."""
        return ImageCall(
            model=self.image,
            prompt=prompt,
            aspect_ratio=shape,
            resolution=self.image_resolution,
            images=images,
        )

    def animate(self, image: Digest, shape: str) -> VideoCall:
        """A clip of a second."""
        return VideoCall(
            model=self.video,
            prompt="Paper\nCamera: pan left\nCaption: It runs",
            image=image,
            duration=1,
            resolution=self.video_resolution,
            aspect_ratio=shape,
        )

    def refer(self, image: Digest, references: tuple[Digest, ...]) -> VideoCall:
        """A clip of a second that is shown who is in it."""
        return replace(
            self.animate(image, "16:9"),
            model=self.reference_video,
            prompt="Paper\nCaption: It runs\nThe character is the one of <IMAGE_0>",
            references=references,
        )

    def extend(self, video: Digest, seconds: int) -> ExtendCall:
        """More of a clip."""
        return ExtendCall(
            model=self.video,
            prompt="Paper\nCamera: pan left",
            video=video,
            seconds=seconds,
            resolution=self.video_resolution,
        )

    def correct(self, video: Digest) -> EditCall:
        """A correction."""
        return EditCall(
            model=self.video,
            prompt="Paper\nCorrect: too pale",
            video=video,
            seconds=1,
            resolution=self.video_resolution,
        )

    def finish(self, submitted: Ticket | Answer) -> Answer:
        """Poll to the end."""
        deadline = time.monotonic() + 60
        while isinstance(submitted, Ticket):
            state = self.provider.poll(submitted)
            if isinstance(state, Answer):
                return state
            assert state.progress is None or 0 <= state.progress <= 1
            assert time.monotonic() < deadline
            time.sleep(self.provider.poll_seconds)
        return submitted

    def make(self, call: Call, files: dict[Digest, Path], into: Path) -> Digest:
        """Have media made; afterwards `files` holds it under its digest."""
        self.provider.fetch(self.finish(self.provider.submit(call, files)), into)
        digest = digest_file(into)
        files[digest] = into
        return digest


def animatic() -> Iterator[Subject]:
    provider = AnimaticProvider(threads=2)
    names = ("animatic-1",) * 4
    yield Subject(provider, *names, image_resolution="144p", video_resolution="144p", paid=False)
    provider.close()


def xai() -> Iterator[Subject]:
    quick = Backoff(4, first=0.01, longest=0.1)
    with Emulator(key=KEY, time_scale=0.01) as emulator:
        provider = XaiProvider(
            KEY,
            host=emulator.host,
            rates=RateSettings(1000, 1000, 1000),
            patience=RetryPolicy(quick, quick, quick, quick),
            poll_seconds=0.02,
        )
        yield Subject(
            provider,
            "grok-4.7",
            "grok-imagine-image-2.0",
            "grok-imagine-video",
            "grok-imagine-video-1.5",
            image_resolution="1k",
            video_resolution="480p",
            paid=True,
        )
        provider.close()


SUBJECTS = {"animatic": animatic, "xai": xai}


@pytest.fixture(params=SUBJECTS)
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Subject]:
    monkeypatch.chdir(tmp_path)  # providers move and write files: whatever goes wrong stays here
    yield from SUBJECTS[request.param]()


STORY = "Concept: two cats\nScenes: 2"
SHEET = "Paper\nCard: Ember\nRole: lead\nDescription: A red fox with a green scarf."
SCENE = "Paper\nSetting: a forest at night\nFigure: fox"


def test_it_has_a_name_and_a_rhythm(subject: Subject) -> None:
    assert subject.provider.name in SUBJECTS
    assert 0 < subject.provider.poll_seconds <= 10


def test_a_story_is_valid_and_comes_with_model_and_cost(subject: Subject) -> None:
    answer = subject.finish(subject.provider.submit(subject.ask(STORY, STORY_SCHEMA), {}))
    assert StoryDraft.model_validate_json(answer.text or "").scenes
    assert answer.link is None
    assert answer.model == subject.chat
    assert (answer.cost > 0) == subject.paid


def test_a_picture_is_judged_and_labels_are_matched(subject: Subject, tmp_path: Path) -> None:
    files: dict[Digest, Path] = {}
    sheet = subject.make(subject.draw(SHEET, "1:1"), files, tmp_path / "s.jpg")
    verdict = subject.finish(
        subject.provider.submit(subject.ask("Card: Ember", CHECK_SCHEMA, (sheet,)), files)
    )
    assert 0 <= Check.model_validate_json(verdict.text or "").score <= 1
    matched = subject.finish(subject.provider.submit(subject.ask("Label: fox", MATCH_SCHEMA), {}))
    LabelMatches.model_validate_json(matched.text or "")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_still_has_the_shape_that_was_asked_for(subject: Subject, tmp_path: Path, shape: str) -> None:
    answer = subject.finish(subject.provider.submit(subject.draw(SCENE, shape), {}))
    assert (answer.model, answer.text) == (subject.image, None)
    assert (answer.cost > 0) == subject.paid
    subject.provider.fetch(answer, tmp_path / "still.jpg")
    picture = probe_picture(tmp_path / "still.jpg")
    assert picture.width / picture.height == pytest.approx(SHAPES[shape], rel=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_edit_of_one_picture_has_the_shape_that_was_asked_for(
    subject: Subject, tmp_path: Path, shape: str
) -> None:
    files: dict[Digest, Path] = {}
    sheet = subject.make(subject.draw(SHEET, "1:1"), files, tmp_path / "sheet.jpg")
    subject.make(subject.draw(SCENE, shape, (sheet,)), files, tmp_path / "still.jpg")
    picture = probe_picture(tmp_path / "still.jpg")
    assert picture.width / picture.height == pytest.approx(SHAPES[shape], rel=0.05)


def test_a_film_of_one_scene_goes_its_whole_way(subject: Subject, tmp_path: Path) -> None:
    files: dict[Digest, Path] = {}
    sheet = subject.make(subject.draw(SHEET, "1:1"), files, tmp_path / "sheet.jpg")
    other = subject.make(subject.draw(SHEET.replace("red", "grey"), "1:1"), files, tmp_path / "other.jpg")
    still = subject.make(subject.draw(SCENE, "16:9", (sheet, other)), files, tmp_path / "still.jpg")
    ticket = subject.provider.submit(subject.animate(still, "16:9"), files)
    assert isinstance(ticket, Ticket)
    first = subject.finish(ticket)
    assert subject.provider.poll(ticket) == first or subject.paid  # a new link is as good
    again = subject.provider.poll(ticket)
    assert isinstance(again, Answer)
    assert (again.model, again.cost) == (first.model, first.cost) == (subject.video, first.cost)
    subject.provider.fetch(again, tmp_path / "clip.mp4")
    clip = probe_clip(tmp_path / "clip.mp4")
    assert clip.width / clip.height == pytest.approx(16 / 9, rel=0.05)
    assert 1 <= clip.duration <= 1.2
    files[digest := digest_file(tmp_path / "clip.mp4")] = tmp_path / "clip.mp4"
    subject.make(subject.correct(digest), files, tmp_path / "mended.mp4")
    mended = probe_clip(tmp_path / "mended.mp4")
    assert (mended.width, mended.height) == (clip.width, clip.height)
    assert mended.duration == pytest.approx(clip.duration, abs=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_clip_is_made_of_words_alone(subject: Subject, tmp_path: Path, shape: str) -> None:
    call = replace(subject.animate(Digest(""), shape), image=None, prompt="A cat plays the piano")
    subject.make(call, {}, tmp_path / "clip.mp4")
    clip = probe_clip(tmp_path / "clip.mp4")
    assert clip.width / clip.height == pytest.approx(SHAPES[shape], rel=0.05)


def test_a_conversation_is_answered_in_words(subject: Subject) -> None:
    call = ChatCall(
        model=subject.chat,
        prompt="And its colour?",
        turns=(Turn("system", "Be brief."), Turn("user", "A fox?"), Turn("assistant", "Yes.")),
        temperature=0.2,
        max_tokens=50,
    )
    answer = subject.finish(subject.provider.submit(call, {}))
    assert answer.text
    assert answer.link is None


def test_a_clip_is_made_of_a_still_with_references(subject: Subject, tmp_path: Path) -> None:
    files: dict[Digest, Path] = {}
    sheets = tuple(
        subject.make(subject.draw(SHEET.replace("red", colour), "1:1"), files, tmp_path / f"{colour}.jpg")
        for colour in ("red", "grey")
    )
    still = subject.make(subject.draw(SCENE, "16:9", sheets), files, tmp_path / "still.jpg")
    with_sheets = subject.finish(subject.provider.submit(subject.refer(still, sheets), files))
    alone = subject.finish(subject.provider.submit(subject.refer(still, ()), files))
    assert (with_sheets.cost > alone.cost) == subject.paid  # each picture that is sent is billed
    subject.provider.fetch(with_sheets, tmp_path / "clip.mp4")
    assert 1 <= probe_clip(tmp_path / "clip.mp4").duration <= 1.2


def test_a_clip_goes_on(subject: Subject, tmp_path: Path) -> None:
    files: dict[Digest, Path] = {}
    still = subject.make(subject.draw(SCENE, "16:9"), files, tmp_path / "still.jpg")
    call = replace(subject.animate(still, "16:9"), duration=2)
    clip = subject.make(call, files, tmp_path / "clip.mp4")
    longer = subject.make(subject.extend(clip, 2), files, tmp_path / "longer.mp4")
    before, after = probe_clip(tmp_path / "clip.mp4"), probe_clip(tmp_path / "longer.mp4")
    assert longer != clip
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert after.duration == pytest.approx(before.duration + 2, abs=0.1)


def test_a_ticket_that_it_does_not_know_has_expired(subject: Subject) -> None:
    for name in ("animatic-0123456789abcdef", "00000000-0000-0000-0000-000000000000", "?"):
        with pytest.raises(Expired):
            subject.provider.poll(Ticket(name))


def test_a_link_that_leads_nowhere_is_a_typed_error(subject: Subject, tmp_path: Path) -> None:
    nowhere = replace(subject.finish(_cheap(subject)), text=None, link=str(tmp_path / "nowhere" / "x.jpg"))
    with pytest.raises(CallError):
        subject.provider.fetch(nowhere, tmp_path / "x.jpg")


def _cheap(subject: Subject) -> Ticket | Answer:
    return subject.provider.submit(subject.ask(STORY, STORY_SCHEMA), {})


def test_text_has_nothing_to_fetch(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="no media"):
        subject.provider.fetch(subject.finish(_cheap(subject)), tmp_path / "x.jpg")


def test_it_may_be_closed_twice_and_then_answers_nothing(subject: Subject) -> None:
    subject.provider.submit(subject.ask(STORY, STORY_SCHEMA), {})
    subject.provider.close()
    subject.provider.close()
    with pytest.raises((CallError, Interrupted)):
        subject.provider.submit(subject.ask(STORY, STORY_SCHEMA), {})
    with pytest.raises((CallError, Interrupted)):
        subject.provider.poll(Ticket("another"))


def test_schemas_are_answered_as_json(subject: Subject) -> None:
    for schema in (STORY_SCHEMA, MATCH_SCHEMA):
        answer = subject.finish(subject.provider.submit(subject.ask(STORY, schema), {}))
        parsed = json.loads(answer.text or "")
        assert isinstance(parsed, Mapping)
        assert set(json.loads(schema.text)["required"]) <= set(parsed)
