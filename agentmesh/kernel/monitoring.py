"""Who wants to know when a cell stops, and what they are told.

A monitor is an ask of the kernel itself: the cell answers it when it has stopped, whatever
made it stop. It asks for no turn and is no open work, so that it keeps neither the agent
from being idle nor a run from ending.
"""

import json

from agentmesh.errors import InternalError, describe, rebuild
from agentmesh.kernel import commands, endings
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.waiting import Waiting

ASKED = "asked"
"""Somebody asked it to stop, and it had handled its mailbox."""
FAILED = "failed"
"""A handler failed, and the agent does not go on after that."""
ESCALATED = "escalated"
"""A handler failed, and whoever started the agent fails with it."""
ENDED = "ended"
"""The run ended, or the agent could not be started."""


class Watch(Pending[Envelope]):
    """Waits for an agent's end, which may never come."""

    __slots__ = ()


class Monitored(Waiting):
    """Base of a cell: its own end, and whom it tells."""

    __slots__ = ("down", "monitors")

    run: object

    def __init__(self) -> None:
        super().__init__()
        self.monitors: list[Envelope] | None = None
        """Who waits for the cell to stop, longest first; None and an empty list are alike."""
        self.down: bytes = b""
        """JSON of how it stopped (reason, error, at); empty while it lives."""

    @property
    def only_watches(self) -> bool:
        """Whether its open turns can go on only when other agents stop: nothing of it is due."""
        due = self._mailbox or self._leftovers or self._effects or self._timers
        watched = [type(pending) is Watch for pending in self._asks.values()]
        return not due and bool(watched) and all(watched)

    def monitor(self, dst: str) -> Pending[Envelope]:
        """Wait, on behalf of the current turn, until an agent has stopped.

        Raises:
            DeadlineExceededError: The turn's deadline has passed already.
        """
        turn = self._turn_in_time()
        number = self.send(dst, kinds.MONITOR, turn=turn)
        self._asks[number] = pending = Watch(self, turn, number, dst)
        return pending

    def on_notice(self, envelope: Envelope) -> None:
        """Take in what concerns the agent's life and asks for no turn."""
        if envelope.kind == kinds.SPAWN:
            self.on_spawned(envelope)
        elif envelope.kind == kinds.MONITOR:
            self.on_monitor(envelope)
        elif envelope.kind == kinds.ESCALATE:
            self.on_escalated(envelope)
        else:
            message = f"Unknown kind of envelope: {envelope.kind}"
            raise InternalError(message)

    def on_spawned(self, envelope: Envelope) -> None:
        """Do nothing: a spawn's state came with `Started`."""

    def on_escalated(self, envelope: Envelope) -> None:
        """Fail with an agent that this one started; a cell that has stopped passes it on."""
        root = self.behavior.root(self.run)
        if not self.down:
            self.fail_with(rebuild(envelope.payload, envelope.note))
        elif self.address != root:
            self.escalate_to(root, envelope.payload, envelope.note)

    def fail_with(self, error: Exception) -> None:
        """Let the open turns fail; the agent goes on."""
        if not self.turns:
            said = describe(error)
            self.issue(commands.Log(0, "error", "an agent escalated, and nothing was open", said))
        for turn in self.turns.values():
            turn.failure = turn.failure or error
            turn.cancel_reason = turn.cancel_reason or endings.FAILURE
            if turn.task is not None:
                turn.task.cancel()

    def escalate_to(self, dst: str, error: bytes, note: str) -> None:
        """Tell another agent that it fails with this one."""
        self.sent = number = self.sent + 1
        told = Envelope(self.address, number, dst, kinds.ESCALATE, payload=error, note=note)
        self.issue(commands.Send(0, told))

    def on_monitor(self, envelope: Envelope) -> None:
        """Remember who wants to know; a cell that has stopped tells at once."""
        if self.down:
            self.answer(envelope, kinds.REPLY, "", self.down, 0)
            return
        if self.monitors is None:
            self.monitors = []
        self.monitors.append(envelope)

    def forget_monitor(self, withdrawn: Envelope) -> bool:
        """Take in that somebody may no longer want to know; tell whether it was so."""
        gone, before = (withdrawn.src, withdrawn.re), self.monitors or []
        self.monitors = [each for each in before if (each.src, each.n) != gone]
        return len(self.monitors) < len(before)

    def note_down(self, reason: str, error: BaseException | None = None) -> None:
        """Note how the cell stops; what was noted first stands."""
        if not self.down:
            said = None if error is None else json.loads(describe(error))
            down = {"reason": reason, "error": said, "at": self.now}
            self.down = json.dumps(down, separators=(",", ":")).encode()

    def tell_monitors(self) -> None:
        """Answer whoever waits for the cell to stop."""
        monitors, self.monitors = self.monitors, None
        for envelope in monitors or ():
            self.answer(envelope, kinds.REPLY, "", self.down, 0)
