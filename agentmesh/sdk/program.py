"""Which agent types a run knows, and what a handler finds of its run.

Types are found by name. A name is first looked for in the module of the workflow, then
in those it imports, directly or not, then in all others; two candidates in the same
place are an error that says where both are, when the name is used.

Who subscribes to a topic is looked for only in what the workflow's module imports: what
else a process has loaded (another program, a test) is no part of the run.
"""

import inspect
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Protocol

from agentmesh.errors import DefinitionError, UnknownAgentError
from agentmesh.sdk.agent import DEFINED, AgentType, HandlerSpec


class Program:
    """The agent types visible from one workflow's module.

    Args:
        module: Name of the module that defines the workflow.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._found: dict[str, AgentType] = {}
        self._imported: dict[str, None] | None = None

    def find(self, name: str) -> AgentType:
        """Return the agent type of that name.

        Raises:
            UnknownAgentError: No such type is defined in this process.
            DefinitionError: Several are, none of them in the workflow's module.
        """
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> AgentType:
        named = {made.module: made for made in DEFINED if made.name == name}
        if self.module in named:
            return named[self.module]
        if len(named) > 1:
            near = {module: made for module, made in named.items() if module in self.imported}
            named = near or named
        if len(named) == 1:
            return next(iter(named.values()))
        if not named:
            known = ", ".join(sorted({made.name for made in DEFINED})) or "none"
            raise UnknownAgentError(
                f"No agent type is called {name!r} here; known: {known}.",
                cause="Usually the module that defines it was not imported on this host.",
                fix="Import it from the module that defines the workflow.",
            )
        places = "; ".join(f"{module}: {_place(made)}" for module, made in sorted(named.items()))
        raise DefinitionError(
            f"Several agent types are called {name!r}: {places}.",
            fix='Give one of them another name: `@am.agent(name="...")`.',
        )

    def subscribers(self, topic: str) -> list[tuple[AgentType, HandlerSpec]]:
        """Return who subscribed to a topic, sorted by name: the order of delivery."""
        mine = [made for made in DEFINED if made.module in self.imported and _topics(made, topic)]
        found = [self.find(name) for name in sorted({made.name for made in mine})]
        return [(made, spec) for made in found for spec in _topics(made, topic)]

    @property
    def imported(self) -> Mapping[str, None]:
        """Names of the workflow's module and of all that it imports, nearest first."""
        if self._imported is None:
            self._imported = _imports_of(self.module)
        return self._imported


def _imports_of(name: str) -> dict[str, None]:
    """Follow what a module has names for, through everything but Python and agentmesh."""
    found: dict[str, None] = {name: None}
    waiting = deque([name])
    while waiting:
        module = sys.modules.get(waiting.popleft())
        for value in list(vars(module).values()) if module is not None else ():
            other = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
            if other not in found and other.partition(".")[0] not in _PLAIN:
                found[other] = None
                waiting.append(other)
    return found


def _module_of(value: object) -> str:
    if not isinstance(value, type) and not inspect.isfunction(value):
        return ""
    module = value.__module__
    return module if isinstance(module, str) else ""


_PLAIN = frozenset({"", "agentmesh", "builtins", *sys.stdlib_module_names} - {"__main__"})
"""Top-level packages in which no agent is defined."""


def _topics(made: AgentType, topic: str) -> list[HandlerSpec]:
    return [spec for spec in made.handlers.values() if topic in spec.options.topics]


def _place(made: AgentType) -> str:
    try:
        return f"{inspect.getsourcefile(made.target)}:{inspect.getsourcelines(made.target)[1]}"
    except (OSError, TypeError):
        return made.module


class Redactor(Protocol):
    """Turns secrets in JSON into stable placeholders."""

    def json(self, data: bytes) -> bytes:
        """Return JSON without secrets; redacting twice changes nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a handler's verbs find of the run they are in: the same live and in replay."""

    run_id: str
    program: Program
    redactor: Redactor
    root: str = ""
    """Address of the workflow."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Recorded settings, such as the model and its base URL."""
    code: Mapping[str, AgentType] = field(default_factory=dict)
    """Agent types that agents of a branch were given, by the name they have in its record."""
    outside_id: str = ""
    """The run's name in the world outside, where that is another: a branch does what it does
    itself under its own name, and its handlers see that of the run it comes from."""

    def code_named(self, name: str) -> AgentType:
        """Return the other code of an agent of a branch.

        Raises:
            UnknownAgentError: It was not found when the branch was opened.
        """
        found = self.code.get(name)
        if found is None:
            raise UnknownAgentError(
                f"The code {name!r}, which an agent of this branch was given, is not here.",
                cause="Usually its file is on another machine, or was removed.",
                fix="Bring it back: `run.json` says under `interventions` where it was.",
            )
        return found
