"""Random programs for cells: blocks of operations as plain data, and what runs them.

A program is `{"h0": block, ...}`, a block a list of operations `[name, *arguments]`. Each
operation leaves something visible among the commands, so that any difference in what a
handler saw, or in the order in which it saw it, is a difference in what the cell issued.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from agentmesh.errors import UsageError
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.supervision import Policy
from agentmesh.kernel.turn import Turn

Op = list[Any]
Block = list[Op]
Program = dict[str, Block]

MS = 0.001


class Interpreter:
    """A behaviour that runs a program's handlers."""

    def __init__(
        self,
        program: Program,
        *,
        concurrency: int,
        reentrant: bool,
        supervision: Policy | None = None,
        mailbox: int | None = None,
        overflow: str = "block",
    ) -> None:
        self._program = program
        self.concurrency = concurrency
        self.supervision = supervision
        self.mailbox = mailbox
        self.overflow = overflow
        self._reentrant = reentrant

    def create(self, state: bytes) -> object:
        return State(state)

    def dump(self, instance: object) -> bytes:
        assert isinstance(instance, State)
        return b"x" * instance.count

    def amended(self, run: object, instance: object, envelope: Envelope) -> tuple[Behavior, object]:
        del run, envelope
        return self, instance

    def root(self, run: object) -> str:
        del run
        return "P/0"

    def reentrant(self, envelope: Envelope) -> bool:
        return self._reentrant and envelope.handler == "h0"

    async def run(self, cell: Cell, turn: Turn) -> tuple[str, bytes]:
        block = self._program[turn.envelope.handler]
        await run(cell, block)
        return "T", json.dumps([turn.number, cell.generator().random()]).encode()


class State:
    """What the turns of one cell share."""

    def __init__(self, state: bytes) -> None:
        self.count = len(state)
        self.lock = asyncio.Lock()
        self.semaphore = asyncio.Semaphore(2)
        self.condition = asyncio.Condition()


def say(cell: Cell, *what: object) -> None:
    cell.log("info", " ".join(map(str, what)), b"{}")


async def run(cell: Cell, block: Block) -> int:
    """Run operations one after the other."""
    for name, *arguments in block:
        await OPERATIONS[name](cell, *arguments)
    return len(block)


# --- leaves ---------------------------------------------------------------------------------------


async def effect(cell: Cell, name: str) -> None:
    pending = cell.effect("tool", name, json.dumps([name]).encode(), _never)
    say(cell, name, await pending.future)


async def model(cell: Cell, take: int) -> None:
    """Read some pieces of an effect, then leave it."""
    pending = cell.effect("model", "m", b"{}", _never)
    async for piece in pieces(pending):
        say(cell, "piece", piece)
        take -= 1
        if not take:
            break


async def ask(cell: Cell, key: int, handler: str) -> None:
    answer = await cell.ask(f"P/{key}", handler, "T", b"null").future
    say(cell, "answer", answer.payload)


async def stream(cell: Cell, key: int, handler: str, take: int) -> None:
    async for piece in pieces(cell.ask(f"P/{key}", handler, "T", b"null")):
        say(cell, "chunk", piece.payload)
        take -= 1
        if not take:
            break


async def tell(cell: Cell, key: int, handler: str) -> None:
    cell.send(f"P/{key}", kinds.TELL, handler=handler, type_="T", turn=cell.current())


async def monitor(cell: Cell, key: int) -> None:
    answer = await cell.monitor(f"P/{key}").future
    say(cell, "down", answer.payload)


async def stop(cell: Cell, key: int) -> None:
    cell.send(f"P/{key}", kinds.STOP, turn=cell.current())


async def give(cell: Cell, count: int) -> None:
    """Stream chunks to whoever asked."""
    for number in range(count):
        cell.send_chunk(cell.current(), "T", str(number).encode())


async def onward(cell: Cell) -> None:
    """Go on with another message, now and then; only the handler itself can."""
    if cell.generator().random() < 0.5:
        return
    try:
        cell.continue_turn("T", b"null")
    except UsageError:
        say(cell, "refused")


async def pause(cell: Cell) -> None:
    say(cell, "crowded", cell.crowded)
    await cell.pause()


async def sleep(_cell: Cell, ms: int) -> None:
    await asyncio.sleep(ms * MS)


async def callback(cell: Cell, ms: int) -> None:
    asyncio.get_running_loop().call_later(ms * MS, say, cell, "callback", ms)


async def draw(cell: Cell) -> None:
    say(cell, "random", cell.generator().random())


async def clock(cell: Cell) -> None:
    say(cell, "time", cell.loop.time())


async def count(cell: Cell) -> None:
    assert isinstance(cell.instance, State)
    cell.instance.count += 1
    say(cell, "count", cell.instance.count)


async def tasks(cell: Cell) -> None:
    names = [task.get_name() for task in asyncio.all_tasks()]
    say(cell, "tasks", *names)


async def fail(_cell: Cell) -> None:
    raise ValueError("planned")


async def executor(cell: Cell) -> None:
    say(cell, "executor", await asyncio.to_thread(len, "abc"))


# --- nests ----------------------------------------------------------------------------------------


async def gather(cell: Cell, blocks: list[Block]) -> None:
    results = await asyncio.gather(*(run(cell, block) for block in blocks), return_exceptions=True)
    say(cell, "gathered", *(getattr(each, "args", each) for each in results))


