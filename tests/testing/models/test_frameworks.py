"""Agent frameworks run unmodified against the server; one whole round trip each."""

import asyncio

import openai
from pydantic import BaseModel, SecretStr

from agentmesh.testing.models import ModelServer, Rule, ToolCall, ToolCalls
from tests.testing.models.helpers import TIMEOUT_SECONDS


class City(BaseModel):
    name: str
    people: int


def client(server: ModelServer) -> openai.AsyncOpenAI:
    """Make the client that a framework is given."""
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="any", timeout=TIMEOUT_SECONDS)


def test_the_openai_agents_sdk_calls_tools_streams_and_parses() -> None:
    """Tools in parallel, then the answer as a stream; then a structured one."""
    from agents import (
        Agent,
        OpenAIChatCompletionsModel,
        Runner,
        function_tool,
        set_tracing_disabled,
    )

    set_tracing_disabled(disabled=True)

    @function_tool
    def population(city: str) -> int:
        """Count the people in a city."""
        return len(city)

    both = ToolCalls(
        ToolCall("population", {"city": "Oslo"}), ToolCall("population", {"city": "Ur"})
    )
    rules = [Rule(contains="Compare", answer=both)]

    async def program(server: ModelServer) -> tuple[object, object]:
        async with client(server) as opened:
            model = OpenAIChatCompletionsModel("sim-small", opened)
            agent = Agent(name="guide", model=model, tools=[population])
            run = Runner.run_streamed(agent, "Compare Oslo and Ur")
            async for _ in run.stream_events():
                pass
            typed = Agent(name="typed", model=model, output_type=City)
            parsed = await Runner.run(typed, "Name a city")
            return run.final_output, parsed.final_output

    with ModelServer(rules=rules, seed=7) as server:
        text, city = asyncio.run(program(server))

    assert text == (
        "Simulated answer to: Compare Oslo and Ur (population said 4; population said 2)"
    )
    assert isinstance(city, City)


def test_pydantic_ai_calls_its_tool_and_then_its_output_tool() -> None:
    """It requires a call in every turn, its own output tool being the last."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    asked = []

    async def program(server: ModelServer) -> tuple[City, int]:
        async with client(server) as opened:
            model = OpenAIChatModel("sim-small", provider=OpenAIProvider(openai_client=opened))
            agent = Agent(model, output_type=City)

            @agent.tool_plain
            def population(city: str) -> int:
                asked.append(city)
                return 7

            result = await agent.run("How many people live in Oslo?")
            return result.output, result.usage.requests

    with ModelServer(seed=7) as server:
        city, requests = asyncio.run(program(server))

    assert isinstance(city, City)
    assert len(asked) == 1
    assert requests == 2


def test_langchain_asks_streams_parses_and_embeds() -> None:
    """Its four usual ways to use a provider."""
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    async def program(server: ModelServer) -> tuple[str, str, object, int]:
        async with client(server) as opened:
            model = ChatOpenAI(
                model="sim-small",
                api_key=SecretStr("any"),
                base_url=server.base_url,
                root_async_client=opened,
                async_client=opened.chat.completions,
            )
            whole = await model.ainvoke("hello")
            streamed = "".join([str(chunk.content) async for chunk in model.astream("hello")])
            city = await model.with_structured_output(City).ainvoke("Name a city")
            embeddings = OpenAIEmbeddings(
                model="sim-embedding",
                api_key=SecretStr("any"),
                base_url=server.base_url,
                check_embedding_ctx_length=False,
                async_client=opened.embeddings,
            )
            vector = await embeddings.aembed_query("hello")
            return str(whole.content), streamed, city, len(vector)

    with ModelServer(seed=7) as server:
        whole, streamed, city, dimensions = asyncio.run(program(server))

    assert whole == streamed == "Simulated answer to: hello"
    assert isinstance(city, City)
    assert dimensions == 256
