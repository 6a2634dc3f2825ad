"""Protocols and hosts that are wrong on purpose, to show that exploring them finds it."""

from collections.abc import Hashable

from agentmesh.fabric.frames import Frame
from agentmesh.fabric.halves import LIMITS, Incoming, Limits, Outgoing
from agentmesh.fabric.link import Link
from agentmesh.kernel.envelope import Envelope
from tests.fabric.link_lives import Key, Life
from tests.fabric.link_world import World


class Hasty(Link):
    """Acknowledges what was handed out, journaled or not."""

    def accept(self, frame: Frame, now: int) -> list[Envelope]:
        ready = super().accept(frame, now)
        self.incoming.committed = self.incoming.handed
        return ready


class HastyAboutRepetitions(Link):
    """Takes a frame without news for a sign that everything before it is journaled."""

    def accept(self, frame: Frame, now: int) -> list[Envelope]:
        ready = super().accept(frame, now)
        if not ready:
            self.incoming.committed = self.incoming.handed
        return ready


class Forgiving(Link):
    """Takes frames of lives that are over, and for lives that are over."""

    def _is_current(self, frame: Frame) -> bool:
        super()._is_current(frame)
        return True


class _Other(Link):
    """A link with another half."""

    sending: type[Outgoing] = Outgoing
    receiving: type[Incoming] = Incoming

    def __init__(
        self,
        me: str,
        incarnation: int,
        peer: str,
        peer_incarnation: int,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(me, incarnation, peer, peer_incarnation, limits)
        self.outgoing = self.sending(limits)
        self.incoming = self.receiving(limits)


class KeepsNumbers(_Other):
    """Goes on counting when the other host is new, which expects 1."""

    class sending(Outgoing):  # noqa: N801 - is the attribute
        def restart(self) -> None:
            acked, highest = self.acked, self._highest
            super().restart()
            self.acked, self._highest = acked, highest


class LosesUnacknowledged(_Other):
    """Sends a new life only what the one before it was never sent."""

    class sending(Outgoing):  # noqa: N801 - is the attribute
        def restart(self) -> None:
            self._unacked.clear()
            super().restart()


class SendsOldAfterNew(_Other):
    """Sends a new life first what was never sent, and then what is to come again."""

    class sending(Outgoing):  # noqa: N801 - is the attribute
        def restart(self) -> None:
            self._unsent.extend(envelope for envelope, _ in self._unacked)
            self._unacked.clear()
            super().restart()


class GrantsAgain(_Other):
    """Understands credit as so many more than were sent by now."""

    class sending(Outgoing):  # noqa: N801 - is the attribute
        def acknowledge(self, number: int, credit: int, now: int) -> None:
            super().acknowledge(number, credit, now)
            self.credit = self.next_number - 1 + credit - number


class SkipsGaps(_Other):
    """Hands out what overtook without waiting for what it overtook."""

    class receiving(Incoming):  # noqa: N801 - is the attribute
        def take(self, first: int, envelopes: list[Envelope]) -> list[Envelope]:
            self.handed = max(self.handed, first - 1)
            return super().take(first, envelopes)


class Impatient(_Other):
    """Has no patience at all, and so never sends again what was lost without a sign."""

    class sending(Outgoing):  # noqa: N801 - is the attribute
        def resend(self) -> None:
            self.resend_at = 1 << 62


class Unfenced(World):
    """Lives go on as if no other had begun."""

    def _stops(self, life: Life) -> bool:
        return False


class FencesLate(World):
    """Successors mark the log as fenced when others hear of them: long after they read it."""

    def _fence(self, host: str) -> bool:
        fence = self.journals[host].fence
        super()._fence(host)
        self.journals[host].fence = fence
        return True

    def _tell(self, key: Key, peer: str) -> bool:
        self.journals[peer].fence = self.journals[peer].closed
        return super()._tell(key, peer)


class RemembersNothing(World):
    """Successors do not know what was received before them."""

    def _live(self, host: str) -> None:
        super()._live(host)
        next(reversed(self.lives.values())).seen.clear()


class SendsNothingAgain(World):
    """Successors take for arrived what their predecessors wrote."""

    def _live(self, host: str) -> None:
        journal = self.journals[host]
        journal.safe = {peer: len(sent) for peer, sent in journal.sent.items()}
        super()._live(host)


class AnswersRepetitionsAtOnce(World):
    """Commits what it has seen already without waiting for the first copy to be journaled."""

    def _deliver(self, number: Hashable, key: Key) -> bool:
        done = super()._deliver(number, key)
        life = self.lives.get(key)
        last = life.pending[-1] if life and life.pending else None
        if life and last and last.call == number and not last.fresh:
            life.links[last.peer].commit(last.mark, life.now)
        return done
