"""A tool call that does nothing, recorded durably: by agentmesh, and by what it is compared with.

Each contestant is a class whose `round` returns microseconds a step: one after the other in one
workflow, and with a hundred workflows (here: turns) at once. All of them keep their files in
the folder they are given. Others are used as their documentation says, with what they choose
themselves; what they are imported for is imported here, because only this benchmark needs it.

What a step in sequence is, and does to the disk (counted by `strace -e fsync,fdatasync`):

- agentmesh: a call of an `@am.tool`. 1 fdatasync of the log, after two writes of 223 bytes
  together: the result that came, and the call that it led to.
- DBOS: a call of a `@DBOS.step`. 4 fdatasyncs for a transaction with a rollback journal: two of
  the journal, one of its folder, one of the database.
- LangGraph: a superstep of one node, durability "sync". 2 fdatasyncs of the database's
  write-ahead log, one for what the node wrote and one for the checkpoint after it.
- The floor: an append of 223 bytes. 1 fdatasync.

All of them really wait: both databases have `synchronous=FULL`, which is SQLite's default.
With a hundred at once agentmesh and the floor wait once for what a hundred steps leave (163
bytes each); DBOS and LangGraph commit each step for itself.

The time goes from before the first step, at once from before the workflows are started, until
the last has ended. Where the disk is quick, a step costs what it computes. Where it is slow, it
costs its waits: nobody who waits once can be much more than twice as quick as LangGraph.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Protocol, TypedDict

import agentmesh as am

IN_SEQUENCE = 1000
"""Steps of the workflow that makes one after the other."""
AT_ONCE = 100
"""Workflows at once."""
EACH = 10
"""Steps of each of those."""
ALONE_BYTES = 223
"""What a step in sequence leaves in agentmesh's journal: the call and its result, in two frames."""
AMONG_BYTES = 163
"""The same in a frame with others."""


class Contestant(Protocol):
    """Makes durable steps."""

    def round(self) -> tuple[float, float]:
        """Return microseconds a step: in sequence, and at once."""


class Steps(am.Message):
    """How many steps to make."""

    count: int


@am.tool
async def nothing(number: int) -> int:
    """Do nothing."""
    return number


async def steps(count: int) -> None:
    """Make one step after the other."""
    for number in range(count):
        await nothing(number)


@am.agent
class Stepper:
    """Makes steps in turns of its own."""

    @am.handler
    async def make(self, order: Steps) -> None:
        """Make some steps."""
        await steps(order.count)


@am.workflow(deadline="5m")
async def in_sequence(order: Steps) -> float:
    """Return the seconds that steps one after the other take."""
    started = time.perf_counter()
    await steps(order.count)
    return time.perf_counter() - started


@am.workflow(deadline="5m")
async def at_once(order: Steps) -> float:
    """Return the seconds that a hundred turns at once take, their start and end included."""
    steppers = [am.ref(Stepper, f"s{number}") for number in range(AT_ONCE)]
    started = time.perf_counter()
    await asyncio.gather(*(stepper.make(order) for stepper in steppers))
    return time.perf_counter() - started


class Agentmesh:
    """Runs of agentmesh with `durability="disk"`."""

    def __init__(self, folder: str) -> None:
        self._options: Any = {"store": folder, "durability": "disk", "local": True, "quiet": True}

    def round(self) -> tuple[float, float]:
        """Make two runs."""
        one: float = am.run(in_sequence, Steps(count=IN_SEQUENCE), **self._options)
        many: float = am.run(at_once, Steps(count=EACH), **self._options)
        return _microseconds(one, many)


class Dbos:
    """Steps of DBOS in its workflows, with the SQLite system database."""

    def __init__(self, folder: str) -> None:
        from dbos import DBOS

        @DBOS.step()
        def nothing(number: int) -> int:
            return number

        @DBOS.workflow()
        def steps(count: int) -> None:
            for number in range(count):
                nothing(number)

        database = f"sqlite:///{folder}/dbos.sqlite"
        DBOS(config={"name": "bench", "system_database_url": database, "log_level": "ERROR"})
        DBOS.launch()
        self._start = lambda count: DBOS.start_workflow(steps, count)

    def round(self) -> tuple[float, float]:
        """Run one workflow, and a hundred."""
        started = time.perf_counter()
        self._start(IN_SEQUENCE).get_result()
        between = time.perf_counter()
        for handle in [self._start(EACH) for _ in range(AT_ONCE)]:
            handle.get_result()
        return _microseconds(between - started, time.perf_counter() - between)


class _State(TypedDict):
    number: int
    last: int


class LangGraph:
    """A graph of LangGraph whose one node is repeated, durability "sync", with its SQLite saver."""

    def __init__(self, folder: str) -> None:
        self._file = f"{folder}/langgraph.sqlite"
        self._threads = 0

    def round(self) -> tuple[float, float]:
        """Invoke the graph once, and a hundred times at once."""
        return _microseconds(self._in_sequence(), asyncio.run(self._at_once()))

    def _in_sequence(self) -> float:
        from langgraph.checkpoint.sqlite import SqliteSaver

        with SqliteSaver.from_conn_string(self._file) as saver:
            graph = self._graph(lambda state: {"number": state["number"] + 1}).compile(saver)
            config = self._config()
            started = time.perf_counter()
            graph.invoke({"number": 0, "last": IN_SEQUENCE}, config, durability="sync")
            return time.perf_counter() - started

    async def _at_once(self) -> float:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        async def node(state: _State) -> dict[str, int]:
            return {"number": state["number"] + 1}

        async with AsyncSqliteSaver.from_conn_string(self._file) as saver:
            graph = self._graph(node).compile(saver)
            start = {"number": 0, "last": EACH}
            configs = [self._config() for _ in range(AT_ONCE)]
            started = time.perf_counter()
            await asyncio.gather(
                *(graph.ainvoke(start, config, durability="sync") for config in configs)
            )
            return time.perf_counter() - started

    def _graph(self, node: Any) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(_State)
        graph.add_node("node", node)
        graph.add_edge(START, "node")
        graph.add_conditional_edges(
            "node", lambda state: "node" if state["number"] < state["last"] else END
        )
        return graph

    def _config(self) -> Any:
        self._threads += 1
        return {"configurable": {"thread_id": str(self._threads)}, "recursion_limit": 10_000}


class Floor:
    """Nothing but appending a record and waiting for the disk; at once: a batch for each wait."""

    def __init__(self, folder: str) -> None:
        self._file = Path(folder) / "floor"

    def round(self) -> tuple[float, float]:
        """Append."""
        alone = self._append(IN_SEQUENCE, ALONE_BYTES)
        return _microseconds(alone, self._append(EACH, AT_ONCE * AMONG_BYTES))

    def _append(self, times: int, size: int) -> float:
        data = os.urandom(size)
        with self._file.open("ab", buffering=0) as file:
            started = time.perf_counter()
            for _ in range(times):
                file.write(data)
                os.fdatasync(file.fileno())
            return time.perf_counter() - started


def _microseconds(one: float, many: float) -> tuple[float, float]:
    return one / IN_SEQUENCE * 1e6, many / (AT_ONCE * EACH) * 1e6
