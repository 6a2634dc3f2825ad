"""A turn that takes in ever more: it is warned about once, and can go on afresh."""

import asyncio

from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.scope import HISTORY_EVENTS_MAX
from tests.kernel.helpers import (
    MS,
    ask,
    cell_of,
    fired,
    sent,
    start,
    started,
    streamed,
    timer,
    timers,
)


async def hears(cell: Cell) -> None:
    """Take in pieces of an effect without an end."""
    pending = start(cell)
    while await pending.next_piece() is not None:
        pass


def test_a_turn_that_takes_in_a_lot_is_warned_about_once() -> None:
    """The record says it, with the way out, when the history has grown long; and not again."""
    cell = cell_of(hears)
    (under_way,) = started(cell.handle(ask(1)))
    said = []
    for number in range(1, 2 * HISTORY_EVENTS_MAX + 1):
        said += [(number, command) for command in cell.handle(streamed(under_way, number))]

    ((number, warning),) = said
    assert number == HISTORY_EVENTS_MAX
    assert isinstance(warning, commands.Log)
    assert (warning.turn, warning.level) == (1, "warning")
    assert warning.fields == b'{"events":10000,"message":"C/y#1"}'
    assert "am.continue_with(...)" in warning.event


def test_a_turn_that_goes_on_afresh_is_not_warned_about() -> None:
    """Each turn counts its own: answers, results, pieces and timers."""

    async def handler(cell: Cell) -> None:
        await asyncio.sleep(0.001)
        cell.continue_turn("", b"null")

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    assert issued == [timer(MS)]
    for _ in range(50):
        (waits,) = timers(issued)
        (turn,) = cell.turns.values()
        assert turn.events == 0
        ended = cell.handle(fired(waits))
        assert turn.events == 1
        (onward,) = sent(ended, kinds.CONTINUE)
        issued = cell.handle(events.Delivered(cell.now, onward))
