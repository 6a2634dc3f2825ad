"""Agents that stop after a failure, and who fails with them."""

import json

from agentmesh.errors import EscalatedError, describe
from agentmesh.kernel import commands, events, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervision import ESCALATE, STOP, Policy
from tests.kernel.failing import WRONG, down, fails, monitor, supervised
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    ROOT,
    START,
    ask,
    cell_of,
    delivered,
    effect,
    ends,
    failure,
    finished,
    logged,
    question,
    say,
    sent,
    started,
    stop,
    tell,
)


def test_a_stopping_policy_makes_dead_letters_of_what_waits() -> None:
    """The failing message fails with its own error; monitors are told."""

    async def later(cell: Cell) -> None:
        await effect(cell)
        raise WRONG

    cell = supervised(later, Policy(on_failure=STOP))
    (under_way,) = started(cell.handle(ask(1)))
    cell.handle(tell(2))
    assert cell.handle(monitor()) == []
    issued = cell.handle(finished(under_way, at=MS))

    assert ends(issued) == [("C/y#1", commands.FAILED), ("C/y#2", commands.DEAD)]
    why = {"reason": "failed", "error": json.loads(describe(WRONG)), "at": START + MS}
    assert down(issued) == [(CALLER, 50, why)]
    assert cell.idle


def test_an_escalating_policy_tells_the_parent_before_the_asker() -> None:
    """So that a parent that asks fails with the escalation, not with the answer."""
    cell = supervised(fails, Policy(on_failure=ESCALATE))
    cell.handle(delivered(Envelope("P/p", 1, ME, kinds.SPAWN)))
    cell.handle(delivered(Envelope("P/q", 1, ME, kinds.SPAWN)))
    issued = cell.handle(ask(1))
    told, answered = sent(issued)

    assert (told.dst, told.kind, answered.dst, answered.kind) == (
        *("P/p", kinds.ESCALATE),
        *(CALLER, kinds.FAIL),
    )
    said = json.loads(told.payload)
    assert said["type"] == "agentmesh.errors.EscalatedError"
    assert said["fields"] == {
        "agent": ME,
        "message": "C/y#1",
        "error": json.loads(describe(WRONG)),
    }
    assert cell.state == lifecycle.STOPPED


def test_without_a_parent_the_workflow_is_told() -> None:
    """Nobody spawned the agent: its first message made it."""
    issued = supervised(fails, Policy(on_failure=ESCALATE)).handle(tell(1))

    assert [(one.dst, one.kind) for one in sent(issued)] == [(ROOT, kinds.ESCALATE)]


def escalation(at: int = 0) -> events.Delivered:
    """An agent that the cell had spawned failed for good."""
    error = EscalatedError("B/z failed", agent="B/z", message="m#1", error={"type": "T"})
    return delivered(Envelope("B/z", 9, ME, kinds.ESCALATE, payload=describe(error)), at)


def test_the_turns_of_a_parent_fail_with_what_was_escalated() -> None:
    """Also while it waits for something else; it may clean up."""

    async def waits(cell: Cell) -> None:
        try:
            await question(cell)
        finally:
            say(cell, "cleans up")

    cell = cell_of(waits)
    cell.handle(ask(1))
    issued = cell.handle(escalation())

    assert logged(issued) == ["cleans up"]
    assert [one.dst for one in sent(issued, kinds.CANCEL)] == ["B/z"]
    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert failure(issued)["type"] == "agentmesh.errors.EscalatedError"
    assert cell.state == lifecycle.LIVE


def test_a_parent_with_a_policy_applies_it_once() -> None:
    """All its turns fail, and it restarts one time."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    cell = supervised(waits, concurrency=2)
    cell.handle(tell(1))
    cell.handle(tell(2))
    issued = cell.handle(escalation())

    assert ends(issued) == [("C/y#1", commands.FAILED), ("C/y#2", commands.FAILED)]
    assert cell.standing.restarts == 1


def test_a_parent_may_pass_it_on() -> None:
    """Up to the root, each with the error of the one below."""
    cell = supervised(policy=Policy(on_failure=ESCALATE))
    issued = cell.handle(escalation())
    (told,) = sent(issued)

    assert (told.dst, told.kind) == (ROOT, kinds.ESCALATE)
    assert json.loads(told.payload)["fields"]["error"]["fields"]["agent"] == "B/z"


def test_a_parent_that_has_stopped_passes_it_to_the_root() -> None:
    """An escalation does not get lost."""
    cell = cell_of()
    cell.handle(stop())

    assert [(one.dst, one.kind) for one in sent(cell.handle(escalation()))] == [
        (ROOT, kinds.ESCALATE)
    ]


def test_a_parent_with_nothing_open_says_so() -> None:
    """Nobody is there to fail: the log keeps it."""
    assert logged(cell_of().handle(escalation())) == ["an agent escalated, and nothing was open"]
