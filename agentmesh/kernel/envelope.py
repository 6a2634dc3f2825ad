"""What travels from one agent to another, and how agents and messages are named.

An address is `Type/key`; a message id is its sender's address and the sender's
own counter, unique without coordination. The kernel never looks inside a
payload: it is the JSON that the layer above wrote.
"""

from typing import Annotated

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
CONTINUE = 8
"""An agent to itself: the turn that handled a `TELL` or `ASK` of `origin` goes on with this.
If `re` is set, `origin` waits for the answer to its ask of that number."""

MONITOR = 9
"""The sender waits for a `REPLY` that comes when the agent has stopped. Asks for no turn."""
ESCALATE = 10
"""The sender, which the receiver had spawned, has failed for good: the payload says how."""

EDIT = 11
"""From outside: the agent has another state, or another code, from now on. Only branches have it;
`type` says which of `EDITED` it is."""
EDITED = STATE, CODE = "state", "code"

KIND_NAMES = (
    *("tell", "ask", "reply", "fail", "chunk", "cancel", "spawn", "stop", "continue"),
    *("monitor", "escalate", "edit"),
)
STARTS_TURN = (TELL, ASK, CONTINUE)
"""Kinds that ask for a turn: each such message ends in exactly one terminal state."""

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
    kind: Annotated[int, msgspec.Meta(ge=TELL, le=EDIT)]
    """One of the constants above."""
    handler: str = ""
    """Name of the handler that is to run; empty for replies."""
    type: str = ""
    """Name of the payload's message type; empty where the payload is not a message."""
    payload: bytes = b""
    """JSON. Empty when `blob` is set (only in a journal)."""
    re: int = 0
    """The counter of the ask that this answers, cancels or continues; 0 otherwise."""
    deadline: int = 0
    """Nanoseconds since the epoch after which nobody wants the work; 0 for none."""
    chain: tuple[str, ...] = ()
    """Addresses of the agents that wait, first asker first: how cycles are seen."""
    note: str = ""
    """Never compared and never hashed: the traceback that goes with a `FAIL`."""
    blob: str = ""
    """Digest of the payload in the blob store (only in a journal)."""
    origin: str = ""
    """Only of a `CONTINUE`: who sent the message that the first of the continued turns handled."""

    @property
    def id(self) -> str:
        """The message's id: sender and counter."""
        return f"{self.src}#{self.n}"

    @property
    def sender(self) -> str:
        """Address of whoever the turn is for: a continued one is still its first sender's."""
        return self.origin or self.src

    def is_known_as(self, message: str) -> bool:
        """Tell whether an id names this message, or the ask that it continues."""
        return message == self.id or (self.re > 0 and message == f"{self.origin}#{self.re}")


def address(agent_type: str, key: str) -> str:
    """Return the address of one agent."""
    return f"{agent_type}/{key}"


def agent_type_of(agent: str) -> str:
    """Return the type part of an address."""
    return agent.partition("/")[0]


def key_of(agent: str) -> str:
    """Return the key part of an address."""
    return agent.partition("/")[2]
