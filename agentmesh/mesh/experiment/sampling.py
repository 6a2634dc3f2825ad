"""One sample: the arm's program run once, in a world, for real, or as a branch of a recorded run.

Each way takes an arm and a seed, and the same two give the same sample wherever nothing outside
is asked. Samples of one seed share chance by identity, not by order: of a handler's randomness, of
how long things take, and of what models and tools answer where they are asked the same.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from agentmesh.causality.usage import Usage, add_usage
from agentmesh.effects.prices import Prices, in_force
from agentmesh.errors import UsageError
from agentmesh.journal.run_info import DONE, FAILED
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import REPLY
from agentmesh.kernel.events import EffectFinished
from agentmesh.mesh.costs import cost_of_run
from agentmesh.mesh.experiment.arms import Arm, Sample
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import execute
from agentmesh.mesh.runs import open_run
from agentmesh.sdk.message import Message
from agentmesh.simulation.pool import EFFECT
from agentmesh.simulation.schedulers import Drawn
from agentmesh.simulation.world import World

Serving = Callable[[int], AbstractContextManager[Any]]
"""Given a seed, returns what serves models as long as it is entered: it has a `base_url`."""


class Sampling(Protocol):
    """A way of making samples."""

    how: str
    """`world`, `live` or `branch`."""

    def make(self, arm: Arm, sample: Sample) -> None:
        """Run an arm, and fill in what came of it.

        Raises:
            UsageError: It can't run as it is set up.
        """
        ...


@dataclass(kw_only=True)
class InWorlds:
    """Runs each sample in a world, on a virtual clock."""

    workflow: Callable[..., object]
    message: Message | None = None
    shared: Arm = field(default_factory=Arm)
    """What an arm does not say."""
    prices: Prices = field(default_factory=in_force)
    how: str = "world"

    def make(self, arm: Arm, sample: Sample) -> None:
        """Run a world to its end."""
        with self._world(arm, sample.seed) as world:
            world.run()
            _fill(sample, world, self.prices)

    def keep(self, arm: Arm, seed: str, *, store: str | None, run_id: str | None = None) -> str:
        """Run a sample once more and keep it as a run; return its id."""
        from agentmesh.mesh.simulating import simulate

        workflow, message, chosen = self._chosen(arm, seed)
        kept = simulate(workflow, message, store=store, run_id=run_id, **chosen)
        return kept.run_id

    def _world(self, arm: Arm, seed: str) -> World:
        workflow, message, chosen = self._chosen(arm, seed)
        return World(workflow, message, **chosen)

    def _chosen(
        self, arm: Arm, seed: str
    ) -> tuple[Callable[..., object], Message | None, dict[str, Any]]:
        shared = self.shared
        effects = arm.effects if arm.effects is not None else shared.effects
        chosen = {
            "seed": seed,
            "scheduler": (arm.scheduler or shared.scheduler or Drawn)(),
            "effects": effects(seed) if _makes(effects) else effects,
            "faults": arm.faults or shared.faults,
            "timing": arm.timing or shared.timing,
            "settings": {**_MODEL, **shared.settings, **arm.settings},
        }
        message = arm.message if arm.message is not None else self.message
        return arm.workflow or self.workflow, message, chosen


_MODEL = {"OPENAI_BASE_URL": "http://127.0.0.1/v1", "OPENAI_MODEL": "sim-small"}
"""Of a world: nobody is there; what models say is among its effects."""


def _makes(effects: Any) -> bool:
    return callable(effects) and not hasattr(effects, "answer")


def _fill(sample: Sample, world: World, prices: Prices) -> None:
    answer = world.answer
    if answer is None:
        sample.status = FAILED
        sample.error = {"what": world.broken or f"No end after {len(world.happened):,} events."}
    elif answer.kind == REPLY:
        sample.status, sample.result = DONE, json.loads(answer.payload)
    else:
        sample.status, sample.error = FAILED, json.loads(answer.payload)
    usage: dict[str, Usage] = {}
    for happening in world.happened:
        command = happening.item.command
        if happening.item.kind == EFFECT and command is not None:
            asked = partial(getattr, command, "request")
            for given in happening.gave:
                if isinstance(given.event, EffectFinished):
                    add_usage(usage, given.event.result, asked)
    sample.usd, sample.calls = prices.total(usage).usd, sum(u.calls for u in usage.values())
    sample.seconds = ((world.answered_at or world.now) - _began(world)) / 1e9
    sample.addresses = list(world.agents)
    sample.states = lambda where: _state(world.agents[where])


def _began(world: World) -> int:
    return min((given.event.at for h in world.happened[:1] for given in h.gave), default=world.now)


def _state(cell: Cell) -> Any:
    return None if cell.instance is None else json.loads(cell.behavior.dump(cell.instance))


@dataclass(kw_only=True)
class Live:
    """Runs each sample for real, in this process, and keeps it as a run."""

    workflow: Callable[..., object]
    message: Message | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    serving: Serving | None = None
    store: str | None = None
    prefix: str = ""
    """What the ids of the runs begin with."""
    how: str = "live"

    def make(self, arm: Arm, sample: Sample) -> None:
        """Run the workflow."""
        number = int.from_bytes(hashlib.sha256(sample.seed.encode()).digest()[:4], "big")
        serving = nullcontext() if self.serving is None else self.serving(number)
        with serving as server:
            sample.run_id = f"{self.prefix}-{_plain(sample.arm)}-{sample.number}"
            url = {} if server is None else {"OPENAI_BASE_URL": str(server.base_url)}
            model = {} if server is None else {"OPENAI_MODEL": "sim-small"}
            options = RunOptions(
                local=True,
                store=self.store,
                run_id=sample.run_id,
                seed=sample.seed,
                settings={**model, **self.settings, **arm.settings, **url},
                quiet=True,
            )
            message = arm.message if arm.message is not None else self.message
            outcome = execute(arm.workflow or self.workflow, message, options)
        with open_run(outcome.location) as run:
            info = run.info
            sample.status, sample.result, sample.error = info.status, info.result, info.error
            sample.seconds = outcome.seconds
            cost = cost_of_run(run)
            sample.usd, sample.calls = cost.usd, cost.calls
            sample.addresses = run.addresses()
        sample.states = lambda where: _last_state(outcome.location, where)


def _last_state(location: str, agent: str) -> Any:
    with open_run(location) as run:
        return run.at((agent, run.order().steps_of(agent) - 1)).agent().state


def _plain(name: str) -> str:
    return "".join(char if char.isalnum() and char.isascii() else "-" for char in name)


def refuse_misuse(sample: Sample) -> None:
    """Refuse what no number of samples would mend, such as a key that is not set.

    Raises:
        UsageError: The sample failed because of how it was set up.
    """
    error = sample.error if isinstance(sample.error, dict) else {}
    if str(error.get("type", "")).rpartition(".")[2] == UsageError.__name__:
        raise UsageError(
            f"Sample {sample.number} of arm {sample.arm!r} can't run: {error.get('what', '')}",
            cause=str(error.get("cause") or "Every sample would fail so."),
            fix=str(error.get("fix") or "Mend it, and begin again."),
        )


def digest_of(sample: Sample) -> str:
    """Return a digest of what a sample came to."""
    came = json.dumps([sample.status, sample.result, sample.error], sort_keys=True, default=str)
    return hashlib.sha256(came.encode()).hexdigest()[:16]
