"""A run's spans in lanes, for files that trace viewers draw.

A lane takes spans that follow each other or lie within each other, as viewers draw them; where
turns of an agent overlap, or what they wait for does, the agent has several lanes. Arrows go from
where a message was sent to the turn that handled it.

One agent at a time is in memory.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentmesh.effects import prices
from agentmesh.errors import JournalError
from agentmesh.journal.run import Run
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.bars import AgentBars, Bar, EffectBar
from agentmesh.telemetry.models import HTTP
from agentmesh.telemetry.settings import Capture
from agentmesh.telemetry.span import PRODUCER, Span
from agentmesh.telemetry.spans import SpanMaker

LANES_MAX = 128
"""Lanes that are looked through for room."""

_LEFT_OUT = frozenset(
    {names.SPAN_KIND, names.MESSAGING_SYSTEM, names.DESTINATION_TEMPLATE, names.EFFECT_KEY}
)
"""Attributes that say nothing to who looks at a drawing."""


@dataclass(slots=True)
class Drawn:
    """A span in its lane.

    Attributes:
        span: What it is.
        lane: Which of the agent's lanes, from 0.
        arrow_out: Id of the message that leaves from here; empty for none.
        arrow_in: Id of the message that this handles; empty for none.
    """

    span: Span
    lane: int
    arrow_out: bytes = b""
    arrow_in: bytes = b""

    @property
    def details(self) -> dict[str, Any]:
        """What is shown of it when it is selected."""
        return {k: v for k, v in self.span.attributes.items() if k not in _LEFT_OUT}


def agents(run: Run) -> Iterator[tuple[str, list[Drawn]]]:
    """Yield all agents with what is drawn of them, by time.

    Args:
        run: The run, open.

    Raises:
        JournalError: A file is damaged.
    """
    maker = SpanMaker(run.info, Capture(), prices.recorded(run.info.prices).cost_of)
    for address in run.addresses():
        bars, spans = AgentBars(address), []
        for step in run.steps(address, resolve=False):
            spans += [_span(run, maker, bar) for bar in bars.take(step)]
        spans += [_span(run, maker, bar) for bar in bars.rest()]
        yield address, laid_out(spans)


def laid_out(spans: list[Span]) -> list[Drawn]:
    """Give each span a lane: the first in which it lies within, or behind, what is there.

    Where `LANES_MAX` are taken, it gets one of its own.
    """
    lanes: list[list[int]] = []  # of each: the ends of what is open, the outermost first
    drawn = []
    for span in sorted(spans, key=_outermost_first):
        near = lanes[:LANES_MAX]
        number = next((n for n, ends in enumerate(near) if _fits(ends, span)), len(lanes))
        if number == len(lanes):
            lanes.append([])
        lanes[number].append(span.end_ns)
        made = Drawn(span, number)
        if span.kind == PRODUCER:
            made.arrow_out = span.span_id
        for link in span.links:
            if link.attributes.get(names.LINK) == "message":
                made.arrow_in = link.span_id
        drawn.append(made)
    return drawn


def _outermost_first(span: Span) -> tuple[int, int, bool]:
    return span.begin_ns, -span.end_ns, names.TURN not in span.attributes


def _fits(ends: list[int], span: Span) -> bool:
    while ends and ends[-1] <= span.begin_ns:
        ends.pop()
    return not ends or span.end_ns <= ends[-1]


def _span(run: Run, maker: SpanMaker, bar: Bar) -> Span:
    if isinstance(bar, EffectBar) and bar.command.kind == HTTP:
        with contextlib.suppress(JournalError):
            bar.command = run.resolve(bar.command)
            if bar.result is not None:
                bar.result = run.resolve(bar.result)
    return maker.span(bar)


def lane_name(address: str, lane: int) -> str:
    """Return what a lane is called."""
    return address if lane == 0 else f"{address} ({lane + 1})"


def lanes_of(drawn: Sequence[Drawn]) -> int:
    """Return how many lanes there are."""
    return max((each.lane for each in drawn), default=-1) + 1
