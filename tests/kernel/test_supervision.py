"""What a cell does about failures of its handlers: events in, commands out."""

import asyncio

import pytest

from agentmesh.errors import EscalatedError, PoisonMessageError
from agentmesh.kernel import commands, events, lifecycle, loop
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervised import SupervisedCell
from agentmesh.kernel.supervision import RESTART, STOP, Policy, Standing
from tests.kernel.failing import (
    WRONG,
    created,
    failed,
    fails,
    grows,
    plain,
    restarted,
    supervised,
)
from tests.kernel.helpers import (
    ME,
    MS,
    START,
    ask,
    cell_of,
    delivered,
    done,
    effect,
    ends,
    failure,
    finished,
    fired,
    logged,
    reply,
    started,
    stop,
    tell,
    timers,
)


def test_an_agent_without_a_policy_keeps_its_state() -> None:
    """The default: only the message failed."""
    cell = cell_of(grows, create=created)
    values = [cell.handle(ask(n)) for n in range(1, 6)]

    assert not isinstance(cell, SupervisedCell)
    assert plain(values[2])[1] == failed(3, turn=3)
    assert values[4] == [reply(5, n=5, to=5, turn=5), done(5, turn=5)]


def test_a_restart_makes_the_state_anew() -> None:
    """The asker gets the handler's own error; the next message finds the defaults."""
    cell = supervised(grows)
    for n in (1, 2):
        cell.handle(tell(n))

    assert plain(cell.handle(tell(3))) == [restarted(turn=3), failed(3, turn=3)]
    assert cell.handle(ask(4)) == [reply(1, to=4, turn=4), done(4, turn=4)]


def test_fresh_is_the_state_it_was_spawned_with() -> None:
    """Not the defaults, if somebody gave values."""
    cell = supervised(grows, state=b'{"count":1}')
    cell.handle(tell(1))
    cell.handle(tell(2))

    assert cell.instance == {"count": 1}


def test_last_good_is_the_state_after_the_last_turn_that_ended_well() -> None:
    """What the failing turn did to the state is undone, and nothing else."""
    cell = supervised(grows, Policy(last_good=True, intensity=9))
    for n in range(1, 4):
        cell.handle(tell(n))
    assert cell.instance == {"count": 2}

    issued = cell.handle(tell(4))
    assert plain(issued) == [restarted(2, turn=4, state="last_good"), failed(4, turn=4)]
    assert cell.instance == {"count": 2}


def test_before_any_turn_ended_well_the_last_good_state_is_the_first() -> None:
    """An agent that fails at its first message."""
    cell = supervised(fails, Policy(last_good=True), state=b'{"count":7}')
    cell.handle(tell(1))

    assert cell.instance == {"count": 7}


def test_a_state_that_cannot_be_kept_leaves_the_one_before() -> None:
    """The turn itself went well, and its asker is not told otherwise."""

    async def spoils(cell: Cell) -> None:
        assert isinstance(cell.instance, dict)
        cell.instance["odd"] = object()

    cell = supervised(spoils, Policy(last_good=True), handlers={"bad": fails})
    issued = cell.handle(ask(1))
    cell.handle(tell(2, "bad"))

    assert ends(issued) == [("C/y#1", commands.DONE)]
    assert logged(issued) == ["the state can't be kept for a restart"]
    assert cell.instance == {}


