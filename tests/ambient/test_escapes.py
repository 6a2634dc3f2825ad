"""What a handler may not do, what the refusal says, and what may pass nevertheless."""

# ruff: noqa: ASYNC230, PLW0108, PTH101, PTH102, PTH104, PTH106, PTH107, PTH123, PTH207, PTH208
# ruff: noqa: PTH211, SIM115 - these are the calls under test, looked up when made

import asyncio
import concurrent.futures
import ctypes
import glob
import http.client
import io
import logging
import multiprocessing
import os
import shutil
import smtplib
import socket
import sqlite3
import subprocess
import tempfile
import threading
import traceback
import urllib.request
import webbrowser
from _thread import start_new_thread as early_start_new_thread
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agentmesh.ambient import outside, uninstall
from agentmesh.errors import EscapeError
from tests.ambient.helpers import (
    DEADLINE_SECONDS,
    START_YEAR,
    ProbeLoop,
    ThreadOutside,
    call_inside,
    make_loop,
    run,
)

HERE = Path(__file__)
NOT_CODE = HERE.parents[2] / "pyproject.toml"
MISSING = "/nonexistent/notes.txt"


def work() -> None:
    """Do nothing, in a thread."""


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def start_process() -> None:
    multiprocessing.get_context("spawn").Process(target=work).start()


def given_to_another_loop() -> None:
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), OTHER_LOOP)


