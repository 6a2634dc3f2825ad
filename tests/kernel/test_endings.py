"""How work ends that nobody wants any more, or that can't go on: each message exactly once."""

import asyncio

import pytest

from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    START,
    answer,
    ask,
    cancel,
    cell_of,
    effect,
    ends,
    expired,
    failure,
    finished,
    logged,
    nothing,
    question,
    result,
    say,
    sent,
    started,
    tell,
    waits,
)

# --- cancelled ------------------------------------------------------------------------------------


def test_who_no_longer_waits_cancels_the_turn_and_its_effects() -> None:
    """The asker had a timeout."""
    cell = cell_of(waits)
    (under_way,) = started(cell.handle(ask(1)))
    issued = cell.handle(cancel(1))

    assert issued[0] == commands.CancelEffect(1, under_way.n)
    assert failure(issued)["type"] == "agentmesh.errors.WorkCancelledError"
    assert ends(issued) == [("C/y#1", commands.CANCELLED)]
    assert cell.handle(finished(under_way)) == []


def test_a_message_is_cancelled_while_it_still_waits_in_the_mailbox() -> None:
    """It never gets a turn, and the next one is not held up."""
    cell = cell_of(waits)
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(ask(2))
    cell.handle(ask(3))

    assert ends(cell.handle(cancel(2))) == [("C/y#2", commands.CANCELLED)]
    assert [waiting.n for waiting in cell.mailbox] == [3]
    cell.handle(finished(under_way))
    assert list(cell.turns) == ["C/y#3"]


def test_a_cancellation_that_comes_too_late_does_nothing() -> None:
    """The reply crossed with it."""
    cell = cell_of(nothing)
    cell.handle(ask(1))
    assert cell.handle(cancel(1)) == []


def test_only_the_sender_can_cancel_by_message() -> None:
    """Numbers are the sender's own: the same number of another sender is another message."""
    cell = cell_of(waits)
    cell.handle(ask(1))
    other = Envelope("D/w", 5, ME, kinds.CANCEL, re=1)
    assert cell.handle(events.Delivered(START, other)) == []
    assert not cell.idle


def test_a_handler_may_finish_in_spite_of_a_cancellation() -> None:
    """It swallowed it: the message is done, and says so."""

    async def stubborn(cell: Cell) -> str:
        try:
            await effect(cell)
        except asyncio.CancelledError:
            return "done anyway"
        return "?"

    cell = cell_of(stubborn)
    cell.handle(ask(1))
    issued = cell.handle(cancel(1))

    assert result(issued) == "done anyway"
    assert ends(issued) == [("C/y#1", commands.DONE)]


def test_clean_up_of_a_cancelled_handler_may_wait() -> None:
    """Its `finally` asks somebody; the message ends when that is done."""

    async def handler(cell: Cell) -> None:
        try:
            await effect(cell)
        finally:
            await question(cell, handler="release")

    cell = cell_of(handler)
    cell.handle(ask(1))
    issued = cell.handle(cancel(1))
    (_, release) = issued
    assert ends(issued) == []

    assert ends(cell.handle(answer(release))) == [("C/y#1", commands.CANCELLED)]


def test_cancelling_an_ask_tells_the_agent_that_was_asked() -> None:
    """Its own caller gave up, so it gives up too."""

    async def handler(cell: Cell) -> object:
        return await question(cell)

    cell = cell_of(handler)
    (asked,) = sent(cell.handle(ask(1, deadline=START + MS)))
    told, answered = sent(cell.handle(cancel(1)))

    assert (told.dst, told.kind, told.re) == ("B/z", kinds.CANCEL, asked.n)
    assert answered.kind == kinds.FAIL


# --- deadlines ------------------------------------------------------------------------------------


def test_a_message_whose_deadline_has_passed_is_not_started() -> None:
    """It waited too long on its way."""
    issued = cell_of(nothing).handle(ask(1, at=2 * MS, deadline=START + 2 * MS))

    assert failure(issued)["type"] == "agentmesh.errors.DeadlineExceededError"
    assert ends(issued) == [("C/y#1", commands.EXPIRED)]


def test_a_message_expires_in_the_mailbox() -> None:
    """The turn before it took too long; the one behind it is started."""
    cell = cell_of(waits)
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(ask(2, deadline=START + 5 * MS))
    cell.handle(ask(3))
    issued = cell.handle(finished(under_way, at=6 * MS))

    assert ends(issued) == [("C/y#1", commands.DONE), ("C/y#2", commands.EXPIRED)]
    assert [one.turn for one in started(issued)] == [2]


def test_the_driver_may_report_the_deadline_of_a_message_in_the_mailbox() -> None:
    """Nobody must wait for the turn before it to hear about it."""
    cell = cell_of(waits)
    cell.handle(ask(1))
    cell.handle(ask(2, deadline=START + 5 * MS))

    assert ends(cell.handle(expired("C/y#2", at=5 * MS))) == [("C/y#2", commands.EXPIRED)]


def test_a_turn_is_ended_by_its_deadline() -> None:
    """With everything it waits for."""
    cell = cell_of(waits)
    (under_way,) = started(cell.handle(ask(1, deadline=START + 5 * MS)))
    assert under_way.deadline == START + 5 * MS
    issued = cell.handle(expired(at=5 * MS))

    assert issued[0] == commands.CancelEffect(1, under_way.n)
    assert ends(issued) == [("C/y#1", commands.EXPIRED)]
    assert (
        "h of A/x, asked by C/y as C/y#1, was not done by its deadline" in failure(issued)["what"]
    )


