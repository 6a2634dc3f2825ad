"""Effects answered by name: values, errors, or functions that get the arguments.

    World(main, effects={"search": ["first", "second"], "charge": bank.charge})

An answer that is a function gets the tool's own arguments by name, and may be a method of a
fake that remembers; one that is an exception, or raises one, is the effect's failure; any other
is its result. `Scripted` answers tools and functions; models are answered by
`agentmesh.testing.models`.
"""

import json
from collections.abc import Mapping

from agentmesh.effects import failures, recorded
from agentmesh.errors import UsageError, describe
from agentmesh.simulation.sources import Asked, Outcome, Sources

_CALLS = ("tool", "call")


class Scripted:
    """Answers by name.

    Args:
        answers: By the name of the tool or function: a value, an exception, or a function.
        seconds: How long each takes, at least and at most.
    """

    def __init__(
        self, answers: Mapping[str, object], seconds: tuple[float, float] | None = None
    ) -> None:
        self._answers = dict(answers)
        self._seconds = seconds

    def seconds(self, asked: Asked) -> tuple[float, float] | None:
        """Return what was said when it was made, for what it answers."""
        return self._seconds if self._knows(asked) else None

    def answer(self, asked: Asked) -> Outcome | None:
        """Look the name up, and ask the function if it is one."""
        if not self._knows(asked):
            return None
        said = self._answers[_plain(asked.name)]
        arguments = asked.request.get("arguments", {})
        try:
            if callable(said) and not isinstance(said, type):
                said = said(**arguments)
            if isinstance(said, BaseException):
                raise said  # noqa: TRY301 - a scripted error is described as one that is raised
        except Exception as error:  # noqa: BLE001 - becomes the effect's end
            shown = failures.summary(asked.name, json.dumps(arguments).encode())
            what = f"{asked.command.kind.capitalize()} {shown}"
            return Outcome(error=describe(failures.failed(what, 1, error)))
        return Outcome(result=recorded.canonical(said))

    def _knows(self, asked: Asked) -> bool:
        return asked.command.kind in _CALLS and _plain(asked.name) in self._answers


def _plain(name: str) -> str:
    """Return a function's own name: `am.effect` knows it by its qualified one."""
    return name.rpartition(".")[2]


def sources_of(given: object) -> Sources:
    """Return what was given as sources: one, several, or answers by name."""
    if given is None:
        return Sources([])
    if isinstance(given, Sources):
        return given
    if isinstance(given, Mapping):
        return Sources([Scripted(given)])
    if isinstance(given, list | tuple):
        return Sources([each for part in given for each in sources_of(part).every])
    if hasattr(given, "answer") and hasattr(given, "seconds"):
        return Sources([given])
    raise UsageError(
        f"effects={given!r} is no source of effects.",
        fix='Give answers by name, {"search": ["a", "b"]}, or a source such as Live().',
    )
