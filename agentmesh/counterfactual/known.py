"""Answers to effects from further runs: what another run was told, a branch may be told, too.

An effect is looked up by its key, which survives forks and seeds; else by what is asked: of
the answers that all runs together have to the same request, one is drawn that belongs to the
effect's key, so that two branches which ask the same are told the same.
"""

from collections.abc import Iterable

from agentmesh.counterfactual.answers import Answering
from agentmesh.journal.run import Run
from agentmesh.simulation.sources import Asked, Outcome, ends


class Known:
    """Answers of recorded runs.

    Args:
        runs: The runs, open.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._by_key: dict[str, Outcome] = {}
        self._by_request: dict[tuple[str, str, bytes], list[Outcome]] = {}
        for run in runs:
            for address in run.addresses():
                for command, known in ends(run.steps(address)):
                    request = run.resolve(command).request
                    self._by_key.setdefault(command.key, known.outcome)
                    asked = (command.kind, command.name, request)
                    self._by_request.setdefault(asked, []).append(known.outcome)

    def __len__(self) -> int:
        """Return how many different requests have an answer."""
        return len(self._by_request)

    def answer(self, asked: Asked) -> Outcome | None:
        """Return how an effect ended in one of the runs; None if nobody asked that."""
        command = asked.command
        found = self._by_key.get(command.key)
        if found is not None:
            return found
        among = self._by_request.get((command.kind, command.name, command.request))
        return asked.generator().choice(among) if among else None


class KnownFirst:
    """Answers from further runs, and only then by a policy.

    Args:
        known: What is looked at first.
        then: The policy for what is not there.
    """

    def __init__(self, known: Known, then: Answering) -> None:
        self._known = known
        self._then = then
        self.calls = 0
        """Effects that the policy was asked for: what a branch costs."""

    @property
    def policy(self) -> str:
        """The policy's name."""
        return self._then.policy

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends.

        Raises:
            StoppedError: Nobody knows.
        """
        found = self._known.answer(asked)
        if found is None:
            found = self._then.answer(asked)
            self.calls += 1
        return found

    def close(self) -> None:
        """Let go of connections."""
        self._then.close()
