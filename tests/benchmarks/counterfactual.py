"""Counterfactuals against the truth: effects, intervals, samples saved, and what is asked again.

Graphs are small and known (`causal_programs`), so that each figure has an exact one beside it.
"""

import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import agentmesh as am
from agentmesh.counterfactual.statistics.comparing import Comparison
from agentmesh.host.entry import import_file
from agentmesh.mesh.experiment.report import Compared
from agentmesh.mesh.simulating import simulate
from tests.benchmarks.causal_programs import (
    GRAPHS,
    Case,
    affected,
    answers,
    causal,
    expected,
    observed,
)
from tests.benchmarks.table import Row

EXPERIMENTS = 16
SAMPLES = 60
WALKS = 250
LOOKS = 150
SHARED_CHANCE_SEEDS = 25
NOISES = 6
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "experiment.py"


def measure() -> list[Row]:
    """Everything is seeded: the figures are the same on every machine."""
    with tempfile.TemporaryDirectory() as store:
        return [
            *_effects(store),
            *_coverage(),
            _shared_chance(store),
            *_reuse(store),
        ]


def _effects(store: str) -> list[Row]:
    """Of each graph, what `a` does to `y`: estimated in experiments, and the truth."""
    rows, covered = [], []
    for graph in GRAPHS:
        truth = expected(graph, {"a": 1}) - expected(graph, {"a": 0})
        errors = []
        for seed in range(EXPERIMENTS):
            found = _experiment(graph, seed, store)
            errors.append(abs(found.difference - truth))
            covered.append(found.low <= truth <= found.high)
        rows.append(
            Row(
                name=f"{graph}: estimated effect less the true {truth:+.3f}, absolute",
                unit="of score",
                values=errors,
                target=0.1,
                at_least=False,
            )
        )
    seen = observed("confounder")
    truth = expected("confounder", {"a": 1}) - expected("confounder", {"a": 0})
    rows.append(
        Row(
            name="confounder: what only looking would be wrong by",
            unit="of score",
            values=[abs(seen - truth)],
        )
    )
    share = sum(covered) / len(covered)
    rows.append(_at_least(f"{len(covered)} experiments whose interval has the truth", share))
    return rows


def _experiment(graph: str, seed: int, store: str) -> Compared:
    """Return what setting `a` changes; as many samples as there are, whatever is clear before."""
    report = am.experiment(
        causal,
        {
            "off": am.arm(effects=answers({"a": 0})),
            "on": am.arm(effects=answers({"a": 1})),
        },
        lambda sample: sample.result["y"],
        message=Case(graph=graph),
        alpha=0.05,
        samples=SAMPLES,
        seed=seed,
        control=False,
        futility=False,
        stop=False,
        processes=1,
        store=store,
    )
    found = report.arm("on").comparison
    assert found is not None
    return found


def _coverage() -> list[Row]:
    """Pairs without any program: intervals that are looked at after each of many."""
    rows = []
    for name, one, other, shared in (
        ("no difference, chance of its own", 0.6, 0.6, False),
        ("a difference of 0.1, shared chance", 0.5, 0.6, True),
        ("a difference of 0.1, chance of its own", 0.5, 0.6, False),
        ("rare failures", 0.98, 0.99, False),
    ):
        missed = sum(
            _misses(random.Random(f"{name}:{walk}"), one, other, shared=shared)
            for walk in range(WALKS)
        )
        title = f"intervals after each of {LOOKS} pairs hold, {name}"
        rows.append(_at_least(title, 1 - missed / WALKS))
    return rows


def _misses(chance: random.Random, one: float, other: float, *, shared: bool) -> bool:
    comparison = Comparison()
    for _ in range(LOOKS):
        first = chance.random()
        second = first if shared else chance.random()
        comparison.take(float(first < one), float(second < other))
        comparison.look()
        found = comparison.interval
        if not found.low <= other - one <= found.high:
            return True
    return False


def _at_least(name: str, share: float) -> Row:
    return Row(name=name, unit="of them", values=[share], target=0.95)


def _shared_chance(store: str) -> Row:
    """The example experiment, first two arms: samples until it is decided."""
    plan = import_file(str(EXAMPLE)).thinking
    arms = dict(list(plan.arms.items())[:2])
    counts: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(SHARED_CHANCE_SEEDS):
        for paired, found in counts.items():
            report = replace(
                plan,
                arms=arms,
                paired=paired,
                seed=seed,
                control=False,
                futility=False,
                processes=1,
                store=store,
            ).run()
            found.append(report.samples)
    medians = {paired: statistics.median(found) for paired, found in counts.items()}
    return Row(
        name="samples until decided, the example experiment, shared chance",
        unit="samples an arm",
        values=counts[True],
        baseline="chance of its own",
        baseline_values=counts[False],
        ratios=[medians[True] / medians[False]],
        target=0.6,
        at_least=False,
    )


def _reuse(store: str) -> Iterator[Row]:
    """Branches that set one node: which tools are asked again, and which have to be."""
    exact, asked, all_calls = [], 0, 0
    for graph, nodes in GRAPHS.items():
        for number in range(NOISES):
            chance = random.Random(f"{graph}:{number}")
            noise = {name: chance.random() for name in nodes}
            run_id = f"{graph}-{number}"
            simulate(
                causal,
                Case(graph=graph, noise=noise),
                effects=answers({}),
                store=store,
                run_id=run_id,
            )
            for node, wanted, issued in _branches(graph, noise, run_id, store):
                exact.append(wanted == issued)
                asked += len(issued)
                all_calls += len(nodes) - 1  # all but the one that is set
                assert exact[-1], (graph, noise, node, wanted, issued)
    yield Row(
        name=f"{len(exact)} branches that ask again just what is causally affected",
        unit="of them",
        values=[sum(exact) / len(exact)],
        target=1.0,
    )
    yield Row(
        name="calls asked again, of those of a run anew",
        unit="of them",
        values=[asked / all_calls],
    )


def _branches(
    graph: str, noise: dict[str, float], run_id: str, store: str
) -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield each node with what has to be asked again and what was."""
    with am.open_run(run_id, store=store) as run:
        for node in GRAPHS[graph]:
            address = f"Variable/{node}"
            (end,) = [
                step.number for step in run.steps(address) if type(step.event).__name__ == _ENDED
            ]
            value = 1 - run.info.result[node]
            report = am.fork(
                run, edit=am.edit.result(value, f"{address}@{end}"), answers=answers({})
            )
            issued = {each.split()[0].partition("/")[2] for each in report.effects_issued}
            yield node, affected(graph, noise, node, value), issued


_ENDED = "EffectFinished"
