"""Answers to effects, from a recorded run: what a test's workflow is told instead of the truth.

What is asked is looked for by the effect's key first (who asks, because of which message, what,
for the how-many-th time); then, since an edited program counts messages otherwise, by what is
asked: the same agent's next unused answer, then anybody's. Nothing that was not asked in the
recording is ever made up: it is performed, or it is a `Miss`.

Theory of operation. Effects that raced when they were recorded have their answers in the
journal in the order in which they came. Told at once, they would all come in the order of
asking, and another one would win than did. So answers wait until the workflow has nothing
left to do, and then come one by one: of those that are asked for, the one that came first.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agentmesh.errors import EffectError, rebuild
from agentmesh.journal.run import Run
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished, EffectStreamed
from agentmesh.kernel.pending import Performer

_QUIET_ROUNDS = 12
"""Rounds of the loop after which whatever an answer has caused has been asked for."""


@dataclass
class Answer:
    """One recorded effect and how it ended."""

    agent: str
    asked: StartEffect
    rank: int = 0
    """Place of its end among those of all effects."""
    chunks: list[bytes] = field(default_factory=list)
    end: EffectFinished | EffectFailed | None = None
    used: bool = False


@dataclass(frozen=True)
class Miss:
    """Something that was asked and that the recording does not answer."""

    agent: str
    asked: StartEffect
    nearest: Answer | None
    """The recorded effect of the same kind and name that would have come next."""


class Answers:
    """All recorded answers of a run.

    Args:
        run: The recorded run, open; read at once.
        performs: Whether what is not in it is performed; otherwise it fails.
    """

    def __init__(self, run: Run, *, performs: bool) -> None:
        self._performs = performs
        self._by_key: dict[tuple[str, str], deque[Answer]] = {}
        self._by_request: dict[tuple[str, str, bytes], deque[Answer]] = {}
        self._all = _answers_of(run)
        for answer in self._all:
            asked = answer.asked
            self._by_key.setdefault((answer.agent, asked.key), deque()).append(answer)
            same = (asked.kind, asked.name, asked.request)
            self._by_request.setdefault(same, deque()).append(answer)
        self.misses: list[Miss] = []
        self.performed = 0
        """How many effects were performed since they were not in the recording."""
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._serial = itertools.count()
        self._released = False

    def substitute(self, agent: str, asked: StartEffect, perform: Performer) -> Performer:
        """Return what is done instead of an effect."""
        answer = self._found(agent, asked)
        if answer is not None:
            answer.used = True
            return self._told(answer)
        if self._performs:
            self.performed += 1
            return perform
        self.misses.append(Miss(agent, asked, self._nearest(agent, asked)))
        return _refusing(agent, asked)

    def _found(self, agent: str, asked: StartEffect) -> Answer | None:
        exact = self._by_key.get((agent, asked.key), ())
        same = self._by_request.get((asked.kind, asked.name, asked.request), ())
        unused = [each for each in itertools.chain(exact, same) if not each.used]
        own = (each for each in unused if each.agent == agent)
        return next(own, None) or next(iter(unused), None)

    def _nearest(self, agent: str, asked: StartEffect) -> Answer | None:
        alike = [
            each
            for each in self._all
            if not each.used and (each.asked.kind, each.asked.name) == (asked.kind, asked.name)
        ]
        return next((each for each in alike if each.agent == agent), next(iter(alike), None))

    def _told(self, answer: Answer) -> Performer:
        async def tell(emit: Callable[[bytes], None]) -> bytes:
            await self._turn_of(answer)
            for chunk in answer.chunks:
                emit(chunk)
                await asyncio.sleep(0)
            if answer.end is None:  # nobody waited for it: it was cancelled
                await asyncio.get_running_loop().create_future()
            if isinstance(answer.end, EffectFailed):
                raise rebuild(answer.end.error, answer.end.note)
            assert answer.end is not None
            return answer.end.result

        return tell

    async def _turn_of(self, answer: Answer) -> None:
        """Wait until nothing that came earlier is asked for any more."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._waiting, (answer.rank, next(self._serial), turn))
        self._look_later(loop)
        await turn

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._released and self._waiting:
            self._released = True
            loop.call_soon(self._look, loop, _QUIET_ROUNDS)

    def _look(self, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
        if rounds:
            loop.call_soon(self._look, loop, rounds - 1)
            return
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # else it was cancelled
                turn.set_result(None)
                break
        self._released = False
        self._look_later(loop)


def _answers_of(run: Run) -> list[Answer]:
    """Return a run's effects with how they ended, in the order in which they did."""
    found: list[Answer] = []
    ends: list[tuple[int, str, int, Answer]] = []
    for agent in run.addresses():
        going: dict[tuple[int, int], Answer] = {}
        for step in run.steps(agent):
            event = step.event
            if isinstance(event, EffectStreamed | EffectFinished | EffectFailed):
                answer = going.get((event.turn, event.n))
                if answer is not None:
                    _take(answer, event)
                if answer is not None and answer.end is not None:
                    ends.append((event.at, agent, step.number, answer))
            for command in step.commands:
                if isinstance(command, StartEffect):
                    going[command.turn, command.n] = Answer(agent, run.resolve(command), _NEVER)
        found.extend(going.values())
    for rank, (*_, answer) in enumerate(sorted(ends, key=lambda each: each[:3])):
        answer.rank = rank
    return sorted(found, key=lambda each: each.rank)


def _take(answer: Answer, event: EffectStreamed | EffectFinished | EffectFailed) -> None:
    if isinstance(event, EffectStreamed):
        answer.chunks.append(event.chunk)
    else:
        answer.end = event


_NEVER = 1 << 60


def _refusing(agent: str, asked: StartEffect) -> Performer:
    async def refuse(emit: Callable[[bytes], None]) -> bytes:
        del emit
        raise EffectError(
            f"{agent} asks for {asked.kind} {asked.name}, and the recording has no answer to it.",
            cause="Usually the program has changed since the test was recorded.",
            fix="The test's failure says how to record it again.",
        )

    return refuse
