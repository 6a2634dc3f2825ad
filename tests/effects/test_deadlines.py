"""Deadlines and cancellation of effects: what is under way ends, and nothing new is begun."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import openai as sdk
import pytest

from agentmesh.effects import clients, settings
from agentmesh.effects.model_loop import llm
from agentmesh.effects.tool_scope import tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import DeadlineExceededError
from agentmesh.kernel.commands import CancelEffect, FinishTurn, StartEffect
from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.ref import ref
from agentmesh.sdk.workflow import workflow
from agentmesh.testing.models import (
    Fixed,
    Latency,
    ModelServer,
    Rule,
    ServerError,
    Stall,
    ToolCall,
    ToolCalls,
)
from tests.effects.harness import Ended, run
from tests.effects.model_server import chat

LONG = Latency(per_token=Fixed(seconds=0.02))
RULES = [
    Rule(contains="stall", answer=Stall()),
    Rule(contains="break", answer=ServerError()),
    Rule(contains="slowly", answer="on " * 2_000, latency=LONG),
    Rule(contains="look", answer=ToolCalls(ToolCall("look_for_ever", {})), tool="look_for_ever"),
]


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    """A model server of the test's own: its requests are counted."""
    with ModelServer(rules=RULES, seed=1) as server:
        yield server


def go(flow, provider: ModelServer, *, seconds: float = 30.0) -> Ended:
    """Run a workflow, replay it, and wait until the server has noticed who went away."""
    ended = run(flow, settings=settings.simulated(provider.base_url), deadline_seconds=seconds)
    provider.requests.wait_until(lambda log: log.count(outcome="open") == 0)
    ended.replay()
    return ended


def outcomes(ended: Ended) -> list[str]:
    """Return how messages ended."""
    return [command.outcome for command in ended.of(FinishTurn)]


@tool
async def look_for_ever() -> str:
    """Look for something for ever."""
    await asyncio.Event().wait()
    return ""


@tool(retries=1_000)
async def ask_again_and_again(url: str) -> str:
    """Ask a model that is never well."""
    client = clients.openai(max_retries=0, base_url=url, api_key="none")
    done = await client.chat.completions.create(**chat("break"))
    return str(done.id)


@tool
async def time_left() -> float:
    """Return how many seconds there are."""
    left = tool_context().remaining_seconds
    assert left is not None
    return left


def test_a_tool_reads_how_much_time_is_left() -> None:
    """Of the workflow's deadline; outside any run there is none."""

    @workflow
    async def asks() -> float:
        return await time_left()

    assert 0.0 < run(asks, deadline_seconds=40.0).result < 40.0


@pytest.mark.parametrize("text", ["stall", "slowly"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_closes_the_request_and_none_follows(
    provider: ModelServer, text: str, *, stream: bool
) -> None:
    """The SDK's own retries do not count: the server sees its client go, and nobody comes."""

    @workflow
    async def waits() -> str:
        answer = await clients.openai().chat.completions.create(**chat(text, stream=stream))
        return "".join([str(part.id) async for part in answer]) if stream else ""

    ended = go(waits, provider, seconds=1.0)

    assert outcomes(ended) == ["expired"]
    assert [each.outcome for each in provider.requests] == ["abandoned"]


def test_a_deadline_ends_a_model_that_calls_a_tool(provider: ModelServer) -> None:
    """The loop of `am.llm`: its tool is ended, and the model is not asked again."""

    @workflow
    async def looks() -> str:
        return await llm("look", tools=[look_for_ever])

    ended = go(looks, provider, seconds=1.5)

    assert outcomes(ended) == ["expired"]
    assert provider.requests.total == 1


def test_no_retry_of_a_tool_is_begun_after_the_deadline(provider: ModelServer) -> None:
    """It waits ever longer between attempts; the deadline comes in such a wait."""

    @workflow
    async def tries() -> str:
        return await ask_again_and_again(settings.base_url_of(settings.here()))

    ended = go(tries, provider, seconds=1.5)
    asked = provider.requests.total

    assert outcomes(ended) == ["expired"]
    assert 1 <= asked < 20
    with pytest.raises(DeadlineExceededError):
        provider.requests.wait_until(lambda log: log.total > asked, timeout_seconds=1.0)


def test_the_retries_of_an_sdk_end_with_the_turn(provider: ModelServer) -> None:
    """The SDK waits in the handler; whoever cancels the handler cancels that wait."""

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.2):
                client = clients.openai(max_retries=100)
                await client.chat.completions.create(**chat("break"))
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up, provider)
    asked = provider.requests.total

    assert ended.result == "gave up"
    with pytest.raises(DeadlineExceededError):
        provider.requests.wait_until(lambda log: log.total > asked, timeout_seconds=1.5)


@agent
class Stubborn:
    """Catches what is to end it."""

    @handler
    async def ask(self) -> str:
        """Catch the cancellation, and ask a model then."""
        with contextlib.suppress(asyncio.CancelledError):
            await look_for_ever()
        try:
            return await llm("anything")
        except sdk.OpenAIError:
            return "the SDK took it for a failure"


def test_who_swallows_the_cancellation_asks_no_model(provider: ModelServer) -> None:
    """It is raised again, as what no SDK takes for a failure that is worth a retry."""

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.2):
                await ref(Stubborn).ask()
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up, provider)

    assert ended.result == "gave up"
    assert sorted(outcomes(ended)) == ["cancelled", "done"]
    assert provider.requests.total == 0


@agent
class Opaque:
    """Uses a framework that does as it likes."""

    @handler(opaque=True)
    async def ask(self) -> str:
        """Read a model's stream, on a loop of its own."""
        async with sdk.AsyncOpenAI(base_url=URL[0], api_key="none", max_retries=0) as client:
            stream = await client.chat.completions.create(**chat("slowly", stream=True))
            return "".join([part.choices[0].delta.content or "" async for part in stream])


URL: list[str] = []


def test_an_opaque_handler_is_cancelled_on_its_own_loop(provider: ModelServer) -> None:
    """What it streams from a model is closed, although no part of it is recorded."""
    URL[:] = [provider.base_url]

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(2.0):
                await ref(Opaque).ask()
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up, provider)

    assert ended.result == "gave up"
    assert len(ended.of(CancelEffect)) == 1
    assert [each.outcome for each in provider.requests] == ["abandoned"]


def test_a_thread_can_not_be_interrupted_and_its_result_is_dropped(provider: ModelServer) -> None:
    """The handler is rid of it at once; what the thread returns later is not recorded."""
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    @tool
    def block() -> str:
        """Block until the test has seen enough."""
        entered.set()
        leave.wait(20.0)
        left.set()
        return "too late"

    @workflow
    async def gives_up() -> str:
        try:
            async with asyncio.timeout(0.5):
                await block()
        except TimeoutError:
            return "gave up"
        return ""

    ended = go(gives_up, provider)

    assert ended.result == "gave up"
    assert entered.is_set()
    assert not left.is_set()
    leave.set()
    assert left.wait(20.0)
    assert "too late" not in ended.text()


def test_a_failure_because_of_the_deadline_is_an_expiry(provider: ModelServer) -> None:
    """Whatever is noticed first: the tool's end, or the turn's own."""

    @workflow
    async def wraps() -> str:
        try:
            return await look_for_ever()
        except TimeoutError as error:
            message = "no luck"
            raise LookupError(message) from error

    ended = go(wraps, provider, seconds=0.3)

    assert outcomes(ended) == ["expired"]
    assert len(ended.of(StartEffect)) == 1
