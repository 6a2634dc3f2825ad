"""A turn that goes on with another message: who waits, what ends, and what is in between."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from agentmesh.errors import UsageError
from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn, Send
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.turn import Turn
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    START,
    Functions,
    ask,
    cancel,
    cell_of,
    delivered,
    done,
    effect,
    ends,
    failure,
    finished,
    logged,
    question,
    reply,
    say,
    sent,
    start,
    started,
    stop,
    tell,
    timers,
)


async def counts_down(cell: Cell) -> str:
    """Go on as long as the message says a number above zero."""
    left = int(cell.current().envelope.payload or b"0")
    if left:
        cell.continue_turn("N", b"%d" % (left - 1))
    return "landed"


def onward(issued: list[Command]) -> Envelope:
    """Return the message that a turn goes on with; there must be one."""
    (envelope,) = sent(issued, kinds.CONTINUE)
    return envelope


def go_on(cell: Cell, issued: list[Command], *, at: int = 0) -> list[Command]:
    """Deliver the message that a turn goes on with."""
    return cell.handle(delivered(onward(issued), at))


def test_the_asker_gets_the_answer_of_the_last_turn() -> None:
    """Two rounds: each message ends once, and only the last turn answers, to the first ask."""
    cell = cell_of(counts_down)
    question_ = Envelope(
        CALLER, 1, ME, kinds.ASK, "h", "N", b"2", deadline=START + MS, chain=("C",)
    )
    first = cell.handle(delivered(question_))
    second = go_on(cell, first)
    third = go_on(cell, second)

    def next_(n: int, payload: bytes) -> Envelope:
        deadline = START + MS
        return Envelope(
            ME, n, ME, kinds.CONTINUE, "h", "N", payload, 1, deadline, ("C",), origin=CALLER
        )

    assert first == [Send(1, next_(1, b"1")), FinishTurn(1, "C/y#1", commands.CONTINUED)]
    assert second == [Send(2, next_(2, b"0")), FinishTurn(2, "A/x#1", commands.CONTINUED)]
    assert third == [reply("landed", n=3, to=1, turn=3), done(2, turn=3, src=ME)]


def test_a_continued_tell_answers_nobody() -> None:
    """It goes on, under the name of its first sender."""

    async def twice(cell: Cell) -> str:
        say(cell, cell.current().envelope.sender)
        if cell.current().number == 1:
            cell.continue_turn("", b"null")
        return "unheard"

    cell = cell_of(twice)
    first = cell.handle(tell(1))
    second = go_on(cell, first)

    assert (onward(first).origin, onward(first).re) == (CALLER, 0)
    assert logged(second) == [CALLER]
    assert second[1:] == [done(1, turn=2, src=ME)]


def test_the_cell_is_at_rest_between_two_turns() -> None:
    """Here a driver can take a snapshot; what is on its way is part of it."""
    cell = cell_of(counts_down)
    first = cell.handle(delivered(Envelope(CALLER, 1, ME, kinds.ASK, "h", "N", b"1")))

    assert cell.idle
    assert cell.onward == (onward(first),)
    go_on(cell, first)
    assert len(cell.onward) == 0


def test_what_the_turn_began_is_ended_as_at_any_turns_end() -> None:
    """A task with clean-up, an effect, an ask and a timer; the next turn has none of them."""

    async def careful(cell: Cell) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            say(cell, "cleaned up")

    async def handler(cell: Cell) -> None:
        left = [
            start(cell),
            asyncio.create_task(question(cell)),
            asyncio.create_task(careful(cell)),
        ]
        await asyncio.sleep(0)
        try:
            cell.continue_turn("", b"null")
        finally:
            say(cell, len(left))

    cell = cell_of(handler)
    issued = cell.handle(ask(1))
    kept = [command for command in issued if not isinstance(command, commands.StartEffect)]

    assert logged(issued) == ["3", "cleaned up"]
    assert [envelope.kind for envelope in sent(issued)] == [kinds.ASK, kinds.CONTINUE, kinds.CANCEL]
    assert ends(issued) == [("C/y#1", commands.CONTINUED)]
    assert (started(issued), timers(issued)) == ([], [])
    assert len(kept) == len(issued)
    assert cell.idle


def test_randomness_and_effect_keys_differ_from_one_turn_to_the_next() -> None:
    """Otherwise a loop would draw the same number, and do the same thing, for ever."""

    async def handler(cell: Cell) -> None:
        say(cell, cell.generator().random())
        await effect(cell)
        cell.continue_turn("", b"null")

    cell = cell_of(handler)
    first = cell.handle(ask(1))
    (one,) = started(first)
    second = go_on(cell, cell.handle(finished(one)))
    (two,) = started(second)

    assert logged(first) != logged(second)
    assert one.key != two.key
    assert (one.turn, two.turn) == (1, 2)


def test_messages_that_wait_already_come_first() -> None:
    """A loop that goes on stands at the end of the queue, so that it starves nobody."""

    async def handler(cell: Cell) -> None:
        say(cell, cell.current().message)
        await effect(cell)
        if cell.current().number == 1:
            cell.continue_turn("", b"null")

    cell = cell_of(handler)
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(tell(2))
    first = cell.handle(finished(under_way))
    assert logged(first) == ["C/y#2"]
    assert go_on(cell, first) == []
    (under_way,) = started(first)

    assert logged(cell.handle(finished(under_way))) == ["A/x#1"]


async def goes_round(cell: Cell) -> None:
    """Wait, and go on."""
    await effect(cell)
    cell.continue_turn("", b"null")


def test_a_cancellation_reaches_the_turn_that_goes_on() -> None:
    """The asker knows only its own ask."""
    cell = cell_of(goes_round)
    (one,) = started(cell.handle(ask(1)))
    (two,) = started(go_on(cell, cell.handle(finished(one))))
    issued = cell.handle(cancel(1))

    assert ends(issued) == [("A/x#1", commands.CANCELLED)]
    assert commands.CancelEffect(2, two.n) in issued
    (failed,) = sent(issued)
    assert (failed.kind, failed.dst, failed.re) == (kinds.FAIL, CALLER, 1)


def test_a_cancellation_that_comes_in_between_is_not_lost() -> None:
    """The old turn has ended, the new message is on its way: nothing of it may start."""
    cell = cell_of(goes_round)
    (one,) = started(cell.handle(ask(1)))
    first = cell.handle(finished(one))
    assert cell.handle(cancel(1)) == []
    assert not cell.idle
    second = go_on(cell, first)

    assert started(second) == []
    assert ends(second) == [("A/x#1", commands.CANCELLED)]
    assert failure(second)["type"] == "agentmesh.errors.WorkCancelledError"
    assert cell.idle


def test_a_cancellation_reaches_it_in_the_mailbox() -> None:
    """It waits there like any other message."""

    async def handler(cell: Cell) -> None:
        await effect(cell)
        if cell.current().number == 1:
            cell.continue_turn("", b"null")

    cell = cell_of(handler)
    (one,) = started(cell.handle(ask(1)))
    cell.handle(tell(2))
    go_on(cell, cell.handle(finished(one)))
    assert [waiting.id for waiting in cell.mailbox] == ["A/x#1"]

    assert ends(cell.handle(cancel(1))) == [("A/x#1", commands.CANCELLED)]
    assert cell.mailbox == ()


def test_whoever_is_cancelled_while_it_cleans_up_does_not_go_on() -> None:
    """It said that it goes on, and was then told to end."""

    async def handler(cell: Cell) -> None:
        try:
            cell.continue_turn("", b"null")
        finally:
            await effect(cell)

    cell = cell_of(handler)
    cell.handle(ask(1))
    issued = cell.handle(cancel(1))

    assert ends(issued) == [("C/y#1", commands.CANCELLED)]
    assert cell.onward == ()


def test_a_failure_on_the_way_out_is_a_failure() -> None:
    """The clean-up raised: that is how the turn ended."""

    async def handler(cell: Cell) -> None:
        try:
            cell.continue_turn("", b"null")
        finally:
            raise ValueError("the sink is full")

    issued = cell_of(handler).handle(ask(1))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert "the sink is full" in failure(issued)["what"]


@pytest.mark.parametrize("caught", [BaseException, asyncio.CancelledError])
def test_a_handler_that_catches_everything_goes_on_all_the_same(
    caught: type[BaseException],
) -> None:
    """`continue_turn` never returns, whatever the code around it does."""

    async def handler(cell: Cell) -> str:
        try:
            cell.continue_turn("", b"null")
        except caught:
            return "still here"

    assert ends(cell_of(handler).handle(ask(1))) == [("C/y#1", commands.CONTINUED)]


def test_it_passes_through_groups_and_timeouts() -> None:
    """What asyncio has for cancellation lets it through, and ends the siblings."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    async def handler(cell: Cell) -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(waits(cell))
            await asyncio.sleep(0)
            cell.continue_turn("", b"null")

    issued = cell_of(handler).handle(ask(1))

    assert ends(issued) == [("C/y#1", commands.CONTINUED)]
    assert (started(issued), timers(issued)) == ([], [])


