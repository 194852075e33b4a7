"""Settings, read once: from the environment and `.env`. Nothing else in spicy reads either."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from spicy.errors import UsageError


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("spicy", appauthor=False)


class Settings(BaseSettings):
    """Where things are and who answers. Secrets are masked wherever the object is shown."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    cache_dir: Path = Field(default_factory=_default_cache, validation_alias="SPICY_CACHE_DIR")
    """The store's folder."""
    build_dir: Path = Field(default=Path("build"), validation_alias="SPICY_BUILD_DIR")
    """Where films go; relative to the working directory."""
    provider: str | None = Field(default=None, validation_alias="SPICY_PROVIDER")
    """Who answers calls when the command line does not say."""
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("GROK_API_KEY", "XAI_API_KEY")
    )
    xai_host: str | None = Field(default=None, validation_alias="SPICY_XAI_HOST")
    jobs: int = Field(default=8, ge=1, le=1024, validation_alias="SPICY_JOBS")
    """Targets made at the same time when the command line does not say."""


def read_settings() -> Settings:
    """Read the environment and `.env`. Raises UsageError that names the variable, never its value."""
    try:
        return Settings()
    except UnicodeDecodeError:
        raise UsageError(".env is not UTF-8 text; save it as UTF-8") from None
    except ValidationError as error:
        faults = "; ".join(f"{e['loc'][0]}: {e['msg'].lower()}" for e in error.errors())
        raise UsageError(f"settings: {faults}") from None
