"""Random agent programs, run for real, replay identically in another process."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import agentmesh as am
from tests.replay import program_strategies as programs
from tests.replay import random_programs
from tests.replay.conftest import OtherProcess

_serial = itertools.count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all runs of this module."""
    return tmp_path_factory.mktemp("store")


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=programs.operations())
def test_any_program_run_locally_replays_without_divergence(
    operations: list[random_programs.Operation], store: Path, other_process: OtherProcess
) -> None:
    """Timers, tools, threads, races and failures: all of it is in the events."""
    run_id = f"local-{next(_serial)}"

    # asyncio itself lets a cancellation escape where a timeout meets a failing group.
    with contextlib.suppress(am.WorkCancelledError):
        am.run(
            random_programs.one,
            random_programs.Program(operations=operations),
            local=True,
            store=str(store),
            run_id=run_id,
            quiet=True,
        )
    found = other_process.replay(store, run_id)

    assert found.get("error") is None, found
    assert found["divergences"] == [], found["divergences"][0]["text"]
    assert found["turns"] >= 1
