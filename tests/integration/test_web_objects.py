"""Bytes for pages: only what is in the store, whole, and what it says it is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import requests
from PIL import Image

from spicy.ids import Digest
from spicy.web.dashboard.thumbnails import Thumbs
from tests.scripted import clip
from tests.served import Served, serving


def jpeg(width: int = 800, height: int = 600, colour: str = "teal") -> bytes:
    """A picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


def get(served: Served, path: str, **headers: str) -> requests.Response:
    """Ask for a path exactly as it is written."""
    request = requests.Request("GET", served.url + path, headers=headers).prepare()
    request.url = served.url + path
    with requests.Session() as session:
        return session.send(request, timeout=20)


def test_objects_are_served_as_what_they_are_for_ever_and_in_parts(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        data = clip("aa5533")
        digest = served.app_state.store.objects.add_bytes(data)
        whole = get(served, f"/objects/{digest}.mp4")
        assert (whole.status_code, whole.content) == (200, data)
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert whole.headers["content-security-policy"].startswith("sandbox")
        part = get(served, f"/objects/{digest}.mp4", Range="bytes=100-199")
        assert (part.status_code, part.content) == (206, data[100:200])
        beyond = get(served, f"/objects/{digest}.mp4", Range=f"bytes={len(data)}-")
        assert beyond.status_code == 416
        head = requests.head(f"{served.url}/objects/{digest}.mp4", timeout=20)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))


@pytest.mark.parametrize(
    "name",
    [
        "../version",
        "..%2fversion",
        "%2e%2e/%2e%2e/etc/passwd",
        "{digest}",
        "{digest}.html",
        "{digest}.svg",
        "{digest}.jpg/x",
        "{digest}.jpg%00.png",
        "{digest}.JPG",
        "{upper}.jpg",
        "{digest}.mp4",
        "{digest}.png",
        "{short}.jpg",
        "{missing}.jpg",
        "{page}.jpg",
        "{page}.html",
    ],
)
def test_what_is_no_picture_or_clip_of_the_store_is_not_there(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        objects = served.app_state.store.objects
        digest, page = objects.add_bytes(jpeg()), objects.add_bytes(b"<script>alert(1)</script>")
        asked = name.format(
            digest=digest, upper=digest.upper(), short=digest[:63], missing="0" * 64, page=page
        )
        for folder in ("objects", "thumbs"):
            if folder == "thumbs" and name == "{digest}.jpg":
                continue
            assert get(served, f"/{folder}/{asked}").status_code == 404, folder


def test_a_damaged_object_is_set_aside_and_never_served(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        objects = served.app_state.store.objects
        digest = objects.add_bytes(jpeg())
        assert get(served, f"/objects/{digest}.jpg").status_code == 200
        path = objects.path(digest)
        path.chmod(0o644)
        path.write_bytes(jpeg(colour="red"))
        assert get(served, f"/objects/{digest}.jpg").status_code == 404
        assert get(served, f"/thumbs/{digest}.jpg").status_code == 404
        assert not path.exists()
        assert len(list(objects.aside.iterdir())) == 1


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_thumbs_are_small_and_are_made_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spicy.media import thumbs
    from spicy.web.dashboard import thumbnails as kept

    made = []

    def shrink(path: Path, width: int, *, is_clip: bool) -> bytes:
        made.append((width, is_clip))
        return thumbs.shrink(path, width, is_clip=is_clip)

    monkeypatch.setattr(kept, "shrink", shrink)
    with serving(tmp_path, builtin_worker=False) as served:
        digest = served.app_state.store.objects.add_bytes(jpeg() if kind == "picture" else clip("aa5533"))
        for _ in range(2):
            got = get(served, f"/thumbs/{digest}.jpg?w=160")
            assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
            with Image.open(io.BytesIO(got.content)) as small:
                assert small.width <= 160
        assert made == [(160, kind == "clip")]
        assert get(served, f"/thumbs/{digest}.jpg?w=161").status_code == 404
        assert get(served, f"/thumbs/{digest}.jpg?w=99999").status_code == 404


def test_thumbs_that_were_not_asked_for_longest_make_room(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    size = len(Thumbs().make(Digest("a"), 160, tmp_path / "a.jpg", is_clip=False))
    thumbs = Thumbs(limit=2 * size)
    for name in ("a", "b"):
        thumbs.make(Digest(name), 160, tmp_path / "a.jpg", is_clip=False)
    assert thumbs.find(Digest("a"), 160)
    thumbs.make(Digest("c"), 160, tmp_path / "a.jpg", is_clip=False)
    assert [bool(thumbs.find(Digest(name), 160)) for name in "abc"] == [True, False, True]


@pytest.mark.parametrize(
    "path",
    [
        "fox/../../secret.md",
        "..%2f/script.md",
        "fox/%2e%2e/secret.md",
        "fox/.spicy/story.json",
        "fox/scenes/01/../../../secret.jpg",
        "fox/scenes/link/secret.jpg",
        "fox/scenes/01/page.jpg",
        "fox/spicy.db",
        "fox/",
    ],
)
def test_of_a_film_only_its_own_files_are_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "build/fox/scenes/01").mkdir(parents=True)
    (tmp_path / "build/fox/.spicy").mkdir()
    (tmp_path / "build/fox/.spicy/story.json").write_text("{}")
    (tmp_path / "build/fox/scenes/01/page.jpg").write_text("<script>")
    (tmp_path / "outside").mkdir()
    for name in ("secret.md", "secret.jpg", "outside/secret.jpg"):
        (tmp_path / name).write_bytes(jpeg(8, 8))
    (tmp_path / "build/fox/scenes/link").symlink_to(tmp_path / "outside")
    with serving(tmp_path, builtin_worker=False) as served:
        assert get(served, f"/builds/{path}").status_code == 404


def test_the_report_cannot_do_more_than_be_read(tmp_path: Path) -> None:
    (tmp_path / "build/fox").mkdir(parents=True)
    (tmp_path / "build/fox/report.html").write_text("<h1>The Fox</h1>")
    with serving(tmp_path, builtin_worker=False) as served:
        got = get(served, "/builds/fox/report.html")
        assert (got.status_code, got.headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = got.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "script-src" not in policy
        assert "default-src 'none'" in policy


def test_style_and_script_change_their_address_when_they_change(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        page = requests.get(served.url, headers={"Accept": "text/html"}, timeout=20).text
        for name, kind in (
            ("spicy.css", "text/css"),
            ("spicy.js", "text/javascript"),
            ("spicy.svg", "image/svg+xml"),
        ):
            (address,) = [
                part.partition('"')[0] for part in page.split('"/static/')[1:] if part.startswith(name)
            ]
            got = get(served, f"/static/{address}")
            assert (got.status_code, got.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
            assert "immutable" in got.headers["cache-control"]
            assert get(served, f"/static/{name}").headers["cache-control"] == "no-cache"
        for name in ("../rendering.py", "..%2frendering.py", "rendering.py", "spicy.css.bak"):
            assert get(served, f"/static/{name}").status_code == 404
