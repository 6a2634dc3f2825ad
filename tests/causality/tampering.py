"""Records of real runs, with something put wrong: written anew by the journal's own writer."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.lineage import Life
from agentmesh.journal.log import LogWriter
from agentmesh.journal.records import CommandRecord, EventRecord, Sent, Step
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.store import Store
from agentmesh.kernel.events import Delivered

FIRST = Life()

Record = dict[str, list[Step]]
"""What a run recorded: the steps of each agent."""
Tamper = Callable[[Record], None]


@dataclass(frozen=True)
class Recorded:
    """A good run in a store."""

    store: Path
    run: str

    def steps(self) -> Record:
        """Read the record of the run."""
        with Store(str(self.store)).open_run(self.run) as run:
            return {one: list(run.steps(one, resolve=False)) for one in run.addresses()}

    def tampered(self, tamper: Tamper, into: Path, status: str = "") -> Path:
        """Copy the run with its record changed; return the new run's folder."""
        folder = into / self.run
        shutil.copytree(self.store / self.run, folder)
        (folder / "events.parquet").unlink(missing_ok=True)
        shutil.rmtree(folder / "events", ignore_errors=True)
        record = self.steps()
        tamper(record)
        write(folder / "events" / "local-0.log", record)
        if status:
            info = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps({**info, "status": status}))
        return folder


def write(
    path: Path, record: Record, more: Record | None = None, *, number: int = 0, life: Life = FIRST
) -> int:
    """Write a record as a host would that ran one agent after the other.

    Returns:
        How long the file was before `more` was added.
    """
    encoder = BodyEncoder(Redactor(patterns=(), key=b"a key that only tests know"))
    writer = LogWriter(path, encoder, host="local", number=number, life=life)
    _add(writer, record)
    size = writer.size
    _add(writer, more or {})
    writer.close()
    return size


def _add(writer: LogWriter, record: Record) -> None:
    for address, steps in record.items():
        writer.open_cell(address)
        for step in steps:
            writer.event(address, step.number, step.event)
            if step.handled:
                writer.commands(address, step.number, step.commands)
    writer.commit()


def find(
    record: Record, cls: type, where: Callable[[object], bool] = lambda _body: True
) -> tuple[str, int, int]:
    """Return agent, step and index (0 is the event) of the first record of a class."""
    for address, steps in record.items():
        for step in steps:
            for index, body in enumerate((step.event, *step.commands)):
                if type(body) is cls and where(body):
                    return address, step.number, index
    message = f"the run has no such {cls.__name__}"
    raise AssertionError(message)


def put(record: Record, place: tuple[str, int, int], *bodies: CommandRecord | EventRecord) -> None:
    """Put records where one is: none, another, or several. Later steps are renumbered."""
    address, number, index = place
    steps = record[address]
    step = steps[number]
    if index:
        commands = [*step.commands]
        commands[index - 1 : index] = bodies  # type: ignore[assignment]
        steps[number] = replace(step, commands=tuple(commands))
        return
    if not bodies:  # what it led to is then what the step before led to
        before = steps[number - 1]
        steps[number - 1] = replace(before, commands=(*before.commands, *step.commands))
    made = [replace(step, event=bodies[0])] if bodies else []
    made += [Step(0, body) for body in bodies[1:]]  # type: ignore[arg-type]
    steps[number : number + 1] = made
    record[address] = [replace(each, number=n) for n, each in enumerate(steps)]


def at(record: Record, place: tuple[str, int, int]) -> CommandRecord | EventRecord:
    """Return the record at a place."""
    address, number, index = place
    step = record[address][number]
    return (step.event, *step.commands)[index]


def sent_kind(kind: int) -> Callable[[object], bool]:
    """Choose commands that send a kind of message, or events that deliver one."""

    def chosen(body: object) -> bool:
        if isinstance(body, Delivered):
            return body.envelope.kind == kind
        return isinstance(body, Sent) and body.kind == kind

    return chosen
