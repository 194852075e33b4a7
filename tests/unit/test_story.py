"""A story out of a model's answer, the user's words and the recipe's defaults."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicy.canonical_json import canonical, digest_bytes
from spicy.errors import SpecError
from spicy.recipe.load import load_recipe
from spicy.spec.load import load_spec
from spicy.spec.yaml import parse_yaml
from spicy.story.draft import (
    CHECK_SCHEMA,
    MATCH_SCHEMA,
    STORY_SCHEMA,
    Check,
    StoryDraft,
    check_draft,
    match_labels,
    read_check,
    read_draft,
    read_matches,
)
from spicy.story.model import Character, Continuity, Scene, Story
from spicy.story.resolve import resolve_story
from spicy.story.yaml_out import story_yaml


def drafted(*, names: tuple[str, ...] = ("Ember", "Sage"), scenes: int = 2, **changes: object) -> StoryDraft:
    """A story as ideation writes it; `changes` go into its first scene."""
    scene = {
        "title": "A scene",
        "characters": list(names[:2]),
        "setting": "A wood",
        "action": "They run",
        "camera": "low",
        "mood": "calm",
        "duration": 5,
    }
    draft = read_draft(
        json.dumps(
            {
                "title": "The Fox",
                "style": "Watercolour",
                "characters": [{"name": n, "role": "hero", "description": f"{n} is red."} for n in names],
                "scenes": [{**scene, **(changes if n == 0 else {})} for n in range(scenes)],
            }
        )
    )
    assert isinstance(draft, StoryDraft)
    return draft


def resolved(
    root: Path, text: str, draft: StoryDraft | None = None, labels: dict[str, str] | None = None
) -> Story:
    """Resolve a spec `film.yaml` under the default recipe."""
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs/fox.png").write_bytes(b"x")
    file = root / "film.yaml"
    file.write_text(text, encoding="utf-8")
    return resolve_story(load_spec(file, root), load_recipe("default", root), draft, labels or {})


def mistakes(
    root: Path, text: str, draft: StoryDraft | None = None, labels: dict[str, str] | None = None
) -> list[str]:
    """What cannot be resolved, as a user reads it."""
    with pytest.raises(SpecError) as caught:
        resolved(root, text, draft, labels)
    return [str(p) for p in caught.value.problems]


# --- answers of models ---


def test_the_schemas_never_change() -> None:
    # They enter call keys: a change here asks, and pays, for everything again.
    assert [digest_bytes(s.text.encode())[:16] for s in (STORY_SCHEMA, MATCH_SCHEMA, CHECK_SCHEMA)] == [
        "15b5dbff06bed1e3",
        "8d7f95589512d3a2",
        "b93dd39a4ee954c3",
    ]
    assert [s.name for s in (STORY_SCHEMA, MATCH_SCHEMA, CHECK_SCHEMA)] == ["story", "matches", "check"]


@pytest.mark.parametrize("schema", [STORY_SCHEMA, MATCH_SCHEMA, CHECK_SCHEMA])
def test_the_schemas_keep_to_what_the_api_documents(schema: object) -> None:
    text = schema.text  # type: ignore[attr-defined]
    assert text == canonical(json.loads(text))

    def walk(node: dict[str, object]) -> None:
        if node["type"] == "object":
            properties = node["properties"]
            assert isinstance(properties, dict)
            assert node["required"] == list(properties) or set(node["required"]) == set(properties)  # type: ignore[call-overload]
            assert node["additionalProperties"] is False
            for inner in properties.values():
                walk(inner)
        elif node["type"] == "array":
            walk(node["items"])  # type: ignore[arg-type]
        else:
            assert node["type"] in ("string", "integer", "number")

    walk(json.loads(text))


def test_an_answer_of_the_wrong_form_comes_back_as_messages() -> None:
    assert read_draft("{}") == [
        "title: field required",
        "style: field required",
        "characters: field required",
        "scenes: field required",
    ]
    (message,) = read_draft("no json")  # type: ignore[misc]
    assert message.startswith("invalid JSON")


def test_an_unreadable_verdict_is_no_score() -> None:
    assert read_check('{"score": 0.85, "problems": ["two  tails"]}') == Check(
        score=0.85, problems=("two tails",)
    )
    for bad in (
        "",
        "{}",
        '{"score": 85, "problems": []}',
        '{"score": null, "problems": []}',
        '{"score": NaN}',
    ):
        assert read_check(bad) is None
    assert read_matches("[]") is None


def test_a_good_draft_has_no_errors() -> None:
    assert check_draft(drafted(), scenes=2, most_characters=4, characters_per_scene=2, pinned=["Ember"]) == []


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (drafted(scenes=3), "There must be exactly 2 scenes; you wrote 3."),
        (drafted(names=tuple("ABCDE")), "There may be at most 4 characters; you wrote 5."),
        (drafted(characters=["Ember", "Oak"]), "Scene 1 names Oak, who is not among the characters."),
        (drafted(characters=["Ember", "Ember"]), "Scene 1 names a character twice."),
        (drafted(duration=0), "Scene 1 lasts 0 s; it must be from 1 to 15 whole seconds."),
        (drafted(action=" "), "Scene 1 has no action."),
        (drafted(names=("Ember", "EMBER")), "These names are too much alike: Ember, EMBER."),
        (drafted(names=("Ember", "")), "Character 2 has no name."),
    ],
)
def test_a_bad_draft_is_told_why(draft: StoryDraft, error: str) -> None:
    assert check_draft(draft, scenes=2, most_characters=4, characters_per_scene=2) == [error]


def test_pinned_names_and_labels_have_to_find_someone() -> None:
    errors = check_draft(
        drafted(names=("ember",), characters=["ember"] * 3, scenes=1),
        scenes=1,
        most_characters=4,
        characters_per_scene=2,
        pinned=["Ember", "Sage"],
        labels=["Ember", "owl"],
    )
    assert errors == [
        "There are 2 reference pictures, each of another character: Ember, owl.",
        "The character Ember must be there, named exactly so, not ember.",
        "The character Sage must be there, named exactly so.",
        "Scene 1 has 3 characters; at most 2 fit.",
        "Scene 1 names a character twice.",
    ]


@pytest.mark.parametrize(
    ("labels", "names", "matches", "left"),
    [
        (["Ember"], ["Ember", "Sage"], {"Ember": "Ember"}, ()),
        (["ember", "SÁGE"], ["Ember", "Sage"], {"ember": "Ember", "SÁGE": "Sage"}, ()),
        (["owl"], ["Ember", "Sage"], {}, ("owl",)),
        (["Ember", "ember"], ["Ember"], {"Ember": "Ember"}, ("ember",)),
        (["EMBER", "ember"], ["Ember"], {}, ("EMBER", "ember")),
        (["ember"], ["Ember", "EMBER"], {}, ("ember",)),
        (["fox"], ["Foxy"], {}, ("fox",)),
    ],
)
def test_labels_match_exactly_then_loosely_and_never_by_a_guess(
    labels: list[str], names: list[str], matches: dict[str, str], left: tuple[str, ...]
) -> None:
    assert match_labels(labels, names) == (matches, left)


# --- the resolved story ---


def test_a_concept_takes_everything_from_the_draft(tmp_path: Path) -> None:
    story = resolved(tmp_path, "concept: A fox", drafted())
    assert (story.title, story.style, story.palette, story.aspect_ratio) == (
        "The Fox",
        "Watercolour",
        "",
        "16:9",
    )
    assert story.characters[1] == Character(name="Sage", role="hero", description="Sage is red.", slug="sage")
    assert [s.id for s in story.scenes] == ["01", "02"]
    assert story.scenes[0] == Scene(
        id="01",
        slug="01",
        title="A scene",
        characters=("Ember", "Sage"),
        setting="A wood",
        action="They run",
        camera="low",
        mood="calm",
        duration=5,
    )


def test_the_user_wins_over_the_draft_and_an_override_over_both(tmp_path: Path) -> None:
    story = resolved(
        tmp_path,
        """\
