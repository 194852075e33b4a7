"""The gRPC services of xAI that the emulator speaks: chat, images, videos, files, models."""
