"""Checks of one agent's steps: each reads the agent's events and commands in order.

What they know of an agent is forgotten with its last step.
"""

from agentmesh.causality.findings import Reader
from agentmesh.journal.records import Sent, Step
from agentmesh.kernel.commands import (
    CONTINUED,
    OUTCOMES,
    CancelEffect,
    CancelTimer,
    FinishTurn,
    StartEffect,
    StartTimer,
)
from agentmesh.kernel.envelope import (
    ASK,
    CANCEL,
    CHUNK,
    CONTINUE,
    FAIL,
    MONITOR,
    REPLY,
    STARTS_TURN,
)
from agentmesh.kernel.events import (
    Delivered,
    EffectFailed,
    EffectFinished,
    EffectStreamed,
    Started,
    TimerFired,
)

_ANSWERS = (REPLY, FAIL)
_ANSWERED = (ASK, MONITOR)
"""What is answered: an ask by the end of its turn, a monitor when the agent has stopped."""


class Steps(Reader):
    """Steps are numbered from 0, the first is the start, and only the last are cut short."""

    def begin(self) -> None:
        """Expect the start."""
        self._next = 0
        self._cut: int | None = None

    def step(self, step: Step) -> None:
        """Look at a step as a whole."""
        self.check.checked += 1
        if step.number != self._next:
            self.found(f"step {step.number} follows where step {self._next} must")
        self._next = step.number + 1
        if (type(step.event) is Started) != (step.number == 0):
            self.found("the first step is no start" if not step.number else "it starts again")
        if step.handled and self._cut is not None:
            self.found(f"what step {self._cut} led to is missing, and the journal goes on")
            self._cut = None
        elif not step.handled and self._cut is None:
            self._cut = step.number

    def end(self) -> None:
        """The journal may end in the middle of steps."""
        if self._cut is not None:
            self.is_open("the journal ends before what the event led to", self._cut)


class Time(Reader):
    """Events of an agent carry times that never go back."""

    def begin(self) -> None:
        """Begin anywhere."""
        self._latest = 0

    def step(self, step: Step) -> None:
        """Look at a step's time."""
        self.check.checked += 1
        at = step.event.at
        if at < self._latest:
            self.found(f"it is {self._latest - at:,} ns earlier than the step before")
        self._latest = max(at, self._latest)


class Turns(Reader):
    """A message that asks for a turn ends in exactly one `FinishTurn`."""

    def begin(self) -> None:
        """Nothing is delivered yet."""
        self._open: dict[str, int] = {}

    def delivered(self, event: Delivered) -> None:
        """Note what asks for a turn."""
        if event.envelope.kind in STARTS_TURN and not self.cursor.duplicate:
            self.check.checked += 1
            self._open[event.envelope.id] = self.cursor.step

    def finished(self, command: FinishTurn) -> None:
        """Strike out what has ended."""
        message = command.message
        if self._open.pop(message, None) is None:
            before = self.cursor.was_delivered(message)
            how = "has ended before" if before else "was never delivered here"
            self.found(f"{message} ends ({command.outcome}) and {how}", message)
        if command.outcome not in OUTCOMES:
            self.found(f"{message} ends in a state that is none: {command.outcome!r}", message)

    def end(self) -> None:
        """What is left has not ended."""
        for message, step in self._open.items():
            self.is_open(f"{message} was delivered and has not ended", step, message)


