"""The page of a new run: a form that becomes a spec which its author can keep, and a build of it.

The page gives each form the id of the run that it starts. The spec names that run in its first line, and the
launcher starts an id once: so whatever is sent twice, or again after a crash in between, ends in one spec and one
build.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from spicy.engine.spec_files import free_path, new_spec, write_spec
from spicy.errors import SpecError, StoreError, UsageError
from spicy.recipe.load import recipe_names
from spicy.runs.read import find_run
from spicy.serving.build_process import LaunchedBuild, LaunchRequest
from spicy.spec.model import AspectRatio
from spicy.web.dashboard.forms import MOST_PICTURES, Form, Sent
from spicy.web.dashboard.planning import Plan, look_ahead
from spicy.web.dashboard.rendering import draw
from spicy.web.dashboard.run_form import (
    REFS,
    Draft,
    Mistakes,
    check_slots,
    picture_names,
    place_problems,
    read_draft,
    spec_values,
)
from spicy.web.dashboard.uploads import Upload, take_upload
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import ApiError

router = APIRouter(dependencies=[Depends(client)], include_in_schema=False)
Here = Annotated[AppState, Depends(get_state)]

FOLDER = Path("specs")
KEYFRAMES = "keyframes"
_SEEMS = b"\xff\xd8\xff"
"""How a JPEG begins: stands for pictures that are still on their sender's machine."""
_HEAD_LINES = 3
_LABELS = {"aspect_ratio": "Aspect ratio"}


@router.get("/new")
def new_page(request: Request, app_state: Here) -> Response:
    """The empty form."""
    return _page(request, app_state, Draft(), Mistakes())


@router.post("/new/preview")
def preview(request: Request, app_state: Here, form: Sent) -> Response:
    """Plan and price of what the form says: a part of the page for its script, else the page with all but the files.

    Spends nothing; what it writes is in a folder of its own that goes away.
    """
    draft, mistakes = read_draft(form), Mistakes()
    plan = _plan(app_state, draft, mistakes)
    if request.headers.get("spicy-part"):
        return draw(request, "_preview.html.j2", plan=plan, mistakes=mistakes, draft=draft, labels=_label)
    return _page(request, app_state, draft, mistakes, plan=plan, run=form.run())


@router.post("/new")
def create(request: Request, app_state: Here, form: Sent) -> Response:
    """Write the spec, start its build and go to its run; or, with mistakes, draw the form again and write nothing."""
    run = form.run()
    if form.text("until") not in ("", KEYFRAMES):
        raise ApiError(
            422, f"the form stops after {form.text('until')[:40]!r}; a new run only after {KEYFRAMES}"
        )
    with app_state.creating:
        if not is_started(app_state, run):
            draft, mistakes = read_draft(form), Mistakes()
            path = _written_for(app_state, run) or _write(app_state, draft, form, run, mistakes)
            if path is None:
                return _page(request, app_state, draft, mistakes, run=run, status=422)
            _launch(app_state, path, run, form.text("until"))
    return RedirectResponse(f"/runs/{run}", 303)


def is_started(app_state: AppState, run: str) -> bool:
    """Whether a build of that id was started before, by any server of this project."""
    if app_state.launcher.state(run) is not LaunchedBuild.UNKNOWN:
        return True
    with contextlib.suppress(StoreError):  # the launcher itself starts no id twice
        return find_run(app_state.build, run) is not None
    return False


def _launch(app_state: AppState, path: Path, run: str, until: str) -> None:
    """Raises ApiError when nothing can be started; the spec is kept."""
    order = LaunchRequest(spec=path, run=run, provider=app_state.executor.provider, until=until or None)
    try:
        app_state.launcher.start(order)
    except UsageError as error:
        raise ApiError(503, f"{error}; {path.as_posix()} is written, build it when that is mended") from error


def _written_for(app_state: AppState, run: str) -> Path | None:
    """The spec that was written for a run whose build was not started any more."""
    for path in sorted((app_state.root / FOLDER).glob("[!.]*.yaml")):
        if not path.is_file():
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:
            if f"run {run})".encode() in b"".join(islice(file, _HEAD_LINES))[:1000]:
                return path.relative_to(app_state.root)
    return None


