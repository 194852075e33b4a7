"""The Files service: uploads and what may be done with them."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from spicy.emulator.content.assets import MediaAsset
from spicy.emulator.network import Code, Refusal
from spicy.emulator.services.catalogue import MAX_FILE
from spicy.emulator.services.rpc import guard, service, unary
from spicy.emulator.services.sdk_modules import files_pb2, grpc, image_pb2, timestamp_pb2
from spicy.emulator.state import EmulatorState

_CHUNK = 1 << 20
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f\"';\\]")
_SHORTEST, _LONGEST = 3_600, 2_592_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A file on the shelf."""

    id: str
    name: str
    data: bytes
    created: int
    expires: int = 0
    public_url: str = ""

    def message(self) -> files_pb2.File:
        """The file as the API describes it."""
        return files_pb2.File(
            id=self.id,
            filename=self.name,
            size=len(self.data),
            created_at=timestamp_pb2.Timestamp(seconds=self.created),
            expires_at=timestamp_pb2.Timestamp(seconds=self.expires) if self.expires else None,
            public_url=self.public_url or None,
        )


def _check(name: str, expires_after: int) -> None:
    if not name or len(name) > 255 or _BAD_NAME.search(name):
        raise Refusal(Code.INVALID_ARGUMENT, "Invalid filename.")
    if expires_after and not _SHORTEST <= expires_after <= _LONGEST:
        raise Refusal(
            Code.INVALID_ARGUMENT, f"expires_after must be between {_SHORTEST} and {_LONGEST} seconds."
        )


def _nothing() -> Iterator[files_pb2.FileContentChunk]:
    return iter(())


class FileShelf:
    """Files by id. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Stored] = {}

    def add(self, name: str, data: bytes, expires_after: int = 0) -> Stored:
        """Keep a file. Raises Refusal for a bad name, size or lifetime."""
        _check(name, expires_after)
        if len(data) > MAX_FILE:
            raise Refusal(Code.INVALID_ARGUMENT, "The file exceeds 512 MB.")
        now = int(time.time())
        stored = Stored(
            f"file_{secrets.token_hex(12)}", name, data, now, expires_after and now + expires_after
        )
        with self._lock:
            self._files[stored.id] = stored
        return stored

    def find(self, file_id: str) -> Stored:
        """A file by its id. Raises Refusal for one that is not there."""
        with self._lock:
            stored = self._files.get(file_id)
        if stored is None:
            raise Refusal(Code.NOT_FOUND, f"File not found: {file_id}")
        return stored

    def content(self, file_id: str) -> bytes:
        """The bytes of a file. Raises Refusal for one that is not there."""
        return self.find(file_id).data

    def publish(self, file_id: str, url: str) -> None:
        """Write down a file's public link."""
        stored = self.find(file_id)
        with self._lock:
            self._files[file_id] = replace(stored, public_url=url)

    def remove(self, file_id: str) -> None:
        """Throw a file away. Raises Refusal for one that is not there."""
        self.find(file_id)
        with self._lock:
            self._files.pop(file_id, None)

    def listed(self) -> list[Stored]:
        """Every file, oldest first."""
        with self._lock:
            return list(self._files.values())

    def reset(self) -> None:
        """Throw everything away."""
        with self._lock:
            self._files.clear()


