"""Edits of an agent's state or code: whether they fit, and what the agent is told.

An agent is told by a message from outside of a kind that only branches have (`EDIT`). So the change
is an event like any other: a branch replays, and is audited, compared and branched off.
Knows the program's agents, and nothing of when anything happens.
"""

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agentmesh.causality.order import EventRef, RunOrder
from agentmesh.counterfactual.edit import Code, State
from agentmesh.errors import InvalidMessageError, StateError, UsageError
from agentmesh.host.entry import importing
from agentmesh.kernel.envelope import CLIENT, CODE, EDIT, STATE, Envelope, agent_type_of
from agentmesh.sdk.agent import DEFINED, AgentType
from agentmesh.sdk.program import Program


def state_edit(program: Program, order: RunOrder, event: EventRef, one: State) -> Envelope:
    """Return what tells an agent of its other state.

    Args:
        program: The run's.
        order: The run's events.
        event: The one after which it is so.
        one: The edit.

    Raises:
        UnknownAgentError: The run has no such agent.
        UsageError: It does not live by then, or has no state.
        InvalidMessageError: The values do not fit: names the attribute.
    """
    order.steps_of(one.agent)
    if one.agent not in order.cut(event.number):
        raise UsageError(
            f"{one.agent} does not live yet at {event}: it has no state to change.",
            fix=f"Name a later event; its first is {one.agent}@0.",
        )
    schema = program.find(agent_type_of(one.agent)).state
    if schema is None:
        raise UsageError(
            f"{one.agent} is a function, and has no state.",
            cause="Workflows keep what they know in local variables.",
            fix="Edit a message or a result that it gets.",
        )
    payload = json.dumps(dict(one.values), separators=(",", ":")).encode()
    try:
        schema.checked(payload)
    except StateError as error:
        raise InvalidMessageError(error.what, cause=error.cause, fix=error.fix) from None
    return Envelope(CLIENT, 0, one.agent, EDIT, type=STATE, payload=payload)


def code_edit(program: Program, one: Code) -> Envelope:
    """Return what tells agents of their other code.

    Raises:
        UnknownAgentError: There is no such type.
        UsageError: It is a workflow, whose one turn is open until it ends, or lacks handlers.
    """
    before, after = program.find(one.agent), code_of(program, one.name, one.file)
    if before.is_workflow or after.is_workflow:
        raise UsageError(
            f"The code of {one.agent} can't be changed: it is a workflow.",
            cause="A workflow is one turn, and a turn ends with the code that it began with.",
            fix="Run the other workflow, or change the code of an agent.",
        )
    missing = sorted(before.handlers.keys() - after.handlers.keys())
    if missing:
        raise UsageError(
            f"{one.label} can't take the place of {one.agent}: it has no handler "
            f"{', '.join(missing)}.",
            fix="Give it all handlers that are told or asked.",
        )
    return Envelope(CLIENT, 0, "", EDIT, one.label, CODE, b"{}")


def codes_in(interventions: Iterable[Any], program: Program) -> dict[str, AgentType]:
    """Return the other code that agents of a branch were given, as far as it is here."""
    found = {}
    for each in interventions:
        if isinstance(each, dict) and each.get("edit") == Code.kind:
            name, file = str(each.get("name", "")), str(each.get("file", ""))
            label = Code(name=name, file=file).label
            if not file or Path(file).is_file():
                found[label] = code_of(program, name, file)
    return found


def code_of(program: Program, name: str, file: str) -> AgentType:
    """Return an agent type of a program, or of a file.

    Raises:
        UnknownAgentError: There is no such type.
        UsageError: There is no such file, or it has no such type.
    """
    if not file:
        return program.find(name)
    modules = {_module_of(file)}
    for attempt in (False, True):
        if attempt:
            modules.add(_imported(file))
        for made in reversed(DEFINED):
            if made.name == name and made.module in modules:
                return made
    raise UsageError(
        f"{file} defines no agent {name!r}.", fix="Name one that it has: fixed.py:Name."
    )


def _module_of(file: str) -> str:
    """Return the name of the module that this process has of a file; empty if it has none."""
    path = Path(file).resolve()
    for name, module in list(sys.modules.items()):
        found = getattr(module, "__file__", None)
        if found and Path(found).resolve() == path:
            return name
    return ""


def _imported(file: str) -> str:
    path = Path(file).resolve()
    if not path.is_file():
        raise UsageError(
            f"There is no file {file}, which has an agent's other code.",
            fix="Name a Python file that is here.",
        )
    name = f"agentmesh_code_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is not a Python file.", fix="Name one that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with importing(file):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return name
