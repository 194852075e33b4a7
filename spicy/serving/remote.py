"""A server elsewhere as a source of jobs: what `spicy worker` polls, over the same endpoints as any other worker.

The key goes in a header to the one address that was named, and nowhere else: redirects are not followed. A server
that is being restarted is waited for; a job that is no longer ours is dropped, its answer stays in our own store.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spicy.canonical_json import Json
from spicy.errors import CallFailed, MediaError, SpicyError, UsageError
from spicy.ids import Digest
from spicy.jobs.model import JobRequest, Mode
from spicy.ports import CallResult
from spicy.serving.builtin import outcome_of
from spicy.serving.worker_pool import ClaimedJob, JobFailure, LeaseLost, SourceUnavailable, failure_of

if TYPE_CHECKING:
    import requests

    from spicy.engine.job_executor import JobExecutor

_TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and between two bytes of an answer."""
_LEASE = 60.0
"""Seconds, of a server that does not say how long its lease is."""
_ROLES = ("system", "user", "assistant")


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _ContentLink(_Open):
    url: str


class _ContentPart(_Open):
    type: str
    text: str = ""
    image_url: _ContentLink | None = None


class _Message(_Open):
    role: str
    content: str | list[_ContentPart] | None = None


class _Chat(_Open):
    """A chat, as a client of OpenAI's API writes it."""

    messages: list[_Message] = []
    temperature: float | None = None
    max_tokens: int | None = None


class _Options(_Open):
    """What is asked of a clip beside its prompt; a server that says nothing leaves it to us."""

    duration: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    take: int | None = None


class _Polled(_Open):
    """One job, as `GET /extension/poll` hands it out."""

    job_id: str
    job_type: Mode
    prompt: str = ""
    image: str | None = None
    request: _Chat | None = None
    claim: str | None = None
    lease_seconds: float = Field(default=_LEASE, gt=0)
    model: str = ""
    options: _Options = Field(default_factory=_Options)


