"""What `agentmesh doctor` looks at: one small function for each thing that can be wrong.

A check says what it found, and how to mend it. It changes nothing, imports no Ray, and
ends within seconds.
"""

import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from agentmesh.cli import hash_seed
from agentmesh.cli.endpoint import ask_models, from_environment
from agentmesh.cli.wording import size
from agentmesh.effects.settings import BASE_URL, KEY, MODEL
from agentmesh.errors import AgentMeshError
from agentmesh.fabric.version import check_ray
from agentmesh.journal.files import join
from agentmesh.journal.store import Store

Status = Literal["ok", "warn", "fail"]

OK: Status = "ok"
WARN: Status = "warn"
FAIL: Status = "fail"

_PYTHON_OLDEST = (3, 11)
_NEEDED = (
    "duckdb",
    "google-crc32c",
    "httpx2",
    "msgspec",
    "openai",
    "pyarrow",
    "pydantic",
    "structlog",
    "time-machine",
    "typer",
    "zstandard",
)
_FREE_WARN_BYTES, _FREE_FAIL_BYTES = 2_000_000_000, 200_000_000
_USED_MOST = 0.95
"""From here on Ray refuses to spill objects."""
_SHARED_LEAST_BYTES = 100_000_000
_CONNECT_SECONDS = 2.0

