"""`run`: decide where a workflow goes, start it there, and say how it ended.

The run's directory exists before anything happens, and is sealed after; whatever
goes wrong in between is in `run.json` and in the journal.
"""

import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from agentmesh.ambient.time_zone import time_zone
from agentmesh.effects import prices
from agentmesh.effects import settings as effect_settings
from agentmesh.host.entry import entry_of, refuse_while_importing
from agentmesh.host.performers import Substitute
from agentmesh.host.plan import Plan
from agentmesh.mesh import environment
from agentmesh.mesh.execution import Execution, Progress
from agentmesh.mesh.observing import COMPANIONS
from agentmesh.mesh.options import RunOptions, next_run_id, store_location, wants_local
from agentmesh.mesh.outcome import Outcome
from agentmesh.sdk import message as messages
from agentmesh.sdk.accepting import check_message
from agentmesh.sdk.agent import AgentType
from agentmesh.sdk.duration import Duration, seconds_of
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import type_name
from agentmesh.sdk.workflow import workflow_type_of

R = TypeVar("R")
M = TypeVar("M", bound=Message)


def run(
    workflow: Callable[[M], Awaitable[R]] | Callable[[], Awaitable[R]],
    message: M | None = None,
    /,
    *,
    local: bool = False,
    store: str | None = None,
    run_id: str | None = None,
    seed: str | None = None,
    deadline: Duration | None = None,
    durability: str = "process",
    settings: dict[str, str] | None = None,
    address: str | None = None,
    num_cpus: int | None = None,
    quiet: bool = False,
) -> R:
    """Run a workflow and return its result.

    Args:
        workflow: A function decorated with `@workflow`.
        message: Its input.
        local: Run in this process, without Ray (also: `AGENTMESH_LOCAL=1`).
        store: Where to keep the run: a path or URL (also: `AGENTMESH_STORE`).
        run_id: The run's id; made from the time by default.
        seed: Seed of all randomness inside handlers.
        deadline: Overrides the workflow's deadline.
        durability: `process` (survives the process) or `disk` (survives the machine).
        settings: Settings for effects, such as `OPENAI_MODEL`; recorded, never secrets.
        address: Address of a Ray cluster; a fresh local one by default.
        num_cpus: CPUs of a fresh local Ray.
        quiet: Do not say on stderr where the run is.

    Returns:
        What the workflow returned.

    Raises:
        RemoteError: The workflow raised; also an instance of the builtin it raised.
        AgentMeshError: The run could not start or go on.
    """
    options = RunOptions(
        local=local,
        store=store,
        run_id=run_id,
        seed=seed,
        deadline=deadline,
        durability=durability,
        settings=settings or {},
        address=address,
        num_cpus=num_cpus,
        quiet=quiet,
    )
    return cast("R", execute(workflow, message, options).unwrap())


def execute(
    workflow: Callable[..., object],
    message: Message | None,
    options: RunOptions,
    *,
    on_progress: Progress | None = None,
    substitute: Substitute | None = None,
) -> Outcome:
    """Run a workflow and say how it ended; raises only if it could not start or was interrupted.

    Args:
        workflow: A function decorated with `@workflow`.
        message: Its input.
        options: What was chosen.
        on_progress: Called now and then.
        substitute: What is done instead of effects; only of a run without Ray.
    """
    refuse_while_importing()
    workflow_type = workflow_type_of(workflow)
    spec = next(iter(workflow_type.handlers.values()))
    check_message(spec, message)
    plan = plan_for(workflow_type, message, options)
    return Execution(plan, workflow_type, options, substitute=substitute).run(on_progress)


def plan_for(workflow: AgentType, message: Message | None, options: RunOptions) -> Plan:
    """Decide all that every process of a run must know."""
    assert workflow.deadline_seconds is not None
    seconds = (
        seconds_of(options.deadline, what="deadline")
        if options.deadline is not None
        else workflow.deadline_seconds
    )
    settings = effect_settings.collect(options.settings)
    settings.setdefault("TZ", time_zone())
    seed = _hash_seed(options)
    if seed is not None:
        settings["PYTHONHASHSEED"] = seed
    return Plan(
        run_id=options.run_id or next_run_id(),
        entry=entry_of(workflow),
        input_type=type_name(message),
        input_payload=b"null" if message is None else messages.encode(message),
        deadline_seconds=seconds,
        seed=options.seed if options.seed is not None else secrets.token_hex(8),
        store=store_location(options.store),
        durability=options.durability,
        settings=settings,
        prices=prices.in_force(options.settings).as_json(),
        redact_patterns=options.redact,
        drain_seconds=options.drain_seconds,
        companions=COMPANIONS,
    )


def _hash_seed(options: RunOptions) -> str | None:
    """Return the seed of `hash(str)` where handlers run; None if only the process knows it.

    On Ray, hosts are new processes and get a seed: the one of a Ray that is kept, because
    its workers have started with it, or a random one.
    """
    own = environment.hash_seed()
    if own is not None or wants_local(options):
        return own
    kept = None
    if "ray" in sys.modules:
        from agentmesh.fabric.cluster import kept_hash_seed

        kept = kept_hash_seed()
    return kept or str(secrets.randbelow(_HASH_SEEDS))


_HASH_SEEDS = 2**32
