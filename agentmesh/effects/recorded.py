"""Where a handler issues an effect, and the canonical form of what it asks.

The request is what is journaled, and its digest is the effect's identity: equal
requests must give equal bytes in every process. So sets are sorted, and secrets are
placeholders before anybody hashes or stores anything.
"""

import functools
import json
from asyncio import events
from collections.abc import Mapping
from typing import cast

import pydantic_core
from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter

from agentmesh.kernel.cell import Cell
from agentmesh.kernel.identity import idempotency_key
from agentmesh.kernel.loop import AgentLoop
from agentmesh.kernel.pending import Pending, Performer
from agentmesh.sdk import message
from agentmesh.sdk.program import RunContext

JSON_SCALARS = (str, int, float, bool, type(None))
_SCALARS = frozenset(JSON_SCALARS)


def cell_here() -> Cell | None:
    """Return the cell whose handler runs in this thread; None outside handlers."""
    loop = events._get_running_loop()
    return cast("Cell", loop.owner) if isinstance(loop, AgentLoop) else None


def run_of(cell: Cell) -> RunContext:
    """Return what the layers above know of the cell's run."""
    return cast("RunContext", cell.run)


def issue(
    cell: Cell, kind: str, name: str, request: bytes, perform: Performer, *, idempotent: bool = True
) -> Pending[bytes]:
    """Issue an effect of the current turn; its request is redacted here.

    Raises:
        DeadlineExceededError: The turn's deadline has passed already.
        NotInHandlerError: No turn runs: a callback in a context of its own, say.
    """
    redacted = run_of(cell).redactor.json(request)
    return cell.effect(kind, name, redacted, perform, idempotent=idempotent)


def idempotency_key_of(cell: Cell, effect: Pending[bytes]) -> str:
    """Return the name of an effect in the world outside."""
    run = run_of(cell)
    name = run.outside_id or run.run_id
    return idempotency_key(name, cell.address, effect.turn.number, effect.number)


def object_of(parts: Mapping[str, bytes]) -> bytes:
    """Join JSON texts into one JSON object."""
    inner = b",".join([b"%b:%b" % (encode_name(name), data) for name, data in parts.items()])
    return b"{%b}" % inner


def encode_text(text: str) -> bytes:
    """Return a string's JSON; one that is not valid UTF-8 is written in escapes."""
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(text).encode()


encode_name = functools.lru_cache(maxsize=1024)(encode_text)
"""The same for names that come again and again: of tools, parameters, fields."""


def canonical(value: object, adapter: TypeAdapter[object] | None = None) -> bytes:
    """Return a value's JSON, the same in every process.

    Args:
        value: What is to be written.
        adapter: How to serialise it; without one, by its own type.

    Raises:
        ValueError: The value can't be written as JSON.
    """
    plain = adapter.serializer.to_python(value) if adapter is not None else value
    if type(plain) in _SCALARS or not _has_sets(plain):
        return message.encode(value, adapter)
    ordered = _ordered(plain)
    return json.dumps(ordered, ensure_ascii=True, separators=(",", ":")).encode()


def _has_sets(value: object) -> bool:
    """Tell whether a set is in it, at any depth: their order differs between processes."""
    if isinstance(value, JSON_SCALARS):
        return False
    if isinstance(value, set | frozenset):
        return True
    if isinstance(value, BaseModel):
        return _has_sets(value.model_dump())
    if isinstance(value, Mapping):
        return any(_has_sets(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_sets(item) for item in value)
    return False


def _ordered(value: object) -> object:
    """Return plain JSON values with sets as sorted lists."""
    if isinstance(value, JSON_SCALARS):
        return value
    if isinstance(value, SecretStr):
        return message.SECRET_PREFIX + value.get_secret_value()
    if isinstance(value, SecretBytes):
        return message.SECRET_PREFIX + value.get_secret_value().decode("utf-8", "surrogateescape")
    if isinstance(value, BaseModel):
        return _ordered(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _ordered(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_ordered(item) for item in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return pydantic_core.to_jsonable_python(value)
