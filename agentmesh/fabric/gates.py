"""What is full beyond a host: agents of other hosts, the links to them, and hosts to be found.

Turns what links and directory know into gates of `host.holding`, and announces the agents
here that can't keep up. Gates of agents are their addresses; those of links and of agents
that are looked for have a sign before the name that no address has.
"""

from collections.abc import Iterable, Mapping
from functools import partial

from agentmesh.fabric.peer import Peer
from agentmesh.host.holding import Holding
from agentmesh.kernel.envelope import Envelope

PARKED_MAX = 256
"""Messages for one agent whose host is not known yet, before whoever sends more is held."""


class Gates:
    """The gates of one host towards others.

    Args:
        flow: Who is held on this host.
    """

    def __init__(self, flow: Holding) -> None:
        self._flow = flow
        self._full: dict[str, dict[str, None]] = {}  # agents that can't keep up, by host
        self._parked: dict[str, int] = {}  # messages that wait, by an agent that is looked for

    def announce(self, full: Mapping[str, None], peers: Iterable[Peer]) -> None:
        """Tell other hosts which agents here can't keep up."""
        for peer in peers:
            peer.link.announce(full)
            peer.flush()

    def on_announced(self, peer: Peer) -> None:
        """Learn which agents of another host can't keep up."""
        name, full = peer.link.peer, dict.fromkeys(peer.link.peer_full)
        before = self._full.get(name, {})
        self._full[name] = full
        for address in full:
            self._flow.close_gate(address)
        for address in before:
            if address not in full:
                self._flow.open_gate(address)

    def on_crowded(self, peer: Peer, envelopes: Iterable[Envelope]) -> None:
        """Hold those who send more than another host takes."""
        gate = f"@{peer.link.peer}"
        self._flow.hold((envelope.src for envelope in envelopes), gate)
        peer.when_roomy(partial(self._flow.open_gate, gate))

    def on_parked(self, envelope: Envelope) -> None:
        """Hold who sends much to an agent whose host is not known yet, or not up."""
        dst = envelope.dst
        self._parked[dst] = number = self._parked.get(dst, 0) + 1
        if number >= PARKED_MAX:
            self._flow.hold((envelope.src,), f"?{dst}")

    def on_found(self, address: str) -> None:
        """Learn that an agent's host is known and up."""
        if self._parked.pop(address, 0) >= PARKED_MAX:
            self._flow.open_gate(f"?{address}")