async def group(cell: Cell, blocks: list[Block]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for block in blocks:
            tasks.create_task(run(cell, block))


async def first(cell: Cell, blocks: list[Block]) -> None:
    """Wait for the first; cancel the others in the order of the set that asyncio returned."""
    tasks = {asyncio.create_task(run(cell, block), name=f"b{i}") for i, block in enumerate(blocks)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        say(cell, "won", task.get_name(), task.exception())
    for task in pending:
        task.cancel()
        say(cell, "lost", task.get_name())


async def each(cell: Cell, blocks: list[Block]) -> None:
    for one in asyncio.as_completed([run(cell, block) for block in blocks]):
        try:
            say(cell, "completed", await one)
        except ValueError as error:
            say(cell, "completed", error)


async def timeout(cell: Cell, ms: int, block: Block) -> None:
    try:
        async with asyncio.timeout(ms * MS):
            await run(cell, block)
    except TimeoutError:
        say(cell, "timeout")


async def wait_for(cell: Cell, ms: int, block: Block) -> None:
    try:
        await asyncio.wait_for(run(cell, block), ms * MS)
    except TimeoutError:
        say(cell, "wait_for gave up")


async def shield(cell: Cell, ms: int, block: Block) -> None:
    inner = asyncio.create_task(run(cell, block))
    try:
        await asyncio.wait_for(asyncio.shield(inner), ms * MS)
    except TimeoutError:
        say(cell, "shielded")
        await inner


async def lock(cell: Cell, block: Block) -> None:
    assert isinstance(cell.instance, State)
    async with cell.instance.lock:
        await run(cell, block)


async def semaphore(cell: Cell, block: Block) -> None:
    assert isinstance(cell.instance, State)
    async with cell.instance.semaphore:
        await run(cell, block)


async def notify(cell: Cell, block: Block) -> None:
    """Run a block, then wake one of those who wait."""
    assert isinstance(cell.instance, State)
    await run(cell, block)
    async with cell.instance.condition:
        cell.instance.condition.notify()


async def wait(cell: Cell) -> None:
    assert isinstance(cell.instance, State)
    async with cell.instance.condition:
        await cell.instance.condition.wait()
    say(cell, "notified")


async def queue(cell: Cell, block: Block) -> None:
    """A producer that runs one operation for each item, and a consumer."""
    items: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

    async def produce() -> None:
        for number, operation in enumerate(block):
            await run(cell, [operation])
            await items.put(number)

    producer = asyncio.create_task(produce())
    for _ in block:
        getter = asyncio.create_task(items.get())
        await asyncio.wait([getter, producer], return_when=asyncio.FIRST_COMPLETED)
        if not getter.done():
            getter.cancel()
            break
        say(cell, "item", getter.result())
    await producer


async def generator(cell: Cell, take: int, block: Block) -> None:
    """Iterate a generator that runs one operation for each item, and perhaps break off."""

    async def source() -> AsyncIterator[int]:
        try:
            for number, operation in enumerate(block):
                await run(cell, [operation])
                yield number
        finally:
            say(cell, "generator closed")
            await asyncio.sleep(MS)
            say(cell, "generator closed for good")

    async for number in source():
        say(cell, "generated", number)
        take -= 1
        if not take:
            break


async def leave(cell: Cell, block: Block) -> None:
    """Start a task and never look at it again; it may hold the only reference to itself."""
    ring: list[Any] = [asyncio.create_task(run(cell, block))]
    ring.append(ring)
    await asyncio.sleep(0)


async def cancel(cell: Cell, ms: int, block: Block) -> None:
    task = asyncio.create_task(run(cell, block))
    await asyncio.sleep(ms * MS)
    task.cancel()
    done, _ = await asyncio.wait([task])
    say(cell, "cancelled", *(one.cancelled() for one in done))


async def stubborn(cell: Cell, block: Block, then: Block) -> None:
    """Swallow a cancellation and go on with something else."""
    try:
        await run(cell, block)
    except asyncio.CancelledError:
        say(cell, "swallowed")
        await run(cell, then)


async def careful(cell: Cell, block: Block, then: Block) -> None:
    try:
        await run(cell, block)
    finally:
        say(cell, "finally")
        await run(cell, then)


async def catch(cell: Cell, block: Block) -> None:
    try:
        await run(cell, block)
    except Exception as error:  # noqa: BLE001
        say(cell, "caught", type(error).__name__, error)


OPERATIONS: dict[str, Callable[..., Awaitable[None]]] = {
    operation.__name__: operation
    for operation in (
        *(
            effect,
            model,
            ask,
            stream,
            tell,
            monitor,
            stop,
            give,
            onward,
            pause,
            sleep,
            callback,
            draw,
            clock,
            count,
        ),
        *(tasks, fail, executor, gather, group, first, each, timeout, wait_for, shield, lock),
        *(semaphore, notify, wait, queue, generator, leave, cancel, stubborn, careful, catch),
    )
}


async def pieces(pending: Pending[Any]) -> AsyncIterator[Any]:
    """Iterate the pieces of an answer as the sdk does."""
    try:
        while (piece := await pending.next_piece()) is not None:
            yield piece
    finally:
        pending.close()


async def _never(_emit: Callable[[bytes], None]) -> bytes:
    raise AssertionError("a kernel test performs no effects")
