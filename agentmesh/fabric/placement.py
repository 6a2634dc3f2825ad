"""Which host an agent belongs on, and what that host needs of its machine: sans-IO.

By default all agents of a type share one host. An agent that asks for resources gets a
host of its own, unless `per_host` packs several. The workflow and what can't be placed
live on the root's host.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentmesh.kernel.envelope import agent_type_of
from agentmesh.sdk.agent import Placement

_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_NAME_LENGTH_MAX = 60


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """A host that is to exist."""

    name: str
    """Unique within the run; fit for file names."""
    agent_type: str
    """Type of the agents that live on it, for people."""
    placement: Placement
    """What it needs of the machine."""
    whole_type: bool
    """Whether all agents of the type live here."""


class Placer:
    """Decides, for each agent, the host it lives on; the same answer every time.

    Args:
        root: Address of the workflow's agent.
    """

    def __init__(self, root: str) -> None:
        self._names: set[str] = set()
        self._types: dict[str, HostSpec] = {}
        self._agents: dict[str, HostSpec] = {}
        self._open: dict[str, tuple[HostSpec, int]] = {}
        root_type = agent_type_of(root)
        self.root = self._spec(root_type, Placement(), whole_type=True)
        """The root's host."""
        self._types[root_type] = self.root

    def place(self, address: str, placement: Placement | None) -> HostSpec:
        """Return the host of an agent.

        Args:
            address: The agent.
            placement: What its type asks for; None if nobody defines such a type.
        """
        agent_type = agent_type_of(address)
        known = self._types.get(agent_type) or self._agents.get(address)
        if known is not None:
            return known
        if placement is None:
            return self.root
        if placement.per_host is None and not placement.own_host:
            spec = self._types[agent_type] = self._spec(agent_type, placement, whole_type=True)
            return spec
        spec = self._agents[address] = self._next_place(agent_type, placement)
        return spec

    def restore(self, hosts: Iterable[HostSpec], agents: Mapping[str, str]) -> None:
        """Take in what an earlier supervisor decided.

        Args:
            hosts: Oldest first.
            agents: Host by address, of agents that were placed one by one.
        """
        known = {spec.name: spec for spec in hosts}
        self._names.update(known)
        for spec in known.values():
            if spec.whole_type:
                self._types[spec.agent_type] = spec
        held = Counter(agents.values())
        for address, name in agents.items():
            spec = self._agents[address] = known[name]
            free = (spec.placement.per_host or 1) - held[name]
            self._open[spec.agent_type] = (spec, free)

    def _next_place(self, agent_type: str, placement: Placement) -> HostSpec:
        spec, free = self._open.get(agent_type, (None, 0))
        if spec is None or not free:
            spec = self._spec(agent_type, placement, whole_type=False)
            free = placement.per_host or 1
        self._open[agent_type] = (spec, free - 1)
        return spec

    def _spec(self, agent_type: str, placement: Placement, *, whole_type: bool) -> HostSpec:
        name = unique_name(agent_type, self._names, numbered=not whole_type)
        self._names.add(name)
        return HostSpec(
            name=name, agent_type=agent_type, placement=placement, whole_type=whole_type
        )


def unique_name(agent_type: str, taken: Iterable[str], *, numbered: bool) -> str:
    """Return a name for a host that fits into file names and is not taken."""
    base = _UNFIT.sub("_", agent_type).strip("_-")[:_NAME_LENGTH_MAX] or "host"
    if not base[0].isalnum():
        base = f"host{base}"
    # Names that differ only in case would share a file on some machines.
    used = {name.lower() for name in taken}
    name, number = base, 1
    while numbered or name.lower() in used:
        name, number = f"{base}.{number}", number + 1
        if name.lower() not in used:
            return name
    return name
