"""The loop of a host's thread: woken by others, also while it watches sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from agentmesh.fabric.host_loop import HostLoop

SECONDS = 20.0
"""Longest that anything here may take."""


@pytest.fixture
def loop() -> Iterator[HostLoop]:
    """A loop that runs in a thread of its own."""
    loop = HostLoop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SECONDS)
    loop.close()


def answered(loop: HostLoop) -> bool:
    """Tell whether the loop gets to a callback from this thread in time."""
    done: Future[bool] = Future()
    loop.call_soon_threadsafe(done.set_result, True)  # noqa: FBT003 - a future takes it so
    return done.result(SECONDS)


def test_a_callback_from_another_thread_ends_the_wait(loop: HostLoop) -> None:
    """Thousands, one after the other: each finds the loop asleep."""
    assert all(answered(loop) for _ in range(2_000))


def test_a_callback_ends_the_wait_for_a_socket_too(loop: HostLoop) -> None:
    """An effect waits for a model that does not answer; a frame comes in."""
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(0)
        loop.call_soon_threadsafe(loop.add_reader, left, lambda: None)
        assert all(answered(loop) for _ in range(500))
        loop.call_soon_threadsafe(loop.remove_reader, left)
        assert answered(loop)


def test_no_wake_is_lost_while_sockets_come_and_go(loop: HostLoop) -> None:
    """Connections open and close all the time, and every callback is run nevertheless."""
    left, right = socket.socketpair()
    running = threading.Event()
    running.set()
    watched = False

    def flap() -> None:
        nonlocal watched
        if watched:
            loop.remove_reader(left)
        else:
            loop.add_reader(left, lambda: None)
        watched = not watched
        if running.is_set():
            loop.call_later(0.0001, flap)
        elif watched:
            flap()

    with left, right:
        left.settimeout(0)
        loop.call_soon_threadsafe(flap)
        try:
            assert all(answered(loop) for _ in range(3_000))
        finally:
            running.clear()
            gone: Future[None] = Future()
            loop.call_soon_threadsafe(lambda: loop.call_later(0.01, gone.set_result, None))
            gone.result(SECONDS)


def test_many_threads_wake_it_at_once(loop: HostLoop) -> None:
    """Nothing is lost among eight of them."""
    count, done = 0, threading.Event()

    def add() -> None:
        nonlocal count
        count += 1
        if count == 8 * 1_000:
            done.set()

    def work() -> None:
        for _ in range(1_000):
            loop.call_soon_threadsafe(add)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert done.wait(SECONDS)


def test_timers_are_on_time(loop: HostLoop) -> None:
    """The wait ends when the next timer is due, though nobody wakes it."""

    async def nap() -> float:
        started = time.monotonic()
        await asyncio.sleep(0.05)
        return time.monotonic() - started

    slept = asyncio.run_coroutine_threadsafe(nap(), loop).result(SECONDS)
    assert slept >= 0.05


def test_sockets_work_as_on_any_loop(loop: HostLoop) -> None:
    """A server and a client on this loop talk to each other."""

    async def talk() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello")
            answer = await reader.readexactly(5)
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run_coroutine_threadsafe(talk(), loop).result(SECONDS) == b"hello"
