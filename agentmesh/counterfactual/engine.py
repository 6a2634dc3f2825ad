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

from agentmesh.causality.figures import Figures
from agentmesh.causality.usage import Usage
from agentmesh.counterfactual.answers import Answering, StoppedError
from agentmesh.counterfactual.carrying import ANSWERS
from agentmesh.counterfactual.edits import Changes
from agentmesh.counterfactual.living import Living
from agentmesh.counterfactual.models import is_meant
from agentmesh.counterfactual.pending import (
    AMEND,
    HOST,
    MESSAGE,
    NEVER,
    TIMER,
    UNRECORDED,
    WATCH,
    Item,
)
from agentmesh.counterfactual.player import Player
from agentmesh.counterfactual.record import Parent
from agentmesh.errors import AgentMeshError
from agentmesh.host.ports import Journal
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import events
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.events import Event
from agentmesh.replay.driver import Replayer

_ANSWERS = (kinds.REPLY, kinds.FAIL)


class Engine(Living):
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
        super().__init__(
            parent=parent,
            changes=changes,
            replayer=replayer,
            answering=answering,
            journal=journal,
            encoder=encoder,
        )
        self._drain_ns = int(parent.run.info.drain_seconds * 1e9)
        self._breaks: dict[str, int] = {}
        """Of a branch that broke off: how far agents had got that nobody looked at."""

    def run(self) -> None:
        """Make the branch.

        Raises:
            StoppedError: An effect has no answer.
            UsageError: An effect must not be performed.
            DivergenceError: Today's program is not the parent's.
        """
        with self._replayer.in_place():
            try:
                self._start_at_cut()
                self._begin()
                self._insert()
                self._amend()
                self._let_happen()
                self._stop()
            except (StoppedError, AgentMeshError):
                self._break_off()
                raise
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
        """How many agents the branch has."""
        unseen = (each for each in self._parent.order.addresses if each not in self._players)
        return sum(1 for _ in unseen) + sum(one.next > 0 for one in self._players.values())

    @property
    def common(self) -> int:
        """How many events up to the cut the branch shares with its parent."""
        unseen = (
            self._parent.first(address)
            for address in self._parent.cut
            if address not in self._players
        )
        seen = (
            min(self._parent.first(address), player.copied if player.writes else player.next)
            for address, player in self._players.items()
        )
        return sum(unseen) + sum(seen)

    @property
    def events(self) -> int:
        """How many events the branch has."""
        parent = self._parent
        seen = sum(parent.count(address) for address in self._players)
        return len(parent.order) - seen + sum(one.next for one in self._players.values())

    @property
    def kept(self) -> dict[str, int]:
        """Of each agent that is not just as it was, how many steps of its parent's it has."""
        found = {}
        for address, player in self._players.items():
            steps = player.copied if player.writes else player.next
            if player.writes or steps < self._parent.count(address):
                found[address] = steps
        return found

    def saved(self) -> Figures:
        """Return the effects that were answered from the record, and what they had cost."""
        total, ledger = self.count.saved, self._parent.ledger
        for address, figures in ledger.totals(self._breaks).items():
            if address in self._breaks or address not in self._players:
                _add(total, figures)
        return total

    def close(self) -> None:
        """Let go of what runs."""
        for player in self._players.values():
            player.close()
        self._answering.close()

    def _break_off(self) -> None:
        """Let nothing of the parent be in the branch that came later than its end."""
        ledger, ranked = self._parent.ledger, self._rank < UNRECORDED
        for address in self._parent.order.addresses:
            if address not in self._players:
                start = ledger.position(address, self._moment, self._rank, ranked=ranked)
                start = max(start, self._parent.first(address))
                self._players[address] = Player(address, self._parent, self._replayer, start)
                self._breaks[address] = start

    def _start_at_cut(self) -> None:
        """Know when it is, and who may be different from now on."""
        order, changes = self._parent.order, self._changes
        if len(order):
            self._now = order.event(max(0, changes.kept)).at
        if changes.models:
            for address, last in self._parent.ledger.model_calls().items():
                if last >= self._parent.first(address) and is_meant(address, changes.models):
                    changes.agents.add(address)

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
                self._catch_up()
                return item
            if not self._wake_all():
                return None

    def _catch_up(self) -> None:
        """Let it be as late as the last event of those whom nobody looks at."""
        for address in self._parent.order.addresses:
            if address not in self._players:
                last = self._parent.place(address, self._parent.count(address) - 1)
                self._now = max(self._now, last.at)

    def _is_late(self, item: Item) -> bool:
        return item.at > self.answered_at + self._drain_ns

    def _wake_all(self) -> bool:
        """Bring all to life when nothing happens any more: their deadlines are what is left."""
        self._moment, self._rank = NEVER, UNRECORDED
        self._catch_up()
        for address in self._parent.ledger.unfinished():
            if address not in self._players:
                self._come_near(address)
        asleep = [one for one in self._players.values() if one.follows and one.next > 0]
        for player in asleep:
            self._wake(player)
            self._await_deadline(player)
        return bool(asleep)

    def _happen(self, item: Item) -> None:
        self._moment, self._rank = item.at, item.rank
        if item.kind in (WATCH, AMEND):
            self._pending.take(item)
            if item.kind == WATCH:
                self._look_after(item)
            else:
                self._now = max(self._now, item.at)
                self._amend_now(item)
            return
        player = self._players.get(item.address)
        if player is None:
            if self._comes_unseen(item):
                return
            player = self._come_near(item.address)
        if player.follows and self._is_early(player, item):
            return
        self._pending.take(item)
        if item.at < NEVER:
            self._now = max(self._now, item.at)
        if player.follows and self._is_recorded(player, item):
            if not player.is_sure:  # it was behind, in a run in which no time passes
                self._follow_again(player)
            self._follow(player, item.recorded, item.envelope)
            self._go_on(item, player.now)
        elif item.kind == HOST:
            self._strike(player, item)
        elif item.kind == MESSAGE:
            self._deliver(player, item)
        else:
            self._wake(player)
            self._end(player, item)

    def _comes_unseen(self, item: Item) -> bool:
        """Take a message that is just what an agent got that nobody looks at; tell if it is."""
        if item.recorded < 0 or item.edited or item.envelope is None:
            return False
        step = next(self._parent.run.steps(item.address, start=item.recorded))
        on_time = item.at <= self._parent.place(item.address, step.number).at
        same = on_time and self._equals(item, step.event)
        assert isinstance(step.event, events.Delivered)
        if not same or step.event.envelope.n != item.envelope.n:
            return False
        self._pending.take(item)
        self._came.add(item.key)
        return True

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
        place = self._parent.place(player.address, step.number)
        if (item.at, item.rank) >= (place.at, place.number + 0.5):
            return False
        # The parent's agent took it back, perhaps after it was due: the next event may do so.
        self._pending.put_off(item, max(item.at, place.at), place.number + 0.5)
        return True

    def _is_recorded(self, player: Player, item: Item) -> bool:
        """Tell whether an event is just the one that the parent's agent had next."""
        if item.recorded < player.next or item.edited or self._is_to_change(player):
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
            self._write(player, step, number)
            player.next += 1
            player.now = max(player.now, step.event.at)
            for command in step.commands:
                self._recorded(player.address, step, command)
        self._expect(player)

    # --- the end ----------------------------------------------------------------------------------

    def _stop(self) -> None:
        """End what is open, as hosts do when the workflow has answered."""
        self._stopping = True
        self._catch_up()
        for player in list(self._players.values()):
            self._stop_one(player)
        while (item := self._pending.next()) is not None:
            if item.kind == WATCH or (item.kind == MESSAGE and item.at < NEVER):
                self._happen(item)
                if item.address in self._players:
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
        self._wake(player)
        cell = player.wake()
        if not cell.idle:
            self._give(player, events.Stopped(max(self._now, player.now), "stop"))


def _comparable(envelope: Envelope) -> Envelope:
    """Return a message without what makes no difference to who gets it."""
    number = 0 if envelope.kind in ANSWERS else envelope.n
    return msgspec.structs.replace(envelope, note="", n=number)


def _add(total: Figures, more: Figures) -> None:
    total.events += more.events
    total.seconds += more.seconds
    total.input_tokens += more.input_tokens
    total.output_tokens += more.output_tokens
    for model, used in more.usage.items():
        total.usage.setdefault(model, Usage()).add(used)
