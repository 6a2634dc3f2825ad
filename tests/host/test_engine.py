"""The pump: journal first, then let it happen, then journal what it caused, then let it out."""

import asyncio
import itertools
import time
from typing import Any

import pytest

from agentmesh.errors import (
    AgentStoppedError,
    DeadlineExceededError,
    RunFailedError,
    UnknownAgentError,
)
from agentmesh.host import engine
from agentmesh.host.engine import Host
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import CLIENT, Envelope
from tests.host.helpers import Bench, run, running
from tests.host.programs import PERFORM, Emit, Order

ORDER = Order(text="quick")


async def quick(_emit: Emit) -> bytes:
    return b"done"


async def forever(_emit: Emit) -> bytes:
    await asyncio.Event().wait()
    return b""


def deadline(ms: int) -> int:
    return time.time_ns() + ms * 1_000_000


# --- order ----------------------------------------------------------------------------------------


def test_what_a_cell_consumes_is_committed_before_it_is_handled() -> None:
    """And what it issues before anything leaves the process: effects, and the client's answer."""

    async def body() -> None:
        async with running() as bench:
            story = bench.story

            async def noted(_emit: Emit) -> bytes:
                story.append(("performed",))
                return b"done"

            PERFORM["quick"] = noted
            await bench.ask("Worker/a", "work", ORDER)
            assert [entry[0] for entry in story] == [
                *("open", "event", "event", "commit"),  # started and delivered
                *("commands", "commands", "commit", "performed"),
                *("event", "commit", "commands", "commit", "client"),
            ]
            assert [entry[2] for entry in story if entry[0] == "event"] == [0, 1, 2]
            assert [entry[2] for entry in story if entry[0] == "commands"] == [0, 1, 2]

    run(body())


def test_nothing_is_released_once_the_journal_can_not_be_written() -> None:
    """The disk is full: the driver is told, and no effect, message or answer gets out."""

    async def body() -> None:
        for what, index in itertools.product(["event", "commands", "commit"], range(3)):
            async with running() as bench:
                PERFORM["quick"] = quick
                count = itertools.count()
                bench.journal.fails_at = _fails(what, index, count)
                bench.send("Worker/a", "work", ORDER)
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
            bench.journal.fails_at = _fails("commit", 1, count)
            bench.send("Worker/a", "work", ORDER)
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


# --- effects --------------------------------------------------------------------------------------


def test_effects_end_well_or_badly_or_bit_by_bit() -> None:
    """Each end is an event; a failure keeps its type."""

    async def body() -> None:
        async with running() as bench:

            async def fails(_emit: Emit) -> bytes:
                raise KeyError("shelf 7")

            async def streams(emit: Emit) -> bytes:
                for piece in (b"a", b"b"):
                    emit(piece)
                    await asyncio.sleep(0)
                return b"end"

            PERFORM.update(quick=quick, fails=fails, streams=streams)
            assert await bench.ask("Worker/a", "work", ORDER) == "done"
            assert await bench.ask("Worker/a", "read", Order(text="streams")) == ["a", "b"]
            with pytest.raises(KeyError, match="shelf 7"):
                await bench.ask("Worker/a", "work", Order(text="fails"))
            kinds_of = [type(event).__name__ for event in bench.journal.events("Worker/a")]
            assert kinds_of.count("EffectStreamed") == 2
            assert kinds_of.count("EffectFinished") == 2
            assert kinds_of.count("EffectFailed") == 1

    run(body())


def test_an_effect_that_nobody_waits_for_is_cancelled() -> None:
    """The handler had a timeout; whatever the effect still does injects nothing."""

    async def body() -> None:
        async with running() as bench:
            cancelled = asyncio.Event()

            async def slow(emit: Emit) -> bytes:
                try:
                    await asyncio.Event().wait()
                finally:
                    cancelled.set()
                    emit(b"too late")
                return b""

            PERFORM["slow"] = slow
            assert await bench.ask("Worker/a", "race", Order(text="slow", ms=5)) == "too late"
            await asyncio.wait_for(cancelled.wait(), 10)
            assert len(bench.host.performers) == 0
            await bench.settled()
            assert not any(
                isinstance(event, events.EffectStreamed | events.EffectFailed)
                for event in bench.journal.events()
            )

    run(body())


