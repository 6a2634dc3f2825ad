"""`am.tell`, awaited or not: what a producer in a loop leaves in the journal."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.kernel.outbox import CROWDED_AT

MANY = 3 * CROWDED_AT + 10


class Item(am.Message):
    """One of many."""

    number: int


@am.agent(mailbox=None)
class Sink:
    """Takes everything."""

    taken: int = 0

    @am.handler
    async def take(self, item: Item) -> None:
        """Take one."""
        self.taken = item.number

    @am.handler
    async def last(self) -> int:
        """Return the latest."""
        return self.taken


@am.agent
class Source:
    """Yields without ever waiting for anything."""

    @am.handler
    async def items(self) -> AsyncIterator[int]:
        """Count."""
        for number in range(MANY):
            yield number


@am.workflow(deadline="30s")
async def awaits() -> int:
    """Send much, and let others run."""
    sink = am.ref(Sink)
    for number in range(MANY):
        await am.tell(sink.take, Item(number=number))
    return await sink.last()


@am.workflow(deadline="30s")
async def leaves() -> int:
    """Send much at once, as ever."""
    sink = am.ref(Sink)
    for number in range(MANY):
        am.tell(sink.take, Item(number=number))
    gc.collect()
    return await sink.last()


@am.workflow(deadline="30s")
async def few() -> int:
    """Await a few."""
    sink = am.ref(Sink)
    await asyncio.gather(*(am.tell(sink.take, Item(number=number)) for number in range(5)))
    await am.tell(sink.take, Item(number=5))
    return await sink.last()


@am.workflow(deadline="30s")
async def streams() -> int:
    """Hear it all."""
    return sum([1 async for _ in am.ref(Source).items()])


def run(workflow: Callable[[], Any], store: Path) -> Any:
    """Run here, check that it replays, and return the result."""
    result = am.run(workflow, local=True, store=str(store), run_id="r", quiet=True)
    assert am.replay_run("r", store=str(store)).identical
    return result


def pauses(store: Path, agent: str) -> list[int]:
    """Return how much an agent sent in each of its steps that sent much, and set a timer."""
    with am.open_run("r", store=str(store)) as opened:
        found = opened.sql(
            "SELECT count(*) FILTER (kind = 'sent') AS sent FROM events "
            f"WHERE agent = '{agent}' GROUP BY step HAVING bool_or(kind = 'start_timer') "
            "ORDER BY step"
        )
    return list(found["sent"].to_pylist())


def test_a_loop_that_awaits_sends_in_pieces(tmp_path: Path) -> None:
    """Between them what was sent leaves, and the order stays."""
    assert run(awaits, tmp_path) == MANY - 1
    assert pauses(tmp_path, "awaits/root") == [CROWDED_AT] * 3


def test_a_loop_that_does_not_await_sends_at_once(tmp_path: Path) -> None:
    """It works as before, and nothing warns of what was not awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(leaves, tmp_path) == MANY - 1
    assert pauses(tmp_path, "leaves/root") == []


def test_awaiting_a_few_costs_nothing(tmp_path: Path) -> None:
    """No timer, no event: the message is just sent."""
    assert run(few, tmp_path) == 5
    assert pauses(tmp_path, "few/root") == []


def test_a_stream_pauses_by_itself(tmp_path: Path) -> None:
    """Whoever yields in a loop need not know of it."""
    assert run(streams, tmp_path) == MANY
    assert pauses(tmp_path, "Source/main") == [CROWDED_AT] * 3


def test_telling_works_only_in_a_handler() -> None:
    """It says so when it is called, not when it is awaited."""
    with pytest.raises(am.NotInHandlerError):
        am.tell(am.ref(Sink).take, Item(number=1))
