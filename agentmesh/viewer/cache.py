"""Columns of finished runs, kept for the next time: a big run opens at once then.

A folder for each run, named by a digest of where it lies and of what is there: a run that has
changed in any way has another name. A folder is complete or absent. The least recently used
ones are removed when all of them together are too large. What is in them shows the beginnings of
payloads: only their owner may read them.
"""

import contextlib
import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentmesh.journal.files import join
from agentmesh.journal.places import EVENTS, INFO, SEALED
from agentmesh.journal.run import Run
from agentmesh.viewer.agents import Figures
from agentmesh.viewer.building import Building
from agentmesh.viewer.tables import CODES, Dictionary

VERSION = 1
"""Of what is kept: raised by any change of columns or of what is in them."""
EVENTS_MIN = 20_000
"""Runs with fewer events are read anew each time, which is as quick."""
BYTES_MAX = 4 << 30
_ABOUT = "about.json"
_DICTIONARIES = ("handlers", "types", "effect_names", "models", "texts")
_OF_AGENTS = ("at", "kinds", "turns", "causes")


def folder() -> Path:
    """Return where columns are kept unless something else is said."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "agentmesh" / "viewer"


def identity(run: Run) -> str:
    """Return a name for what a run has on record now."""
    files, path = run.files, run.path
    sizes = []
    for name in (INFO, SEALED):
        at = join(path, name)
        sizes.append((name, files.size(at) if files.exists(at) else -1))
    events = join(path, EVENTS)
    sizes += [(name, files.size(join(events, name))) for name in files.names(events)]
    times = []
    if files.local:
        for name in (INFO, SEALED):
            with contextlib.suppress(OSError):
                times.append((Path(path) / name).stat().st_mtime_ns)
    said = json.dumps([VERSION, path, run.id, run.info.created_at_ns, sizes, times])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def save(where: Path, name: str, building: Building) -> None:
    """Keep columns; where that can't be, nothing is kept."""
    with contextlib.suppress(OSError):
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = where / f".{name}.{os.getpid()}"
        try:
            made.mkdir(mode=0o700)
            _write(made, building)
            made.rename(where / name)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        _make_room(where, name)


def load(where: Path, name: str, new: Callable[[], Building]) -> Building | None:
    """Return the columns of a run, if they were kept."""
    kept = where / name
    try:
        about = json.loads((kept / _ABOUT).read_bytes())
        building = _read(kept, about, new())
        os.utime(kept)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        shutil.rmtree(kept, ignore_errors=True)  # it is not what it should be: made anew
        return None
    return building


def _write(made: Path, building: Building) -> None:
    for name, table in building.tables.items():
        for column, data in table.trimmed().items():
            (made / f"{name}.{column}").write_bytes(memoryview(data))
    for name in _OF_AGENTS:
        with (made / f"agents.{name}").open("wb") as file:
            for agent in building.agents:
                file.write(memoryview(getattr(agent, name)))
    text, places = building.previews.data()
    (made / "previews").write_bytes(text)
    for name, data in places.items():
        (made / f"previews.{name}").write_bytes(memoryview(data))
    about = {
        "start_ns": building.rows.start_ns,
        "events": building.events,
        "problem": building.problem,
        "rows": {name: len(table) for name, table in building.tables.items()},
        "dictionaries": {name: getattr(building.rows, name).texts for name in _DICTIONARIES},
        "agents": [
            [one.address, one.next_step, [getattr(one.figures, f) for f in Figures.__slots__]]
            for one in building.agents
        ],
        "previews": list(places),
    }
    (made / _ABOUT).write_bytes(json.dumps(about).encode())


def _read(kept: Path, about: dict[str, Any], building: Building) -> Building:
    for name, table in building.tables.items():
        columns = {
            column: _column(kept / f"{name}.{column}", CODES[dtype])
            for column, dtype in table.specs
        }
        if any(len(column) != about["rows"][name] for column in columns.values()):
            raise ValueError(name)
        table.replace(columns)
    building.rows.start_ns, building.events = about["start_ns"], about["events"]
    building.problem = about["problem"]
    for name in _DICTIONARIES:
        setattr(building.rows, name, Dictionary(about["dictionaries"][name]))
    for address, steps, figures in about["agents"]:
        building.rows.add_agent(address)
        agent = building.agents[-1]
        agent.next_step, agent.figures = steps, Figures(*figures)
    for name in _OF_AGENTS:
        with (kept / f"agents.{name}").open("rb") as file:
            for agent in building.agents:
                getattr(agent, name).fromfile(file, agent.next_step)
    places = {name: _column(kept / f"previews.{name}", "q") for name in about["previews"]}
    building.previews.restore((kept / "previews").open("rb"), places)
    building.publish()
    return building


def _column(path: Path, code: str) -> "array[Any]":
    data: array[Any] = array(code)
    data.frombytes(path.read_bytes())
    return data


def _make_room(where: Path, keep: str) -> None:
    found = []
    for one in where.iterdir():
        size = sum(file.stat().st_size for file in one.iterdir()) if one.is_dir() else 0
        found.append((one.stat().st_mtime, size, one))
    total = sum(size for _, size, _ in found)
    for _, size, one in sorted(found, key=lambda each: each[0]):
        if total <= BYTES_MAX:
            return
        if one.name != keep:
            shutil.rmtree(one, ignore_errors=True)
            total -= size
