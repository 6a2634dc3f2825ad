"""Refusing what a replay could not repeat: threads, sockets, files, processes.

CPython announces such calls by audit events before it does them. A hook can't be
removed once added, is called for every event of the process (`id()` is one), and
an error it raises stops the call: so ours is one dictionary look-up for events it
does not know, asks whether the thread is inside a handler before anything else, and
raises nowhere but there. Uninstalled, it knows no event at all.

CPython 3.11 announces neither threads nor `time.sleep`, and no version announces work
given to a pool that has idle threads: these are covered by stand-ins and wrapped methods.

Measured (CPython 3.11): having any hook, even one written in C, costs 160 ns an
event; this one costs 40 more.

What may pass, and why, is decided in `agentmesh.ambient.frames`.
"""

import functools
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from agentmesh.ambient import frames
from agentmesh.ambient.guest import current
from agentmesh.ambient.references import Swap, Undo, set_attribute
from agentmesh.ambient.refusal import (
    DATABASE,
    FILE,
    FOLDER,
    INPUT,
    LIBRARY,
    LOOP,
    SOCKET,
    SUBPROCESS,
    THREAD,
    Escape,
    refuse,
    shown,
)
from agentmesh.ambient.standin import StandIn

Arguments = tuple[Any, ...]
Check = Callable[[str, Arguments], None]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _open(event: str, arguments: Arguments) -> None:
    del event
    path, mode, flags = arguments
    if not isinstance(path, str | bytes | os.PathLike):
        return  # a descriptor, whose maker was asked, or a mistake that open() reports itself
    name = os.fsdecode(path)
    reading = not (flags or 0) & _WRITING
    if name == os.devnull or frames.known_reader(sys._getframe(1)):
        return
    if reading and frames.is_constant_file(name):
        return
    refuse(FILE, f"open({shown(path)}, {shown(mode or ('r' if reading else 'w'))})")


def _plain(escape: Escape, call: str = "", shows: int = 2) -> Check:
    """Make a check that refuses everybody but known readers, debuggers and finalizers."""

    def check(event: str, arguments: Arguments) -> None:
        if not frames.known_reader(sys._getframe(1)):
            given = [each for each in arguments[:shows] if each is not None]
            refuse(escape, f"{call or event}({', '.join(map(shown, given))})")

    return check


def _socket_made(event: str, arguments: Arguments) -> None:
    del event, arguments
    if not frames.known_reader(sys._getframe(1)):
        refuse(SOCKET, "socket.socket()")


def _addressed(event: str, arguments: Arguments) -> None:
    """Refuse an event whose first argument is the socket or connection object."""
    if not frames.known_reader(sys._getframe(1)):
        refuse(SOCKET, f"{event}({', '.join(map(shown, arguments[1:3]))})")


def _database(event: str, arguments: Arguments) -> None:
    # A database in memory is a data structure.
    if event == "sqlite3.connect" and arguments[0] != ":memory:":
        refuse(DATABASE, f"sqlite3.connect({shown(arguments[0])})")


def _thread(event: str, arguments: Arguments) -> None:
    del event
    if frames.known_reader(sys._getframe(1)):
        return
    thread = getattr(arguments[0], "__self__", None)
    target = getattr(thread, "_target", None)
    name = type(thread).__name__ if thread is not None else "Thread"
    refuse(THREAD, f"{name}(target={shown(target or arguments[0])}).start()")


_FOLDER_CALLS = (
    "os.chdir",
    "os.chmod",
    "os.chown",
    "os.getxattr",
    "os.link",
    "os.listdir",
    "os.listxattr",
    "os.lockf",
    "os.mkdir",
    "os.remove",
    "os.removexattr",
    "os.rename",
    "os.rmdir",
    "os.scandir",
    "os.setxattr",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "glob.glob",
    "pathlib.Path.glob",
    "pathlib.Path.rglob",
    "shutil.chown",
    "shutil.copyfile",
    "shutil.copytree",
    "shutil.make_archive",
    "shutil.move",
    "shutil.rmtree",
    "shutil.unpack_archive",
    "tempfile.mkdtemp",
    "tempfile.mkstemp",
)
_SOCKET_CALLS = (
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
)
_ADDRESSED_CALLS = (
    "ftplib.connect",
    "http.client.connect",
    "http.client.send",
    "imaplib.open",
    "nntplib.connect",
    "poplib.connect",
    "smtplib.connect",
    "socket.bind",
    "socket.connect",
    "socket.sendmsg",
    "socket.sendto",
    "telnetlib.Telnet.open",
)
_PROCESS_CALLS = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.kill",
    "os.killpg",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "signal.pthread_kill",
    "subprocess.Popen",
    "webbrowser.open",
)
_EVENTS: dict[str, Check] = {
    "open": _open,
    **dict.fromkeys(_FOLDER_CALLS, _plain(FOLDER)),
    **dict.fromkeys(_SOCKET_CALLS, _plain(SOCKET)),
    **dict.fromkeys(_ADDRESSED_CALLS, _addressed),
    **dict.fromkeys(_PROCESS_CALLS, _plain(SUBPROCESS)),
    "urllib.Request": _plain(SOCKET, "urllib.request.urlopen", shows=1),
    "socket.__new__": _socket_made,
    "sqlite3.connect": _database,
    "builtins.input": _plain(INPUT, "input"),
    "ctypes.dlopen": _plain(LIBRARY, "ctypes.CDLL"),
    "_thread.start_new_thread": _thread,
    "_thread.start_joinable_thread": _thread,
}

