"""The arms of an experiment, and the samples that they give: what is compared with what.

An arm says in which respects it differs from the experiment's own words; nothing is the baseline.
Everything that an arm does not say, it shares with all others, chance included.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from agentmesh.counterfactual.edit import Edit
from agentmesh.errors import UsageError
from agentmesh.journal.run_info import DONE
from agentmesh.mesh.naming import agent_called
from agentmesh.sdk.message import Message
from agentmesh.simulation.faults import FaultPlan, Faults
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Scheduler

CONTROL = "control"
"""The arm that is the baseline once more, under other chance: what differs is noise."""

Effects = Any
"""What effects come to in a world: as of `World`, or a function that makes it of a seed."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """In which respects an arm differs; made by `am.arm`."""

    workflow: Callable[..., object] | None = None
    message: Message | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    effects: Effects = None
    faults: Faults | FaultPlan | None = None
    scheduler: Callable[[], Scheduler] | None = None
    timing: Timing | None = None
    edits: tuple[Edit, ...] = ()


def arm(
    *,
    workflow: Callable[..., object] | None = None,
    message: Message | None = None,
    settings: Mapping[str, str] | None = None,
    effects: Effects = None,
    faults: Faults | FaultPlan | None = None,
    scheduler: Callable[[], Scheduler] | None = None,
    timing: Timing | None = None,
    edit: Edit | Iterable[Edit] = (),
) -> Arm:
    """Say what is different in an arm; what is not said is as in all others.

    Args:
        workflow: Another program.
        message: Another input.
        settings: Further settings of effects: another `OPENAI_MODEL`, say.
        effects: What effects come to, in a world: as of `World`, or a function of a seed.
        faults: What goes wrong, in a world.
        scheduler: Makes what chooses what happens next, in a world.
        timing: How long messages take, in a world.
        edit: What is different, in a branch of a run: made by `am.edit`.
    """
    return Arm(
        workflow=workflow,
        message=message,
        settings=dict(settings or {}),
        effects=effects,
        faults=faults,
        scheduler=scheduler,
        timing=timing,
        edits=(edit,) if isinstance(edit, Edit) else tuple(edit),
    )


@dataclass(kw_only=True)
class Sample:
    """One run of an arm: what a score is given."""

    arm: str
    number: int
    seed: str
    """Of all that is random in it."""
    status: str = DONE
    """done or failed."""
    result: Any = None
    """What the workflow returned, as a JSON value."""
    error: Any = None
    """Why it failed, as a JSON value; None if it did not."""
    seconds: float = 0.0
    """How long it took: in a world its own time; of a branch what its effects took."""
    usd: float | None = 0.0
    """What its model calls cost; None where that is not known."""
    calls: int = 0
    """Model calls that it made."""
    run_id: str = ""
    """The run, if it is kept."""
    states: Callable[[str], Any] | None = None
    """Returns an agent's last state, given its address."""
    addresses: list[str] = field(default_factory=list)
    score: float = 0.0
    """From 0 to 1."""
    digest: str = ""
    """Of its status, result and error: two samples that came to the same have the same."""

    @property
    def failed(self) -> bool:
        """Whether the workflow did not return."""
        return self.status != DONE

    def state(self, agent: str) -> Any:
        """Return an agent's last state, as a JSON value.

        Args:
            agent: `Type/key`, or a type with one agent.

        Raises:
            UnknownAgentError: There is no such agent.
        """
        assert self.states is not None, "states are known while the sample is scored"
        return self.states(agent_called(agent, self.addresses, "here"))

    def as_json(self) -> dict[str, Any]:
        """Return plain values, without what only its own process knows."""
        plain = asdict(self)
        del plain["states"], plain["addresses"]
        return plain


Score = Callable[[Sample], Any]
"""Returns how good a sample is: a truth value, or a number within the bounds."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How samples are scored.

    Args:
        score: The user's; None: whether the workflow returned.
        low: The smallest score.
        high: The largest.
        failures: Whether it is also asked about runs that failed; else these score the worst.
    """

    score: Score | None = None
    low: float = 0.0
    high: float = 1.0
    failures: bool = False

    def __post_init__(self) -> None:
        """Refuse bounds that are none."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"A score can't lie between {self.low!r} and {self.high!r}.",
                fix="Give the least and the largest: bounds=(0, 10).",
            )

    def of(self, sample: Sample) -> float:
        """Return a sample's score, from 0 to 1.

        Raises:
            UsageError: It raises, or returns what can't be a score.
        """
        if self.score is None:
            return float(not sample.failed)
        if sample.failed and not self.failures:
            return 0.0
        try:
            value = self.score(sample)
        except Exception as error:
            raise UsageError(
                f"The score raised {type(error).__name__} for sample {sample.number} of arm "
                f"{sample.arm!r}: {error}.",
                cause=f"The sample is {sample.status}; its result is {_short(sample.result)}.",
                fix="Let it return a truth value or a number for every sample that it is given.",
            ) from error
        return self._scaled(value, sample)

    def _scaled(self, value: Any, sample: Sample) -> float:
        if isinstance(value, bool):
            return float(value)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number) and self.low <= number <= self.high:
            return (number - self.low) / (self.high - self.low)
        raise UsageError(
            f"The score of sample {sample.number} of arm {sample.arm!r} is {_short(value)}, which "
            f"does not lie between {self.low:g} and {self.high:g}.",
            cause="Intervals need to know the least and the largest that a score can be.",
            fix="Return a truth value, or say what the score lies between: bounds=(0, 10).",
        )


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_MAX else f"{shown[: _SHOWN_MAX - 3]}..."


_SHOWN_MAX = 200


def checked_arms(given: Mapping[str, Arm | None], *, control: bool) -> dict[str, Arm]:
    """Return the arms, the baseline first.

    Raises:
        UsageError: There are too few, two are the same, or one can't be told from the control.
    """
    arms = {name: one or Arm() for name, one in given.items()}
    if not arms or (len(arms) == 1 and not control):
        raise UsageError(
            f"An experiment compares arms, and there {'is one' if arms else 'are none'}.",
            fix="Give the baseline and what is to be compared: "
            "arms={'now': am.arm(), 'new': am.arm(settings={'OPENAI_MODEL': 'gpt-5-mini'})}.",
        )
    if CONTROL in arms:
        raise UsageError(
            f"An arm is called {CONTROL!r}.",
            cause="So is the baseline's twin, which shows what chance alone does.",
            fix="Give it another name.",
        )
    names = list(arms)
    for place, name in enumerate(names):
        if not isinstance(arms[name], Arm):
            raise UsageError(f"The arm {name!r} is {_short(arms[name])}.", fix="Make it by am.arm.")
        for other in names[:place]:
            if arms[name] == arms[other]:
                raise UsageError(
                    f"The arms {other!r} and {name!r} are the same.",
                    cause="They share what is random, too: every sample would come out alike.",
                    fix=f"Leave one out. What chance alone does, the arm {CONTROL!r} shows.",
                )
    return arms
