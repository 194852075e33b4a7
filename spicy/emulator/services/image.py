"""The Image service: generation and editing, one synchronous call for both."""

from __future__ import annotations

import base64

from spicy.emulator.content.assets import MediaAsset
from spicy.emulator.content.inputs import Inbox, InputPicture, invalid
from spicy.emulator.content.media import draw_picture
from spicy.emulator.ledger import SubmittedRequest
from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import ImageModel, picture_size
from spicy.emulator.services.files import FileShelf, check_storage, store_output
from spicy.emulator.services.rpc import service, unary
from spicy.emulator.services.sdk_modules import grpc, image_pb2, usage_pb2
from spicy.emulator.state import Admitted, EmulatorState

_MOST = 10
_DELIVERED = {"", "slow", "other_model"}


class ImageService:
    """The service on the wire."""

    def __init__(self, state: EmulatorState, inbox: Inbox, shelf: FileShelf) -> None:
        self._state = state
        self._inbox = inbox
        self._shelf = shelf

    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls."""
        method = unary(self._state, self.generate, image_pb2.GenerateImageRequest, image_pb2.ImageResponse)
        return service("Image", {"GenerateImage": method})

    def generate(
        self, request: image_pb2.GenerateImageRequest, context: grpc.ServicerContext
    ) -> image_pb2.ImageResponse:
        """Make pictures."""
        order, size, pictures = self._read(request)
        admitted = self._state.admit(order, context)
        if admitted.effect in _DELIVERED:
            for number in range(_count(request)):
                self._state.assets.prepare(_asset(admitted, number, size, pictures))
        self._state.work(admitted, admitted.seconds, context)
        response = image_pb2.ImageResponse(
            model=admitted.model, usage=usage_pb2.SamplingUsage(cost_in_usd_ticks=order.ticks)
        )
        if admitted.effect == "moderated_empty":
            return response
        for number in range(_count(request)):
            if admitted.effect == "moderated_flag":
                response.images.append(image_pb2.GeneratedImage(respect_moderation=False))
                continue
            asset = _asset(admitted, number, size, pictures)
            response.images.append(self._image(request, asset))
        return response

    def _image(self, request: image_pb2.GenerateImageRequest, asset: MediaAsset) -> image_pb2.GeneratedImage:
        image = image_pb2.GeneratedImage(respect_moderation=True)
        if request.format == image_pb2.ImageFormat.IMG_FORMAT_BASE64:
            data = base64.b64encode(self._state.assets.content(asset)).decode()
            image.base64 = f"data:image/jpeg;base64,{data}"
        else:
            image.url = self._state.assets.link(asset)
        if request.HasField("storage_options"):
            image.file_output.CopyFrom(store_output(self._state, self._shelf, request.storage_options, asset))
        return image

    def _read(
        self, request: image_pb2.GenerateImageRequest
    ) -> tuple[SubmittedRequest, tuple[int, int], tuple[InputPicture, ...]]:
        served = self._state.catalogue.served(request.model)
        model = self._state.catalogue.image.get(served)
        if model is None:
            raise Refusal(Code.NOT_FOUND, f"The model {request.model} does not exist.")
        if request.HasField("image") and request.images:
            raise invalid("Only one of image and images may be given.")
        given = [request.image] if request.HasField("image") else list(request.images)
        _check(request, model, len(given))
        aspect, resolution = _aspect(request), _resolution(request)
        quality = _quality(request, model, edit=bool(given))
        pictures = tuple(self._inbox.picture(content) for content in given)
        if pictures and (len(pictures) == 1 or aspect is None):
            size = picture_size(pictures[0].ratio, resolution)
        else:
            size = picture_size(aspect or "1:1", resolution)
        n = _count(request)
        order = SubmittedRequest(
            kind="image",
            model=request.model,
            served=served,
            prompt=request.prompt,
            ticks=model.prices[quality, resolution] * n + model.per_input * len(pictures),
            seconds=self._state.latency("image"),
            params={"n": n, "aspect_ratio": aspect, "resolution": resolution, "quality": quality},
            inputs=tuple(p.digest for p in pictures),
        )
        return order, size, pictures


def _count(request: image_pb2.GenerateImageRequest) -> int:
    return request.n if request.HasField("n") else 1


def _check(request: image_pb2.GenerateImageRequest, model: ImageModel, inputs: int) -> None:
    if not request.prompt.strip():
        raise invalid("Prompt cannot be empty.")
    if len(request.prompt.encode()) > model.max_prompt_bytes:
        raise invalid(f"Prompt length exceeds the maximum allowed length of {model.max_prompt_bytes}.")
    if not 1 <= _count(request) <= _MOST:
        raise invalid(f"n must be between 1 and {_MOST} inclusive.")
    if inputs > model.max_inputs:
        raise invalid(f"Model {model.name} supports at most {model.max_inputs} input image(s).")
    if request.HasField("storage_options"):
        check_storage(request.storage_options)


def _aspect(request: image_pb2.GenerateImageRequest) -> str | None:
    if not request.HasField("aspect_ratio"):
        return None
    known = image_pb2.ImageAspectRatio
    if request.aspect_ratio not in known.values():
        raise invalid("Unknown aspect_ratio.")
    name = known.Name(request.aspect_ratio).removeprefix("IMG_ASPECT_RATIO_")
    if name == "INVALID":
        raise invalid("Unknown aspect_ratio.")
    return None if name == "AUTO" else name.replace("19_5", "19.5").replace("_", ":")


def _resolution(request: image_pb2.GenerateImageRequest) -> str:
    if not request.HasField("resolution"):
        return "1k"
    known = image_pb2.ImageResolution
    match request.resolution:
        case known.IMG_RESOLUTION_1K:
            return "1k"
        case known.IMG_RESOLUTION_2K:
            return "2k"
        case _:
            raise invalid("Unknown resolution: use 1k or 2k.")


def _quality(request: image_pb2.GenerateImageRequest, model: ImageModel, *, edit: bool) -> str:
    if not request.HasField("quality"):
        return "" if "" in model.qualities else "medium" if edit else "low"
    known = image_pb2.ImageQuality
    wanted = {known.IMG_QUALITY_LOW: "low", known.IMG_QUALITY_MEDIUM: "medium"}.get(request.quality)
    if wanted not in model.qualities:
        raise invalid(f"Quality is not supported for model {model.name}.")
    return wanted


def _asset(
    admitted: Admitted, number: int, size: tuple[int, int], pictures: tuple[InputPicture, ...]
) -> MediaAsset:
    name = f"{admitted.name}-{number}"
    small = tuple(p.small for p in pictures)
    return MediaAsset(name, ".jpg", admitted.order.prompt, lambda: draw_picture(name, size, small))