concept: A fox
title: Mine
style: Noir
palette: greys
aspect_ratio: 1:1
characters: [{name: Émber, description: A blue fox}]
refs: {sage: refs/fox.png}
overrides:
  characters: {Sage: {description: An owl, take: 2}}
  scenes: {2: {camera: push-in, continuity: none, keyframe_take: 2}}
""",
        drafted(),
    )
    assert (story.title, story.style, story.palette, story.aspect_ratio) == ("Mine", "Noir", "greys", "1:1")
    assert story.characters == (
        Character(name="Émber", description="A blue fox", slug="ember"),
        Character(name="Sage", role="hero", description="An owl", slug="sage", ref="refs/fox.png", take=2),
    )
    assert story.scenes[0].characters == ("Émber", "Sage")
    two = story.scenes[1]
    assert (two.camera, two.continuity, two.keyframe_take, two.take) == ("push-in", Continuity.NONE, 2, 1)


def test_written_scenes_take_defaults_from_the_recipe(tmp_path: Path) -> None:
    story = resolved(tmp_path, "scenes: [{setting: The sea, action: Waves roll}]")
    assert (story.title, story.characters) == ("Film", ())
    assert story.style.startswith("Pixar-style")
    assert (story.scenes[0].duration, story.scenes[0].continuity) == (8, Continuity.SOFT)


def test_written_scenes_get_their_characters_from_the_draft(tmp_path: Path) -> None:
    text = "concept: A fox\nscenes: [{id: a, characters: [Sage], setting: The sea, action: It flies}]"
    story = resolved(tmp_path, text, drafted())
    assert [s.action for s in story.scenes] == ["It flies"]
    assert story.cast(story.scenes[0])[0].description == "Sage is red."
    assert [c.name for c in story.characters] == ["Sage"], "nobody pays for who is in no scene"


def test_labels_may_be_matched_by_somebody_else(tmp_path: Path) -> None:
    text = "concept: A fox\nrefs: {the fox: refs/fox.png}"
    assert resolved(tmp_path, text, drafted(), {"the fox": "Ember"}).characters[0].ref == "refs/fox.png"


def test_what_needs_ideation_is_not_resolved_without_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"film\.yaml needs ideation"):
        resolved(tmp_path, "concept: A fox")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "overrides: {characters: {Embr: {take: 2}}, scenes: {5: {take: 2}}}",
            [
                "film.yaml:2:26: unknown character `Embr`; did you mean `Ember`?",
                "film.yaml:2:53: unknown scene `5`; the scenes are 01, 02",
            ],
        ),
        (
            "overrides: {scenes: {1: {characters: [Ember, Oak]}}}",
            ["film.yaml:2:46: scene 01: unknown character `Oak`; the characters are Ember, Sage"],
        ),
        (
            "refs: {dragon: refs/fox.png}",
            ["film.yaml:2:8: unknown character `dragon`; the characters are Ember, Sage"],
        ),
        (
            "characters: [{name: Ember, description: x, ref: refs/fox.png}]\nrefs: {ember: refs/fox.png}",
            ["film.yaml:3:8: `Ember` has a `ref` of its own; keep one of the two"],
        ),
        (
            "characters: [{name: Sage!, description: x}]",
            ["film.yaml:2:13: the characters `Sage!` and `Sage` would share the file name `sage`"],
        ),
    ],
)
def test_what_shows_only_after_ideation_is_told_with_its_place(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert mistakes(tmp_path, f"concept: A fox\n{text}\n", drafted()) == expected


def test_a_recipe_may_allow_fewer_characters(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/default.yaml").write_text("extends: default\nlimits: {characters_per_scene: 1}\n")
    assert mistakes(tmp_path, "concept: A fox\nscenes: 1\n", drafted(scenes=1)) == [
        "film.yaml:1:10: scene 01 has 2 characters; recipe default allows 1"
    ]


# --- and as YAML ---

STORY = Story(
    title="No",
    style="Pixar-style 3D animation, soft volumetric lighting",
    aspect_ratio="16:9",
    characters=(
        Character(
            name="Ember",
            role="hero",
            slug="ember",
            ref="refs/fox.png",
            description="A small red fox with a white tip on its tail, amber eyes and a torn left ear; # not a comment.",
        ),
        Character(name="Sage, the Owl", description="a: b", slug="sage-the-owl", take=2),
    ),
    scenes=(
        Scene(
            id="01",
            slug="01",
            title="狐狸 🦊",
            characters=("Ember", "Sage, the Owl"),
            setting="Night.\nRain.",
            action='It says "hi"',
            duration=8,
            continuity=Continuity.STRICT,
        ),
        Scene(
            id="end",
            slug="end",
            title="",
            characters=(),
            setting="",
            action="",
            duration=3,
            clip="/abs/x.mp4",
        ),
    ),
)


def test_a_story_is_written_so_that_a_person_can_read_it() -> None:
    assert (
        story_yaml(STORY, "build/film")
        == """\
