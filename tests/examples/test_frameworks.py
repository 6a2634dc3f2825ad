"""Frameworks that nobody here wrote, in handlers: recorded live, replayed without the model.

Where one reaches for a thread, socket or file of its own, the error says what to do.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.testing.models import ModelServer, Rule, ToolCalls
from tests.examples.running import (
    EXAMPLES,
    Ran,
    assert_as_expected,
    replay_elsewhere,
    run_example,
    run_file,
)

FRAMEWORKS = sorted(path.name for path in (EXAMPLES / "frameworks").glob("*.py"))
PROGRAM = Path(__file__).parent / "framework_programs.py"
BUSY = Path(__file__).parent / "busy_frameworks.py"

pytestmark = pytest.mark.slow


def effects(ran: Ran) -> list[tuple[str, int]]:
    """Return kind and step of all effects that were started, in order."""
    query = "SELECT effect_kind, step FROM events WHERE kind = 'start_effect' ORDER BY agent, step"
    with am.open_run("latest", store=str(ran.store)) as run:
        return [(row["effect_kind"], row["step"]) for row in run.sql(query).to_pylist()]


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """Run a framework's example; each is run once, whoever asks."""

    @cache
    def run(name: str) -> Ran:
        return run_example(f"frameworks/{name}", store=tmp_path_factory.mktemp("example"))

    return run


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_runs_unmodified_and_replays_without_the_model(
    name: str, run_once: Callable[[str], Ran]
):
    """The model server is a part of the example's process, and gone when it is replayed."""
    ran = run_once(name)

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert_as_expected(f"frameworks/{name}", ran.out)
    assert replay_elsewhere(ran)["divergences"] == []


def test_the_agents_sdk_calls_its_tools_in_parallel(run_once: Callable[[str], Ran]):
    """Both cities are asked for in the step that brought the model's calls."""
    ran = run_once("openai_agents.py")
    steps = [step for kind, step in effects(ran) if kind == "tool"]

    assert [kind for kind, _ in effects(ran)] == ["http", "tool", "tool", "http", "http"]
    assert steps[0] == steps[1]


def test_examples_use_the_model_that_is_configured(tmp_path: Path):
    """OPENAI_BASE_URL and OPENAI_MODEL switch to another endpoint without code changes."""
    price = Rule(tool="price", answer=ToolCalls("price"))
    total = Rule(tool="final_result", answer=ToolCalls("final_result"))
    with ModelServer(rules=[price, total]) as server:
        ran = run_example(
            "frameworks/pydantic_ai_agent.py",
            store=tmp_path,
            OPENAI_BASE_URL=server.base_url,
            OPENAI_API_KEY="sk-proj-1234567890abcdefghij",
            OPENAI_MODEL="some-model",
        )
        models = {request.model for request in server.requests}

    assert ran.code == 0, ran.err
    assert models == {"some-model"}
    assert replay_elsewhere(ran)["divergences"] == []


@pytest.mark.timeout(300)
def test_all_of_them_at_once_replay_whatever_finishes_first(tmp_path: Path):
    """Nobody knows in which order a hundred tools and answers come; the journal does.

    The first run imports and warms what the second one finds; each is replayed on its own.
    """
    ran = run_file(BUSY, store=tmp_path)
    assert (ran.code, ran.complaints) == (0, []), ran.err
    runs = [run.id for run in am.runs(store=str(ran.store))]

    assert len(runs) == 2
    for run in runs:
        replayed = replay_elsewhere(ran, run)
        assert replayed["divergences"] == []
        assert replayed["events"] > 500


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the handlers of `framework_programs` came to, all in one process."""
    ran = run_file(PROGRAM, store=tmp_path_factory.mktemp("programs"))
    assert (ran.code, ran.complaints) == (0, []), ran.err
    found: dict[str, dict[str, Any]] = json.loads(ran.out)
    return found


COMPUTED = {
    "sdk_computes": "Simulated answer to: hi (shout said HI)",
    "pydantic_ai_computes": "Simulated answer to: hi (shout said HI)",
    "graph_computes": "HI",
}


@pytest.mark.parametrize("name", COMPUTED)
def test_synchronous_tools_and_nodes_that_compute_just_work(name: str, outcomes: Any):
    """The SDK gives them to asyncio, Pydantic AI to anyio, LangGraph to an executor: no thread."""
    assert outcomes[name] == {"said": COMPUTED[name], "divergences": 0}


@pytest.mark.parametrize("name", ["sdk_reads", "pydantic_ai_reads", "graph_reads"])
def test_those_that_open_a_file_are_told_at_their_own_line_to_become_tools(
    name: str, outcomes: Any
):
    """Wherever the framework runs them, the error names the function and the way out."""
    text = outcomes[name]["what"] + outcomes[name]["fix"]

    assert "open('hi', 'r') was refused inside a handler, at framework_programs.py:" in text
    assert "(in read_notes)" in text
    assert "@am.tool" in text
    assert outcomes[name]["divergences"] == 0


def test_a_synchronous_graph_starts_threads_and_is_told_to_be_awaited(outcomes: Any):
    """`invoke` runs its nodes in a pool of threads."""
    found = outcomes["graph_runs_synchronously"]

    assert "ContextThreadPoolExecutor.submit" in found["what"]
    assert "(in graph_runs_synchronously)" in found["what"]
    assert "ainvoke" in found["fix"]
    assert "@am.handler(opaque=True)" in found["fix"]


def test_a_handler_that_is_one_effect_may_have_the_threads(outcomes: Any):
    """The other way that the error names."""
    found = outcomes["opaque_handler_has_threads_and_sockets"]

    assert found == {"said": "HI", "divergences": 0}


@pytest.mark.parametrize("name", ["sdk_runs_synchronously", "pydantic_ai_runs_synchronously"])
def test_what_runs_a_loop_of_its_own_is_told_that_one_runs_already(name: str, outcomes: Any):
    """As on any running loop; frameworks have an asynchronous version beside it."""
    assert outcomes[name]["error"] == "builtins.RuntimeError"
    assert "loop" in outcomes[name]["what"]


@pytest.mark.parametrize(
    "name", ["own_client", "langchain_with_its_own_client", "langchain_synchronous"]
)
def test_a_client_with_a_socket_of_its_own_is_told_which_clients_record(name: str, outcomes: Any):
    """The openai SDK, and LangChain on it, when nobody gave them am.http_client()."""
    found = outcomes[name]

    assert found["error"] == "EscapeError"
    assert "am.http_client()" in found["fix"]
    assert found["divergences"] == 0