class Server:
    """A server that hands out jobs over HTTP. Safe for threads."""

    def __init__(self, url: str, key: str | None, executor: JobExecutor) -> None:
        """Connect to nothing yet. Raises UsageError for what is no http(s) address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"{url} is not the address of a server, such as http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self._key, self._executor = key, executor
        self._closed = threading.Event()
        self._own = threading.local()

    def take(self, modes: Sequence[Mode]) -> ClaimedJob | None:
        """Poll for one job, mode by mode. One that cannot be understood is reported as failed."""
        for mode in modes:
            reply = self._send("GET", "/extension/poll", params={"mode": mode.value})
            if reply.status_code == 204:
                continue
            if reply.status_code != 200:
                raise _refusal(reply)
            try:
                polled = _Polled.model_validate_json(reply.content)
            except ValidationError as error:
                raise SourceUnavailable(
                    f"{self.url} hands out what is no job: {error.errors()[0]['msg']}"
                ) from error
            return self._accept(polled)
        return None

    def _accept(self, polled: _Polled) -> ClaimedJob | None:
        task = ClaimedJob(polled.job_id, polled.claim or "", _nothing(polled), polled.lease_seconds)
        try:
            order = self._order(polled)
        except (MediaError, UsageError) as error:
            with contextlib.suppress(LeaseLost):
                self.fail(task, failure_of(error))
            return None
        except Exception as error:  # such as a full disk: ours to mend, so the job is left to others
            with contextlib.suppress(SpicyError):
                self.give_back(task)
            raise SourceUnavailable(
                f"job {task.id} cannot be taken: {type(error).__name__}: {error}"
            ) from error
        return replace(task, order=order)

    def _order(self, polled: _Polled) -> JobRequest:
        request: dict[str, Json] = {"take": polled.options.take or 1}
        if polled.job_type is Mode.VIDEO:
            request |= {
                "prompt": polled.prompt,
                "duration": polled.options.duration,
                "aspect_ratio": polled.options.aspect_ratio,
                "resolution": polled.options.resolution,
                "image": self._picture(polled.image) if polled.image else None,
            }
        else:
            chat = polled.request or _Chat()
            turns = [self._turn(message) for message in chat.messages]
            request |= {
                "turns": turns or [{"role": "user", "text": polled.prompt, "images": self._pictures(polled)}],
                "temperature": chat.temperature,
                "max_tokens": chat.max_tokens,
            }
        return JobRequest(mode=polled.job_type, model=polled.model, prompt=polled.prompt, request=request)

    def _pictures(self, polled: _Polled) -> list[Json]:
        return [self._picture(polled.image)] if polled.image else []

    def _turn(self, message: _Message) -> Mapping[str, Json]:
        if message.role not in _ROLES:
            raise UsageError(f"a message of role {message.role} cannot be answered here")
        if not isinstance(message.content, list):
            return {"role": message.role, "text": message.content or "", "images": []}
        texts = [part.text for part in message.content if part.type == "text"]
        images: list[Json] = [
            self._picture(p.image_url.url) for p in message.content if p.image_url is not None
        ]
        return {"role": message.role, "text": "\n".join(texts), "images": images}

    def _picture(self, text: str) -> Digest:
        """Take a picture into our own store. Raises UsageError, MediaError."""
        from spicy.media.probe import probe_picture

        if text.startswith(("http://", "https://")):
            raise UsageError("a picture came as an address; a worker takes only what the server has checked")
        try:
            data = base64.b64decode(
                text.partition(",")[2] if text.startswith("data:") else text, validate=True
            )
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"the picture is no base64: {error}") from error
        with _scratch(self._executor) as file:
            file.write_bytes(data)
            probe_picture(file)
            return self._executor.store.objects.add_file(file)

    def wait(self, seconds: float) -> None:
        """Until the next poll."""
        self._closed.wait(seconds)

    def renew(self, task: ClaimedJob, progress: float | None) -> None:
        """By telling the progress."""
        self._report("/extension/progress", task, progress=progress)

    def deliver(self, task: ClaimedJob, answered: CallResult) -> None:
        """A clip by multipart, a chat as JSON. Raises CallFailed for a clip that the server does not take."""
        outcome = outcome_of(answered, self._executor, task.id)
        bill: dict[str, Json] = {
            "cost_ticks": outcome.cost,
            "from_store": outcome.from_store,
            "answered_by": outcome.answered_by,
        }
        if answered.asset is None:
            self._report("/extension/complete/chat", task, content=answered.text or "", **bill)
            return
        fields = {
            "job_id": task.id,
            "claim": task.token,
            **{name: str(value) for name, value in bill.items()},
        }
        with self._executor.open(answered).open("rb") as clip:
            reply = self._send(
                "POST",
                "/extension/complete",
                data={name: value for name, value in fields.items() if value},
                files={"video": (f"{task.id}.mp4", clip, "video/mp4")},
            )
        self._settle(reply)

    def fail(self, task: ClaimedJob, failure: JobFailure) -> None:
        """With the provider's words."""
        self._report("/extension/error", task, error=failure.message or failure.code, code=failure.code)

    def give_back(self, task: ClaimedJob) -> None:
        """For another worker, or for our own next start."""
        self._report("/extension/release", task)

    def close(self) -> None:
        """Wait no more."""
        self._closed.set()

    def _report(self, path: str, task: ClaimedJob, **values: Json) -> None:
        body: dict[str, Json] = {"job_id": task.id, **({"claim": task.token} if task.token else {}), **values}
        self._settle(self._send("POST", path, json=body))

    def _settle(self, reply: requests.Response) -> None:
        """Raises LeaseLost, SourceUnavailable, UsageError, CallFailed unless the server took what it was sent."""
        if reply.status_code in (404, 409):
            raise LeaseLost(_said(reply))
        if reply.status_code >= 300:
            error = _refusal(reply)
            raise CallFailed(str(error)) if reply.status_code in (400, 413, 415, 422) else error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Json] | None = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, object, str]] | None = None,
    ) -> requests.Response:
        import requests

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # In place of `auth`, where requests would otherwise put a password from the user's netrc.
            if self._key:
                request.headers["Authorization"] = f"Bearer {self._key}"
            return request

        try:
            return self._session().request(
                method,
                self.url + path,
                params=params,
                json=json,
                data=data,
                files=files,  # type: ignore[arg-type]
                auth=sign,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise SourceUnavailable(f"{self.url} cannot be reached: {_reason(error)}") from error

    def _session(self) -> requests.Session:
        """One connection a thread: sessions are not made to be shared."""
        if not hasattr(self._own, "session"):
            import requests

            self._own.session = requests.Session()
        session: requests.Session = self._own.session
        return session


@contextlib.contextmanager
def _scratch(executor: JobExecutor) -> Iterator[Path]:
    file = executor.store.temporary(f"picture.{secrets.token_hex(4)}")
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def _nothing(polled: _Polled) -> JobRequest:
    return JobRequest(mode=polled.job_type, model="", prompt=polled.prompt)


def _refusal(reply: requests.Response) -> SourceUnavailable | UsageError:
    """What an answer that is none means: for a key that is refused there will never be one."""
    if reply.status_code in (401, 403):
        return UsageError(
            f"{reply.url.partition('/extension')[0]} refuses the key (SPICY_WORKER_KEY): {_said(reply)}"
        )
    if 300 <= reply.status_code < 400:
        return UsageError(
            f"the server sends us on to {reply.headers.get('location', 'elsewhere')}; name that with --url"
        )
    return SourceUnavailable(f"the server answers {reply.status_code}: {_said(reply)}")


def _said(reply: requests.Response) -> str:
    try:
        return str(reply.json()["error"]["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return (reply.text or reply.reason or "")[:200]


def _reason(error: Exception) -> str:
    """The innermost cause, which says it shortest."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return str(error) or type(error).__name__
