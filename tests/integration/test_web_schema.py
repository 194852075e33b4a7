"""The OpenAPI document is a promise: whatever is sent, no answer breaks it, and none is a server's fault.

schemathesis writes requests from the document, good ones and spoilt ones, for every operation; the provider
answers at once, so that what is tried is the server and not ffmpeg.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spicy.engine.calls.caller import Caller
from spicy.engine.job_executor import JobExecutor
from spicy.jobs.model import JobRequest, JobState, Mode
from spicy.ports import Answer, Call, ImageCall
from spicy.recipe.load import load_recipe
from spicy.store.store import Store
from spicy.web.api.intake import submit
from spicy.web.api.url_fetch import Gate
from tests.scripted import Scripted, clip, picture
from tests.served import Served, serving

Operation = APIOperation[Any, Any, Any, Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""For each operation and each way of writing requests."""


class Instant(Scripted):
    """Answers at once, with the same clip and the same still each time."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "animatic"
        self._still, self._clip = picture("aa5500"), clip("0055aa")

    def fetch(self, answer: Answer, into: Path) -> None:
        call: Call = self._open[str(answer.link)][0]
        into.write_bytes(self._still if isinstance(call, ImageCall) else self._clip)


def instant_desk(folder: Path) -> JobExecutor:
    """A desk whose provider needs no time."""
    store = Store(folder / "store")
    store.prepare()
    return JobExecutor(Caller(store, Instant(), threading.Event()), load_recipe("default", folder), store)


def document(served: Served) -> BaseSchema:
    """The server's own document."""
    return schemathesis.openapi.from_url(f"{served.url}/openapi.json")


def operations(api: BaseSchema) -> list[Operation]:
    """Everything that the document offers: looking, then changing, then destroying."""
    found: list[Operation] = [result.ok() for result in api.get_all_operations()]  # type: ignore[union-attr]
    return sorted(found, key=lambda operation: ["get", "post", "delete"].index(operation.method))


def attack(
    operation: Operation,
    mode: GenerationMode,
    names: Mapping[str, str] | None = None,
    *,
    examples: int = EXAMPLES,
) -> set[int]:
    """Send a few requests of one kind to one operation and compare each answer with the document; their statuses."""
    statuses = set()

    @seed(4)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=dict(names or {}) or None))
    def each(case: schemathesis.Case[Any]) -> None:
        statuses.add(case.call_and_validate(checks=CHECKS, timeout=20).status_code)

    each()
    return statuses


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_breaks_the_document_or_the_server(tmp_path: Path, mode: GenerationMode) -> None:
    with serving(tmp_path, executor=instant_desk(tmp_path)) as served:
        served.app_state.gate = Gate(resolve=unknown_host)
        for operation in operations(document(served)):
            if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters()):
                attack(operation, mode)


@pytest.mark.parametrize("path", ["videos", "videos/generations", "chat/completions", "images/generations"])
def test_the_documents_own_example_is_an_order_that_works(tmp_path: Path, path: str) -> None:
    with serving(tmp_path, executor=instant_desk(tmp_path)) as served:
        api = document(served)
        operation = api[f"/v1/{path}"]["POST"]
        schema = operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
        if "$ref" in schema:
            schema = api.raw_schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        example = schema.get("example") or schema["examples"][0]
        case = operation.Case(body=example, media_type="application/json")
        assert case.call_and_validate(checks=CHECKS, timeout=20).status_code == 200


def unknown_host(host: str, port: int) -> list[str]:
    """Tests ask no name server."""
    raise OSError(f"{host} is not known")


def test_answers_about_jobs_of_every_state_keep_to_the_document(tmp_path: Path) -> None:
    with serving(tmp_path, executor=instant_desk(tmp_path), builtin_worker=False) as idle:
        api = document(idle)
        ids = jobs_of_every_state(idle)
        for operation in operations(api):
            for name in [p.name for p in operation.path_parameters if p.name != "model"]:
                ending = ".jpg" if operation.path.startswith("/images/") else ""
                statuses = set[int]()
                for id in ids:
                    statuses |= attack(operation, GenerationMode.POSITIVE, {name: id + ending}, examples=1)
                assert 200 in statuses, operation.label


def jobs_of_every_state(idle: Served) -> list[str]:
    """Clips: done, failed, cancelled, in hand, waiting; a chat and a still that are done."""
    app_state = idle.app_state
    clips = [
        JobRequest(
            mode=Mode.VIDEO,
            model="grok",
            prompt=f"Clip {n}",
            request={"duration": 1, "aspect_ratio": "1:1", "resolution": "480p"},
        )
        for n in range(5)
    ]
    turns = [{"role": "user", "text": "Hello?", "images": []}]
    chat = JobRequest(mode=Mode.CHAT, model="grok", prompt="Hello?", request={"turns": turns})
    still = JobRequest(
        mode=Mode.IMAGE, model="grok", prompt="A fox", request={"aspect_ratio": "1:1", "resolution": "1k"}
    )
    ids = []
    for order in (clips[0], chat, still):
        app_state.executor.answer(order, job="before", progress=lambda done: None)
        ids.append(submit(app_state, order, key=None, body="").id)
    ids += [submit(app_state, order, key=None, body="").id for order in clips[1:]]
    failed, _held = (app_state.queue.claim(Mode.VIDEO, "test", 600) for _ in range(2))
    assert failed is not None
    app_state.queue.fail(failed.job.id, failed.token, "no tab", "failed")
    app_state.queue.cancel(ids[-1])
    states = [job.state for id in ids if (job := app_state.queue.find(id)) is not None]
    assert Counter(states) == {
        JobState.COMPLETED: 3,
        JobState.FAILED: 1,
        JobState.PROCESSING: 1,
        JobState.PENDING: 1,
        JobState.CANCELLED: 1,
    }
    return ids
