"""When a host is idle, and how it ends: open work, effects, cells, and an interrupt."""

import asyncio

import pytest

from agentmesh.errors import (
    RunFailedError,
)
from agentmesh.host import engine
from agentmesh.host.engine import Host
from agentmesh.kernel import commands
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import CLIENT, Envelope
from tests.host.helpers import Bench, forever, run, running
from tests.host.programs import PERFORM, Emit, Order


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
