"""Prices: of one call, and estimates for a whole retry loop."""

from __future__ import annotations

from typing import assert_never

from spicy.ids import Ticks
from spicy.plan.node import Price
from spicy.ports import Call, ChatCall, EditCall, ExtendCall, ImageCall, VideoCall
from spicy.recipe.model import Recipe


def estimate_cost(call: Call, recipe: Recipe) -> Ticks:
    """Return the expected cost of `call` by the recipe's price table; 0 for a model without prices."""
    price = recipe.price(call.model)
    match call:
        case ChatCall():
            return price.per_call
        case ImageCall():
            return Ticks(price.image(call.resolution) + price.per_input * len(call.sent_images()))
        case VideoCall():
            inputs = (call.image is not None) + len(call.references)
            return Ticks(price.second(call.resolution) * call.duration + price.per_input * inputs)
        case EditCall() | ExtendCall():
            return Ticks(price.second(call.resolution) * call.seconds)
        case _:
            assert_never(call)


def max_cost(call: Call, recipe: Recipe) -> Ticks:
    """Return the maximum cost of `call`, which is reserved; only a chat may exceed its estimate."""
    return (
        recipe.price(call.model).per_call_most if isinstance(call, ChatCall) else estimate_cost(call, recipe)
    )


def loop(first: Ticks, again: Ticks, rounds: int, retry_rate: float) -> Price:
    """Return the price of a loop that ends after one round or repeats, up to `rounds` rounds in all."""
    return Price(
        first,
        Ticks(round(first + again * retry_rate * min(1, rounds - 1))),
        Ticks(first + again * max(0, rounds - 1)),
    )


class Prices:
    """The prices of each step's loop under one recipe and provider."""

    def __init__(self, recipe: Recipe, provider: str) -> None:
        self._recipe = recipe
        models = recipe.models_for(provider)
        self._judge, self._judge_most = _chat(recipe, models.judge)
        self._story, self._story_most = _chat(recipe, models.story)
        self._image = recipe.price(models.image)
        self._video = recipe.price(models.video)
        self._edit = recipe.price(models.correct)

    def _still(self, inputs: int, rounds: int) -> Price:
        once = self._image.image(self._recipe.output.image_resolution) + self._image.per_input * inputs
        cost = Ticks(once + self._judge)
        price = loop(cost, cost, rounds, self._recipe.verify.retry_rate)
        return Price(price.low, price.likely, self._worst(price.worst, rounds))

    def _worst(self, expected: Ticks, verdicts: int) -> Ticks:
        """Return the price with every verdict at maximum cost, and retried once as unreadable."""
        return Ticks(expected + (2 * self._judge_most - self._judge) * verdicts)

    def ideation(self, *, labels: bool) -> Price:
        """Return the price of generating a story and of matching reference pictures to characters."""
        once = self._story
        match = self._judge if labels else Ticks(0)
        return Price(
            once,
            Ticks(once + round(match * self._recipe.verify.retry_rate)),
            # An unreadable match is retried once.
            Ticks(self._story_most * (1 + self._recipe.story.retries) + 2 * self._judge_most * labels),
        )

    def character(self, *, has_ref: bool) -> Price:
        """Return the price of a character's sheet."""
        return self._still(1 if has_ref else 0, self._recipe.verify.character_attempts)

    def keyframe(self, *, references: int) -> Price:
        """Return the price of a scene's still."""
        return self._still(references, self._recipe.verify.keyframe_rounds)

    def video(self, *, duration: int, cast: int) -> Price:
        """Return the price of a clip with `cast` characters and its corrections; it is not judged without."""
        verify, judge = self._recipe.verify, self._judge
        resolution = self._recipe.output.resolution
        inputs = 1 + (cast if self._recipe.sends_sheets else 0)
        clip = Ticks(self._video.second(resolution) * duration + self._video.per_input * inputs)
        if not cast:
            return Price(clip, clip, clip)
        first = Ticks(clip + judge)
        if duration <= self._recipe.limits.edit_seconds:
            # A clip is a little longer than requested, and an edit is billed by whole seconds.
            again = Ticks(self._edit.second(resolution) * (duration + 1) + judge)
            rounds = 1 + verify.video_corrections
        else:
            again, rounds = first, 2
        price = loop(first, again, rounds, verify.retry_rate)
        return Price(price.low, price.likely, self._worst(price.worst, rounds))


def _chat(recipe: Recipe, model: str) -> tuple[Ticks, Ticks]:
    price = recipe.price(model)
    return price.per_call, price.per_call_most
