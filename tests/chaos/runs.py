"""Runs that something is done to, and what must be true of them afterwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from agentmesh.mesh.auditing import AuditReport, audit_run
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.outcome import Outcome
from agentmesh.mesh.resuming import execute_again
from agentmesh.mesh.runner import execute
from tests.chaos import programs, situations
from tests.chaos.killing import Killer, Strike
from tests.chaos.processes import actors, await_ends

RUN = "chaos"


@dataclass(frozen=True)
class Program:
    """A workflow, how much it does, and what must come out."""

    workflow: Callable[..., object]
    size: programs.Size
    expected: dict[str, int]


def program(name: str, n: int, width: int, place: str = "") -> Program:
    """Return a program of `programs` or `situations` at a size."""
    module = programs if hasattr(programs, name) else situations
    size = programs.Size(n=n, width=width, place=place)
    expected = getattr(module, f"{name}_expected")(size)
    return Program(getattr(module, name), size, expected)


class Chaos:
    """One run in a store of its own.

    Args:
        store: The store's folder.
        chosen: What runs.
    """

    def __init__(self, store: str | Path, chosen: Program) -> None:
        self.store = Path(store)
        self.program = chosen
        self.folder = self.store / RUN

    def options(self, **chosen: Any) -> RunOptions:
        """Return what is chosen about the run."""
        return RunOptions(
            store=str(self.store), run_id=RUN, quiet=True, drain_seconds=20.0, **chosen
        )

    def run(self, **chosen: Any) -> Outcome:
        """Run it to its end, in this process."""
        return execute(self.program.workflow, self.program.size, self.options(**chosen))

    def resume(self, **chosen: Any) -> Outcome:
        """Go on with it, in this process."""
        return execute_again(RUN, self.options(**chosen))

    def struck(self, strikes: list[Strike], seed: int) -> Outcome:
        """Run it to its end while processes of it are killed."""
        with Killer(self.folder, strikes, seed) as killer:
            outcome = self.run()
        killer.check()
        return outcome

    def check(self, outcome: Outcome) -> AuditReport:
        """Make sure that nothing was lost, done twice or overtaken, and that nothing is left."""
        assert outcome.error is None, outcome.error
        return self.check_result(outcome.result_json)

    def check_result(self, result: bytes) -> AuditReport:
        """As `check`, given the workflow's result as JSON."""
        found = json.loads(result)["by_name"]
        expected = self.program.expected
        wrong = {name: found.get(name) for name in expected if found.get(name) != expected[name]}
        assert found == expected, wrong
        report = audit_run(RUN, store=str(self.store))
        assert report.clean, report.findings
        assert report.settled
        self.check_nothing_lives()
        return report

    def check_nothing_lives(self) -> None:
        """Make sure that no actor and no process of the run is left."""
        import ray

        if ray.is_initialized():
            named = ray.util.list_named_actors(all_namespaces=True)
            assert [each for each in named if each["namespace"] == f"agentmesh/{RUN}"] == []
        await_ends(list(actors(psutil.Process())))
