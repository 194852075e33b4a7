"""The job server as clients and workers see it: a real uvicorn, a real queue, clips of the animatic provider."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI
from PIL import Image

from spicy.jobs.model import JobState, Mode
from spicy.media.probe import probe_clip
from spicy.web.server.app_state import job_request_of
from spicy.web.server.cleanup import remove_aged
from tests.served import Served, serving

JOB = re.compile(r"job_[0-9a-f]{24}")


def picture(size: tuple[int, int] = (32, 32), kind: str = "PNG") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, (200, 80, 20)).save(out, kind)
    return out.getvalue()


def create(served: Served, prompt: str = "A cat playing piano", **more: object) -> dict[str, object]:
    """Order a clip; the job as it was answered."""
    answer = requests.post(f"{served.url}/v1/videos/generations", json={"prompt": prompt, **more}, timeout=20)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def clip(served: Served) -> bytes:
    """A real clip, made by the server itself."""
    job = create(served, "A clip to upload")
    id = str(job["id"])
    assert served.wait(id) == "completed"
    return served.app_state.video(id).read_bytes()


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a real clip."""
    with serving(tmp_path_factory.mktemp("clip")) as served:
        return clip(served)


def test_a_clip_is_ordered_followed_and_downloaded(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        asked = requests.post(
            f"{served.url}/v1/videos/generations",
            json={"model": "grok", "prompt": "A cat", "image": base64.b64encode(picture()).decode()},
            timeout=20,
        ).json()
        id = asked["id"]
        seed = {k: asked[k] for k in ("id", "object", "created", "model", "status", "video_url", "error")}
        assert JOB.fullmatch(id)
        assert seed == {
            "id": id,
            "object": "videos.generation",
            "created": asked["created"],
            "model": "grok",
            "status": "pending",
            "video_url": f"{served.url}/videos/{id}.mp4",
            "error": None,
        }
        assert served.wait(id) == "completed"
        done = requests.get(f"{served.url}/v1/videos/generations/{id}", timeout=20).json()
        assert done["status"] == "completed"
        assert (done["progress"], done["from_store"], done["request_id"]) == (1.0, False, id)
        whole = requests.get(done["video_url"], timeout=20)
        (tmp_path / "video.mp4").write_bytes(whole.content)
        assert probe_clip(tmp_path / "video.mp4").duration == pytest.approx(1, abs=0.1)
        part = requests.get(done["video_url"], headers={"Range": "bytes=10-19"}, timeout=20)
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
        head = requests.head(done["video_url"], timeout=20)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
        beyond = requests.get(done["video_url"], headers={"Range": "bytes=999999999-"}, timeout=20)
        assert (beyond.status_code, beyond.json()["error"]["code"]) == (416, "range_not_satisfiable")


def test_a_repeated_request_is_answered_from_the_store_even_without_a_worker(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        first = str(create(served)["id"])
        assert served.wait(first) == "completed"
    with serving(tmp_path, builtin_worker=False) as served:
        again = create(served)
        assert (again["status"], again["from_store"], again["cost"]) == ("completed", True, 0)
        assert again["id"] != first
        assert (
            requests.get(str(again["video_url"]), timeout=20).content
            == served.app_state.video(first).read_bytes()
        )
        assert create(served, take=2)["status"] == "pending"


def test_a_poller_gets_nothing_that_the_store_has_learnt_to_answer(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        waits = str(create(served)["id"])
        order = served.app_state.queue.find(waits)
        assert order is not None
        served.app_state.executor.answer(job_request_of(order), job="job_0", progress=lambda done: None)
        assert requests.get(f"{served.url}/extension/poll?mode=video", timeout=20).status_code == 204
        job = served.app_state.queue.find(waits)
        assert job is not None
        assert (job.state, job.from_store) == (JobState.COMPLETED, True)
        assert served.app_state.video(waits).is_file()


def test_a_worker_polls_and_completes_a_clip_as_the_first_extension_did(tmp_path: Path, mp4: bytes) -> None:
    with serving(tmp_path, builtin_worker=False, video_timeout=77) as served:
        api = served.url + "/extension"
        assert requests.get(f"{api}/poll?mode=video", timeout=20).status_code == 204
        shown = base64.b64encode(picture()).decode()
        id = str(create(served, "A cat", image=f"data:image/png;base64,{shown}")["id"])
        polled = requests.get(f"{api}/poll?mode=video", timeout=20).json()
        claim = polled.pop("claim")
        assert polled.pop("options")["duration"] == 1
        assert polled == {
            "job_id": id,
            "job_type": "video",
            "prompt": "A cat",
            "image": shown,
            "request": None,
            "lease_seconds": 77,
            "model": "grok",
        }
        assert requests.get(f"{api}/poll?mode=video", timeout=20).status_code == 204
        news = {"job_id": id, "claim": claim, "progress": 0.5}
        assert requests.post(f"{api}/progress", json=news, timeout=20).json()["status"] == "processing"
        now = requests.get(f"{served.url}/v1/videos/generations/{id}", timeout=20).json()
        assert (now["status"], now["progress"]) == ("processing", 0.5)
        stranger = requests.post(
            f"{api}/complete", data={"job_id": id, "claim": "0" * 32}, files={"video": mp4}, timeout=20
        )
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (409, "claim_lost")
        # The first extension sends no claim back.
        done = requests.post(
            f"{api}/complete", data={"job_id": id}, files={"video": ("v.mp4", mp4)}, timeout=20
        )
        assert (done.status_code, done.json()["status"]) == (200, "completed")
        again = requests.post(f"{api}/complete", data={"job_id": id}, files={"video": mp4}, timeout=20)
        assert again.status_code == 409
        assert requests.get(f"{served.url}/videos/{id}.mp4", timeout=20).content == mp4
        assert [path.name for path in served.app_state.server.videos.iterdir()] == [f"{id}.mp4"]


def test_a_worker_says_what_its_clip_cost(tmp_path: Path, mp4: bytes) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        for n, (bill, status) in enumerate(
            [
                ({"cost_ticks": "5600000000", "answered_by": "grok-imagine-video"}, 200),
                ({"from_store": "true"}, 200),
                ({"cost_ticks": "-1"}, 422),
                ({"cost_ticks": "a lot"}, 422),
            ]
        ):
            id = requests.post(
                f"{served.url}/v1/videos/generations", json={"prompt": f"cat {n}"}, timeout=20
            ).json()["id"]
            claim = requests.get(f"{served.url}/extension/poll?mode=video", timeout=20).json()["claim"]
            answer = requests.post(
                f"{served.url}/extension/complete",
                data={"job_id": id, "claim": claim, **bill},
                files={"video": ("clip.mp4", mp4)},
                timeout=20,
            )
            assert answer.status_code == status, answer.text
            job = requests.get(f"{served.url}/v1/videos/generations/{id}", timeout=20).json()
            if status == 422:
                assert job["status"] == "processing"
                requests.post(f"{served.url}/jobs/{id}/cancel", timeout=20)
            elif "cost_ticks" in bill:
                assert (job["cost"], job["answered_by"]) == (0.56, "grok-imagine-video")
            else:
                assert (job["cost"], job["from_store"]) == (0.0, True)


def test_a_worker_is_told_how_long_and_how_large(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        create(served, duration=3, aspect_ratio="1:1")
        polled = requests.get(f"{served.url}/extension/poll?mode=video&worker=studio", timeout=20).json()
        assert polled["request"] is None
        assert polled["options"] == {"duration": 3, "aspect_ratio": "1:1", "resolution": "144p", "take": 1}


def test_a_worker_completes_a_chat_and_reports_an_error(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served, ThreadPoolExecutor(2) as pool:
        api = served.url + "/extension"

        def ask(text: str) -> requests.Response:
            url = "data:image/png;base64," + base64.b64encode(picture()).decode()
            parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
            body = {"model": "grok-vision", "messages": [{"role": "user", "content": parts}]}
            return requests.post(f"{served.url}/v1/chat/completions", json=body, timeout=20)

        def polled() -> dict[str, object]:
            while (got := requests.get(f"{api}/poll?mode=chat", timeout=20)).status_code == 204:
                served.app_state.queue.wait_for_work(0.05)
            return dict(got.json())

        answer = pool.submit(ask, "What is it?")
        job = polled()
        assert (job["job_type"], job["prompt"]) == ("chat", "What is it?")
        assert job["image"] == base64.b64encode(picture()).decode()
        assert isinstance(job["request"], dict)
        assert job["request"]["messages"][0]["content"][1]["type"] == "image_url"
        done = {"job_id": job["job_id"], "content": "A square."}
        assert requests.post(f"{api}/complete/chat", json=done, timeout=20).json()["status"] == "completed"
        said = answer.result().json()
        assert said["id"] == f"chatcmpl-{job['job_id']}"
        assert said["choices"][0]["message"]["content"] == "A square."

        answer = pool.submit(ask, "And this?")
        job = polled()
        failed = {"job_id": job["job_id"], "error": "Grok is away"}
        assert requests.post(f"{api}/error", json=failed, timeout=20).json()["status"] == "failed"
        assert "Grok is away" in answer.result().json()["error"]["message"]


def test_a_released_job_goes_to_the_next_poller(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        id = create(served)["id"]
        claim = requests.get(f"{served.url}/extension/poll?mode=video", timeout=20).json()["claim"]
        back = {"job_id": id, "claim": claim}
        assert requests.post(f"{served.url}/extension/release", json=back, timeout=20).status_code == 200
        assert requests.post(f"{served.url}/extension/release", json=back, timeout=20).status_code == 409
        assert requests.get(f"{served.url}/extension/poll?mode=video", timeout=20).json()["job_id"] == id


def test_one_idempotency_key_is_one_job(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served, ThreadPoolExecutor(50) as pool:
        start = threading.Barrier(50)

        def order(prompt: str) -> requests.Response:
            start.wait(10)
            return requests.post(
                f"{served.url}/v1/videos/generations",
                json={"prompt": prompt},
                headers={"Idempotency-Key": "one"},
                timeout=20,
            )

        answers = list(pool.map(order, ["A cat"] * 50))
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum(served.app_state.queue.counts().values()) == 1
        other = requests.post(
            f"{served.url}/v1/videos/generations",
            json={"prompt": "A dog"},
            headers={"Idempotency-Key": "one"},
            timeout=20,
        )
        assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
        assert sum(served.app_state.queue.counts().values()) == 1


def test_places_in_the_queue_are_told_and_jobs_can_be_called_off(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        ids = [str(create(served, f"Cat {n}")["id"]) for n in range(3)]
        last = f"{served.url}/v1/videos/generations/{ids[2]}"
        assert requests.get(last, timeout=20).json()["queue_position"] == 2
        off = requests.post(f"{served.url}/v1/videos/generations/{ids[0]}/cancel", timeout=20).json()
        assert off["status"] == "cancelled"
        off = requests.post(f"{served.url}/jobs/{ids[1]}/cancel", timeout=20).json()
        assert off["status"] == "cancelled"
        assert requests.get(last, timeout=20).json()["queue_position"] == 0
        done = {"job_id": ids[0], "error": "late"}
        assert requests.post(f"{served.url}/extension/error", json=done, timeout=20).status_code == 409


def test_what_cannot_be_ordered_leaves_no_row(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        wrong = [
            ({}, 422),
            ({"prompt": ""}, 422),
            ({"prompt": "x", "duration": 16}, 422),
            ({"prompt": "x", "durration": 5}, 422),
            ({"prompt": "  "}, 400),
            ({"prompt": "x" * 9000}, 400),
            ([], 422),
        ]
        for body, status in wrong:
            answer = requests.post(f"{served.url}/v1/videos/generations", json=body, timeout=20)
            assert (answer.status_code, set(answer.json()["error"])) == (
                status,
                {"message", "type", "code", "param"},
            )
        assert served.app_state.queue.jobs() == []


def test_every_error_has_openais_shape(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        app: FastAPI = served.app

        @app.get("/broken")
        def broken() -> None:
            raise RuntimeError("secret detail")

        asked = {
            404: requests.get(f"{served.url}/nowhere", timeout=20),
            405: requests.put(f"{served.url}/jobs", timeout=20),
            422: requests.get(f"{served.url}/jobs?limit=no", timeout=20),
            415: requests.post(f"{served.url}/extension/complete", json={}, timeout=20),
            500: requests.get(f"{served.url}/broken", timeout=20),
        }
        for status, answer in asked.items():
            assert answer.status_code == status, answer.text
            assert set(answer.json()) == {"error"}
            assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
        assert "secret" not in asked[500].text
        assert asked[405].headers["allow"]


def test_jobs_are_listed_and_cleared_with_their_clips(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        id = str(create(served)["id"])
        assert served.wait(id) == "completed"
        listed = requests.get(f"{served.url}/jobs?status=completed&limit=100", timeout=20).json()
        assert [job["id"] for job in listed["jobs"]] == [id]
        assert listed["total"] == 1
        assert requests.get(f"{served.url}/jobs?status=failed", timeout=20).json()["jobs"] == []
        assert requests.delete(f"{served.url}/jobs", timeout=20).json() == {"deleted": 1}
        assert list(served.app_state.server.videos.iterdir()) == []
        assert requests.get(f"{served.url}/videos/{id}.mp4", timeout=20).status_code == 404


def test_old_jobs_go_with_their_clips_and_young_ones_stay(tmp_path: Path) -> None:
    with serving(tmp_path, video_days=7) as served:
        id = str(create(served)["id"])
        assert served.wait(id) == "completed"
        stray = served.app_state.video("job_" + "0" * 24)
        stray.write_bytes(b"left over")
        assert remove_aged(served.app_state) == 0
        assert stray.exists()
        served.app_state.server = served.app_state.server.model_copy(update={"video_days": 1e-9})
        assert remove_aged(served.app_state) == 1
        assert not served.app_state.video(id).exists()
        assert not stray.exists()
        assert requests.get(f"{served.url}/v1/videos/generations/{id}", timeout=20).status_code == 404


def test_health_metrics_and_the_page(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        create(served, "<script>alert(1)</script>")
        health = requests.get(served.url, timeout=20).json()
        assert (health["status"], health["provider"], health["jobs"]["pending"]) == ("ok", "animatic", 1)
        page = requests.get(f"{served.url}/jobs", headers={"Accept": "text/html,*/*"}, timeout=20)
        assert "&lt;script&gt;alert(1)" in page.text
        assert "<script>" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        figures = requests.get(f"{served.url}/metrics", timeout=20)
        assert figures.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'spicy_jobs{mode="video",state="pending"} 1\n' in figures.text
        assert 'spicy_http_requests_total{method="POST",status="200"} 1\n' in figures.text
        lines = [line for line in figures.text.splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[a-z_]+(\{[^{}]*\})? [0-9.]+", line) for line in lines)


def test_the_documentation_shows_every_endpoint_with_an_example(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False) as served:
        document = requests.get(f"{served.url}/openapi.json", timeout=20).json()
        page = requests.get(f"{served.url}/docs", timeout=20)
        assert page.status_code == 200
        for path in document["paths"]:
            assert f"<code>{path}</code>" in page.text
        assert "A cat playing piano" in page.text
        assert not re.findall(r'(?:src|href)="(?![/#])', page.text)
        named = (Path(__file__).parents[1] / "data/seed_readme_examples.txt").read_text()
        assert "/v1/videos/generations" in named
        for path in ("/extension/poll", "/extension/complete/chat", "/extension/error", "/api/logs", "/jobs"):
            assert path in document["paths"]


def test_the_log_tells_requests_and_ends_without_keys_and_pictures(tmp_path: Path) -> None:
    with serving(tmp_path, api_key="the-client-key", worker_key="the-worker-key") as served:
        shown = base64.b64encode(picture((64, 64))).decode()
        asked = requests.post(
            f"{served.url}/v1/videos/generations",
            json={"prompt": "A cat", "image": f"data:image/png;base64,{shown}"},
            headers={"Authorization": "Bearer the-client-key"},
            timeout=20,
        ).json()
        assert served.wait(asked["id"]) == "completed"
        requests.post(
            f"{served.url}/extension/error",
            json={"job_id": asked["id"], "claim": "my-claim", "error": "late"},
            headers={"x-api-key": "the-worker-key"},
            timeout=20,
        )
        served.app_state.log.flush()
        (file,) = served.app_state.server.logs.iterdir()
        assert re.fullmatch(r"requests_\d{4}-\d\d-\d\d\.jsonl", file.name)
        text = file.read_text()
        assert not [word for word in ("client-key", "worker-key", "my-claim", shown[:40]) if word in text]
        lines = [json.loads(line) for line in text.splitlines()]
        request = next(line for line in lines if line["type"] == "request")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", request.pop("timestamp"))
        assert request == {
            "type": "request",
            "method": "POST",
            "path": "/v1/videos/generations",
            "job_id": asked["id"],
            "payload": {"prompt": "A cat", "image": f"<picture, {len(shown) + 22} characters>"},
        }
        end = next(line for line in lines if line.get("status") == "completed")
        assert (end["type"], end["job_id"]) == ("response", asked["id"])
        assert end["video_size"] == served.app_state.video(asked["id"]).stat().st_size
        assert end["duration"] > 0
        key = {"Authorization": "Bearer the-client-key"}
        assert requests.delete(f"{served.url}/api/logs", headers=key, timeout=20).json() == {"deleted": 1}
        served.app_state.log.flush()
        left = file.read_text() if file.exists() else ""
        assert "A cat" not in left


def test_a_lost_claim_is_told_and_the_job_fails_the_second_time(tmp_path: Path) -> None:
    with serving(tmp_path, builtin_worker=False, video_timeout=0.01) as served:
        id = str(create(served)["id"])
        for _ in range(2):
            while (polled := served.app_state.queue.claim(Mode.VIDEO, "slow", 0.01)) is None:
                served.app_state.queue.wait_for_work(0.2)
            assert polled.job.id == id
        assert served.wait(id) == "failed"
        job = requests.get(f"{served.url}/v1/videos/generations/{id}", timeout=20).json()
        assert (job["status"], job["code"]) == ("failed", "timeout")
        served.app_state.log.flush()
        (file,) = served.app_state.server.logs.iterdir()
        assert any(json.loads(line).get("status") == "failed" for line in file.read_text().splitlines())
