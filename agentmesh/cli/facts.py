"""What a journal says about a run, counted: agents, messages and their ends, effects.

One pass over the steps, agent by agent, without payloads: memory grows with the
number of agents and of messages that did not end well, not with the run's length.
"""

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from agentmesh.causality.usage import Tally, Usage
from agentmesh.cli.wording import NS_PER_SECOND, opened
from agentmesh.journal.records import Sent, Step
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import (
    CONTINUED,
    DEAD,
    DONE,
    CancelEffect,
    FinishTurn,
    Log,
    StartEffect,
)
from agentmesh.kernel.envelope import STARTS_TURN, Envelope
from agentmesh.kernel.events import Delivered, EffectFailed, EffectFinished
from agentmesh.kernel.supervision import ATTEMPT_FAILED

UNFINISHED = "unfinished"
"""What is said of a message that has no terminal state (yet)."""


@dataclass(kw_only=True)
class AgentFacts:
    """One agent."""

    address: str
    events: int = 0
    turns: int = 0
    received: int = 0
    """Messages that ask for a turn: asks and tells."""
    sent: int = 0
    """Asks and tells."""
    effects: int = 0
    log_lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    first_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A message that did not end well, or not at all."""

    message: str
    agent: str
    handler: str
    outcome: str
    at_ns: int
    error: Any = None
    """As `errors.describe` wrote it, as a value."""
    traceback: str = ""
    sender: str = ""
    """Address of whoever sent it."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Attempts that failed, if it was tried more than once: attempt, at, turn, error."""


@dataclass(kw_only=True)
class EffectFacts:
    """All effects of one kind and name."""

    kind: str
    name: str
    started: int = 0
    failed: int = 0
    cancelled: int = 0
    unfinished: int = 0
    durations_ns: list[int] = field(default_factory=list)

    @property
    def median_seconds(self) -> float | None:
        """Median duration of those that finished; None if none did."""
        return statistics.median(self.durations_ns) / NS_PER_SECOND if self.durations_ns else None

    @property
    def longest_seconds(self) -> float | None:
        """Longest duration; None if none finished."""
        return max(self.durations_ns) / NS_PER_SECOND if self.durations_ns else None


@dataclass(kw_only=True)
class RunFacts:
    """A whole run."""

    agents: list[AgentFacts] = field(default_factory=list)
    problems: list[Ended] = field(default_factory=list)
    effects: dict[tuple[str, str], EffectFacts] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    undelivered: int = 0
    """Asks and tells that were sent and that no agent has received."""
    torn: dict[str, int] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    """Tokens, by model."""

    @property
    def events(self) -> int:
        """How many events all agents have handled."""
        return sum(agent.events for agent in self.agents)

    @property
    def messages(self) -> int:
        """How many asks and tells were received."""
        return sum(agent.received for agent in self.agents)

    @property
    def last_ns(self) -> int:
        """Time of the last event; 0 if there is none."""
        return max((agent.last_ns for agent in self.agents), default=0)

    @property
    def dead_letters(self) -> list[Ended]:
        """Messages that nobody handles, and nobody will."""
        return [ended for ended in self.problems if ended.outcome == DEAD]

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "counts": {
                "agents": len(self.agents),
                "events": self.events,
                "commands": self.commands,
                "messages": self.messages,
                "turns": sum(agent.turns for agent in self.agents),
                "effects": sum(effect.started for effect in self.effects.values()),
                "undelivered": self.undelivered,
                "dead_letters": len(self.dead_letters),
            },
            "messages": dict(self.outcomes),
            "agents": [agent_json(agent) for agent in self.agents],
            "problems": [ended_json(ended) for ended in self.problems],
            "dead_letters": [ended_json(ended) for ended in self.dead_letters],
            "effects": [effect_json(effect) for effect in self.effects.values()],
            "torn": self.torn,
            "usage": {name: dict(vars(used)) for name, used in self.usage.items()},
        }


def agent_json(agent: AgentFacts) -> dict[str, Any]:
    """Return an agent's facts as plain values."""
    return {**vars(agent), "outcomes": dict(agent.outcomes)}


def ended_json(ended: Ended) -> dict[str, Any]:
    """Return what is known of a message as plain values."""
    return dict(vars(ended))


def effect_json(effect: EffectFacts) -> dict[str, Any]:
    """Return effects of one name as plain values."""
    return {
        "kind": effect.kind,
        "name": effect.name,
        "started": effect.started,
        "finished": len(effect.durations_ns),
        "failed": effect.failed,
        "cancelled": effect.cancelled,
        "unfinished": effect.unfinished,
        "median_seconds": effect.median_seconds,
        "longest_seconds": effect.longest_seconds,
    }


