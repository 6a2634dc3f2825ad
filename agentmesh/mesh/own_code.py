"""Which modules are the program's own, as opposed to installed ones, and what is in them.

A run records a digest of each of their functions, classes and constants; a replay holds
those of today against them. Modules are only looked at: nothing is imported.
"""

import sys
import sysconfig
from collections import deque
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import FunctionType, ModuleType

from agentmesh import errors
from agentmesh.journal.source_units import digests_of
from agentmesh.mesh.environment import own_name

MODULES_MAX = 200
PARTS_MAX = 5_000
"""Functions, classes and constants of all modules together, of which digests are recorded."""

_INSTALLED = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_AGENTMESH = str(Path(errors.__file__).parent)


@dataclass(frozen=True, kw_only=True)
class OwnCode:
    """The code of a program, as its files have it now."""

    functions: dict[str, dict[str, str]]
    """Digests by module and name of the part."""
    files: dict[str, str]
    """Paths by module."""
    installed: list[str]
    """Top-level packages that the modules name, and that are not the program's own; sorted."""


def own_code(module: str) -> OwnCode:
    """Return what belongs to the program whose workflow is in a module."""
    functions: dict[str, dict[str, str]] = {}
    files: dict[str, str] = {}
    installed: set[str] = set()
    waiting, seen, left = deque([module]), {module}, PARTS_MAX
    while waiting and len(files) < MODULES_MAX:
        name = waiting.popleft()
        loaded = sys.modules.get(name)
        file = str(getattr(loaded, "__file__", None) or "")
        if loaded is None or not file.endswith(".py") or not Path(file).is_file():
            continue
        digests = digests_of(Path(file).read_bytes())
        left -= len(digests)
        if left < 0:
            break
        files[own_name(name)], functions[own_name(name)] = file, digests
        for other in _named_in(loaded):
            if other in seen:
                continue
            seen.add(other)
            if _is_own(other):
                waiting.append(other)
            elif other.partition(".")[0] not in sys.stdlib_module_names:
                installed.add(other.partition(".")[0])
    return OwnCode(functions=functions, files=files, installed=sorted(installed - {"agentmesh"}))


def _named_in(module: ModuleType) -> list[str]:
    found = []
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            found.append(value.__name__)
        elif isinstance(value, type | FunctionType) and isinstance(value.__module__, str):
            found.append(value.__module__)
    return found


def _is_own(name: str) -> bool:
    file = str(getattr(sys.modules.get(name), "__file__", None) or "")
    if not file or file.startswith((*_INSTALLED, _AGENTMESH)):
        return False
    return not _was_installed(name.partition(".")[0])


def _was_installed(package: str) -> bool:
    """Tell whether a package lies beside its metadata: installed, though in another place."""
    file = str(getattr(sys.modules.get(package), "__file__", None) or "")
    try:
        beside = Path(str(metadata.distribution(package).locate_file("")))
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return beside.resolve() in Path(file).resolve().parents
