"""What a recorded run cost: the tokens of its journal, by the prices that were recorded with it."""

from collections.abc import Mapping

from agentmesh.causality.usage import Usage, usage_by_model
from agentmesh.effects.prices import Cost, recorded
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo


def cost_of(info: RunInfo, usage: Mapping[str, Usage]) -> Cost:
    """Return what tokens cost in a run.

    Args:
        info: The run: its prices count, whatever today's are.
        usage: The tokens, by model.
    """
    return recorded(info.prices).total(usage)


def cost_of_run(run: Run) -> Cost:
    """Return what a run's model calls cost; reads the run once.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    return cost_of(run.info, usage_by_model(run))