def gather(run: Run) -> RunFacts:
    """Count what is in a run's journal.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    facts = RunFacts(torn=dict(run.torn))
    sent, tally = 0, Tally(run)
    for address in run.addresses():
        counter = _Counter(AgentFacts(address=address), facts)
        tally.begin()
        for step in run.steps(address, resolve=False):
            counter.take(step)
            tally.take(step)
        counter.close()
        sent += counter.agent.sent
    # The run's first message comes from outside, and nobody's journal has it as sent.
    facts.undelivered = max(0, sent + 1 - facts.messages) if facts.messages else sent
    facts.usage = tally.usage
    facts.problems.sort(key=lambda ended: (ended.at_ns, ended.agent, ended.message))
    facts.effects = dict(sorted(facts.effects.items()))
    return facts


class _Counter:
    """Takes the steps of one agent."""

    def __init__(self, agent: AgentFacts, facts: RunFacts) -> None:
        self.agent = agent
        self._facts = facts
        self._waiting: dict[str, tuple[Envelope, int]] = {}
        self._effects: dict[tuple[int, int], tuple[EffectFacts, int]] = {}
        self._attempts: dict[str, list[dict[str, Any]]] = {}
        facts.agents.append(agent)

    def take(self, step: Step) -> None:
        event = step.event
        self.agent.events += 1
        self.agent.first_ns = self.agent.first_ns or event.at
        self.agent.last_ns = event.at
        if isinstance(event, Delivered) and event.envelope.kind in STARTS_TURN:
            self.agent.received += 1
            self._waiting[event.envelope.id] = (event.envelope, event.at)
        elif isinstance(event, EffectFinished | EffectFailed):
            self._end_effect(event)
        for command in step.commands:
            self._facts.commands += 1
            if isinstance(command, FinishTurn):
                self._end_message(command, event.at)
            elif isinstance(command, Sent):
                self.agent.sent += command.kind in STARTS_TURN
            elif isinstance(command, StartEffect):
                self._start_effect(command, event.at)
            elif isinstance(command, CancelEffect):
                started = self._effects.pop((command.turn, command.n), None)
                if started is not None:
                    started[0].cancelled += 1
            elif isinstance(command, Log):
                self.agent.log_lines += 1
                if command.event == ATTEMPT_FAILED:
                    self._add_attempt(opened(command.fields))

    def close(self) -> None:
        """Note what has not ended."""
        for effect, _ in self._effects.values():
            effect.unfinished += 1
        for envelope, at_ns in self._waiting.values():
            self._count(UNFINISHED)
            self._facts.problems.append(
                Ended(
                    message=envelope.id,
                    agent=self.agent.address,
                    handler=envelope.handler,
                    outcome=UNFINISHED,
                    at_ns=at_ns,
                    sender=envelope.sender,
                    history=self._attempts.get(envelope.id, []),
                )
            )

    def _count(self, outcome: str) -> None:
        self.agent.outcomes[outcome] += 1
        self._facts.outcomes[outcome] += 1

    def _end_message(self, command: FinishTurn, at_ns: int) -> None:
        self.agent.turns += command.turn > 0
        self._count(command.outcome)
        envelope, _ = self._waiting.pop(command.message, (None, 0))
        attempts = self._attempts.pop(command.message, [])
        if command.outcome not in (DONE, CONTINUED):
            error = opened(command.error) if command.error else None
            self._facts.problems.append(
                Ended(
                    message=command.message,
                    agent=self.agent.address,
                    handler=envelope.handler if envelope else "",
                    outcome=command.outcome,
                    at_ns=at_ns,
                    error=error,
                    traceback=command.note,
                    sender=envelope.sender if envelope else "",
                    history=_history(error) or attempts,
                )
            )

    def _add_attempt(self, said: Any) -> None:
        """Note what the agent's supervision says of an attempt; `am.log` may say the like."""
        if isinstance(said, dict) and isinstance(said.get("error"), dict):
            attempt = {name: said.get(name) for name in ("attempt", "at", "turn", "error")}
            self._attempts.setdefault(str(said.get("message")), []).append(attempt)

    def _start_effect(self, command: StartEffect, at_ns: int) -> None:
        key = (command.kind, command.name)
        effect = self._facts.effects.setdefault(
            key, EffectFacts(kind=command.kind, name=command.name)
        )
        effect.started += 1
        self.agent.effects += 1
        self._effects[command.turn, command.n] = (effect, at_ns)

    def _end_effect(self, event: EffectFinished | EffectFailed) -> None:
        effect, started_ns = self._effects.pop((event.turn, event.n), (None, 0))
        if effect is None:
            return
        effect.durations_ns.append(event.at - started_ns)
        effect.failed += isinstance(event, EffectFailed)


def _history(error: Any) -> list[dict[str, Any]]:
    """Return all attempts of a poison message, the last one included."""
    fields = error.get("fields") if isinstance(error, dict) else None
    history = fields.get("history") if isinstance(fields, dict) else None
    return history if isinstance(history, list) else []
