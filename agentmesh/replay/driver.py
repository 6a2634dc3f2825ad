"""The replay driver: feed each cell the events it was recorded with, compare what it does.

Cells are independent, so any subset replays alone. A cell is replayed up to its
first divergence: what comes after it would only be its consequence.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agentmesh import ambient
from agentmesh.ambient.time_zone import in_time_zone
from agentmesh.journal.comparing import Difference, first_difference
from agentmesh.journal.encoding import BodyEncoder, comparable_record
from agentmesh.journal.records import Sent, Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, FinishTurn, Send
from agentmesh.kernel.events import Delivered
from agentmesh.replay.compare import as_data, opened, pointer
from agentmesh.replay.divergence import Divergence, Today, causes
from agentmesh.replay.feeding import feed
from agentmesh.replay.source import issuer
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import new_cell

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

Progress = Callable[[int], None]
"""Called now and then with the number of events replayed."""

_PROGRESS_EVERY = 2_000


@dataclass(kw_only=True)
class Report:
    """What a replay did."""

    run_id: str
    agents: int = 0
    events: int = 0
    turns: int = 0
    commands: int = 0
    seconds: float = 0.0
    """Wall time; filled in by whoever has a clock."""
    divergences: list[Divergence] = field(default_factory=list)
    """The first of each agent that diverged, earliest first."""

    @property
    def identical(self) -> bool:
        """Whether everything was replayed exactly as recorded."""
        return not self.divergences

    def merge(self, other: "Report") -> None:
        """Add what another process replayed."""
        self.agents += other.agents
        self.events += other.events
        self.turns += other.turns
        self.commands += other.commands
        self.divergences.extend(other.divergences)
        self.sort()

    def sort(self) -> None:
        """Put the earliest divergence first."""
        self.divergences.sort(key=lambda one: (one.at_ns, one.agent, one.step))


class Replayer:
    """Replays cells of one recorded run.

    Args:
        run: The recorded run.
        context: What handlers find of it.
        encoder: How commands are compared.
        today: What this process is, for the likely cause of a divergence.
    """

    def __init__(self, run: "Run", context: RunContext, encoder: BodyEncoder, today: Today) -> None:
        ambient.install()
        self.run = run
        self.context = context
        self._encoder = encoder
        self.today = today

    def replay(self, addresses: Iterable[str], on_progress: Progress | None = None) -> Report:
        """Replay these agents from their first event to their last.

        Args:
            addresses: Which agents.
            on_progress: Called now and then.
        """
        report = Report(run_id=self.run.id)
        with self.in_place():
            for address in addresses:
                self._replay_cell(address, report, on_progress)
        report.sort()
        return report

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let cells handle events as where they were recorded: in the run's time zone."""
        zone = str(self.run.info.settings.get("TZ", ""))
        with _rare_collections(), in_time_zone(zone):
            yield

    def new_cell(self, address: str) -> Cell:
        """Return a cell of one of the run's agents to which nothing has happened yet."""
        return new_cell(self.context, address)

    def difference(self, step: Step, issued: list[Command]) -> Difference | None:
        """Return the first difference between what a step did and what was recorded, or None."""
        if not step.handled:
            return None  # the host died before it could write what this step did
        return first_difference(self._encoder, step.commands, issued)

    def _replay_cell(self, address: str, report: Report, on_progress: Progress | None) -> None:
        report.agents += 1
        cell = self.new_cell(address)
        for step in self.run.steps(address):
            issued = feed(cell, step)
            report.events += 1
            report.commands += len(issued)
            report.turns += sum(type(command) is FinishTurn for command in issued)
            if on_progress is not None and report.events % _PROGRESS_EVERY == 0:
                on_progress(report.events)
            difference = self.difference(step, issued)
            if difference is not None:
                report.divergences.append(self.explain(address, step, difference, issued))
                return

    def explain(
        self, address: str, step: Step, difference: Difference, issued: list[Command]
    ) -> Divergence:
        """Return what is said about the first divergence of an agent."""
        recorded = self._with_payload(address, difference)
        replayed = self._as_data(difference.replayed)
        reordered = sorted(map(comparable_record, step.commands)) == sorted(
            map(self._encoder.comparable, issued)
        )
        cause, why = causes(difference, self.run.info, self.today, tainted_by_order=reordered)
        frames = issuer(
            self.new_cell(address), self.run.steps(address), step.number, difference.index
        )
        return Divergence(
            agent=address,
            step=step.number,
            index=difference.index,
            at_ns=step.event.at,
            event=in_words(step),
            recorded=recorded,
            replayed=replayed,
            pointer=pointer(recorded, replayed),
            source=frames,
            cause=cause,
            explanation=why,
        )

    def _as_data(self, command: Command | None) -> dict[str, object]:
        values = as_data(command)
        if isinstance(command, Send):
            values.pop("src", None)
            values.pop("blob", None)
        return values

    def _with_payload(self, address: str, difference: Difference) -> dict[str, object]:
        """Show a sent message's payload, which its receiver recorded, instead of its digest."""
        sent = difference.recorded
        recorded = as_data(sent)
        if not isinstance(sent, Sent):
            return recorded
        del recorded["digest"]
        payload = self._payload_of(address, sent)
        return recorded if payload is None else {**recorded, "payload": opened(payload)}

    def _payload_of(self, address: str, sent: Sent) -> bytes | None:
        if sent.dst not in self.run.addresses():
            return None
        for step in self.run.steps(sent.dst):
            event = step.event
            if isinstance(event, Delivered) and event.envelope.id == f"{address}#{sent.n}":
                return event.envelope.payload
        return None


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look less often: a replay makes much that dies at once.

    What was there before is set aside, so that full collections stay cheap.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


_COLLECT_EVERY = 20_000


def in_words(step: Step) -> str:
    """Say what a step's event was."""
    event = step.event
    kind = str(event.__struct_config__.tag)
    envelope = getattr(event, "envelope", None)
    if envelope is not None:
        name = envelope.handler or envelope.type
        return f"{kind} {envelope.id}{f' ({name})' if name else ''}"
    turn = getattr(event, "turn", None)
    return f"{kind} {turn}.{getattr(event, 'n', '')}" if turn is not None else kind
