"""An effect of a branch that goes wrong: a refusal, half an answer, nonsense, or an old one.

What is left of an answer is what faults of worlds leave of it (`simulation.harm`).
"""

from collections.abc import Callable

from agentmesh.causality.order import EventRef
from agentmesh.counterfactual.pending import Item
from agentmesh.counterfactual.record import AgentRecord, Ended
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import CancelEffect, StartEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished
from agentmesh.kernel.pending import Performer
from agentmesh.simulation.faults import STALE
from agentmesh.simulation.harm import harmed
from agentmesh.simulation.records import effect_key
from agentmesh.simulation.sources import Asked, Outcome


def faulted(
    item: Item, how: str, record: AgentRecord, seed: str, answer: Callable[[Ended], Outcome]
) -> Outcome:
    """Return what is left of an effect's answer.

    Args:
        item: The effect.
        how: The fault.
        record: What its agent did in the parent.
        seed: The run's.
        answer: Returns how an effect ended in the parent.
    """
    assert item.command is not None
    asked = Asked(
        address=item.address, command=item.command, at=item.at, seed=seed, performer=_nobody
    )
    before = _before(item, record) if how == STALE else None
    outcome = Outcome() if item.ended is None or item.ended.end is None else answer(item.ended)
    return harmed(outcome, how, asked, None if before is None else answer(before))


def under_way(run: Run, event: EventRef) -> dict[str, StartEffect]:
    """Return the effects that an agent waits for right after an event, by their ids."""
    found: dict[str, StartEffect] = {}
    for step in run.steps(event.address, resolve=False):
        if step.number > event.step:
            break
        if isinstance(step.event, EffectFinished | EffectFailed):
            found.pop(effect_key(event.address, step.event.turn, step.event.n), None)
        for command in step.commands:
            if isinstance(command, StartEffect):
                found[effect_key(event.address, command.turn, command.n)] = command
            elif isinstance(command, CancelEffect):
                found.pop(effect_key(event.address, command.turn, command.n), None)
    return found


def _before(item: Item, record: AgentRecord) -> Ended | None:
    """Return the agent's last effect of the same name that had ended by then."""
    assert item.command is not None
    found = None
    for ended in record.effects.values():
        same = ended.command.kind == item.command.kind and ended.command.name == item.command.name
        if same and ended is not item.ended and ended.end is not None and ended.end.at < item.at:
            found = ended
    return found


def _nobody() -> Performer:
    raise AssertionError  # what is on record is not performed
