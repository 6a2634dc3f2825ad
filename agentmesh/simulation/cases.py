"""One schedule and its faults, written on one line: what a failure is repeated by.

    hold=Clerk/a#2,Clerk/b#1 faults=Clerk/a#3:drop seed=7

What is held back waits until nothing else can happen; everything else keeps the default order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from agentmesh.errors import UsageError
from agentmesh.simulation.faults import Planned
from agentmesh.simulation.schedulers import Held

_PLAIN = "/#!?@~.-_+"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is decided about a world besides its program and input."""

    seed: str = ""
    held: tuple[str, ...] = ()
    """What is held back, the one first that is let go first: the deviations."""
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def scheduler(self) -> Held:
        """Return what schedules it."""
        return Held(self.held)

    @property
    def plan(self) -> Planned:
        """Return its faults."""
        return Planned(self.faults)

    def __str__(self) -> str:
        parts = [f"hold={','.join(_quoted(key) for key in self.held)}"] if self.held else []
        if self.faults:
            every = (f"{_quoted(key)}:{name}" for key, name in self.faults.items())
            parts.append(f"faults={','.join(every)}")
        if self.seed:
            parts.append(f"seed={_quoted(self.seed)}")
        return " ".join(parts) or "fifo"


def parse_case(text: str) -> Case:
    """Read what `str(case)` wrote.

    Raises:
        UsageError: It is no case.
    """
    found = dict(part.partition("=")[::2] for part in text.split() if part != "fifo")
    if not found.keys() <= {"hold", "faults", "seed"}:
        raise UsageError(
            f"{text!r} does not say how a world goes.",
            fix='Copy the line that the failure printed: "hold=Clerk/a#2 faults=Clerk/a#3:drop".',
        )
    faults = [each.rpartition(":") for each in found.get("faults", "").split(",") if each]
    return Case(
        seed=unquote(found.get("seed", "")),
        held=tuple(unquote(key) for key in found.get("hold", "").split(",") if key),
        faults={unquote(key): name for key, _, name in faults},
    )


def _quoted(key: str) -> str:
    return quote(key, safe=_PLAIN)
