"""Commands about what runs need: models, and this machine."""

from typing import Annotated

import typer

from agentmesh.cli.parameters import JsonOption, StoreOption


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


def doctor(*, store: StoreOption = None, json: JsonOption = False) -> int:
    """Check this machine, and say how to mend what is wrong."""
    from agentmesh.cli import doctor_command

    return doctor_command.doctor(store=store, as_json=json)
