"""Bodies of handlers for tests, and how to run one with effects that end in a given order."""

from collections.abc import Callable, Sequence
from typing import Any

from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command
from tests.kernel.helpers import ask, cell_of, effect, finished, say, started

Body = Callable[[Cell], Any]


def run(body: Body, order: Sequence[int]) -> list[Command]:
    """Ask once; let the effects that are issued end in an order; return all commands."""
    cell = cell_of(body)
    every = cell.handle(ask(1))
    for index in order:
        every = [*every, *cell.handle(finished(started(every)[index], f"r{index}"))]
    return every


async def tagged(cell: Cell, name: str) -> str:
    """Await an effect and say so."""
    value = await effect(cell, name)
    say(cell, f"{name}={value}")
    return f"{name}{value}"