def test_open_turns_are_cancelled_by_a_restart_and_say_why() -> None:
    """Concurrency: they work on an instance that is no longer the agent's."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    cell = supervised(waits, handlers={"bad": fails}, concurrency=2)
    (under_way,) = started(cell.handle(ask(1)))
    issued = cell.handle(tell(2, "bad"))

    assert ends(issued) == [("C/y#2", commands.FAILED), ("C/y#1", commands.CANCELLED)]
    assert commands.CancelEffect(1, under_way.n) in issued
    assert "another message made the agent fail" in failure(issued)["what"]
    assert cell.standing.restarts == 1


def test_what_becomes_of_a_cancelled_turn_is_no_second_failure() -> None:
    """Its clean-up fails, some events later: the restarted agent goes on."""

    async def careful(cell: Cell) -> None:
        try:
            await effect(cell, "work")
        finally:
            await effect(cell, "clean")
            raise WRONG

    cell = supervised(careful, handlers={"bad": fails}, concurrency=2)
    cell.handle(tell(1))
    (clean,) = started(cell.handle(tell(2, "bad")))
    issued = cell.handle(finished(clean))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert cell.standing.restarts == 1


def test_a_deadline_or_cancellation_is_no_failure() -> None:
    """Nobody restarts for work that is no longer wanted."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    cell = supervised(waits)
    cell.handle(ask(1))
    cell.handle(events.Cancelled(START, "C/y#1", "deadline"))
    cell.handle(ask(2, deadline=START - 1))

    assert (cell.standing.restarts, cell.standing.failures) == (0, [])


def test_an_instance_that_cannot_be_made_again_ends_the_agent() -> None:
    """There is nothing to go on with: `then` says what follows."""
    first = [True]

    def once(_state: bytes) -> object:
        if not first:
            raise WRONG
        return first.pop()

    cell = cell_of(fails, supervision=Policy(then=STOP), create=once)
    issued = cell.handle(tell(1))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert cell.state == lifecycle.STOPPED
    assert ends(cell.handle(tell(2))) == [("C/y#2", commands.DEAD)]


def test_a_turn_that_never_waits_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended by the kernel, and the agent restarts like after any other."""

    async def spins(_cell: Cell) -> None:
        while True:  # noqa: ASYNC110 - that is what is wrong with it
            await asyncio.sleep(0)

    monkeypatch.setattr(loop, "DRAIN_STEPS_MAX", 500)
    cell = supervised(spins)
    issued = cell.handle(tell(1))

    assert ends(issued) == [("C/y#1", commands.FAILED)]
    assert cell.standing.restarts == 1


def test_too_many_failures_within_the_period_are_the_end() -> None:
    """Two are forgiven, the third is not: the agent stops, and the mailbox is dead letters."""
    cell = supervised(fails, Policy(intensity=2, period_ns=10 * MS, then=STOP))
    for n in (1, 2):
        cell.handle(tell(n, at=n * MS))
    issued = cell.handle(ask(3, at=3 * MS))

    assert ends(issued) == [("C/y#3", commands.FAILED)]
    assert failure(issued)["type"] == "builtins.ValueError"
    assert cell.state == lifecycle.STOPPED
    dead = cell.handle(ask(4, at=4 * MS))
    assert ends(dead) == [("C/y#4", commands.DEAD)]
    assert "has stopped after a failure: ValueError: wrong" in failure(dead)["what"]


def test_failures_outside_the_period_do_not_count() -> None:
    """One now and then for ever is forgiven for ever."""
    cell = supervised(fails, Policy(intensity=1, period_ns=10 * MS))
    for n in range(1, 6):
        cell.handle(tell(n, at=n * 10 * MS))

    assert cell.state == lifecycle.LIVE
    assert cell.standing.restarts == 5
    assert cell.standing.failures == [START + 50 * MS]


def test_the_mailbox_rests_after_a_failure() -> None:
    """Messages wait for the timer; each further failure doubles the rest, up to the cap."""
    policy = Policy(intensity=9, backoff_ns=4 * MS, backoff_max_ns=10 * MS)
    cell = supervised(fails, policy)
    rests = []
    (alarm,) = timers(cell.handle(tell(1)))
    rests.append(alarm.due - START)
    for n in range(2, 6):
        waiting = cell.handle(tell(n, at=alarm.due - START - 1))
        assert waiting == []
        issued = cell.handle(fired(alarm))
        assert ends(issued) == [(f"C/y#{n}", commands.FAILED)]
        (after,) = timers(issued)
        rests.append(after.due - alarm.due)
        alarm = after

    caps = (4, 8, 10, 10, 10)
    assert all(0.75 * cap * MS < rest <= cap * MS for rest, cap in zip(rests, caps, strict=True))
    assert len(set(rests[2:])) == 3, "equal rests would bring agents back all at once"


def test_rests_are_the_same_again_for_the_same_run_only() -> None:
    """Chance comes from the run's seed and the agent, not from the process."""
    policy = Policy(backoff_ns=MS, backoff_max_ns=MS)
    dues = [
        timers(supervised(fails, policy, seed=seed).handle(tell(1)))[0].due
        for seed in ("one", "one", "two")
    ]

    assert dues[0] == dues[1] != dues[2]


