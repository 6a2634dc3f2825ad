"""Telemetry: what an exporter beside a run takes from it, and whether a burst arrives whole."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import agentmesh as am
from agentmesh.journal.store import Store
from agentmesh.mesh import observing
from agentmesh.telemetry.bars import AgentBars
from agentmesh.telemetry.beside import Beside as Process
from agentmesh.telemetry.otlp import encode_spans, resource_of
from agentmesh.telemetry.settings import ENDPOINT, Capture
from agentmesh.telemetry.spans import SpanMaker
from tests.benchmarks.table import Row
from tests.benchmarks.telemetry_programs import Beside, Burst, burst
from tests.benchmarks.telemetry_programs import measure as measure_on_ray

ROUNDS, MESSAGES = 8, 20_000
BURST = 50_000
"""Messages of the burst: two spans each."""
PATIENCE_SECONDS = 300.0


def measure() -> list[Row]:
    """Compare rounds of one run; then count what arrives of a burst."""
    return [_overhead(), *_burst()]


def _overhead() -> Row:
    with tempfile.TemporaryDirectory() as store, _receiver() as receiver:
        asked = Beside(
            rounds=ROUNDS, messages=MESSAGES, store=store, run="run", endpoint=receiver.endpoint
        )
        found = am.run(measure_on_ray, asked, store=store, run_id="run", quiet=True, num_cpus=4)
    return Row(
        name="one-way, exporting beside it",
        unit="messages/s",
        values=[MESSAGES / seconds for seconds in found.exporting],
        baseline="not exporting",
        baseline_values=[MESSAGES / seconds for seconds in found.without],
        target=0.97,
    )


def _burst() -> list[Row]:
    made: list[Process] = []

    def kept(*arguments: object, **options: object) -> Process:
        made.append(Process(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    with (
        tempfile.TemporaryDirectory() as store,
        _receiver() as receiver,
        patch.object(observing, "Beside", kept),
        patch.dict("os.environ", {ENDPOINT: receiver.endpoint}),
    ):
        am.run(burst, Burst(messages=BURST), local=True, store=store, run_id="run", quiet=True)
        began = time.perf_counter()
        made[0].wait(PATIENCE_SECONDS)
        behind = time.perf_counter() - began
        expected, seconds = _derived(store)
    _, distinct = receiver.counted
    return [
        Row(
            name=f"spans dropped of a burst of {expected:,}",
            unit="spans",
            values=[expected - distinct],
            target=0,
            at_least=False,
        ),
        Row(name="until all had arrived, after the run's end", unit="s", values=[behind]),
        Row(name="from journal to OTLP", unit="spans/s per core", values=[expected / seconds]),
    ]


def _derived(store: str) -> tuple[int, float]:
    """Return how many spans a run has, and how many seconds it takes to make and encode them."""
    count, began = 0, time.process_time()
    with Store(store).open_run("run") as run:
        maker, resource = SpanMaker(run.info, Capture()), resource_of({})
        for address in run.addresses():
            bars = AgentBars(address)
            spans = []
            for step in run.steps(address, resolve=False):
                spans += [maker.span(bar) for bar in bars.take(step)]
                if len(spans) >= 512:
                    encode_spans(spans, resource, length_max=65_536)
                    count += len(spans)
                    spans = []
            encode_spans(spans, resource, length_max=65_536)
            count += len(spans)
    return count, time.process_time() - began


@dataclass
class _Receiver:
    endpoint: str
    counted: tuple[int, int] = field(default=(0, 0))


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    program = Path(__file__).with_name("telemetry_receiver.py")
    process = subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        receiver = _Receiver(f"http://127.0.0.1:{int(process.stdout.readline())}")
        yield receiver
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        came, distinct = out.split()
        receiver.counted = int(came), int(distinct)
    finally:
        process.kill()
        process.wait()
