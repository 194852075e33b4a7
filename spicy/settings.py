"""Reads the settings, once, from the environment and `.env`. Nothing else in spicy reads either.

It uses pydantic and python-dotenv directly: pydantic-settings would add a twelfth to the time of a build with
nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from spicy.errors import UsageError

DOTENV = Path(".env")
M = TypeVar("M", bound=BaseModel)


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("spicy", appauthor=False)


class Settings(BaseModel):
    """Folders, provider and keys. Secrets are masked wherever the object is shown."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    cache_dir: Path = Field(default_factory=_default_cache, validation_alias="SPICY_CACHE_DIR")
    """The store's folder."""
    build_dir: Path = Field(default=Path("build"), validation_alias="SPICY_BUILD_DIR")
    """The folder of the films; relative to the working directory."""
    provider: str | None = Field(default=None, validation_alias="SPICY_PROVIDER")
    """The default provider if the command line names none."""
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GROK_API_KEY", "XAI_API_KEY")
    )
    """xAI's key."""
    xai_host: str | None = Field(default=None, validation_alias="SPICY_XAI_HOST")
    """A server to use instead of api.x.ai."""
    jobs: int = Field(default=8, ge=1, le=1024, validation_alias="SPICY_JOBS")
    """The number of targets made at the same time if the command line does not set it."""


class ServerSettings(BaseModel):
    """Addresses, folders and timeouts of `spicy serve`; the variables keep the names of its predecessor."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", validation_alias="SERVER_HOST")
    """An address other than loopback needs `api_key` and `worker_key`."""
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="SERVER_PORT")
    videos: Path = Field(default=Path("videos"), validation_alias="VIDEO_STORAGE_PATH")
    logs: Path = Field(default=Path("logs"), validation_alias="LOG_PATH")
    database: Path = Field(default=Path("jobs.db"), validation_alias="DB_PATH")
    video_days: float = Field(default=7, gt=0, le=36500, validation_alias="MAX_VIDEO_AGE_DAYS")
    """Days after which videos are removed."""
    video_timeout: float = Field(default=300, gt=0, le=86400, validation_alias="JOB_TIMEOUT_SECONDS")
    """Seconds that a worker may go without reporting on a video job."""
    chat_timeout: float = Field(default=60, gt=0, le=86400, validation_alias="CHAT_JOB_TIMEOUT_SECONDS")
    chat_wait: float = Field(default=60, gt=0, le=3600, validation_alias="CHAT_COMPLETION_WAIT_SECONDS")
    """Seconds that a chat request waits for its answer."""
    api_key: SecretStr | None = Field(default=None, validation_alias="SPICY_API_KEY")
    """The bearer token that clients have to send."""
    worker_key: SecretStr | None = Field(default=None, validation_alias="SPICY_WORKER_KEY")
    """The bearer token that polling workers have to send."""
    builtin_worker: bool = Field(default=True, validation_alias="SPICY_BUILTIN_WORKER")
    cors_origins: str = Field(default="local", validation_alias="SPICY_CORS_ORIGINS")
    """Allowed origins of web pages, separated by commas: `local` is any page of this machine and any browser
    extension, `*` any page at all, and only without keys."""
    recipe: str = Field(default="default", validation_alias="SPICY_RECIPE")
    """The recipe whose models, prices and rates are used."""
    jobs: int = Field(default=8, ge=1, le=256, validation_alias="SPICY_SERVER_JOBS")
    """The number of jobs that the built-in worker runs at the same time."""


def read_server_settings(environment: Mapping[str, str] = os.environ) -> ServerSettings:
    """Return the server's settings from `.env` and the environment. Raises UsageError with the variable."""
    return _read(ServerSettings, environment)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from `.env` and the overriding environment; an empty variable counts as not set.

    A process that finds a key disables its core files. Raises UsageError that names the variable, never its
    value.
    """
    settings = _read(Settings, environment)
    if settings.api_key is not None:
        from spicy.core_dumps import forbid_cores

        forbid_cores()
    return settings


def _read(model: type[M], environment: Mapping[str, str]) -> M:
    values: dict[str, str | None] = dict(_dotenv()) | dict(environment)
    try:
        return model.model_validate({name: value for name, value in values.items() if value})
    except ValidationError as error:
        faults = "; ".join(f"{e['loc'][0]}: {e['msg'].lower()}" for e in error.errors())
        raise UsageError(f"settings: {faults}") from None


def _dotenv() -> Mapping[str, str | None]:
    if not DOTENV.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(DOTENV, encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{DOTENV} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{DOTENV} cannot be read: {error.strerror}") from None
