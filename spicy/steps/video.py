"""Clips: generates a clip from a keyframe, judges its last frame, and corrects it where possible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from spicy.plan.node import VideoJob
from spicy.ports import Asset, CallResult, EditCall, VideoCall
from spicy.steps.result import StepAttempt, StepContext, StepResult
from spicy.steps.user_assets import frames, own_clip
from spicy.steps.verify import Judgement, best_of, choose, judge


def make_video(job: VideoJob, files: Mapping[str, Asset], context: StepContext) -> StepResult:
    """Make one scene's clip, with its first and last frame.

    A short clip that drifts is corrected by video edit, always from the first attempt, because the quality
    losses of chained edits add up. A clip too long for an edit is regenerated once, and only if its score is
    very low.
    """
    if job.own:
        return own_clip(files["own clip"], context)
    from spicy.media.probe import probe_clip

    clips = _Clips(job, files, context)
    attempts = clips.attempts()
    chosen = choose(context, attempts)
    clip = attempts[chosen].asset
    first, last = frames(clip, context)
    info = probe_clip(context.ask.open(clip))
    facts = {"width": info.width, "height": info.height, "duration": round(info.duration, 3)}
    return StepResult(files=(clip, first, last), attempts=tuple(attempts), chosen=chosen, facts=facts)


class _Clips:
    """The attempts at one scene's clip: generate, judge, correct."""

    def __init__(self, job: VideoJob, files: Mapping[str, Asset], context: StepContext) -> None:
        self.job, self.context, self.prompts = job, context, context.prompts
        self.recipe = context.prompts.recipe
        self.keyframe = files["keyframe"]
        self.sheets = tuple(files[f"sheet {n}"].digest for n in range(1, len(job.cast) + 1))

    def attempts(self) -> list[StepAttempt]:
        verify, ask = self.recipe.verify, self.context.ask
        first = best_of(1, verify.threshold, ask, self.generate, self.check)
        score = first[0].score
        if score is None or score >= verify.threshold:
            return first
        seconds = self.seconds(first[0].asset)
        if seconds > self.recipe.limits.edit_seconds:
            again = []
            if score < verify.long_clip_floor:
                again = best_of(
                    1, verify.threshold, ask, lambda n, p: self.generate(n + 1, p), self.check, spare=True
                )
            return self.number(first + again)

        problems = first[0].problems

        def correct(number: int, found: Sequence[str]) -> CallResult:
            # Each correction starts from the first attempt, so its problems still need correcting.
            more = [fault for fault in found if fault not in problems]
            return self.correct(first[0].asset, seconds, number, [*problems, *more])

        rounds = verify.video_corrections
        return self.number(first + best_of(rounds, verify.threshold, ask, correct, self.check, spare=True))

    def generate(self, number: int, problems: Sequence[str]) -> CallResult:
        call = VideoCall(
            model=self.recipe.models_for(self.prompts.provider).video,
            prompt=self.prompts.video(self.job),
            image=self.keyframe.digest,
            duration=self.job.scene.duration,
            resolution=self.recipe.output.resolution,
            aspect_ratio=self.job.story.aspect_ratio,
            references=self.sheets if self.recipe.sends_sheets else (),
            take=self.job.scene.take,
            attempt=number,
        )
        return self.context.ask.call(call, "clip")

    def correct(self, clip: Asset, seconds: float, number: int, problems: Sequence[str]) -> CallResult:
        call = EditCall(
            model=self.recipe.models_for(self.prompts.provider).correct,
            prompt=self.prompts.correct(self.job, problems),
            video=clip.digest,
            seconds=math.ceil(seconds),
            resolution=self.recipe.output.resolution,
            take=self.job.scene.take,
            attempt=number,
        )
        return self.context.ask.call(call, "correction")

    def check(self, clip: Asset) -> Judgement:
        # Without characters there is nothing to compare the frame with, so no judge call is paid.
        if not self.sheets:
            return Judgement(1.0)
        _, last = frames(clip, self.context)
        return judge(self.context, self.prompts.video_check(self.job), (last.digest, *self.sheets))

    def seconds(self, clip: Asset) -> float:
        from spicy.media.probe import probe_clip

        return probe_clip(self.context.ask.open(clip)).duration

    @staticmethod
    def number(attempts: list[StepAttempt]) -> list[StepAttempt]:
        return [StepAttempt(n, a.call, a.asset, a.score, a.problems) for n, a in enumerate(attempts, 1)]