def test_an_effect_ends_at_the_deadline_of_its_turn() -> None:
    """The model never answers; the run says so."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["forever"] = forever
            with pytest.raises(DeadlineExceededError):
                await bench.ask("Worker/a", "work", Order(text="forever"), deadline=deadline(30))
            (outcome,) = bench.journal.ends().values()
            assert outcome in (commands.EXPIRED, commands.FAILED)

    run(body())


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError(), BaseException("odd")])
def test_no_exception_of_an_effect_escapes(error: BaseException) -> None:
    """Also `sys.exit()` in a tool is just how the tool failed."""

    async def body() -> None:
        async with running() as bench:

            async def fails(_emit: Emit) -> bytes:
                raise error

            PERFORM["fails"] = fails
            with pytest.raises(Exception):  # noqa: B017, PT011
                await bench.ask("Worker/a", "work", Order(text="fails"))
            assert not bench.host.failed

    run(body())


# --- time -----------------------------------------------------------------------------------------


def test_timers_fire_and_cancelled_ones_do_not() -> None:
    """One that was needed, one that was not."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["quick"] = quick
            assert await bench.ask("Worker/a", "nap", Order(ms=3)) == "rested"
            assert await bench.ask("Worker/a", "race", Order(text="quick", ms=60_000)) == "done"
            assert bench.host.alarms.timers == 0
            fired = [e for e in bench.journal.events() if isinstance(e, events.TimerFired)]
            assert len(fired) == 1

    run(body())


def test_a_deadline_ends_a_turn_that_waits_for_nothing_that_ends() -> None:
    """And the message behind it in the mailbox, each at its own time."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["forever"] = forever
            late = deadline(40)
            order = Order(ms=60_000)
            first = bench.send("Worker/a", "nap", order, deadline=late)
            second = bench.send("Worker/a", "nap", order, deadline=late - 20_000_000)
            third = bench.send("Worker/a", "count")
            answers = [await asyncio.wait_for(each, 10) for each in (second, first, third)]
            assert [each.kind for each in answers] == [kinds.FAIL, kinds.FAIL, kinds.REPLY]
            assert list(bench.journal.ends().values()) == ["expired", "expired", "done"]
            assert bench.host.idle

    run(body())


def test_many_messages_with_one_deadline_need_one_alarm() -> None:
    """A run of a million messages that all inherit the workflow's deadline."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["quick"] = quick
            soon = deadline(60_000)
            for _ in range(200):
                await bench.ask("Worker/a", "work", ORDER, deadline=soon)
            assert len(bench.host.alarms) <= 2

    run(body())


# --- who there is ---------------------------------------------------------------------------------


def test_an_agent_that_does_not_exist_fails_its_asker() -> None:
    """It says which agents there are."""

    async def body() -> None:
        async with running() as bench:
            with pytest.raises(UnknownAgentError, match=r"'Nobody'.*known: .*Worker"):
                await bench.ask("Nobody/x", "answer")
            with pytest.raises(UnknownAgentError, match=r"no handler 'wrok'; it has: .*work"):
                await bench.ask("Worker/a", "wrok", ORDER)
            with pytest.raises(UnknownAgentError):
                await bench.ask("asks_nobody/root", "run")

    run(body())


def test_agents_are_spawned_with_state_and_stopped() -> None:
    """A stopped one answers nobody any more."""

    async def body() -> None:
        async with running() as bench:
            assert await bench.ask("spawner/root", "run", Order(text="h")) == 7
            assert await bench.ask("Holder/other", "get") == 1
            bench.send("Holder/h", "", kind=kinds.STOP)
            with pytest.raises(AgentStoppedError):
                await bench.ask("Holder/h", "get")
            assert bench.host.addresses == ["spawner/root", "Holder/h", "Holder/other"]

    run(body())


def test_an_agent_that_is_refused_takes_no_message() -> None:
    """No machine has what it needs."""

    async def body() -> None:
        async with running() as bench:
            bench.host.refuse("Worker/gpu", "no GPU")
            with pytest.raises(AgentStoppedError):
                await bench.ask("Worker/gpu", "count")
            assert await bench.ask("Worker/a", "count") == 1

    run(body())


