"""Worlds whose causal graph is known: what is asked for again is what was affected, exactly."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agentmesh as am
from tests.counterfactual import programs
from tests.counterfactual.programs import Graph, value_of

_names = (f"g{number}" for number in count())


@dataclass(frozen=True)
class Case:
    """A graph, and another value for one of its nodes."""

    graph: Graph
    node: int
    value: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a graph of a few nodes: chains, forks, joins, AND and OR."""
    size = draw(st.integers(1, 5))
    parents = [
        draw(st.lists(st.integers(0, node - 1), unique=True, max_size=3)) if node else []
        for node in range(size)
    ]
    kinds = draw(st.lists(st.sampled_from(["or", "and", "sum"]), min_size=size, max_size=size))
    node, value = draw(st.integers(0, size - 1)), draw(st.integers(0, 7))
    return Case(Graph(parents=parents, kinds=kinds), node, value)


def evaluated(graph: Graph, node: int = -1, value: int = 0) -> list[tuple[list[int], int]]:
    """Return inputs and value of each node, one of them set to something else."""
    found: list[tuple[list[int], int]] = []
    for number, parents in enumerate(graph.parents):
        inputs = [found[each][1] for each in parents]
        comes_to = value_of(graph.kinds[number], inputs)
        found.append((inputs, value if number == node else comes_to))
    return found


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for runs of graphs."""
    return tmp_path_factory.mktemp("graphs")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_effects_are_asked_for_again_exactly_where_their_inputs_changed(
    case: Case, graphs: Path
) -> None:
    """Answers are deterministic: the truth is known, and so is which calls are affected."""
    name, store = next(_names), str(graphs)
    am.run(programs.evaluate, case.graph, local=True, store=store, run_id=name, quiet=True)
    before = evaluated(case.graph)
    after = evaluated(case.graph, case.node, case.value)
    affected = [
        f"Node/n{number} tool compute"
        for number, (one, other) in enumerate(zip(before, after, strict=True))
        if one[0] != other[0]
    ]
    programs.CALLS.clear()
    edit = am.edit.result(case.value, f"Node/n{case.node}@2")
    report = am.fork(name, edit=edit, policy="live", store=store)
    assert sorted(report.effects_issued) == sorted(affected)
    assert len(programs.CALLS) == len(affected)
    assert report.result == [value for _, value in after]
    assert {each for each in report.cone if each.startswith("Node")} == {
        f"Node/n{case.node}",
        *(each.split()[0] for each in affected),
    }
    assert am.replay_run(report.run_id, store=store).identical
    assert not am.audit_run(report.run_id, store=store).violations


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), place=st.floats(0, 1))
def test_a_branch_without_a_change_is_a_replay_wherever_it_begins(
    case: Case, place: float, graphs: Path
) -> None:
    """Every event has the same commands, and no code runs."""
    name, store = next(_names), str(graphs)
    am.run(programs.evaluate, case.graph, local=True, store=store, run_id=name, quiet=True)
    with am.open_run(name, store=store) as run:
        at = int(place * (len(run.order()) - 1))
        report = am.fork(run, at=at)
        with am.open_run(report.run_id, store=store) as branch:
            for address in run.addresses():
                assert list(branch.steps(address)) == list(run.steps(address))
    assert (report.executed, report.effects_issued) == (0, [])
