"""The Models, Auth and Tokenize services: what there is, and whose key this is."""

from __future__ import annotations

from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import ChatModel, ImageModel
from spicy.emulator.services.rpc import service, unary
from spicy.emulator.services.sdk_modules import auth_pb2, empty_pb2, grpc, models_pb2, tokenize_pb2
from spicy.emulator.state import EmulatorState


class Account:
    """Three small services on the wire."""

    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """What gRPC calls."""
        state, nothing, name = self._state, empty_pb2.Empty, models_pb2.GetModelRequest
        models = {
            "ListLanguageModels": unary(
                state, self.list_chat, nothing, models_pb2.ListLanguageModelsResponse
            ),
            "ListImageGenerationModels": unary(
                state, self.list_images, nothing, models_pb2.ListImageGenerationModelsResponse
            ),
            "ListEmbeddingModels": unary(
                state, self.list_embeddings, nothing, models_pb2.ListEmbeddingModelsResponse
            ),
            "GetLanguageModel": unary(state, self.get_chat, name, models_pb2.LanguageModel),
            "GetImageGenerationModel": unary(state, self.get_image, name, models_pb2.ImageGenerationModel),
        }
        text = unary(
            state, self.tokenize, tokenize_pb2.TokenizeTextRequest, tokenize_pb2.TokenizeTextResponse
        )
        key = unary(state, self.key_info, nothing, auth_pb2.ApiKey)
        return (
            service("Models", models),
            service("Auth", {"get_api_key_info": key}),
            service("Tokenize", {"TokenizeText": text}),
        )

    def list_chat(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> models_pb2.ListLanguageModelsResponse:
        """Every language model."""
        del request, context
        return models_pb2.ListLanguageModelsResponse(
            models=[_language(m) for m in self._state.catalogue.chat.values()]
        )

    def list_images(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> models_pb2.ListImageGenerationModelsResponse:
        """Every image model."""
        del request, context
        return models_pb2.ListImageGenerationModelsResponse(
            models=[_image(m) for m in self._state.catalogue.image.values()]
        )

    def list_embeddings(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> models_pb2.ListEmbeddingModelsResponse:
        """No embedding models."""
        del request, context
        return models_pb2.ListEmbeddingModelsResponse()

    def get_chat(
        self, request: models_pb2.GetModelRequest, context: grpc.ServicerContext
    ) -> models_pb2.LanguageModel:
        """One language model."""
        del context
        model = self._state.catalogue.chat.get(self._state.catalogue.served(request.name))
        if model is None:
            raise Refusal(Code.NOT_FOUND, f"The model {request.name} does not exist.")
        return _language(model)

    def get_image(
        self, request: models_pb2.GetModelRequest, context: grpc.ServicerContext
    ) -> models_pb2.ImageGenerationModel:
        """One image model."""
        del context
        model = self._state.catalogue.image.get(self._state.catalogue.served(request.name))
        if model is None:
            raise Refusal(Code.NOT_FOUND, f"The model {request.name} does not exist.")
        return _image(model)

    def key_info(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> auth_pb2.ApiKey:
        """Whose key this is."""
        del request, context
        return auth_pb2.ApiKey(
            redacted_api_key="xai-...dkey",
            user_id="user-emulated",
            team_id="team-emulated",
            name="emulated key",
            api_key_id="key-emulated",
            acls=["api-key:model:*", "api-key:endpoint:*"],
        )

    def tokenize(
        self, request: tokenize_pb2.TokenizeTextRequest, context: grpc.ServicerContext
    ) -> tokenize_pb2.TokenizeTextResponse:
        """Tokens of four characters each."""
        del context
        pieces = [request.text[n : n + 4] for n in range(0, len(request.text), 4)]
        return tokenize_pb2.TokenizeTextResponse(
            model=request.model,
            tokens=[
                tokenize_pb2.Token(token_id=number, string_token=piece, token_bytes=piece.encode())
                for number, piece in enumerate(pieces)
            ],
        )


def _language(model: ChatModel) -> models_pb2.LanguageModel:
    modality = models_pb2.Modality
    return models_pb2.LanguageModel(
        name=model.name,
        version="1",
        input_modalities=[modality.TEXT, modality.IMAGE],
        output_modalities=[modality.TEXT],
        prompt_text_token_price=model.input_price,
        completion_text_token_price=model.output_price,
        max_prompt_length=model.context,
    )


def _image(model: ImageModel) -> models_pb2.ImageGenerationModel:
    modality = models_pb2.Modality
    return models_pb2.ImageGenerationModel(
        name=model.name,
        version="1",
        input_modalities=[modality.TEXT, modality.IMAGE],
        output_modalities=[modality.IMAGE],
        image_price=min(model.prices.values()),
        max_prompt_length=model.max_prompt_bytes,
    )
