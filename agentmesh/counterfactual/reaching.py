"""Which agents a change comes near: all others are as they were, and are not even read.

An agent that is *looked at* has a player, and what may happen to it is pending: what the parent
has of it, as long as its senders do what they did. One that runs may fail to send what its
parent's did: what it was to send to agents that are looked at is taken back, and each other one is
watched. If by then the very message has come, it goes on unseen; if not, it is looked at from that
moment on, as is whoever gets anything that is not on the record.
"""

from collections.abc import Iterator

from agentmesh.counterfactual.carrying import Carrier
from agentmesh.counterfactual.edits import Changes
from agentmesh.counterfactual.keys import key_of_envelope, message_key
from agentmesh.counterfactual.pending import HOST, UNRECORDED, WATCH, Item
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.record import HOST_EVENTS, Parent
from agentmesh.host.ports import Journal
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import Sent, Step
from agentmesh.kernel import commands, events
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.replay.driver import Replayer
from agentmesh.simulation.records import effect_key, timer_key

ANSWER, NEXT = "answer", "next"
"""Names of watches that wait for no message: for the workflow's answer, and for a next step."""
_BEHIND, _LATE, _OVER = 0.1, 0.2, 0.3
"""A watch comes so much after what it waits for, in the run order."""


class Reach(Carrier):
    """Knows which agents are looked at.

    Args:
        parent: The run and the cut.
        changes: What is different.
        replayer: Of the parent.
        journal: Where the branch is written.
        encoder: How records are compared.
    """

    def __init__(
        self,
        parent: Parent,
        changes: Changes,
        replayer: Replayer,
        journal: Journal,
        encoder: BodyEncoder,
    ) -> None:
        super().__init__(parent, changes, journal, encoder)
        self._replayer = replayer
        self._moment = 0
        self._rank = UNRECORDED
        """When what happens now happens, and its place in the run order."""

    @property
    def players(self) -> dict[str, Player]:
        """The agents that a change has come near."""
        return self._players

    def _begin(self) -> None:
        """Look at whom a change is about from the cut on; at all where the record breaks off."""
        parent, answer = self._parent, self._parent.ledger.answer
        about = {change.address for change in self._changes.by_key.values()}
        about |= self._changes.agents
        if answer is None:
            about |= set(parent.order.addresses)
        for address in sorted(about):
            self._look_at(address, parent.first(address))
        if answer is not None:
            item = Item(ANSWER, WATCH, answer.address, answer.at, answer.number + _OVER)
            item.same = True
            self._pending.watch(item)

    # --- who is looked at -------------------------------------------------------------------------

    def _come_near(self, address: str) -> Player:
        """Look at an agent from now on."""
        ledger = self._parent.ledger
        ranked = self._rank < UNRECORDED
        start = ledger.position(address, self._moment, self._rank, ranked=ranked)
        return self._look_at(address, max(start, self._parent.first(address)))

    def _look_at(self, address: str, start: int) -> Player:
        """Let what may happen to an agent be pending.

        Args:
            address: The agent.
            start: How many steps it has had as they were recorded.
        """
        steps = self._parent.record(address).steps
        kept = self._parent.first(address)
        while start > kept and isinstance(steps[start - 1].event, events.Started):
            start -= 1  # it begins with its first message
        player = Player(address, self._parent, self._replayer, start)
        self._players[address] = player
        player.now = max((step.event.at for step in steps[:start]), default=0)
        for step in steps[:start]:
            self._take_up(player, step)
        for step in steps[start:]:
            if isinstance(step.event, events.Delivered):
                self._await(player, step.event.envelope, step.number)
        self._expect(player)
        return player

    def _take_up(self, player: Player, step: Step) -> None:
        """Let go on what an agent has begun in an earlier step, and has not seen the end of."""
        address, record = player.address, self._parent.record(player.address)
        for command in step.commands:
            if isinstance(command, StartEffect):
                ended = record.effects[effect_key(address, command.turn, command.n)]
                if ended.end is not None and ended.end.step < player.next:
                    self._used.add(ended.key)
                    self._save(ended)
                else:
                    self._await_effect(address, ended, player.next)
            elif isinstance(command, commands.StartTimer):
                key = timer_key(address, command.turn, command.n)
                if not 0 <= record.fired.get(key, -1) < player.next:
                    self._set_timer(address, command, same=True)
            else:
                self._recorded(address, step, command)

    def _await(self, player: Player, envelope: Envelope, number: int) -> None:
        """Let a recorded message be on its way, unless its sender runs: it may send it, or not."""
        key, source = key_of_envelope(envelope), self._players.get(envelope.src)
        if source is not None:
            sent = self._parent.record(envelope.src).sent.get(key, -1)
            if source.ran(sent) or (not source.is_sure and sent >= source.next):
                return
        self._arrive(key, envelope.src, self._parent.ledger.place(player.address, number))

    def _expect(self, player: Player) -> None:
        """Await what a host does by itself, if that is what was recorded next."""
        step = player.expected()
        if step is None:
            return
        self._watch_next(player, step)
        if isinstance(step.event, HOST_EVENTS):
            place = self._parent.place(player.address, step.number)
            name = f"{player.address}@{step.number}"
            item = Item(name, HOST, player.address, place.at, place.number)
            item.recorded, item.same = step.number, True
            self._pending.add(item)

    # --- who runs ---------------------------------------------------------------------------------

    def _wake(self, player: Player) -> None:
        """Let an agent run: what its parent's sent from here on may come, or not."""
        if player.cell is None:
            if player.is_sure:
                self._doubt(player)
            player.wake()

    def _doubt(self, player: Player) -> None:
        """Take back what an agent was sure to send, and watch who may wait for it."""
        player.is_sure = False
        for number, command in self._to_be_sent(player):
            key = message_key(player.address, command.n, command.dst, command.kind, command.re)
            if command.dst in self._players:
                self._pending.forget(key)
            elif (place := self._parent.arrival(key)) is not None:
                item = Item(key, WATCH, place.address, place.at, place.number + _LATE)
                item.recorded, item.sent, item.same = place.step, (player.address, number), True
                self._pending.watch(item)

    def _follow_again(self, player: Player) -> None:
        """Let what an agent's parent sent from here on be on its way: it does what it did."""
        player.is_sure = True
        for _, command in self._to_be_sent(player):
            key = message_key(player.address, command.n, command.dst, command.kind, command.re)
            place = self._parent.arrival(key) if command.dst in self._players else None
            if place is not None and place.step >= self._players[command.dst].next:
                self._arrive(key, player.address, place)
        self._expect(player)

    def _to_be_sent(self, player: Player) -> Iterator[tuple[int, Sent]]:
        for step in self._parent.record(player.address).steps[player.next :]:
            for command in step.commands:
                if isinstance(command, Sent) and command.dst != CLIENT:
                    yield step.number, command

    def _watch_next(self, player: Player, step: Step) -> None:
        """Watch whether an agent that follows the record has its next step when that is due."""
        number = step.number
        steps = self._parent.record(player.address).steps
        while number + 1 < len(steps) and isinstance(steps[number].event, events.Started):
            number += 1
        place = self._parent.place(player.address, number)
        item = Item(NEXT, WATCH, player.address, place.at, place.number + _BEHIND)
        item.recorded, item.same = number, True
        self._pending.watch(item)

    # --- who is watched ---------------------------------------------------------------------------

    def _look_after(self, item: Item) -> None:
        """See whether what should have come has come."""
        if item.key == ANSWER:
            self._look_after_all(item.address)
        elif item.key == NEXT:
            player = self._players[item.address]
            if player.is_sure and player.next <= item.recorded:
                self._doubt(player)
        elif item.address not in self._players and item.key not in self._came:
            assert item.sent is not None
            source = self._players[item.sent[0]]
            if not source.is_sure or source.ran(item.sent[1]):
                self._look_at(item.address, item.recorded)

    def _look_after_all(self, root: str) -> None:
        """See whether the workflow has answered when its parent had; else all go on."""
        answer = self._parent.ledger.answer
        assert answer is not None
        if root not in self._players:
            self._answered_as_recorded(answer.at)
        elif not self.answered_at:
            order, restless = self._parent.order, frozenset(self._parent.ledger.unfinished())
            for address in order.addresses:
                last = self._parent.count(address) - 1
                after = order.number_of(address, last) > answer.number
                if (after or address in restless) and address not in self._players:
                    self._come_near(address)
