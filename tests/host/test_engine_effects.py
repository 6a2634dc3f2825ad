"""Effects, timers and deadlines of the agents in a host: how each ends, and that it does."""

import asyncio

import pytest

from agentmesh.errors import (
    DeadlineExceededError,
)
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from tests.host.helpers import deadline, forever, quick, run, running
from tests.host.programs import PERFORM, QUICK, Emit, Order


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
            assert await bench.ask("Worker/a", "work", QUICK) == "done"
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


def test_an_effect_whose_deadline_has_passed_is_not_begun() -> None:
    """Its host was busy until then, or held, or had died: not one line of it runs."""

    async def body() -> None:
        moment = deadline(0)
        async with running(clock_ns=lambda: moment) as bench:
            begun = []

            async def begins(_emit: Emit) -> bytes:
                begun.append("a line")
                return b"done"

            PERFORM["begins"] = begins
            soon = moment + 1_000_000
            answer = bench.send("Worker/a", "work", Order(text="begins"), deadline=soon)
            bench.host.after_tick(lambda: None)
            moment = soon + 1  # the message is taken in already, and in time
            assert (await asyncio.wait_for(answer, 10)).kind == kinds.FAIL
            assert begun == []
            assert list(bench.journal.ends().values()) == [commands.EXPIRED]

    run(body())


def test_messages_whose_deadline_passes_in_the_mailbox_run_no_code() -> None:
    """A busy agent: what waits behind its work expires there, at its own time."""

    async def body() -> None:
        async with running() as bench:
            PERFORM["forever"] = forever
            first = bench.send("Worker/a", "work", Order(text="forever"), deadline=deadline(300))
            waiting = [
                bench.send("Worker/a", "say", Order(text=f"started {n}"), deadline=deadline(50))
                for n in range(20)
            ]
            answers = [await asyncio.wait_for(each, 10) for each in (*waiting, first)]
            assert {each.kind for each in answers} == {kinds.FAIL}
            assert set(bench.journal.ends().values()) == {commands.EXPIRED}
            assert not [each for each in bench.journal.issued() if isinstance(each, commands.Log)]

    run(body())


def test_messages_that_arrive_after_their_deadline_run_no_code() -> None:
    """They were on the wire for too long, or their host was being restored."""

    async def body() -> None:
        async with running() as bench:
            late = Order(text="started")
            answer = bench.send("Worker/a", "say", late, deadline=deadline(-1))
            told = bench.send("Worker/a", "say", late, deadline=deadline(-1), kind=kinds.TELL)
            assert (await asyncio.wait_for(answer, 10)).kind == kinds.FAIL
            await bench.settled()
            assert not told.done()
            assert list(bench.journal.ends().values()) == [commands.EXPIRED] * 2
            assert not [each for each in bench.journal.issued() if isinstance(each, commands.Log)]

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
                await bench.ask("Worker/a", "work", QUICK, deadline=soon)
            assert len(bench.host.alarms) <= 2

    run(body())
