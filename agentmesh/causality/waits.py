"""Who waited for whom, and for how long: the asks of a run as intervals.

A wait begins with the event whose handling sent the ask, and ends with the event that brought
its answer. One pass over the run; only the longest waits are kept, and one entry for each pair
of agents.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.journal.records import Sent
from agentmesh.journal.run import Run
from agentmesh.kernel.envelope import ASK, CANCEL, FAIL, REPLY
from agentmesh.kernel.events import Delivered

KEPT_MAX = 1_000
"""Waits that are kept, the longest ones."""

ANSWERED, FAILED, WITHDRAWN, OPEN = "answered", "failed", "withdrawn", "open"
"""How a wait ended; an open one had no end when the record ends."""
_ENDS = {REPLY: ANSWERED, FAIL: FAILED}


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One ask."""

    agent: str
    """Who waited."""
    on: str
    """For whom."""
    call: str
    """What was asked: handler and type of the message."""
    began: str
    """The event that the ask was sent at: `Type/key@N`."""
    ended: str
    """The event that ended the wait; empty for an open one."""
    from_ns: int
    """Logical time, in nanoseconds since the epoch."""
    to_ns: int
    """The same; of an open one, the run's last event."""
    outcome: str
    """answered, failed, withdrawn or open."""

    @property
    def duration_ns(self) -> int:
        """How long it took, in nanoseconds."""
        return self.to_ns - self.from_ns

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "seconds": self.duration_ns / 1e9}


@dataclass(kw_only=True)
class Pair:
    """All waits of one agent for another."""

    agent: str
    on: str
    waits: int = 0
    total_ns: int = 0
    longest_ns: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(kw_only=True)
class Waits:
    """Who waited for whom."""

    waits: list[Wait] = field(default_factory=list)
    """The longest first: `KEPT_MAX` of them at most."""
    pairs: list[Pair] = field(default_factory=list)
    """By the time waited altogether, the longest first. Waits at the same time count each."""
    count: int = 0
    """All waits there were."""

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "count": self.count,
            "pairs": [one.as_json() for one in self.pairs],
            "waits": [one.as_json() for one in self.waits],
        }


def waits(run: Run, agents: Sequence[str] = ()) -> Waits:
    """Return who waited for whom in a run.

    Args:
        run: The run, open.
        agents: Addresses of those whose waits are wanted; all for none.

    Raises:
        JournalDamagedError: A file is damaged.
    """
    still: list[Wait] = []
    longest: list[tuple[int, int, Wait]] = []
    pairs: dict[tuple[str, str], Pair] = {}
    latest = count = 0
    for address in agents or run.addresses():
        reader = _Asks(address)
        for wait in reader.read(run):
            count += 1
            _keep(longest, count, wait)
            _add(pairs, wait)
        latest = max(latest, reader.latest)
        still += reader.still_open()
    for wait in still:
        ended = Wait(**{**asdict(wait), "to_ns": latest})
        count += 1
        _keep(longest, count, ended)
        _add(pairs, ended)
    kept = sorted(longest, key=lambda one: (-one[0], one[2].from_ns, one[2].agent))
    order = sorted(pairs.values(), key=lambda pair: (-pair.total_ns, pair.agent, pair.on))
    return Waits(waits=[wait for _, _, wait in kept], pairs=order, count=count)


class _Asks:
    """Reads the waits of one agent."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._asked: dict[int, tuple[Sent, int, int]] = {}  # the ask, the step and its time
        self.latest = 0

    def read(self, run: Run) -> Iterator[Wait]:
        """Yield the waits that came to an end."""
        for step in run.steps(self._address, resolve=False):
            event, number = step.event, step.number
            self.latest = event.at
            if type(event) is Delivered and event.envelope.kind in _ENDS:
                yield from self._end(
                    event.envelope.re, number, event.at, _ENDS[event.envelope.kind]
                )
            for command in step.commands:
                if type(command) is not Sent:
                    continue
                if command.kind == ASK:
                    self._asked[command.n] = (command, number, event.at)
                elif command.kind == CANCEL:
                    yield from self._end(command.re, number, event.at, WITHDRAWN)

    def still_open(self) -> list[Wait]:
        """Return the waits that have no end."""
        return [self._wait(asked, "", self.latest, OPEN) for asked in self._asked.values()]

    def _end(self, ask: int, step: int, at: int, outcome: str) -> Iterator[Wait]:
        asked = self._asked.pop(ask, None)
        if asked is not None:
            yield self._wait(asked, f"{self._address}@{step}", at, outcome)

    def _wait(self, asked: tuple[Sent, int, int], ended: str, to: int, outcome: str) -> Wait:
        ask, step, at = asked
        return Wait(
            agent=self._address,
            on=ask.dst,
            call=f"{ask.handler}({ask.type})",
            began=f"{self._address}@{step}",
            ended=ended,
            from_ns=at,
            to_ns=to,
            outcome=outcome,
        )


def _keep(longest: list[tuple[int, int, Wait]], serial: int, wait: Wait) -> None:
    entry = (wait.duration_ns, -serial, wait)
    if len(longest) < KEPT_MAX:
        heapq.heappush(longest, entry)
    else:
        heapq.heappushpop(longest, entry)


def _add(pairs: dict[tuple[str, str], Pair], wait: Wait) -> None:
    pair = pairs.setdefault((wait.agent, wait.on), Pair(agent=wait.agent, on=wait.on))
    pair.waits += 1
    pair.total_ns += wait.duration_ns
    pair.longest_ns = max(pair.longest_ns, wait.duration_ns)