def test_an_answer_for_an_agent_that_never_lived_is_dropped() -> None:
    """It does not bring the agent to life."""

    async def body() -> None:
        async with running() as bench:
            bench.host.deliver(
                [Envelope("B/z", 1, "Worker/ghost", kinds.REPLY, payload=b"1", re=1)]
            )
            await bench.settled()
            assert bench.host.addresses == []
            assert bench.host.idle

    run(body())


# --- the end --------------------------------------------------------------------------------------


def test_a_host_is_idle_when_nothing_is_under_way() -> None:
    """Neither messages nor effects nor turns."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["forever"] = forever
            assert bench.host.idle
            answer = bench.send("Worker/a", "work", Order(text="forever"))
            assert not bench.host.idle
            await bench.settled()
            assert not bench.host.idle
            bench.host.deliver([Envelope(CLIENT, 99, "Worker/a", kinds.CANCEL, re=1)])
            await asyncio.wait_for(answer, 10)
            assert bench.host.idle
            assert bench.host.events_handled == len(bench.journal.events())

    run(body())


def test_ending_open_work_ends_every_message() -> None:
    """Turns, mailboxes, effects, and what is only now on its way here."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["forever"] = forever
            order = Order(text="forever")
            for key in ("a", "b"):
                bench.send(f"Worker/{key}", "work", order)
                bench.send(f"Worker/{key}", "count")
            await bench.settled()
            bench.host.stop_open_work("stop")
            bench.send("Worker/late", "work", order)
            bench.send("Worker/late", "count")
            await bench.settled()
            await bench.idle()
            assert sorted(bench.journal.ends()) == sorted(f"{CLIENT}#{n}" for n in range(1, 7))
            assert commands.DONE not in bench.journal.ends().values()
            assert bench.host.alarms.timers == 0

    run(body())


def test_waiting_for_a_tick_counts_only_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement must not wait for messages that came after it."""
    monkeypatch.setattr(engine, "TICK_EVENTS_MAX", 1)

    async def body() -> None:
        async with running() as bench:
            order: list[str] = []
            bench.send("Worker/a", "count", kind=kinds.TELL)
            bench.host.after_tick(lambda: order.append(f"first: {_events(bench)}"))
            bench.send("Worker/a", "count", kind=kinds.TELL)
            bench.host.after_tick(lambda: order.append(f"second: {_events(bench)}"))
            await bench.settled()
            assert order == ["first: 2", "second: 3"]

    run(body())


def _events(bench: Bench) -> int:
    return len(bench.journal.events())


def test_closing_a_host_ends_its_effects_and_lets_its_cells_go() -> None:
    """Nothing runs later, and nothing more is journaled."""

    async def body() -> None:
        ended = asyncio.Event()

        async def slow(_emit: Emit) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return b""

        async with running() as bench:
            PERFORM["slow"] = slow
            bench.send("Worker/a", "work", Order(text="slow"))
            await bench.settled()
            story = list(bench.story)
        assert ended.is_set()
        bench.send("Worker/a", "count")
        await asyncio.sleep(0)
        assert bench.story == story

    run(body())


def test_an_interrupt_stops_the_host_and_goes_on_to_whoever_pressed_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The driver is told, so that nobody waits for the host."""

    def interrupted(self: Host) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Host, "_tick", interrupted)
    seen: list[Bench] = []

    async def body() -> None:
        async with running() as bench:
            seen.append(bench)
            bench.send("Worker/a", "count")
            await bench.failed()

    with pytest.raises(KeyboardInterrupt):
        run(body())
    assert isinstance(seen[0].failure, RunFailedError)
    assert "KeyboardInterrupt" in str(seen[0].failure)


def test_a_stream_reaches_the_client_piece_by_piece() -> None:
    """The workflow itself can't stream, but an agent asked by the client can."""

    async def body() -> None:
        async with running() as bench:
            await bench.ask("Worker/a", "letters", Order(text="abc"))
            pieces = [e[1].payload for e in bench.story if e[0] == "client"]
            assert pieces == [b'"a"', b'"b"', b'"c"', b"null"]

    run(body())


def test_each_agent_has_its_own_state() -> None:
    """Two keys of one type."""

    async def body() -> None:
        async with running() as bench:
            counts = [await bench.ask(f"Worker/{key}", "count") for key in ("a", "a", "b", "a")]
            assert counts == [1, 2, 1, 3]

    run(body())
