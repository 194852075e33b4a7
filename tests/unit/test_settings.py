"""Settings come from the environment and `.env`, once, and a secret is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicy.errors import UsageError
from spicy.settings import read_settings


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_goes_before_dotenv_and_empty_is_not_set() -> None:
    Path(".env").write_text("SPICY_JOBS=3\nSPICY_PROVIDER=animatic\nGROK_API_KEY=from-file\n")
    settings = read_settings({"SPICY_JOBS": "5", "SPICY_PROVIDER": "", "SPICY_CACHE_DIR": ""})
    assert settings.jobs == 5
    assert settings.provider is None
    assert settings.cache_dir.name == "spicy"
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "from-file"


def test_grok_api_key_goes_before_xai_api_key() -> None:
    both = read_settings({"XAI_API_KEY": "second", "GROK_API_KEY": "first"})
    assert both.api_key is not None
    assert both.api_key.get_secret_value() == "first"
    one = read_settings({"XAI_API_KEY": "second"})
    assert one.api_key is not None
    assert one.api_key.get_secret_value() == "second"


def test_a_secret_is_masked_wherever_settings_are_shown() -> None:
    settings = read_settings({"GROK_API_KEY": "very-secret"})
    assert "very-secret" not in f"{settings} {settings!r} {settings.model_dump()}"


def test_a_bad_setting_is_named_and_its_value_is_not_shown() -> None:
    with pytest.raises(UsageError, match="SPICY_JOBS") as said:
        read_settings({"SPICY_JOBS": "secret-words"})
    assert "secret-words" not in str(said.value)


def test_a_dotenv_that_is_not_text_is_one_clear_line() -> None:
    Path(".env").write_bytes(b"GROK_API_KEY=\xff\xfe\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_settings({})
