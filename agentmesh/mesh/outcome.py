"""How a run ended."""

from dataclasses import dataclass

from agentmesh.errors import AgentMeshError
from agentmesh.journal.records import Sent
from agentmesh.journal.run import Run
from agentmesh.kernel.envelope import CLIENT, FAIL, REPLY


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One finished run."""

    run_id: str
    location: str
    """Where its directory is."""
    seconds: float
    value: object = None
    """What the workflow returned; None when it failed."""
    result_json: bytes = b""
    """The same as JSON."""
    error: Exception | None = None
    """Why it failed; None when it did not."""

    @property
    def ok(self) -> bool:
        """Whether the workflow returned."""
        return self.error is None

    def unwrap(self) -> object:
        """Return the workflow's result, or raise why there is none."""
        if self.error is not None:
            if isinstance(self.error, AgentMeshError):
                self.error.add_note(f"Run {self.run_id} is in {self.location}")
            raise self.error
        return self.value


def has_answered(run: Run, root: str) -> bool:
    """Tell whether a run's workflow has returned or failed, as far as its journal says.

    Args:
        run: The run.
        root: Address of the workflow.
    """
    if root not in run.addresses():
        return False
    return any(
        isinstance(command, Sent) and command.dst == CLIENT and command.kind in (REPLY, FAIL)
        for step in run.steps(root, resolve=False)
        for command in step.commands
    )