OTHER_LOOP = asyncio.new_event_loop()
BROWSER = webbrowser.GenericBrowser("true")
POOL = concurrent.futures.ThreadPoolExecutor(1)
REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "open": (lambda: open(MISSING), f"open('{MISSING}', 'r')", "@am.tool"),
    "open to write": (lambda: open(MISSING, "w"), f"open('{MISSING}', 'w')", "@am.tool"),
    "open bytes": (lambda: open(MISSING, "ab"), f"open('{MISSING}', 'a')", "am.effect(fn"),
    "open a path": (lambda: Path(MISSING).read_text(), f"open('{MISSING}', 'r')", "@am.tool"),
    "open by bytes": (lambda: open(MISSING.encode()), f"open(b'{MISSING}', 'r')", "@am.tool"),
    "io.open": (lambda: io.open(MISSING), f"open('{MISSING}', 'r')", "@am.tool"),  # noqa: UP020
    "io.FileIO": (lambda: io.FileIO(MISSING), f"open('{MISSING}', 'r')", "@am.tool"),
    "os.open": (lambda: os.open(MISSING, os.O_RDONLY), f"open('{MISSING}', 'r')", "@am.tool"),
    "os.open to write": (lambda: os.open(MISSING, os.O_RDWR), f"open('{MISSING}', 'w')", "@am"),
    "a program's own source to write": (lambda: open(HERE, "r+"), "open(", "@am.tool"),
    "logging to a new file": (
        lambda: logging.FileHandler(MISSING),
        f"open('{MISSING}'",
        "@am.tool",
    ),
    "os.remove": (lambda: os.remove(MISSING), f"os.remove('{MISSING}'", "@am.tool"),
    "os.unlink": (lambda: Path(MISSING).unlink(), f"os.remove('{MISSING}'", "@am.tool"),
    "os.rename": (lambda: os.rename(MISSING, "b"), f"os.rename('{MISSING}', 'b')", "@am.tool"),
    "os.mkdir": (lambda: os.mkdir(MISSING), f"os.mkdir('{MISSING}'", "@am.tool"),
    "os.rmdir": (lambda: os.rmdir(MISSING), f"os.rmdir('{MISSING}'", "@am.tool"),
    "os.listdir": (lambda: os.listdir("."), "os.listdir('.')", "file system"),
    "os.scandir": (lambda: os.scandir("."), "os.scandir('.')", "file system"),
    "os.walk": (lambda: list(os.walk(".")), "os.scandir('.')", "file system"),
    "Path.iterdir": (lambda: list(Path().iterdir()), "dir('.')", "file system"),
    "Path.glob": (lambda: list(Path().glob("*")), "(", "file system"),
    "glob.glob": (lambda: glob.glob("*"), "glob.glob('*'", "file system"),
    "os.chdir": (lambda: os.chdir("/"), "os.chdir('/')", "@am.tool"),
    "os.chmod": (lambda: os.chmod(MISSING, 0), "os.chmod(", "@am.tool"),
    "os.symlink": (lambda: os.symlink("a", MISSING), "os.symlink('a'", "@am.tool"),
    "os.utime": (lambda: os.utime(MISSING), "os.utime(", "@am.tool"),
    "os.truncate": (lambda: os.truncate(MISSING, 0), "os.truncate(", "@am.tool"),
    "shutil.rmtree": (lambda: shutil.rmtree(MISSING), f"shutil.rmtree('{MISSING}'", "@am.tool"),
    "shutil.copyfile": (lambda: shutil.copyfile(MISSING, "b"), "shutil.copyfile(", "@am.tool"),
    "tempfile": (lambda: tempfile.mkdtemp(dir="/nonexistent"), "tempfile.mkdtemp(", "@am.tool"),
    "socket": (lambda: socket.socket(), "socket.socket()", "@am.tool"),
    "socketpair": (lambda: socket.socketpair(), "socket.socketpair()", "@am.tool"),
    "create_connection": (
        lambda: socket.create_connection(("127.0.0.1", 9)),
        "socket.getaddrinfo('127.0.0.1', 9)",
        "am.openai()",
    ),
    "gethostbyname": (lambda: socket.gethostbyname("localhost"), "socket.gethostbyname('l", "@am"),
    "urlopen": (
        lambda: urllib.request.urlopen("http://127.0.0.1:9/x"),
        "urllib.request.urlopen('http://127.0.0.1:9/x')",
        "network",
    ),
    "http.client": (
        lambda: http.client.HTTPConnection("127.0.0.1", 9).request("GET", "/"),
        "http.client.connect('127.0.0.1', 9)",
        "network",
    ),
    "smtplib": (lambda: smtplib.SMTP("127.0.0.1", 9), "smtplib.connect('127.0.0.1', 9)", "network"),
    "a loop of one's own": (lambda: asyncio.new_event_loop(), "asyncio.new_event_loop()", "await"),
    "subprocess.run": (
        lambda: subprocess.run(["/nonexistent", "x"], check=False),
        "subprocess.Popen('/nonexistent', ['/nonexistent', 'x'])",
        "@am.tool",
    ),
    "os.system": (lambda: os.system("exit 3"), "os.system(", "printed"),
    "os.popen": (lambda: os.popen("exit 3"), "subprocess.Popen(", "printed"),
    "os.execv": (lambda: os.execv("/nonexistent", ["x"]), "os.exec('/nonexistent', ['x'])", "@am"),
    "os.fork": (fork, "os.fork()", "@am.tool"),
    "os.posix_spawn": (
        lambda: os.posix_spawn("/nonexistent", ["x"], {}),
        "os.posix_spawn('/nonexistent'",
        "@am.tool",
    ),
    "os.kill": (lambda: os.kill(os.getpid(), 0), "os.kill(", "@am.tool"),
    "multiprocessing": (start_process, "(", "@am.tool"),
    "webbrowser": (lambda: BROWSER.open("http://127.0.0.1"), "webbrowser.open(", "@am.tool"),
    "threading.Thread": (
        lambda: Thread(target=work).start(),
        "Thread(target=work).start()",
        "@am.handler(opaque=True)",
    ),
    "threading.Timer": (lambda: threading.Timer(9, work).start(), "Timer(target=", "async"),
    "an early-bound start_new_thread": (
        lambda: early_start_new_thread(work, ()),
        "Thread(target=work).start()",
        "async",
    ),
    "a new pool": (
        lambda: concurrent.futures.ThreadPoolExecutor(1).submit(work),
        "ThreadPoolExecutor.submit(work)",
        "async",
    ),
    "a pool with idle threads": (lambda: POOL.submit(work), "Executor.submit(work)", "async"),
    "a pool's map": (lambda: POOL.map(abs, [1]), "ThreadPoolExecutor.submit(abs)", "async"),
    "another loop": (given_to_another_loop, "asyncio.run_coroutine_threadsafe(sleep)", "await"),
    "sqlite3": (lambda: sqlite3.connect(MISSING), f"sqlite3.connect('{MISSING}')", "@am.tool"),
    "input": (lambda: input("Publish?"), "input('Publish?')", "am.human('Publish?')"),
    "ctypes": (lambda: ctypes.CDLL("libm.so.6"), "ctypes.CDLL('libm.so.6')", "imported"),
}


@pytest.fixture(scope="module", autouse=True)
def warmed_up() -> Any:
    """One thread of the pool is idle; other loops and pools end with the module."""
    POOL.submit(work).result(DEADLINE_SECONDS)
    yield
    POOL.shutdown()
    OTHER_LOOP.close()


@pytest.mark.parametrize("escape", REFUSED)
def test_an_escape_is_refused_and_the_error_teaches(escape: str, loop: ProbeLoop) -> None:
    """The message says what, where in the program, why not, and what to write instead."""
    attempt, call, hint = REFUSED[escape]
    with pytest.raises(EscapeError) as caught:
        call_inside(attempt, loop)
    error = caught.value
    text = str(error)
    assert call in text
    assert f"at {HERE.name}:{line_of_attempt(error)} (in " in text
    assert "was refused inside a handler" in text
    assert "replay" in error.cause
    assert "@am." in error.fix or "am.human" in error.fix
    assert hint in text
    assert loop.escaped == [error.what]
    assert str(error.fields["call"]) in error.what


