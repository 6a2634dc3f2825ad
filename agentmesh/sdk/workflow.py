"""`@workflow`: the root agent of a run, from its first line to its result."""

import sys
from collections.abc import Callable, Mapping
from typing import TypeVar, overload

from agentmesh.errors import DefinitionError
from agentmesh.sdk.agent import (
    DEFINED,
    TYPE,
    WORKFLOW_HANDLER,
    AgentType,
    Placement,
    agent_type_of,
    check_name,
    function_handlers,
)
from agentmesh.sdk.duration import Duration, seconds_of

DEADLINE_DEFAULT = "1h"
"""A run can't just hang: whoever needs longer says so."""

W = TypeVar("W", bound=Callable[..., object])


@overload
def workflow(function: W, /) -> W: ...
@overload
def workflow(
    *, name: str | None = None, deadline: Duration = DEADLINE_DEFAULT
) -> Callable[[W], W]: ...
def workflow(
    function: W | None = None,
    /,
    *,
    name: str | None = None,
    deadline: Duration = DEADLINE_DEFAULT,
) -> W | Callable[[W], W]:
    """Declare an asynchronous function as a workflow.

    It is itself an agent, the root: the whole run is journaled and replayable.

    Args:
        function: Takes one message or nothing.
        name: Name of the workflow; the function's name by default.
        deadline: How long a run may take; everything it asks for inherits it.

    Raises:
        DefinitionError: It can't work as a workflow.
    """
    namespace = sys._getframe(1).f_locals

    def define(function: W) -> W:
        made = _define(function, name, seconds_of(deadline, what="deadline"), namespace)
        setattr(function, TYPE, made)
        DEFINED.append(made)
        return function

    return define if function is None else define(function)


def _define(
    function: Callable[..., object],
    name: str | None,
    deadline_seconds: float,
    namespace: Mapping[str, object],
) -> AgentType:
    shown = name or function.__name__
    check_name(shown)
    handlers = function_handlers(function, shown, namespace, WORKFLOW_HANDLER)
    if next(iter(handlers.values())).signature.streaming:
        raise DefinitionError(
            f"Workflow {shown} yields; a workflow returns one result.",
            fix="Return the result, and publish or log what happens on the way.",
        )
    return AgentType(
        name=shown,
        target=function,
        module=function.__module__,
        handlers=handlers,
        concurrency=1,
        placement=Placement(),
        state=None,
        deadline_seconds=deadline_seconds,
    )


def workflow_type_of(target: object) -> AgentType:
    """Return the `AgentType` of a workflow.

    Raises:
        DefinitionError: It is not decorated with `@workflow`.
    """
    made = agent_type_of(target)
    if not made.is_workflow:
        raise DefinitionError(
            f"{made.name} is an agent, not a workflow.",
            cause="Runs start at a function decorated with @am.workflow.",
            fix="Write a workflow that asks the agent.",
        )
    return made
