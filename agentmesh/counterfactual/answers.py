"""What an effect comes to that the parent of a branch has no answer for.

`live` performs it, `resample` draws from what the parent has of the same kind and name,
`function` asks what was handed over, and `stop` ends the branch there. What can't be taken
back (`@tool(idempotent=False)`) is not performed unless that is allowed.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from agentmesh.effects import recorded
from agentmesh.errors import AgentMeshError, UsageError, describe, rebuild
from agentmesh.journal.run import Run
from agentmesh.simulation.scripts import Scripted
from agentmesh.simulation.sources import Asked, Fitted, Live, Outcome, Source

LIVE, RESAMPLE, FUNCTION, STOP = "live", "resample", "function", "stop"
POLICIES = (LIVE, RESAMPLE, FUNCTION, STOP)

Answers = Mapping[str, object] | Callable[[Asked], object] | Source
"""By the name of the tool, a value, an error or a function; or one function for all."""


class StoppedError(Exception):
    """A branch ends here: an effect has no answer.

    Args:
        what: Which.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Answering:
    """Answers by a policy.

    Args:
        policy: One of `POLICIES`.
        run: The parent.
        answers: What `function` asks.
        irreversible: Whether what can't be taken back may be performed.

    Raises:
        UsageError: There is no such policy, or it lacks its function.
    """

    def __init__(
        self, policy: str, run: Run, answers: Answers | None, *, irreversible: bool
    ) -> None:
        if policy not in POLICIES:
            raise UsageError(
                f"{policy!r} is no policy for effects without an answer.",
                fix=f"Use one of {', '.join(POLICIES)}.",
            )
        if (policy == FUNCTION) != (answers is not None):
            raise UsageError(
                f"The policy is {policy!r}, and answers are "
                f"{'missing' if answers is None else 'given'}.",
                fix="Give both: policy='function', answers={'search': ['a']}; or neither.",
            )
        self.policy = policy
        self._irreversible = irreversible
        self._source = self._made(run, answers)

    def _made(self, run: Run, answers: Answers | None) -> Source | None:
        if self.policy == LIVE:
            return Live()
        if self.policy == RESAMPLE:
            return Fitted((each, run.steps(each)) for each in run.addresses())
        if answers is None:
            return None
        if isinstance(answers, Mapping):
            return Scripted(answers)
        if callable(answers):
            return _Function(answers)
        return answers

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends.

        Args:
            asked: The effect.

        Raises:
            StoppedError: The branch ends here.
            UsageError: It must not be performed, or can't be here.
        """
        if self.policy == LIVE:
            return self._live(asked)
        outcome = self._source.answer(asked) if self._source is not None else None
        if outcome is None:
            raise StoppedError(f"{asked.address} asks for {asked.command.kind} {asked.name}")
        return outcome

    def _live(self, asked: Asked) -> Outcome:
        if not asked.command.idempotent and not self._irreversible:
            raise UsageError(
                f"{asked.address} asks for {asked.name}, which can't be taken back, and the parent "
                "has no answer to it.",
                cause="It is declared with idempotent=False: doing it for a branch does it for "
                "the whole world.",
                fix="Answer it (policy='function'), edit its result, or allow it: "
                "irreversible=True, --irreversible.",
            )
        assert self._source is not None
        outcome = self._source.answer(asked)
        assert outcome is not None
        if outcome.error:
            _refuse_misuse(outcome.error)
        return outcome

    def close(self) -> None:
        """Let go of connections."""
        if isinstance(self._source, Live):
            self._source.close()


class _Function:
    """One function for everything."""

    def __init__(self, function: Callable[[Asked], object]) -> None:
        self._function = function

    def seconds(self, asked: Asked) -> None:
        """Know nothing about time."""
        del asked

    def answer(self, asked: Asked) -> Outcome | None:
        """Ask the function: what it raises is the effect's failure."""
        try:
            said = self._function(asked)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 - becomes the effect's end
            return Outcome(error=describe(error))
        return said if isinstance(said, Outcome) else Outcome(result=recorded.canonical(said))


def _refuse_misuse(error: bytes) -> None:
    """Raise what only whoever makes the branch can mend, such as a key that is not set."""
    described: dict[str, Any] = json.loads(error)
    if str(described.get("type", "")).rpartition(".")[2] == UsageError.__name__:
        found = rebuild(error)
        if isinstance(found, AgentMeshError):
            raise found
