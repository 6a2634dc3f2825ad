"""A run in figures: events, messages, effects, tokens, time. For comparing runs."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.causality.summaries import value_of
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import FinishTurn, StartEffect
from agentmesh.kernel.envelope import STARTS_TURN
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished

_IN = ("prompt_tokens", "input_tokens")
_OUT = ("completion_tokens", "output_tokens")


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
    found = Figures()
    outcomes: Counter[str] = Counter()
    effects: Counter[str] = Counter()
    first = last = 0
    for address in run.addresses():
        found.agents += 1
        for step in run.steps(address, resolve=False):
            event = step.event
            first = min(first or event.at, event.at)
            last = max(last, event.at)
            found.events += 1
            if isinstance(event, Delivered):
                found.messages += event.envelope.kind in STARTS_TURN
            elif isinstance(event, EffectFailed):
                found.failed_effects += 1
            elif isinstance(event, EffectFinished):
                add_tokens(found, run.resolve(event).result)
            for command in step.commands:
                if isinstance(command, StartEffect):
                    effects[f"{command.kind} {command.name}"] += 1
                elif isinstance(command, FinishTurn):
                    outcomes[command.outcome] += 1
    found.outcomes = dict(sorted(outcomes.items()))
    found.effects = dict(sorted(effects.items()))
    found.seconds = (last - first) / 1e9
    return found


def add_tokens(found: Figures, result: bytes) -> None:
    """Add what a model call cost, as its recorded result says; nothing for other effects."""
    if b'"usage"' not in result:
        return
    value = value_of(result)
    body = value.get("json", value) if isinstance(value, dict) else None
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict) and isinstance(value, dict):
        usage = value.get("usage")  # of a streamed answer
    if isinstance(usage, dict):
        found.input_tokens += _first(usage, _IN)
        found.output_tokens += _first(usage, _OUT)


def _first(usage: dict[str, Any], names: tuple[str, ...]) -> int:
    return next((usage[name] for name in names if isinstance(usage.get(name), int)), 0)
