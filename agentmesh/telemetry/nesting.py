"""Users' own spans under the turns and effects that make them.

Inside a handler, and inside a tool, the current span of OpenTelemetry is one that records nothing
and has the id that the turn or effect will have when its journal is exported. So what the user's
instrumentation makes there lies below it, in the same trace, though nobody has made that span yet.

Nothing is set when a turn begins, so that a program without OpenTelemetry pays nothing, and one
with it pays when it asks: OpenTelemetry's runtime context is asked through `_Nested`, which
answers for whoever has set nothing.

What a handler does once more, in a recovery or replay, was traced when it was live: spans are
told then that their parent is not sampled. Ids of users' spans come from real chance, so
that a handler draws the same numbers with tracing and without.
"""

import asyncio
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

from agentmesh import ambient
from agentmesh.ambient.references import Undo, set_attribute
from agentmesh.effects import tool_scope
from agentmesh.effects.recorded import run_of
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.loop import AgentLoop
from agentmesh.telemetry import ids

_RUNTIME = "_RUNTIME_CONTEXT"
_GENERATOR = "RandomIdGenerator"
_MAKERS = ("generate_span_id", "generate_trace_id")


def announce() -> None:
    """See to OpenTelemetry wherever cells run, when it is imported there."""
    ambient.also("opentelemetry.context", _patch_context)
    ambient.also("opentelemetry.sdk.trace.id_generator", _patch_ids)


class _Nested:
    """A runtime context in which something is current inside handlers and tools.

    Args:
        real: The one that was there.
    """

    def __init__(self, real: Any) -> None:
        self._real = real
        self.attach = real.attach
        self.detach = real.detach

    def get_current(self) -> Any:
        """Return what was attached here; what agentmesh knows, where nothing was."""
        return self._real.get_current() or _here() or self._real.get_current()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _patch_context(module: ModuleType) -> list[Undo]:
    real = vars(module).get(_RUNTIME)
    if real is None or isinstance(real, _Nested):
        return []  # a version that does otherwise; or it was seen to
    return [set_attribute(module, _RUNTIME, _Nested(real))]


def _patch_ids(module: ModuleType) -> list[Undo]:
    generator = vars(module).get(_GENERATOR)
    makers = [getattr(generator, name, None) for name in _MAKERS]
    return [
        set_attribute(generator, name, _outside(made))
        for name, made in zip(_MAKERS, makers, strict=True)
        if made is not None
    ]


def _outside(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def made(*args: Any) -> Any:
        with ambient.outside():
            return function(*args)

    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where code runs: in a turn, or in a tool that one has called.

    Attributes:
        run: The run's id, as the world outside knows it.
        agent: Address of the agent.
        span_id: Of the turn, or of the tool's effect.
        turn: Number of the turn; 0 in a tool.
        message: Id of the message that the turn is for; empty in a tool.
        replayed: Whether it has happened before.
    """

    run: str
    agent: str
    span_id: bytes
    turn: int = 0
    message: str = ""
    replayed: bool = False

    def as_fields(self) -> dict[str, Any]:
        """Return what a log line says of it."""
        found: dict[str, Any] = {"run": self.run, "agent": self.agent}
        if self.turn:
            found |= {"turn": self.turn, "message": self.message}
        found |= {"trace_id": ids.trace_id(self.run).hex(), "span_id": self.span_id.hex()}
        return {**found, "replayed": True} if self.replayed else found


def place_here() -> Place | None:
    """Return where the calling code runs; None outside of runs."""
    loop = asyncio._get_running_loop()
    if isinstance(loop, AgentLoop):
        return _turn_of(cast("Cell", loop.owner))
    scope = tool_scope._CURRENT.get(None)  # noqa: SLF001 - asking for it must not fail
    if scope is None or not scope.context.run_id:
        return None
    known = scope.context
    span = ids.effect_span_of(known.idempotency_key)
    return Place(run=known.run_id, agent=known.agent, span_id=span)


def _turn_of(cell: Cell) -> Place | None:
    turn = cell.turn_here()
    run = getattr(cell, "run", None)
    if turn is None or run is None:
        return None
    known = run_of(cell)
    name = known.outside_id or known.run_id
    return Place(
        run=name,
        agent=cell.address,
        span_id=ids.turn_span(name, cell.address, turn.number),
        turn=turn.number,
        message=turn.envelope.id,
        replayed=cell.recorded is not None,
    )


def _here() -> Any:
    """Return a context with the span of the turn or effect that runs here; None for none."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    place = place_here()
    if place is None:
        return None
    return _context(ids.trace_id(place.run), place.span_id, sampled=not place.replayed)


def _context(trace_id: bytes, span_id: bytes, *, sampled: bool) -> Any:
    from opentelemetry import trace
    from opentelemetry.context import Context

    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    known = trace.SpanContext(
        int.from_bytes(trace_id), int.from_bytes(span_id), is_remote=False, trace_flags=flags
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(known), Context())