@dataclass(frozen=True, slots=True)
class _Composed:
    """A spec to write: what it says but for its pictures, and these by slot."""

    draft: Draft
    values: Mapping[str, object]
    uploads: Mapping[int, Upload]

    def at(self, path: Path) -> tuple[Mapping[str, object], Mapping[Path, bytes]]:
        """What the spec at `path` holds, and the files beside it."""
        names = picture_names(self.draft.pictured)
        refs, files = {}, {}
        for slot in self.draft.pictured:
            upload = self.uploads[slot.number]
            file = f"refs/{path.stem}/{names[slot.number]}{upload.suffix}"
            refs[slot.name] = file
            files[path.parent / file] = upload.data
        return {**self.values, REFS: refs or None}, files


def _write(app_state: AppState, draft: Draft, form: Form, run: str, mistakes: Mistakes) -> Path | None:
    """The new spec's path; None, with nothing written, when there are mistakes."""
    _plan(app_state, draft, mistakes)
    uploads = _uploads(app_state, draft, form, mistakes)
    if mistakes:
        return None
    composed = _Composed(draft, spec_values(draft, mistakes), uploads)
    heading = (
        f"Written by the dashboard (for the run {run}).\n"
        "It is yours: keep it, edit it, and build it again; only what an edit changes is made anew."
    )

    def check(path: Path) -> None:
        look_ahead(app_state, path)

    try:
        path = new_spec(app_state.root / FOLDER, draft.subject, composed.at, check, heading)
    except SpecError as error:
        for problem in error.problems:
            mistakes.add("concept", problem.message)
        return None
    except UsageError as error:
        mistakes.add("concept", str(error))
        return None
    return path.relative_to(app_state.root)


def _uploads(app_state: AppState, draft: Draft, form: Form, mistakes: Mistakes) -> dict[int, Upload]:
    found: dict[int, Upload] = {}
    for slot in draft.slots:
        file = form.file(f"picture-{slot.number}")
        if file is None:
            continue
        try:
            found[slot.number] = take_upload(file, app_state)
        except ApiError as error:
            mistakes.add(f"picture-{slot.number}", error.message)
    return found


def _plan(app_state: AppState, draft: Draft, mistakes: Mistakes) -> Plan | None:
    """What a build of the draft would do; None when the mistakes, which are all found here, leave nothing to plan."""
    values = spec_values(draft, mistakes)
    check_slots(draft, mistakes)
    if not values["concept"]:
        return None
    with _room_to_look() as folder:
        path = Path(folder).resolve() / free_path(app_state.root / FOLDER, draft.subject).name
        uploads = {slot.number: Upload(_SEEMS, ".jpg") for slot in draft.pictured}
        said, files = _Composed(draft, values, uploads).at(path)
        plan: Plan | None = None

        def check() -> None:
            nonlocal plan
            plan = look_ahead(app_state, path)

        try:
            write_spec(path, said, files, check)
        except SpecError as error:
            _place(error, path, said, draft, mistakes)
        except UsageError as error:
            mistakes.add("recipe", str(error))
        return plan


@contextlib.contextmanager
def _room_to_look() -> Iterator[str]:
    """A folder that goes away. Raises ApiError 503 when there is no room for one."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="spicy-preview-")
    except OSError as error:
        raise ApiError(
            503, f"no plan can be made: {error.strerror or error}; make room", code="unavailable"
        ) from error
    with folder as name:
        yield name


def _place(
    error: SpecError, path: Path, said: Mapping[str, object], draft: Draft, mistakes: Mistakes
) -> None:
    from spicy.spec.edit import dump

    text = dump({key: value for key, value in said.items() if value is not None})
    place_problems(error.problems, path.as_posix(), text, draft, mistakes)


def _page(
    request: Request,
    app_state: AppState,
    draft: Draft,
    mistakes: Mistakes,
    *,
    plan: Plan | None = None,
    run: str | None = None,
    status: int = 200,
) -> Response:
    return draw(
        request,
        "new.html.j2",
        status=status,
        here="new",
        draft=draft,
        mistakes=mistakes,
        plan=plan,
        run=run,
        recipes=recipe_names(app_state.root),
        shapes=get_args(AspectRatio),
        provider=app_state.executor.provider,
        most=MOST_PICTURES,
        redrawn=request.method == "POST",
        labels=_label,
    )


def _label(name: str) -> str:
    """What the page calls a field."""
    return _LABELS.get(name) or name.replace("-", " ").capitalize()
