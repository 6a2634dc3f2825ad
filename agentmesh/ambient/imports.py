"""Imports inside a handler see the real world.

Frameworks import lazily, and an import reads files and scans folders. Which handler
of a process is the first to import a module is chance, and so what the module's
code reads of clocks and generators may not come from that handler's: the import
as a whole is a stretch outside (see `agentmesh.ambient.guest`).

It is found where the interpreter enters it, `importlib._bootstrap._find_and_load`,
which C and Python code alike look up by name for every module not loaded yet. An
`import` of a loaded module does not come by. The audit event `import` is no
help: nothing tells the end.

Who wants to patch a module that may never be imported can be told when it is.
"""

import functools
import sys
from collections.abc import Callable
from importlib import _bootstrap
from threading import RLock
from types import CodeType, FunctionType, ModuleType
from typing import Any

from agentmesh.ambient.guest import current, outside
from agentmesh.ambient.references import Undo, set_attribute

Loaded = Callable[[ModuleType], None]

_ENTRY = "_find_and_load"
_waiting: dict[str, Loaded] = {}
_told: dict[str, ModuleType] = {}
_lock = RLock()


def loaded(name: str) -> ModuleType | None:
    """Return a module if it has been imported already, and to its end."""
    module = sys.modules.get(name)
    initialising = getattr(getattr(module, "__spec__", None), "_initializing", False)
    return None if initialising else module


def when_loaded(name: str, then: Loaded, *, known: bool = False) -> None:
    """Call a function with a module now, or as soon as somebody has imported it.

    And again if it is imported anew: a runner of tests may forget modules.

    Args:
        name: The module's name.
        then: What is called.
        known: Whether the module that is there now has been seen to.
    """
    with _lock:
        _waiting[name] = then
        module = loaded(name)
        if module is None:
            return
        _told[name] = module
    if not known:
        then(module)


def watch() -> Undo:
    """Start treating imports as outside; return what ends that and forgets who waits."""
    put_back = set_attribute(_bootstrap, _ENTRY, _watched(getattr(_bootstrap, _ENTRY)))

    def undo() -> None:
        put_back()
        _waiting.clear()
        _told.clear()

    return undo


def _watched(find_and_load: Callable[..., Any]) -> Callable[..., Any]:
    # In cells: imports go on while the interpreter shuts down and empties modules.
    waiting, inside, stretch, tell = _waiting, current, outside, _tell

    def _find_and_load(name: str, import_: object) -> Any:
        if inside() is None:
            module = find_and_load(name, import_)
        else:
            with stretch():
                module = find_and_load(name, import_)
        if name in waiting:
            tell(name, module)
        return module

    # The interpreter leaves out its own frames from the traceback of a failed import; it
    # knows them by the name of their file.
    code = _find_and_load.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    return functools.wraps(find_and_load)(_with_code(_find_and_load, code))


def _with_code(function: Callable[..., Any], code: CodeType) -> FunctionType:
    assert isinstance(function, FunctionType)
    return FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )


def _tell(name: str, module: object) -> None:
    with _lock:
        then = _waiting.get(name)
        if then is None or loaded(name) is not module or _told.get(name) is module:
            return
        assert isinstance(module, ModuleType)
        _told[name] = module
    then(module)
