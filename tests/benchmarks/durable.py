"""What a durable step costs: a tool call that does nothing, on the disk before it counts.

Beside DBOS on SQLite, LangGraph with its SQLite saver, and the disk itself. Each works in a
process of its own and all on the same disk, and they take turns, round by round. What each of
them does to the disk is said in `durable_programs`.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from tests.benchmarks import durable_programs as programs
from tests.benchmarks.table import Row

FOLDER = "/var/tmp"
"""On a disk on nearly every machine, while `/tmp` is often in memory."""
ROUNDS = 5
SECONDS = 300.0
"""How long one contestant's round may take."""
NAMES = ("Agentmesh", "Dbos", "LangGraph", "Floor")
NEEDED = {"dbos": "dbos", "langgraph.checkpoint.sqlite": "langgraph-checkpoint-sqlite"}


def measure() -> list[Row]:
    """Let all make their steps in turn; a round before the first warms up."""
    _refuse_without_packages()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, ExitStack() as stack:
        contestants = {name: stack.enter_context(_contestant(name, folder)) for name in NAMES}
        for _ in range(ROUNDS + 1):
            for name, connection in contestants.items():
                found[name].append(_round(name, connection))
    return list(_rows({name: rounds[1:] for name, rounds in found.items()}))


def _rows(found: dict[str, list[tuple[float, float]]]) -> Iterator[Row]:
    for place, what in enumerate(("in sequence", "100 turns at once")):
        figures = {name: [each[place] for each in rounds] for name, rounds in found.items()}
        for name, label in (("Dbos", "DBOS, SQLite"), ("LangGraph", "LangGraph, SQLite saver")):
            yield Row(
                name=f"durable step, {what}",
                unit="us",
                values=figures["Agentmesh"],
                baseline=label,
                baseline_values=figures[name],
                invert=True,
                target=None if place else 5,
            )
        yield Row(
            name=f"durable step, {what}",
            unit="us",
            values=figures["Agentmesh"],
            baseline="write and fdatasync, batched" if place else "write and fdatasync",
            baseline_values=figures["Floor"],
            target=3 if place else None,
            at_least=False,
        )


@contextmanager
def _contestant(name: str, folder: str) -> Iterator[Connection]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(name, folder, theirs), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _round(name: str, connection: Connection) -> tuple[float, float]:
    connection.send(name)
    if not connection.poll(SECONDS):
        message = f"{name} took more than {SECONDS:g} s for a round."
        raise TimeoutError(message)
    one, many = connection.recv()
    return float(one), float(many)


def _serve(name: str, folder: str, connection: Connection) -> None:
    contestant: programs.Contestant = getattr(programs, name)(folder)
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        connection.send(contestant.round())


def _refuse_without_packages() -> None:
    missing = [package for name, package in NEEDED.items() if not _is_there(name)]
    if missing:
        sys.stderr.write(
            f"The benchmark `durable` compares with packages that are not installed: "
            f"{', '.join(missing)}. Install them: pip install -e '.[bench]'\n"
        )
        raise SystemExit(2)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
