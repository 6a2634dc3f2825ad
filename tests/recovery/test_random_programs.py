"""Random agent programs, cut short anywhere and resumed, come to an end that replays."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st

from agentmesh.errors import DeadlineExceededError, ResumeError, WorkCancelledError
from agentmesh.host import checkpoints
from agentmesh.mesh.auditing import audit_run
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.workflow import workflow_type_of
from tests.recovery.cuts import cut_copy, records_of
from tests.recovery.recorded import drive_on, logs_of, resumed
from tests.replay import program_strategies as strategies
from tests.replay.random_programs import Batch, Operation, many

_serial = itertools.count()

_DEADLINE_SECONDS = 10
"""Two chains of asks may wait for each other: a deadline ends them, and nothing goes on then."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all runs of this module."""
    return tmp_path_factory.mktemp("store")


def record(store: Path, programs: list[list[Operation]]) -> Path:
    """Run some programs, and leave the journal as a crash at the end would."""
    options = RunOptions(
        local=True,
        store=str(store),
        run_id=f"r{next(_serial)}",
        quiet=True,
        drain_seconds=0.2,
        deadline=_DEADLINE_SECONDS,
    )
    workflow = workflow_type_of(many)
    plan = plan_for(workflow, Batch(programs=programs), options)
    Execution(plan, workflow, options).drive()
    return store / plan.run_id


def interrupt(run: Path, where: float) -> Path:
    """Return a copy of a run whose last log is cut somewhere."""
    last = logs_of(run)[-1]
    records = records_of(last)
    cut = run.parent / f"{run.name}-cut" / run.name
    cut_copy(run, cut, last.name, records[: round(where * len(records))])
    return cut


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    programs=st.lists(strategies.operations(), min_size=1, max_size=3),
    segment_bytes=st.sampled_from([1, 400, 2000, 10000, checkpoints.SEGMENT_BYTES]),
    cuts=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_any_program_that_is_cut_short_goes_on_and_replays(
    programs: list[list[Operation]], segment_bytes: int, cuts: list[float], store: Path
) -> None:
    """Each life is cut short as well; a racy program may end otherwise, but it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "SEGMENT_BYTES", segment_bytes)
        run = record(store, programs)
        try:
            for where in cuts[:-1]:
                run = drive_on(interrupt(run, where))
            run = interrupt(run, cuts[-1])
            outcome = resumed(run)
        except ResumeError as error:
            assert "The time of the run" in error.what  # noqa: PT017 - nothing else is refused
            reject()
    event(f"{len(logs_of(run))} logs")

    # asyncio itself lets a cancellation escape where a timeout meets a failing group.
    ends = (WorkCancelledError, DeadlineExceededError)
    assert outcome.error is None or isinstance(outcome.error, ends), outcome.error
    report = audit_run(run.name, store=str(run.parent))
    assert report.clean, [str(each) for each in report.findings]
    assert report.settled
