"""Commands that run a workflow."""

from typing import Annotated

import typer

from agentmesh.cli import hash_seed
from agentmesh.cli.parameters import (
    Durability,
    HashSeedOption,
    JsonOption,
    LocalOption,
    RunArgument,
    StoreOption,
)


def demo(
    *,
    runs: Annotated[int, typer.Option(min=1, max=100, help="How often the workflow runs.")] = 5,
    local: LocalOption = False,
    store: StoreOption = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulated model; without, it really samples.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """Show it: a support desk goes wrong now and then, and a bad run is replayed."""
    hash_seed.settle()
    from agentmesh.cli import demo_command

    return demo_command.demo(runs=runs, local=local, store=store, seed=seed, as_json=json)


def run(
    ctx: typer.Context,
    *,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="`app.py:main` or `package.module:main`.")
    ],
    given: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON", help="The workflow's message; - for stdin."),
    ] = None,
    input_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file with the message; - for stdin.")
    ] = None,
    local: LocalOption = False,
    store: StoreOption = None,
    run_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Made from the time, unless given.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Seed of all randomness inside handlers.")
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Instead of the workflow's: 90, 20s, 1h30m."),
    ] = None,
    durability: Annotated[
        Durability, typer.Option(help="What the journal survives: the process, or the machine.")
    ] = Durability.process,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A recorded setting: OPENAI_MODEL=..."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; a fresh local one, unless given.")
    ] = None,
    num_cpus: Annotated[int | None, typer.Option(min=0, help="CPUs of a fresh local Ray.")] = None,
    hash_seed_: HashSeedOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print run id, status and error as JSON, too.")
    ] = False,
) -> int:
    """Run a workflow, and print its result as JSON."""
    hash_seed.settle(hash_seed.check(hash_seed_, hash_seed.RANDOM))
    from agentmesh.cli import run_command
    from agentmesh.mesh.options import RunOptions

    return run_command.run(
        run_command.Request(
            target=target,
            given=given,
            file=input_file,
            options=RunOptions(
                local=local,
                store=store,
                run_id=run_id,
                seed=seed,
                deadline=run_command.duration_from(deadline),
                durability=durability.value,
                settings=run_command.settings_from(settings or []),
                address=address,
                num_cpus=num_cpus,
                quiet=True,
            ),
            as_json=json,
            debug=bool(ctx.obj),
        )
    )


def resume(
    ctx: typer.Context,
    *,
    run: RunArgument = "latest",
    program: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The program's file, when it is not where it ran."),
    ] = None,
    store: StoreOption = None,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster, for a run on Ray; else a fresh local one.")
    ] = None,
    num_cpus: Annotated[int | None, typer.Option(min=0, help="CPUs of a fresh local Ray.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print run id, status and error as JSON, too.")
    ] = False,
) -> int:
    """Go on with a run whose process, cluster or machine has died, and print its result."""
    from agentmesh.cli import resume_command
    from agentmesh.mesh.options import RunOptions

    return resume_command.resume(
        resume_command.Request(
            run=run,
            program=program,
            options=RunOptions(store=store, address=address, num_cpus=num_cpus, quiet=True),
            as_json=json,
            debug=bool(ctx.obj),
        )
    )
