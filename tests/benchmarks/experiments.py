"""How experiments scale over cores: samples a second, alone and on all processors."""

import os
import tempfile
import time
from typing import Any

import agentmesh as am
from tests.benchmarks.simulation_programs import Rounds, hundred_messages
from tests.benchmarks.table import Row

ROUNDS = 3
SAMPLES = 150


def measure() -> list[Row]:
    """By the clock: cores that others use are not there for samples."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as store:
        alone, many = [], []
        for seed in range(ROUNDS):
            alone.append(_rate(store, seed, 1))
            many.append(_rate(store, seed, cores))
    return [
        Row(
            name=f"samples of 100 messages, an experiment on {cores} processes",
            unit="samples/s",
            values=many,
            baseline="on one",
            baseline_values=alone,
        )
    ]


def _rate(store: str, seed: int, processes: int) -> float:
    options: dict[str, Any] = {"message": Rounds(), "how": "world", "control": False, "stop": False}
    arms = {"one": am.arm(), "other": am.arm(settings={"other": "yes"})}
    started = time.perf_counter()
    report = am.experiment(
        hundred_messages,
        arms,
        samples=SAMPLES,
        futility=False,
        seed=seed,
        processes=processes,
        store=store,
        **options,
    )
    made = sum(one.samples for one in report.arms)
    assert made == 2 * SAMPLES
    return made / (time.perf_counter() - started)
