"""Watching a replay: after which events does something hold for the state of agents?

Every agent in question is replayed from its beginning; after each of its events the question
is asked. What each event does is compared with the record: an agent is watched up to its
first divergence, for what comes after it is not what was recorded.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol

from agentmesh.causality.order import RunOrder
from agentmesh.kernel.cell import Cell
from agentmesh.replay.divergence import Divergence
from agentmesh.replay.driver import Progress, Replayer
from agentmesh.replay.expressions import Expression, NotThereError, Scope
from agentmesh.replay.feeding import feed
from agentmesh.replay.resting import attributes
from agentmesh.replay.stage import Places
from agentmesh.replay.values import settled, shown
from agentmesh.sdk.behavior import AgentBehavior

_PROGRESS_EVERY = 2_000
SPANS_MAX = 10_000
"""Rows of events that are kept; of those after it, only the last one is."""
_SCALARS = frozenset({int, str, bool, float, type(None)})


class Found(NamedTuple):
    """An event after which something holds."""

    address: str
    step: int
    at: int
    """Logical time, nanoseconds since the epoch."""

    def __str__(self) -> str:
        """Return the event's reference: `Writer/w1@118`."""
        return f"{self.address}@{self.step}"


@dataclass(kw_only=True)
class Span:
    """Events in a row after each of which something holds."""

    first: Found
    last: Found
    events: int
    values: dict[str, Any]
    """What was asked about, after the first of them."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Where an answer could not be found."""

    at: Found
    error: str
    values: dict[str, str]
    """What was asked about, as bounded `repr`s."""


@dataclass(kw_only=True)
class Matches:
    """After which events something holds."""

    question: str
    events: int = 0
    """How many were looked at."""
    asked: int = 0
    """After how many of them there was a state to ask about."""
    holds: int = 0
    """After how many it holds."""
    spans: list[Span] = field(default_factory=list)
    """The events in rows: each row's agents by name, then in the order of their events."""
    left_out: int = 0
    """How many rows are not kept."""
    failures: int = 0
    """After how many asking failed; that counts as not holding."""
    failure: Failure | None = None
    """The first of these."""
    divergences: list[Divergence] = field(default_factory=list)
    """Agents that were watched only up to there."""

    @property
    def first(self) -> Found | None:
        """The first event after which it holds, by time."""
        return min((each.first for each in self.spans), key=_when, default=None)

    @property
    def last(self) -> Found | None:
        """The last event after which it holds, by time."""
        return max((each.last for each in self.spans), key=_when, default=None)

    def __bool__(self) -> bool:
        """Tell whether it ever holds."""
        return bool(self.holds)

    def merge(self, other: "Matches") -> None:
        """Add what another process has found, of other agents."""
        self.events += other.events
        self.asked += other.asked
        self.holds += other.holds
        self.failures += other.failures
        self.left_out += other.left_out
        self.spans = sorted(self.spans + other.spans, key=lambda each: each.first)
        self.divergences += other.divergences
        known = [each for each in (self.failure, other.failure) if each is not None]
        self.failure = min(known, key=lambda each: _when(each.at), default=None)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "question": self.question,
            "events": self.events,
            "holds": self.holds,
            "first": str(self.first) if self.first else None,
            "last": str(self.last) if self.last else None,
            "spans": [
                {
                    "first": str(each.first),
                    "first_ns": each.first.at,
                    "last": str(each.last),
                    "last_ns": each.last.at,
                    "events": each.events,
                    "values": each.values,
                }
                for each in self.spans
            ],
            "spans_left_out": self.left_out,
            "failures": self.failures,
            "failure": asdict(self.failure) if self.failure else None,
            "divergences": [each.as_json() for each in self.divergences],
        }


class Question(Protocol):
    """What is asked after each event."""

    text: str

    def begin(self, cells: Sequence[Cell]) -> None:
        """Take in new cells, to which nothing has happened yet."""

    def holds(self) -> bool:
        """Tell whether it holds now.

        Raises:
            NotThereError: There is no state to ask about.
        """

    def values(self) -> dict[str, Any]:
        """Return what is asked about, as JSON."""

    def reprs(self) -> dict[str, str]:
        """Return what is asked about, as bounded texts; never raises."""


class AskedText:
    """A question that is an expression."""

    def __init__(self, expression: Expression) -> None:
        self.text = expression.text
        self._expression = expression
        self._cells: Sequence[Cell] = ()
        self._scope = Scope(self._read)

    def begin(self, cells: Sequence[Cell]) -> None:
        """Take in new cells."""
        self._cells = cells
        self._scope = Scope(self._read)

    def holds(self) -> bool:
        """Tell whether the expression is true now."""
        return bool(self._expression.evaluate(self._scope))

    def values(self) -> dict[str, Any]:
        """Return the attributes that it reads."""
        return {name: self._read(place, attribute) for name, place, attribute in self._names()}

    def reprs(self) -> dict[str, str]:
        """Return the attributes that it reads, as texts."""
        return {
            name: shown(getattr(self._cells[place].instance, attribute, None))
            for name, place, attribute in self._names()
        }

    def _names(self) -> Iterator[tuple[str, int, str]]:
        for place, names in self._expression.attributes.items():
            for name in names:
                several = len(self._expression.agents) > 1
                yield (f"{self._cells[place].address}.{name}" if several else name), place, name

    def _read(self, place: int, name: str) -> Any:
        cell = self._cells[place]
        instance = cell.instance
        if instance is None:
            raise NotThereError
        value = getattr(instance, name)
        if type(value) in _SCALARS:
            return value
        behavior = cell.behavior
        assert isinstance(behavior, AgentBehavior)
        assert behavior.agent_type.state is not None
        adapter = behavior.agent_type.state.adapters[name]
        return settled(value, adapter.dump_python(value, mode="json", warnings=False))


