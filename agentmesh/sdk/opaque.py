"""Opaque handlers: the whole handler runs outside the kernel, as one recorded effect.

It runs on a loop of its own in a thread of its own. A cancellation is handed on to that
loop, so that a framework that asks models there stops asking; a handler that blocks can't be
stopped, and what it returns then is dropped.
"""

import asyncio
import contextlib
import contextvars
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

from agentmesh.kernel.behavior import Reply
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.sdk import message
from agentmesh.sdk.agent import AgentType, HandlerSpec
from agentmesh.sdk.program import RunContext

T = TypeVar("T")


class Encode(Protocol):
    """Checks what a handler returned and writes it as a reply."""

    def __call__(self, spec: HandlerSpec, result: object, /) -> Reply:
        """Return the reply."""
        ...


async def run_opaque(
    agent_type: AgentType,
    spec: HandlerSpec,
    cell: Cell,
    envelope: Envelope,
    arguments: tuple[object, ...],
    *,
    encode: Encode,
) -> Reply:
    """Run a handler as one effect; state goes in and comes back as JSON.

    Args:
        agent_type: Whose handler it is.
        spec: The handler.
        cell: Which agent.
        envelope: What it handles.
        arguments: Of the handler; the first may be the instance, which is replaced by a copy.
        encode: Writes what it returns.
    """
    schema = agent_type.state
    state = schema.dump(cell.instance) if schema is not None else b"null"
    request = b'{"handler":%b,"message":%b,"state":%b}' % (
        message.encode(spec.name),
        envelope.payload or b"null",
        state,
    )

    async def perform(emit: Callable[[bytes], None]) -> bytes:
        del emit
        return await in_own_loop(lambda: _call(agent_type, spec, state, arguments, encode))

    run = cast("RunContext", cell.run)
    pending = cell.effect("opaque", spec.shown, run.redactor.json(request), perform)
    outcome = await pending.future
    state, type_, reply = _split(outcome)
    if schema is not None:
        fresh = schema.create(cast("type", agent_type.target), state)
        for name in schema.hints:
            setattr(cell.instance, name, getattr(fresh, name))
    return type_, reply


async def _call(
    agent_type: AgentType,
    spec: HandlerSpec,
    state: bytes,
    arguments: tuple[object, ...],
    encode: Encode,
) -> bytes:
    schema = agent_type.state
    if schema is not None:
        instance = schema.create(cast("type", agent_type.target), state)
        arguments = (instance, *arguments[1:])
    result = await cast("Coroutine[object, object, object]", spec.function(*arguments))
    type_, reply = encode(spec, result)
    state = schema.dump(arguments[0]) if schema is not None else b"null"
    return message.encode([state.decode(), type_, reply.decode()])


def _split(outcome: bytes) -> tuple[bytes, str, bytes]:
    state, type_, reply = json.loads(outcome)
    return state.encode(), type_, reply.encode()


async def in_own_loop(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a new loop in a new thread, and wait for it.

    Cancelling the wait cancels the coroutine, and waits no longer.

    Args:
        make: Called in that thread.
    """
    beside = _Beside(make)
    try:
        return cast("T", await beside.start())
    except asyncio.CancelledError:
        beside.cancel()
        raise


class _Beside:
    def __init__(self, make: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._make = make
        self._here = asyncio.get_running_loop()
        self._ended: asyncio.Future[tuple[object, BaseException | None]] = (
            self._here.create_future()
        )
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    async def start(self) -> object:
        context = contextvars.copy_context()
        # A daemon: a handler that never returns must not keep the process from ending.
        work = threading.Thread(
            target=context.run, args=(self._work,), name="agentmesh-opaque", daemon=True
        )
        work.start()
        value, error = await self._ended
        if error is not None:
            raise error
        return value

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)

    def _work(self) -> None:
        value, error = None, None
        try:
            value = asyncio.run(self._run())
        except BaseException as caught:  # noqa: BLE001 - belongs to whoever waits
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._here.call_soon_threadsafe(self._settle, value, error)

    async def _run(self) -> object:
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            self._running = (asyncio.get_running_loop(), task)
            if self._cancelled:
                task.cancel()
        try:
            return await self._make()
        finally:
            with self._lock:
                self._running = None

    def _settle(self, value: object, error: BaseException | None) -> None:
        if not self._ended.done():
            self._ended.set_result((value, error))
