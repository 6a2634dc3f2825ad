"""A repair: what would have averted a failure, as a branch that anybody can make, and verified.

What was asked for again and came out better is written down as the result that it had, so that
the branch needs no luck, nor anybody who answers, for that part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.counterfactual import edit
from agentmesh.counterfactual.edit import Ask, Delay, Edit, Reorder, Result
from agentmesh.counterfactual.laboratory import Laboratory
from agentmesh.counterfactual.statistics.binomial import at_least
from agentmesh.counterfactual.suspects import Suspect
from agentmesh.simulation.sources import Outcome

_VALUE_MAX = 20_000


@dataclass(kw_only=True)
class Repair:
    """What averts the failure."""

    edits: list[Edit]
    passed: int = 0
    tried: int = 0
    exact: bool = False
    """Whether chance has no part in it."""
    at_least: float = 0.0
    """How often it averts the failure at least, with 95 % confidence."""
    needs_answers: bool = False
    """Whether what follows asks for something that the run has no answer for."""
    unclear: int = 0
    """Of what was tried: nobody had an answer."""
    options: list[str] = field(default_factory=list)
    """What `agentmesh fork` is told; empty if it can't be said in a line."""

    @property
    def verified(self) -> bool:
        """Whether it averted the failure each time."""
        return 0 < self.tried == self.passed

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "edits": [each.as_json() for each in self.edits],
            "verified": self.verified,
            "passed": self.passed,
            "tried": self.tried,
            "unclear": self.unclear,
            "exact": self.exact,
            "at_least": round(self.at_least, 4),
            "needs_answers": self.needs_answers,
            "fork": self.options,
        }


def repair(lab: Laboratory, changed: Sequence[Suspect], *, samples: int) -> Repair | None:
    """Write down what averts the failure, and try it.

    Args:
        lab: Makes the trials.
        changed: A set of suspects that averts it if they are otherwise.
        samples: How often it is tried.

    Returns:
        The repair; None if no draw of these averted it.

    Raises:
        SpentError: The budget is spent.
    """
    draws = (lab.shoot(changed, draw) for draw in range(samples))
    good = next((shot for shot in draws if shot.failed is False), None)
    if good is None:
        return None
    edits = [_fixed(one, each, good.told) for each in changed for one in each.edits]
    made = Repair(edits=edits)
    for draw in range(samples):
        shot = lab.make(edits, draw)
        if shot.failed is None:
            made.unclear += 1
            continue
        made.tried += 1
        made.passed += not shot.failed
        made.needs_answers |= bool(shot.issued)
        if not shot.chance:
            made.exact = True
            break
    made.at_least = float(made.verified) if made.exact else at_least(made.passed, made.tried)
    made.options = [] if None in (said := [_option(each) for each in edits]) else _words(said)
    return made


def _words(said: Sequence[str | None]) -> list[str]:
    return [word for each in said if each is not None for word in each.split(" ", 1)]


def _fixed(one: Edit, suspect: Suspect, told: Mapping[str, Outcome]) -> Edit:
    """Return an edit with the result that asking again had, if it had one."""
    outcome = told.get(suspect.key) if isinstance(one, Ask) else None
    if outcome is None or outcome.error or outcome.pieces or suspect.kind == "timing":
        return one
    return edit.result(json.loads(outcome.result), one.event)


def _option(one: Edit) -> str | None:
    event = edit.shown(one.event)
    if isinstance(one, Result) and not one.error:
        value = json.dumps(one.value, ensure_ascii=False)
        return f"--result {event}={value}" if len(value) <= _VALUE_MAX else None
    if isinstance(one, Ask):
        return f"--again {event}"
    if isinstance(one, Reorder):
        return f"--reorder {event}={edit.shown(one.after)}"
    if isinstance(one, Delay) and one.seconds > 0:
        return f"--delay {event}={one.seconds:.9f}s"
    return None
