"""The hooks of asynchronous generators: handlers' are theirs, all others stay as they were."""

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import pytest

from agentmesh.kernel import agen_hooks
from agentmesh.kernel.loop import AgentLoop


class Listening:
    """Stands for a cell: notes what its loop tells it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.dropped: list[str] = []

    def adopt_agen(self, agen: Any) -> None:
        """Note it."""
        self.begun.append(agen.ag_code.co_name)

    def drop_agen(self, agen: Any, *, collected: bool) -> None:
        """Note it."""
        self.dropped.append(f"{agen.ag_code.co_name} {collected=}")


async def of_a_handler() -> AsyncGenerator[int, None]:
    """Yield for ever."""
    while True:
        yield 1


def begin(loop: AgentLoop) -> AsyncGenerator[int, None]:
    """Return a generator that has begun in a handler."""
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        agen_hooks.listen()
        agen = of_a_handler()
        with pytest.raises(StopIteration):
            agen.asend(None).send(None)
        return agen
    finally:
        asyncio._set_running_loop(before)


@pytest.fixture(autouse=True)
def as_they_were() -> Iterator[None]:
    """The thread's hooks are put back."""
    hooks = sys.get_asyncgen_hooks()
    yield
    sys.set_asyncgen_hooks(*hooks)


def test_a_handlers_generator_is_told_to_its_own_loop_wherever_it_is_dropped() -> None:
    """Two handlers' loops take turns; each generator is dropped when neither runs."""
    cells = [Listening(), Listening()]
    loops = [AgentLoop(cast("Any", cell)) for cell in cells]
    begun = [begin(loop) for loop in loops]
    del begun
    for cell in cells:
        assert cell.begun == ["of_a_handler"]
        assert cell.dropped == ["of_a_handler collected=True"]


def test_what_was_there_is_still_asked_about_the_generators_of_others() -> None:
    """asyncio closes a generator of its own that is broken off, although a handler ran between."""
    closed = asyncio.Event()

    async def of_the_program() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            closed.set()

    async def main() -> None:
        handlers = begin(AgentLoop(cast("Any", Listening())))
        async for _ in of_the_program():
            break
        gc.collect()
        async with asyncio.timeout(5):
            await closed.wait()
        del handlers

    asyncio.run(main())
    assert closed.is_set()


def test_the_hooks_are_set_once_for_a_thread() -> None:
    """Each setting is announced to every audit hook of the process: that is what it would cost."""
    agen_hooks.listen()
    hooks = sys.get_asyncgen_hooks()
    agen_hooks.listen()
    assert sys.get_asyncgen_hooks() == hooks


def test_a_generator_whose_loop_is_gone_ends_without_a_trace() -> None:
    """A cell is let go of with a generator open: nobody is asked to close it."""
    asked: list[object] = []
    sys.set_asyncgen_hooks(asked.append, asked.append)
    agen = begin(AgentLoop(cast("Any", Listening())))
    gc.collect()
    del agen
    assert asked == []
