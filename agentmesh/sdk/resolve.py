"""From an address to the behaviour of its agent type, also where there is none.

A message to a type that does not exist must reach a recorded end like any other,
so a missing type is a behaviour too: one that fails every message.
"""

from agentmesh.errors import AgentMeshError
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope, agent_type_of
from agentmesh.sdk.behavior import AgentBehavior
from agentmesh.sdk.program import RunContext


def behavior_for(run: RunContext, address: str) -> Behavior:
    """Return the behaviour of the agent at an address; never raises."""
    try:
        return AgentBehavior(run.program.find(agent_type_of(address)))
    except AgentMeshError as error:
        return MissingAgent(error)


class MissingAgent:
    """Behaviour of an agent type that does not exist: each message to it fails and says so.

    Args:
        error: What looking for the type said.
    """

    concurrency = 1
    mailbox: int | None = None
    overflow = "block"

    def __init__(self, error: AgentMeshError) -> None:
        self._error = error

    def create(self, state: bytes) -> object:
        """Raise what looking for the type said."""
        del state
        raise self._error

    def reentrant(self, envelope: Envelope) -> bool:
        """Tell that nothing interleaves."""
        del envelope
        return False

    async def run(self, cell: Cell, turn: object) -> tuple[str, bytes]:
        """Never called: a cell that can't be created refuses its messages."""
        del cell, turn
        raise self._error
