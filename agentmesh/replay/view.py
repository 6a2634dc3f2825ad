"""What is seen of one agent at one moment, as plain data.

State, mailbox, open turns with their stacks, and what it waits for. Looking changes nothing:
the cell can go on afterwards as if nobody had looked.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel import inspection
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Send, StartEffect
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.pending import Pending
from agentmesh.kernel.snapshot import open_timers
from agentmesh.kernel.tasks import AgentTask
from agentmesh.kernel.turn import Turn
from agentmesh.replay.compare import opened
from agentmesh.replay.stacks import FrameView, await_stack
from agentmesh.replay.values import shown, state_of

UnderWay = Mapping[tuple[int, int], StartEffect | Send]
"""What started effects, by turn and number, and sent asks, by 0 and number."""

HANDLER = "handler"
_TASKS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class MessageView:
    """A message that waits, or that a turn handles."""

    id: str
    kind: str
    """`ask`, `tell`, ..."""
    sender: str
    handler: str
    payload: Any
    deadline_ns: int
    """Nanoseconds since the epoch; 0 for none."""


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task of a turn."""

    name: str
    """`handler` for the handler itself."""
    stack: list[FrameView]
    """Outermost first; empty while it has not begun."""
    waits_for: str
    """In words."""


@dataclass(frozen=True, kw_only=True)
class TurnView:
    """A turn that is open, or whose tasks have not all ended."""

    number: int
    message: MessageView
    tasks: list[TaskView]
    finished: bool = False
    """Whether it has answered, and only clean-up goes on."""
    cancelled: str = ""
    """Why it was told to end; empty if nobody did."""


@dataclass(frozen=True, kw_only=True)
class EffectView:
    """An effect under way."""

    turn: int
    number: int
    kind: str
    name: str
    request: Any


@dataclass(frozen=True, kw_only=True)
class AskView:
    """An ask that has not been answered."""

    turn: int
    message: str
    to: str
    handler: str
    payload: Any


@dataclass(frozen=True, kw_only=True)
class TimerView:
    """A timer that is set."""

    turn: int
    """0 for none."""
    number: int
    due_ns: int
    """Nanoseconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """One agent at one moment."""

    address: str
    step: int
    """The latest event that it had handled; -1 before the first."""
    now_ns: int
    """Its logical time, nanoseconds since the epoch; 0 before the first event."""
    lifecycle: str
    state: dict[str, Any] | None
    """JSON values by attribute; None if the agent has no instance."""
    problem: str = ""
    """Why there is no instance, or why the agent has stopped."""
    mailbox: list[MessageView] = field(default_factory=list)
    turns: list[TurnView] = field(default_factory=list)
    effects: list[EffectView] = field(default_factory=list)
    asks: list[AskView] = field(default_factory=list)
    timers: list[TimerView] = field(default_factory=list)
    diverged: bool = False
    """Whether this is what today's code makes of the events, and not what was recorded."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def view(
    cell: Cell,
    step: int,
    *,
    address: str = "",
    under_way: UnderWay | None = None,
    diverged: bool = False,
) -> AgentView:
    """Return what is seen of a cell between two events; never raises.

    Args:
        cell: The cell.
        step: The latest event that it has handled.
        address: The agent, for a cell that does not know it yet.
        under_way: What says more of effects and asks.
        diverged: Whether its replay has diverged.
    """
    known = under_way or {}
    broken = inspection.problem(cell)
    return AgentView(
        address=cell.address or address,
        step=step,
        now_ns=cell.now,
        lifecycle=cell.state,
        state=state_of(cell),
        problem="" if broken is None else f"{type(broken).__name__}: {broken}",
        mailbox=[_message(each) for each in cell.mailbox],
        turns=[_turn(cell, each, known) for each in inspection.turns(cell)],
        effects=[_effect(each, known) for each in inspection.effects(cell)],
        asks=[_ask(cell, each, known) for each in inspection.asks(cell)],
        timers=[
            TimerView(turn=each.turn, number=each.n, due_ns=each.due) for each in open_timers(cell)
        ],
        diverged=diverged,
    )


