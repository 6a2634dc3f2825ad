"""What a tool may know while it runs: the key of its effect, the attempt, the deadline."""

import contextvars
import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from agentmesh.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """One attempt of one call of a tool."""

    tool: str
    key: str
    """Identity of this call: the same in each attempt, and when the call is repeated after a
    failure of its host. Hand it on as an idempotency key."""
    attempt: int = 1
    """From 1."""
    run_id: str = ""
    """Empty when the tool was called outside any run."""
    agent: str = ""
    """Address of the agent that called; empty outside any run."""
    deadline: datetime | None = None
    """When nobody wants the result any more, in UTC."""

    def retried(self, attempt: int) -> "ToolContext":
        """Return the context of another attempt of the same call."""
        return replace(self, attempt=attempt)


_CURRENT: contextvars.ContextVar[ToolContext] = contextvars.ContextVar("agentmesh_tool")


def tool_context() -> ToolContext:
    """Return what the running tool may know of its call.

    Outside any run (a tool called by a plain test) the key is random.

    Raises:
        UsageError: No tool runs here.
    """
    found = _CURRENT.get(None)
    if found is None:
        raise UsageError(
            "am.tool_context() was called where no tool runs.",
            cause="It belongs inside a function decorated with @am.tool, or given to am.effect; "
            "a thread that the tool starts itself does not inherit it.",
            fix="Call it in the tool and hand the value on.",
        )
    return found


def enter(context: ToolContext) -> contextvars.Token[ToolContext]:
    """Make a context the current one; `leave` undoes it."""
    return _CURRENT.set(context)


def leave(token: contextvars.Token[ToolContext]) -> None:
    """Undo `enter`."""
    _CURRENT.reset(token)


def outside_any_run(tool: str) -> ToolContext:
    """Return the context of a tool called by plain code; inside a tool, the outer one."""
    return _CURRENT.get(None) or ToolContext(tool=tool, key=uuid.uuid4().hex)