def test_an_empty_mailbox_rests_without_being_busy() -> None:
    """A cell at rest can be stored, and a run does not wait for it."""
    cell = supervised(fails, Policy(backoff_ns=MS, backoff_max_ns=MS))
    (alarm,) = timers(cell.handle(tell(1)))

    assert cell.idle
    assert cell.standing.alarm() == alarm
    assert cell.handle(fired(alarm)) == []
    assert cell.standing.alarm() is None


def test_a_message_that_waits_for_the_rest_to_end_may_expire() -> None:
    """Deadlines hold while the mailbox rests."""
    cell = supervised(fails, Policy(backoff_ns=9 * MS, backoff_max_ns=9 * MS))
    cell.handle(tell(1))
    cell.handle(ask(2, deadline=START + MS))

    assert cell.overdue(START + MS) == ["C/y#2"]
    issued = cell.handle(events.Cancelled(START + MS, "C/y#2", "deadline"))
    assert ends(issued) == [("C/y#2", commands.EXPIRED)]


def test_a_resting_agent_that_is_asked_to_stop_takes_its_timer_back() -> None:
    """At once when nothing waits."""
    cell = supervised(fails, Policy(backoff_ns=MS, backoff_max_ns=MS))
    (alarm,) = timers(cell.handle(tell(1)))

    assert cell.handle(stop()) == [commands.CancelTimer(0, alarm.n)]
    assert cell.state == lifecycle.STOPPED


def test_a_resting_agent_that_is_asked_to_stop_handles_what_waits_first() -> None:
    """As always: stopping means to finish the mailbox."""

    async def well(_cell: Cell) -> str:
        return "well"

    cell = supervised(fails, Policy(backoff_ns=MS, backoff_max_ns=MS), handlers={"well": well})
    (alarm,) = timers(cell.handle(tell(1)))
    cell.handle(ask(2, "well"))
    assert cell.handle(stop()) == []

    issued = cell.handle(fired(alarm))
    assert issued == [reply("well", to=2, turn=2), done(2, turn=2)]
    assert cell.state == lifecycle.STOPPED


def test_where_an_agent_stands_survives_as_plain_data() -> None:
    """A snapshot stores it; bytes stay bytes."""
    cell = supervised(grows, Policy(last_good=True, backoff_ns=MS, backoff_max_ns=MS))
    cell.handle(delivered(Envelope("P/p", 1, ME, kinds.SPAWN)))
    for n in (1, 2, 3):
        cell.handle(tell(n))
    standing = cell.standing

    assert standing.parent == "P/p"
    assert standing.good == b'{"count": 2}'
    assert Standing.of_data(standing.as_data()) == standing
    assert type(standing.as_data()["good"]) is bytes


def test_errors_of_supervision_give_their_parts() -> None:
    """What a program that catches them reads."""
    error = {"type": "builtins.KeyError", "what": "k"}
    poison = PoisonMessageError("p", history=[{"attempt": 1, "error": error}])
    escalated = EscalatedError("e", agent="A/x", message="m", error=error)

    assert [one["attempt"] for one in poison.history] == [1]
    assert [type(one).__name__ for one in poison.errors] == ["KeyError"]
    assert (escalated.agent, escalated.message) == ("A/x", "m")
    assert isinstance(escalated.original, KeyError)


def test_restart_is_what_a_policy_usually_is() -> None:
    """The kernel is told of no policy for `resume`."""
    assert Policy().on_failure == RESTART
