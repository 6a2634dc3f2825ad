"""Where agents live, as one host knows it: asked once, cached, and never guessed.

Sans-IO. Messages to an agent whose host is not known yet wait here, so that they keep
their order: while one waits, every later one to the same agent waits behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentmesh.kernel.envelope import Envelope, agent_type_of


@dataclass(frozen=True, kw_only=True)
class Located:
    """An answer of the supervisor."""

    agents: Mapping[str, str] = field(default_factory=dict)
    """Host by address, for agents placed one by one."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Host by agent type, for types that live on one host as a whole."""
    contacts: Mapping[str, tuple[int, object]] = field(default_factory=dict)
    """Incarnation of each of these hosts, and what it is called by."""


class Directory:
    """What one host knows of where agents live.

    Args:
        me: Name of this host.
    """

    def __init__(self, me: str) -> None:
        self._me = me
        self._agents: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._waiting: dict[str, list[Envelope]] = {}

    def host_of(self, address: str) -> str | None:
        """Return the host of an agent; None if it is not known yet."""
        host = self._agents.get(address)
        if host is None:
            host = self._types.get(agent_type_of(address))
            if host is not None:
                self._agents[address] = host
        return host

    def is_local(self, address: str) -> bool:
        """Tell whether an agent is known to live on this host."""
        return self.host_of(address) == self._me

    def park(self, envelope: Envelope) -> bool:
        """Keep a message until its receiver's host is known.

        Returns:
            Whether nobody has asked for the receiver yet.
        """
        waiting = self._waiting.get(envelope.dst)
        if waiting is not None:
            waiting.append(envelope)
            return False
        self._waiting[envelope.dst] = [envelope]
        return True

    @property
    def parked(self) -> int:
        """How many receivers are being looked for."""
        return len(self._waiting)

    @property
    def envelopes(self) -> list[Envelope]:
        """The messages that wait for their receiver to be found."""
        return [each for waiting in self._waiting.values() for each in waiting]

    def learn(self, located: Located) -> list[tuple[str, list[Envelope]]]:
        """Take in an answer; return what can travel now: hosts, and messages for them."""
        self._agents.update(located.agents)
        self._types.update(located.types)
        found = []
        for address in list(self._waiting):
            host = self.host_of(address)
            if host is not None:
                found.append((host, self._waiting.pop(address)))
        return found
