"""What the demo asks of the run that went wrong: which messages raced, and does a fix hold.

Both make branches of that run. What it had asked of the model by then is answered from its
record; what follows is asked anew, of the same simulator, under other chance for each sample.
"""

import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agentmesh.cli import desk_fix
from agentmesh.cli.wording import counted, took
from agentmesh.counterfactual import edit
from agentmesh.counterfactual.statistics import binomial
from agentmesh.mesh.experiment.arms import Sample, arm
from agentmesh.mesh.experiment.planning import experiment
from agentmesh.mesh.runs import open_run
from agentmesh.testing.models.config import SimulatedModels
from agentmesh.testing.scripted_models import ScriptedModels

SAMPLES = binomial.trials_to_prove(0.9)
"""So many without a failure prove nine in ten."""
BEFORE, AFTER = "as it was", "with the fix"
_FAILED = "result.left < 0"


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What was found."""

    pair: list[str]
    """The two deliveries that make the difference, first to last."""
    flipped: int
    """Pairs that were tried the other way round."""
    before: int
    """Samples that failed as it was."""
    after: int
    """Samples that failed with the fix."""
    samples: int
    proved: float
    """The least reliability that this proves, at 95 %."""
    asked: int
    """Model calls that were made."""
    saved: int
    """Model calls that the record answered."""
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))

    def lines(self) -> list[str]:
        """Return it in words."""
        first, second = self.pair
        tried = f"Of {counted(self.flipped, 'racing pair')} at the stock, each tried"
        proved = f"at least {100 * self.proved:.1f} % reliable, at 95 %"
        saved = f"{self.saved:,} saved: their answers are on record; {took(self.seconds)}"
        return [
            f"\nWhat made the difference? {tried} the other way round, this one:",
            f"  {first}, then {second}: otherwise it had not been oversold",
            "\nA fix, tried on that very run: the stock looks and takes in one step (desk_fix.py).",
            f"  {BEFORE}    {counted(self.before, 'failure')} in {self.samples}",
            f"  {AFTER} {counted(self.after, 'failure')} in {self.samples}: {proved}",
            f"  {self.asked:,} model calls asked anew, {saved}",
        ]


def what_if(
    run_id: str, store: str | None, models: SimulatedModels, tell: Callable[[str], None]
) -> WhatIf | None:
    """Find the race of an oversold run, and try the fix on it.

    Args:
        run_id: The run.
        store: Where it is.
        models: The simulator that has answered it.
        tell: Called with what goes on.

    Returns:
        What was found; None if no single pair makes the difference.
    """
    started = time.perf_counter()

    def answers(seed: str) -> ScriptedModels:
        return ScriptedModels(replace(models, seed=zlib.crc32(seed.encode())))

    tell("flipping races")
    with open_run(run_id, store=store) as run:
        races = run.races(failed=_FAILED, agents=["Stock"], answers=answers(run_id))
        recorded_calls = run.cost().calls
    cure = next((each for each in races if each.cures), None)
    if cure is None:
        return None
    tell("trying a fix")
    fix = (
        edit.code("Stock", desk_fix.CarefulStock, 0),
        edit.code("Specialist", desk_fix.CarefulSpecialist, 0),
    )
    report = experiment(
        run_id,
        {BEFORE: arm(), AFTER: arm(edit=fix)},
        _not_oversold,
        at=cure.pair.events[0],
        effects=answers,
        samples=SAMPLES,
        stop=False,
        control=False,
        store=store,
        name="the demo's fix",
        processes=1 if "ray" in sys.modules else 0,  # Ray's threads do not survive a fork
    )
    found = [report.arm(name) for name in (BEFORE, AFTER)]
    asked = round(sum(one.calls * one.samples for one in found))
    successes = [one.successes or 0 for one in found]
    return WhatIf(
        pair=[
            f"{event} ({each.name} of {each.source})"
            for event, each in zip(
                cure.pair.events, (cure.pair.first, cure.pair.second), strict=True
            )
        ],
        flipped=len(races),
        before=found[0].samples - successes[0],
        after=found[1].samples - successes[1],
        samples=report.samples,
        proved=found[1].proved or 0.0,
        asked=asked,
        saved=max(0, recorded_calls * sum(one.samples for one in found) - asked),
        seconds=time.perf_counter() - started,
    )


def _not_oversold(sample: Sample) -> bool:
    return bool(sample.result["left"] >= 0)
