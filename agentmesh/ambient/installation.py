"""Putting all of it in place, once a process, and taking it away again for tests.

`install` is called by whoever runs cells, before the first one. Importing agentmesh
installs nothing. The order matters little, since nobody counts as inside a handler
until the last step; and the last thing of all is a look whether it works, because
`time_machine` is reached below its public interface.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from threading import RLock
from types import ModuleType
from typing import cast

from agentmesh.ambient import (
    clocks,
    escapes,
    guest,
    identifiers,
    imports,
    ordering,
    randomness,
    workers,
)
from agentmesh.ambient.references import Swap, Undo, replace_in_module, replace_references
from agentmesh.errors import InternalError

_lock = RLock()
_undo: list[Undo] = []
_also: dict[str, Callable[[ModuleType], list[Undo]]] = {}
_WHEN_LOADED = {
    "ssl": randomness.ssl_swaps,
    escapes.ANYIO: escapes.anyio_swaps,
    **identifiers.IN_LIBRARIES,
}
"""Modules that may never be imported, and what to replace in them when they are."""


def install() -> None:
    """Let the standard library answer logically inside handlers, in this process, for good.

    Calling it again changes nothing. Threads that run meanwhile notice nothing.

    Raises:
        InternalError: The installed `time-machine` or Python does not work as expected;
            nothing is installed then.
    """
    with _lock:
        if _undo:
            guest.enable()  # others may have put themselves in front since
            return
        try:
            _put_in_place()
            guest.enable()
            _check()
        except BaseException:
            uninstall()
            raise


def also(name: str, patch: Callable[[ModuleType], list[Undo]]) -> None:
    """Patch a module, too, wherever all of this is installed and somebody imports that module.

    For layers above that have something to tell a library inside handlers.

    Args:
        name: The module's name.
        patch: Given the module; returns what takes it back.
    """
    with _lock:
        if _also.get(name) is patch:
            return
        _also[name] = patch
        if _undo:
            imports.when_loaded(name, _patching(patch))


def uninstall() -> None:
    """Take everything away that can be taken away; for tests.

    References that others copied meanwhile go on pointing to stand-ins, which then
    call the real functions; the audit hook stays and knows no event.
    """
    with _lock:
        guest.disable()
        while _undo:
            _undo.pop()()


def installed() -> bool:
    """Tell whether `install` has been called in this process."""
    return bool(_undo)


def _put_in_place() -> None:
    _undo.append(clocks.patch_method_tables())
    every = [clocks.swaps, randomness.swaps, identifiers.swaps, escapes.swaps]
    present = [name for name in _WHEN_LOADED if imports.loaded(name)]
    every += [_WHEN_LOADED[name] for name in present]
    # Together: a pass over the heap takes about 0.15 s for a million objects.
    _undo.extend(replace_references([swap for swaps in every for swap in swaps()]))
    _undo.extend(randomness.patch_instances())
    _undo.append(clocks.quiet_logging())
    _undo.append(ordering.patch())
    _undo.append(imports.watch())
    for name, swaps in _WHEN_LOADED.items():
        imports.when_loaded(name, _replacing(swaps), known=name in present)
    for name in ("concurrent.futures.thread", "concurrent.futures.process"):
        imports.when_loaded(name, lambda module: _undo.extend(escapes.guard_pool(module)))
    for name, patch in {**workers.PATCHES, **_also}.items():
        imports.when_loaded(name, _patching(patch))
    _undo.append(escapes.arm())


def _patching(patch: Callable[[ModuleType], list[Undo]]) -> imports.Loaded:
    return lambda module: _undo.extend(patch(module))


def _replacing(swaps: Callable[[], list[Swap]]) -> imports.Loaded:
    def then(module: ModuleType) -> None:
        _undo.extend(replace_in_module(module, swaps()))

    return then


class _Probe:
    """A loop that only answers, with values that cannot be real."""

    is_agent_loop = True
    NS = 1_000_000_000

    def read_wall_ns(self) -> int:
        return self.NS

    def read_monotonic_ns(self) -> int:
        return self.NS

    def generator(self) -> random.Random:
        return _same_stream()


def _same_stream() -> random.Random:
    return random.Random(1)


def _check() -> None:
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(cast("asyncio.AbstractEventLoop", _Probe()))
    try:
        wrong = [name for name, (read, expected) in _READINGS.items() if not _is(read, expected)]
    finally:
        asyncio._set_running_loop(before)
    if wrong:
        raise InternalError(
            f"Inside a handler, {', '.join(wrong)} would not answer logically "
            f"(time-machine {version('time-machine')}).",
            cause="Usually this Python or time-machine does not fit this agentmesh, or "
            "another library that replaces clocks (freezegun, say) was started before.",
            fix="Install the time-machine that agentmesh asks for, or end the other library first.",
        )


def _is(read: Callable[[], object], expected: object) -> bool:
    try:
        return read() == expected
    except Exception:  # noqa: BLE001 - whatever a foreign version raises
        return False


_READINGS: dict[str, tuple[Callable[[], object], object]] = {
    "datetime.now": (lambda: datetime.now(UTC).timestamp(), _Probe.NS / 1e9),
    "time.time": (lambda: time.time(), _Probe.NS / 1e9),  # noqa: PLW0108 - looked up when read
    "time.gmtime": (lambda: time.gmtime().tm_year, 1970),
    "time.monotonic": (lambda: time.monotonic(), _Probe.NS / 1e9),  # noqa: PLW0108 - likewise
    "random.random": (lambda: random.random(), _same_stream().random()),  # noqa: PLW0108
    "uuid.uuid4": (lambda: uuid.uuid4().bytes[-1:], _same_stream().randbytes(16)[-1:]),
}
