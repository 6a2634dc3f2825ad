"""The lower half of a branch: what agents ask for becomes pending, in its recorded place.

It knows the record and what is changed of it, and writes the journal; it does not know who is
given what, or which agents run.
"""

import msgspec

from agentmesh.causality.figures import add_tokens
from agentmesh.counterfactual.edits import Change, Changes
from agentmesh.counterfactual.faulting import faulted
from agentmesh.counterfactual.keys import key_of_envelope, message_key
from agentmesh.counterfactual.models import rewritten
from agentmesh.counterfactual.pending import (
    EFFECT,
    MESSAGE,
    NEVER,
    TIMER,
    UNRECORDED,
    Item,
    Pending,
)
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.record import Ended, Parent, Place
from agentmesh.counterfactual.report import Count
from agentmesh.errors import UsageError
from agentmesh.host.ports import Journal
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import CommandRecord, Sent, Step
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import Command, StartEffect
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.simulation.records import effect_key, timer_key
from agentmesh.simulation.sources import Outcome

ANSWERS = (kinds.REPLY, kinds.FAIL)
"""Kinds of message that are known by what they answer, and not by their number."""
_HTTP = "http"
"""The kind of effect that model calls are."""


class Carrier:
    """What is pending in a branch.

    Args:
        parent: The run and the cut.
        changes: What is different.
        journal: Where the branch is written.
        encoder: How records are compared.
    """

    def __init__(
        self, parent: Parent, changes: Changes, journal: Journal, encoder: BodyEncoder
    ) -> None:
        self.answer: Envelope | None = None
        """What the workflow has answered, if it is not what its parent did."""
        self.answered_at = 0
        """When it has answered; 0 if it has not."""
        self.count = Count()
        self._parent = parent
        self._changes = changes
        self._journal, self._encoder = journal, encoder
        self._pending = Pending()
        self._players: dict[str, Player] = {}
        """The agents that a change has come near; all others are as they were."""
        self._came: set[str] = set()
        """Messages that came as they were recorded, to agents that nobody looks at."""
        self._used: set[str] = set()
        """Effects of the parent that answer one of the branch."""
        self._from_client = parent.ledger.client_sent
        self._now = 0

    # --- from outside -----------------------------------------------------------------------------

    def _insert(self) -> None:
        root = self._parent.arrival(f"{CLIENT}#1")
        assert root is not None
        first = self._parent.event(root.address, root.step)
        assert isinstance(first, events.Delivered)
        for envelope in self._changes.inserted:
            timed = msgspec.structs.replace(envelope, deadline=first.envelope.deadline)
            self._from_client_now(timed, self._now, UNRECORDED)

    def _from_client_now(self, envelope: Envelope, at: int, rank: float) -> None:
        self._from_client = number = max(self._from_client, 1) + 1
        made = msgspec.structs.replace(envelope, src=CLIENT, n=number)
        item = Item(made.id, MESSAGE, made.dst, at, rank)
        item.envelope, item.edited = made, True
        item.lane = (CLIENT, made.dst)
        self._pending.add(item)

    # --- what was asked for -----------------------------------------------------------------------

    def _recorded(self, address: str, step: Step, command: CommandRecord) -> None:
        """Take in a command of the record, of an agent that follows it.

        What it sends comes where it came: that is pending already.
        """
        if isinstance(command, Sent):
            if command.dst == CLIENT:
                self._answered(command.kind, command.re, step.event.at, None)
            else:
                self._lose(address, command)
        elif isinstance(command, StartEffect):
            key = effect_key(address, command.turn, command.n)
            self._await_effect(address, self._parent.record(address).effects[key])
        elif isinstance(command, commands.StartTimer):
            self._set_timer(address, command, same=True)
        elif not self._crossed(address, command):
            self._taken_back(address, command)

    def _issued(self, address: str, now: int, command: Command) -> None:
        """Take in a command of an agent that runs."""
        if isinstance(command, commands.Send):
            self._send(command.envelope, now)
        elif isinstance(command, StartEffect):
            self._start(address, now, command)
        elif isinstance(command, commands.StartTimer):
            self._set_timer(address, command, same=False)
        else:
            self._taken_back(address, command)

    def _crossed(self, address: str, command: Command) -> bool:
        """Tell whether the parent took back what had ended by then, and came all the same."""
        if isinstance(command, commands.CancelEffect):
            key = effect_key(address, command.turn, command.n)
            ended = self._parent.record(address).effects.get(key)
            return ended is not None and ended.end is not None
        if isinstance(command, commands.CancelTimer):
            key = timer_key(address, command.turn, command.n)
            return key in self._parent.record(address).fired
        return False

    def _taken_back(self, address: str, command: Command) -> None:
        if isinstance(command, commands.CancelTimer):
            self._pending.forget(timer_key(address, command.turn, command.n))
        elif isinstance(command, commands.CancelEffect):
            self._pending.forget(effect_key(address, command.turn, command.n))

    def _answered(self, kind: int, re: int, at: int, envelope: Envelope | None) -> None:
        if kind in ANSWERS and re == 1 and not self.answered_at:
            self.answered_at, self.answer = at, envelope

    def _answered_as_recorded(self, at: int) -> None:
        """Take in the answer of a workflow that nobody looks at."""
        if not self.answered_at:
            self.answered_at = at

    def _lose(self, source: str, command: Sent) -> None:
        """Let a message of the record come when nothing else can, if the parent never saw it."""
        key = message_key(source, command.n, command.dst, command.kind, command.re)
        if self._parent.ledger.has_arrived(key):
            return
        item = Item(key, MESSAGE, command.dst, NEVER, UNRECORDED)
        item.envelope = self._undelivered(source, command)
        if item.envelope is not None:
            item.lane = (source, command.dst)
            self._add_message(item)

    def _arrive(self, key: str, source: str, place: Place) -> None:
        """Let a message come where it came in the parent."""
        item = Item(key, MESSAGE, place.address, place.at, place.number)
        item.recorded, item.same, item.lane = place.step, True, (source, place.address)
        self._add_message(item)

    def _undelivered(self, source: str, command: Sent) -> Envelope | None:
        """Return a message that the parent never delivered; None if nobody has its content."""
        if command.digest != self._encoder.digest(b""):
            if self._parent.answered:
                return None  # the run was over before it arrived
            raise UsageError(
                f"{source}#{command.n} to {command.dst} was on its way when the run "
                f"{self._parent.run.id} broke off, and its content is on no record.",
                cause="A message is recorded by who gets it; a branch can't go on without it.",
                fix="Resume the run first (`agentmesh resume`), or branch off one that has ended.",
            )
        return Envelope(
            *(source, command.n, command.dst, command.kind, command.handler, command.type, b""),
            *(command.re, command.deadline, command.chain),
            origin=command.origin,
        )

    def _send(self, envelope: Envelope, now: int) -> None:
        if envelope.dst == CLIENT:
            self._answered(envelope.kind, envelope.re, now, envelope)
            return
        key = key_of_envelope(envelope)
        item = Item(key, MESSAGE, envelope.dst, now, UNRECORDED)
        place = self._parent.arrival(key)
        if place is not None and place.address == envelope.dst:
            item.at, item.recorded = max(now, place.at), place.step
            item.rank = place.number if item.at == place.at else UNRECORDED
        elif envelope.dst not in self._players:
            self._come_near(envelope.dst)  # so that nothing is overtaken
        item.envelope, item.lane = envelope, (envelope.src, envelope.dst)
        self._add_message(item)

    def _come_near(self, address: str) -> Player:
        """Look at an agent from now on."""
        raise NotImplementedError

    def _add_message(self, item: Item) -> None:
        change = self._changes.by_key.get(item.key)
        if change is not None:
            if change.lost:
                return
            self._change_message(item, change)
        self._pending.add(item)

    def _change_message(self, item: Item, change: Change) -> None:
        envelope = item.envelope or self._recorded_envelope(item.address, item)
        item.envelope, item.same = envelope, False
        if change.payload is not None:
            item.envelope = msgspec.structs.replace(envelope, payload=change.payload, blob="")
        if change.late_ns:
            item.at, item.rank, item.edited = item.at + change.late_ns, UNRECORDED, True
        item.after = change.after
        if change.twice:
            copy = msgspec.structs.replace(item.envelope, kind=kinds.TELL, re=0, origin="")
            self._from_client_now(copy, item.at, item.rank + 0.5)

    def _recorded_envelope(self, address: str, item: Item) -> Envelope:
        event = self._parent.event(address, item.recorded)
        assert isinstance(event, events.Delivered)
        return event.envelope

    def _set_timer(self, address: str, command: commands.StartTimer, *, same: bool) -> None:
        key = timer_key(address, command.turn, command.n)
        item = Item(key, TIMER, address, command.due, UNRECORDED)
        record = self._parent.record(address)
        fired = record.fired.get(key)
        if fired is not None and record.steps[fired].event.at >= command.due:
            place = self._parent.place(address, fired)
            item.at, item.rank, item.recorded = place.at, place.number, place.step
            item.same = same
        item.turn, item.n = command.turn, command.n
        self._pending.add(item)

    # --- effects ----------------------------------------------------------------------------------

    def _await_effect(self, address: str, ended: Ended, since: int | None = None) -> None:
        """Let an effect that the parent has started go on.

        Args:
            address: Of the agent.
            ended: The effect.
            since: The agent's next step, for an effect that began before it was looked at.
        """
        done = 0 if since is None else sum(place.step < since for place in ended.pieces)
        self._used.add(ended.key)
        item = self._effect(address, ended.command, ended, done, begun=ended.started_at)
        item.same = True
        self._add_changed(item, is_new=since is None)

    def _start(self, address: str, now: int, command: StartEffect) -> None:
        """Start an effect: from the record if it has one of this key."""
        ended = self._on_record(address, command)
        if ended is not None:
            self._add_changed(self._effect(address, command, ended, 0, begun=now))
            return
        key = effect_key(address, command.turn, command.n)
        there = self._parent.record(address).effects.get(key)
        item = Item(key, EFFECT, address, now, UNRECORDED)
        if there is not None and there.end is not None:  # something else, at the same place
            late = max(0, now - there.started_at)
            item.at, item.rank = there.end.at + late, UNRECORDED if late else there.end.number
        item.command, item.turn, item.n = command, command.turn, command.n
        item.edited = True
        self._add_changed(item)

    def _on_record(self, address: str, command: StartEffect) -> Ended | None:
        """Return the parent's effect that asked for the same; None if nobody has its answer.

        By its key, which says because of which message; else any that asked for the same and was
        not used yet, in their order: one message more moves the numbers of all that come later.
        """
        record = self._parent.record(address)
        found = record.by_key.get(command.key)
        if found is None or found.end is None:
            unused = (one for one in record.alike(command) if one.key not in self._used)
            found = next(unused, None)
        if found is not None:
            self._used.add(found.key)
        return found

    def _effect(
        self, address: str, command: StartEffect, ended: Ended, part: int, *, begun: int
    ) -> Item:
        """Return the end of an effect as the parent has it, or the next of its pieces."""
        key = effect_key(address, command.turn, command.n)
        item = Item(key, EFFECT, address, NEVER, UNRECORDED)
        item.command, item.turn, item.n, item.part = command, command.turn, command.n, part
        places = [*ended.pieces, ended.end] if ended.end is not None else ended.pieces
        if part < len(places):
            place = places[part]
            assert place is not None
            there = key == effect_key(ended.address, ended.command.turn, ended.command.n)
            item.at = begun + max(0, place.at - ended.started_at)
            item.rank = place.number if there and item.at == place.at else UNRECORDED
            item.recorded = place.step if there else -1
        item.ended, item.begun = ended, begun
        return item

    def _add_changed(self, item: Item, *, is_new: bool = True) -> None:
        """Take in an effect that goes on; what is changed of it is changed here."""
        if self._changes.models and not item.part and is_new:
            self._ask_otherwise(item)
        change = self._changes.by_key.get(item.key)
        if change is not None:
            item.edited = True
            late = change.late_ns if item.at < NEVER else 0
            item.at, item.begun = item.at + late, item.begun + late
            if change.again:
                item.ended = None
            outcome = change.outcome
            if change.fault:
                record, seed = self._parent.record(item.address), self._parent.run.info.seed
                outcome = faulted(item, change.fault, record, seed, self._outcome)
            if outcome is not None:
                item.outcome, item.ended = outcome, None
                self.count.effects_edited += 1
        if item.ended is not None:
            self._save(item.ended)
        self._pending.add(item)

    def _ask_otherwise(self, item: Item) -> None:
        """Let a model call that comes after the cut ask for something else."""
        assert item.command is not None
        command = self._parent.run.resolve(item.command)
        asked = rewritten(item.address, command, self._changes.models)
        if asked is not command:
            item.command, item.ended, item.edited, item.rewritten = asked, None, True, True

    def _outcome(self, ended: Ended) -> Outcome:
        """Return how the parent's effect ended."""
        pieces = []
        for place in ended.pieces:
            piece = self._parent.event(place.address, place.step)
            assert isinstance(piece, events.EffectStreamed)
            pieces.append(piece.chunk)
        assert ended.end is not None
        last = self._parent.event(ended.end.address, ended.end.step)
        if isinstance(last, events.EffectFailed):
            return Outcome(error=last.error, note=last.note, pieces=tuple(pieces))
        assert isinstance(last, events.EffectFinished)
        return Outcome(result=last.result, pieces=tuple(pieces))

    def _go_on(self, item: Item, at: int) -> None:
        """Let the next piece of an effect come, or its end."""
        if item.kind != EFFECT:
            return
        assert item.command is not None
        if item.ended is not None:
            if item.part < len(item.ended.pieces):
                part = item.part + 1
                more = self._effect(item.address, item.command, item.ended, part, begun=item.begun)
                more.at, more.same = max(at, more.at), item.same
                self._pending.add(more)
            return
        further = Item(item.key, EFFECT, item.address, item.at, item.rank)
        further.command, further.outcome, further.part = item.command, item.outcome, item.part + 1
        further.turn, further.n, further.edited = item.turn, item.n, True
        self._pending.add(further)

    def _save(self, ended: Ended) -> None:
        """Count an effect whose answer is on record."""
        if ended.end is None:
            return
        self.count.saved.events += 1
        self.count.saved.seconds += ended.seconds
        if ended.command.kind == _HTTP:
            event = self._parent.event(ended.end.address, ended.end.step)
            if isinstance(event, events.EffectFinished):
                add_tokens(self.count.saved, event.result)

    # --- the journal ------------------------------------------------------------------------------

    def _write(self, player: Player, step: Step, number: int = 0) -> None:
        """Let an agent have a recorded step; it is journaled if an earlier one was not recorded.

        Args:
            player: The agent.
            step: The step.
            number: Of the message that was delivered, if it has another one here.
        """
        event = step.event
        if number and isinstance(event, events.Delivered) and event.envelope.n != number:
            envelope = msgspec.structs.replace(event.envelope, n=number)
            event = msgspec.structs.replace(event, envelope=envelope)
            player.write()
        if player.writes:
            resolve = self._parent.run.resolve
            self._journal.event(player.address, step.number, resolve(event))
            if step.handled:
                issued = [resolve(command) for command in step.commands]
                self._journal.commands(player.address, step.number, issued)
