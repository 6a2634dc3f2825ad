"""Starting hosts: a place, a life, another life if it dies meanwhile, and not for ever."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from agentmesh.errors import AgentMeshError, SupersededError, rebuild
from agentmesh.fabric import host_errors
from agentmesh.fabric.host_errors import RESTART_PERIOD_SECONDS, RESTARTS_MAX
from agentmesh.fabric.hosting import Factory, HostHandle, readiness
from agentmesh.fabric.opening import Identity
from agentmesh.fabric.peer import GoneError
from agentmesh.fabric.placement import HostSpec
from agentmesh.fabric.roster import Roster


class Starter:
    """Starts the hosts of one run.

    Args:
        factory: Makes hosts.
        roster: Says whether this supervisor is still the one.
        lives: Tells how many lives of a host have left something.
    """

    def __init__(self, factory: Factory, roster: Roster, lives: Callable[[str], int]) -> None:
        self._factory = factory
        self._roster = roster
        self._lives = lives
        self._restarts: dict[str, deque[float]] = {}

    async def start(
        self, spec: HostSpec, incarnation: int, is_over: Callable[[], bool]
    ) -> tuple[Identity, HostHandle]:
        """Start a host; one that dies while it starts is started again, but not for ever.

        Args:
            spec: The host.
            incarnation: Which life of it; the next for 0.
            is_over: Tells whether the run needs it no more.

        Raises:
            FabricError: There is no place for it, or it can't start.
        """
        life = incarnation or self._lives(spec.name) + 1
        while True:
            self._roster.guard()
            identity = Identity(name=spec.name, incarnation=life)
            try:
                return identity, await self._start(spec, identity)
            except (GoneError, SupersededError) as error:
                if is_over() or not self.may_restart(spec.name):
                    raise host_errors.unfit(spec, error) from error
                life += 1

    def may_restart(self, name: str) -> bool:
        """Tell whether a host has not died too often of late; counts as one more death."""
        now = time.monotonic()
        recent = self._restarts.setdefault(name, deque(maxlen=RESTARTS_MAX))
        hopeless = len(recent) == RESTARTS_MAX and now - recent[0] < RESTART_PERIOD_SECONDS
        recent.append(now)
        return not hopeless

    async def _start(self, spec: HostSpec, identity: Identity) -> HostHandle:
        handle = self._factory.create(spec, identity)
        seconds = self._factory.patience(spec.placement)
        try:
            problem = await asyncio.wait_for(readiness(handle), seconds)
        except TimeoutError:
            handle.kill()
            raise host_errors.unplaceable(spec, seconds, self._factory.offer()) from None
        except asyncio.CancelledError:
            handle.kill()
            raise
        except GoneError:
            raise
        except AgentMeshError as error:
            raise host_errors.unfit(spec, error) from error
        if problem:
            handle.kill()
            why = rebuild(problem)
            raise why if isinstance(why, SupersededError) else host_errors.unfit(spec, why)
        return handle
