"""What others have found out about a run: files beside it, served as they are.

Each is one JSON file in the run's folder `findings`. Who writes them, and what is in them, is
theirs to say. One that can't be read is told as just that.
"""

import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

from agentmesh.errors import AgentMeshError
from agentmesh.journal.files import join
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.viewer.answers import Refusal, said_of

FOLDER = "findings"
CONTENT_BYTES_MAX = 1 << 20
"""Larger ones are fetched one by one."""
FILE_BYTES_MAX = 16 << 20
FILES_MAX = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json")


def findings_json(run: RecordedRun) -> list[dict[str, Any]]:
    """Return the findings of a run; small ones with what they say."""
    found = []
    for name in names(run)[:FILES_MAX]:
        path = join(run.path, FOLDER, name)
        said: dict[str, Any] = {"name": name.removesuffix(".json"), "file": name}
        try:
            said["bytes"] = run.files.size(path)
            said["modified_ms"] = _modified_ms(run, path)
            small = said["bytes"] <= CONTENT_BYTES_MAX
            said |= {"content": _loaded(read(run, name)) if small else None, "error": None}
        except (Refusal, AgentMeshError, OSError) as error:
            said |= {"content": None, "error": said_of(_refused(name, error))}
        found.append(said)
    return found


def names(run: RecordedRun) -> list[str]:
    """Return the names of the files with findings."""
    try:
        every = run.files.names(join(run.path, FOLDER))
    except OSError:
        return []
    return sorted(name for name in every if _NAME.fullmatch(name) and _is_inside(run, name))


def read(run: RecordedRun, name: str) -> bytes:
    """Return one of them.

    Raises:
        Refusal: There is none of that name, or it is too large.
    """
    if name not in names(run):
        raise Refusal(HTTPStatus.NOT_FOUND, "NotFoundError", "There is no such finding.")
    path = join(run.path, FOLDER, name)
    try:
        if run.files.size(path) > FILE_BYTES_MAX:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "TooLargeError",
                f"{name} has more than {FILE_BYTES_MAX:,} bytes.",
            )
        return run.files.read(path)
    except OSError as error:
        raise _refused(name, error) from error


def _loaded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY, "DamagedError", f"It is no JSON: {error}."
        ) from error


def _refused(name: str, error: BaseException) -> BaseException:
    if not isinstance(error, OSError):
        return error
    what = f"{name} can't be read: {error.strerror or error}."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "DamagedError", what)


def _is_inside(run: RecordedRun, name: str) -> bool:
    """Tell whether a file lies where it says, and is no way out of the run's folder."""
    if not run.files.local:
        return True
    root = Path(run.path).resolve()
    return (Path(run.path) / FOLDER / name).resolve() == root / FOLDER / name


def _modified_ms(run: RecordedRun, path: str) -> float | None:
    return Path(path).stat().st_mtime_ns / 1e6 if run.files.local else None
