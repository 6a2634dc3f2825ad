"""Ids of traces and spans: digests of what the journal says, so that they are always the same.

A run is a trace. The id of anything in it can be told from either side of a message without
looking at the other, and from inside a handler without any look at the journal. A branch and a
resumed run have ids of their own and the same ids, respectively, as their runs do.
"""

from hashlib import blake2b

from agentmesh.kernel.identity import idempotency_key

SPAN_BYTES = 8
TRACE_BYTES = 16


def trace_id(run: str) -> bytes:
    """Return the id of a run's trace."""
    return _digest(TRACE_BYTES, run)


def turn_span(run: str, agent: str, turn: int) -> bytes:
    """Return the id of a turn's span."""
    return _digest(SPAN_BYTES, run, "turn", agent, str(turn))


def unhandled_span(run: str, agent: str, message: str) -> bytes:
    """Return the id of the span of a message that never got a turn."""
    return _digest(SPAN_BYTES, run, "message", agent, message)


def send_span(run: str, message: str) -> bytes:
    """Return the id of the span in which a message was sent."""
    return _digest(SPAN_BYTES, run, "send", message)


def effect_span(run: str, agent: str, turn: int, n: int) -> bytes:
    """Return the id of an effect's span."""
    return effect_span_of(idempotency_key(run, agent, turn, n))


def effect_span_of(key: str) -> bytes:
    """Return the id of the span of an effect, given its idempotency key."""
    return bytes.fromhex(key[: 2 * SPAN_BYTES])


def _digest(size: int, *parts: str) -> bytes:
    text = "\x1f".join(parts)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
