"""A driver in a process of its own: `python -m tests.chaos.drive '{...}'`, see `Drive`.

Writes the workflow's result as its last line, or raises why there is none.
"""

import sys

import msgspec

from tests.chaos.runs import Chaos, program


class Drive(msgspec.Struct, kw_only=True):
    """What a driver is told."""

    store: str
    name: str
    """Name of a program."""
    n: int
    width: int
    place: str = ""
    address: str | None = None
    """Address of a cluster; a Ray of its own if there is none."""
    resume: bool = False
    """Go on with the run that is there."""


def main() -> None:
    """Run a workflow, or go on with it."""
    told = msgspec.json.decode(sys.argv[1], type=Drive)
    chosen = program(told.name, told.n, told.width, told.place)
    run = Chaos(told.store, chosen)
    drive = run.resume if told.resume else run.run
    outcome = drive(address=told.address, num_cpus=2)
    outcome.unwrap()
    sys.stdout.write(f"\n{outcome.result_json.decode()}\n")


if __name__ == "__main__":
    main()
