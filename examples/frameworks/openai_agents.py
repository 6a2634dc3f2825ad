"""The OpenAI Agents SDK, unmodified, inside a handler: parallel tools, a handoff, a stream.

What it is given is `am.openai()`: an ordinary `AsyncOpenAI` whose requests are recorded. The
concierge asks for the weather of two cities at once and then hands over to the packer, whose
answer is streamed. The run replays without network or key.

    python examples/frameworks/openai_agents.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/frameworks/openai_agents.py   # without Ray
    agentmesh replay                                                # again, without the model

Without OPENAI_API_KEY or OPENAI_BASE_URL the model is simulated. Needs the extra `frameworks`.

Expected output, with the simulated model:

    [Concierge asks for weather]
    [Concierge asks for weather]
    [Packer takes over]
    Take an umbrella to Bergen and sunglasses to Rome.
"""

import os
from collections.abc import AsyncIterator

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai.types.responses import ResponseTextDeltaEvent

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Rule, ToolCall, ToolCalls

# The SDK's tracing would send spans from a thread of its own. The journal has it all anyway.
set_tracing_disabled(disabled=True)


class Trip(am.Message):
    """Where somebody wants to go."""

    wish: str


@function_tool
@am.tool(timeout=10)
async def weather(city: str) -> str:
    """Look up the weather of a city."""
    return f"{city}: {'rain' if city == 'Bergen' else 'sun'}"


@am.agent
class TravelDesk:
    """Two agents of the SDK behind one handler."""

    @am.handler
    async def advise(self, trip: Trip) -> AsyncIterator[str]:
        """Yield what happens, and the answer piece by piece."""
        model = OpenAIChatCompletionsModel(am.endpoint().model, openai_client=am.openai())
        packer = Agent(name="Packer", instructions="Say what to pack.", model=model)
        concierge = Agent(
            name="Concierge",
            instructions="Look up the weather of each city, then hand over to the packer.",
            model=model,
            tools=[weather],
            handoffs=[packer],
        )
        answer = Runner.run_streamed(concierge, trip.wish)
        async for event in answer.stream_events():
            if event.type == "run_item_stream_event" and event.name == "tool_called":
                yield f"[{answer.current_agent.name} asks for weather]\n"
            elif event.type == "agent_updated_stream_event" and event.new_agent is packer:
                yield f"[{event.new_agent.name} takes over]\n"
            elif event.type == "raw_response_event" and isinstance(
                event.data, ResponseTextDeltaEvent
            ):
                yield event.data.delta


@am.workflow(deadline="5m")
async def main(trip: Trip) -> str:
    """Ask for advice."""
    return "".join([piece async for piece in am.ref(TravelDesk).advise(trip)])


SIMULATED = [
    Rule(
        tool="weather",
        answer=ToolCalls(
            ToolCall("weather", {"city": "Bergen"}), ToolCall("weather", {"city": "Rome"})
        ),
    ),
    Rule(tool="transfer_to_packer", answer=ToolCalls("transfer_to_packer")),
    Rule(answer="Take an umbrella to Bergen and sunglasses to Rome."),
]
"""What the simulated model says, first match first."""


def run(trip: Trip) -> str:
    """Run with the model that is configured, or with a simulated one."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return am.run(main, trip)
    with ModelServer(rules=SIMULATED) as server:
        simulated = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        return am.run(main, trip, settings=simulated)


if __name__ == "__main__":
    print(run(Trip(wish="We go to Bergen, then to Rome.")))
