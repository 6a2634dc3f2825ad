"""Model calls of a branch that ask for something else than its agents did.

An agent's request stays what it is on the record: the branch replays. What is sent instead
follows from the request and from the edits, and both are in the branch.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from agentmesh.counterfactual.edit import Model
from agentmesh.effects import http_perform
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.kernel.pending import Performer

_HTTP = "http"
_PROMPTS = ("messages", "input", "prompt", "instructions", "system")
"""Where requests to models have their text, whichever interface it is."""


def rewritten(address: str, command: StartEffect, edits: Iterable[Model]) -> StartEffect:
    """Return an effect as it is asked for in a branch: itself, unless it is a model call.

    Args:
        address: The agent that asks.
        command: The effect, with its request.
        edits: What is different about model calls.
    """
    mine = [one for one in edits if _is_meant(address, one)]
    if command.kind != _HTTP or not mine:
        return command
    request = msgspec.json.decode(command.request)
    body = request.get("json") if isinstance(request, dict) else None
    if not isinstance(body, dict) or not _is_call(body):
        return command
    changed = _changed(body, mine)
    if changed == body:
        return command
    data = msgspec.json.encode({**request, "json": changed})
    return msgspec.structs.replace(command, request=data)


def rewriting(perform: Performer, address: str, edits: Iterable[Model]) -> Performer:
    """Return what performs a model call that asks for something else.

    Args:
        perform: What performs the call as the agent made it.
        address: The agent.
        edits: What is different about model calls; nothing if it is sent as it is.
    """
    mine = [one for one in edits if _is_meant(address, one)]
    if not mine:
        return perform

    def rewrite(body: bytes) -> bytes:
        return json.dumps(_changed(json.loads(body), mine), ensure_ascii=False).encode()

    async def work(emit: Callable[[bytes], None]) -> bytes:
        before = http_perform.REWRITE.set(rewrite)
        try:
            return await perform(emit)
        finally:
            http_perform.REWRITE.reset(before)

    return work


def is_meant(address: str, edits: Iterable[Model]) -> bool:
    """Tell whether an agent's model calls are changed by one of some edits."""
    return any(_is_meant(address, one) for one in edits)


def _is_meant(address: str, one: Model) -> bool:
    return not one.agents or address in one.agents or agent_type_of(address) in one.agents


def _is_call(body: dict[str, Any]) -> bool:
    return "model" in body and any(each in body for each in _PROMPTS)


def _changed(body: dict[str, Any], edits: Iterable[Model]) -> dict[str, Any]:
    for one in edits:
        body = {**body, **one.parameters}
        for old, new in one.replaced.items():
            body |= {name: _replaced(body[name], old, new) for name in _PROMPTS if name in body}
    return body


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    if isinstance(value, dict):
        return {name: _replaced(each, old, new) for name, each in value.items()}
    return value
