"""A small world for random programs: cells, and a scheduler that picks what happens next.

It plays every role of a driver, in an order drawn from a seed: it delivers messages (in
order between each two agents), ends effects well or badly or bit by bit, fires timers,
reports deadlines, cancels. What each cell was given and what it issued is recorded.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agentmesh.errors import describe
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import RULES, Cell
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import CLIENT, Envelope
from agentmesh.kernel.events import Event
from agentmesh.kernel.supervised import cell_for
from agentmesh.kernel.supervision import Policy
from tests.kernel.programs import Interpreter, Program

HANDLERS = ("h0", "h1", "h2")
CELLS = 3
STEPS_MAX = 250
"""Events after which the world ends: programs may ask each other for ever."""

_START = 1_700_000_000_000_000_000
_MS = 1_000_000
_SEED = "seed"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A program, and the way in which it is run."""

    program: Program
    concurrency: int
    reentrant: bool
    deadline_ms: int
    messages: int
    supervision: Policy | None = None
    mailbox: int | None = None
    overflow: str = "block"

    def cell(self) -> Cell:
        """Return a new cell that runs the program."""
        interpreter = Interpreter(
            self.program,
            concurrency=self.concurrency,
            reentrant=self.reentrant,
            supervision=self.supervision,
            mailbox=self.mailbox,
            overflow=self.overflow,
        )
        return cell_for(interpreter)


@dataclass
class History:
    """One cell's life."""

    events: list[Event]
    issued: list[list[Command]]


class World:
    """Runs one program once."""

    def __init__(self, setting: Setting, scheduler: Random) -> None:
        self.setting = setting
        self.scheduler = scheduler
        self.cells: dict[str, Cell] = {}
        self.histories: dict[str, History] = {}
        self.now = _START
        self.arrived: dict[str, int] = {}
        """How often each message that wants a turn was delivered."""
        self._in_flight: dict[tuple[str, str], deque[Envelope]] = {}
        self._effects: dict[tuple[str, int, int], commands.StartEffect] = {}
        self._timers: dict[tuple[str, int, int], commands.StartTimer] = {}

    def run(self) -> dict[str, History]:
        """Run until nothing is left to happen; then stop every cell."""
        deadline = self.now + self.setting.deadline_ms * _MS if self.setting.deadline_ms else 0
        for n in range(1, self.setting.messages + 1):
            first = Envelope(CLIENT, n, "P/0", kinds.ASK, "h0", "T", b"null", 0, deadline)
            self._send(first)
        for _ in range(STEPS_MAX):
            self.now += self.scheduler.choice([0, 0, _MS // 2, 2 * _MS])
            if not self._step():
                break
        while self._in_flight:  # nothing may be lost: the rest are dead letters
            self._deliver(self.scheduler.choice(list(self._in_flight)), ending=True)
        for address in list(self.cells):
            self._stop(address)
        return self.histories

    def close(self) -> None:
        """Let go of the cells."""
        for cell in self.cells.values():
            cell.close()

    def _step(self) -> bool:
        choices: list[tuple[Callable[..., None], object]] = [
            *((self._deliver, key) for key in self._in_flight),
            *((self._end_effect, key) for key in self._effects),
            *((self._fire, key) for key in self._timers),
            *((self._expire, cell.address) for cell in self.cells.values() if cell.turns),
        ]
        if not choices:
            return False
        act, what = self.scheduler.choice(choices)
        act(what)
        return True

    def _give(self, address: str, event: Event) -> None:
        cell = self.cells[address]
        issued = cell.handle(event)
        history = self.histories[address]
        history.events.append(event)
        history.issued.append(issued)
        for command in issued:
            self._carry_out(address, command)

    def _carry_out(self, address: str, command: Command) -> None:
        if isinstance(command, commands.Send):
            self._send(command.envelope)
        elif isinstance(command, commands.StartEffect):
            self._effects[address, command.turn, command.n] = command
        elif isinstance(command, commands.StartTimer):
            self._timers[address, command.turn, command.n] = command
        elif isinstance(command, commands.CancelEffect):
            del self._effects[address, command.turn, command.n]
        elif isinstance(command, commands.CancelTimer):
            del self._timers[address, command.turn, command.n]

    def _send(self, envelope: Envelope) -> None:
        if envelope.dst != CLIENT:
            self._in_flight.setdefault((envelope.src, envelope.dst), deque()).append(envelope)

    def _deliver(self, pair: tuple[str, str], *, ending: bool = False) -> None:
        envelope = self._in_flight[pair].popleft()
        if not self._in_flight[pair]:
            del self._in_flight[pair]
        address = envelope.dst
        if address not in self.cells:
            self.cells[address] = self.setting.cell()
            self.histories[address] = History([], [])
            self._give(address, events.Started(self.now, address, _SEED, RULES, b""))
        if ending:
            self._stop(address)
        if envelope.kind in kinds.STARTS_TURN:
            self.arrived[envelope.id] = self.arrived.get(envelope.id, 0) + 1
        self._give(address, events.Delivered(self.now, envelope))

    def _end_effect(self, key: tuple[str, int, int]) -> None:
        address, turn, n = key
        value = json.dumps(self.scheduler.randrange(100)).encode()
        how = self.scheduler.random()
        if self._effects[key].kind == "model" and how < 0.6:
            self._give(address, events.EffectStreamed(self.now, turn, n, value))
            return
        del self._effects[key]
        if how < 0.85:
            self._give(address, events.EffectFinished(self.now, turn, n, value))
        else:
            error = describe(ValueError("effect failed"))
            self._give(address, events.EffectFailed(self.now, turn, n, error, "a traceback"))

    def _fire(self, key: tuple[str, int, int]) -> None:
        address, turn, n = key
        due = self._timers.pop(key).due
        self.now = max(self.now, due)
        self._give(address, events.TimerFired(self.now, turn, n))

    def _expire(self, address: str) -> None:
        """Report deadlines that have passed; now and then, somebody loses patience."""
        cell = self.cells[address]
        for message in cell.overdue(self.now):
            self._give(address, events.Cancelled(self.now, message, "deadline"))
        if cell.turns and self.scheduler.random() < 0.1:
            message = self.scheduler.choice(list(cell.turns))
            self._give(address, events.Cancelled(self.now, message, "cancel"))

    def _stop(self, address: str) -> None:
        self._give(address, events.Stopped(self.now, "stop"))


def replay(
    setting: Setting, recorded: list[Event], between: Callable[[], object] = lambda: None
) -> list[list[Command]]:
    """Feed recorded events to a new cell, and return what it issues."""
    cell = setting.cell()
    cell.forget_performers()
    issued = []
    for event in recorded:
        issued.append(cell.handle(event))
        between()
    cell.close()
    return issued
