"""A run in figures: events, messages, effects, tokens, time. For comparing runs."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.causality.usage import Tally, Usage, add_usage
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn, StartEffect
from agentmesh.kernel.envelope import STARTS_TURN
from agentmesh.kernel.events import Delivered, EffectFailed


@dataclass(kw_only=True)
class Figures:
    """What can be counted of a run."""

    agents: int = 0
    events: int = 0
    messages: int = 0
    """Asks and tells delivered."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """How messages ended: done, failed, ..."""
    effects: dict[str, int] = field(default_factory=dict)
    """Effects started, by kind and name."""
    failed_effects: int = 0
    input_tokens: int = 0
    """As the model's provider counted them."""
    output_tokens: int = 0
    usage: dict[str, Usage] = field(default_factory=dict)
    """Tokens by the model that answered; by an empty name where none is on record."""
    seconds: float = 0.0
    """From the first event to the last, in logical time."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def figures(run: Run) -> Figures:
    """Count what a run did.

    Args:
        run: The run, open.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    found, tally = Figures(), Tally(run)
    outcomes: Counter[str] = Counter()
    effects: Counter[str] = Counter()
    first = last = 0
    for address in run.addresses():
        found.agents += 1
        tally.begin()
        for step in run.steps(address, resolve=False):
            event = step.event
            tally.take(step)
            first = min(first or event.at, event.at)
            last = max(last, event.at)
            found.events += 1
            if isinstance(event, Delivered):
                found.messages += event.envelope.kind in STARTS_TURN
            elif isinstance(event, EffectFailed):
                found.failed_effects += 1
            for command in step.commands:
                if isinstance(command, StartEffect):
                    effects[f"{command.kind} {command.name}"] += 1
                elif isinstance(command, FinishTurn):
                    outcomes[command.outcome] += 1
    found.outcomes = dict(sorted(outcomes.items()))
    found.effects = dict(sorted(effects.items()))
    found.usage = tally.usage
    found.input_tokens = sum(used.input_tokens for used in tally.usage.values())
    found.output_tokens = sum(used.output_tokens for used in tally.usage.values())
    found.seconds = (last - first) / 1e9
    return found


def add_tokens(found: Figures, result: bytes) -> None:
    """Add what a model call used, as its recorded result says; nothing for other effects."""
    used = add_usage(found.usage, result)
    if used is not None:
        found.input_tokens += used.input_tokens
        found.output_tokens += used.output_tokens
