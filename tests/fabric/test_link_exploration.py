"""The protocol under everything a network and two busy hosts can do to it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agentmesh.fabric.frames import decode
from agentmesh.fabric.link import Link
from tests.fabric.links import LEFT, OTHER, RIGHT, SMALL, End, Network, message

ENDS = st.sampled_from([LEFT, RIGHT])


class Exploration(RuleBasedStateMachine):
    """Frames are lost, doubled and reordered; answers too; commits and time come as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()

    @rule(end=ENDS, count=st.one_of(st.just(1), st.integers(1, 20)))
    def send(self, end: str, count: int) -> None:
        """Some agent of one host sends messages."""
        self.network.ends[end].send(count)

    @rule(end=ENDS)
    def transmit(self, end: str) -> None:
        """One host gets to transmit."""
        self.network.transmit(end)

    @precondition(lambda self: self.network.flying)
    @rule(data=st.data(), answered=st.booleans(), keep=st.booleans())
    def arrive(self, data: st.DataObject, answered: bool, keep: bool) -> None:  # noqa: FBT001
        """Any frame arrives, perhaps not for the last time, and is perhaps answered."""
        index = data.draw(st.integers(0, len(self.network.flying) - 1))
        self.network.arrive(index, answered=answered, keep=keep)

    @precondition(lambda self: self.network.flying)
    @rule(data=st.data(), noticed=st.booleans())
    def lose(self, data: st.DataObject, noticed: bool) -> None:  # noqa: FBT001
        """Any frame is lost; its sender may be told."""
        index = data.draw(st.integers(0, len(self.network.flying) - 1))
        end, _ = self.network.flying.pop(index)
        if noticed:
            self.network.ends[OTHER[end]].link.lost()

    @rule(end=ENDS)
    def commit(self, end: str) -> None:
        """One host journals what it was handed."""
        self.network.commit(end)

    @rule(seconds=st.sampled_from([0.01, 0.06, 6.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        """Long enough for nothing, for an acknowledgement, or for sending again."""
        self.network.now += int(seconds * 1e9)

    @invariant()
    def handed_is_a_prefix_of_sent(self) -> None:
        """First in first out, and each message at most once."""
        for end, other in OTHER.items():
            handed, sent = self.network.ends[other].handed, self.network.ends[end].sent
            assert handed == sent[: len(handed)]

    @invariant()
    def nothing_is_acknowledged_that_is_not_journaled(self) -> None:
        """What a sender forgets is safe with the receiver."""
        for end, other in OTHER.items():
            acked = self.network.ends[end].link.outgoing.acked
            assert acked <= self.network.ends[other].link.incoming.committed

    @invariant()
    def windows_are_kept(self) -> None:
        """Neither end holds more than it promised to."""
        for end in self.network.ends.values():
            outgoing = end.link.outgoing
            assert outgoing.next_number - 1 <= outgoing.acked + SMALL.window
            assert sum(map(len, end.link.incoming._early.values())) <= SMALL.window**2

    def teardown(self) -> None:
        """Once the network is well again, everything arrives, and both ends come to rest."""
        self.network.settle()
        for end, other in OTHER.items():
            assert self.network.ends[other].handed == self.network.ends[end].sent
            assert self.network.ends[end].link.quiet


TestExploration = Exploration.TestCase
TestExploration.settings = settings(max_examples=200, stateful_step_count=60)


class Restarts(RuleBasedStateMachine):
    """The right host dies again and again; what it had journaled, its successor knows."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.incarnation = 1
        self.journal: list[int] = []
        """What the right host's lives have journaled, duplicates dropped by the message's id."""
        self.zombies: list[End] = []

    @rule(count=st.integers(1, 8))
    def send(self, count: int) -> None:
        """The left host sends."""
        self.network.ends[LEFT].send(count)

    @rule(end=ENDS)
    def transmit(self, end: str) -> None:
        """One host gets to transmit."""
        self.network.transmit(end)

    @precondition(lambda self: self.network.flying)
    @rule(data=st.data(), answered=st.booleans())
    def arrive(self, data: st.DataObject, answered: bool) -> None:  # noqa: FBT001
        """Any frame arrives, also one that is meant for, or from, a life that is over."""
        index = data.draw(st.integers(0, len(self.network.flying) - 1))
        self.network.arrive(index, answered=answered)

    @rule()
    def journal_it(self) -> None:
        """The right host commits; its journal survives it."""
        right = self.network.ends[RIGHT]
        self.journal.extend(n for n in right.handed if n not in self.journal)
        self.network.commit(RIGHT)

    @rule()
    def die(self) -> None:
        """What was handed out and not journaled is gone; the next life starts from the journal."""
        self.incarnation += 1
        self.zombies.append(self.network.ends[RIGHT])
        successor = End(Link(RIGHT, self.incarnation, LEFT, 1, SMALL), handed=list(self.journal))
        self.network.ends[RIGHT] = successor

    @precondition(lambda self: self.zombies)
    @rule(data=st.data())
    def zombie_writes(self, data: st.DataObject) -> None:
        """A life that is over was only slow, and still sends something."""
        zombie = data.draw(st.sampled_from(self.zombies))
        zombie.link.send([message(10_000, src="Zombie/z")])
        frame = zombie.link.transmit(self.network.now)
        if frame is not None:
            self.network.flying.append((LEFT, frame))

    @rule()
    def supervisor_tells(self) -> None:
        """The left host hears of the restart before any frame says so."""
        self.network.ends[LEFT].link.peer_restarted(self.incarnation)

    @invariant()
    def the_journal_is_a_prefix_of_sent(self) -> None:
        """Once duplicates across lives are dropped by id, nothing is missing in between."""
        sent = self.network.ends[LEFT].sent
        assert self.journal == sent[: len(self.journal)]

    @invariant()
    def nothing_is_forgotten_that_is_not_journaled(self) -> None:
        """The left host still has whatever the journal lacks."""
        left = self.network.ends[LEFT]
        waiting = left.link.outgoing.waiting
        assert len(self.journal) >= len(left.sent) - waiting

    def teardown(self) -> None:
        """Whoever lives last gets everything."""
        for end, data in list(self.network.flying):
            if decode(data).src_incarnation != self.network.ends[OTHER[end]].link.incarnation:
                self.network.flying.remove((end, data))
        self.supervisor_tells()
        self.network.settle()
        self.journal_it()
        assert self.journal == self.network.ends[LEFT].sent


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=200, stateful_step_count=50)
