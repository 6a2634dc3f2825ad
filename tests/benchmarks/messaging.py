"""Messages between agents on Ray, journal on, beside raw Ray actors that keep no journal."""

import tempfile

import agentmesh as am
from tests.benchmarks.message_programs import Figures, Rounds
from tests.benchmarks.message_programs import measure as measure_on_ray
from tests.benchmarks.table import Row

ROUNDS = Rounds(rounds=5, messages=20_000, asks=400)
FAN = 8


def measure() -> list[Row]:
    """Run the workflow once; each round does everything in turn."""
    with tempfile.TemporaryDirectory() as store:
        found: Figures = am.run(measure_on_ray, ROUNDS, store=store, quiet=True, num_cpus=4)
    fans = max(1, ROUNDS.asks // 4)
    raw_messages = ROUNDS.messages // 10
    return [
        Row(
            name="one-way, two hosts",
            unit="messages/s",
            values=[ROUNDS.messages / seconds for seconds in found.one_way],
            baseline="raw calls",
            baseline_values=[raw_messages / seconds for seconds in found.one_way_raw],
            target=12,
        ),
        Row(
            name="ask, two hosts",
            unit="us",
            values=[seconds / ROUNDS.asks * 1e6 for seconds in found.ask],
            baseline="raw call",
            baseline_values=[seconds / ROUNDS.asks * 1e6 for seconds in found.ask_raw],
            target=1.5,
            at_least=False,
        ),
        Row(
            name="fan-out to 8, asks",
            unit="asks/s",
            values=[FAN * fans / seconds for seconds in found.fan],
            baseline="raw calls",
            baseline_values=[FAN * fans / seconds for seconds in found.fan_raw],
        ),
        Row(
            name="ask, same host",
            unit="us",
            values=[seconds / ROUNDS.asks * 1e6 for seconds in found.near],
            baseline="raw call",
            baseline_values=[seconds / ROUNDS.asks * 1e6 for seconds in found.ask_raw],
        ),
    ]
