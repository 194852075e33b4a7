"""The Video service: a request id at once, the clip when it is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from spicy.emulator.content.assets import MediaAsset
from spicy.emulator.content.inputs import Inbox
from spicy.emulator.content.media import draw_clip
from spicy.emulator.ledger import SubmittedRequest
from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import VideoModel
from spicy.emulator.services.files import FileShelf, check_storage, store_output
from spicy.emulator.services.rpc import service, unary
from spicy.emulator.services.sdk_modules import deferred_pb2, grpc, image_pb2, usage_pb2, video_pb2
from spicy.emulator.services.video_checks import Shot, read_edit, read_extension, read_shot
from spicy.emulator.state import Admitted, EmulatorState

Status = deferred_pb2.DeferredStatus
_DELIVERED = {"", "slow", "other_model"}
_MODERATED = "The video was rejected by content moderation."


@dataclass(slots=True)
class _VideoJob:
    """Work in progress, or done."""

    admitted: Admitted
    shot: Shot
    asset: MediaAsset
    began: float
    storage: image_pb2.StorageOptions | None
    link: str = ""
    stored: image_pb2.FileOutput | None = None

    def progress(self) -> int:
        """From 0 to 99 while it runs, 100 when it is done."""
        if self.admitted.effect == "never":
            return min(99, int(time.monotonic() - self.began))
        taken = time.monotonic() - self.began
        return 100 if taken >= self.admitted.seconds else int(100 * taken / self.admitted.seconds)


class VideoService:
    """The service on the wire."""

    def __init__(self, state: EmulatorState, inbox: Inbox, shelf: FileShelf) -> None:
        self._state = state
        self._inbox = inbox
        self._shelf = shelf
        self._lock = threading.Lock()
        self._jobs: dict[str, _VideoJob] = {}

    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls."""
        start = deferred_pb2.StartDeferredResponse
        state = self._state
        return service(
            "Video",
            {
                "GenerateVideo": unary(state, self.generate, video_pb2.GenerateVideoRequest, start),
                "ExtendVideo": unary(state, self.extend, video_pb2.ExtendVideoRequest, start),
                "GetDeferredVideo": unary(
                    state, self.get, video_pb2.GetDeferredVideoRequest, video_pb2.GetDeferredVideoResponse
                ),
            },
        )

    def reset(self) -> None:
        """Forget every job."""
        with self._lock:
            self._jobs.clear()

    def generate(
        self, request: video_pb2.GenerateVideoRequest, context: grpc.ServicerContext
    ) -> deferred_pb2.StartDeferredResponse:
        """Start a clip, or the edit of one."""
        read = read_edit if request.HasField("video") else read_shot
        return self._start(request, lambda model: read(request, model, self._inbox), context)

    def extend(
        self, request: video_pb2.ExtendVideoRequest, context: grpc.ServicerContext
    ) -> deferred_pb2.StartDeferredResponse:
        """Start the extension of a clip."""
        return self._start(request, lambda model: read_extension(request, model, self._inbox), context)

    def _start(
        self,
        request: video_pb2.GenerateVideoRequest | video_pb2.ExtendVideoRequest,
        read: Callable[[VideoModel], Shot],
        context: grpc.ServicerContext,
    ) -> deferred_pb2.StartDeferredResponse:
        served = self._state.catalogue.served(request.model)
        model = self._state.catalogue.video.get(served)
        if model is None:
            raise Refusal(Code.NOT_FOUND, f"The model {request.model} does not exist.")
        storage = request.storage_options if request.HasField("storage_options") else None
        if storage is not None:
            check_storage(storage)
        shot = read(model)
        order = SubmittedRequest(
            kind=shot.kind,
            model=request.model,
            served=served,
            prompt=request.prompt,
            ticks=shot.ticks,
            seconds=self._state.latency(shot.kind) * shot.seconds,
            params=shot.params,
            inputs=shot.inputs,
        )
        admitted = self._state.admit(order, context)
        request_id = f"video-{admitted.name}"
        asset = _asset(admitted, shot)
        if admitted.effect in _DELIVERED:
            self._state.assets.prepare(asset)
        with self._lock:
            self._jobs[request_id] = _VideoJob(admitted, shot, asset, time.monotonic(), storage)
        if admitted.effect != "never":
            self._state.work(
                admitted, self._state.latency("submit") * self._state.settings.time_scale, context
            )
        return deferred_pb2.StartDeferredResponse(request_id=request_id)

    def get(
        self, request: video_pb2.GetDeferredVideoRequest, context: grpc.ServicerContext
    ) -> video_pb2.GetDeferredVideoResponse:
        """Say how a clip is doing."""
        self._state.ledger.count("polls")
        with self._lock:
            job = self._jobs.get(request.request_id)
        if job is None:
            raise Refusal(Code.NOT_FOUND, f"Request not found: {request.request_id}")
        self._state.trouble("poll", job.admitted.order.prompt, request.request_id, context)
        progress = job.progress()
        if progress < 100:
            return video_pb2.GetDeferredVideoResponse(
                status=Status.PENDING,
                response=video_pb2.VideoResponse(model=job.admitted.model, progress=progress),
            )
        return self._ended(job)

    def _ended(self, job: _VideoJob) -> video_pb2.GetDeferredVideoResponse:
        settings, admitted = self._state.settings, job.admitted
        age = time.monotonic() - job.began - admitted.seconds
        if admitted.effect == "expired" or age > settings.kept_seconds * settings.time_scale:
            return video_pb2.GetDeferredVideoResponse(status=Status.EXPIRED)
        response = video_pb2.VideoResponse(
            model=admitted.model,
            usage=usage_pb2.SamplingUsage(cost_in_usd_ticks=admitted.record.ticks),
        )
        match admitted.effect:
            case "failed" | "moderated_failed":
                moderated = admitted.effect == "moderated_failed"
                code = admitted.hit.fault.code if admitted.hit and not moderated else "invalid_argument"
                response.error.code = code or "internal_error"
                response.error.message = _MODERATED if moderated else "The video could not be generated."
                return video_pb2.GetDeferredVideoResponse(status=Status.FAILED, response=response)
            case "moderated_flag":
                response.video.respect_moderation = False
            case _:
                self._deliver(job, response.video)
        response.progress = 100
        return video_pb2.GetDeferredVideoResponse(status=Status.DONE, response=response)

    def _deliver(self, job: _VideoJob, video: video_pb2.GeneratedVideo) -> None:
        with self._lock:
            if not self._state.assets.alive(job.link):
                job.link = self._state.assets.link(job.asset)
            if job.storage is not None and job.stored is None:
                job.stored = store_output(self._state, self._shelf, job.storage, job.asset)
        video.url = job.link
        video.duration = job.shot.frames // 24
        video.respect_moderation = True
        if job.stored is not None:
            video.file_output.CopyFrom(job.stored)


def _asset(admitted: Admitted, shot: Shot) -> MediaAsset:
    name = f"{admitted.name}-clip"
    return MediaAsset(
        name,
        ".mp4",
        admitted.order.prompt,
        lambda: draw_clip(name, shot.size, shot.frames, shot.background, sound=shot.sound),
    )
