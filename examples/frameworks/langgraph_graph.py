"""LangGraph, unmodified, inside a handler: a graph with branches, and its prebuilt agent.

LangChain's model gets `am.http_client()`, an HTTP client whose requests are recorded, and
where the run's model is. The graph sorts what comes in; questions go to two nodes at once,
one of them the prebuilt agent with its tools, and their findings meet again. Nodes and tools
that ask the world call an `@am.tool`; nodes that only compute may be synchronous.

    python examples/frameworks/langgraph_graph.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/frameworks/langgraph_graph.py   # without Ray
    agentmesh replay                                                  # without the model

Without OPENAI_API_KEY or OPENAI_BASE_URL the model is simulated. Needs the extra `frameworks`.

Expected output, with the simulated model:

    Where is my order 17? -> question -> Order 17 left Bern today. | Open until 18:00.
    Thank you! -> thanks -> You are welcome.
"""

import os
import warnings
from operator import add
from typing import Annotated, Literal, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.warnings import LangGraphDeprecatedSinceV10
from pydantic import SecretStr

import agentmesh as am
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Rule, ToolCall, ToolCalls

# LangGraph's prebuilt agent is about to move to another package.
warnings.filterwarnings("ignore", category=LangGraphDeprecatedSinceV10)


class Mail(am.Message):
    """What somebody wrote."""

    text: str


class State(TypedDict):
    """What travels along the graph."""

    text: str
    kind: str
    findings: Annotated[list[str], add]


@am.tool(timeout=10)
async def track(order: int) -> str:
    """Look up where an order is."""
    return f"order {order} left Bern"


@am.tool(timeout=10)
async def opening_hours() -> str:
    """Look up when the shop is open."""
    return "Open until 18:00."


def chat_model() -> ChatOpenAI:
    """Return LangChain's chat model on the run's model."""
    where = am.endpoint()
    return ChatOpenAI(
        model=where.model,
        base_url=where.base_url,
        api_key=SecretStr(where.api_key),
        http_async_client=am.http_client(),
    )


def sort_out(state: State) -> dict[str, str]:
    """Tell questions from thanks: a synchronous node."""
    return {"kind": "question" if "?" in state["text"] else "thanks"}


def branch(state: State) -> list[Literal["clerk", "hours", "thanks"]]:
    """Send questions to two nodes at once."""
    return ["clerk", "hours"] if state["kind"] == "question" else ["thanks"]


async def clerk(state: State) -> dict[str, list[str]]:
    """Let the prebuilt agent find an answer with its tools."""
    agent = create_react_agent(chat_model(), [track])
    answer = await agent.ainvoke({"messages": [("user", state["text"])]})
    return {"findings": [answer["messages"][-1].content]}


async def hours(state: State) -> dict[str, list[str]]:  # noqa: ARG001 - every node gets it
    """Add when the shop is open."""
    return {"findings": [await opening_hours()]}


def thanks(state: State) -> dict[str, list[str]]:  # noqa: ARG001 - every node gets it
    """Be polite."""
    return {"findings": ["You are welcome."]}


@am.agent
class Mailroom:
    """A LangGraph graph behind a handler."""

    @am.handler
    async def handle(self, mail: Mail) -> str:
        """Send a mail through the graph."""
        graph = StateGraph(State)
        graph.add_node("sort_out", sort_out)
        graph.add_node("clerk", clerk)
        graph.add_node("hours", hours)
        graph.add_node("thanks", thanks)
        graph.add_edge(START, "sort_out")
        graph.add_conditional_edges("sort_out", branch)
        for last in ("clerk", "hours", "thanks"):
            graph.add_edge(last, END)
        done = await graph.compile().ainvoke({"text": mail.text, "kind": "", "findings": []})
        return f"{mail.text} -> {done['kind']} -> {' | '.join(done['findings'])}"


@am.workflow(deadline="5m")
async def main() -> list[str]:
    """Handle two mails."""
    mailroom = am.ref(Mailroom)
    texts = ("Where is my order 17?", "Thank you!")
    return [await mailroom.handle(Mail(text=text)) for text in texts]


SIMULATED = [
    Rule(tool="track", answer=ToolCalls(ToolCall("track", {"order": 17}))),
    Rule(answer="Order 17 left Bern today."),
]
"""What the simulated model says, first match first."""


def run() -> list[str]:
    """Run with the model that is configured, or with a simulated one."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return am.run(main)
    with ModelServer(rules=SIMULATED) as server:
        simulated = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        return am.run(main, settings=simulated)


if __name__ == "__main__":
    print("\n".join(run()))
