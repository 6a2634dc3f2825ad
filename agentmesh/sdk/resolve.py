"""From an address to the behaviour of its agent type, also where there is none.

A message to a type that does not exist must reach a recorded end like any other,
so a missing type is a behaviour too: one that fails every message.
"""

from typing import cast

from agentmesh.errors import AgentMeshError
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope, agent_type_of
from agentmesh.kernel.supervised import cell_for
from agentmesh.kernel.supervision import Policy
from agentmesh.sdk.behavior import AgentBehavior
from agentmesh.sdk.program import RunContext


def behavior_for(run: RunContext, address: str) -> Behavior:
    """Return the behaviour of the agent at an address; never raises."""
    try:
        return AgentBehavior(run.program.find(agent_type_of(address)))
    except AgentMeshError as error:
        return MissingAgent(error)


def new_cell(run: RunContext, address: str) -> Cell:
    """Return a new cell for the agent at an address."""
    return cell_for(behavior_for(run, address), run)


class MissingAgent:
    """Behaviour of an agent type that does not exist: each message to it fails and says so.

    Args:
        error: What looking for the type said.
    """

    concurrency = 1
    mailbox: int | None = None
    overflow = "block"
    supervision: Policy | None = None

    def __init__(self, error: AgentMeshError) -> None:
        self._error = error

    def create(self, state: bytes) -> object:
        """Raise what looking for the type said."""
        del state
        raise self._error

    def dump(self, instance: object) -> bytes:
        """Never called: there is no instance."""
        del instance
        raise self._error

    def amended(self, run: object, instance: object, envelope: Envelope) -> tuple[Behavior, object]:
        """Never called: a cell that can't be created takes no other state."""
        del run, instance, envelope
        raise self._error

    def root(self, run: object) -> str:
        """Return the address of the run's workflow."""
        return cast("RunContext", run).root

    def reentrant(self, envelope: Envelope) -> bool:
        """Tell that nothing interleaves."""
        del envelope
        return False

    async def run(self, cell: Cell, turn: object) -> tuple[str, bytes]:
        """Never called: a cell that can't be created refuses its messages."""
        del cell, turn
        raise self._error
