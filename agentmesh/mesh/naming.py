"""From what people call an agent to its address: `Writer/w1`, `Writer`, `writer`."""

from collections.abc import Iterable

from agentmesh.causality.order import no_such_agent
from agentmesh.errors import UsageError
from agentmesh.kernel.envelope import agent_type_of

_SHOWN_MAX = 5


def agents_called(name: str, addresses: Iterable[str], run_id: str) -> list[str]:
    """Return who is meant: one agent by its address, or all of a type.

    A type may be named in any case and with or without underscores, as long as only one fits.

    Args:
        name: An address or a type.
        addresses: Of all agents of the run.
        run_id: For errors.

    Raises:
        UnknownAgentError: Nobody is called that.
        UsageError: Several types are.
    """
    known = list(addresses)
    if name in known:
        return [name]
    wanted, _, key = name.partition("/")
    by_type: dict[str, list[str]] = {}
    for each in known:
        by_type.setdefault(agent_type_of(each), []).append(each)
    types = [wanted] if wanted in by_type else [t for t in by_type if _plain(t) == _plain(wanted)]
    if len(types) > 1:
        raise UsageError(
            f"{name!r} may be any of {', '.join(types)}.",
            cause="Types of this run differ only in upper and lower case.",
            fix="Write the type as it is.",
        )
    found = by_type[types[0]] if types else []
    if key:
        keys = [each for each in found if each.partition("/")[2] == key]
        folded = [each for each in found if each.partition("/")[2].casefold() == key.casefold()]
        found = keys or (folded if len(folded) == 1 else [])
    if not found:
        raise no_such_agent(run_id, name, known)
    return found


def agent_called(name: str, addresses: Iterable[str], run_id: str) -> str:
    """Return the one agent that is meant.

    Raises:
        UnknownAgentError: Nobody is called that.
        UsageError: Several agents are.
    """
    found = agents_called(name, addresses, run_id)
    if len(found) == 1:
        return found[0]
    more = ", ..." if len(found) > _SHOWN_MAX else ""
    raise UsageError(
        f"{name!r} is a type with {len(found)} agents in the run {run_id}.",
        cause=f"They are {', '.join(found[:_SHOWN_MAX])}{more}.",
        fix="Name one of them, as `Type/key`.",
    )


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()
