"""Whatever a program does: streams, timers, races, cancelled turns, chance."""

import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.counterfactual.report import Report
from agentmesh.mesh.recorded_run import RecordedRun
from tests.replay import program_strategies, random_programs

_names = (f"p{number}" for number in count())
_EDITS: list[Callable[[tuple[str, int]], am.edit.Edit]] = [
    lambda event: am.edit.result("other", event),
    lambda event: am.edit.failure("no network", event),
    am.edit.ask_again,
    lambda event: am.edit.delay("3s", event),
    am.edit.drop,
    am.edit.duplicate,
]


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for runs of all sorts."""
    return tmp_path_factory.mktemp("anything")


def recorded(operations: list[random_programs.Operation], store: Path) -> RecordedRun:
    """Run a program, however it ends."""
    name = next(_names)
    program = random_programs.Program(operations=operations)
    with contextlib.suppress(Exception):  # programs fail, and branches of them must not
        am.run(random_programs.one, program, local=True, store=str(store), run_id=name, quiet=True)
    return am.open_run(name, store=str(store))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    operations=program_strategies.operations(),
    place=st.floats(0, 1),
    edit=st.sampled_from(_EDITS),
)
def test_branches_of_any_program_are_runs(
    operations: list[random_programs.Operation],
    place: float,
    edit: Callable[[tuple[str, int]], am.edit.Edit],
    anything: Path,
) -> None:
    """Without a change they are their parents; with one they replay, and an audit is content."""
    with recorded(operations, anything) as run:
        event = run.order().event(int(place * (len(run.order()) - 1)))
        same = am.fork(run, at=event.number)
        with am.open_run(same.run_id, store=str(anything)) as branch:
            for address in run.addresses():
                assert list(branch.steps(address)) == list(run.steps(address))
        assert same.executed == 0
        try:
            other = am.fork(run, edit=edit((event.address, event.step)), policy="resample")
        except am.UsageError:
            return  # it is about something else
        is_a_run(other, anything)


def is_a_run(report: Report, store: Path) -> None:
    """Make sure of a branch that it replays, and that nothing is wrong with it."""
    replayed = am.replay_run(report.run_id, store=str(store))
    assert replayed.identical, replayed.divergences[0]
    findings = [
        finding
        for check in am.audit_run(report.run_id, store=str(store)).checks
        for finding in check.findings
    ]
    assert not findings
