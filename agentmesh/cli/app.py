"""The commands and their options; what they do is imported when they are called.

`agentmesh --help` must be quick, so this module imports typer and nothing heavy. Each
command is a few lines: the hash seed first where it matters, then one call.
"""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agentmesh.cli import exit_codes, hash_seed
from agentmesh.cli.failures import complain, exit_code_of
from agentmesh.cli.parameters import (
    AgentsOption,
    Durability,
    HashSeedOption,
    JsonOption,
    Level,
    LocalOption,
    RunArgument,
    StoreOption,
)
from agentmesh.errors import AgentMeshError

_DEBUG = "--debug"
_DEBUG_VARIABLE = "AGENTMESH_DEBUG"


class Guarded(TyperGroup):
    """Turns errors into short texts and exit codes; knows `--debug` wherever it stands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` out of the arguments, so that it may follow any command."""
        debug = _DEBUG in args or os.environ.get(_DEBUG_VARIABLE, "") not in ("", "0")
        rest = [word for word in args if word != _DEBUG]
        kept = super().parse_args(ctx, rest)
        ctx.obj = debug
        return kept

    def invoke(self, ctx: Any) -> Any:
        """Run a command; its return value is the exit code."""
        try:
            code = super().invoke(ctx)
        except AgentMeshError as error:
            complain(error, debug=bool(ctx.obj))
            code = exit_code_of(error)
        except BrokenPipeError:
            # Whoever read the output has seen enough: `agentmesh log | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = exit_codes.OK
        raise typer.Exit(code or exit_codes.OK)


app = typer.Typer(
    name="agentmesh",
    cls=Guarded,
    help="Run multi-agent programs on Ray. Replay any run, bit for bit, on a laptop.",
    epilog="Exit codes: 0 ok, 1 failed, 2 used wrongly, 3 a replay diverged, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(
    help="A simulated model provider, and which models can be reached.", no_args_is_help=True
)

_START, _LOOK, _OTHER = "Run", "Look and replay", "Surroundings"


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer calls it so
    if value:
        from importlib import metadata

        typer.echo(f"agentmesh {metadata.version('agentmesh')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show tracebacks; may also stand after a command.")
    ] = False,
) -> None:
    """Take the options that go before a command."""
    del version, debug


@app.command(rich_help_panel=_START)
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


@app.command(rich_help_panel=_START)
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


@app.command(rich_help_panel=_START)
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


@app.command(rich_help_panel=_LOOK)
def runs(
    *,
    store: StoreOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    json: JsonOption = False,
) -> int:
    """List runs, the newest first."""
    from agentmesh.cli import runs_command

    return runs_command.list_runs(store=store, limit=limit, as_json=json)


@app.command(rich_help_panel=_LOOK)
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


@app.command(rich_help_panel=_LOOK)
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


@app.command(rich_help_panel=_LOOK)
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
        as_json=json,
    )


@app.command(rich_help_panel=_LOOK)
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


@models.command("serve")
def models_serve(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8010,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[
        int | None, typer.Option(help="Repeatable answers; without, it really samples.")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(metavar="FILE", help="What it answers: TOML or JSON.")
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Also answer other machines: no access control!")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not tell requests.")] = False,
) -> int:
    """Simulate an OpenAI-compatible provider until Ctrl-C."""
    from agentmesh.cli import models_command

    return models_command.serve_models(
        host=host, port=port, seed=seed, rules=rules, network=network, quiet=quiet
    )


@models.command("list")
def models_list(
    *,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Instead of $OPENAI_BASE_URL.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """List the models that can be reached."""
    from agentmesh.cli import models_command

    return models_command.list_models(base_url, as_json=json)


app.add_typer(models, name="models", rich_help_panel=_OTHER)


@app.command(rich_help_panel=_OTHER)
def doctor(*, store: StoreOption = None, json: JsonOption = False) -> int:
    """Check this machine, and say how to mend what is wrong."""
    from agentmesh.cli import doctor_command

    return doctor_command.doctor(store=store, as_json=json)


def main() -> None:
    """Run the command: the entry point of the console script."""
    hash_seed.claim_process()
    app()
