"""Agents that interpret small programs: sends, asks, gathers, locks, timers, random, failures.

A program is a list of operations, each a dictionary; `operations()` in
`program_strategies` makes random ones. Whatever an operation observes goes into the
list that the handler returns, so that any nondeterminism reaches a command.
"""

import asyncio
import datetime
import random
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import agentmesh as am

Seen = list[object]
Operation = dict[str, Any]
DEPTH_MAX = 4


class Program(am.Message):
    """What an agent is to do."""

    operations: list[dict[str, Any]]
    depth: int = 0


class Batch(am.Message):
    """Many programs, each to be run from the workflow."""

    programs: list[list[dict[str, Any]]]


@am.tool(timeout=5, retries=0)
async def wait_outside(milliseconds: float, fail: bool) -> float:  # noqa: FBT001 - a tool's argument
    """Take a while, truly; perhaps fail."""
    await asyncio.sleep(milliseconds / 1000)
    if fail:
        message = "the tool failed"
        raise RuntimeError(message)
    return milliseconds


@am.tool(timeout=5, retries=0)
def wait_in_a_thread(milliseconds: float) -> float:
    """Take a while in a thread."""
    time.sleep(milliseconds / 1000)
    return time.time()


class Interpreter:
    """Runs operations for one handler's turn."""

    def __init__(self, agent: "Left | Right | None", depth: int) -> None:
        self.agent = agent
        self.depth = depth
        self.lock = asyncio.Lock()
        self.semaphore = asyncio.Semaphore(2)

    async def run(self, operations: list[Operation]) -> Seen:
        seen: Seen = []
        for operation in operations:
            seen.append(await getattr(self, f"do_{operation['op']}")(operation))
        return seen

    async def do_sleep(self, operation: Operation) -> object:
        await asyncio.sleep(float(operation["ms"]) / 1000)
        return "slept"

    async def do_random(self, _operation: Operation) -> object:
        return [
            random.random(),
            random.randint(0, 9),
            random.choice("abcdef"),
            am.random().random(),
        ]

    async def do_clock(self, _operation: Operation) -> object:
        now = datetime.datetime.now(tz=datetime.UTC).isoformat()
        return [time.time(), time.monotonic(), now, am.now().isoformat()]

    async def do_uuid(self, _operation: Operation) -> object:
        return [str(uuid.uuid4()), str(am.uuid())]

    async def do_count(self, _operation: Operation) -> object:
        if self.agent is None:
            return 0
        self.agent.count += 1
        return self.agent.count

    async def do_tool(self, operation: Operation) -> object:
        return await wait_outside(float(operation["ms"]), bool(operation["fail"]))

    async def do_thread(self, operation: Operation) -> object:
        return await wait_in_a_thread(float(operation["ms"]))

    async def do_ask(self, operation: Operation) -> object:
        if self.depth >= DEPTH_MAX:
            return "too deep"
        key = str(operation["key"])
        target = am.ref(Left, key) if operation["agent"] == "Left" else am.ref(Right, key)
        return await target.run(Program(operations=operation["body"], depth=self.depth + 1))

    async def do_stream(self, operation: Operation) -> object:
        if self.depth >= DEPTH_MAX:
            return "too deep"
        target = am.ref(Right, str(operation["key"]))
        seen = []
        async for item in target.items(Program(operations=operation["body"], depth=self.depth + 1)):
            seen.append(item)
            if len(seen) == operation["take"]:
                break
        return seen

    async def do_tell(self, operation: Operation) -> object:
        if self.depth < DEPTH_MAX:
            target = am.ref(Left, str(operation["key"]))
            am.tell(target.run, Program(operations=operation["body"], depth=self.depth + 1))
        return "told"

    async def do_gather(self, operation: Operation) -> object:
        found = await asyncio.gather(
            *(self.run(body) for body in operation["bodies"]), return_exceptions=True
        )
        return [str(one) if isinstance(one, BaseException) else one for one in found]

    async def do_first(self, operation: Operation) -> object:
        tasks = [asyncio.create_task(self.run(body)) for body in operation["bodies"]]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        order = [tasks.index(task) for task in done]  # the order of a set of tasks
        for task in pending:
            task.cancel()
        for task in done:
            task.exception()
        return order

    async def do_group(self, operation: Operation) -> object:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.run(body)) for body in operation["bodies"]]
        except ExceptionGroup as error:
            return [str(one) for one in error.exceptions]
        return [task.result() for task in tasks]

    async def do_each(self, operation: Operation) -> object:
        seen: Seen = []
        for next_done in asyncio.as_completed([self.run(body) for body in operation["bodies"]]):
            try:
                seen.append(await next_done)
            except Exception as error:  # noqa: BLE001 - seen like any result
                seen.append(str(error))
        return seen

    async def do_timeout(self, operation: Operation) -> object:
        try:
            async with asyncio.timeout(float(operation["ms"]) / 1000):
                return await self.run(operation["body"])
        except TimeoutError:
            return "timed out"

    async def do_wait_for(self, operation: Operation) -> object:
        try:
            return await asyncio.wait_for(
                self.run(operation["body"]), float(operation["ms"]) / 1000
            )
        except TimeoutError:
            return "timed out"

    async def do_lock(self, operation: Operation) -> object:
        async with self.semaphore:
            if self.lock.locked():
                await asyncio.sleep(0)
                return "busy"
            async with self.lock:
                return await self.run(operation["body"])

    async def do_queue(self, operation: Operation) -> object:
        queue: asyncio.Queue[object] = asyncio.Queue()

        async def produce() -> None:
            try:
                for item in await self.run(operation["body"]):
                    await queue.put(item)
            finally:
                queue.put_nowait("end")

        producer = asyncio.create_task(produce())
        seen: Seen = []
        while (item := await queue.get()) != "end":
            seen.append(item)
        await producer
        return seen

    async def do_leave(self, operation: Operation) -> object:
        self.left = asyncio.create_task(self.run(operation["body"]))
        return "left behind"

    async def do_fail(self, _operation: Operation) -> object:
        message = f"failed with {random.randint(0, 99)}"
        raise ValueError(message)

    async def do_catch(self, operation: Operation) -> Seen:
        try:
            return await self.run(operation["body"])
        except Exception as error:  # noqa: BLE001 - seen like any result
            return [f"{type(error).__name__}: {error}"]

    async def do_log(self, _operation: Operation) -> object:
        am.log("seen", value=random.random())
        return "logged"


