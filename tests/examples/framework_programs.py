"""Handlers in which a framework does something of its own: one program, run by a test.

Prints a JSON object: for each handler what it returned, or the error, and whether a
replay in this process diverged. Keys are the handlers' names.
"""

import json
import sys
from pathlib import Path
from typing import Any, TypedDict

from agents import Agent as SdkAgent
from agents import OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from langchain_openai import ChatOpenAI
from langgraph.graph import START, StateGraph
from openai import AsyncOpenAI
from pydantic import SecretStr
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Rule, ToolCall, ToolCalls

set_tracing_disabled(disabled=True)


class Case(am.Message):
    name: str


class State(TypedDict):
    text: str


def shout(text: str) -> str:
    """Only computes."""
    return text.upper()


def read_notes(text: str) -> str:
    """Opens a file."""
    return Path(text).read_text()


def sdk_agent(**options: Any) -> SdkAgent:
    model = OpenAIChatCompletionsModel(am.endpoint().model, openai_client=am.openai())
    return SdkAgent(name="Ada", model=model, **options)


def pydantic_agent(*tools: Any) -> PydanticAgent:
    provider = OpenAIProvider(openai_client=am.openai())
    return PydanticAgent(OpenAIChatModel(am.endpoint().model, provider=provider), tools=tools)


def graph_of(*nodes: Any) -> Any:
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node)
        graph.add_edge(START, node.__name__)
    return graph.compile()


def shouting(state: State) -> State:
    return State(text=shout(state["text"]))


def reading(state: State) -> State:
    return State(text=read_notes(state["text"]))


def idling(state: State) -> None:
    del state


@am.agent
class Frameworks:
    @am.handler
    async def sdk_computes(self) -> str:
        return str((await Runner.run(sdk_agent(tools=[function_tool(shout)]), "hi")).final_output)

    @am.handler
    async def sdk_reads(self) -> str:
        reads = function_tool(read_notes, failure_error_function=None)
        return str((await Runner.run(sdk_agent(tools=[reads]), "hi")).final_output)

    @am.handler
    async def sdk_runs_synchronously(self) -> str:
        return str(Runner.run_sync(sdk_agent(), "hi").final_output)

    @am.handler
    async def pydantic_ai_computes(self) -> str:
        return (await pydantic_agent(shout).run("hi")).output

    @am.handler
    async def pydantic_ai_reads(self) -> str:
        return (await pydantic_agent(read_notes).run("hi")).output

    @am.handler
    async def pydantic_ai_runs_synchronously(self) -> str:
        return pydantic_agent().run_sync("hi").output

    @am.handler
    async def graph_computes(self) -> str:
        return str((await graph_of(shouting).ainvoke({"text": "hi"}))["text"])

    @am.handler
    async def graph_reads(self) -> str:
        return str((await graph_of(reading).ainvoke({"text": "hi"}))["text"])

    @am.handler
    async def graph_runs_synchronously(self) -> str:
        return str(graph_of(shouting, idling).invoke({"text": "hi"})["text"])

    @am.handler
    async def own_client(self) -> str:
        own = AsyncOpenAI(base_url=am.endpoint().base_url, api_key="any")
        asked = [{"role": "user", "content": "hi"}]
        await own.chat.completions.create(model="sim-small", messages=asked)  # type: ignore[arg-type]
        return "answered"

    @am.handler
    async def langchain_with_its_own_client(self) -> str:
        where = am.endpoint()
        key = SecretStr(where.api_key)
        chat = ChatOpenAI(model=where.model, base_url=where.base_url, api_key=key)
        return str((await chat.ainvoke("hi")).content)

    @am.handler
    async def langchain_synchronous(self) -> str:
        where = am.endpoint()
        key = SecretStr(where.api_key)
        chat = ChatOpenAI(model=where.model, base_url=where.base_url, api_key=key)
        return str(chat.invoke("hi").content)

    @am.handler(opaque=True)
    async def opaque_handler_has_threads_and_sockets(self) -> str:
        return str(graph_of(shouting, idling).invoke({"text": "hi"})["text"])


@am.workflow(deadline="1m")
async def main(case: Case) -> str:
    return str(await getattr(am.ref(Frameworks), case.name)())


RULES = [
    Rule(tool="shout", answer=ToolCalls(ToolCall("shout", {"text": "hi"}))),
    Rule(tool="read_notes", answer=ToolCalls(ToolCall("read_notes", {"text": "hi"}))),
]


def outcome_of(name: str, settings: dict[str, str]) -> dict[str, object]:
    try:
        said = am.run(main, Case(name=name), settings=settings, quiet=True)
    except am.AgentMeshError as error:
        kind = error.fields.get("type", type(error).__name__)
        found = {"error": kind, "what": error.what, "fix": error.fix}
    else:
        found = {"said": said}
    return found | {"divergences": len(am.replay_run().divergences)}


if __name__ == "__main__":
    with ModelServer(rules=RULES) as server:
        settings = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        names = [name for name in vars(Frameworks) if not name.startswith("_")]
        sys.stdout.write(json.dumps({name: outcome_of(name, settings) for name in names}))