_armed: dict[str, Check] = {}
_hooks: list[object] = []


def _make_hook() -> Callable[[str, Arguments], None]:
    # Everything in cells: module globals may be gone while the interpreter shuts down.
    armed, inside = _armed, current

    def hook(event: str, arguments: Arguments) -> None:
        if event in armed and inside() is not None:
            armed[event](event, arguments)

    return hook


def arm() -> Undo:
    """Start refusing; return what makes the hook inert again."""
    if not _hooks:
        hook = _make_hook()
        sys.addaudithook(hook)
        _hooks.append(hook)
    _armed.update(_EVENTS)
    return _armed.clear


class StartThread(StandIn):
    """`_thread.start_new_thread`, which CPython announces from 3.12 on only."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Start a thread, or refuse to."""
        if args and current() is not None:
            _thread(self.name, args)
        return self.real(*args, **kwargs)


class ForkExec(StandIn):
    """`_posixsubprocess.fork_exec`, by which `multiprocessing` starts processes unannounced."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Start a process, or refuse to."""
        if args and current() is not None and not frames.known_reader(sys._getframe(1)):
            refuse(SUBPROCESS, f"fork_exec({shown(args[0])})")
        return self.real(*args, **kwargs)


class OtherLoop(StandIn):
    """`asyncio.run_coroutine_threadsafe`, whose answer comes from another thread, or never."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Give a coroutine to another thread's loop, or refuse to."""
        if args and current() is not None:
            close = getattr(args[0], "close", None)
            if close is not None:
                close()  # it would complain that nobody awaited it
            refuse(LOOP, f"asyncio.run_coroutine_threadsafe({shown(args[0])})")
        return self.real(*args, **kwargs)


class SocketPair(StandIn):
    """`socket.socketpair`, refused before sockets are made that nobody would close."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Make two connected sockets, or refuse to."""
        if current() is not None and not frames.known_reader(sys._getframe(1)):
            refuse(SOCKET, "socket.socketpair()")
        return self.real(*args, **kwargs)


class NewLoop(StandIn):
    """`asyncio.new_event_loop`, refused before half of a loop is made."""

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Make a loop, or refuse to."""
        if current() is not None and not frames.known_reader(sys._getframe(1)):
            refuse(LOOP, "asyncio.new_event_loop()")
        return self.real(*args, **kwargs)


class Connect(StandIn):
    """anyio's ways to connect, which every HTTP client on httpcore takes.

    anyio asks the loop in a group of tasks: refused there, what a user sees is
    `unhandled errors in a TaskGroup`.
    """

    __slots__ = ()

    def answer(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, or refuse to."""
        if current() is not None:
            given = [*args, *kwargs.values()][:2]
            refuse(SOCKET, f"anyio.{self.name}({', '.join(map(shown, given))})")
        return self.real(*args, **kwargs)


ANYIO = "anyio._core._sockets"
"""The module that has anyio's ways to connect."""


def anyio_swaps() -> list[Swap]:
    """Return stand-ins for anyio's ways to connect."""
    wanted = [Connect.over(ANYIO, name) for name in ("connect_tcp", "connect_unix")]
    return [each.swap() for each in wanted if each is not None]


def swaps() -> list[Swap]:
    """Return stand-ins for what leaves a handler's thread without an audit event."""
    wanted = [
        SocketPair.over("_socket", "socketpair"),
        NewLoop.over("asyncio", "new_event_loop"),
        OtherLoop.over("asyncio", "run_coroutine_threadsafe"),
        StartThread.over("_thread", "start_new_thread"),
        StartThread.over("_thread", "start_joinable_thread"),
        ForkExec.over("_posixsubprocess", "fork_exec") if os.name == "posix" else None,
    ]
    return [each.swap() for each in wanted if each is not None]


def guard_pool(module: ModuleType) -> list[Undo]:
    """Refuse to give work to the executors of a module of `concurrent.futures`."""
    return [
        _guard_submit(getattr(module, name))
        for name in ("ThreadPoolExecutor", "ProcessPoolExecutor")
        if name in vars(module)
    ]


def _guard_submit(pool: Any) -> Undo:
    submit = pool.submit

    @functools.wraps(submit)
    def guarded(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if args and current() is not None and not frames.known_reader(sys._getframe(1)):
            refuse(THREAD, f"{type(self).__name__}.submit({shown(args[0])})")
        return submit(self, *args, **kwargs)

    return set_attribute(pool, "submit", guarded)
