"""Recipes: the built-in one, a project's own, what they render and what they cost."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from spicy.errors import Problem, SpecError, UsageError
from spicy.ids import ticks
from spicy.plan.price import estimate_cost, max_cost
from spicy.ports import ChatCall, Schema
from spicy.recipe.capabilities import check_models, check_prompts
from spicy.recipe.load import built_in_folder, load_recipe, recipe_names
from spicy.recipe.model import ModelPrice, Recipe, recipe_schema
from spicy.recipe.render import render_prompt

CAST = [
    {"name": "Ember", "role": "hero", "description": "A small fox."},
    {"name": "Sage", "role": "", "description": "An owl."},
]


def put(root: Path, name: str, text: str) -> Path:
    """Write a file of the project's recipes."""
    file = root / "recipes" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def load(root: Path, text: str) -> Recipe:
    """Load a recipe `mine` of the project."""
    put(root, "mine.yaml", text)
    return load_recipe("mine", root)


def mistakes(root: Path, text: str) -> list[str]:
    """The mistakes of a recipe `mine`, as a user reads them."""
    with pytest.raises(SpecError) as caught:
        load(root, text)
    return [str(p) for p in caught.value.problems]


# --- the built-in recipe ---


def test_the_default_recipe_is_whole(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    assert recipe.name == "default"
    assert recipe.models_for("animatic").story == "animatic-1"
    assert recipe.verify.threshold == 0.8
    assert recipe.limits.characters_per_scene == 2
    assert recipe.output.resolution == "720p"
    assert recipe.rates["xai"].video == 1


def test_every_prompt_renders_for_every_provider(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    values: dict[str, object] = {
        **dict.fromkeys(("style", "palette", "setting", "camera", "mood", "action", "name", "role"), "words"),
        **dict.fromkeys(("concept", "description", "what"), "words"),
        **dict.fromkeys(("scenes", "most_characters", "characters_per_scene"), 2),
        **dict.fromkeys(("cast", "characters"), CAST),
        **{key: ["one", "two"] for key in ("labels", "errors", "problems")},
        **dict.fromkeys(("reference", "strict_previous"), True),
        "written_scenes": [{"title": "t", "characters": ["Ember"], "setting": "s", "action": "a"}],
    }
    for provider in recipe.models:
        for prompt in (key for key in recipe.templates if "/" not in key):
            text = render_prompt(recipe, prompt, provider, **values)
            assert text == text.strip()
            assert "\n\n\n" not in text
            assert not [line for line in text.split("\n") if line != line.rstrip()]


def test_a_keyframe_prompt_comes_out_clean(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    values: dict[str, object] = {
        "style": "Pixar-style",
        "palette": "greens",
        "setting": "A wood",
        "camera": "",
        "mood": "calm",
        "cast": CAST,
        "strict_previous": False,
        "problems": ["two tails"],
    }
    assert render_prompt(recipe, "keyframe", "xai", **values) == (
        "Pixar-style. Colours: greens.\n"
        "One still frame of a film.\n"
        "Setting: A wood\n"
        "Mood: calm\n"
        "On the left, exactly as in <IMAGE_0>: A small fox.\n"
        "On the right, exactly as in <IMAGE_1>: An owl.\n"
        "No writing, no borders, no split screen.\n"
        "An earlier picture was wrong in these points, so take care of them: two tails."
    )
    assert render_prompt(recipe, "keyframe", "animatic", **values).startswith(
        "Pixar-style\nPalette: greens\n"
    )
    assert recipe.prompt_digest("keyframe", "xai") != recipe.prompt_digest("keyframe", "animatic")
    assert recipe.prompt_digest("match", "xai") == recipe.prompt_digest("match", "animatic")


def test_prices_are_integer_ticks(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    video = recipe.price("grok-imagine-video")
    assert video == ModelPrice(per_second={"480p": ticks(0.05), "720p": ticks(0.07)}, per_input=ticks(0.002))
    assert (video.second("480p"), video.second("144p")) == (ticks(0.05), ticks(0.07))
    assert recipe.price("grok-imagine-image-2.0").image("2k") == ticks(0.06)
    assert recipe.price("animatic-1") == ModelPrice()
    assert recipe.price("animatic-1").image("144p") == 0


def test_what_the_recipe_does_not_know_is_a_usage_error(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    with pytest.raises(
        UsageError, match=r"no price of an unknown model `grok-4\.8`; did you mean `grok-4\.7`"
    ):
        recipe.price("grok-4.8")
    with pytest.raises(UsageError, match="unknown provider `xia`; did you mean `xai`"):
        recipe.models_for("xia")


def test_rendering_is_cheap(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    begun = time.process_time()
    for n in range(3000):
        render_prompt(recipe, "video", "xai", style="Pixar-style", action=f"It runs {n}", camera="low angle")
    assert time.process_time() - begun < 0.3


# --- a project's own ---


def test_a_recipe_changes_another_one(tmp_path: Path) -> None:
    put(tmp_path, "base.yaml", "extends: default\noutput: {resolution: 480p}\nverify: {threshold: 0.9}\n")
    recipe = load(tmp_path, "extends: base\nverify: {on_low: fail}\nrates: {xai: {video: 2}}\n")
    assert recipe.name == "mine"
    assert (recipe.output.resolution, recipe.output.fps) == ("480p", 24)
    assert (recipe.verify.threshold, recipe.verify.on_low) == (0.9, "fail")
    assert (recipe.rates["xai"].video, recipe.rates["xai"].chat) == (2, 30)


def test_the_projects_own_default_goes_first_and_may_extend_the_built_in_one(tmp_path: Path) -> None:
    put(tmp_path, "default.yaml", "extends: default\nstory: {scenes: 7}\n")
    assert load_recipe("default", tmp_path).story.scenes == 7
    assert load(tmp_path, "extends: default\n").story.scenes == 7
    assert recipe_names(tmp_path) == ["default", "mine", "draft", "references"]


def test_a_prompt_file_is_relative_to_the_recipe_that_names_it(tmp_path: Path) -> None:
    put(tmp_path, "mine/video.j2", "{{ style }}!  \nGo.\n")
    recipe = load(tmp_path, "extends: default\nprompts: {video: mine/video.j2}\n")
    assert render_prompt(recipe, "video", "xai", style="Noir") == "Noir!\nGo."
    assert render_prompt(recipe, "correct", "xai", style="Noir", problems=["x"]).startswith(
        "Noir.\nKeep motion"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "extends: default\nverfy: {}\noutput: {fps: fast, resolution: big, colour: x}\nversion: 2\n",
            [
                "recipes/mine.yaml:2:1: unknown key `verfy`; did you mean `verify`?",
                "recipes/mine.yaml:3:15: expected a whole number, found the text `fast`",
                "recipes/mine.yaml:3:33: string should match pattern '^[1-9][0-9]{1,3}p$'",
                "recipes/mine.yaml:3:38: unknown key `colour`; the keys here are resolution, image_resolution, image_quality, video_references, fps",
                "recipes/mine.yaml:4:10: expected one of 1, found `2`",
            ],
        ),
        (
            "extends: default\nmodels: {xai: {judge: grok-9}}\n",
            ["recipes/mine.yaml:2:23: `grok-9` has no entry in the price table"],
        ),
        (
            "extends: default\nprompts: {video: gone.j2, sheet: ../../x.j2}\n",
            [
                "recipes/mine.yaml:2:18: no such file: gone.j2",
                "recipes/mine.yaml:2:34: ../../x.j2 lies outside the recipe's folder",
            ],
        ),
        (
            "extends: defualt\n",
            ["recipes/mine.yaml:1:10: unknown recipe `defualt`; did you mean `default`?"],
        ),
        ("extends: mine\n", ["recipes/mine.yaml:1:10: the recipe extends itself: mine → mine"]),
        (
            "extends: ../other\n",
            [
                "recipes/mine.yaml:1:10: unknown recipe `../other`; the recipes are mine, default, draft, references"
            ],
        ),
        ("extends: [a]\n", ["recipes/mine.yaml:1:10: expected the name of a recipe"]),
        (
            "extends: default\nstory: {scenes: 0}\nstory: {}\n",
            [
                "recipes/mine.yaml:2:17: expected at least 1, found `0`",
                "recipes/mine.yaml:3:1: duplicate key `story`; first written in line 2",
            ],
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, text) == expected


def test_a_recipe_that_extends_nothing_has_to_say_everything(tmp_path: Path) -> None:
    assert "recipes/mine.yaml:1:1: `prompts` is missing" in mistakes(tmp_path, "version: 1\n")


def test_a_circle_of_recipes_is_refused_where_it_closes(tmp_path: Path) -> None:
    put(tmp_path, "other.yaml", "extends: mine\n")
    assert mistakes(tmp_path, "extends: other\n") == [
        "recipes/other.yaml:1:10: the recipe extends itself: mine → other → mine"
    ]


def test_a_missing_recipe_is_told_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown recipe `defalt`; did you mean `default`"):
        load_recipe("defalt", tmp_path)
    with pytest.raises(SpecError, match=r"film.yaml:2:9: unknown recipe `\.\./x`; the recipes are default"):
        load_recipe("../x", tmp_path, complain=lambda message: Problem("film.yaml", 2, 9, message))


# --- templates that are wrong, or want too much ---


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("one\n{{ colour }}", ":2:1: 'colour' is undefined"),
        ("{% if %}", ":1:1: Expected an expression, got 'end of statement block'"),
        (
            "\n{{ style.__class__.__mro__ }}",
            ":2:1: access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("{{ 1 / 0 }}", ":1:1: division by zero"),
        ("{{ problems.append(1) }}", ":1:1: access to attribute 'append' of 'list' object is unsafe."),
        ("{% include 'x' %}", ":1:1: a template cannot include, import or extend another file"),
        (
            "{{ range(10000000) | list }}",
            ":1:1: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).",
        ),
    ],
)
def test_a_template_that_fails_is_told_with_its_line(tmp_path: Path, template: str, expected: str) -> None:
    put(tmp_path, "video.j2", template)
    recipe = load(tmp_path, "extends: default\nprompts: {video: video.j2}\n")
    with pytest.raises(SpecError) as caught:
        render_prompt(recipe, "video", "xai", style="x", problems=[])
    assert str(caught.value) == f"recipes/video.j2{expected}"


def test_the_schema_allows_partial_recipes() -> None:
    schema = recipe_schema()
    assert "extends" in schema["properties"]  # type: ignore[operator]
    assert "required" not in json.dumps(schema)


@pytest.mark.parametrize("path", sorted(built_in_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_ship_know_both_providers_and_price_their_models(path: Path) -> None:
    recipe = load_recipe(path.stem, Path("/nowhere"))
    for provider in ("xai", "animatic"):
        models = recipe.models_for(provider)
        for model in (models.story, models.judge, models.image, models.video, models.correct):
            assert recipe.price(model) is not None


def capable(tmp_path: Path, text: str, provider: str = "xai") -> str:
    """What `check_models` says of a recipe."""
    try:
        check_models(load(tmp_path, text), provider)
    except UsageError as error:
        return str(error)
    return ""


def test_what_a_model_is_known_to_refuse_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    assert capable(tmp_path, "extends: default\n") == ""
    assert capable(tmp_path, "extends: references\n") == ""
    assert capable(tmp_path, "extends: default\noutput: {resolution: 1080p}\n") == (
        "recipe mine: grok-imagine-video makes no clips at 1080p (output.resolution), but at 480p, 720p"
    )
    assert capable(tmp_path, "extends: default\noutput: {resolution: 1080p}\n", "animatic") == ""
    wrong = (
        "extends: default\noutput: {image_resolution: 4k, image_quality: ultra}\n"
        "models: {xai: {story: grok-imagine-video}}\n"
    )
    assert capable(tmp_path, wrong).splitlines() == [
        "recipe mine: grok-imagine-video is priced for clips, and models.story makes chats",
        "recipe mine: grok-imagine-image-2.0 makes no stills at 4k (output.image_resolution), but at 1k, 2k",
        "recipe mine: grok-imagine-image-2.0 knows no quality `ultra` (output.image_quality), but low, medium",
    ]
    several = (
        "extends: references\noutput: {resolution: 1080p}\nmodels: {xai: {correct: grok-imagine-video-1.5}}\n"
    )
    first, second = capable(tmp_path, several).splitlines()
    assert first == (
        "recipe mine: grok-imagine-video-1.5 takes references only at 480p, 720p, not at 1080p (output.resolution)"
    )
    assert second == (
        "recipe mine: grok-imagine-video-1.5 cannot correct a clip:"
        " name another in models, or say `video_corrections: 0`"
    )
    classic = "extends: references\nmodels: {xai: {video: grok-imagine-video}}\n"
    assert "takes no pictures beside the keyframe, and a scene has up to 2 sheets" in capable(
        tmp_path, classic
    )


def test_a_model_may_take_less_than_the_others(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    assert recipe.prompt_bytes("grok-imagine-video") == 4096
    assert recipe.prompt_bytes("grok-imagine-image-2.0") == 8000


def test_a_chat_may_cost_more_than_it_usually_does(tmp_path: Path) -> None:
    recipe = load_recipe("default", tmp_path)
    call = ChatCall(model="grok-4.7", prompt="?", schema=Schema("s", "{}"))
    assert (estimate_cost(call, recipe), max_cost(call, recipe)) == (ticks(0.02), ticks(0.10))


def test_a_name_that_no_prompt_is_given_is_told_with_those_that_are(tmp_path: Path) -> None:
    put(tmp_path, "v.j2", "{{ style }} {{ nosuch }} {% for r in references %}{{ r.name }}{% endfor %}")
    recipe = load(tmp_path, "extends: default\nprompts: {video: v.j2}\n")
    with pytest.raises(SpecError) as caught:
        check_prompts(recipe)
    assert [str(p) for p in caught.value.problems] == [
        "recipes/v.j2: `nosuch` is unknown here; there is action, camera, references, style"
    ]
    for name in recipe_names(tmp_path)[1:]:
        check_prompts(load_recipe(name, tmp_path))
