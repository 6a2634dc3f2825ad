"""Branches that are looked at and not kept: hundreds of them, of one parent that is read once.

A trial is made by the same engine as a branch that is kept (`engine`), and held against its parent:
how it ended, whose last state is another one, what was sent and asked for that was not before.
Sends are compared as a multiset by receiver, handler and content: their numbers and order
follow from whom somebody served first, and whoever gets them will show it if that matters.

It writes nothing.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.causality.references import Named
from agentmesh.counterfactual.answers import StoppedError
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.edits import Changes, Resolver
from agentmesh.counterfactual.engine import Engine
from agentmesh.counterfactual.keys import thing
from agentmesh.counterfactual.known import KnownFirst
from agentmesh.counterfactual.pending import NEVER, UNRECORDED, Item
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.record import Ledger, Parent
from agentmesh.errors import AgentMeshError, DivergenceError
from agentmesh.journal.blobs import THRESHOLD, digest_of
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import CommandRecord, Sent
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import CANCELLED, DONE, FAILED
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command, Send, StartEffect
from agentmesh.kernel.envelope import REPLY
from agentmesh.kernel.events import Event
from agentmesh.replay.driver import Replayer
from agentmesh.replay.travel import ReplayTimeline

Acts = Counter[tuple[object, ...]]
"""What an agent did that others can tell."""


@dataclass(kw_only=True)
class Trial:
    """What became of a branch."""

    status: str
    """done, failed; cancelled if it stopped where an answer is missing."""
    result: Any = None
    error: Any = None
    stopped: str = ""
    """What had no answer, or what else ended it early."""
    unanswered: str = ""
    """What had no answer after the workflow had ended."""
    executed: int = 0
    """Events that were handled again."""
    issued: list[str] = field(default_factory=list)
    """Effects that the parent had no answer for."""
    calls: int = 0
    """Those of them that went by the policy: no other run had an answer either."""
    states: list[str] = field(default_factory=list)
    """Agents whose last state is not what it was."""
    acts: list[str] = field(default_factory=list)
    """Agents that sent or asked for something else."""
    reached: list[str] = field(default_factory=list)
    """Agents that ran again."""
    turned: bool = True
    """Of a trial that flips two deliveries: whether they came the other way round."""
    lasts: dict[str, bytes] = field(default_factory=dict)
    """Last states of the agents that were reached, as JSON."""

    @property
    def same(self) -> bool:
        """Whether it came to just what its parent came to."""
        return not (self.states or self.acts or self.stopped or self.unanswered)


class Trials:
    """Makes trials of one run.

    Args:
        run: The run, open.
        ledger: Where its messages came.
        replayer: Of the run.
        encoder: How records are compared.
        answers: What effects come to that the run has no answer for.
    """

    def __init__(
        self,
        run: Run,
        ledger: Ledger,
        replayer: Replayer,
        encoder: BodyEncoder,
        answers: KnownFirst,
    ) -> None:
        self.run = run
        self.ledger = ledger
        self.order = ledger.order
        self.replayer = replayer
        self.answers = answers
        self.encoder = encoder
        self._lasts: dict[str, bytes] = {}

    def resolve(self, edits: Sequence[Edit], at: Named | None = None) -> Changes:
        """Return what edits come to; errors are those of `Resolver`."""
        return Resolver(self.run, self.order, self.replayer.context.program).resolve(edits, at)

    def make(
        self,
        edits: Sequence[Edit],
        *,
        at: Named | None = None,
        flipped: tuple[str, str] | None = None,
        answers: KnownFirst | None = None,
    ) -> Trial:
        """Make a branch, and say what became of it.

        Args:
            edits: What is different.
            at: The event at which it begins; the first that is changed by default.
            flipped: References to two events of one agent that are to change places.
            answers: Of effects, in this trial only.

        Raises:
            UsageError: An edit is about something that is not there.
            DivergenceError: The program is not what it was when the run was recorded.
        """
        changes = self.resolve(edits, at)
        cut = self.order.cut(changes.kept) if changes.kept >= 0 else {}
        seen, answering = _Seen(), answers or self.answers
        before = answering.calls
        engine = _Engine(
            parent=Parent(self.ledger, cut),
            changes=changes,
            replayer=self.replayer,
            answering=answering,
            journal=seen,
            encoder=self.encoder,
        )
        trial = Trial(status=CANCELLED)
        try:
            engine.run()
        except StoppedError as error:
            trial.stopped = error.what
        except DivergenceError:
            engine.close()
            raise
        except AgentMeshError as error:
            trial.stopped = error.what
        trial.calls = answering.calls - before
        try:
            self._look(engine, trial, seen)
            if flipped is not None:
                first, second = (self._came(engine, seen, each) for each in flipped)
                trial.turned = first > second >= 0
        finally:
            engine.close()
        return trial

    def _look(self, engine: Engine, trial: Trial, seen: "_Seen") -> None:
        """Say what became of a branch that has come to its end."""
        self._end(engine, trial)
        trial.unanswered = engine.count.unanswered
        trial.executed = sum(engine.count.cone.values())
        trial.issued = list(engine.count.effects_issued)
        trial.reached = sorted(engine.count.cone)
        for address, player in engine.players.items():
            recorded = self.ledger.count(address)
            if address in engine.count.cone or 0 < player.next < recorded:
                trial.lasts[address] = last = self._last(player)
                if last != self._recorded_last(address, recorded):
                    trial.states.append(address)
                if not self._did_the_same(player, seen):
                    trial.acts.append(address)

    def _did_the_same(self, player: Player, seen: "_Seen") -> bool:
        steps = self.ledger.record(player.address).steps
        mine = seen.acts.get(player.address, {})
        first = min(mine, default=player.next)
        did: Acts = Counter()
        for number in range(first, player.next):
            recorded = steps[number].commands if number < len(steps) else ()
            did.update(map(self._act, mine.get(number, recorded)))
        return did == Counter(map(self._act, (c for s in steps[first:] for c in s.commands)))

    def _act(self, command: CommandRecord | Command) -> tuple[object, ...]:
        if isinstance(command, Send):
            return _act(self.encoder.command_record(command))
        return _act(command)

    def _came(self, engine: Engine, seen: "_Seen", reference: str) -> int:
        """Return at which of its agent's steps an event came in a branch; -1: at none."""
        event = self.order.find(reference)
        step = self.ledger.record(event.address).steps[event.step]
        place = seen.places.get((event.address, thing(event.address, step.event)))
        if place is not None:
            return place
        player = engine.players.get(event.address)
        return event.step if player is None or event.step < player.copied else -1

    def _end(self, engine: Engine, trial: Trial) -> None:
        info, answer = self.run.info, engine.answer
        if trial.stopped:
            return
        if answer is not None:
            trial.status = DONE if answer.kind == REPLY else FAILED
            shown = _value(answer.payload)
            if trial.status == DONE:
                trial.result = shown
            else:
                trial.error = shown
        elif engine.answered_at:
            trial.status, trial.result, trial.error = info.status, info.result, info.error
        else:
            trial.status = FAILED
            trial.error = {"what": "It comes to no end: nothing can happen any more."}

    def _last(self, player: Player) -> bytes:
        if player.cell is not None:
            return _dumped(player.cell)
        return self._recorded_last(player.address, player.next)

    def _recorded_last(self, address: str, steps: int) -> bytes:
        """Return an agent's recorded state after so many steps."""
        if not steps:
            return b""
        whole = steps == self.ledger.count(address)
        if whole and address in self._lasts:
            return self._lasts[address]
        timeline = ReplayTimeline(self.replayer, address)
        try:
            state = _dumped(timeline.goto(steps - 1))
        finally:
            timeline.close()
        if whole:
            self._lasts[address] = state
        return state

    def last_state(self, trial: Trial | None, address: str) -> Any:
        """Return an agent's last state in a trial, or of the run, as a JSON value."""
        if trial is not None and address in trial.lasts:
            return _value(trial.lasts[address])
        return _value(self._recorded_last(address, self.ledger.count(address)))