class Asks(Reader):
    """An ask has exactly one answer, sent before its turn ends, by the agent that was asked.

    A turn that goes on as another leaves its ask to that one. That an answer arrives is for
    the check of deliveries to say.
    """

    def begin(self) -> None:
        """Nothing is asked yet."""
        self._owed: dict[str, bool] = {}  # asks delivered, and whether they are answered
        self._turns: dict[str, str] = {}  # messages that asks are answered by the end of
        self._asked: dict[int, str] = {}  # asks sent and not answered, and whom
        self._over: set[int] = set()  # asks sent and answered

    def delivered(self, event: Delivered) -> None:
        """Note an ask; hold an answer against what was asked."""
        envelope = event.envelope
        kind = envelope.kind
        if self.cursor.duplicate:
            return
        if kind in _ANSWERED:
            self._owed[envelope.id] = False
        if kind == ASK:
            self._turns[envelope.id] = envelope.id
        elif kind == CONTINUE and envelope.re:
            self._turns[envelope.id] = f"{envelope.origin}#{envelope.re}"
        elif kind in (REPLY, FAIL, CHUNK):
            self._answered(envelope.re, envelope.src, envelope.id, last=kind != CHUNK)

    def sent(self, command: Sent) -> None:
        """Note an ask, or the answer to one."""
        if command.kind in _ANSWERED:
            self.check.checked += 1
            self._asked[command.n] = command.dst
        elif command.kind in _ANSWERS:
            ask = f"{command.dst}#{command.re}"
            if self._owed.get(ask) is not False:
                how = "a second time" if self.cursor.was_delivered(ask) else "and was never asked"
                self.found(f"it answers {ask} {how}", ask)
            else:
                self._owed[ask] = True
        elif command.kind == CANCEL and not self._was_asked(command.re):
            self.found(f"it withdraws its ask #{command.re}, which it never sent")

    def finished(self, command: FinishTurn) -> None:
        """An ask whose turn ends has been answered."""
        ask = self._turns.pop(command.message, "")
        if command.outcome != CONTINUED and ask and self._owed.pop(ask, True) is False:
            self.found(f"{command.message} ends without an answer to {ask}", command.message)

    def _answered(self, ask: int, source: str, message: str, *, last: bool) -> None:
        asked = self._asked.get(ask)
        if asked is None:
            how = "has its answer" if self._was_asked(ask) else "was never sent"
            self.found(f"{source} answers the ask #{ask}, which {how}", message)
        elif asked != source:
            self.found(f"{source} answers the ask #{ask}, which went to {asked}", message)
        elif last:
            del self._asked[ask]
            self._over.add(ask)

    def _was_asked(self, ask: int) -> bool:
        return ask in self._asked or ask in self._over


class Pending(Reader):
    """What an agent starts outside, effect or timer, ends once and never without a start.

    An end may cross the cancellation on its way: then both are recorded.
    """

    what = ""

    def begin(self) -> None:
        """Nothing is under way."""
        self._live: dict[tuple[int, int], int] = {}
        self._cancelled: dict[tuple[int, int], None] = {}
        self._over: set[tuple[int, int]] = set()

    def started(self, command: StartEffect | StartTimer) -> None:
        """Note a start."""
        self.check.checked += 1
        number = (command.turn, command.n)
        if number in self._live or number in self._over:
            self.found(f"{self._named(number)} starts a second time")
        self._live[number] = self.cursor.step

    def cancelled(self, command: CancelEffect | CancelTimer) -> None:
        """Strike out what is no longer wanted."""
        number = (command.turn, command.n)
        if self._live.pop(number, None) is None:
            self.found(f"{self._named(number)} is cancelled and {self._how(number)}")
        self._cancelled[number] = None
        self._over.add(number)

    def ended(self, event: EffectFinished | EffectFailed | TimerFired) -> None:
        """Strike out what has ended."""
        number = (event.turn, event.n)
        if self._live.pop(number, None) is None and number not in self._cancelled:
            self.found(f"{self._named(number)} ends and {self._how(number)}")
        self._cancelled.pop(number, None)
        self._over.add(number)

    def streamed(self, event: EffectStreamed) -> None:
        """Pieces come while the effect goes on."""
        number = (event.turn, event.n)
        if number not in self._live and number not in self._cancelled:
            self.found(f"{self._named(number)} brings a piece and {self._how(number)}")

    def end(self) -> None:
        """What is left goes on."""
        for number, step in self._live.items():
            self.is_open(f"{self._named(number)} has not ended", step)

    def _how(self, number: tuple[int, int]) -> str:
        return "has ended before" if number in self._over else "was never started"

    def _named(self, number: tuple[int, int]) -> str:
        return f"{self.what} {number[1]} of turn {number[0]}"


class Effects(Pending):
    """Tools, requests, calls."""

    what = "effect"


class Timers(Pending):
    """Waits.

    One outside any turn is an agent's rest after a restart, which keeps no run from ending.
    """

    what = "timer"

    def end(self) -> None:
        """What is left goes on."""
        self._live = {number: step for number, step in self._live.items() if number[0]}
        super().end()