def line_of_attempt(error: EscapeError) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    line = [frame.lineno for frame in frames if frame.filename == str(HERE)][-1]
    assert line is not None
    return line


HARMLESS: dict[str, Callable[[], Any]] = {
    "open": lambda: NOT_CODE.read_text(encoding="utf-8")[:3],
    "listdir": lambda: len(os.listdir(HERE.parent)) > 0,
    "socket": lambda: socket.socket().close(),
    "getaddrinfo": lambda: len(socket.getaddrinfo("127.0.0.1", 9)) > 0,
    "subprocess": lambda: subprocess.run(["true"], check=True).returncode,
    "thread": lambda: started(Thread(target=work)).join(DEADLINE_SECONDS),
    "pool": lambda: POOL.submit(work).result(DEADLINE_SECONDS),
    "sqlite3": lambda: sqlite3.connect("").close(),
    "ctypes": lambda: ctypes.CDLL(None) is not None,
}


def started(thread: Thread) -> Thread:
    thread.start()
    return thread


@pytest.mark.parametrize("what", HARMLESS)
def test_a_tool_in_a_thread_may_do_all_of_it_meanwhile(what: str, loop: ProbeLoop) -> None:
    """The very moment a handler is running, and would be refused the same call."""
    attempt = HARMLESS[what]
    expected = attempt()
    with ThreadOutside() as tool:
        assert call_inside(lambda: tool.call(attempt), loop) == expected
    with pytest.raises(EscapeError):
        call_inside(attempt, loop)
    assert len(loop.escaped) == 1


def test_a_stretch_outside_may_do_all_of_it(loop: ProbeLoop) -> None:
    def handler() -> list[Any]:
        with outside():
            return [attempt() for attempt in HARMLESS.values()]

    assert call_inside(handler, loop) == [attempt() for attempt in HARMLESS.values()]
    assert loop.escaped == []


def test_the_refusal_of_a_thread_leaves_no_thread_behind() -> None:
    thread = Thread(target=work)
    with pytest.raises(EscapeError):
        call_inside(thread.start)
    assert thread not in threading.enumerate()
    assert not thread.is_alive()


def test_a_library_in_between_is_named() -> None:
    """The program's line is what people can change; the library tells why it is refused."""
    httpx2 = pytest.importorskip("httpx2")
    with pytest.raises(EscapeError) as caught:
        call_inside(lambda: httpx2.get("http://127.0.0.1:9/", trust_env=False))
    assert f"at {HERE.name}:" in caught.value.what
    assert "through httpcore2" in caught.value.what


def test_code_deep_below_awaits_is_found() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        open(MISSING)

    async def handler() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())

    with pytest.raises(ExceptionGroup) as caught:
        run(handler())
    assert "(in inner)" in str(caught.value.exceptions[0])


def test_the_text_of_a_refusal_names_no_folder_of_this_machine() -> None:
    """It is recorded and compared by replays elsewhere."""
    with pytest.raises(EscapeError) as caught:
        call_inside(lambda: open("notes.txt"))
    assert str(HERE.parent) not in str(caught.value)


def test_long_and_odd_arguments_are_shown_short() -> None:
    with pytest.raises(EscapeError) as caught:
        call_inside(lambda: open("x" * 10_000))
    assert len(caught.value.what) < 300
    with pytest.raises(EscapeError, match=r"Popen\('a', \['a', 'b', 'c', 'd'\]\)"):
        call_inside(lambda: subprocess.run(["a", "b", "c", "d", "e"], check=False))


def test_mistakes_in_the_call_are_reported_as_ever() -> None:
    with pytest.raises(TypeError, match="open"):
        call_inside(lambda: open())  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        call_inside(lambda: open([]))  # type: ignore[call-overload]


def test_a_loop_that_keeps_no_list_of_escapes_is_fine() -> None:
    class Silent(ProbeLoop):
        escape = None  # type: ignore[assignment]

    with pytest.raises(EscapeError):
        call_inside(lambda: open(MISSING), Silent())  # type: ignore[abstract]


def test_uninstalled_the_hook_refuses_nothing() -> None:
    uninstall()
    assert call_inside(lambda: HERE.read_text(encoding="utf-8")) != ""
    assert call_inside(lambda: started(Thread(target=work)).join(DEADLINE_SECONDS)) is None


def test_time_in_refused_calls_does_not_move(loop: ProbeLoop) -> None:
    """Neither asking nor refusing may read the handler's clock."""
    before = loop.now_ns
    with pytest.raises(EscapeError):
        call_inside(lambda: open(MISSING), loop)
    assert loop.now_ns == before
    assert call_inside(lambda: __import__("datetime").date.today().year, loop) == START_YEAR
    assert make_loop().now_ns == before
