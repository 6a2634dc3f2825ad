"""`agentmesh models`: serve a simulated provider, list the models of the configured one."""

import os
import sys
from typing import Any

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.endpoint import Endpoint, ask_models, from_environment
from agentmesh.cli.wording import visible
from agentmesh.effects.settings import BASE_URL, KEY, MODEL
from agentmesh.errors import EffectError
from agentmesh.testing.models import LoggedRequest, ModelServer, SimulatedModels, load_rules, serve


def serve_models(
    *, host: str, port: int, seed: int | None, rules: str | None, network: bool, quiet: bool
) -> int:
    """Serve until interrupted; that is how it ends, so it ends well."""
    from dataclasses import replace

    config = load_rules(rules) if rules else SimulatedModels()
    if seed is not None:
        config = replace(config, seed=seed)
    serve(
        config,
        host=host,
        port=port,
        exposure="network" if network else "loopback",
        on_ready=_tell_ready,
        on_request=None if quiet else _tell_request,
    )
    return exit_codes.OK


def _tell_ready(server: ModelServer) -> None:
    """Print what to set; on standard output, so that a script can read it."""
    for name, value in server.environment.items():
        terminal.print_line(f"export {name}={value}")
    chat = [model.name for model in server.config.models if model.kind == "chat"]
    if chat:
        terminal.print_line(f"export {MODEL}={chat[0]}")
    sys.stdout.flush()
    seeded = "answers repeat" if server.config.seed is not None else "answers are sampled"
    names = ", ".join(model.name for model in server.config.models)
    terminal.hint(
        f"This is a simulator, no language model: {len(server.config.rules)} rules, {seeded}.\n"
        f"Models: {names}. Set the variables above in the shell that runs your program.\n"
        "Ctrl-C stops it."
    )


def _tell_request(request: LoggedRequest) -> None:
    rules = f" by {', '.join(request.rules)}" if request.rules else ""
    words = [f"{request.method} {request.path}", request.model or "", str(request.status or "-")]
    outcome = "" if request.outcome == "answered" else f" ({request.outcome})"
    terminal.say(visible(f"{'  '.join(filter(None, words))}{outcome}{rules}"))


def list_models(base_url: str | None, *, as_json: bool) -> int:
    """List the models of the configured provider.

    Raises:
        EffectError: It can't be reached.
    """
    endpoint = Endpoint(base_url, os.environ.get(KEY)) if base_url else from_environment()
    if endpoint is None:
        terminal.say(f"No model is configured: neither {BASE_URL} nor {KEY} is set.")
        terminal.hint("A simulated one: agentmesh models serve")
        if as_json:
            terminal.print_json([])
        return exit_codes.FAILED
    found = _models(ask_models(endpoint), endpoint)
    if as_json:
        terminal.print_json(found)
        return exit_codes.OK
    table = terminal.table("model", "owner")
    for model in found:
        table.add_row(visible(str(model.get("id", ""))), visible(str(model.get("owned_by", ""))))
    terminal.show(table)
    return exit_codes.OK


def _models(answer: Any, endpoint: Endpoint) -> list[dict[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise EffectError(
            f"{endpoint.base_url}/models does not answer with a list of models.",
            cause=f"Usually {BASE_URL} lacks its /v1.",
            fix="Set it to the root of an OpenAI-compatible API.",
        )
    return sorted(data, key=lambda each: str(each.get("id", "")))