def test_a_task_of_the_handler_can_not_end_the_turn() -> None:
    """It would end itself only, and the handler would wait for it in vain."""

    async def handler(cell: Cell) -> str:
        async def inner() -> None:
            cell.continue_turn("", b"null")

        with pytest.raises(UsageError, match="in a task that h started"):
            await asyncio.create_task(inner())
        return "went on by itself"

    assert cell_of(handler).handle(ask(1)) == [reply("went on by itself"), done(1)]


def test_items_streamed_before_and_after_reach_the_same_asker() -> None:
    """One stream, two turns."""

    class Streams(Functions):
        async def run(self, cell: Cell, turn: Turn) -> tuple[str, bytes]:
            async def items() -> AsyncGenerator[bytes, None]:
                yield b"%d" % turn.number
                if turn.number == 1:
                    cell.continue_turn("", b"null")

            async for item in items():
                cell.send_chunk(turn, "N", item)
            return "", b"null"

    cell = cell_of()
    cell.behavior = Streams({})
    first = cell.handle(ask(1))
    second = go_on(cell, first)
    answers = [one for one in (*sent(first), *sent(second)) if one.kind != kinds.CONTINUE]

    assert [(one.kind, one.payload) for one in answers] == [
        (kinds.CHUNK, b"1"),
        (kinds.CHUNK, b"2"),
        (kinds.REPLY, b"null"),
    ]
    assert {(one.dst, one.re) for one in answers} == {(CALLER, 1)}


