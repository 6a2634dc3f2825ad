"""What a tool may know while it runs: the keys of its effect, the attempt, the deadline."""

import contextvars
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agentmesh.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """One attempt of one call of a tool."""

    tool: str
    key: str
    """Identity of this call: the same in each attempt, in a replay, and in another run that does
    the same."""
    idempotency_key: str
    """Name of this call for the world outside: see `idempotency_key`."""
    attempt: int = 1
    """From 1."""
    run_id: str = ""
    """Empty when the tool was called outside any run."""
    agent: str = ""
    """Address of the agent that called; empty outside any run."""
    deadline: datetime | None = None
    """When nobody wants the result any more, in UTC."""

    @property
    def remaining_seconds(self) -> float | None:
        """How much time is left until the deadline, now; 0 if none is, None without a deadline."""
        if self.deadline is None:
            return None
        return max(0.0, (self.deadline - datetime.now(UTC)).total_seconds())

    def retried(self, attempt: int) -> "ToolContext":
        """Return the context of another attempt of the same call."""
        return self if attempt == self.attempt else replace(self, attempt=attempt)


class Scope:
    """One attempt of one call; what is known of it is gathered when the tool asks.

    Args:
        gather: Returns what is known of the call, in its first attempt.
        attempt: Which attempt it is, from 1.
    """

    __slots__ = ("_attempt", "_context", "_gather")

    def __init__(self, gather: Callable[[], ToolContext], attempt: int = 1) -> None:
        self._gather = gather
        self._attempt = attempt
        self._context: ToolContext | None = None

    @property
    def context(self) -> ToolContext:
        """What the tool may know."""
        if self._context is None:
            self._context = self._gather().retried(self._attempt)
        return self._context


_CURRENT: contextvars.ContextVar[Scope] = contextvars.ContextVar("agentmesh_tool")


def tool_context() -> ToolContext:
    """Return what the running tool may know of its call.

    Outside any run (a tool called by a plain test) the key is random.

    Raises:
        UsageError: No tool runs here.
    """
    return _context("am.tool_context()")


def _context(asked: str) -> ToolContext:
    found = _CURRENT.get(None)
    if found is None:
        raise UsageError(
            f"{asked} was called where no tool runs.",
            cause="It belongs inside a function decorated with @am.tool, or given to am.effect; "
            "a thread that the tool starts itself does not inherit it.",
            fix="Call it in the tool and hand the value on.",
        )
    return found.context


def idempotency_key() -> str:
    """Return the name of the running tool's call, for the world outside.

    Hand it to whoever does the work (a payment, an order), so that it is done once: the key is
    the same in each attempt, and when the call is repeated because its host died; and no
    other call has it, in any run. Outside any run (a tool called by a plain test) it is random.
    Model calls carry theirs as the header `Idempotency-Key`.

    Raises:
        UsageError: No tool runs here.
    """
    return _context("am.idempotency_key()").idempotency_key


def enter(scope: Scope) -> contextvars.Token[Scope]:
    """Make a scope the current one; `leave` undoes it."""
    return _CURRENT.set(scope)


def leave(token: contextvars.Token[Scope]) -> None:
    """Undo `enter`."""
    _CURRENT.reset(token)


def outside_any_run(tool: str) -> Scope:
    """Return the scope of a tool called by plain code; inside a tool, the outer one."""

    def gather() -> ToolContext:
        return ToolContext(tool=tool, key=uuid.uuid4().hex, idempotency_key=uuid.uuid4().hex)

    return _CURRENT.get(None) or Scope(gather)
