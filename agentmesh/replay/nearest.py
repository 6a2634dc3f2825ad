"""Which recorded command is most like one that the replay issued and the recording lacks.

An effect is looked for by what it asks, a message by whom it goes to and what it says. It
knows nothing of why: an equal one at another place says that the order is another one.
"""

import difflib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.records import CommandRecord, Sent
from agentmesh.kernel.commands import Command, Send, StartEffect
from agentmesh.replay.compare import as_data, opened
from agentmesh.replay.text_diff import as_text

if TYPE_CHECKING:
    from agentmesh.journal.run import Run

BEFORE, AFTER = 50, 1_000
"""How many steps are searched around the one in question."""
LIKE_MIN = 0.4
"""What is less alike than this is something else."""
_CANDIDATES_MAX = 60
_TEXT_MAX = 4_000
_NUMBERS = ("turn", "n", "key", "digest", "blob", "chain", "deadline", "re")


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """A recorded command that is like another one."""

    agent: str
    step: int
    index: int
    """Place among the step's commands, from 0."""
    likeness: float
    """1.0 for one that asks for the same."""
    command: dict[str, object]

    @property
    def reference(self) -> str:
        """The event reference of its step."""
        return f"{self.agent}@{self.step}"


def nearest(
    run: "Run", encoder: BodyEncoder, address: str, place: tuple[int, int], wanted: Command
) -> Nearest | None:
    """Return the recorded command of an agent that is most like one; None if none is.

    Args:
        run: The recorded run.
        encoder: Makes records of commands.
        address: The agent.
        place: Step and index of the command that was recorded instead: it is left out.
        wanted: What the replay issued.
    """
    if not isinstance(wanted, Send | StartEffect):
        return None
    start = max(0, place[0] - BEFORE)
    steps = islice(run.steps(address, start=start, resolve=False), BEFORE + AFTER)
    record = encoder.command_record(wanted)
    same_sort = [
        (step.number, index, run.resolve(each) if isinstance(each, StartEffect) else each)
        for step in steps
        for index, each in enumerate(step.commands)
        if (step.number, index) != place and _sort(each) == _sort(record)
    ]
    same_sort.sort(key=lambda one: (abs(one[0] - place[0]), one[0] < place[0], one[1]))
    text = _text(as_data(wanted))
    best: Nearest | None = None
    for step, index, each in same_sort[:_CANDIDATES_MAX]:
        data = _data(run, address, each)
        likeness = _likeness(text, _text(data), best.likeness if best else LIKE_MIN)
        if likeness > (best.likeness if best else LIKE_MIN):
            best = Nearest(agent=address, step=step, index=index, likeness=likeness, command=data)
        if likeness == 1.0:
            break
    return best


def _sort(record: CommandRecord) -> tuple[object, ...]:
    if isinstance(record, StartEffect):
        return (StartEffect, record.kind)
    return (Sent, record.kind) if isinstance(record, Sent) else (type(record),)


def _data(run: "Run", address: str, record: CommandRecord) -> dict[str, object]:
    data = as_data(record)
    if isinstance(record, Sent):
        payload = run.payload_of(f"{address}#{record.n}")
        if payload is not None:
            data["payload"] = opened(payload)
    return data


def _text(data: dict[str, object]) -> str:
    kept = {name: value for name, value in data.items() if name not in _NUMBERS}
    return as_text(dict(sorted(kept.items())))


def _likeness(one: str, other: str, at_least: float) -> float:
    if one == other:
        return 1.0
    matcher = difflib.SequenceMatcher(None, one[:_TEXT_MAX], other[:_TEXT_MAX], autojunk=False)
    if matcher.real_quick_ratio() <= at_least or matcher.quick_ratio() <= at_least:
        return 0.0
    return min(matcher.ratio(), 0.999)
