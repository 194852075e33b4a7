"""Stories by rule: any concept gives a valid one, and what the concept says is in it."""

from __future__ import annotations

import json

import pytest

from spicy.providers.animatic.figures import look
from spicy.providers.animatic.places import setting
from spicy.providers.animatic.story import writer
from spicy.providers.animatic.story.brief import Brief
from spicy.story.draft import StoryDraft, check_draft, read_draft

CONCEPTS = [
    "A curious fox meets a wise owl in an enchanted forest", "love", "狐狸和猫头鹰在森林里相遇", "🦊🦉", "?!", "x" * 10_000,
    "a spy thriller", "A lonely robot on Mars", "Ember the fox and Sage the owl", "two knights fight a dragon at night",
    "An old lighthouse keeper writes letters to the sea", "A girl named Mina finds a tiny dragon in the garden", "coffee",
    "the history of jazz", "Detective Marlowe in rainy Tokyo", "ghost", "a love story in Paris", "penguins", "Лиса и сова",
    "children playing in the street", "The quick brown fox jumps over the lazy dog. " * 300, "wolves", "1234567890",
    "a tired chef opens a bakery at dawn", "purple monster under the bed", "Concept: Style: Scenes: 9", "a | b | c",
    "foxes, wolves, bears, owls, cats, dogs, mice, deer and a whale hold a council", "אהבה", "حب", "the The THE", "A",
    "My grandmother's robot", "NASA", "an astronaut and her cat drift through space", "Romeo and Juliet", "{{ 7 * 7 }}",
    "<IMAGE_0>", "a fish that wants to fly", "storm", "two brothers", "a queen without a crown", "winter", "the sea",
    "a mouse in the kitchen", "a hundred years of solitude", "football", "a wizard, a witch and a toad", "hope\nand\nfear",
    "Once upon a time in a land far away there lived a small boy called Tim", "clockwork bird", "pirates of the moon",
]  # fmt: skip


def prompt(concept: str, scenes: int, extra: str = "", most: int = 4) -> str:
    """The story prompt, as far as the animatic reads it."""
    return (
        f"You are the writer.\n\nConcept: {concept}\nStyle: Paper\nScenes: {scenes}\n{extra}\nRules:\n"
        f"- Exactly {scenes} scenes. At most {most} characters in all, at most 2 in a scene.\n"
    )


def story(concept: str, scenes: int, extra: str = "", most: int = 4) -> StoryDraft:
    """Write a story that is valid in form."""
    draft = read_draft(writer.answer(Brief.parse(prompt(concept, scenes, extra, most)), seed=len(concept)))
    assert isinstance(draft, StoryDraft), draft
    return draft


@pytest.mark.parametrize("concept", CONCEPTS, ids=range(len(CONCEPTS)))
def test_any_concept_gives_a_valid_story(concept: str) -> None:
    for scenes in (1, 2, 3, 9):
        draft = story(concept, scenes)
        assert not check_draft(draft, scenes=scenes, most_characters=4, characters_per_scene=2)
        assert all(3 <= scene.duration <= 8 for scene in draft.scenes)
        assert all("{" not in scene.action for scene in draft.scenes)


def test_a_thousand_scenes_are_not_one_scene_a_thousand_times() -> None:
    draft = story(CONCEPTS[0], 999)
    assert len({(s.setting, s.action) for s in draft.scenes}) > 300
    few = story(CONCEPTS[0], 8)
    assert len({s.action for s in few.scenes}) == 8
    assert len({s.setting for s in few.scenes}) == 8
    assert len({s.camera for s in few.scenes}) >= 5


def test_beings_place_and_manner_come_from_the_concept() -> None:
    draft = story("A curious small blue fox meets a wise owl in an enchanted forest", 3)
    fox, owl = (look.read(c.description) for c in draft.characters)
    assert (fox.kind, owl.kind) == ("fox", "owl")
    assert "blue fox" in draft.characters[0].description
    assert "curious" in draft.characters[0].description
    assert "wise" in draft.characters[1].description
    assert draft.title == "The Fox and the Owl"
    assert all(setting.read(s.setting).ground == "forest" for s in draft.scenes)
    assert all("nchanted forest" in s.setting for s in draft.scenes)


def test_labels_name_characters() -> None:
    labels = "Reference picture: Sage owl (name a character exactly so)\nReference picture: Ember (name a character exactly so)\n"
    draft = story("a fox meets an owl", 3, labels)
    kinds = {c.name: look.read(c.description).kind for c in draft.characters}
    assert kinds == {"Sage owl": "owl", "Ember": "fox"}


def test_a_label_too_many_gets_a_character_of_its_own() -> None:
    labels = "".join(f"Reference picture: {n} (name a character exactly so)\n" for n in ("Uno", "Due", "Tre"))
    draft = story("a fox alone", 3, labels)
    assert {"Uno", "Due", "Tre"} <= {c.name for c in draft.characters}


def test_given_characters_and_written_scenes_stay_as_they_are() -> None:
    given = (
        "Character (use exactly this name and description): Nib (lead): A mint creature: round.\n"
        "Scene 1: Dawn | with Nib and Ada | a quay | Nib waits.\nScene 2: Dusk | with Nib | the sea | Nib waves.\n"
    )
    draft = story("anything", 2, given)
    assert draft.characters[0].model_dump() == {
        "name": "Nib", "role": "lead", "description": "A mint creature: round."
    }  # fmt: skip
    assert [c.name for c in draft.characters] == ["Nib", "Ada"]
    assert [(s.title, s.characters, s.setting, s.action) for s in draft.scenes] == [
        ("Dawn", ("Nib", "Ada"), "a quay", "Nib waits."),
        ("Dusk", ("Nib",), "the sea", "Nib waves."),
    ]


def test_the_same_request_gives_the_same_words() -> None:
    brief = Brief.parse(prompt("two wolves in the snow", 5))
    assert writer.answer(brief, 7) == writer.answer(brief, 7)
    assert json.loads(writer.answer(brief, 7)) != json.loads(writer.answer(brief, 8))
