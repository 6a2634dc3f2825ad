"""Small programs whose agents fail, with every policy there is."""

import asyncio
import contextlib

import agentmesh as am


class Step(am.Message):
    """How far to count."""

    by: int = 1


@am.agent(
    supervision=am.Supervision(
        "restart", state="last_good", attempts=2, intensity=20, backoff="1ms", backoff_max="5ms"
    )
)
class Counter:
    """Counts, and does not take a negative number."""

    count: int = 0
    seen: int = 0

    @am.handler
    async def add(self, step: Step) -> int:
        """Change the state before looking at the message."""
        self.count += step.by
        self.seen += 1
        await am.sleep("1ms")
        if step.by < 0:
            raise ValueError(f"by {step.by}")
        return self.count


@am.agent(supervision="restart")
class Forgetful:
    """Restarts afresh."""

    count: int = 0

    @am.handler
    async def add(self, step: Step) -> int:
        """Fail at once for a negative number."""
        self.count += step.by
        if step.by < 0:
            raise ValueError(f"by {step.by}")
        return self.count


@am.agent(supervision="stop")
class Fragile:
    """Stops at its first failure."""

    @am.handler
    async def touch(self) -> None:
        """Break."""
        raise LookupError("broken")


@am.agent(supervision="escalate")
class Worker:
    """Takes its team down with it."""

    @am.handler
    async def work(self) -> None:
        """Fail."""
        raise LookupError("no tools")


@am.agent
class Team:
    """Spawns workers and waits for something else."""

    asked: int = 0

    @am.handler
    async def build(self) -> None:
        """Wait for ever; the worker's failure ends it."""
        self.asked += 1
        worker = am.spawn(Worker, "w")
        am.tell(worker.work)
        await asyncio.Event().wait()

    @am.handler
    async def times(self) -> int:
        """Tell that the team itself goes on."""
        return self.asked


@am.agent
class Watcher:
    """Watches another agent for as long as it may."""

    @am.handler
    async def watch(self, step: Step) -> None:
        """Never come to an end by itself."""
        await am.monitor(am.ref(Counter, f"{step.by}"))


@am.workflow(deadline="1m")
async def counts() -> list[str]:
    """Ten steps, every third one bad."""
    counter, told = am.ref(Counter), []
    for number in range(1, 11):
        try:
            told.append(str(await counter.add(Step(by=-number if number % 3 == 0 else number))))
        except am.PoisonMessageError as error:
            told.append(" ".join(f"{type(one).__name__}({one})" for one in error.errors))
    return told


@am.workflow(deadline="1m")
async def forgets() -> list[int]:
    """The spawned state comes back."""
    counter = am.spawn(Forgetful, count=100)
    before = await counter.add(Step(by=5))
    with contextlib.suppress(ValueError):
        await counter.add(Step(by=-1))
    return [before, await counter.add(Step(by=1))]


@am.workflow(deadline="1m")
async def watches() -> list[str]:
    """One agent stops by its policy, one because it is asked to, one had stopped already."""
    fragile, counter = am.ref(Fragile), am.ref(Counter)
    ends = [asyncio.create_task(am.monitor(one)) for one in (fragile, counter)]
    await asyncio.sleep(0)
    am.tell(fragile.touch)
    am.stop(counter)
    downs = [*await asyncio.gather(*ends), await am.monitor(fragile)]
    return [f"{one.agent} {one.reason} {type(one.error).__name__}" for one in downs]


@am.workflow(deadline="1m")
async def escalates() -> str:
    """The team's turn fails with its worker; the team does not."""
    team = am.spawn(Team)
    try:
        await team.build()
    except am.EscalatedError as error:
        return f"{error.agent} {type(error.original).__name__} {await team.times()}"
    return "nothing happened"


@am.workflow(deadline="1m")
async def fails_with_its_worker() -> None:
    """Nobody spawned the worker, so the workflow fails with it, whatever it waits for."""
    am.tell(am.ref(Worker).work)
    await am.sleep("50s")


@am.workflow(deadline="1m")
async def leaves_a_watcher() -> str:
    """Somebody still watches when the workflow has its result."""
    am.tell(am.ref(Watcher).watch, Step(by=7))
    await am.sleep("10ms")
    return "done"
