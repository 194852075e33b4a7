"""Settings, read once: from the environment and `.env`. Nothing else in spicy reads either.

By hand over pydantic and python-dotenv: pydantic-settings would add a twelfth to the time of a build that has
nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from spicy.errors import UsageError

DOTENV = Path(".env")


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("spicy", appauthor=False)


class Settings(BaseModel):
    """Where things are and who answers. Secrets are masked wherever the object is shown."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    cache_dir: Path = Field(default_factory=_default_cache, validation_alias="SPICY_CACHE_DIR")
    """The store's folder."""
    build_dir: Path = Field(default=Path("build"), validation_alias="SPICY_BUILD_DIR")
    """Where films go; relative to the working directory."""
    provider: str | None = Field(default=None, validation_alias="SPICY_PROVIDER")
    """Who answers calls when the command line does not say."""
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GROK_API_KEY", "XAI_API_KEY")
    )
    """xAI's key."""
    xai_host: str | None = Field(default=None, validation_alias="SPICY_XAI_HOST")
    """Another server than api.x.ai."""
    jobs: int = Field(default=8, ge=1, le=1024, validation_alias="SPICY_JOBS")
    """Targets made at the same time when the command line does not say."""


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read `.env` and the environment, which goes before it; an empty variable counts as not set.

    A process that finds a key writes no core file any more. Raises UsageError that names the variable, never its value.
    """
    values: dict[str, str | None] = dict(_dotenv()) | dict(environment)
    try:
        settings = Settings.model_validate({name: value for name, value in values.items() if value})
    except ValidationError as error:
        faults = "; ".join(f"{e['loc'][0]}: {e['msg'].lower()}" for e in error.errors())
        raise UsageError(f"settings: {faults}") from None
    if settings.api_key is not None:
        from spicy.cores import forbid_cores

        forbid_cores()
    return settings


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
