"""Answers to effects from further runs: what another run was told, a branch may be told, too.

One run is asked after the other, so that what follows from an answer is likely to be known as well:
by the effect's key, which survives forks and seeds; else by what is asked. Where a run has
several answers to the same request, one is drawn that belongs to the effect's key.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from agentmesh.counterfactual.answers import Answering
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.simulation.sources import Asked, Outcome, ends

_Request = tuple[str, str, bytes]


class Known:
    """Answers of recorded runs.

    Args:
        runs: The runs, open.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = [_Answers(run) for run in runs]
        self.turn = 0
        """Which run is asked first."""
        self.drawn = 0
        """Answers so far for which there was another one."""

    def answer(self, asked: Asked) -> Outcome | None:
        """Return how an effect ended in one of the runs; None if nobody asked that."""
        first = self.turn % len(self._runs) if self._runs else 0
        command = asked.command
        request = command.kind, command.name, command.request
        every = [each.all(command.key, request) for each in self._runs]
        for known in [*every[first:], *every[:first]]:
            if known:
                others = [one for each in every for one in each]
                self.drawn += any(one != others[0] for one in others)
                return known[0] if len(known) == 1 else asked.generator().choice(known)
        return None


class _Answers:
    """Answers of one run."""

    def __init__(self, run: Run) -> None:
        self._by_key: dict[str, Outcome] = {}
        self._by_request: dict[_Request, list[Outcome]] = {}
        for address in run.addresses():
            for command, known in ends(run.steps(address)):
                request = run.resolve(command).request
                self._by_key.setdefault(command.key, known.outcome)
                asked = command.kind, command.name, request
                self._by_request.setdefault(asked, []).append(known.outcome)

    def all(self, key: str, request: _Request) -> list[Outcome]:
        """Return the answer to an effect; else all answers to its request."""
        known = self._by_key.get(key)
        return self._by_request.get(request, []) if known is None else [known]


class KnownFirst(Answering):
    """Answers from further runs, and only then by a policy.

    Args:
        known: What is looked at first.
        then: The policy for what is not there.
    """

    def __init__(self, known: Known, then: Answering) -> None:
        self.known = known
        self.policy = then.policy
        self._then = then
        self.calls = 0
        """Effects that the policy was asked for: what a branch costs."""

    @property
    def chances(self) -> int:
        """Answers so far that might have been others: from the policy, or drawn."""
        return self.calls + self.known.drawn

    def answer(self, asked: Asked) -> Outcome:
        """Return how an effect ends.

        Raises:
            StoppedError: Nobody knows.
        """
        found = self.known.answer(asked)
        if found is None:
            found = self._then.answer(asked)
            self.calls += 1
        return found

    def close(self) -> None:
        """Let go of connections."""
        self._then.close()


def answered_first(store: Store, names: Iterable[str | Path], then: Answering) -> KnownFirst:
    """Return what answers from further runs of a store first, and by a policy then.

    Args:
        store: Where the runs are.
        names: Their ids or the starts of these, or their directories.
        then: The policy.

    Raises:
        UnknownRunError: There is no such run.
    """
    with ExitStack() as stack:
        return KnownFirst(
            Known([stack.enter_context(store.open_run(each)) for each in names]), then
        )