def _dumped(cell: Cell) -> bytes:
    return b"" if cell.instance is None else cell.behavior.dump(cell.instance)


def _value(data: bytes) -> Any:
    return json.loads(data) if data else None


class _Engine(Engine):
    """An engine in which an effect that never ended comes at once when it is asked for again."""

    def _add_changed(self, item: Item, *, is_new: bool = True) -> None:
        change = self._changes.by_key.get(item.key)
        if change is not None and change.again and item.at >= NEVER:
            item.at, item.rank = self._now, UNRECORDED
        elif change is not None and change.late_ns < 0:
            change.late_ns = max(change.late_ns, self._now - item.at)
        super()._add_changed(item, is_new=is_new)


class _Seen:
    """What a branch did that its parent did not: a journal that is not written."""

    def __init__(self) -> None:
        self.acts: dict[str, dict[int, Sequence[CommandRecord | Command]]] = {}
        """By agent and step, what handling that issued."""
        self.places: dict[tuple[str, str], int] = {}
        """By agent and key, the step at which something came, the last piece of it."""

    def open_cell(self, address: str) -> object:
        """Need no announcement."""

    def event(self, address: str, step: int, event: Event) -> None:
        """Take in what somebody is given."""
        self.places[address, thing(address, event)] = step

    def commands(self, address: str, step: int, commands: Sequence[Command]) -> None:
        """Take in what it issued."""
        self.acts.setdefault(address, {})[step] = commands

    def write(self) -> None:
        """Write nothing."""

    def commit(self) -> None:
        """Write nothing."""


def _act(command: CommandRecord | Command) -> tuple[object, ...]:
    """Return what others can tell of a command; empty for nothing."""
    if isinstance(command, Sent):
        return (command.dst, command.kind, command.handler, command.type, command.digest)
    if isinstance(command, StartEffect):
        request: object = command.blob or command.request
        if len(command.request) > THRESHOLD:
            request = digest_of(command.request)
        return (command.kind, command.name, request)
    return ()