title: "No"
style: Pixar-style 3D animation, soft volumetric lighting
aspect_ratio: "16:9"
characters:
  - name: Ember
    role: hero
    description: >-
      A small red fox with a white tip on its tail, amber eyes and a torn left ear; # not a
      comment.
    ref: "../../refs/fox.png"
  - name: Sage, the Owl
    description: "a: b"
    take: 2
scenes:
  - id: "01"
    title: "狐狸 🦊"
    characters: [Ember, "Sage, the Owl"]
    setting: "Night.\\nRain."
    action: "It says \\"hi\\""
    duration: 8
    continuity: strict
  - id: end
    duration: 3
    clip: "/abs/x.mp4"
"""
    )


def test_a_written_story_is_a_spec_that_resolves_to_itself(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"x")
    scenes = (STORY.scenes[0], dataclasses.replace(STORY.scenes[1], clip="x.mp4"))
    story = dataclasses.replace(STORY, scenes=scenes)
    assert resolved(tmp_path, story_yaml(story)) == story
    bare = dataclasses.replace(story, characters=(), scenes=scenes[1:])
    assert resolved(tmp_path, story_yaml(bare)) == bare


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=150))
def test_any_text_survives_being_written(text: str) -> None:
    scene = dataclasses.replace(STORY.scenes[0], mood=text, characters=(text,))
    data = parse_yaml(story_yaml(dataclasses.replace(STORY, scenes=(scene,))), "story.yaml").data
    (back,) = data["scenes"]  # type: ignore[misc]
    assert canonical(back["mood"]) == canonical(text)  # type: ignore[call-overload,index]
    assert canonical(back["characters"]) == canonical([text])  # type: ignore[call-overload,index]
