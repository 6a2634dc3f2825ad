"""Cells made of small functions, and the events and commands of a conversation with them.

A handler here is `async def handler(cell)`: it does what it likes with the cell, as the
sdk would, and returns something that JSON can express.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from agentmesh.errors import describe
from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import RULES, Cell
from agentmesh.kernel.commands import Command
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.supervised import cell_for
from agentmesh.kernel.supervision import Policy
from agentmesh.kernel.turn import Turn

Handler = Callable[[Cell], Awaitable[Any]]

ME = "A/x"
CALLER = "C/y"
ROOT = "main/root"
START = 1_700_000_000_000_000_000
"""Time of each test cell's first event; all other times here count from it."""
MS = 1_000_000

CELLS: list[Cell] = []
"""The cells that the running test made; they are closed after it, as a driver does."""


class Functions:
    """A behaviour whose handlers are plain functions."""

    def __init__(
        self,
        handlers: dict[str, Handler],
        *,
        concurrency: int = 1,
        mailbox: int | None = None,
        overflow: str = "block",
        reentrant: Sequence[str] = (),
        create: Callable[[bytes], object] = lambda state: {"state": state},
        supervision: Policy | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.mailbox = mailbox
        self.overflow = overflow
        self.supervision = supervision
        self._handlers = handlers
        self._reentrant = reentrant
        self._create = create

    def create(self, state: bytes) -> object:
        return self._create(state)

    def dump(self, instance: object) -> bytes:
        return json.dumps(instance).encode()

    def amended(
        self, run: object, instance: object, envelope: Envelope
    ) -> tuple["Functions", object]:
        del run, envelope
        return self, instance

    def root(self, run: object) -> str:
        del run
        return ROOT

    def reentrant(self, envelope: Envelope) -> bool:
        return envelope.handler in self._reentrant

    async def run(self, cell: Cell, turn: Turn) -> tuple[str, bytes]:
        result = await self._handlers[turn.envelope.handler](cell)
        return "", json.dumps(result).encode()


def cell_of(
    handler: Handler | None = None,
    /,
    *,
    address: str = ME,
    seed: str = "seed",
    state: bytes = b"",
    **options: Any,
) -> Cell:
    """Return a cell that has been started; `handler` is called `h`."""
    handlers = options.pop("handlers", {})
    if handler is not None:
        handlers["h"] = handler
    cell = cell_for(Functions(handlers, **options))
    CELLS.append(cell)
    assert cell.handle(events.Started(START, address, seed, RULES, state)) == []
    return cell


# --- events ---------------------------------------------------------------------------------------


def delivered(envelope: Envelope, at: int = 0) -> events.Delivered:
    return events.Delivered(START + at, envelope)


def ask(n: int = 1, handler: str = "h", *, at: int = 0, **fields: Any) -> events.Delivered:
    """The n-th message of `C/y`, which waits for the answer."""
    chain = fields.pop("chain", (CALLER,))
    src = fields.pop("src", CALLER)
    envelope = Envelope(src, n, ME, kinds.ASK, handler, "T", b"null", chain=chain, **fields)
    return delivered(envelope, at)


def tell(n: int = 1, handler: str = "h", *, at: int = 0, **fields: Any) -> events.Delivered:
    """The n-th message of `C/y`, which does not wait."""
    envelope = Envelope(CALLER, n, ME, kinds.TELL, handler, "T", b"null", **fields)
    return delivered(envelope, at)


def answer(to: commands.Command, value: object = None, *, at: int = 0) -> events.Delivered:
    """What the agent asked by a `Send` replies."""
    assert isinstance(to, commands.Send)
    question = to.envelope
    payload = json.dumps(value).encode()
    return delivered(
        Envelope(question.dst, 1, question.src, kinds.REPLY, "", "T", payload, question.n), at
    )


def chunk(to: commands.Command, value: object, *, at: int = 0) -> events.Delivered:
    """One item of what the agent asked by a `Send` streams."""
    assert isinstance(to, commands.Send)
    question = to.envelope
    payload = json.dumps(value).encode()
    return delivered(
        Envelope(question.dst, 1, question.src, kinds.CHUNK, "", "T", payload, question.n), at
    )


def refusal(to: commands.Command, error: BaseException, *, at: int = 0) -> events.Delivered:
    """How the agent asked by a `Send` fails."""
    assert isinstance(to, commands.Send)
    question = to.envelope
    payload = describe(error)
    return delivered(
        Envelope(question.dst, 1, question.src, kinds.FAIL, "", "", payload, question.n), at
    )


def cancel(n: int = 1, *, at: int = 0) -> events.Delivered:
    """`C/y` no longer waits for its n-th message."""
    return delivered(Envelope(CALLER, 1000 + n, ME, kinds.CANCEL, re=n), at)


def stop(*, at: int = 0) -> events.Delivered:
    """Somebody asks the agent to stop."""
    return delivered(Envelope(CALLER, 2000, ME, kinds.STOP), at)


def finished(effect: commands.Command, value: object = None, *, at: int = 0) -> events.Event:
    assert isinstance(effect, commands.StartEffect)
    data = json.dumps(value).encode()
    return events.EffectFinished(START + at, effect.turn, effect.n, data)


def failed(effect: commands.Command, error: BaseException, *, at: int = 0) -> events.Event:
    assert isinstance(effect, commands.StartEffect)
    return events.EffectFailed(START + at, effect.turn, effect.n, describe(error))


def streamed(effect: commands.Command, value: object, *, at: int = 0) -> events.Event:
    assert isinstance(effect, commands.StartEffect)
    data = json.dumps(value).encode()
    return events.EffectStreamed(START + at, effect.turn, effect.n, data)


def fired(timer: commands.Command, *, late: int = 0) -> events.Event:
    assert isinstance(timer, commands.StartTimer)
    return events.TimerFired(timer.due + late, timer.turn, timer.n)


# --- commands -------------------------------------------------------------------------------------


def reply(
    value: object = None, *, n: int = 1, to: int = 1, turn: int = 1, dst: str = CALLER
) -> commands.Send:
    """The cell's n-th message: the answer to the caller's message `to`."""
    payload = json.dumps(value).encode()
    return commands.Send(turn, Envelope(ME, n, dst, kinds.REPLY, "", "", payload, to))


def done(message: int = 1, *, turn: int = 1, src: str = CALLER) -> commands.FinishTurn:
    return commands.FinishTurn(turn, f"{src}#{message}", commands.DONE)


def timer(due: int, *, turn: int = 1, n: int = 1) -> commands.StartTimer:
    return commands.StartTimer(turn, n, START + due)


def log(text: object, *, turn: int = 1) -> commands.Log:
    return commands.Log(turn, "info", str(text), b"{}")


# --- what handlers do -----------------------------------------------------------------------------


async def nothing(_cell: Cell) -> None:
    """Return at once."""


def say(cell: Cell, text: object) -> None:
    """Make something visible among the commands."""
    cell.log("info", str(text), b"{}")


def start(cell: Cell, name: str = "e") -> Pending[bytes]:
    """Issue an effect."""
    return cell.effect("tool", name, b"{}", _never)


async def effect(cell: Cell, name: str = "e") -> Any:
    """Await an effect."""
    return json.loads(await start(cell, name).future)


async def waits(cell: Cell) -> object:
    """Be a handler that waits for an effect."""
    return await effect(cell)


async def question(cell: Cell, dst: str = "B/z", handler: str = "q") -> Any:
    """Ask another agent."""
    envelope = await cell.ask(dst, handler, "T", b"null").future
    return json.loads(envelope.payload)


async def _never(_emit: Callable[[bytes], None]) -> bytes:
    raise AssertionError("a kernel test performs no effects")


# --- reading answers ------------------------------------------------------------------------------


def started(issued: Sequence[Command]) -> list[commands.StartEffect]:
    return [command for command in issued if isinstance(command, commands.StartEffect)]


def timers(issued: Sequence[Command]) -> list[commands.StartTimer]:
    return [command for command in issued if isinstance(command, commands.StartTimer)]


def sent(issued: Sequence[Command], kind: int | None = None) -> list[Envelope]:
    """Return the messages sent, all or those of one kind."""
    every = [command.envelope for command in issued if isinstance(command, commands.Send)]
    return [envelope for envelope in every if kind in (None, envelope.kind)]


def logged(issued: Sequence[Command]) -> list[str]:
    """Return what `say` made visible."""
    return [command.event for command in issued if isinstance(command, commands.Log)]


def ends(issued: Sequence[Command]) -> list[tuple[str, str]]:
    """Return the messages that ended, and how."""
    every = [command for command in issued if isinstance(command, commands.FinishTurn)]
    return [(command.message, command.outcome) for command in every]


def result(issued: Sequence[Command]) -> Any:
    """Return what the handler replied; there must be one reply."""
    (envelope,) = sent(issued, kinds.REPLY)
    return json.loads(envelope.payload)


def failure(issued: Sequence[Command]) -> dict[str, Any]:
    """Return the described error that was sent back; there must be one."""
    (envelope,) = sent(issued, kinds.FAIL)
    value: dict[str, Any] = json.loads(envelope.payload)
    return value


def expired(message: str = "C/y#1", *, at: int = 0) -> events.Cancelled:
    """Return the event that a message's deadline has passed, so long after the start."""
    return events.Cancelled(START + at, message, "deadline")
