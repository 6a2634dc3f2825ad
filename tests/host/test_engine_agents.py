"""Which agents a host has: who is found, spawned, refused and stopped."""

import pytest

from agentmesh.errors import (
    AgentStoppedError,
    UnknownAgentError,
)
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import Envelope
from tests.host.helpers import run, running
from tests.host.programs import QUICK, Order


def test_an_agent_that_does_not_exist_fails_its_asker() -> None:
    """It says which agents there are."""

    async def body() -> None:
        async with running() as bench:
            with pytest.raises(UnknownAgentError, match=r"'Nobody'.*known: .*Worker"):
                await bench.ask("Nobody/x", "answer")
            with pytest.raises(UnknownAgentError, match=r"no handler 'wrok'; it has: .*work"):
                await bench.ask("Worker/a", "wrok", QUICK)
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
            assert list(bench.host.residents) == ["spawner/root", "Holder/h", "Holder/other"]

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
            assert list(bench.host.residents) == []
            assert bench.host.idle

    run(body())
