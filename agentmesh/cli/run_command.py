"""`agentmesh run`: start a workflow, print its result as JSON."""

import time
from dataclasses import dataclass
from typing import Any

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.failures import complain, in_short
from agentmesh.cli.target import input_message, load_workflow, read_input
from agentmesh.cli.wording import counted, took, visible
from agentmesh.errors import AgentMeshError, RemoteError, UsageError
from agentmesh.journal import strings
from agentmesh.journal.store import Store
from agentmesh.mesh.condition import condition_of
from agentmesh.mesh.options import STORE_DEFAULT, RunOptions, store_location
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.runner import execute
from agentmesh.mesh.runs import open_run
from agentmesh.sdk.agent import AgentType
from agentmesh.sdk.message import Message


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for."""

    target: str
    given: str | None
    file: str | None
    options: RunOptions
    as_json: bool
    debug: bool


def settings_from(words: list[str]) -> dict[str, str]:
    """Return the settings that `--set KEY=VALUE` says.

    Raises:
        UsageError: There is no `=`.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(
                f"--set {word!r} is no setting.", fix="Write --set OPENAI_MODEL=gpt-5-mini."
            )
        found[name] = value
    return found


def duration_from(text: str | None) -> str | float | None:
    """Return a duration as the user wrote it; a bare number is seconds."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def run(request: Request) -> int:
    """Run the workflow and return the exit code."""
    with terminal.quiet_output():
        workflow = load_workflow(request.target)
        spec = next(iter(workflow.handlers.values()))
        message = input_message(spec, read_input(request.given, request.file))
        started_ns = time.time_ns()
        try:
            outcome = _execute(workflow, message, request.options)
        except KeyboardInterrupt:
            _say_interrupted(request.options, started_ns)
            raise
    answer(outcome, store=request.options.store, as_json=request.as_json, debug=request.debug)
    return exit_codes.OK if outcome.ok else exit_codes.FAILED


def _execute(workflow: AgentType, message: Message | None, options: RunOptions) -> Outcome:
    with terminal.working(f"running {workflow.name}") as update:
        return execute(
            workflow.target,
            message,
            options,
            on_progress=lambda events: update(counted(events, "event")),
        )


def answer(outcome: Outcome, *, store: str | None, as_json: bool, debug: bool) -> None:
    """Print how a run ended, and say what to do next."""
    if as_json:
        terminal.print_json(outcome_json(outcome))
    elif outcome.ok:
        terminal.print_json(strings.loads(outcome.result_json))
    if outcome.error is not None and not as_json:
        complain_of_workflow(outcome.error, debug=debug)
    how = "done" if outcome.ok else "failed"
    terminal.hint(f"run {outcome.run_id} {how} in {took(outcome.seconds)}")
    terminal.hint(f"  {hints(outcome, store)}")


def complain_of_workflow(error: Exception, *, debug: bool) -> None:
    """Say on stderr why the workflow failed, and in which line of the program."""
    complain(error, debug=False)
    if isinstance(error, RemoteError) and error.remote_traceback:
        text = error.remote_traceback.rstrip()
        terminal.say(visible(text if debug else _last_place(text), keep_lines=True))
    elif debug:
        complain(error, debug=True)


def _last_place(text: str) -> str:
    """Return the last frame of a formatted traceback."""
    places = [line.strip() for line in text.splitlines() if line.lstrip().startswith("File ")]
    return f"  {places[-1]}" if places else ""


def hints(outcome: Outcome, store: str | None) -> str:
    """Return the command to try next."""
    where = store_words(store)
    command = "replay" if outcome.ok else "resume" if _can_resume(outcome) else "show"
    return f"agentmesh {command} {outcome.run_id}{where}"


def _can_resume(outcome: Outcome) -> bool:
    """Tell whether a run has failed before its workflow had answered."""
    try:
        with open_run(outcome.location) as run:
            return condition_of(run).can_resume
    except AgentMeshError:
        return False


def store_words(store: str | None) -> str:
    """Return what a later command must say to find the same store; empty for the usual one."""
    here = store_location(store)
    return "" if here == store_location() else f" --store {store or STORE_DEFAULT}"


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return how a run ended as plain values."""
    error = outcome.error
    told: dict[str, Any] | None = None
    if error is not None:
        kind = error.type_name if isinstance(error, RemoteError) else type(error).__name__
        told = {"type": kind, "message": str(error), "summary": in_short(error)}
        if isinstance(error, RemoteError):
            told["traceback"] = error.remote_traceback
    return {
        "run": outcome.run_id,
        "status": "done" if outcome.ok else "failed",
        "result": strings.loads(outcome.result_json) if outcome.ok else None,
        "error": told,
        "seconds": round(outcome.seconds, 6),
        "location": outcome.location,
    }


def _say_interrupted(options: RunOptions, started_ns: int) -> None:
    """Say which run was interrupted, and that what it did is kept."""
    try:
        newest = Store(store_location(options.store)).list_runs()[-1:]
    except AgentMeshError:
        return
    for info in newest:
        if info.created_at_ns >= started_ns:
            where = store_words(options.store)
            terminal.say(f"\nInterrupted. What run {info.id} did until then is in its journal:")
            terminal.hint(f"  agentmesh show {info.id}{where}")
