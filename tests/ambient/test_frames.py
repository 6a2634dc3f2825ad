"""What may pass inside a handler although it reads files: who asks, and for what."""

# ruff: noqa: PLW0108, PTH123, T201 - these are the calls under test, looked up when made

import builtins
import contextlib
import functools
import importlib.metadata
import importlib.resources
import inspect
import io
import linecache
import logging
import mimetypes
import os
import pdb  # noqa: T100 - it must work in a handler
import pkgutil
import platform
import shutil
import socket
import sqlite3
import sys
import traceback
import warnings
import weakref
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentmesh.errors import EscapeError
from tests.ambient.helpers import (
    ProbeLoop,
    call_inside,
)

HERE = Path(__file__)
MISSING = "/nonexistent/notes.txt"


def work() -> None:
    """Do nothing."""


def failing_line() -> None:
    raise LookupError("marker of the failing line")


def formatted() -> str:
    linecache.clearcache()
    try:
        failing_line()
    except LookupError:
        return traceback.format_exc()
    return ""


def logged() -> str:
    linecache.clearcache()
    text = io.StringIO()
    logger = logging.Logger("traceback")  # noqa: LOG001 - must not be found by other tests
    logger.addHandler(logging.StreamHandler(text))
    try:
        failing_line()
    except LookupError:
        logger.exception("failed")
    return text.getvalue()


def warned() -> str:
    linecache.clearcache()
    line = failing_line.__code__.co_firstlineno + 1
    return warnings.formatwarning("look", UserWarning, str(HERE), line)


def source() -> str:
    linecache.clearcache()
    return inspect.getsource(failing_line)


def machine() -> str:
    for name in ("uname", "libc_ver", "platform", "freedesktop_os_release"):
        cached = getattr(platform, name)
        getattr(cached, "cache_clear", work)()
    platform._uname_cache = None  # type: ignore[attr-defined]
    platform._platform_cache.clear()  # type: ignore[attr-defined]
    platform._os_release_cache = None  # type: ignore[attr-defined]
    return platform.platform() + str(platform.freedesktop_os_release()) + platform.processor()


def in_memory() -> int:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        answer: int = database.execute("select 6 * 7").fetchone()[0]
        return answer


ALLOWED: dict[str, tuple[Callable[[], Any], Callable[[Any], bool]]] = {
    "formatting a traceback": (formatted, lambda text: "marker of the failing line" in text),
    "logging an exception": (logged, lambda text: 'raise LookupError("marker' in text),
    "showing a warning": (warned, lambda text: "marker of the failing line" in text),
    "reading source": (source, lambda text: text.startswith("def failing_line")),
    "the version of a package": (lambda: importlib.metadata.version("pytest"), bool),
    "entry points": (lambda: len(importlib.metadata.entry_points(group="pytest11")), bool),
    "files of a package": (lambda: importlib.metadata.files("pytest"), bool),
    "a resource": (
        lambda: importlib.resources.files("hypothesis").joinpath("py.typed").read_text(),
        lambda text: text == "" or bool(text),
    ),
    "data of a package": (lambda: pkgutil.get_data("hypothesis", "__init__.py"), bool),
    "a time zone": (
        lambda: str(zoneinfo.ZoneInfo.no_cache("Europe/Oslo")),
        lambda name: bool(name),
    ),
    "kinds of files": (
        lambda: (mimetypes.init(), mimetypes.guess_type("a.html"))[1][0],  # type: ignore[func-returns-value]
        lambda kind: kind == "text/html",
    ),
    "facts of the machine": (machine, lambda text: "Linux" in text),
    "nothing at all": (lambda: open(os.devnull, "w").close(), lambda nothing: nothing is None),
    "a database in memory": (
        in_memory,
        lambda answer: answer == 42,
    ),
    "a descriptor": (
        lambda: [os.close(each) for each in os.pipe()],  # type: ignore[func-returns-value]
        lambda closed: closed == [None, None],
    ),
    "output": (lambda: print("from a handler"), lambda nothing: nothing is None),
    "the host's name": (socket.gethostname, bool),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_what_frameworks_do_by_the_way_is_allowed(what: str, loop: ProbeLoop) -> None:
    """It reads files, and what it reads belongs to the code or to the machine."""
    act, right = ALLOWED[what]
    assert right(call_inside(act, loop))
    assert loop.escaped == []


def test_cleaning_up_by_a_finalizer_is_allowed(tmp_path: Path, loop: ProbeLoop) -> None:
    """When an object of somebody else's dies in a handler, its folder may go with it."""
    folder = tmp_path / "scratch"
    folder.mkdir()

    class Owner:
        pass

    owner = Owner()
    weakref.finalize(owner, shutil.rmtree, folder)
    owners = [owner]
    del owner
    call_inside(owners.clear, loop)
    assert not folder.exists()
    assert loop.escaped == []


def test_a_program_that_names_its_module_like_a_reader_is_no_reader(loop: ProbeLoop) -> None:
    """`code.py` and `platform.py` are names that programs use too."""
    namespace: dict[str, Any] = {"__name__": "platform", "open": builtins.open}
    exec(compile(f"def read(): open({MISSING!r})", "platform.py", "exec"), namespace)
    with pytest.raises(EscapeError, match=r"at platform\.py:1 \(in read\)"):
        call_inside(namespace["read"], loop)


def test_what_ships_with_a_package_may_be_read_and_not_written(tmp_path: Path) -> None:
    """Lazily loaded tables; the run records the version of the package they belong to."""
    package = tmp_path / "site-packages" / "tables"
    package.mkdir(parents=True)
    (package / "data.txt").write_text("42")
    (tmp_path / "other.txt").write_text("7")
    assert call_inside(lambda: (package / "data.txt").read_text()) == "42"
    for path, mode in ((tmp_path / "other.txt", "r"), (package / "data.txt", "r+")):
        with pytest.raises(EscapeError):
            call_inside(functools.partial(open, path, mode))


def test_the_interpreter_may_show_a_source_line_by_itself(loop: ProbeLoop) -> None:
    """It opens the source of loaded code in whatever frame happens to run."""
    assert call_inside(lambda: HERE.read_text(encoding="utf-8"), loop).startswith('"""')
    assert loop.escaped == []


def test_a_debugger_asks_its_person(monkeypatch: pytest.MonkeyPatch, loop: ProbeLoop) -> None:
    """`agentmesh debug` stops inside a handler: the prompt is not the handler's."""
    said = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("where\ncontinue\n"))

    def handler() -> str:
        pdb.Pdb(stdout=said, nosigint=True, readrc=False).set_trace()
        return "went on"

    assert call_inside(handler, loop) == "went on"
    assert HERE.name in said.getvalue()
    assert loop.escaped == []