class FilesService:
    """The service on the wire."""

    def __init__(self, state: EmulatorState, shelf: FileShelf) -> None:
        self._state = state
        self._shelf = shelf

    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls."""
        state = self._state
        return service(
            "Files",
            {
                "UploadFile": grpc.stream_unary_rpc_method_handler(
                    guard(state, self.upload, files_pb2.File),
                    request_deserializer=files_pb2.UploadFileChunk.FromString,
                    response_serializer=files_pb2.File.SerializeToString,
                ),
                "RetrieveFileContent": grpc.unary_stream_rpc_method_handler(
                    guard(state, self.download, _nothing),
                    request_deserializer=files_pb2.RetrieveFileContentRequest.FromString,
                    response_serializer=files_pb2.FileContentChunk.SerializeToString,
                ),
                "ListFiles": unary(state, self.list, files_pb2.ListFilesRequest, files_pb2.ListFilesResponse),
                "RetrieveFile": unary(state, self.get, files_pb2.RetrieveFileRequest, files_pb2.File),
                "DeleteFile": unary(
                    state, self.delete, files_pb2.DeleteFileRequest, files_pb2.DeleteFileResponse
                ),
                "CreatePublicUrl": unary(
                    state, self.publish, files_pb2.CreatePublicUrlRequest, files_pb2.CreatePublicUrlResponse
                ),
                "RevokePublicUrl": unary(
                    state, self.revoke, files_pb2.RevokePublicUrlRequest, files_pb2.RevokePublicUrlResponse
                ),
            },
        )

    def upload(
        self, chunks: Iterator[files_pb2.UploadFileChunk], context: grpc.ServicerContext
    ) -> files_pb2.File:
        """Take a file in."""
        name, expires_after, data = "", 0, bytearray()
        for chunk in chunks:
            if chunk.HasField("init"):
                name, expires_after = chunk.init.name, chunk.init.expires_after
            data += chunk.data
        self._state.trouble("upload", name, hashlib.sha256(data).hexdigest(), context)
        stored = self._shelf.add(name, bytes(data), expires_after)
        self._state.ledger.count("uploads")
        return stored.message()

    def list(
        self, request: files_pb2.ListFilesRequest, context: grpc.ServicerContext
    ) -> files_pb2.ListFilesResponse:
        """List the first page of files."""
        del context
        found = self._shelf.listed()[: request.limit or 100]
        return files_pb2.ListFilesResponse(data=[stored.message() for stored in found])

    def get(self, request: files_pb2.RetrieveFileRequest, context: grpc.ServicerContext) -> files_pb2.File:
        """Describe a file."""
        del context
        return self._shelf.find(request.file_id).message()

    def delete(
        self, request: files_pb2.DeleteFileRequest, context: grpc.ServicerContext
    ) -> files_pb2.DeleteFileResponse:
        """Throw a file away."""
        del context
        self._shelf.remove(request.file_id)
        return files_pb2.DeleteFileResponse(id=request.file_id, deleted=True)

    def download(
        self, request: files_pb2.RetrieveFileContentRequest, context: grpc.ServicerContext
    ) -> Iterator[files_pb2.FileContentChunk]:
        """Send a file back."""
        del context
        data = self._shelf.content(request.file_id)
        return iter(
            [files_pb2.FileContentChunk(data=data[n : n + _CHUNK]) for n in range(0, len(data), _CHUNK)]
        )

    def publish(
        self, request: files_pb2.CreatePublicUrlRequest, context: grpc.ServicerContext
    ) -> files_pb2.CreatePublicUrlResponse:
        """Make a public link to a file."""
        del context
        url = publish(self._state, self._shelf, request.file_id, request.expires_after)
        return files_pb2.CreatePublicUrlResponse(public_url=url)

    def revoke(
        self, request: files_pb2.RevokePublicUrlRequest, context: grpc.ServicerContext
    ) -> files_pb2.RevokePublicUrlResponse:
        """Take a public link back."""
        del context
        url = self._shelf.find(request.file_id).public_url
        self._state.assets.revoke(url)
        self._shelf.publish(request.file_id, "")
        return files_pb2.RevokePublicUrlResponse(file_id=request.file_id, revoked=True, public_url=url)


def publish(state: EmulatorState, shelf: FileShelf, file_id: str, expires_after: int = 0) -> str:
    """Make a public link to a stored file, which lives for ever unless told otherwise. Raises Refusal."""
    stored = shelf.find(file_id)
    suffix = ".mp4" if stored.data[4:8] == b"ftyp" else ".jpg"
    asset = MediaAsset(stored.id, suffix, "", lambda: stored.data)
    seconds = expires_after * state.settings.time_scale if expires_after else float("inf")
    url = state.assets.link(asset, seconds=seconds)
    shelf.publish(file_id, url)
    return url


def check_storage(options: image_pb2.StorageOptions) -> None:
    """Refuse bad storage options at submit, as the API does."""
    _check(options.filename, options.expires_after)


def store_output(
    state: EmulatorState, shelf: FileShelf, options: image_pb2.StorageOptions, asset: MediaAsset
) -> image_pb2.FileOutput:
    """Put what was made on the shelf, as `storage_options` ask."""
    stored = shelf.add(options.filename, state.assets.content(asset), options.expires_after)
    output = image_pb2.FileOutput(file_id=stored.id, filename=stored.name)
    if options.HasField("public_url"):
        output.public_url = publish(state, shelf, stored.id, options.public_url.expires_after)
    return output
