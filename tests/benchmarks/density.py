"""Memory of ten thousand idle agents on one host, over the same host without them."""

import gc
import os
import tempfile
from multiprocessing import get_context
from multiprocessing.connection import Connection

import psutil

from tests.benchmarks.table import Row

AGENTS = 10_000
ROUNDS = 3
MIB = 1 << 20


def measure() -> list[Row]:
    """Measure in a fresh process each time; the unique memory of the process counts."""
    found = [_round() for _ in range(ROUNDS)]
    return [
        Row(
            name=f"{AGENTS:,} idle agents",
            unit="MB over the empty host",
            values=found,
            target=150,
            at_least=False,
        )
    ]


def _round() -> float:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender,))
    process.start()
    megabytes = float(receiver.recv()) if receiver.poll(120) else float("nan")
    process.join(30)
    return megabytes


def _measure(sender: Connection) -> None:
    import agentmesh as am
    from agentmesh.host import engine
    from tests.benchmarks.replay_programs import Work, many_idle

    used = []
    close = engine.Host.close

    async def close_and_look(host: engine.Host) -> None:
        gc.collect()
        used.append(psutil.Process(os.getpid()).memory_full_info().uss / MIB)
        await close(host)

    engine.Host.close = close_and_look  # type: ignore[method-assign, assignment]
    with tempfile.TemporaryDirectory() as store:
        for count in (10, AGENTS):
            am.run(many_idle, Work(count=count), local=True, store=store, quiet=True)
    sender.send(used[1] - used[0])
