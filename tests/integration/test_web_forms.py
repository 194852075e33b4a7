"""Forms of the dashboard: only a page of this very server may send one, and only to whom it was drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from tests.served import Served, serving
from tests.visitor import Visitor

KEY = "client-key-1"
TARGETS = (
    "/new",
    "/new/preview",
    "/films/kite/build",
    "/films/kite/remake",
    "/runs/20250101-000000-abcd/cancel",
)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server without keys, in an empty project."""
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that asks for a key."""
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path, api_key=KEY) as found:
        yield found


def preview(
    visitor: Visitor, *, token: str | None = None, headers: Mapping[str, str | None] | None = None
) -> int:
    """Send the form of a new run for its price, as drawn or with another token; the status of the answer."""
    fields = {**visitor.open("/new").form("Show plan")[0].fields, "concept": "A kite"}
    if token is not None:
        fields["csrf"] = token
    return visitor.send("/new/preview", fields, headers=headers).status


OTHERS: list[Mapping[str, str | None]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:1@evil.example"},
    {"Origin": "http://[::1"},
    {"Origin": "chrome-extension://abcdef"},
    {"Origin": None},
    {"Origin": None, "Sec-Fetch-Site": "same-site"},
    {"Origin": None, "Sec-Fetch-Site": "cross-site"},
    {"Origin": None, "Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", OTHERS)
def test_a_form_from_elsewhere_does_nothing(served: Served, headers: Mapping[str, str | None]) -> None:
    assert preview(Visitor(served.url), headers=headers) == 403


def test_a_form_of_our_own_is_taken(served: Served) -> None:
    visitor = Visitor(served.url)
    assert preview(visitor) == 200
    assert preview(visitor, headers={"Origin": None, "Sec-Fetch-Site": "same-origin"}) == 200
    assert preview(visitor, headers={"Origin": served.url.upper().replace("HTTP", "http")}) == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "x" * 64, "é", "0" * 100_000])
def test_a_form_without_the_browsers_token_does_nothing(served: Served, token: str) -> None:
    assert preview(Visitor(served.url), token=token) == 403


def test_the_token_of_another_browser_is_worth_nothing(served: Served) -> None:
    other = Visitor(served.url).open("/new").form("Show plan")[0].fields["csrf"]
    assert preview(Visitor(served.url), token=other) == 403


def test_a_browser_without_cookies_is_told_what_to_do(served: Served) -> None:
    visitor = Visitor(served.url)
    fields = visitor.open("/new").form("Show plan")[0].fields
    visitor.session.cookies.clear()
    page = visitor.send("/new/preview", fields)
    assert page.status == 403
    assert "Nothing was done" in page.text
    assert "load the page again" in page.text


def test_a_token_outlives_the_server_and_is_kept_from_scripts(served: Served) -> None:
    answer = requests.get(f"{served.url}/new", timeout=20)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"spicy_csrf_{served.url.rpartition(':')[2]}=")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    visitor = Visitor(served.url)
    first = visitor.open("/new").form("Show plan")[0].fields["csrf"]
    assert visitor.open("/new").form("Show plan")[0].fields["csrf"] == first


@pytest.mark.parametrize("target", TARGETS)
def test_every_form_is_guarded(served: Served, target: str) -> None:
    visitor = Visitor(served.url)
    fields = visitor.open("/new").form("Show plan")[0].fields
    assert visitor.send(target, fields, headers={"Origin": "http://evil.example"}).status == 403
    assert visitor.send(target, {**fields, "csrf": "0" * 64}).status == 403
    assert not list(served.folder.glob("specs/*"))
    assert not list(served.folder.glob("build/.runs/*.log"))


def test_under_a_name_of_somebody_else_nothing_works(served: Served) -> None:
    visitor = Visitor(served.url)
    fields = visitor.open("/new").form("Show plan")[0].fields
    cookies = {cookie.name: str(cookie.value) for cookie in visitor.session.cookies}
    answer = requests.post(
        f"{served.url}/new/preview",
        data=fields,
        cookies=cookies,
        headers={"Host": "evil.example", "Origin": "http://evil.example"},
        timeout=20,
    )
    assert answer.status_code == 403
    assert requests.get(f"{served.url}/new", headers={"Host": "evil.example"}, timeout=20).status_code == 403


def test_with_a_key_a_browser_is_asked_for_it(locked: Served) -> None:
    for path in ("/", "/new", "/store", "/films/kite", "/runs/abcd"):
        page = Visitor(locked.url).open(path)
        assert page.status == 401
        assert "Basic" in page.headers["www-authenticate"]
        assert "key is needed" in page.text
    assert Visitor(locked.url).send("/new/preview", {}).status == 401


def test_with_a_key_a_form_needs_key_origin_and_token(locked: Served) -> None:
    visitor = Visitor(locked.url, key=KEY)
    assert preview(visitor) == 200
    assert preview(visitor, token="0" * 64) == 403
    for headers in OTHERS:
        assert preview(visitor, headers=headers) == 403
    visitor.session.auth = None
    visitor.session.headers["Authorization"] = f"Bearer {KEY}"
    assert preview(visitor, headers={"Origin": "http://evil.example"}) == 403
    assert preview(visitor) == 200


def test_a_key_that_a_browser_shows_by_itself_opens_no_other_change(locked: Served) -> None:
    visitor = Visitor(locked.url, key=KEY)
    assert visitor.send("/v1/videos/generations", {"prompt": "A cat"}).status == 401
    assert visitor.session.delete(f"{locked.url}/jobs", timeout=20).status_code == 401


def test_a_form_has_its_limits(served: Served) -> None:
    visitor = Visitor(served.url)
    page = visitor.open("/new")
    fields = page.form("Show plan")[0].fields
    assert visitor.send("/films/kite/build", {**fields, "max_cost": "9" * (1 << 20)}).status == 413
    assert visitor.send("/new/preview", {**fields, **{f"x{n}": "" for n in range(200)}}).status == 400
    many = {f"picture-{n}": ("a.png", b"x") for n in range(20)}
    assert visitor.send("/new/preview", fields, files=many).status == 400