ADDRESS, AUTH_MODE, TOKEN, TOKEN_PATH = (
    "RAY_ADDRESS",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check found."""

    name: str
    status: Status
    found: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """Return plain values."""
        return asdict(self)


def examine(location: str) -> Iterator[Check]:
    """Yield what each check finds.

    Args:
        location: The store that runs would go to.
    """
    checks: tuple[Callable[[], Check], ...] = (
        _python,
        _packages,
        _ray,
        _cluster,
        _token,
        lambda: _store(location),
        lambda: _disk(location),
        _shared_memory,
        _hash_seed,
        _model,
        _provider,
    )
    for check in checks:
        yield check()


def _python() -> Check:
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info < _PYTHON_OLDEST:
        return Check(name="python", status=FAIL, found=found, fix="Use Python 3.11 or newer.")
    if sys.flags.optimize:
        fix = "Do not run with -O: assertions are part of the design."
        return Check(name="python", status=WARN, found=f"{found}, assertions are off", fix=fix)
    return Check(name="python", status=OK, found=found)


def _packages() -> Check:
    found, missing = [], []
    for name in _NEEDED:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        fix = f"pip install {' '.join(missing)}"
        return Check(name="packages", status=FAIL, found=f"missing: {', '.join(missing)}", fix=fix)
    version = metadata.version("agentmesh")
    return Check(name="packages", status=OK, found=f"agentmesh {version}, {', '.join(found)}")


def _ray() -> Check:
    try:
        version = check_ray()
    except AgentMeshError as error:
        return Check(name="ray", status=FAIL, found=error.what, fix=error.fix)
    return Check(name="ray", status=OK, found=version)


def _cluster() -> Check:
    """Look whether a cluster is named, and whether somebody is there."""
    named = os.environ.get(ADDRESS, "")
    if named in ("", "local"):
        started = _started_here()
        if started and _connects(started):
            fix = f"To run there: --address {started}, or {ADDRESS}={started}."
            found = f"one runs at {started}; runs start a Ray of their own unless told to join it"
            return Check(name="cluster", status=OK, found=found, fix=fix)
        return Check(name="cluster", status=OK, found="none named: runs start Ray on this machine")
    address = named.partition("://")[2] or named
    if named == "auto":
        address = _started_here()
    if address and _connects(address):
        return Check(name="cluster", status=OK, found=f"{named}, and it answers")
    return Check(
        name="cluster",
        status=FAIL,
        found=f"{ADDRESS}={named}, and nobody answers there",
        fix=f"Start it (`ray start --head`), correct {ADDRESS}, or unset it to run here.",
    )


def _started_here() -> str:
    """Return the address that `ray start` left on this machine, if it did."""
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    try:
        return (Path(folder) / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _token() -> Check:
    """Look for Ray's token where Ray looks; never shows it."""
    mode = os.environ.get(AUTH_MODE, "")
    where = _token_place()
    if mode.lower() == "disabled":
        return Check(name="ray token", status=OK, found=f"{AUTH_MODE}={mode}: clusters are open")
    if where:
        return Check(name="ray token", status=OK, found=f"in {where}")
    if mode.lower() == "token" and os.environ.get(ADDRESS):
        return Check(
            name="ray token",
            status=FAIL,
            found=f"{AUTH_MODE}={mode}, and there is no token",
            fix=f"Set {TOKEN} or {TOKEN_PATH} to the cluster's: `ray get-auth-token` prints it.",
        )
    return Check(name="ray token", status=OK, found="none, and none is asked for")


def _token_place() -> str:
    if os.environ.get(TOKEN):
        return TOKEN
    named = os.environ.get(TOKEN_PATH)
    for place in (named, "~/.ray/auth_token"):
        if place and Path(place).expanduser().is_file():
            return place
    return ""


def _store(location: str) -> Check:
    """Write something where runs would go, and take it away again."""
    try:
        store = Store(location)
        folder = store.root if not store.files.local else str(_nearest(store.root))
        path = join(folder, f".agentmesh-doctor-{secrets.token_hex(4)}")
        store.files.write(path, b"can this be written?")
        store.files.remove(path)
    except (AgentMeshError, OSError) as error:
        fix = "Choose another place: --store, or AGENTMESH_STORE."
        return Check(name="store", status=FAIL, found=f"{location} can't be used: {error}", fix=fix)
    return Check(name="store", status=OK, found=f"{location} can be written")


def _disk(location: str) -> Check:
    folder = _nearest(location.removeprefix("file://") if "://" not in location else ".")
    usage = shutil.disk_usage(folder)
    used = 1 - usage.free / usage.total
    found = f"{size(usage.free)} free of {size(usage.total)} at {folder}"
    fix = "Make room: a run ends when its journal can't be written."
    if usage.free < _FREE_FAIL_BYTES:
        return Check(name="disk", status=FAIL, found=found, fix=fix)
    if usage.free < _FREE_WARN_BYTES or used > _USED_MOST:
        return Check(name="disk", status=WARN, found=found, fix=fix)
    return Check(name="disk", status=OK, found=found)


def _nearest(path: str) -> Path:
    """Return the folder, or the nearest one above it that exists; a file is in the way."""
    folder = Path(path).absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _shared_memory() -> Check:
    """Look at /dev/shm, where Ray keeps its objects."""
    folder = Path("/dev/shm")  # noqa: S108 - looked at, not written
    if not folder.is_dir():
        return Check(name="shared memory", status=OK, found="no /dev/shm here")
    usage = shutil.disk_usage(folder)
    found = f"{size(usage.free)} free in {folder}"
    if usage.free >= _SHARED_LEAST_BYTES:
        return Check(name="shared memory", status=OK, found=found)
    fix = "In a container: `docker run --shm-size=1g`; Ray falls back to a slower place."
    return Check(name="shared memory", status=WARN, found=found, fix=fix)


def _hash_seed() -> Check:
    seed = hash_seed.current()
    if sys.flags.ignore_environment:
        fix = "Start Python without -I and -E, so that a run can record it."
        found = "unknown: Python ignores its environment"
        return Check(name="hash seed", status=WARN, found=found, fix=fix)
    if seed is not None:
        return Check(name="hash seed", status=OK, found=f"{hash_seed.VARIABLE}={seed}")
    found = f"`agentmesh run` draws one; for `python app.py`, set {hash_seed.VARIABLE} yourself"
    return Check(name="hash seed", status=OK, found=found)


def _model() -> Check:
    """Look which model runs would use; the key is never shown."""
    url, key, model = (os.environ.get(name, "") for name in (BASE_URL, KEY, MODEL))
    if not url and not key:
        fix = f"Set {KEY}; or `agentmesh models serve`, which prints what to set."
        found = "none configured; the demo brings a simulated one"
        return Check(name="model", status=WARN, found=found, fix=fix)
    parts = [
        f"{BASE_URL}={url}" if url else f"{BASE_URL} is not set: the public API",
        f"{KEY} is {'set' if key else 'not set'}",
        f"{MODEL}={model}" if model else f"{MODEL} is not set",
    ]
    fix = "" if model else f"Set {MODEL}, or name the model: am.llm(..., model=...)."
    return Check(name="model", status=OK if model else WARN, found=", ".join(parts), fix=fix)


def _provider() -> Check:
    endpoint = from_environment()
    if endpoint is None:
        return Check(name="provider", status=OK, found="none to be reached")
    try:
        ask_models(endpoint)
    except AgentMeshError as error:
        return Check(name="provider", status=FAIL, found=error.what, fix=error.fix)
    return Check(name="provider", status=OK, found=f"{endpoint.base_url} answers")
