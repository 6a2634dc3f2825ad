"""`agentmesh resume`: go on with a run whose driver has died, print its result as JSON."""

from dataclasses import dataclass

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.run_command import answer, store_words
from agentmesh.cli.wording import counted
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.resuming import execute_again, recorded_hash_seed


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for."""

    run: str
    program: str | None
    options: RunOptions
    as_json: bool
    debug: bool


def resume(request: Request) -> int:
    """Resume the run and return the exit code."""
    seed = recorded_hash_seed(request.run, request.options.store)
    if seed is not None:
        hash_seed.ensure(seed)  # where that can't be, the run is refused with what to do
    # What the program prints is not the run's answer.
    with terminal.quiet_output():
        try:
            outcome = _execute(request)
        except KeyboardInterrupt:
            where = store_words(request.options.store)
            terminal.say("\nInterrupted. What the run did until then is in its journal:")
            terminal.hint(f"  agentmesh show {request.run}{where}")
            raise
    answer(outcome, store=request.options.store, as_json=request.as_json, debug=request.debug)
    return exit_codes.OK if outcome.ok else exit_codes.FAILED


def _execute(request: Request) -> Outcome:
    with terminal.working(f"resuming {request.run}") as update:
        return execute_again(
            request.run,
            request.options,
            program=request.program,
            on_progress=lambda events: update(counted(events, "event")),
        )
