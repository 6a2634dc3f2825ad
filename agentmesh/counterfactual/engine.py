"""Carries a change on to whatever it reaches, and to nothing else.

Everything up to the cut is copied. From there on, what agents have sent, started and set is
pending (`pending`), each in its recorded place, and happens one by one. An agent that is given
just what its parent was given next follows the record (`player`): its recorded commands are taken
without running anything. Any other runs, and its effects are looked up by their keys, which
survive forks, before anybody is asked (`answers`). What runs is journaled like any run, what is
reused is copied: a branch is complete, and replays.

It reads no clock: times are the record's, or follow from them.
"""

import msgspec

from agentmesh.causality.figures import add_tokens
from agentmesh.counterfactual.answers import Answering, StoppedError
from agentmesh.counterfactual.carrying import ANSWERS, Carrier
from agentmesh.counterfactual.edits import Changes
from agentmesh.counterfactual.models import rewriting
from agentmesh.counterfactual.pending import (
    HOST,
    MESSAGE,
    NEVER,
    TIMER,
    UNRECORDED,
    Item,
)
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.record import HOST_EVENTS, Parent, thing
from agentmesh.host.ports import Journal
from agentmesh.host.resident import STARTING, first_events
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.endings import DEADLINE
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.kernel.events import Event
from agentmesh.replay.driver import Replayer
from agentmesh.simulation.sources import Asked, Outcome

_ANSWERS = (kinds.REPLY, kinds.FAIL)


