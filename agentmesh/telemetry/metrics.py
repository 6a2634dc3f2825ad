"""What a run's metrics are: bars counted by agent type, effect and model.

Labels have few values: types of agents, names of tools, models; never an agent's key, a message
or a run. What comes twice, because an export goes on from a cursor, is counted once.
"""

import time
from collections import Counter
from collections.abc import Mapping

from agentmesh.journal.records import Step
from agentmesh.journal.run_info import RunInfo
from agentmesh.kernel.commands import DEAD
from agentmesh.kernel.envelope import KIND_NAMES, STARTS_TURN, agent_type_of
from agentmesh.kernel.events import Delivered
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.bars import RETRIED, UNFINISHED, AgentBars, Bar, EffectBar, TurnBar
from agentmesh.telemetry.instruments import Registry
from agentmesh.telemetry.span import Span

_NS = 1e9


class RunMetrics:
    """Counts one run.

    Args:
        info: The run.
        registry: Where values are kept.
    """

    def __init__(self, info: RunInfo, registry: Registry) -> None:
        self._workflow = {names.L_WORKFLOW: info.workflow}
        self._registry = registry
        self._queued: Counter[str] = Counter()
        self._of_agent: dict[str, int] = {}
        self._lives = 0
        # These are read before anything of the kind has happened, too.
        for name in (names.M_RECOVERIES, names.M_SPANS):
            self._add(name, {}, 0)

    def begin(self, agent: str) -> None:
        """Count an agent."""
        self._add(names.M_AGENTS, {names.L_AGENT: agent_type_of(agent)})

    def step(self, bars: AgentBars, step: Step) -> None:
        """Count what came, and what is waiting after a step was taken in."""
        kind, event = agent_type_of(bars.agent), step.event
        if isinstance(event, Delivered) and event.envelope.kind in STARTS_TURN:
            labels = {names.L_AGENT: kind, names.L_KIND: KIND_NAMES[event.envelope.kind]}
            self._add(names.M_MESSAGES, labels)
        queued = bars.queued
        before = self._of_agent.get(bars.agent, 0)
        if queued != before:
            self._of_agent[bars.agent] = queued
            self._queued[kind] += queued - before
            self._put(names.M_QUEUED, {names.L_AGENT: kind}, self._queued[kind])

    def ended(self, bar: Bar, span: Span) -> None:
        """Count what has ended; its span knows what it is called."""
        if bar.outcome == UNFINISHED:
            return
        if isinstance(bar, TurnBar):
            self._turn(bar)
        elif isinstance(bar, EffectBar):
            self._effect(bar, span)

    def reading(self, late_since_ns: int, lives: int, spans: int) -> None:
        """Note how far the reader is, and what it has found about hosts.

        Args:
            late_since_ns: Time of the latest event that was read, if more is there; else 0.
            lives: How many hosts were restored so far.
            spans: How many were sent since the last time.
        """
        late = max(time.time_ns() - late_since_ns, 0) / _NS if late_since_ns else 0
        self._put(names.M_LAG, {}, late)
        if lives > self._lives:
            self._add(names.M_RECOVERIES, {}, lives - self._lives)
            self._lives = lives
        if spans:
            self._add(names.M_SPANS, {}, spans)

    def over(self) -> None:
        """Note that the run has ended: nothing waits any more, and nothing is late."""
        for kind in self._queued:
            self._put(names.M_QUEUED, {names.L_AGENT: kind}, 0)
        self._put(names.M_LAG, {}, 0)

    def _add(self, name: str, labels: Mapping[str, str], amount: float = 1) -> None:
        self._registry.add(name, {**self._workflow, **labels}, amount)

    def _put(self, name: str, labels: Mapping[str, str], value: float) -> None:
        self._registry.put(name, {**self._workflow, **labels}, value)

    def _observe(self, name: str, labels: Mapping[str, str], value: float) -> None:
        self._registry.observe(name, {**self._workflow, **labels}, value)

    def _turn(self, bar: TurnBar) -> None:
        labels = {names.L_AGENT: agent_type_of(bar.agent)}
        if bar.outcome == RETRIED:
            self._add(names.M_RETRIES, labels)
            return
        self._add(names.M_TURNS, {**labels, names.L_OUTCOME: bar.outcome})
        if bar.outcome == DEAD:
            self._add(names.M_DEAD, labels)
        if bar.turn:
            duration, wait = bar.ended_ns - bar.began_ns, bar.began_ns - bar.delivered_ns
            self._observe(names.M_TURN_DURATION, labels, duration / _NS)
            self._observe(names.M_TURN_WAIT, labels, wait / _NS)

    def _effect(self, bar: EffectBar, span: Span) -> None:
        kind, name = bar.command.kind, bar.command.name
        labels = {names.L_KIND: kind, names.L_NAME: name}
        self._add(names.M_EFFECTS, {**labels, names.L_OUTCOME: bar.outcome})
        seconds = (bar.ended_ns - bar.began_ns) / _NS
        self._observe(names.M_EFFECT_DURATION, labels, seconds)
        if names.PROVIDER in span.attributes:
            self._model_call(span, seconds)

    def _model_call(self, span: Span, seconds: float) -> None:
        said = span.attributes
        model = str(said.get(names.REQUEST_MODEL, ""))
        labels = {
            names.OPERATION: str(said[names.OPERATION]),
            names.PROVIDER: str(said[names.PROVIDER]),
            names.REQUEST_MODEL: model,
        }
        self._observe(names.OPERATION_DURATION, labels, seconds)
        for attribute, kind in _TOKENS.items():
            if attribute in said:
                with_type = {**labels, names.TOKEN_TYPE: kind}
                self._observe(names.TOKEN_USAGE, with_type, said[attribute])
        if names.COST in said:
            self._add(names.M_COST, {names.L_MODEL: model}, said[names.COST])
        else:
            self._add(names.M_UNPRICED, {names.L_MODEL: model})


_TOKENS = {names.INPUT_TOKENS: "input", names.OUTPUT_TOKENS: "output"}
