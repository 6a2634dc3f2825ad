"""Effects under way: each one is a task on the host's own loop, outside any handler."""

import asyncio
from collections.abc import Callable
from contextvars import Context

from agentmesh.effects.limits import Limit
from agentmesh.errors import DeadlineExceededError, describe, traceback_of
from agentmesh.kernel.commands import StartEffect
from agentmesh.kernel.events import EffectFailed, EffectFinished, EffectStreamed, Event
from agentmesh.kernel.pending import Performer

Inject = Callable[[str, Event], None]
Substitute = Callable[[str, StartEffect, Performer], Performer]
"""Says what is done instead of an effect: for a test that has its answers on record."""


class Performers:
    """Starts, cancels and waits for effects, and turns their ends into events.

    Args:
        loop: The host's loop.
        clock_ns: Wall clock.
        inject: Called with the address of a cell and an event for it.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock_ns: Callable[[], int], inject: Inject
    ) -> None:
        self._loop = loop
        self._clock_ns = clock_ns
        self._inject = inject
        self._tasks: dict[tuple[str, int, int], asyncio.Task[None]] = {}
        self.substitute: Substitute | None = None
        """Asked before anything is performed; by default nothing is done instead."""

    def __len__(self) -> int:
        """Return how many effects are under way."""
        return len(self._tasks)

    def start(self, address: str, command: StartEffect, perform: Performer) -> None:
        """Perform an effect; its end is injected. What comes too late is not begun."""
        effect = (address, command.turn, command.n)
        if command.deadline and command.deadline <= self._clock_ns():
            late = _too_late(command, "was not started: the deadline of its turn had passed")
            self._inject(address, self._failed(command, late))
            return
        if self.substitute is not None:
            perform = self.substitute(address, command, perform)
        work = self._perform(effect, command, perform)
        self._tasks[effect] = self._loop.create_task(work, context=Context())

    def cancel(self, address: str, turn: int, n: int) -> None:
        """Cancel an effect that nobody waits for; it injects nothing any more."""
        task = self._tasks.pop((address, turn, n), None)
        if task is not None:
            task.cancel()

    async def _perform(
        self,
        effect: tuple[str, int, int],
        command: StartEffect,
        perform: Performer,
    ) -> None:
        address, turn, n = effect

        def emit(chunk: bytes) -> None:
            if effect in self._tasks:
                self._inject(address, EffectStreamed(self._clock_ns(), turn, n, chunk))

        event: Event
        limit = Limit(lambda: self._seconds_left(command))
        try:
            result = await limit.hold(perform(emit))
            event = EffectFinished(self._clock_ns(), turn, n, result)
        except BaseException as error:  # noqa: BLE001 - becomes the effect's recorded end
            if effect not in self._tasks:  # cancelled: nobody wants to know
                return
            late = "was not done by the deadline of its turn"
            event = self._failed(command, _too_late(command, late) if limit.expired else error)
        if self._tasks.pop(effect, None) is not None:
            self._inject(address, event)

    def _failed(self, command: StartEffect, error: BaseException) -> EffectFailed:
        now, said = self._clock_ns(), describe(error)
        return EffectFailed(now, command.turn, command.n, said, traceback_of(error))

    def _seconds_left(self, command: StartEffect) -> float | None:
        if not command.deadline:
            return None
        return max(0.0, (command.deadline - self._clock_ns()) / 1e9)

    async def close(self) -> None:
        """Cancel what is under way and wait until it has ended."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)


def _too_late(command: StartEffect, what: str) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"{command.kind} {command.name} {what}.",
        cause="The deadline of the whole workflow is inherited by everything it asks for.",
        fix="Give the workflow more time, or the effect a shorter timeout and retries.",
    )


_CLOSE_SECONDS = 5.0