class Engine(Carrier):
    """Makes one branch.

    Args:
        parent: The run and the cut.
        changes: What is different.
        replayer: Of the parent.
        answering: What effects come to that the parent has no answer for.
        journal: Where the branch is written.
        encoder: How records are compared.
    """

    def __init__(
        self,
        *,
        parent: Parent,
        changes: Changes,
        replayer: Replayer,
        answering: Answering,
        journal: Journal,
        encoder: BodyEncoder,
    ) -> None:
        super().__init__(parent, changes, journal, encoder)
        self._replayer = replayer
        self._answering = answering
        self._players: dict[str, Player] = {}
        self._drain_ns = int(parent.run.info.drain_seconds * 1e9)
        self._stopping = False

    def run(self) -> None:
        """Make the branch.

        Raises:
            StoppedError: An effect has no answer.
            UsageError: An effect must not be performed.
            DivergenceError: Today's program is not the parent's.
        """
        with self._replayer.in_place():
            try:
                self._copy()
                self._copied = True
                self._insert()
                self._let_happen()
                self._stop()
            finally:
                self._journal.commit()

    def _let_happen(self) -> None:
        """Let things happen until nothing is left; after the answer, until an effect lacks one."""
        while (item := self._next()) is not None:
            try:
                self._happen(item)
            except StoppedError as error:
                if not self.answered_at:
                    raise
                self.count.unanswered = error.what
                return

    @property
    def agents(self) -> int:
        """How many agents it has."""
        return sum(player.next > 0 for player in self._players.values())

    def close(self) -> None:
        """Let go of what runs."""
        for player in self._players.values():
            player.close()
        self._answering.close()

    # --- up to the cut ----------------------------------------------------------------------------

    def _copy(self) -> None:
        """Copy what is before the cut; what was pending then is pending now."""
        parent = self._parent
        happened = {
            key
            for address in parent.cut
            for step in parent.prefix(address)
            if (key := thing(address, step.event)) and not _is_piece(step.event)
        }
        for address in parent.run.addresses():
            player = self._players[address] = Player(address, parent, self._replayer)
            for step in parent.prefix(address):
                self._write(player.address, step)
                player.now = max(player.now, step.event.at)
                self._now = max(self._now, player.now)
                for command in step.commands:
                    self._recorded(player.address, step, command, happened)
            self._expect(player)
        for key, place in parent.places.items():
            if key.startswith(f"{CLIENT}#"):
                self._from_client = max(self._from_client, int(key.rpartition("#")[2]))
                if key not in happened:
                    self._sent_by_client(key, place)

    # --- what happens -----------------------------------------------------------------------------

    def _next(self) -> Item | None:
        """Return what happens next; None at the end."""
        while True:
            item = self._pending.next()
            if item is not None and item.at < NEVER:
                if self.answered_at and not item.same and self._is_late(item):
                    self._pending.take(item)
                    continue
                return item
            if self._pending.release_all():
                continue
            if self.answered_at:
                return None
            if item is not None:
                return item
            if not self._wake_all():
                return None

    def _is_late(self, item: Item) -> bool:
        return item.at > self.answered_at + self._drain_ns

    def _wake_all(self) -> bool:
        """Bring all to life when nothing happens any more: their deadlines are what is left."""
        asleep = [one for one in self._players.values() if one.follows and one.next > 0]
        for player in asleep:
            player.wake()
            self._await_deadline(player)
        return bool(asleep)

    def _happen(self, item: Item) -> None:
        player = self._players.get(item.address)
        if player is None:
            player = Player(item.address, self._parent, self._replayer)
            self._players[item.address] = player
        if player.follows and self._is_early(player, item):
            return
        self._pending.take(item)
        if item.at < NEVER:
            self._now = max(self._now, item.at)
        if player.follows and self._is_recorded(player, item):
            self._follow(player, item.recorded, item.envelope)
            self._go_on(item, player.now)
        elif item.kind == HOST:
            self._strike(player, item)
        elif item.kind == MESSAGE:
            self._deliver(player, item)
        else:
            player.wake()
            self._end(player, item)

    def _is_early(self, player: Player, item: Item) -> bool:
        """Put off what the parent's agent may not see at this time; tell if that was done."""
        step = player.expected()
        if item.kind == HOST:
            stops = step is not None and isinstance(step.event, events.Stopped)
            if not stops or self.answered_at or item.at == NEVER:
                return False
            self._pending.put_off(item, NEVER, UNRECORDED)  # until the workflow has answered
            return True
        if item.kind != TIMER or item.recorded >= 0 or item.at == NEVER:
            return False
        if step is None:
            self._pending.put_off(item, NEVER, UNRECORDED)
            return True
        place = self._parent.place(player.address, step.number, step.event.at)
        if (item.at, item.rank) >= (place.at, place.number + 0.5):
            return False
        # The parent's agent took it back, perhaps after it was due: the next event may do so.
        self._pending.put_off(item, max(item.at, place.at), place.number + 0.5)
        return True

    def _is_recorded(self, player: Player, item: Item) -> bool:
        """Tell whether an event is just the one that the parent's agent had next."""
        if item.recorded < player.next or item.edited:
            return False
        if any(not self._begins(player, each) for each in range(player.next, item.recorded)):
            return False
        step = self._parent.step(player.address, item.recorded)
        if step is None or not step.handled or step.event.at < player.now:
            return False
        if item.kind == HOST and isinstance(step.event, events.Stopped) and not self.answered_at:
            return False
        return item.same or self._equals(item, step.event)

    def _begins(self, player: Player, number: int) -> bool:
        step = self._parent.step(player.address, number)
        return step is not None and isinstance(step.event, events.Started)

    def _equals(self, item: Item, recorded: Event) -> bool:
        recorded = self._parent.run.resolve(recorded)  # type: ignore[type-var]
        if item.envelope is not None and isinstance(recorded, events.Delivered):
            made = self._encoder.event_record(events.Delivered(recorded.at, item.envelope))
            assert isinstance(made, events.Delivered)
            return _comparable(made.envelope) == _comparable(recorded.envelope)
        return False

    def _follow(self, player: Player, until: int, came: Envelope | None = None) -> None:
        """Take over what the parent's agent did.

        Args:
            player: The agent.
            until: The last step of that.
            came: What was delivered to it in that step, if it comes from an agent that runs.
        """
        while player.next <= until:
            step = player.expected()
            assert step is not None
            number = came.n if came is not None and player.next == until else 0
            self._write(player.address, step, number)
            player.next += 1
            player.now = max(player.now, step.event.at)
            self.count.reused += 1
            for command in step.commands:
                self._recorded(player.address, step, command, ())
        self._expect(player)

    def _expect(self, player: Player) -> None:
        """Await what a host does by itself, if that is what was recorded next."""
        step = player.expected()
        if step is not None and isinstance(step.event, HOST_EVENTS):
            place = self._parent.place(player.address, step.number, step.event.at)
            name = f"{player.address}@{step.number}"
            item = Item(name, HOST, player.address, place.at, place.number)
            item.recorded, item.same = step.number, True
            self._pending.add(item)

    # --- an agent that runs -----------------------------------------------------------------------

    def _deliver(self, player: Player, item: Item) -> None:
        envelope = item.envelope or self._recorded_envelope(player.address, item)
        at = self._time(player, item)
        if player.cell is None and player.next == 0:
            if envelope.kind not in STARTING:
                return
            player.wake()
            seed = self._parent.run.info.seed
            for first in first_events(at, seed, envelope, None):
                self._give(player, first)
        player.wake()
        self._give(player, events.Delivered(self._time(player, item), envelope))

    def _time(self, player: Player, item: Item) -> int:
        """Return when something happens to an agent, whose time never goes back."""
        return max(item.at if item.at < NEVER else self._now, player.now)

    def _strike(self, player: Player, item: Item) -> None:
        """Let deadlines strike; what was recorded of a host is no concern of who runs."""
        if item.recorded >= 0 or player.cell is None:
            return
        player.deadline = item.at
        for message in player.cell.overdue(item.at):
            self._give(player, events.Cancelled(self._time(player, item), message, DEADLINE))
        self._await_deadline(player)

    def _await_deadline(self, player: Player) -> None:
        cell = player.cell
        due = cell.next_deadline(player.deadline) if cell is not None and not cell.idle else 0
        if due:
            name = f"{player.address}!deadline"
            self._pending.forget(name)
            self._pending.add(Item(name, HOST, player.address, due, UNRECORDED))

    def _give(self, player: Player, event: Event) -> None:
        """Let an agent that runs handle an event."""
        address, step, cell = player.address, player.next, player.wake()
        self._journal.event(address, step, event)
        issued = cell.handle(event)
        self._journal.commands(address, step, issued)
        self.count.cone[address] = self.count.cone.get(address, 0) + 1
        player.has_had(event)
        for command in issued:
            self._issued(player.address, event.at, command)
        if self._stopping:
            return
        if player.returns():
            self.count.reconverged.append(f"{address}@{step}")
            self._expect(player)
        else:
            self._await_deadline(player)

    # --- effects ----------------------------------------------------------------------------------

    def _end(self, player: Player, item: Item) -> None:
        """Give an agent a timer, or the next piece of an effect, or its end."""
        at, turn, n = self._time(player, item), item.turn, item.n
        if item.kind == TIMER:
            self._give(player, events.TimerFired(at, turn, n))
            return
        outcome = item.outcome
        if outcome is None:
            ended = item.ended
            if ended is not None and ended.end is not None:
                outcome = self._outcome(ended)
            else:
                outcome = self._performed(player, item, at)
                item.ended = None
            item.outcome = outcome
        if item.part < len(outcome.pieces):
            self._go_on(item, at)
            self._give(player, events.EffectStreamed(at, turn, n, outcome.pieces[item.part]))
        elif outcome.error:
            self._give(player, events.EffectFailed(at, turn, n, outcome.error, outcome.note))
        else:
            self._give(player, events.EffectFinished(at, turn, n, outcome.result))

    def _performed(self, player: Player, item: Item, at: int) -> Outcome:
        assert item.command is not None
        assert player.cell is not None
        command, take = item.command, player.cell.take_performer
        models = self._changes.models if item.rewritten else []
        asked = Asked(
            address=player.address,
            command=command,
            at=at,
            seed=self._parent.run.info.seed,
            performer=lambda: rewriting(take(command.turn, command.n), player.address, models),
        )
        outcome = self._answering.answer(asked)
        self.count.effects_issued.append(f"{player.address} {command.kind} {command.name}")
        add_tokens(self.count.spent, outcome.result)
        return outcome

    # --- the end ----------------------------------------------------------------------------------

    def _stop(self) -> None:
        """End what is open, as hosts do when the workflow has answered."""
        self._stopping = True
        for player in list(self._players.values()):
            self._stop_one(player)
        while (item := self._pending.next()) is not None:
            if item.kind == MESSAGE and item.at < NEVER:
                self._happen(item)
                self._stop_one(self._players[item.address])
            else:
                self._pending.take(item)

    def _stop_one(self, player: Player) -> None:
        if player.follows:
            step = player.expected()
            if step is None or not player.next:
                return
            if isinstance(step.event, events.Stopped) and step.handled:
                self._follow(player, step.number)
                return
        elif player.cell is None:
            return
        cell = player.wake()
        if not cell.idle:
            self._give(player, events.Stopped(max(self._now, player.now), "stop"))


def _is_piece(event: Event) -> bool:
    return isinstance(event, events.EffectStreamed)


def _comparable(envelope: Envelope) -> Envelope:
    """Return a message without what makes no difference to who gets it."""
    number = 0 if envelope.kind in ANSWERS else envelope.n
    return msgspec.structs.replace(envelope, note="", n=number)