def test_the_deadline_is_that_of_the_first_message() -> None:
    """What goes on for ever still ends in time; it does not start when it is too late."""
    cell = cell_of(goes_round)
    (one,) = started(cell.handle(ask(1, deadline=START + 5 * MS)))
    first = cell.handle(finished(one, at=4 * MS))
    issued = go_on(cell, first, at=5 * MS)

    assert onward(first).deadline == START + 5 * MS
    assert ends(issued) == [("A/x#1", commands.EXPIRED)]
    assert failure(issued)["type"] == "agentmesh.errors.DeadlineExceededError"
    assert "asked by C/y as A/x#1" in failure(issued)["what"]


def test_an_agent_that_was_asked_to_stop_waits_for_what_goes_on() -> None:
    """It finishes what it has begun, as it would without the cut."""
    cell = cell_of(counts_down)
    first = cell.handle(delivered(Envelope(CALLER, 1, ME, kinds.ASK, "h", "N", b"1")))
    assert cell.handle(stop()) == []
    assert cell.state == lifecycle.STOPPING
    issued = go_on(cell, first)

    assert issued == [reply("landed", n=2, turn=2), done(1, turn=2, src=ME)]
    assert cell.state == lifecycle.STOPPED


def test_what_goes_on_in_a_stopped_agent_is_a_dead_letter() -> None:
    """The run is over; the asker is told."""
    cell = cell_of(counts_down)
    first = cell.handle(delivered(Envelope(CALLER, 1, ME, kinds.ASK, "h", "N", b"1")))
    assert cell.handle(events.Stopped(START, "stop")) == []
    issued = go_on(cell, first)

    assert ends(issued) == [("A/x#1", commands.DEAD)]
    assert failure(issued)["type"] == "agentmesh.errors.AgentStoppedError"
