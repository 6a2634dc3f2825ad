"""Waiting until nothing is left to do on any host of a run."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from agentmesh.fabric.hosting import HostHandle, Member, all_within, only_busy
from agentmesh.fabric.process import Status

_PAUSE_SECONDS = 0.002
_PAUSE_SECONDS_MOST = 0.1


class Settling:
    """Asks all hosts of a run until they are idle.

    Args:
        alive: Returns the hosts that live.
        restoring: Tells whether hosts are being restored.
        under_way: Tells whether something is under way that no host knows of.
    """

    def __init__(
        self,
        alive: Callable[[], Sequence[Member]],
        restoring: Callable[[], bool],
        under_way: Callable[[], bool],
    ) -> None:
        self._alive = alive
        self._restoring = restoring
        self._under_way = under_way

    async def wait(
        self,
        seconds: float,
        ask: Callable[[HostHandle], Awaitable[Status]],
        patience_seconds: float = 0.0,
        *,
        leave_busy: bool = False,
    ) -> bool:
        """Wait until all hosts are idle, twice with nothing done in between.

        While hosts are being restored, the time stands still, but for no longer than so long.

        Args:
            seconds: How long to wait.
            ask: Asks one host.
            patience_seconds: How long the time may stand still.
            leave_busy: Give up when only hosts are left whose loop a handler blocks.

        Returns:
            Whether they are idle.
        """
        until = time.monotonic() + seconds
        latest = until + patience_seconds
        before, pause = -1, _PAUSE_SECONDS
        while (left := until - time.monotonic()) > 0:
            if self._restoring():
                until = max(until, min(latest, time.monotonic() + seconds))
            alive = self._alive()
            statuses = await all_within(left, [ask(member.handle) for member in alive])
            reached = len(statuses) == len(alive)
            idle = reached and all(status.idle for status in statuses)
            done = sum(status.events for status in statuses) if idle else -1
            if idle and done == before and not self._under_way():
                return True
            if leave_busy and reached and only_busy(statuses):
                return False  # a handler blocks its host's loop: there is nobody to be told
            before = done
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MOST)
        return False
