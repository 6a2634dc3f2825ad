"""A thousand agents in four hosts on Ray, and memory where a sender outruns its receiver."""

import tempfile

import agentmesh as am
from tests.benchmarks.flow_programs import AGENTS, Load, Measured
from tests.benchmarks.flow_programs import measure as measure_on_ray
from tests.benchmarks.table import Row

LOAD = Load(rounds=3, each=40, raw=2000, mismatched=50_000)
GROWTH_MB = 24
"""What a process may grow by: windows and mailboxes, not what is sent in all (50 MB or more)."""


def measure() -> list[Row]:
    """Run the workflow once."""
    with tempfile.TemporaryDirectory() as store:
        found: Measured = am.run(measure_on_ray, LOAD, store=store, quiet=True, num_cpus=4)
    messages = AGENTS // 2 * LOAD.each
    grown = {
        "the fast sender's host": found.producer,
        "the slow receiver's host": found.consumer,
        "any other process": found.others,
    }
    return [
        Row(
            name="1,000 agents in 4 hosts, one-way",
            unit="messages/s",
            values=[messages / seconds for seconds in found.seconds],
            baseline="raw calls, 4 actors",
            baseline_values=[LOAD.raw / seconds for seconds in found.raw],
        ),
        Row(
            name="sender to slow receiver",
            unit="messages/s",
            values=[LOAD.mismatched / found.mismatched_seconds],
            baseline="to a fast one",
            baseline_values=[LOAD.mismatched / found.sent_seconds],
        ),
        *(
            Row(
                name=f"growth of {name}",
                unit="MB",
                values=[value],
                target=GROWTH_MB,
                at_least=False,
            )
            for name, value in grown.items()
        ),
    ]
