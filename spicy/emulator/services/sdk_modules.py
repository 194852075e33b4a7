"""gRPC and the SDK's own protocol messages, imported in one place because neither ships types."""

import grpc
from google.protobuf import empty_pb2, timestamp_pb2
from xai_sdk.proto import (
    auth_pb2,
    chat_pb2,
    deferred_pb2,
    files_pb2,
    image_pb2,
    models_pb2,
    sample_pb2,
    tokenize_pb2,
    usage_pb2,
    video_pb2,
)

__all__ = [
    "auth_pb2",
    "chat_pb2",
    "deferred_pb2",
    "empty_pb2",
    "files_pb2",
    "grpc",
    "image_pb2",
    "models_pb2",
    "sample_pb2",
    "timestamp_pb2",
    "tokenize_pb2",
    "usage_pb2",
    "video_pb2",
]
