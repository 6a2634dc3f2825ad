"""Mailboxes with a size: who is turned away, who is dropped, and what never counts."""

import pytest

from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.waiting import BLOCK, DROP_OLDEST, REJECT
from tests.kernel.helpers import (
    CALLER,
    ME,
    answer,
    ask,
    cancel,
    cell_of,
    delivered,
    effect,
    ends,
    failure,
    finished,
    question,
    reply,
    sent,
    started,
    stop,
    tell,
)


async def waits(cell: Cell) -> None:
    """Wait for an effect."""
    await effect(cell)


def busy(size: int | None, overflow: str, *, waiting: int) -> tuple[Cell, commands.StartEffect]:
    """Return a cell with an open turn for message 1, and messages from 2 on in its mailbox."""
    cell = cell_of(waits, mailbox=size, overflow=overflow)
    (under_way,) = started(cell.handle(tell(1)))
    for number in range(2, 2 + waiting):
        assert cell.handle(tell(number)) == []
    return cell, under_way


def numbers(cell: Cell) -> list[int]:
    """Return the numbers of the messages that wait."""
    return [waiting.n for waiting in cell.mailbox]


def test_a_full_mailbox_turns_a_new_ask_away() -> None:
    """It ends at once, on the record, and the asker is told why and what to do."""
    cell, _ = busy(2, REJECT, waiting=2)
    issued = cell.handle(ask(4))
    (told,) = sent(issued)

    assert numbers(cell) == [2, 3]
    assert issued == [
        commands.Send(0, told),
        FinishTurn(0, "C/y#4", commands.DEAD, told.payload, told.note),
    ]
    assert (told.dst, told.kind, told.re) == (CALLER, kinds.FAIL, 4)
    error = failure(issued)
    assert error["type"] == "agentmesh.errors.MailboxFullError"
    assert error["what"] == (
        "h, sent by C/y as C/y#4, was turned away: the mailbox of A/x is full."
    )
    assert "@am.agent(mailbox=...)" in error["fix"]


def test_a_full_mailbox_drops_the_message_that_has_waited_longest() -> None:
    """The newest is worth most: a price, a position."""
    cell, _ = busy(2, DROP_OLDEST, waiting=2)
    issued = cell.handle(tell(4))

    assert numbers(cell) == [3, 4]
    assert ends(issued) == [("C/y#2", commands.DEAD)]
    assert sent(issued) == []


def test_who_asked_and_was_dropped_is_told() -> None:
    """The error says that a newer message took the place."""
    cell = cell_of(waits, mailbox=1, overflow=DROP_OLDEST)
    cell.handle(tell(1))
    cell.handle(ask(2))
    issued = cell.handle(ask(3))

    assert ends(issued) == [("C/y#2", commands.DEAD)]
    assert "C/y#2, was dropped for a newer message" in failure(issued)["what"]
    assert sent(issued)[0].re == 2


def test_there_is_room_again_when_the_next_turn_has_started() -> None:
    """Only messages that wait count, not the one that is handled."""
    cell, under_way = busy(1, REJECT, waiting=1)
    assert ends(cell.handle(tell(3))) == [("C/y#3", commands.DEAD)]
    cell.handle(finished(under_way))

    assert cell.handle(tell(4)) == []
    assert numbers(cell) == [4]


def test_a_cancelled_message_gives_its_place_back() -> None:
    """It does not wait any more."""
    cell = cell_of(waits, mailbox=1, overflow=REJECT)
    cell.handle(tell(1))
    cell.handle(ask(2))
    cell.handle(cancel(2))

    assert cell.handle(ask(3)) == []
    assert numbers(cell) == [3]


@pytest.mark.parametrize("overflow", [REJECT, DROP_OLDEST])
def test_answers_cancellations_and_the_wish_to_stop_never_count(overflow: str) -> None:
    """What ends or helps the work under way must get through, above all when there is much."""

    async def asks(cell: Cell) -> object:
        return await question(cell)

    cell = cell_of(asks, mailbox=1, overflow=overflow)
    (asked,) = cell.handle(ask(1))
    cell.handle(ask(2))
    assert cell.handle(stop()) == []
    assert ends(cell.handle(cancel(2))) == [("C/y#2", commands.CANCELLED)]

    assert cell.handle(answer(asked, "late"))[0] == reply("late", n=3)


@pytest.mark.parametrize("overflow", [REJECT, DROP_OLDEST])
def test_what_a_turn_goes_on_with_is_always_taken(overflow: str) -> None:
    """A loop in an agent under load is not ended by the load."""

    async def loops(cell: Cell) -> None:
        await effect(cell)
        cell.continue_turn("", b"null")

    cell = cell_of(handlers={"h": loops, "w": waits}, mailbox=1, overflow=overflow)
    (under_way,) = started(cell.handle(tell(1)))
    cell.handle(tell(2, "w"))
    ended = cell.handle(finished(under_way))
    cell.handle(tell(3, "w"))
    (onward,) = sent(ended, kinds.CONTINUE)
    assert cell.handle(delivered(onward)) == []
    assert [waiting.id for waiting in cell.mailbox] == ["C/y#3", "A/x#1"]
    issued = cell.handle(tell(4, "w"))

    lost, kept = ("C/y#4", "C/y#3") if overflow == REJECT else ("C/y#3", "C/y#4")
    assert ends(issued) == [(lost, commands.DEAD)]
    assert {waiting.id for waiting in cell.mailbox} == {kept, "A/x#1"}


def test_a_mailbox_that_blocks_loses_nothing() -> None:
    """Messages that are on their way when a driver stops sending are taken all the same."""
    cell, _ = busy(2, BLOCK, waiting=5)

    assert numbers(cell) == [2, 3, 4, 5, 6]
    assert cell.mailbox_room == 0


def test_drivers_are_told_how_many_more_to_deliver() -> None:
    """They can wait before they deliver more; they need not where the cell decides itself."""
    assert [busy(3, BLOCK, waiting=number)[0].mailbox_room for number in (0, 2, 3)] == [3, 1, 0]
    assert busy(3, REJECT, waiting=3)[0].mailbox_room is None
    assert busy(3, DROP_OLDEST, waiting=3)[0].mailbox_room is None
    assert busy(None, BLOCK, waiting=3)[0].mailbox_room is None


def test_an_ask_that_would_wait_for_itself_says_so_in_a_full_mailbox_too() -> None:
    """The cycle is the cause, not the load."""
    cell, _ = busy(1, REJECT, waiting=1)
    issued = cell.handle(ask(9, chain=(ME, "B/z"), src="B/z"))

    assert failure(issued)["type"] == "agentmesh.errors.AskCycleError"


@pytest.mark.parametrize("overflow", [REJECT, DROP_OLDEST])
def test_the_same_messages_are_lost_each_time(overflow: str) -> None:
    """It is the cell's decision: a replay makes it again."""

    def life() -> list[list[commands.Command]]:
        cell = cell_of(waits, mailbox=2, overflow=overflow, concurrency=2)
        issued = [cell.handle(tell(number)) for number in range(1, 9)]
        under_way = [one for step in issued for one in started(step)]
        issued += [cell.handle(finished(one)) for one in under_way]
        issued.append(cell.handle(events.Stopped(cell.now, "stop")))
        return issued

    first = life()
    assert life() == first
    assert len({message for step in first for message, _ in ends(step)}) == 8