class StateView:
    """The attributes of an agent, read only: what a function is given that asks about it."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        object.__setattr__(self, "_cell", cell)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute; a copy, if it could be changed."""
        cell: Cell = object.__getattribute__(self, "_cell")
        names = attributes(cell)
        if name not in names:
            message = f"{cell.address} has no {name!r}; it has {', '.join(names) or 'no state'}"
            raise AttributeError(message)
        value = getattr(cell.instance, name)
        return value if type(value) in _SCALARS else copy.deepcopy(value)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: what was recorded can't be changed."""
        message = f"the state is only looked at: {name} can't be set"
        raise AttributeError(message)

    def __dir__(self) -> list[str]:
        """Return the names of the attributes."""
        return attributes(object.__getattribute__(self, "_cell"))


class AskedFunction:
    """A question that is a function of one agent's state."""

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.text = getattr(function, "__name__", "function")
        self._function = function
        self._cells: Sequence[Cell] = ()

    def begin(self, cells: Sequence[Cell]) -> None:
        """Take in a new cell."""
        self._cells = cells

    def holds(self) -> bool:
        """Tell whether the function returns something true now."""
        if self._cells[0].instance is None:
            raise NotThereError
        return bool(self._function(StateView(self._cells[0])))

    def values(self) -> dict[str, Any]:
        """Return nothing: only the function knows what it looks at."""
        return {}

    def reprs(self) -> dict[str, str]:
        """Return the whole state."""
        cell = self._cells[0]
        return {name: shown(getattr(cell.instance, name, None)) for name in attributes(cell)}


class Watch:
    """Looks for the events after which something holds.

    Args:
        replayer: Of the run.
        question: What has to hold.
        on_progress: Called now and then with the number of events replayed.
    """

    def __init__(
        self, replayer: Replayer, question: Question, on_progress: Progress | None = None
    ) -> None:
        self._replayer = replayer
        self._question = question
        self._on_progress = on_progress
        self._open = False  # whether it held after the event before
        self.matches = Matches(question=question.text)

    def each(self, addresses: Sequence[str]) -> Matches:
        """Ask about some agents, one after the other."""
        with self._replayer.in_place():
            for address in addresses:
                self._one(address)
        return self.matches

    def together(self, order: RunOrder, addresses: Sequence[str]) -> Matches:
        """Ask about some agents at once, after each event of any of them."""
        cells = {address: self._new(address) for address in addresses}
        steps = {address: self._replayer.run.steps(address) for address in addresses}
        self._question.begin(list(cells.values()))
        with self._replayer.in_place():
            for place in Places(order, addresses):
                if not self._happen(
                    place.address, cells[place.address], next(steps[place.address])
                ):
                    break  # what follows in any of them may follow from that
        for cell in cells.values():
            cell.close()
        return self.matches

    def _one(self, address: str) -> None:
        cell = self._new(address)
        self._open = False
        self._question.begin([cell])
        for step in self._replayer.run.steps(address):
            if not self._happen(address, cell, step):
                break
        cell.close()

    def _new(self, address: str) -> Cell:
        cell = self._replayer.new_cell(address)
        cell.forget_performers()
        return cell

    def _happen(self, address: str, cell: Cell, step: Any) -> bool:
        """Let an event happen, and ask; tell whether to go on."""
        issued = feed(cell, step)
        difference = self._replayer.difference(step, issued)
        if difference is not None:
            explained = self._replayer.explain(address, step, difference, issued)
            self.matches.divergences.append(explained)
            return False
        matches = self.matches
        matches.events += 1
        if self._on_progress is not None and matches.events % _PROGRESS_EVERY == 0:
            self._on_progress(matches.events)
        self._ask(address, step)
        return True

    def _ask(self, address: str, step: Any) -> None:
        matches = self.matches
        try:
            holds = self._question.holds()
        except NotThereError:
            self._open = False
            return
        except Exception as error:  # noqa: BLE001 - whatever the question raises is counted
            holds = False
            matches.failures += 1
            at = Found(address, step.number, step.event.at)
            if matches.failure is None or _when(at) < _when(matches.failure.at):
                said = f"{type(error).__name__}: {error}"
                matches.failure = Failure(at=at, error=said, values=self._question.reprs())
        matches.asked += 1
        if holds:
            matches.holds += 1
            found = Found(address, step.number, step.event.at)
            if self._open:
                matches.spans[-1].last = found
                matches.spans[-1].events += 1
            else:
                self._begin_span(found)
        self._open = holds

    def _begin_span(self, found: Found) -> None:
        values = self._question.values()
        spans = self.matches.spans
        if len(spans) >= SPANS_MAX:
            spans.pop()
            self.matches.left_out += 1
        spans.append(Span(first=found, last=found, events=1, values=values))


def _when(found: Found) -> tuple[int, str, int]:
    return found.at, found.address, found.step
