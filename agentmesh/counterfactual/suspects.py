"""What may be to blame for how a run ended: everything in its past that could have been otherwise.

Agents are deterministic, so that this is: what effects came to, what came first of two that
raced, and whether an effect or a timer was faster. Only what lies in the causal past of the end
counts (a backward slice): nothing else can have led to it.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentmesh.causality.graph import Cone, Graph
from agentmesh.causality.order import EventRef
from agentmesh.causality.races import RacingPair, racing_pairs, spread
from agentmesh.counterfactual import edit
from agentmesh.counterfactual.edit import Edit
from agentmesh.counterfactual.flipping import edit_of
from agentmesh.counterfactual.record import AgentRecord, Ended, Ledger
from agentmesh.journal.records import Step
from agentmesh.kernel.commands import CancelEffect
from agentmesh.kernel.events import Delivered, EffectFailed, TimerFired
from agentmesh.simulation.records import effect_key

CONTENT, ORDER, TIMING, FAULT = "content", "order", "timing", "fault"
CLASSES = (CONTENT, ORDER, TIMING, FAULT)

_RACES_MAX = 100
_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Suspect:
    """One thing that could have been otherwise."""

    agent: str
    event: str
    """Reference to where it happened: the end of an effect, the first of two that raced."""
    number: int
    """Its place in the run order."""
    kind: str
    """The class of cause that it would be: content, order, timing or fault."""
    what: str
    """For people: `tool search`, `buy of Ada before buy of Ben`."""
    edits: tuple[Edit, ...]
    """What makes it otherwise."""
    key: str = ""
    """Of an effect: its key."""
    asked: str = ""
    """Of an effect: how a trial calls it among those it issued."""

    def __str__(self) -> str:
        return self.event


class Slice:
    """The part of a run that its end can have come from.

    Args:
        ledger: Of the run.
        whole: Take all of the run: what counts as its end is more than its answer.
    """

    def __init__(self, ledger: Ledger, *, whole: bool = False) -> None:
        self._ledger = ledger
        self._order = ledger.order
        self._past: Cone | None = None
        if ledger.answer is not None and not whole:
            end = self._order.find((ledger.answer.address, ledger.answer.step))
            self._past = Graph(self._order).past(end)

    def __len__(self) -> int:
        """Return how many events it has."""
        return len(self._order) if self._past is None else len(self._past)

    def __contains__(self, event: EventRef) -> bool:
        """Tell whether an event is in it."""
        return self._past is None or event in self._past

    def suspects(self, *, races: int = _RACES_MAX) -> list[Suspect]:
        """Return everything in it that could have been otherwise, in the run order.

        Args:
            races: How many racing pairs, at most.
        """
        found: list[Suspect] = []
        for address in self._order.addresses:
            record = self._ledger.record(address)
            found += self._effects(record)
            found += self._slow(record)
        found += self._races(races)
        return sorted(found, key=lambda each: (each.number, each.kind))

    def _effects(self, record: AgentRecord) -> Iterator[Suspect]:
        for ended in record.effects.values():
            if ended.end is None:
                continue
            event = self._order.find((record.address, ended.end.step))
            if event not in self:
                continue
            fault = isinstance(record.steps[event.step].event, EffectFailed)
            yield _effect(event, ended, FAULT if fault else CONTENT, edit.ask_again(str(event)))

    def _slow(self, record: AgentRecord) -> Iterator[Suspect]:
        """Yield effects that a timer of their agent overtook."""
        fired = [each.number for each in record.steps if isinstance(each.event, TimerFired)]
        if not fired:
            return
        usual = _usual_seconds(record)
        for ended in record.effects.values():
            last = len(record.steps) if ended.end is None else ended.end.step
            overtaken = [step for step in fired if ended.started < step < last]
            if not overtaken:
                continue
            began = self._order.find((record.address, ended.started))
            if ended.end is None:
                timer = self._order.find((record.address, overtaken[0]))
                if _is_cancelled(record.steps[overtaken[0] :], ended) and timer in self:
                    yield _effect(timer, ended, TIMING, edit.ask_again(str(began)))
                continue
            event = self._order.find((record.address, ended.end.step))
            until = (record.steps[overtaken[0]].event.at - ended.started_at) / _NS
            late = ended.seconds - min(usual[ended.command.name], until / 2)
            yield _effect(event, ended, TIMING, edit.Delay(event=str(event), seconds=-late))

    def _races(self, most: int) -> Iterator[Suspect]:
        every = racing_pairs(self._ledger.run, self._order).pairs
        inside = [pair for pair in every if self._is_inside(pair)]
        for pair in spread(inside, most):
            first, second = pair.first, pair.second
            event = self._order.find(pair.events[0])
            senders = (_sender(each.source, each.name) for each in (first, second))
            yield Suspect(
                agent=pair.agent,
                event=pair.events[0],
                number=event.number,
                kind=ORDER,
                what=" before ".join(senders),
                edits=(edit_of(pair),),
            )

    def _is_inside(self, pair: RacingPair) -> bool:
        return all(self._order.find(each) in self for each in pair.events)


def _effect(event: EventRef, ended: Ended, kind: str, change: Edit) -> Suspect:
    command = ended.command
    name = f"{command.kind} {command.name}"
    return Suspect(
        agent=event.address,
        event=str(event),
        number=event.number,
        kind=kind,
        what=name,
        edits=(change,),
        key=command.key,
        asked=f"{event.address} {name}",
    )


def _usual_seconds(record: AgentRecord) -> dict[str, float]:
    by_name: dict[str, list[float]] = defaultdict(list)
    for ended in record.effects.values():
        if ended.end is not None:
            by_name[ended.command.name].append(ended.seconds)
    return {name: statistics.median(each) for name, each in by_name.items()}


def _is_cancelled(steps: Sequence[Step], ended: Ended) -> bool:
    key = effect_key(ended.address, ended.command.turn, ended.command.n)
    return any(
        isinstance(command, CancelEffect)
        and effect_key(ended.address, command.turn, command.n) == key
        for step in steps
        for command in step.commands
    )


def _sender(source: str, name: str) -> str:
    return f"{name} of {source}" if "/" in source else name


def speakers(ledger: Ledger) -> tuple[str, str]:
    """Return who spoke last before the end, and who spoke most: what a guess would blame.

    Args:
        ledger: Of the run.
    """
    root = ledger.answer.address if ledger.answer is not None else ""
    spoken: list[tuple[int, str]] = []
    known = {*ledger.order.addresses}
    for address in ledger.order.addresses:
        for step in ledger.record(address).steps:
            event = step.event
            if isinstance(event, Delivered) and event.envelope.src in known:
                number = ledger.order.number_of(address, step.number)
                spoken.append((number, event.envelope.src))
    others = [(number, who) for number, who in spoken if who != root]
    counts: dict[str, int] = defaultdict(int)
    for _, who in others:
        counts[who] += 1
    last = max(others, default=(0, ""))[1]
    return last, max(counts, key=lambda who: (counts[who], who), default="")
