"""Recovery: a host takes up the work of its earlier lives where their journal ends.

Recovery is replay. Every agent is made of its latest snapshot, or anew, and handles again
the events that are recorded after it; what it does must be what it did. Then what was open
is open again: turns stand where they stood, timers are set, effects that have not ended are
performed under the same ids, and messages that may not have arrived are sent again, under
the same ids. Whoever has them drops them.

A message that ends the process whenever it is handled would end each successor, too: it is
noted what each of them begins to handle for the first time (`attempts`), and after some
have ended there, the message is a dead letter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from agentmesh.errors import JournalVersionError, ResumeError, StateError
from agentmesh.host.attempts import LETHAL, Attempts
from agentmesh.host.checkpoints import Behind, Checkpoints
from agentmesh.host.engine import Host
from agentmesh.host.resident import Resident
from agentmesh.journal.comparing import Difference, first_difference
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.log import LogWriter
from agentmesh.journal.records import Step
from agentmesh.journal.snapshots import CellImage
from agentmesh.journal.succession import Succession
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, Send, StartEffect
from agentmesh.kernel.envelope import ASK, TELL, Envelope
from agentmesh.kernel.events import Delivered, Event
from agentmesh.kernel.snapshot import (
    CellSnapshot,
    at_rest,
    open_effects,
    open_timers,
    restore,
    snapshot,
    take_up,
)
from agentmesh.sdk.program import RunContext
from agentmesh.sdk.resolve import behavior_for, new_cell


@dataclass
class _Restored:
    """One agent, and what it takes to go on with it."""

    resident: Resident
    rest: CellSnapshot | None
    carried: list[bytes] = field(default_factory=list)
    """Its events between that and the snapshot."""
    waiting: list[bytes] = field(default_factory=list)
    """Its mailbox at that rest, if it was a pause between two turns."""
    effects: dict[tuple[int, int], StartEffect] = field(default_factory=dict)
    fresh: set[tuple[int, int]] = field(default_factory=set)
    """Effects that were not journaled as started, so that nobody has performed them."""
    sent: list[Envelope] = field(default_factory=list)


def recover(
    host: Host, succession: Succession, log: LogWriter, encoder: BodyEncoder, keeper: Checkpoints
) -> int:
    """Let a new engine take up what earlier lives of its host left.

    Args:
        host: The engine; nothing has happened in it yet.
        succession: What they left.
        log: The new life's log.
        encoder: Compares what is done again with what was done.
        keeper: Takes a snapshot at once, so that the next recovery begins here.

    Returns:
        How many events were handled again.

    Raises:
        ResumeError: An agent does something else than it did.
        JournalError: The journal can't be read or written.
    """
    work = _Recovery(host.run, succession, log, encoder)
    every = {address: work.agent(address) for address in succession.addresses}
    log.commit()
    work.attempts.close()
    # One that was announced, and whose first event is lost, begins with its first message.
    restored = {address: each for address, each in every.items() if each.resident.steps}
    host.adopt({address: each.resident for address, each in restored.items()})
    for address, each in restored.items():
        cell = each.resident.cell
        for effect in open_effects(cell):
            host.restart_effect(address, each.effects[effect], fresh=effect in each.fresh)
        for timer in open_timers(cell):
            host.alarms.start((address, timer.turn, timer.n), timer.due)
    host.send_again(succession.in_flight())
    host.send_again(envelope for each in restored.values() for envelope in each.sent)
    resting = {each: one for each, one in restored.items() if at_rest(one.resident.cell)}
    behind = {each: work.behind(each, one) for each, one in restored.items() if each not in resting}
    if not keeper.take(host, lambda address: behind.get(address, Behind())):
        # When it is taken later, who rests now may be in the middle of a turn.
        behind.update({address: work.rest(address, each) for address, each in resting.items()})
    return work.handled


class _Recovery:
    def __init__(
        self, run: RunContext, succession: Succession, log: LogWriter, encoder: BodyEncoder
    ) -> None:
        self._run = run
        self._succession = succession
        self._log = log
        self._encoder = encoder
        self._condemned: dict[tuple[str, int], Delivered] = {}
        header = log.header
        self.attempts = Attempts(succession.folder, header.host, header.incarnation)
        self.handled = 0

    def agent(self, address: str) -> _Restored:
        image = self._succession.image(address)
        rest = None if image is None else image.rest
        cell = new_cell(self._run, address)
        if rest is not None:
            cell = self._restored(address, rest)
        found = _Restored(Resident(cell), rest)
        if image is not None:
            found.resident.seen = image.seen
            found.carried, found.waiting = list(image.carried), list(image.waiting)
            if image.waiting:
                self._note(found, take_up(cell, self._succession.waiting(image)))
            self._carry_on(found, image)
            found.resident.steps = image.steps
        self._follow(address, found, self._succession.steps(address))
        return found

    def behind(self, address: str, found: _Restored) -> Behind:
        """Return an agent's latest rest that is known, and its events since."""
        steps = self._succession.steps(address)
        events = (self._condemned.get((address, each.number), each.event) for each in steps)
        since = [*found.carried, *map(self._encoder.event, events)]
        return Behind(found.rest, since, found.waiting)

    def rest(self, address: str, found: _Restored) -> Behind:
        """Return an agent as it rests now, with nothing since."""
        try:
            taken = snapshot(found.resident.cell)
        except StateError:
            return self.behind(address, found)
        return Behind(structs.replace(taken, state=self._run.redactor.json(taken.state)))

    def _carry_on(self, found: _Restored, image: CellImage) -> None:
        """Handle again what lies between an agent's rest and the snapshot."""
        handled = len(image.carried) - image.unhandled
        for place, event in enumerate(self._succession.carried(image)):
            if place == handled:
                found.sent.clear()  # what was under way of that is in the snapshot
            issued = self._handle(found, event)
            if place >= handled:
                step = image.steps - len(image.carried) + place
                self._note_first_time(image.address, found, step, issued)
        if not image.unhandled:
            found.sent.clear()

    def _note_first_time(
        self, address: str, found: _Restored, step: int, issued: list[Command]
    ) -> None:
        """Write what the earlier life did not get to."""
        self._log.commands(address, step, issued)
        started = (one for one in issued if isinstance(one, StartEffect))
        found.fresh.update((one.turn, one.n) for one in started)

    def _restored(self, address: str, rest: CellSnapshot) -> Cell:
        try:
            return restore(behavior_for(self._run, address), self._run, rest)
        except (StateError, JournalVersionError) as error:
            raise ResumeError(
                f"{address} can't go on from its snapshot: {error.what}",
                cause="Usually the class of its state has been changed since, in a module that "
                "defines no agents, or another version of agentmesh took the snapshot.",
                fix="Resume with the code and the agentmesh version that the run began with.",
                address=address,
            ) from error

    def _follow(self, address: str, found: _Restored, steps: Iterable[Step]) -> None:
        rewrites = False
        for step in steps:
            event = step.event if step.handled else self._judged(address, step)
            rewrites = rewrites or event is not step.event
            if rewrites:  # what a later log has of an agent takes the place of all from there on
                self._log.event(address, step.number, event)
            issued = self._handle(found, event, step.commands if step.handled else None)
            found.resident.steps = step.number + 1
            if not step.handled:  # the earlier life ended before it could write this
                self._note_first_time(address, found, step.number, issued)
                continue
            difference = first_difference(self._encoder, step.commands, issued)
            if difference is not None:
                raise _diverged(address, step.number, difference)

    def _judged(self, address: str, step: Step) -> Event:
        """Note that an event is handled for the first time; condemn one that nobody survives."""
        event = step.event
        survivors = self.attempts.ended_by(address, step.number) < LETHAL - 1
        if survivors or not isinstance(event, Delivered) or event.envelope.kind not in (TELL, ASK):
            self.attempts.begin(address, step.number)
            return event
        condemned = structs.replace(event, lethal=LETHAL)
        self._condemned[address, step.number] = condemned
        return condemned

    def _handle(
        self, found: _Restored, event: Event, recorded: Sequence[Command] | None = None
    ) -> list[Command]:
        self.handled += 1
        cell: Cell = found.resident.cell
        issued = cell.repeat(event, recorded)
        if isinstance(event, Delivered):
            found.resident.seen[event.envelope.src] = event.envelope.n
        self._note(found, issued)
        return issued

    def _note(self, found: _Restored, issued: list[Command]) -> None:
        for command in issued:
            if isinstance(command, Send):
                found.sent.append(command.envelope)
            elif isinstance(command, StartEffect):
                found.effects[command.turn, command.n] = command


def _diverged(address: str, step: int, difference: Difference) -> ResumeError:
    def shown(command: object) -> str:
        return "nothing" if command is None else type(command).__name__

    return ResumeError(
        f"{address} can't go on where it was: at its event {step} it did "
        f"{shown(difference.recorded)}, and now it does {shown(difference.replayed)} there.",
        cause="Usually the program has been changed since, or it depends on something that is "
        "not recorded.",
        fix="`agentmesh replay` shows the line. Resume with the code that the run began with.",
        address=address,
        step=step,
    )
