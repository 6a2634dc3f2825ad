"""Whose code is running: the frame stack, read on the rare path of something refused.

A handler may not open files, but code in it may import, format a traceback, look up
a time zone or ask for a package's version, and all of these open files. What tells
them apart is who asks. The walk goes outward from the call, through the standard
library's plumbing (`pathlib`, `codecs`, `tempfile`), to the first frame that is
either a known reader or not plumbing; that frame decides.

This is no sandbox: it keeps honest code repeatable and does not stop malice.
"""

# ruff: noqa: PTH100, PTH120 - plain text, as code objects have it, and no symbolic link followed

import os
import sys
import zoneinfo
from asyncio import _get_running_loop
from collections.abc import Iterator
from pathlib import PurePath
from types import FrameType

_HERE = os.path.dirname(os.path.abspath(__file__))
_FRAMEWORK = os.path.dirname(_HERE) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = ("site-packages", "dist-packages")

READERS = frozenset(
    {
        # Source code and what is packed with it: the run records the version of both.
        "importlib",
        "importlib_metadata",
        "importlib_resources",
        "inspect",
        "linecache",
        "pkg_resources",
        "pkgutil",
        "traceback",
        "warnings",
        "zipimport",
        # Tables that describe the machine and do not change while it is up.
        "certifi",
        "dateutil",
        "distro",
        "gettext",
        "locale",
        "mimetypes",
        "platform",
        "pytz",
        "sysconfig",
        "tzdata",
        "tzlocal",
        "zoneinfo",
        # Finalizers clean up what somebody else made.
        "weakref",
        # A person looks around.
        "bdb",
        "cmd",
        "code",
        "pdb",
        "debugpy",
        "pydevd",
        "_pydevd_bundle",
        "IPython",
    }
)
"""Top-level modules whose reading in a handler can't change what the handler does."""

_MACHINE_FILES = ("/etc/localtime", "/etc/timezone")


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame and its callers, leaving out this package's, up to the agent's loop.

    Beyond the loop is whoever drives it: a script, a Ray worker, a replay.
    """
    edge = getattr(getattr(type(_get_running_loop()), "drain", None), "__code__", None)
    while frame is not None and frame.f_code is not edge:
        if not frame.f_code.co_filename.startswith(_HERE):
            yield frame
        frame = frame.f_back


def module_of(frame: FrameType) -> str:
    """Return the dotted name of the module whose code a frame runs."""
    return str(frame.f_globals.get("__name__", "?"))


def is_installed(filename: str) -> bool:
    """Tell whether a source file belongs to an installed distribution."""
    return any(part in _INSTALLED for part in PurePath(filename).parts)


def is_stdlib(filename: str) -> bool:
    """Tell whether a source file belongs to the standard library."""
    if filename.startswith("<frozen "):
        return True
    return filename.startswith(_STDLIB) and not is_installed(filename)


def is_users(frame: FrameType) -> bool:
    """Tell whether a frame runs code of the program, not of a library or of agentmesh."""
    filename = frame.f_code.co_filename
    return not (is_stdlib(filename) or is_installed(filename) or filename.startswith(_FRAMEWORK))


def known_reader(frame: FrameType) -> bool:
    """Tell whether a module in `READERS` asks."""
    for each in outward(frame):
        if module_of(each).partition(".")[0] in READERS and not is_users(each):
            return True
        if not is_stdlib(each.f_code.co_filename):
            return False
    return False


def asker(frame: FrameType) -> FrameType:
    """Return the innermost frame that is not the standard library's plumbing."""
    for each in outward(frame):
        if not is_stdlib(each.f_code.co_filename):
            return each
    return frame


def program_line(frame: FrameType) -> FrameType | None:
    """Return the innermost frame of the user's own program, or None if there is none."""
    return next((each for each in outward(frame) if is_users(each)), None)


def place(frame: FrameType) -> str:
    """Name a line of code in a way that is the same on every machine."""
    code = frame.f_code
    return f"{PurePath(code.co_filename).name}:{frame.f_lineno} (in {code.co_name})"


def is_constant_file(path: str) -> bool:
    """Tell whether a file that is opened for reading is part of the code or of the machine."""
    full = os.path.abspath(path)
    if full in _MACHINE_FILES or full.startswith(_zone_folders()):
        return True
    # Tables and templates that ship with a package; the run records the package's version.
    return is_installed(full) or is_stdlib(full) or _is_loaded_source(full)


def _zone_folders() -> tuple[str, ...]:
    # zoneinfo's C code opens these itself: no frame of a known reader is on the stack.
    return tuple(folder.rstrip(os.sep) + os.sep for folder in zoneinfo.TZPATH)


def _is_loaded_source(full: str) -> bool:
    # The interpreter shows source lines of an unraisable exception by opening the file
    # itself, in whatever frame happens to run.
    if not full.endswith(".py"):
        return False
    return any(getattr(module, "__file__", None) == full for module in list(sys.modules.values()))
