"""Answers that come in pieces: streams of other agents, and of effects."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agentmesh.kernel import commands
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.pending import Pending
from tests.kernel.helpers import (
    answer,
    ask,
    cancel,
    cell_of,
    chunk,
    effect,
    ends,
    failed,
    failure,
    finished,
    logged,
    refusal,
    result,
    say,
    sent,
    start,
    started,
    streamed,
)


async def items(pending: Pending[Any]) -> AsyncIterator[Any]:
    """Iterate as the sdk does."""
    try:
        while (piece := await pending.next_piece()) is not None:
            yield json.loads(piece.payload if isinstance(piece, Envelope) else piece)
    finally:
        pending.close()


async def reads(cell: Cell) -> list[Any]:
    """Read a whole stream of another agent."""
    return [item async for item in items(cell.ask("B/z", "q", "T", b"null"))]


def test_pieces_arrive_in_order_until_the_end() -> None:
    """Some come together, some one by one."""
    cell = cell_of(reads)
    (asked,) = cell.handle(ask(1))
    for number in range(3):
        assert cell.handle(chunk(asked, number)) == []

    assert result(cell.handle(answer(asked))) == [0, 1, 2]


def test_an_empty_stream_ends() -> None:
    """The other side had nothing to say."""
    cell = cell_of(reads)
    (asked,) = cell.handle(ask(1))
    assert result(cell.handle(answer(asked))) == []


def test_a_failure_comes_after_the_pieces_before_it() -> None:
    """The reader is slower than the writer: nothing is lost."""

    async def handler(cell: Cell) -> None:
        stream = items(cell.ask("B/z", "q", "T", b"null"))
        try:
            async for item in stream:
                say(cell, item)
                await effect(cell)
        except ValueError as error:
            say(cell, f"failed: {error}")

    cell = cell_of(handler)
    (asked,) = cell.handle(ask(1))
    (first, slow) = cell.handle(chunk(asked, "a"))
    cell.handle(chunk(asked, "b"))
    cell.handle(refusal(asked, ValueError("broke")))
    second = cell.handle(finished(slow))
    third = cell.handle(finished(started(second)[0]))

    assert logged([first, *second, *third]) == ["a", "b", "failed: broke"]


def test_a_failure_reaches_who_waits_for_the_next_piece() -> None:
    """It was waiting when the other side failed."""
    cell = cell_of(reads)
    (asked,) = cell.handle(ask(1))
    assert failure(cell.handle(refusal(asked, ValueError("broke"))))["what"] == "broke"


def test_who_breaks_off_tells_the_other_side_at_once() -> None:
    """Not when the turn ends: a workflow may go on for hours."""

    async def handler(cell: Cell) -> None:
        async for item in items(cell.ask("B/z", "q", "T", b"null")):
            say(cell, item)
            break
        await effect(cell, "hours of other work")

    cell = cell_of(handler)
    (asked,) = cell.handle(ask(1))
    issued = cell.handle(chunk(asked, 1))

    assert [(e.dst, e.kind, e.re) for e in sent(issued)] == [("B/z", kinds.CANCEL, 1)]
    assert ends(issued) == []
    assert cell.handle(chunk(asked, 2)) == []


def test_a_reader_that_is_cancelled_tells_the_other_side() -> None:
    """Its own caller gave up."""
    cell = cell_of(reads)
    (asked,) = sent(cell.handle(ask(1)))
    told = sent(cell.handle(cancel(1)), kinds.CANCEL)

    assert [(each.dst, each.re) for each in told] == [("B/z", asked.n)]


def test_a_stream_that_has_ended_is_not_cancelled() -> None:
    """Closing it twice, or after its end, says nothing."""

    async def handler(cell: Cell) -> None:
        pending = cell.ask("B/z", "q", "T", b"null")
        await pending.future
        pending.close()
        pending.close()

    cell = cell_of(handler)
    (asked,) = cell.handle(ask(1))
    assert sent(cell.handle(answer(asked)), kinds.CANCEL) == []


def test_closing_wakes_who_waits_for_a_piece() -> None:
    """One task reads, another one gives up."""

    async def handler(cell: Cell) -> str:
        pending = cell.ask("B/z", "q", "T", b"null")
        reader = asyncio.create_task(pending.next_piece())
        await effect(cell)
        pending.close()
        try:
            await reader
        except asyncio.CancelledError:
            return "woken"
        return "?"

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    assert result(cell.handle(finished(started(issued)[0]))) == "woken"


def test_effects_stream_too() -> None:
    """A model's answer, token by token; the final value comes last."""

    async def handler(cell: Cell) -> object:
        pending = start(cell)
        tokens = []
        while (piece := await pending.next_piece()) is not None:
            tokens.append(json.loads(piece))
        return [*tokens, json.loads(await pending.future)]

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(streamed(under_way, "a"))
    cell.handle(streamed(under_way, "b"))

    assert result(cell.handle(finished(under_way, "end"))) == ["a", "b", "end"]


def test_breaking_off_an_effects_stream_cancels_it() -> None:
    """Tokens that nobody reads cost money."""

    async def handler(cell: Cell) -> None:
        async for _ in items(start(cell)):
            break
        await effect(cell, "later")

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    issued = cell.handle(streamed(under_way, "a"))

    assert commands.CancelEffect(under_way.turn, under_way.n) in issued


def test_a_failed_effect_that_nobody_awaits_is_not_reported() -> None:
    """Whether anybody looks is for the handler to decide."""

    async def handler(cell: Cell) -> None:
        start(cell, "ignored")
        await effect(cell, "awaited")

    cell = cell_of(handler)
    ignored, awaited = started(cell.handle(ask(1)))
    assert cell.handle(failed(ignored, ValueError("no"))) == []
    assert logged(cell.handle(finished(awaited))) == []


@pytest.mark.parametrize("forgets", [False, True])
def test_a_driver_takes_each_performer_once(*, forgets: bool) -> None:
    """A replay never needs one, and does not keep them."""

    async def handler(cell: Cell) -> None:
        await effect(cell)

    cell = cell_of(handler)
    if forgets:
        cell.forget_performers()
    (under_way,) = started(cell.handle(ask(1)))
    if forgets:
        with pytest.raises(AssertionError):
            cell.take_performer(under_way.turn, under_way.n)
    else:
        assert callable(cell.take_performer(under_way.turn, under_way.n))
    cell.forget_performers()
    with pytest.raises(AssertionError):
        cell.take_performer(under_way.turn, under_way.n)
