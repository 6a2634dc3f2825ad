"""Four frameworks in four turns of one agent at once, with tools and a model that take their time.

Runs twice in one process: the second time everything is imported, cached and warm, which
no replay of it is.
"""

import asyncio
import secrets
import warnings
from operator import add
from typing import Annotated, Any, TypedDict

import anyio
from agents import Agent as SdkAgent
from agents import OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.types import Send
from langgraph.warnings import LangGraphDeprecatedSinceV10
from pydantic import SecretStr
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Latency, Rule, ToolCall, ToolCalls, Uniform

set_tracing_disabled(disabled=True)
warnings.filterwarnings("ignore", category=LangGraphDeprecatedSinceV10)

CITIES = ("Oslo", "Bern", "Rome", "Bonn", "Riga", "Turin")
QUESTIONS = ("one", "two", "three")


class Report(am.Message):
    text: str
    degrees: int


@am.tool
async def weather(city: str) -> str:
    """Look up the weather of a city, which takes a while and is never the same."""
    await asyncio.sleep(secrets.randbelow(40) / 1000)
    return f"{city}: {secrets.randbelow(30)} degrees"


class State(TypedDict):
    city: str
    found: Annotated[list[str], add]


async def look(state: State) -> dict[str, list[str]]:
    return {"found": [await weather(state["city"])]}


def spread(state: State) -> list[Send]:
    return [Send("look", state | {"city": city}) for city in CITIES]


def thread(name: str) -> dict[str, dict[str, str]]:
    return {"configurable": {"thread_id": name}}


def asked(text: str) -> dict[str, list[tuple[str, str]]]:
    return {"messages": [("user", text)]}


@am.agent(concurrency=4)
class Busy:
    @am.handler
    async def agents_sdk(self) -> list[str]:
        model = OpenAIChatCompletionsModel(am.endpoint().model, openai_client=am.openai())
        ada = SdkAgent[None](name="Ada", model=model, tools=[function_tool(weather)])
        answers = await asyncio.gather(*(Runner.run(ada, text) for text in QUESTIONS))
        streamed = Runner.run_streamed(ada, "stream")
        return [
            *(str(answer.final_output) for answer in answers),
            *[event.type async for event in streamed.stream_events()],
        ]

    @am.handler
    async def pydantic_ai(self) -> list[str]:
        provider = OpenAIProvider(openai_client=am.openai())
        model = OpenAIChatModel(am.endpoint().model, provider=provider)
        typed = PydanticAgent(model, tools=[weather], output_type=Report)
        plain = PydanticAgent(model, tools=[weather])
        answers = await asyncio.gather(*(typed.run(text) for text in QUESTIONS))
        async with plain.run_stream("stream") as streamed:
            pieces = [piece async for piece in streamed.stream_text(delta=True)]
        return [*(str(answer.output) for answer in answers), *pieces]

    @am.handler
    async def langgraph(self) -> list[str]:
        graph = StateGraph(State)
        graph.add_node("look", look)
        graph.add_conditional_edges(START, spread, ["look"])
        spreading: Any = graph.compile(checkpointer=InMemorySaver())
        found = await spreading.ainvoke({"city": "", "found": []}, thread("graph"))
        where = am.endpoint()
        chat = ChatOpenAI(
            model=where.model,
            base_url=where.base_url,
            api_key=SecretStr(where.api_key),
            http_async_client=am.http_client(),
            streaming=True,
        )
        prebuilt: Any = create_react_agent(chat, [weather], checkpointer=InMemorySaver())
        answers = await asyncio.gather(
            *(prebuilt.ainvoke(asked(text), thread(text)) for text in QUESTIONS)
        )
        modes = ["messages", "updates"]
        streamed = prebuilt.astream(asked("stream"), thread("stream"), stream_mode=modes)
        events = prebuilt.astream_events(asked("events"), thread("events"), version="v2")
        return [
            *found["found"],
            *(str(message.id) for answer in answers for message in answer["messages"]),
            *[mode async for mode, _ in streamed],
            *[f"{event['event']} {event['run_id']}" async for event in events],
        ]

    @am.handler
    async def anyio_groups(self) -> list[str]:
        said: list[str] = []
        limiter, done = anyio.CapacityLimiter(2), anyio.Event()

        async def visit(city: str) -> None:
            async with limiter:
                with anyio.move_on_after(0.03) as limit:
                    said.append(await weather(city))
                said.append(f"{city} {limit.cancelled_caught}")
            if city == CITIES[3]:
                done.set()

        async def fail() -> None:
            await anyio.sleep(0.01)
            raise ValueError(len(said))

        async with anyio.create_task_group() as group:
            for city in CITIES:
                group.start_soon(visit, city)
            await done.wait()
            said.append("done")
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                group.start_soon(anyio.sleep, 30)
        except* ValueError as errors:
            said.append(str(errors.exceptions))
        return said


@am.workflow(deadline="1m")
async def main() -> list[list[str]]:
    busy = am.ref(Busy)
    asks = (busy.agents_sdk(), busy.pydantic_ai(), busy.langgraph(), busy.anyio_groups())
    return list(await asyncio.gather(*asks))


RULES = [
    Rule(tool="weather", answer=ToolCalls(*(ToolCall("weather", {"city": c}) for c in CITIES))),
    Rule(tool="final_result", answer=ToolCalls("final_result")),
]

if __name__ == "__main__":
    latency = Latency(
        first_token=Uniform(low_seconds=0, high_seconds=0.05),
        per_token=Uniform(low_seconds=0, high_seconds=0.002),
    )
    with ModelServer(rules=RULES, latency=latency) as server:
        settings = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        for _ in range(2):
            am.run(main, settings=settings)
