"""What the provider says before it has spoken to anyone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spicy.errors import Interrupted, UsageError
from spicy.ports import ChatCall, Schema
from spicy.providers.xai import XaiProvider
from spicy.providers.xai.client import host_name


def test_importing_and_making_it_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from spicy.providers.xai import XaiProvider\n"
        "XaiProvider('k').close()\n"
        "print({'grpc', 'xai_sdk', 'requests', 'PIL', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (None, "api.x.ai"),
        ("127.0.0.1:50051", "localhost:50051"),
        ("localhost:50051", "localhost:50051"),
        ("http://localhost:1/", "localhost:1"),
        ("eu-west-1.api.x.ai", "eu-west-1.api.x.ai"),
    ],
)
def test_the_host_is_written_as_the_sdk_wants_it(host: str | None, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("key", ["", "  \n", "two words", "schlüssel", "a\x00b"])
def test_what_cannot_be_a_key_is_said_in_one_line_without_it(key: str) -> None:
    with pytest.raises(UsageError, match="GROK_API_KEY") as error:
        XaiProvider(key)
    assert "\n" not in str(error.value)
    assert not key.strip() or key not in str(error.value)


def test_the_key_is_in_no_repr() -> None:
    provider = XaiProvider(" s3cr3t\n", host="localhost:1")
    assert repr(provider) == "XaiProvider(host='localhost:1')"


def test_a_closed_provider_sends_nothing() -> None:
    provider = XaiProvider("k", host="localhost:1")
    provider.close()
    provider.close()
    with pytest.raises(Interrupted):
        provider.submit(ChatCall(model="m", prompt="p", schema=Schema("s", "{}")), {})
