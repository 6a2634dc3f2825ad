"""Why a host can't be had, or not any more: the errors of a supervisor."""

from agentmesh.errors import FabricError
from agentmesh.fabric.hosting import Member
from agentmesh.fabric.placement import HostSpec
from agentmesh.sdk.agent import Placement

RESTARTS_MAX = 5
"""How often a host may die within a period before the run gives up."""
RESTART_PERIOD_SECONDS = 60.0
"""That period."""


def unplaceable(spec: HostSpec, seconds: float, offer: str) -> FabricError:
    """Ray has no place for a host."""
    return FabricError(
        f"Ray found no place within {seconds:g} s for a host of {spec.agent_type}, which needs "
        f"{needs(spec.placement)}. {offer}",
        cause="Usually no node has that much, or others hold it.",
        fix="Ask for less in @am.agent(...), add nodes, or raise num_cpus of a local Ray.",
        agent_type=spec.agent_type,
    )


def too_late(spec: HostSpec) -> FabricError:
    """The run was over before a host was up."""
    return FabricError(
        f"The run ended before a host of {spec.agent_type} was up.",
        cause="The workflow had returned, or failed, while messages to it were under way.",
        fix="Await a reply in the workflow, or give the run more time to drain.",
        agent_type=spec.agent_type,
    )


def unfit(spec: HostSpec, problem: Exception) -> FabricError:
    """A host can't begin."""
    return FabricError(
        f"The host of {spec.agent_type} could not start: {problem}", agent_type=spec.agent_type
    )


def lost(member: Member, reason: str) -> FabricError:
    """A host has died, and will not live again."""
    return FabricError(
        f"The host {member.spec.name} (agents of type {member.spec.agent_type}) has died: {reason}",
        cause=f"It was restored {RESTARTS_MAX} times within {RESTART_PERIOD_SECONDS:g} s. Usually "
        "something that it does kills its process each time: memory runs out, or a tool crashes.",
        fix="Ray's own logs say more: `ray logs`, or its session folder. Nothing is lost: mend the "
        "cause, then `agentmesh resume`.",
        host=member.spec.name,
    )


def needs(placement: Placement) -> str:
    """Say what a placement asks for, as it is written in `@am.agent(...)`."""
    asked = {
        "num_cpus": placement.num_cpus,
        "num_gpus": placement.num_gpus,
        "memory_bytes": placement.memory_bytes,
        "resources": dict(placement.resources) or None,
        "label_selector": dict(placement.label_selector) or None,
    }
    shown = [f"{name}={value!r}" for name, value in asked.items() if value is not None]
    return ", ".join(shown) or "no resources"
