"""What a cell does about failures of its handlers: events in, commands out."""

import asyncio
import json
from typing import Any

import pytest

from agentmesh.errors import EscalatedError, PoisonMessageError, describe
from agentmesh.kernel import commands, events, lifecycle, loop
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn, Log, Send
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.supervised import SupervisedCell
from agentmesh.kernel.supervision import ESCALATE, RESTART, STOP, Policy, Standing
from tests.kernel.helpers import (
    CALLER,
    ME,
    MS,
    ROOT,
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

WRONG = ValueError("wrong")


async def grows(cell: Cell) -> Any:
    """Count in the state; fail at every third message."""
    assert isinstance(cell.instance, dict)
    cell.instance["count"] = count = cell.instance.get("count", 0) + 1
    if count % 3 == 0:
        raise WRONG
    return count


async def fails(cell: Cell) -> None:
    """Fail each time."""
    say(cell, "fails")
    raise WRONG


def created(state: bytes) -> object:
    return dict(json.loads(state)) if state else {}


def supervised(handler: Any = None, policy: Policy | None = None, **options: Any) -> SupervisedCell:
    """Return a cell with a policy; its state is a dictionary."""
    cell = cell_of(handler, supervision=policy or Policy(), create=created, **options)
    assert isinstance(cell, SupervisedCell)
    return cell


def lines(issued: list[Command], event: str) -> list[dict[str, Any]]:
    """Return what the log lines of an event say."""
    return [json.loads(one.fields) for one in issued if isinstance(one, Log) and one.event == event]


def plain(issued: list[Command]) -> list[Command]:
    """Return commands without tracebacks, which name lines of this file."""
    return [
        FinishTurn(one.turn, one.message, one.outcome, one.error)
        if isinstance(one, FinishTurn)
        else Send(one.turn, _without_note(one.envelope))
        if isinstance(one, Send)
        else one
        for one in issued
    ]


def _without_note(one: Envelope) -> Envelope:
    return Envelope(
        *(one.src, one.n, one.dst, one.kind, one.handler, one.type, one.payload, one.re),
        *(one.deadline, one.chain),
    )


def restarted(number: int = 1, *, turn: int = 1, rest: int = 0, state: str = "fresh") -> Log:
    said = f'{{"restarts":{number},"state":"{state}","rest_ns":{rest}}}'
    return Log(turn, "warning", "restarted", said.encode())


def failed(message: int = 1, *, turn: int = 1, outcome: str = commands.FAILED) -> FinishTurn:
    return FinishTurn(turn, f"{CALLER}#{message}", outcome, describe(WRONG))


def monitor(n: int = 50, *, at: int = 0) -> events.Delivered:
    """`C/y` wants to know when the agent stops."""
    return delivered(Envelope(CALLER, n, ME, kinds.MONITOR), at)


def down(issued: list[Command]) -> list[tuple[str, int, dict[str, Any]]]:
    """Return who was told of the agent's end, and what."""
    every = [one for one in sent(issued, kinds.REPLY) if b'"reason"' in one.payload]
    return [(one.dst, one.re, json.loads(one.payload)) for one in every]


# --- restart --------------------------------------------------------------------------------------


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


# --- intensity and backoff ------------------------------------------------------------------------


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


# --- attempts -------------------------------------------------------------------------------------


def test_a_message_is_tried_again_on_the_restarted_state() -> None:
    """The first attempt leaves a log line; the message has one end, under the second turn."""

    async def second_time(cell: Cell) -> int:
        if cell.current().number == 1:
            raise WRONG
        return cell.current().number

    cell = supervised(second_time, Policy(attempts=2))
    issued = cell.handle(ask(1))

    said = b'{"message":"C/y#1","attempts":2,"attempt":1,"at":%d,"turn":1,"error":%b}'
    error = json.dumps(json.loads(describe(WRONG)), separators=(",", ":")).encode()
    assert issued == [
        Log(1, "warning", "attempt failed", said % (START, error)),
        restarted(),
        reply(2, turn=2),
        done(1, turn=2),
    ]


def test_a_poison_message_is_a_dead_letter_with_its_history() -> None:
    """It failed as often as it was to be tried; the agent lives on."""
    cell = supervised(fails, Policy(attempts=3, backoff_ns=4 * MS, backoff_max_ns=4 * MS))
    issued = cell.handle(ask(1))
    cell.handle(tell(2))
    for _ in range(2):
        (alarm,) = timers(issued)
        issued = cell.handle(fired(alarm))

    assert ends(issued) == [("C/y#1", commands.DEAD)]
    said = failure(issued)
    assert said["type"] == "agentmesh.errors.PoisonMessageError"
    history = said["fields"]["history"]
    assert [(one["attempt"], one["turn"], one["error"]["what"]) for one in history] == [
        (1, 1, "wrong"),
        (2, 2, "wrong"),
        (3, 3, "wrong"),
    ]
    assert history[0]["at"] == START < history[1]["at"] < history[2]["at"]
    assert cell.state == lifecycle.LIVE
    assert [one.id for one in cell.mailbox] == ["C/y#2"]


def test_what_waits_stays_behind_the_message_that_is_tried_again() -> None:
    """Order between two agents holds."""
    cell = supervised(fails, Policy(attempts=2, backoff_ns=MS, backoff_max_ns=MS))
    cell.handle(tell(1))
    cell.handle(tell(2))

    assert [one.id for one in cell.mailbox] == ["C/y#1", "C/y#2"]


def test_attempts_draw_anew_and_their_effects_have_keys_of_their_own() -> None:
    """Otherwise bad luck would repeat itself, and a key name two effects of one message."""

    async def unlucky(cell: Cell) -> None:
        say(cell, cell.generator().random())
        start(cell, "tool")
        raise WRONG

    cell = supervised(unlucky, Policy(attempts=3))
    issued: list[Command] = []
    cell.on_command = issued.append
    cell.handle(tell(1))

    drawn = [one for one in logged(issued) if one[0].isdigit()]
    assert len(set(drawn)) == 3
    assert len({one.key for one in started(issued)}) == 3


def test_a_message_that_expires_between_attempts_is_not_tried_again() -> None:
    """It ends once; what is remembered of it is forgotten."""
    cell = supervised(fails, Policy(attempts=3, backoff_ns=9 * MS, backoff_max_ns=9 * MS))
    (alarm,) = timers(cell.handle(ask(1, deadline=START + MS)))
    issued = cell.handle(fired(alarm))

    assert ends(issued) == [("C/y#1", commands.EXPIRED)]
    assert cell.idle


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    """The asker would get its first items twice."""

    async def streams(cell: Cell) -> None:
        cell.send_chunk(cell.current(), "N", b"1")
        raise WRONG

    cell = supervised(streams, Policy(attempts=3))
    issued = cell.handle(ask(1))

    assert [one.payload for one in sent(issued, kinds.CHUNK)] == [b"1"]
    assert ends(issued) == [("C/y#1", commands.FAILED)]


# --- stop and escalate ----------------------------------------------------------------------------


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


# --- monitors -------------------------------------------------------------------------------------


def test_a_monitor_is_told_when_an_agent_was_asked_to_stop() -> None:
    """It keeps nothing open until then."""
    cell = cell_of()
    assert cell.handle(monitor()) == []
    assert cell.idle

    issued = cell.handle(stop(at=MS))
    assert down(issued) == [(CALLER, 50, {"reason": "asked", "error": None, "at": START + MS})]


def test_who_asks_an_agent_that_has_stopped_is_told_at_once() -> None:
    """With the time at which it stopped."""
    cell = cell_of()
    cell.handle(stop(at=MS))

    told = down(cell.handle(monitor(at=9 * MS)))
    assert told == [(CALLER, 50, {"reason": "asked", "error": None, "at": START + MS})]


def test_a_monitor_is_told_when_the_run_ends_the_agent() -> None:
    """Open work was cancelled with it."""

    async def waits(cell: Cell) -> None:
        await effect(cell)

    cell = cell_of(waits)
    cell.handle(monitor())
    cell.handle(tell(1))

    ((_, _, said),) = down(cell.handle(events.Stopped(START, "stop")))
    assert said["reason"] == "ended"


def test_a_monitor_waits_through_restarts() -> None:
    """A restart is not the end of an agent."""
    cell = supervised(fails, Policy(intensity=1, then=STOP))
    cell.handle(monitor())

    assert down(cell.handle(tell(1))) == []
    ((_, _, said),) = down(cell.handle(tell(2)))
    assert said["reason"] == "failed"


def test_a_monitor_that_is_withdrawn_is_not_told() -> None:
    """Another one of the same agent is."""
    cell = cell_of()
    cell.handle(monitor(50))
    cell.handle(monitor(51))
    cell.handle(delivered(Envelope(CALLER, 60, ME, kinds.CANCEL, re=50)))

    assert [re for _, re, _ in down(cell.handle(stop()))] == [51]


def test_who_stops_waiting_withdraws_the_monitor() -> None:
    """Because the handler ended, its deadline passed, or it was cancelled."""

    async def watches(cell: Cell) -> None:
        await cell.monitor("B/z").future

    cell = cell_of(watches)
    (asked,) = sent(cell.handle(ask(1, deadline=START + MS)))
    assert (asked.kind, asked.dst, asked.deadline) == (kinds.MONITOR, "B/z", START + MS)

    issued = cell.handle(events.Cancelled(START + MS, "C/y#1", "deadline"))
    (withdrawn,) = sent(issued, kinds.CANCEL)
    assert (withdrawn.dst, withdrawn.re) == ("B/z", asked.n)


# --- as data --------------------------------------------------------------------------------------


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
