"""Pydantic AI, unmodified, inside a handler: tools, and an answer in the form of a message.

What it is given is `am.openai()`: an ordinary `AsyncOpenAI` whose requests are recorded. The
model looks two prices up at once, has them added, and answers with a `Quote`. A tool that asks
the world is an `@am.tool`; one that only computes may be any function, synchronous too.

    python examples/frameworks/pydantic_ai_agent.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/frameworks/pydantic_ai_agent.py   # without Ray
    agentmesh replay                                                    # without the model

Without OPENAI_API_KEY or OPENAI_BASE_URL the model is simulated. Needs the extra `frameworks`.

Expected output, with the simulated model:

    One lamp and two bulbs: 45.00 euros
    The clerk used 3 tool calls.
"""

import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Rule, ToolCall, ToolCalls


class Order(am.Message):
    """What somebody wants."""

    text: str


class Quote(am.Message):
    """What it would cost."""

    what: str
    euros: float


class Offer(am.Message):
    """A quote, and what it took."""

    quote: Quote
    tool_calls: int


@am.tool(timeout=10)
async def price(item: str) -> float:
    """Look up the price of one piece in euros."""
    return {"lamp": 40.0, "bulb": 2.5}.get(item, 10.0)


def add(prices: list[float]) -> float:
    """Add prices up."""
    return sum(prices)


@am.agent
class Clerk:
    """A Pydantic AI agent behind a handler."""

    @am.handler
    async def offer(self, order: Order) -> Offer:
        """Quote an order."""
        provider = OpenAIProvider(openai_client=am.openai())
        clerk = Agent(
            OpenAIChatModel(am.endpoint().model, provider=provider),
            instructions="Look up the price of each item, add them up, and quote the total.",
            tools=[price, add],
            output_type=Quote,
        )
        result = await clerk.run(order.text)
        return Offer(quote=result.output, tool_calls=result.usage.tool_calls)


@am.workflow(deadline="5m")
async def main(order: Order) -> Offer:
    """Ask for an offer."""
    return await am.ref(Clerk).offer(order)


SIMULATED = [
    Rule(
        tool="price",
        answer=ToolCalls(ToolCall("price", {"item": "lamp"}), ToolCall("price", {"item": "bulb"})),
    ),
    Rule(tool="add", answer=ToolCalls(ToolCall("add", {"prices": [40.0, 2.5, 2.5]}))),
    Rule(
        tool="final_result",
        answer=ToolCalls(
            ToolCall("final_result", {"what": "One lamp and two bulbs", "euros": 45.0})
        ),
    ),
]
"""What the simulated model says, first match first."""


def run(order: Order) -> Offer:
    """Run with the model that is configured, or with a simulated one."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return am.run(main, order)
    with ModelServer(rules=SIMULATED) as server:
        simulated = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        return am.run(main, order, settings=simulated)


if __name__ == "__main__":
    made = run(Order(text="A lamp and two bulbs, please."))
    print(f"{made.quote.what}: {made.quote.euros:.2f} euros")
    print(f"The clerk used {made.tool_calls} tool calls.")
