"""One Ray on this machine for all tests of this folder, and runs on it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agentmesh.errors import rebuild
from agentmesh.fabric import driver
from agentmesh.fabric.cluster import connected
from agentmesh.fabric.options import RayOptions
from agentmesh.host.entry import entry_of
from agentmesh.host.plan import Plan
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.kernel.envelope import REPLY, Envelope
from agentmesh.sdk import message as messages
from agentmesh.sdk.message import Message
from agentmesh.sdk.workflow import workflow_type_of

HASH_SEED = "7"


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A fresh Ray with two CPUs, whatever else runs on this machine."""
    with connected(RayOptions(address="local", num_cpus=2, log_to_driver=False), HASH_SEED):
        yield


@dataclass(frozen=True)
class Finished:
    """A run that has ended, and its journal."""

    envelope: Envelope
    run: Run

    @property
    def value(self) -> Any:
        """What the workflow returned, as plain JSON; raises what it raised."""
        if self.envelope.kind != REPLY:
            raise rebuild(self.envelope.payload, self.envelope.note)
        return json.loads(self.envelope.payload)


class OnRay:
    """Runs workflows on the shared Ray, each with a store of its own.

    Args:
        folder: Where stores are.
    """

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._runs: list[Run] = []

    def __call__(
        self,
        workflow: Callable[..., object],
        message: Message | None = None,
        *,
        deadline_seconds: float = 60.0,
        drain_seconds: float = 5.0,
        file: str | None = None,
        options: RayOptions | None = None,
        on_progress: Callable[[int], None] | None = None,
        **settings: str,
    ) -> Finished:
        """Run a workflow to its end."""
        plan = self._plan(workflow, message, settings)
        plan = replace(plan, deadline_seconds=deadline_seconds, drain_seconds=drain_seconds)
        if file is not None:
            entry = replace(plan.entry, file=file, module="__main__")
            plan = replace(plan, entry=entry)
        envelope = driver.run(
            plan,
            self._store.attach(plan.run_id),
            options=options or RayOptions(),
            on_progress=on_progress,
        )
        return Finished(envelope, self.open())

    def _plan(
        self, workflow: Callable[..., object], message: Message | None, settings: dict[str, str]
    ) -> Plan:
        """Plan a run and make its directory, as the front door does."""
        workflow_type = workflow_type_of(workflow)
        plan = Plan(
            run_id=f"run-{len(self._store.list_runs())}",
            entry=entry_of(workflow_type),
            input_type="" if message is None else type(message).__name__,
            input_payload=b"null" if message is None else messages.encode(message),
            deadline_seconds=0.0,
            seed="seed",
            store=self._store.location,
            settings={"PYTHONHASHSEED": HASH_SEED, **settings},
        )
        self._store.create_run(RunInfo(id=plan.run_id, seed=plan.seed))
        return plan

    def open(self) -> Run:
        """Open the journal of the run that was started last."""
        run = self._store.open_run()
        self._runs.append(run)
        return run

    def close(self) -> None:
        """Close journals."""
        for run in self._runs:
            run.close()


@pytest.fixture
def on_ray(local_ray: None, tmp_path: Path) -> Iterator[OnRay]:
    """Run workflows on Ray; whatever happens, no named actor may be left behind."""
    import ray

    runner = OnRay(tmp_path / "runs")
    yield runner
    runner.close()
    left = ray.util.list_named_actors(all_namespaces=True)
    assert [actor for actor in left if actor["namespace"].startswith("agentmesh/")] == []
