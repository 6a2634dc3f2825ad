"""Agents of a branch that run: they are given events, and their effects are answered.

An agent may be given another state, or another code: by a message from outside, right after the
event that was named. Another code waits until no turn of its is open.
"""

import msgspec

from agentmesh.causality.figures import add_tokens
from agentmesh.counterfactual.answers import Answering
from agentmesh.counterfactual.edits import Amended, Changes
from agentmesh.counterfactual.models import rewriting
from agentmesh.counterfactual.pending import AMEND, HOST, NEVER, TIMER, UNRECORDED, Item
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.reaching import Reach
from agentmesh.counterfactual.record import Parent
from agentmesh.host.ports import Journal
from agentmesh.host.resident import STARTING, first_events
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.kernel import events, lifecycle
from agentmesh.kernel.endings import DEADLINE
from agentmesh.kernel.envelope import CLIENT, CODE, Envelope, agent_type_of
from agentmesh.kernel.events import Event
from agentmesh.replay.driver import Replayer
from agentmesh.simulation.sources import Asked, Outcome

_AFTER = 0.5
"""Another state comes so much after the event that is named, in the run order."""


class Living(Reach):
    """Gives events to agents that run.

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
        super().__init__(parent, changes, replayer, journal, encoder)
        self._answering = answering
        self._stopping = False
        self._codes: dict[str, Envelope] = {}
        """By type of agent, the other code that such agents have from now on."""

    def _deliver(self, player: Player, item: Item) -> None:
        envelope = item.envelope or self._recorded_envelope(player.address, item)
        at = self._time(player, item)
        if player.cell is None and player.next == 0:
            if envelope.kind not in STARTING:
                self.count.moot.append(envelope.id)
                return
            self._wake(player)
            seed = self._parent.run.info.seed
            for first in first_events(at, seed, envelope, None):
                self._give(player, first)
            self._give_code(player, at)
        self._wake(player)
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
        self._wake(player)
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
        if self._is_to_change(player):
            self._give_code(player, event.at)
        if player.returns():
            self.count.reconverged.append(f"{address}@{step}")
            self._follow_again(player)
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

    # --- another state or code --------------------------------------------------------------------

    def _amend(self) -> None:
        """Let agents be given another state or code, each after its event."""
        changes = self._changes
        for one in changes.amended:
            self._amend_later(one, one.envelope.dst)
        for agent_type, one in changes.codes.items():
            self._amend_later(one, agent_type)

    def _amend_later(self, one: Amended, whom: str) -> None:
        place = self._parent.place(one.after.address, one.after.step)
        item = Item("", AMEND, whom, place.at, place.number + _AFTER)
        item.envelope, item.same = one.envelope, True
        self._pending.watch(item)

    def _amend_now(self, item: Item) -> None:
        assert item.envelope is not None
        if item.envelope.type != CODE:
            self._tell(self._players[item.address], item.envelope, item.at)
            return
        self._codes[item.address] = item.envelope
        for address, player in list(self._players.items()):
            if agent_type_of(address) == item.address and player.next:
                self._give_code(player, max(item.at, player.now))

    def _tell(self, player: Player, envelope: Envelope, at: int) -> None:
        """Give an agent another state or code."""
        self._from_client = number = max(self._from_client, 1) + 1
        told = msgspec.structs.replace(envelope, src=CLIENT, n=number, dst=player.address)
        self._give(player, events.Delivered(max(at, player.now), told))

    def _give_code(self, player: Player, at: int) -> None:
        """Give an agent the other code of its type, if no turn of its is open."""
        envelope = self._codes.get(agent_type_of(player.address))
        if envelope is None or player.is_other:
            return
        self._wake(player)
        cell = player.wake()
        if cell.idle and cell.state != lifecycle.STOPPED:
            player.is_other = True
            self._tell(player, envelope, at)

    @property
    def unchanged(self) -> list[str]:
        """Agents that were to have another code, and always had a turn open."""
        return sorted(
            address
            for address, player in self._players.items()
            if player.next and player.cell is not None and self._is_to_change(player)
        )

    def _is_to_change(self, player: Player) -> bool:
        """Tell whether an agent is to have another code, and has not got it yet."""
        return agent_type_of(player.address) in self._codes and not player.is_other