@pytest.mark.parametrize("again", [question, effect])
def test_nothing_new_can_be_asked_for_after_the_deadline(again) -> None:
    """The handler swallowed the cancellation and goes on as if nothing had happened."""

    async def handler(cell: Cell) -> object:
        try:
            await effect(cell)
        except asyncio.CancelledError:
            say(cell, "ignored")
        return await again(cell)

    cell = cell_of(handler)
    cell.handle(ask(1, deadline=START + 5 * MS))
    issued = cell.handle(expired(at=5 * MS))

    assert logged(issued) == ["ignored"]
    assert failure(issued)["type"] == "agentmesh.errors.DeadlineExceededError"
    assert ends(issued) == [("C/y#1", commands.EXPIRED)]


def test_an_ask_inherits_the_deadline_and_may_shorten_it() -> None:
    """The caller's own is the latest there is."""

    async def handler(cell: Cell) -> None:
        for deadline in (0, START + 9 * MS, START + MS):
            cell.ask("B/z", "q", "T", b"null", deadline)

    issued = cell_of(handler).handle(tell(1, deadline=START + 5 * MS))
    asks = sent(issued, kinds.ASK)

    assert [asked.deadline - START for asked in asks] == [5 * MS, 5 * MS, MS]


# --- cycles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [(CALLER, ME), (CALLER, ME, "B/z"), (ME, "B/z", "D/w")],
    ids=["itself", "through another", "through two"],
)
def test_an_ask_that_would_wait_for_itself_fails_at_once(chain: tuple[str, ...]) -> None:
    """The error shows who waits for whom."""
    cell = cell_of(handlers={"h": waits, "q": nothing})
    cell.handle(ask(1))
    issued = cell.handle(ask(8, "q", src=chain[-1], chain=chain))
    told = failure(issued)

    assert told["type"] == "agentmesh.errors.AskCycleError"
    assert " -> ".join((*chain, ME)) in told["what"]
    assert told["fields"]["chain"] == [*chain, ME]
    assert ends(issued) == [(f"{chain[-1]}#8", commands.FAILED)]


def test_an_ask_of_others_may_pass_through_an_agent_that_does_not_wait_for_it() -> None:
    """The mailbox is busy, but with somebody else's work."""
    cell = cell_of(handlers={"h": waits, "q": nothing})
    cell.handle(ask(1))
    assert cell.handle(ask(2, "q", chain=("D/w", CALLER))) == []


def test_a_reentrant_handler_interleaves_with_the_turn_that_waits_for_it() -> None:
    """A asks B, and B asks A before it answers."""

    async def outer(cell: Cell) -> object:
        return await question(cell)

    async def back(_cell: Cell) -> str:
        return "back"

    cell = cell_of(handlers={"h": outer, "back": back}, reentrant=["back"])
    (asked,) = cell.handle(ask(1))
    inner = cell.handle(ask(5, "back", src="B/z", chain=(CALLER, ME, "B/z")))
    assert result(inner) == "back"
    assert result(cell.handle(answer(asked, "end"))) == "end"


def test_a_reentrant_handler_waits_its_turn_when_nobody_waits_for_it() -> None:
    """Reentrancy is for cycles, not for haste."""
    cell = cell_of(handlers={"h": waits, "back": nothing}, reentrant=["back"])
    cell.handle(ask(1))
    assert cell.handle(ask(2, "back")) == []


def test_concurrency_lets_a_cycle_through_while_there_is_room() -> None:
    """The second turn is free for the question that comes back."""

    async def back(_cell: Cell) -> str:
        return "back"

    cell = cell_of(handlers={"h": waits, "back": back}, concurrency=2)
    cell.handle(ask(1))
    assert result(cell.handle(ask(5, "back", src="B/z", chain=(CALLER, ME, "B/z")))) == "back"


def test_a_cycle_waits_for_room_that_somebody_else_will_leave() -> None:
    """Both turns are taken, but one of them by work that does not depend on this."""
    cell = cell_of(handlers={"h": waits, "back": nothing}, concurrency=2)
    cell.handle(ask(1))
    (other,) = cell.handle(ask(2, src="D/w", chain=("D/w",)))
    assert cell.handle(ask(5, "back", src="B/z", chain=(CALLER, ME, "B/z"))) == []
    issued = cell.handle(finished(other))
    assert ends(issued) == [("D/w#2", commands.DONE), ("B/z#5", commands.DONE)]


def test_cycles_fail_when_all_turns_wait_for_the_mailbox() -> None:
    """Two turns, both waiting for a question that comes back: nobody would ever leave."""
    cell = cell_of(handlers={"h": waits, "back": nothing}, concurrency=2)
    cell.handle(ask(1))
    cell.handle(ask(2))
    first = cell.handle(ask(5, "back", src="B/z", chain=(CALLER, ME, "B/z")))
    second = cell.handle(ask(6, "back", src="B/z", chain=(CALLER, ME, "B/z")))

    assert first == []
    assert failure(second)["type"] == "agentmesh.errors.AskCycleError"


# --- stopped --------------------------------------------------------------------------------------
