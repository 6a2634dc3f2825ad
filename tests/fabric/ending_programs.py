"""Programs whose hosts, disks or patience come to an end."""

import os
import resource
import signal

import agentmesh as am
from tests.fabric.programs import Count, Sleeper


@am.tool
async def die() -> None:
    """Kill the process, as the out-of-memory killer would."""
    os.kill(os.getpid(), signal.SIGKILL)


@am.tool
async def limit_files(count: int) -> None:
    """Let no file of this process grow beyond so many bytes: a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, resource.RLIM_INFINITY))


@am.agent
class Doomed:
    """Ends its host."""

    @am.handler
    async def die(self) -> None:
        """End by a signal."""
        await die()

    @am.handler
    async def fill(self) -> None:
        """Write until the disk is full."""
        await limit_files(100_000)
        for n in range(100_000):
            am.log("filling", n=n)
            await am.sleep(0)
            if n % 100 == 0:
                await am.ref(Sleeper, "while filling").sleep(Count(n=0))


@am.workflow
async def a_host_dies() -> None:
    """Ask somebody whose host is killed."""
    await am.ref(Doomed).die()


@am.workflow
async def a_disk_is_full() -> None:
    """Ask somebody who can't write its journal any more."""
    await am.ref(Doomed).fill()


@am.agent
class Blocked:
    """Computes without ever letting its loop go."""

    @am.handler
    async def compute(self) -> None:
        """Keep the host's loop busy forever."""
        while True:
            pass


@am.workflow
async def never_returns() -> None:
    """Wait until somebody interrupts the run."""
    await am.ref(Sleeper).sleep(Count(n=3600))


@am.workflow
async def a_loop_is_blocked() -> None:
    """Ask somebody who never lets go, and somebody who sleeps."""
    am.tell(am.ref(Blocked).compute)
    await am.ref(Sleeper).sleep(Count(n=3600))
