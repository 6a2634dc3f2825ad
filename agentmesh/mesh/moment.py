"""One moment of a recorded run: what `run.at(event)` returns.

A moment is just after an event. Of all that has happened elsewhere it has what lies before that
event in the run order: a cut that is causally consistent. Agents are replayed when they are
asked for, and no others.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from agentmesh.causality.order import RunOrder, no_such_step
from agentmesh.causality.references import Named, parse_reference
from agentmesh.mesh.naming import agent_called
from agentmesh.replay.changes import Change, changes
from agentmesh.replay.driver import Replayer
from agentmesh.replay.recorded import recorded_rests
from agentmesh.replay.travel import BEGINNING, Progress, ReplayTimeline
from agentmesh.replay.view import AgentView, view

_TIMELINES_MAX = 16


class Timelines:
    """Timelines of the agents that were looked at last.

    Args:
        replayer: Of the run.
    """

    def __init__(self, replayer: Replayer) -> None:
        self.replayer = replayer
        """Of the run."""
        self._kept: dict[str, ReplayTimeline] = {}

    def of(self, address: str, on_progress: Progress | None = None) -> ReplayTimeline:
        """Return the timeline of an agent."""
        found = self._kept.pop(address, None)
        if found is None:
            known = recorded_rests(self.replayer.run, address, self.replayer.today)
            found = ReplayTimeline(self.replayer, address, known=known)
        found.on_progress = on_progress
        self._kept[address] = found
        if len(self._kept) > _TIMELINES_MAX:
            self._kept.pop(next(iter(self._kept))).close()
        return found

    def close(self) -> None:
        """Let go of all."""
        while self._kept:
            self._kept.popitem()[1].close()


class Travelled(Protocol):
    """What a moment needs of the recorded run."""

    @property
    def id(self) -> str:
        """The run's id."""

    def addresses(self) -> list[str]:
        """Return the addresses of all agents."""

    def count_steps(self, address: str) -> int:
        """Return how many steps an agent has."""

    def order(self) -> RunOrder:
        """Return all events in one order."""

    def timelines(self) -> Timelines:
        """Return what replays agents to any of their steps."""


class Moment:
    """A recorded run just after one of its events.

    Args:
        run: The run.
        named: The event.
        agent: The agent, where the name is only the number of its step.
        anyway: Whether to show also what is not as it was recorded, because the replay differs.

    Raises:
        UsageError: It names no event.
        UnknownAgentError: The run has no such agent.
        UnknownEventError: The run has no such event.
    """

    def __init__(
        self,
        run: Travelled,
        named: Named,
        agent: str | None = None,
        *,
        anyway: bool = False,
    ) -> None:
        self.run = run
        """The run."""
        self._anyway = anyway
        reference = parse_reference(named, agent)
        if reference.address is None:
            event = run.order().event(reference.number)
            self.address, self.step = event.address, event.step
            return
        self.address = agent_called(reference.address, run.addresses(), run.id)
        """The agent whose event it is."""
        self.step = reference.number
        """The number of its step."""
        if self.step >= run.count_steps(self.address):
            raise no_such_step(run.id, self.address, self.step, run.count_steps(self.address))

    def __str__(self) -> str:
        """Return the event's reference: `Writer/w1@118`."""
        return f"{self.address}@{self.step}"

    @cached_property
    def number(self) -> int:
        """The event's place in the run order; the whole run is read for it."""
        return self.run.order().number_of(self.address, self.step)

    @cached_property
    def cut(self) -> dict[str, int]:
        """The last step of each agent that has begun by then."""
        return self.run.order().cut(self.number)

    @property
    def agents(self) -> list[str]:
        """The agents that have begun by then, sorted."""
        return sorted(self.cut)

    def agent(self, name: str | None = None, *, on_progress: Progress | None = None) -> AgentView:
        """Return what is seen of an agent.

        Args:
            name: `Type/key`, or a type with one agent; the agent of the event by default.
            on_progress: Called now and then with the number of events replayed.

        Raises:
            UnknownAgentError: The run has no such agent.
            DivergenceError: The agent's replay differs from the record before that moment.
        """
        address = self._called(name)
        return self._look(address, self._step_of(address), on_progress)

    def before(self, name: str | None = None, *, on_progress: Progress | None = None) -> AgentView:
        """Return what was seen of an agent before its latest event; errors are those of `agent`."""
        address = self._called(name)
        return self._look(address, max(self._step_of(address) - 1, BEGINNING), on_progress)

    def changes(self, name: str | None = None) -> list[Change]:
        """Return what an agent's latest event has changed; errors are those of `agent`."""
        return changes(self.before(name), self.agent(name))

    def views(self, *, on_progress: Progress | None = None) -> Iterator[AgentView]:
        """Yield what is seen of all agents that have begun; errors are those of `agent`."""
        for address in self.agents:
            yield self._look(address, self.cut[address], on_progress)

    def _called(self, name: str | None) -> str:
        if name is None:
            return self.address
        return agent_called(name, self.run.addresses(), self.run.id)

    def _step_of(self, address: str) -> int:
        return self.step if address == self.address else self.cut.get(address, BEGINNING)

    def _look(self, address: str, step: int, on_progress: Progress | None) -> AgentView:
        timeline = self.run.timelines().of(address, on_progress)
        cell = timeline.goto(step, anyway=self._anyway)
        return view(
            cell,
            step,
            address=address,
            under_way=timeline.under_way,
            diverged=timeline.diverged,
        )
