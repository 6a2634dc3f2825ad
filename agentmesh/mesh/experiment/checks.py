"""What can be known to be wrong with an experiment before anything has run."""

import math
from collections.abc import Mapping
from typing import Any

from agentmesh.counterfactual.edit import Model
from agentmesh.errors import UsageError
from agentmesh.mesh.experiment.arms import Arm
from agentmesh.mesh.experiment.branching import AGAIN, RESAMPLE
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.workflow import workflow_type_of

WORLD, LIVE, BRANCH = "world", "live", "branch"
_POLICIES = (RESAMPLE, "live")
_OF_WORLDS = ("effects", "faults", "scheduler", "timing")
_OF_PROGRAMS = ("workflow", "message", "settings", "faults", "scheduler", "timing", "serving")
_OF_BRANCHES = ("at", "known", "irreversible", "program")


def check_workflow(plan: Any, arms: Mapping[str, Arm]) -> str:
    """Check an experiment about a workflow.

    Args:
        plan: The experiment.
        arms: Its arms.

    Returns:
        How it is run.

    Raises:
        UsageError: Something does not go together.
        DefinitionError: An arm's workflow is none.
        InvalidMessageError: A message does not fit its workflow.
    """
    if not callable(plan.of):
        raise UsageError(
            f"{plan.of!r} is neither a workflow nor a run.", fix="Give the function, or a run's id."
        )
    in_world = bool(_said(plan, _OF_WORLDS)) or any(_said(a, _OF_WORLDS) for a in arms.values())
    how = plan.how or (WORLD if in_world else LIVE)
    if how not in (WORLD, LIVE):
        raise UsageError(f"how={how!r} is not known.", fix="Use 'world' or 'live'.")
    if how == LIVE and in_world:
        raise UsageError(
            "Effects, faults, schedulers and timing are of worlds, and how='live'.",
            fix="Leave them out, or how.",
        )
    if how == WORLD and plan.serving is not None:
        raise UsageError(
            "In a world nobody asks a model server.", fix="Give effects=ScriptedModels(...)."
        )
    of_runs = _said(plan, _OF_BRANCHES)
    edited = [name for name, one in arms.items() if one.edits]
    if of_runs or edited:
        raise UsageError(
            f"{', '.join(of_runs) or 'Edits'} are of branches of a run, and "
            f"{plan.of.__name__} is a workflow.",
            fix="Record a run, and give that: am.experiment('latest', ...).",
        )
    for one in arms.values():
        made = workflow_type_of(one.workflow or plan.of)
        message = one.message if one.message is not None else plan.message
        check_message(next(iter(made.handlers.values())), message)
    return str(how)


def check_branches(plan: Any, arms: Mapping[str, Arm]) -> str:
    """Check an experiment about a recorded run; see `check_workflow`."""
    if plan.how not in ("", BRANCH):
        raise UsageError(f"how={plan.how!r}, and of a run branches are made.", fix="Leave it out.")
    for name, one in (("the experiment", plan), *arms.items()):
        said = _said(one, _OF_PROGRAMS)
        if said:
            raise UsageError(
                f"{name} says {', '.join(said)}, and branches have what their run had.",
                fix="Say what is different by am.arm(edit=am.edit...).",
            )
    if plan.again not in AGAIN:
        raise UsageError(f"again={plan.again!r}.", fix="Use 'models', 'all' or ''.")
    if plan.policy not in _POLICIES:
        raise UsageError(f"policy={plan.policy!r}.", fix=f"Use one of {', '.join(_POLICIES)}.")
    for name, one in arms.items():
        given = plan.effects is not None or one.effects is not None
        if plan.policy == RESAMPLE and not given and any(isinstance(e, Model) for e in one.edits):
            raise UsageError(
                f"The arm {name!r} asks models for something else, and what they answer would be "
                "drawn from what they were asked before.",
                fix="Ask them (policy='live'), or say what they answer (effects=...).",
            )
    return BRANCH


def _said(one: Any, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(one, name, None) not in (None, {}, (), False)]


def check_budget(plan: Any) -> None:
    """Refuse a budget that buys nothing.

    Raises:
        UsageError: It does.
    """
    for name in ("samples", "usd", "seconds", "sample_seconds"):
        value = getattr(plan, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UsageError(
                f"The budget is {name}={value!r}: nothing could be run.",
                fix="Give more than nothing, or leave it out.",
            )
    if int(plan.samples) != plan.samples:
        raise UsageError(f"samples={plan.samples!r} is no number of samples.", fix="Give 200, say.")


def check_rules(plan: Any) -> None:
    """Refuse rules that decide nothing.

    Raises:
        UsageError: A probability or a margin is none.
    """
    if not 0 < plan.alpha < 1:
        raise UsageError(
            f"alpha={plan.alpha!r} is no probability.", fix="Give 0.05 to be wrong 1 time in 20."
        )
    span = plan.bounds[1] - plan.bounds[0]
    if plan.margin is not None and not 0 < plan.margin < span:
        raise UsageError(
            f"margin={plan.margin!r}, and scores differ by at most {span:g}.",
            cause="A margin is the largest difference that does not matter, in the score's units.",
            fix=f"Give more than 0 and less than {span:g}.",
        )