@am.agent
class Left:
    """One turn at a time."""

    count: int = 0

    @am.handler
    async def run(self, program: Program) -> list[object]:
        """Run the program."""
        return await Interpreter(self, program.depth).run(program.operations)


@am.agent(
    concurrency=3,
    supervision=am.Supervision(
        "restart",
        state="last_good",
        attempts=2,
        intensity=1_000_000,
        backoff="1ms",
        backoff_max="2ms",
    ),
)
class Right:
    """Several turns at once; a failure ends them all, and the message is tried once more."""

    count: int = 0

    @am.handler
    async def run(self, program: Program) -> list[object]:
        """Run the program."""
        return await Interpreter(self, program.depth).run(program.operations)

    @am.handler
    async def items(self, program: Program) -> AsyncIterator[object]:
        """Yield what each operation saw."""
        for operation in program.operations:
            yield (await Interpreter(self, program.depth).run([operation]))[0]


@am.workflow(deadline="10s")
async def one(program: Program) -> list[object]:
    """Run one program."""
    return await Interpreter(None, 0).do_catch({"body": program.operations})


@am.workflow(deadline="4m")
async def many(batch: Batch) -> list[object]:
    """Run programs one after the other, four at once."""
    seen: Seen = []
    for start in range(0, len(batch.programs), 4):
        some = batch.programs[start : start + 4]
        running = (Interpreter(None, 0).do_catch({"body": body}) for body in some)
        found = await asyncio.gather(*running, return_exceptions=True)
        # asyncio itself lets a cancellation escape where a timeout meets a failing group.
        seen.extend(str(item) if isinstance(item, BaseException) else item for item in found)
    return seen
