"""What agentmesh offers to tests: worlds under any schedule, and simulated models.

`World` runs a workflow in this process on a virtual clock; `explore` makes a test of it that
looks for a schedule or fault in which something is wrong, and makes that small. `models` has the
parts that simulated models are made of.
"""

from agentmesh.mesh.simulating import simulate
from agentmesh.simulation.faults import Faults, Planned
from agentmesh.simulation.judging import always, eventually
from agentmesh.simulation.pct import Pct
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Fifo, Held, Random, Recorded
from agentmesh.simulation.scripts import Scripted
from agentmesh.simulation.sources import Fitted, Function, Live
from agentmesh.simulation.sources import Recorded as RecordedEffects
from agentmesh.simulation.world import World
from agentmesh.testing.exploring import explore
from agentmesh.testing.models import ModelServer, SimulatedModels, serve
from agentmesh.testing.scripted_models import ScriptedModels

__all__ = [
    "Faults",
    "Fifo",
    "Fitted",
    "Function",
    "Held",
    "Live",
    "ModelServer",
    "Pct",
    "Planned",
    "Random",
    "Recorded",
    "RecordedEffects",
    "Scripted",
    "ScriptedModels",
    "SimulatedModels",
    "Timing",
    "World",
    "always",
    "eventually",
    "explore",
    "serve",
    "simulate",
]
