"""Somebody with a browser that runs no scripts: pages as text, forms as they are drawn, cookies kept.

visitor = Visitor(served.url)
page = visitor.open("/films/kite")
run = visitor.press(page, "Build")
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

Files = Mapping[str, tuple[str, bytes]]


@dataclass
class Button:
    """A button of a form, with the words on it."""

    words: str
    name: str = ""
    value: str = ""
    action: str = ""


@dataclass
class Form:
    """A form as the page has it: what would be sent if nobody touched it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects forms and words, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.said: list[str] = []
        self._form: Form | None = None
        self._button: Button | None = None
        self._area = self._select = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._hidden += tag in ("script", "style", "template")
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        elif self._form is not None and not self._hidden:
            self._field(self._form, tag, given)

    def _field(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        match tag:
            case "input" if given.get("type") == "file":
                form.files.append(name)
            case "input" if given.get("type") != "checkbox":
                form.fields[name] = given.get("value", "")
            case "textarea":
                self._area, form.fields[name] = name, ""
            case "select":
                self._select = name
            case "option" if "selected" in given or self._select not in form.fields:
                form.fields[self._select] = given.get("value", "\0text")
            case "button" if given.get("type") != "button":
                self._button = Button("", name, given.get("value", ""), given.get("formaction", ""))
                form.buttons.append(self._button)
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "template")
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._button is not None:
            self._button.words += data
        if self._form is not None and self._area:
            self._form.fields[self._area] += data.removeprefix("\n")
        elif self._form is not None and self._form.fields.get(self._select) == "\0text":
            self._form.fields[self._select] = data
        self.said.append(data)


@dataclass
class Page:
    """An answer, read."""

    url: str
    status: int
    source: str
    headers: Mapping[str, str]
    forms: list[Form]
    text: str

    @property
    def path(self) -> str:
        """Where it is."""
        return urlsplit(self.url).path

    def form(self, button: str, **fields: str) -> tuple[Form, Button]:
        """The first form that has a button of these words, and has these fields."""
        for form in self.forms:
            for one in form.buttons:
                if one.words.startswith(button) and fields.items() <= form.fields.items():
                    return form, one
        raise AssertionError(f"{self.url} has no button {button!r} with {fields}: {self.text[:2000]}")


class Visitor:
    """A browser's manners: cookies, an origin, and a wish for HTML."""

    def __init__(self, home: str, *, key: str = "") -> None:
        self.home = home
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html,application/xhtml+xml"
        if key:
            self.session.auth = ("me", key)

    def open(self, path: str) -> Page:
        """Go to a page."""
        return read(self.session.get(self.home + path, timeout=60))

    def press(
        self,
        page: Page,
        button: str,
        changes: Mapping[str, str] | None = None,
        *,
        files: Files | None = None,
        follow: bool = True,
        where: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Page:
        """Fill in a form and press one of its buttons; `where` tells which of several forms is meant."""
        form, pressed = page.form(button, **dict(where or {}))
        fields = {**form.fields, **(changes or {})}
        if pressed.name:
            fields[pressed.name] = pressed.value
        return self.send(
            pressed.action or form.action, fields, form=form, files=files, follow=follow, headers=headers
        )

    def send(
        self,
        action: str,
        fields: Mapping[str, str],
        *,
        form: Form | None = None,
        files: Files | None = None,
        follow: bool = True,
        headers: Mapping[str, str | None] | None = None,
    ) -> Page:
        """Send fields as a form; one with pictures is sent in parts, those that nobody chose as empty ones."""
        parts = dict.fromkeys(form.files, ("", b"")) if form is not None else {}
        parts |= dict(files or {})
        shown = {"Origin": self.home, **(headers or {})}
        answer = self.session.post(
            urljoin(self.home, action),
            data=dict(fields),
            files=parts or None,
            headers=shown,
            allow_redirects=follow,
            timeout=120,
        )
        return read(answer)


def read(answer: requests.Response) -> Page:
    """Read an answer's HTML."""
    reader = _Reader()
    reader.feed(answer.text)
    text = " ".join(" ".join(reader.said).split())
    return Page(answer.url, answer.status_code, answer.text, answer.headers, reader.forms, text)


def shown(text: str) -> str:
    """How a page has a text in its source."""
    return html.escape(text, quote=False)
