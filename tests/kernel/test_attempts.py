"""Messages that are tried again, and those that are given up."""

import json

from agentmesh.errors import describe
from agentmesh.kernel import commands, lifecycle
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, Log
from agentmesh.kernel.supervision import Policy
from tests.kernel.failing import WRONG, fails, restarted, supervised
from tests.kernel.helpers import (
    MS,
    START,
    ask,
    done,
    ends,
    failure,
    fired,
    logged,
    reply,
    say,
    sent,
    start,
    started,
    tell,
    timers,
)


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


def test_what_is_known_of_attempts_is_forgotten_with_the_message() -> None:
    """However it ends: an agent may live long, and its state at rest is its state."""

    async def second_time(cell: Cell) -> None:
        if cell.current().number % 2:
            raise WRONG
        cell.send_chunk(cell.current(), "N", b"1")

    cell = supervised(second_time, Policy(attempts=2, intensity=99))
    for n in range(1, 5):
        assert ends(cell.handle(ask(n))) == [(f"C/y#{n}", commands.DONE)]

    assert [*cell._tried, *cell._occurrences, *cell._streamed] == []


def test_a_turn_that_had_not_begun_when_another_failed_has_an_end() -> None:
    """Both start in one event, and the first fails before the second has run a line."""

    async def first_fails(cell: Cell) -> int:
        if cell.current().message == "C/y#1":
            raise WRONG
        return 1

    policy = Policy(attempts=2, backoff_ns=4 * MS, backoff_max_ns=4 * MS)
    cell = supervised(first_fails, policy, concurrency=3)
    issued = cell.handle(ask(1))
    cell.handle(ask(2))
    (alarm,) = timers(issued)
    issued = cell.handle(fired(alarm))

    assert ends(issued) == [("C/y#1", commands.DEAD), ("C/y#2", commands.CANCELLED)]
    (alarm,) = timers(issued)
    cell.handle(fired(alarm))
    assert cell.idle
