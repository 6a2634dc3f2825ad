"""The pump: journal first, then let it happen, then journal what it caused, then let it out."""

import asyncio
import itertools
from typing import Any

import pytest

from agentmesh.host import engine
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import Log
from tests.host.helpers import quick, run, running
from tests.host.programs import PERFORM, QUICK, Emit, Order


def test_what_a_cell_consumes_is_written_before_it_is_handled() -> None:
    """And what it issues before anything leaves the process: effects, and the client's answer."""

    async def body() -> None:
        async with running() as bench:
            story = bench.story

            async def noted(_emit: Emit) -> bytes:
                story.append(("performed",))
                return b"done"

            PERFORM["quick"] = noted
            await bench.ask("Worker/a", "work", QUICK)
            assert [entry[0] for entry in story] == [
                *("open", "event", "event", "write"),  # started and delivered
                *("commands", "commands", "commit", "performed"),
                *("event", "write", "commands", "commit", "client"),
            ]
            assert [entry[2] for entry in story if entry[0] == "event"] == [0, 1, 2]
            assert [entry[2] for entry in story if entry[0] == "commands"] == [0, 1, 2]

    run(body())


def test_nothing_is_released_once_the_journal_can_not_be_written() -> None:
    """The disk is full: the driver is told, and no effect, message or answer gets out."""

    async def body() -> None:
        for what, index in itertools.product(["event", "commands", "write", "commit"], range(2)):
            async with running() as bench:
                PERFORM["quick"] = quick
                count = itertools.count()
                bench.journal.fails_at = _fails(what, index, count)
                bench.send("Worker/a", "work", QUICK)
                await bench.failed()
                released = [e for e in bench.story if e[0] in ("client", "route")]
                assert released == []
                assert isinstance(bench.failure, OSError)
                before = list(bench.story)
                bench.send("Worker/b", "count")
                await asyncio.sleep(0)
                assert bench.story == before

    run(body())


def _fails(what: str, index: int, count: "itertools.count[int]") -> Any:
    return lambda happened: happened == what and next(count) >= index


def test_an_effect_is_not_started_when_its_command_could_not_be_committed() -> None:
    """Otherwise something would have happened in the world that no record knows of."""

    async def body() -> None:
        async with running() as bench:
            performed: list[int] = []

            async def noted(_emit: Emit) -> bytes:
                performed.append(1)
                return b""

            PERFORM["quick"] = noted
            count = itertools.count()
            bench.journal.fails_at = _fails("commit", 0, count)
            bench.send("Worker/a", "work", QUICK)
            await bench.failed()
            await asyncio.sleep(0)
            assert performed == []

    run(body())


def test_messages_for_other_hosts_leave_together_after_the_commit() -> None:
    """In the order in which they were sent."""

    async def body() -> None:
        async with running(is_local=lambda address: address.startswith("Worker/a")) as bench:
            for key in ("b", "c"):
                bench.send("Worker/a", "forward", Order(text=key), kind=kinds.TELL)
            await bench.settled()
            (routed,) = [entry for entry in bench.story if entry[0] == "route"]
            assert [envelope.dst for envelope in routed[1]] == ["Worker/b"]
            assert bench.story[bench.story.index(routed) - 1] == ("commit",)

    run(body())


def test_a_busy_tick_releases_what_it_caused_before_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flood of messages to one agent does not hold up the answer to the first."""
    monkeypatch.setattr(engine, "TICK_EVENTS_MAX", 8)

    async def body() -> None:
        async with running() as bench:
            answers = [bench.send("Worker/a", "count") for _ in range(50)]
            await asyncio.wait_for(answers[-1], 10)
            order = [entry[0] for entry in bench.story if entry[0] in ("event", "client")]
            assert order.index("client") <= 10
            assert order.count("client") == 50

    run(body())


def test_a_stream_reaches_the_client_piece_by_piece() -> None:
    """The workflow itself can't stream, but an agent asked by the client can."""

    async def body() -> None:
        async with running() as bench:
            await bench.ask("Worker/a", "letters", Order(text="abc"))
            pieces = [e[1].payload for e in bench.story if e[0] == "client"]
            assert pieces == [b'"a"', b'"b"', b'"c"', b"null"]

    run(body())


def test_a_line_for_people_is_journaled_and_asks_nothing_of_the_host() -> None:
    """The one command that nobody carries out."""

    async def body() -> None:
        async with running() as bench:
            assert await bench.ask("Worker/a", "say", Order(text="hello")) == "hello"
            issued = [each for e in bench.story if e[0] == "commands" for each in e[-1]]
            assert [each.event for each in issued if isinstance(each, Log)] == ["hello"]

    run(body())


def test_each_agent_has_its_own_state() -> None:
    """Two keys of one type."""

    async def body() -> None:
        async with running() as bench:
            counts = [await bench.ask(f"Worker/{key}", "count") for key in ("a", "a", "b", "a")]
            assert counts == [1, 2, 1, 3]

    run(body())
