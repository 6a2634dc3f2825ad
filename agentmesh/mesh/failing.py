"""What it means that a run has failed: its status, an expression, or a function of how it ended.

    failed="status == 'failed'"                     the default
    failed="result.left < 0 or Stock.left < 0"      the result's fields, agents' last states
    failed="checks.py:oversold"                     a function, by file or module
    failed=lambda ending: ending.state("Stock")["left"] < 0

An expression is read as in `agentmesh when`: it sees JSON, and runs no user code. A run that raised
has failed if the expression asks for what it has not: its result.
"""

import ast
import importlib
from collections.abc import Callable, Iterable
from typing import Any

from agentmesh.errors import UnknownAgentError, UsageError
from agentmesh.host.entry import import_file
from agentmesh.journal.run_info import DONE
from agentmesh.mesh.naming import agent_called
from agentmesh.replay.expressions import Expression, NotThereError, Scope
from agentmesh.replay.operations import member

_RUN = "run"
_OF_RUN = ("result", "status", "error")
DEFAULT = "status == 'failed'"


class Ending:
    """How a run, or a branch of it, ended: what a predicate is given.

    Args:
        status: done or failed.
        result: What the workflow returned, as a JSON value.
        error: Why it failed, as a JSON value; None if it did not.
        state: Returns an agent's last state, given its address.
        addresses: Of all agents.
    """

    def __init__(
        self,
        status: str,
        result: Any,
        error: Any,
        state: Callable[[str], Any],
        addresses: Iterable[str] = (),
    ) -> None:
        self.status = status
        self.result = result
        self.error = error
        self._state = state
        self._addresses = list(addresses)

    def state(self, agent: str) -> Any:
        """Return an agent's last state as a JSON value.

        Args:
            agent: `Type/key`, or a type with one agent.

        Raises:
            UnknownAgentError: There is no such agent.
        """
        return self._state(agent_called(agent, self._addresses, "here"))


Failed = str | Callable[[Ending], object]
"""What people may write."""


class Failing:
    """Tells whether a run that ended so has failed.

    Args:
        failed: An expression, `module:function`, `file.py:function` or a function; None: whether
            the workflow raised.

    Raises:
        UsageError: It can't be understood, or there is no such function.
    """

    def __init__(self, failed: Failed | None = None) -> None:
        self.given = failed
        self._function: Callable[[Ending], object]
        if callable(failed):
            self.text = getattr(failed, "__name__", "function")
            self._function = failed
        else:
            self.text = failed or DEFAULT
            self._function = _imported(self.text) or _Asked(self.text)

    @property
    def about_answer(self) -> bool:
        """Whether all it asks about is in what the workflow answered."""
        asked = self._function
        return isinstance(asked, _Asked) and asked.about_answer

    @property
    def travels(self) -> bool:
        """Whether it can be handed to another process."""
        return not callable(self.given)

    def __call__(self, ending: Ending) -> bool:
        """Tell whether it has failed.

        Raises:
            UsageError: The predicate itself fails.
        """
        try:
            return bool(self._function(ending))
        except (NotThereError, UnknownAgentError):
            return False  # of somebody who never lived there is nothing to complain
        except UsageError:
            raise
        except Exception as error:
            if ending.status != DONE and isinstance(self._function, _Asked):
                return True  # what raised has no result to ask about
            raise UsageError(
                f"{self.text!r} can't tell whether a run has failed: {type(error).__name__}: "
                f"{error}.",
                cause=f"The run ended as {ending.status!r} with {str(ending.result)[:200]}.",
                fix="Let it answer for every ending: a failed run has no result.",
            ) from error


class _Asked:
    """A predicate that is an expression."""

    def __init__(self, text: str) -> None:
        self._expression = Expression(_about_run(text))
        self.about_answer = all(each == (_RUN, None) for each in self._expression.agents)

    def __call__(self, ending: Ending) -> bool:
        agents = self._expression.agents

        def read(place: int, name: str) -> Any:
            agent = agents[place]
            if agent == (_RUN, None):
                return getattr(ending, name) if name in _OF_RUN else _unknown(name)
            whole = agent.name if agent.key is None else f"{agent.name}/{agent.key}"
            state = ending.state(whole)
            if state is None:
                raise NotThereError
            return member(state, name)

        return bool(self._expression.evaluate(Scope(read)))


def _unknown(name: str) -> Any:
    raise UsageError(f"A run has no {name!r}.", fix=f"It has {', '.join(_OF_RUN)}.")


class _Renaming(ast.NodeTransformer):
    """Writes `result` as `run.result`, as an expression is about agents and their attributes."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Rename what is the run's."""
        if node.id not in _OF_RUN:
            return node
        return ast.Attribute(ast.Name(_RUN, ast.Load()), node.id, ast.Load())


def _about_run(text: str) -> str:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text  # and be refused by whoever reads it
    return ast.unparse(_Renaming().visit(tree))


def _imported(text: str) -> Callable[[Ending], object] | None:
    """Return the function that a text names; None if it is an expression."""
    place, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier() or not place or " " in place:
        return None
    try:
        module = import_file(place) if place.endswith(".py") else importlib.import_module(place)
    except ImportError as error:
        raise UsageError(
            f"{place!r} can't be imported: {error}.",
            fix="Write `checks.py:failed` for a file, `package.checks:failed` for a module.",
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise UsageError(
            f"{place} has no function {name!r}.",
            fix="Name a function that is given how a run ended, and returns whether it failed.",
        )
    return found  # type: ignore[no-any-return]  # whatever can be called will do
