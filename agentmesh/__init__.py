"""agentmesh: multi-agent programs on Ray whose every run can be stored, replayed and explained.

Everything exported here is public, and nothing else is.

```python
import agentmesh as am

class Question(am.Message):
    text: str

@am.agent
class Echo:
    asked: int = 0

    @am.handler
    async def answer(self, question: Question) -> str:
        self.asked += 1
        return f"{self.asked}: {question.text}"

@am.workflow(deadline="1m")
async def main(question: Question) -> str:
    return await am.ref(Echo, "e1").answer(question)

if __name__ == "__main__":
    print(am.run(main, Question(text="hello")))
```
"""

from importlib import import_module
from typing import TYPE_CHECKING

from agentmesh.effects.call import effect
from agentmesh.effects.clients import http_client, openai
from agentmesh.effects.endpoints import endpoint
from agentmesh.effects.keys import key_from_env
from agentmesh.effects.model_loop import llm
from agentmesh.effects.tool_scope import idempotency_key, tool_context
from agentmesh.effects.tools import tool
from agentmesh.errors import (
    AgentMeshError,
    AgentStoppedError,
    AskCycleError,
    DeadlineExceededError,
    DefinitionError,
    DivergenceError,
    EffectError,
    EscalatedError,
    EscapeError,
    FabricError,
    InvalidMessageError,
    JournalDamagedError,
    JournalError,
    JournalVersionError,
    MailboxFullError,
    ModelAnswerError,
    NotInHandlerError,
    OutcomeUnknownError,
    PoisonMessageError,
    RayVersionError,
    RemoteError,
    ResumeError,
    RunawayTurnError,
    RunExistsError,
    RunFailedError,
    StateError,
    StoreError,
    ToolArgumentsError,
    UnknownAgentError,
    UnknownEventError,
    UnknownRunError,
    UsageError,
    WorkCancelledError,
)
from agentmesh.sdk.agent import agent, handler, subscribe
from agentmesh.sdk.changing import changed
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.supervision import Down, Supervision
from agentmesh.sdk.verbs import (
    Context,
    context,
    continue_with,
    log,
    monitor,
    now,
    publish,
    random,
    sleep,
    spawn,
    stop,
    tell,
    uuid,
)
from agentmesh.sdk.workflow import workflow

if TYPE_CHECKING:
    from agentmesh.counterfactual import edit
    from agentmesh.mesh.auditing import audit_run
    from agentmesh.mesh.checking import check
    from agentmesh.mesh.comparing import diff
    from agentmesh.mesh.experiment.arms import Arm, Sample, arm
    from agentmesh.mesh.experiment.planning import Experiment, experiment
    from agentmesh.mesh.experiment.report import ExperimentReport
    from agentmesh.mesh.failing import Ending
    from agentmesh.mesh.finding import attribute, races
    from agentmesh.mesh.forking import fork
    from agentmesh.mesh.replaying import replay_run
    from agentmesh.mesh.resuming import resume
    from agentmesh.mesh.runner import run
    from agentmesh.mesh.runs import open_run, runs
    from agentmesh.mesh.sharing import export_run, import_run
    from agentmesh.telemetry.logs import configure_logging

__version__ = "0.1.0"

__all__ = [
    "AgentMeshError",
    "AgentStoppedError",
    "Arm",
    "AskCycleError",
    "Context",
    "DeadlineExceededError",
    "DefinitionError",
    "DivergenceError",
    "Down",
    "EffectError",
    "Ending",
    "EscalatedError",
    "EscapeError",
    "Experiment",
    "ExperimentReport",
    "FabricError",
    "InvalidMessageError",
    "JournalDamagedError",
    "JournalError",
    "JournalVersionError",
    "MailboxFullError",
    "Message",
    "ModelAnswerError",
    "NotInHandlerError",
    "OutcomeUnknownError",
    "PoisonMessageError",
    "RayVersionError",
    "RemoteError",
    "ResumeError",
    "RunExistsError",
    "RunFailedError",
    "RunawayTurnError",
    "Sample",
    "StateError",
    "StoreError",
    "Supervision",
    "ToolArgumentsError",
    "UnknownAgentError",
    "UnknownEventError",
    "UnknownRunError",
    "UsageError",
    "WorkCancelledError",
    "agent",
    "arm",
    "attribute",
    "audit_run",
    "changed",
    "check",
    "configure_logging",
    "context",
    "continue_with",
    "diff",
    "edit",
    "effect",
    "endpoint",
    "experiment",
    "export_run",
    "fork",
    "handler",
    "http_client",
    "idempotency_key",
    "import_run",
    "key_from_env",
    "llm",
    "log",
    "monitor",
    "now",
    "open_run",
    "openai",
    "publish",
    "races",
    "random",
    "ref",
    "replay_run",
    "resume",
    "run",
    "runs",
    "sleep",
    "spawn",
    "stop",
    "subscribe",
    "tell",
    "tool",
    "tool_context",
    "uuid",
    "workflow",
]

_LATER = {
    "Arm": "mesh.experiment.arms",
    "Ending": "mesh.failing",
    "Experiment": "mesh.experiment.planning",
    "ExperimentReport": "mesh.experiment.report",
    "Sample": "mesh.experiment.arms",
    "arm": "mesh.experiment.arms",
    "attribute": "mesh.finding",
    "audit_run": "mesh.auditing",
    "check": "mesh.checking",
    "configure_logging": "telemetry.logs",
    "diff": "mesh.comparing",
    "edit": "counterfactual",
    "experiment": "mesh.experiment.planning",
    "export_run": "mesh.sharing",
    "fork": "mesh.forking",
    "import_run": "mesh.sharing",
    "open_run": "mesh.runs",
    "races": "mesh.finding",
    "replay_run": "mesh.replaying",
    "resume": "mesh.resuming",
    "run": "mesh.runner",
    "runs": "mesh.runs",
}
"""Names for before, after and beside a run, and where they are: imported when one is used."""

if not TYPE_CHECKING:  # type checkers would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        module = import_module(f"{__name__}.{_LATER[name]}")
        found = (
            import_module(f"{module.__name__}.{name}") if name == "edit" else getattr(module, name)
        )
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return __all__