def _message(envelope: Envelope) -> MessageView:
    return MessageView(
        id=envelope.id,
        kind=kinds.KIND_NAMES[envelope.kind],
        sender=envelope.src,
        handler=envelope.handler,
        payload=opened(envelope.payload),
        deadline_ns=envelope.deadline,
    )


def _effect(pending: Pending[Any], known: UnderWay) -> EffectView:
    turn, number = pending.turn.number, pending.number
    started = known.get((turn, number))
    if not isinstance(started, StartEffect):
        return EffectView(turn=turn, number=number, kind="", name="", request=None)
    request = opened(started.request)
    return EffectView(
        turn=turn, number=number, kind=started.kind, name=started.name, request=request
    )


def _ask(cell: Cell, pending: Pending[Any], known: UnderWay) -> AskView:
    sent = known.get((0, pending.number))
    envelope = sent.envelope if isinstance(sent, Send) else None
    return AskView(
        turn=pending.turn.number,
        message=f"{cell.address}#{pending.number}",
        to=pending.dst,
        handler=envelope.handler if envelope else "",
        payload=opened(envelope.payload) if envelope else None,
    )


def _turn(cell: Cell, turn: Turn, known: UnderWay) -> TurnView:
    going = inspection.tasks(cell, turn)[:_TASKS_MAX]
    return TurnView(
        number=turn.number,
        message=_message(turn.envelope),
        tasks=[_task(cell, each, each is turn.task, known) for each in going],
        finished=turn.finished,
        cancelled=turn.cancel_reason,
    )


def _task(cell: Cell, task: AgentTask[Any], is_handler: bool, known: UnderWay) -> TaskView:  # noqa: FBT001
    stack, awaited = await_stack(task)
    name = HANDLER if is_handler else task.get_name()
    return TaskView(name=name, stack=stack, waits_for=_in_words(cell, awaited, known))


def _in_words(cell: Cell, awaited: object, known: UnderWay, depth: int = 0) -> str:
    """Say what something is that a task waits for."""
    if isinstance(awaited, Pending):
        return _pending_in_words(awaited, known)
    if isinstance(awaited, asyncio.Task):
        return _task_in_words(cell, awaited, known, depth)
    children = getattr(awaited, "_children", None)
    if isinstance(children, list):  # of `asyncio.gather`
        waiting = [each for each in children if not each.done()]
        if depth:
            return f"{len(waiting)} others"
        said = [_in_words(cell, each, known, depth + 1) for each in waiting[:_CHILDREN_MAX]]
        more = f", and {len(waiting) - _CHILDREN_MAX} more" if len(waiting) > _CHILDREN_MAX else ""
        return f"{len(waiting)} of {len(children)}: {', '.join(said)}{more}"
    if isinstance(awaited, asyncio.Future):
        return _future_in_words(cell, awaited, known)
    return "" if awaited is None else shown(awaited)


def _pending_in_words(pending: Pending[Any], known: UnderWay) -> str:
    if pending.dst:
        sent = known.get((0, pending.number))
        handler = f".{sent.envelope.handler}" if isinstance(sent, Send) else ""
        return f"the answer of {pending.dst}{handler}"
    started = known.get((pending.turn.number, pending.number))
    if isinstance(started, StartEffect):
        return f"{started.kind} {started.name}"
    return f"effect {pending.turn.number}.{pending.number}"


def _task_in_words(cell: Cell, task: "asyncio.Task[Any]", known: UnderWay, depth: int) -> str:
    """Name a task; one in which no code of the program runs is what it waits for itself."""
    if depth < _DEPTH_MAX and isinstance(task, AgentTask):
        stack, awaited = await_stack(task)
        if not stack and awaited is not None and not asyncio.iscoroutine(awaited):
            return _in_words(cell, awaited, known, depth + 1)
    return f"task {task.get_name()}"


def _future_in_words(cell: Cell, future: object, known: UnderWay) -> str:
    timer = inspection.timer_of(cell, future)
    if timer is not None:
        return f"time: {(timer.due_ns - cell.now) / 1e9:.6g} s from now"
    pending = inspection.iterated(cell, future)
    return f"the next piece of {_pending_in_words(pending, known)}" if pending else "a future"


_CHILDREN_MAX = 4
_DEPTH_MAX = 3
