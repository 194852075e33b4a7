"""Call records: one write-once JSON file per answered call, `calls/ab/abcdef….json`.

A record holds the canonical request, so that a store explains itself, and the answer as text or as the
digest of a blob. Records are files because files can be copied, compared and shared between machines.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from spicy.canonical_json import Json
from spicy.errors import StoreError
from spicy.files import write_atomic
from spicy.ids import CallKey, Digest, Ticks

RECORD_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One answered call. `cost` is what it cost when it was asked, in ticks; `seconds` how long it took."""

    key: CallKey
    provider: str
    kind: str
    purpose: str
    request: Mapping[str, Json]
    model: str
    cost: Ticks
    started: str
    seconds: float
    text: str | None = None
    digest: Digest | None = None
    suffix: str = ""


class Records:
    """The call records of one store."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "calls"

    def path(self, key: CallKey) -> Path:
        """Where the record is, or would be."""
        return self.folder / key[:2] / f"{key}.json"

    def find(self, key: CallKey) -> CallRecord | None:
        """The record of a call, or None. An unreadable record counts as absent and is set aside."""
        path = self.path(key)
        try:
            data = json.loads(path.read_bytes())
            version = data.pop("spicy_record")
            if version == RECORD_VERSION:
                # A newer spicy of the same record version may have added fields: they are not ours to judge.
                return CallRecord(**{name: data[name] for name in CallRecord.__slots__ if name in data})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, path.with_suffix(".damaged"))
            return None
        raise StoreError(
            f"{path} is of version {version}, which this spicy does not know; please upgrade spicy"
        )

    def add(self, record: CallRecord) -> None:
        """Keep a record. An earlier one of the key is replaced: it is asked again only when its blob is lost."""
        path = self.path(record.key)
        data = {"spicy_record": RECORD_VERSION, **asdict(record)}
        write_atomic(path, json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True).encode())

    def all(self) -> Iterator[CallRecord]:
        """Every readable record, in order of key."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*.json")):
            record = self.find(CallKey(path.stem))
            if record is not None:
                yield record
