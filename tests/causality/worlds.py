"""Records of random programs, on machines whose clocks disagree."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from random import Random

from msgspec.structs import replace

import agentmesh as am
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import Step
from agentmesh.journal.redaction import Redactor
from agentmesh.mesh.recorded_run import RecordedRun
from tests.causality.tampering import Record, Recorded
from tests.kernel.world import Setting, World

_serial = itertools.count()


@contextlib.contextmanager
def recorded(
    good: Recorded, folder: Path, setting: Setting, seed: int, skew_ms: int
) -> Iterator[RecordedRun]:
    """Run a random program, and open its record.

    Args:
        good: Any run: what a run's folder has beside its events.
        folder: Where the record goes.
        setting: The program.
        seed: Of the order in which things happen.
        skew_ms: How far the clocks of agents may be apart.
    """
    world = World(setting, Random(seed))
    try:
        histories = world.run()
    finally:
        world.close()
    encoder = BodyEncoder(Redactor(patterns=(), key=b"a key that only tests know"))
    chance = Random(seed)
    record: Record = {}
    for address, history in sorted(histories.items()):
        off = chance.randint(0, skew_ms) * 1_000_000
        record[address] = [
            Step(
                number,
                encoder.event_record(replace(event, at=event.at + off)),
                tuple(encoder.command_record(command) for command in commands),
            )
            for number, (event, commands) in enumerate(
                zip(history.events, history.issued, strict=True)
            )
        ]

    def swap(steps: Record) -> None:
        steps.clear()
        steps.update(record)

    place = good.tampered(swap, folder / str(next(_serial)))
    with am.open_run(place) as run:
        yield run
