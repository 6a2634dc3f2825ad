"""Commands that tell about recorded runs."""

from typing import Annotated

import typer

from agentmesh.cli import hash_seed
from agentmesh.cli.parameters import (
    AgentsOption,
    JsonOption,
    Level,
    Policy,
    RunArgument,
    StoreOption,
)


def runs(
    *,
    store: StoreOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    cost: Annotated[
        bool, typer.Option("--cost", help="Also what their model calls cost; reads them.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """List runs, the newest first."""
    from agentmesh.cli import runs_command

    return runs_command.list_runs(store=store, limit=limit, costs=cost, as_json=json)


def show(
    *,
    run: RunArgument = "latest",
    agent: Annotated[
        str | None, typer.Option(metavar="AGENT", help="One agent's turns: `Type/key`, or a type.")
    ] = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Tell about one run: result or error, agents, what failed, effects."""
    from agentmesh.cli import show_command

    return show_command.show(run, agent=agent, store=store, as_json=json)


def log(
    *,
    run: RunArgument = "latest",
    agent: AgentsOption = None,
    level: Annotated[
        Level | None,
        typer.Option(help="From this level on; info, unless given. debug is everything."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Only records of a kind: log, delivered, finish_turn."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="The last N.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> int:
    """Tell what happened, line by line."""
    from agentmesh.cli import log_command

    wanted = log_command.Wanted(
        agents=tuple(agent or ()),
        kinds=tuple(kind or ()),
        level=level.value if level else None,
        limit=limit,
    )
    return log_command.log(run, wanted, store=store, follow=follow, as_json=json)


def replay(
    *,
    run: RunArgument = "latest",
    agent: AgentsOption = None,
    store: StoreOption = None,
    processes: Annotated[
        int, typer.Option(min=0, help="How many; 0 takes as many as the run is worth.")
    ] = 0,
    hash_seed_: Annotated[
        str,
        typer.Option(
            "--hash-seed",
            metavar="recorded|random|N",
            help="The command starts itself again under it.",
        ),
    ] = hash_seed.RECORDED,
    policy: Annotated[
        Policy,
        typer.Option(
            help="At an agent's first divergence, stop it; or go on with the recorded events, and "
            "mark all that follows as tainted."
        ),
    ] = Policy.strict,
    program: Annotated[
        str | None, typer.Option(metavar="FILE", help="The program, where it is not where it ran.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """Do it again, without Ray, network or key, and compare every command with the record."""
    wanted = hash_seed.check(hash_seed_, hash_seed.RECORDED, hash_seed.RANDOM)
    from agentmesh.cli import replay_command

    return replay_command.replay(
        run,
        agents=tuple(agent or ()),
        store=store,
        processes=processes,
        seed=wanted or hash_seed.RECORDED,
        policy=policy.value,
        program=program,
        as_json=json,
    )


def audit(
    *,
    run: RunArgument = "latest",
    store: StoreOption = None,
    replay: Annotated[
        bool,
        typer.Option("--replay/--no-replay", help="Whether to replay it, too: runs its program."),
    ] = True,
    json: JsonOption = False,
) -> int:
    """Check that nothing was lost, doubled or reordered, and that the run replays."""
    from agentmesh.cli import audit_command

    return audit_command.audit(run, store=store, replay=replay, as_json=json)
