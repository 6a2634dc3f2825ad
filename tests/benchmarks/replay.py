"""How fast runs replay: one bound by messages, one bound by a model."""

import tempfile
import time
from collections.abc import Awaitable, Callable

import agentmesh as am
from agentmesh.testing.models import Fixed, Latency, ModelServer
from tests.benchmarks.replay_programs import (
    Work,
    bound_by_a_model,
    bound_by_messages,
    bound_by_one_way,
)
from tests.benchmarks.table import Row

ROUNDS = 5
TURNS = 20_000
CALLS = 15
FIRST_TOKEN_SECONDS = 1.0


def measure() -> list[Row]:
    """Record each run once, replay it several times on one core.

    Rates are per second of this process's own CPU time: the machine has other work.
    """
    with tempfile.TemporaryDirectory() as store:
        return [
            _messages(store, "one-way messages", bound_by_one_way),
            _messages(store, "asks, both ends", bound_by_messages),
            _model(store),
        ]


def _messages(store: str, name: str, workflow: Callable[[Work], Awaitable[int]]) -> Row:
    run_id = workflow.__name__
    am.run(workflow, Work(count=TURNS), local=True, store=store, run_id=run_id, quiet=True)
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        report = am.replay_run(run_id, store=store)
        assert report.identical
        rates.append(report.turns / (time.process_time() - started))
    return Row(name=f"replay, {name}", unit="turns/s per core", values=rates, target=20_000)


def _model(store: str) -> Row:
    latency = Latency(first_token=Fixed(seconds=FIRST_TOKEN_SECONDS))
    with ModelServer(latency=latency, seed=1) as server:
        settings = {"OPENAI_BASE_URL": server.base_url}
        started = time.perf_counter()
        am.run(
            bound_by_a_model,
            Work(count=CALLS),
            local=True,
            store=store,
            run_id="l",
            settings=settings,
            quiet=True,
        )
        recorded = time.perf_counter() - started
    am.replay_run("l", store=store)  # the first replay of a process imports the SDK
    seconds = []
    for _ in range(ROUNDS):
        report = am.replay_run("l", store=store)
        assert report.identical
        seconds.append(report.seconds)
    return Row(
        name=f"replay, model-bound ({CALLS} calls of {FIRST_TOKEN_SECONDS:g} s)",
        unit="s",
        values=seconds,
        baseline="as it ran",
        baseline_values=[recorded] * ROUNDS,
        invert=True,
        target=100,
    )
