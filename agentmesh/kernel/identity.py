"""How an effect is identified across runs and forks.

An effect's *id* (turn, issue number) names it in its run. Its *key* names it
wherever the same is asked again: who asked, what caused the turn, what was
asked, and the how-many-th time. Neither depends on the order in which effects
finish, and neither contains the name of a run or fork.

Its *idempotency key* is for the world outside, which does not know one run from another:
the effect's id, with its agent and run. It stays the same when a host has died and
another repeats the effect, and no other effect of any run has it.
"""

from hashlib import blake2b

from agentmesh.kernel.turn import Turn


def effect_key(address: str, turn: Turn, kind: str, name: str, request: bytes) -> str:
    """Return the key of the next effect with this request in a turn, 32 hex digits."""
    same = sameness(kind, name, request)
    return key_of_effect(address, turn.message, same, turn.occurrence(same))


def sameness(kind: str, name: str, request: bytes) -> str:
    """Return what effects have in common that ask for the same."""
    return f"{kind}\x1f{name}\x1f{blake2b(request, digest_size=16).hexdigest()}"


def key_of_effect(address: str, message: str, same: str, occurrence: int) -> str:
    """Return an effect's key from its parts.

    Args:
        address: Who asks.
        message: Id of the message that caused the turn.
        same: See `sameness`.
        occurrence: How many effects of the turn asked for the same before.
    """
    identity = f"{address}\x1f{message}\x1f{same}\x1f{occurrence}"
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def idempotency_key(run_id: str, address: str, turn: int, n: int) -> str:
    """Return the name of an effect in the world outside, 32 hex digits.

    Args:
        run_id: Of which run.
        address: Of which agent.
        turn: Number of the turn.
        n: Issue number of the effect within the turn.
    """
    identity = f"{run_id}\x1f{address}\x1f{turn}\x1f{n}"
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
