"""What travels from one agent to another, and how agents and messages are named.

An address is `Type/key`; a message id is its sender's address and the sender's
own counter, unique without coordination. The kernel never looks inside a
payload: it is the JSON that the layer above wrote.
"""

import msgspec

TELL = 0
"""One way; nobody waits."""
ASK = 1
"""The sender waits for exactly one `REPLY` or `FAIL`, perhaps after `CHUNK`s."""
REPLY = 2
"""The answer to the ask numbered `re`."""
FAIL = 3
"""The ask numbered `re` ended without an answer; the payload describes the error."""
CHUNK = 4
"""One item of a streamed answer to the ask numbered `re`."""
CANCEL = 5
"""The sender no longer waits for its own ask numbered `re`."""
SPAWN = 6
"""Start the agent with the state in the payload; ignored if it lives already."""
STOP = 7
"""Finish what is in the mailbox, then stop."""

KIND_NAMES = ("tell", "ask", "reply", "fail", "chunk", "cancel", "spawn", "stop")

CLIENT = "@client"
"""Address of whoever started the run: not an agent, outside the kernel."""


class Envelope(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One message in flight."""

    src: str
    """Address of the sender."""
    n: int
    """The sender's counter: with `src` it names this message. Starts at 1."""
    dst: str
    """Address of the receiver."""
    kind: int
    """One of the constants above."""
    handler: str = ""
    """Name of the handler that is to run; empty for replies."""
    type: str = ""
    """Name of the payload's message type; empty where the payload is not a message."""
    payload: bytes = b""
    """JSON. Empty when `blob` is set (only in a journal)."""
    re: int = 0
    """The counter of the ask that this answers or cancels; 0 otherwise."""
    deadline: int = 0
    """Nanoseconds since the epoch after which nobody wants the work; 0 for none."""
    chain: tuple[str, ...] = ()
    """Addresses of the agents that wait, first asker first: how cycles are seen."""
    note: str = ""
    """Never compared and never hashed: the traceback that goes with a `FAIL`."""
    blob: str = ""
    """Digest of the payload in the blob store (only in a journal)."""

    @property
    def id(self) -> str:
        """The message's id: sender and counter."""
        return f"{self.src}#{self.n}"


def address(agent_type: str, key: str) -> str:
    """Return the address of one agent."""
    return f"{agent_type}/{key}"


def agent_type_of(agent: str) -> str:
    """Return the type part of an address."""
    return agent.partition("/")[0]


def key_of(agent: str) -> str:
    """Return the key part of an address."""
    return agent.partition("/")[2]
