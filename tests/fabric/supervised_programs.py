"""Agents that fail on Ray, each on a host of its own."""

import asyncio

import agentmesh as am


class Step(am.Message):
    """How far to count."""

    by: int = 1


@am.agent(
    per_host=1,
    supervision=am.Supervision("restart", state="last_good", attempts=2, backoff="20ms"),
)
class Counter:
    """Counts, and does not take a negative number."""

    count: int = 0

    @am.handler
    async def add(self, step: Step) -> int:
        """Change the state before looking at the message."""
        self.count += step.by
        if step.by < 0:
            raise ValueError(f"by {step.by}")
        return self.count


@am.agent(per_host=1, supervision="escalate")
class Worker:
    """Takes its team down with it."""

    @am.handler
    async def work(self) -> None:
        """Fail."""
        raise LookupError("no tools")


@am.agent(per_host=1)
class Team:
    """Spawns a worker and waits for something else."""

    @am.handler
    async def build(self) -> None:
        """Wait for ever; the worker's failure ends it."""
        am.tell(am.spawn(Worker, "w").work)
        await asyncio.Event().wait()


@am.workflow(deadline="1m")
async def counts() -> list[str]:
    """Three good steps and a bad one."""
    counter, told = am.ref(Counter), []
    for by in (1, 2, -3, 4):
        try:
            told.append(str(await counter.add(Step(by=by))))
        except am.PoisonMessageError as error:
            told.append(type(error).__name__)
    return told


@am.workflow(deadline="1m")
async def loses_a_worker() -> list[str]:
    """Watch a worker that is not there yet, and the team that spawns it."""
    team = am.ref(Team, "t")
    watches = [asyncio.create_task(am.monitor(one)) for one in (am.ref(Worker, "w"), team)]
    await asyncio.sleep(0)
    said = ""
    try:
        await team.build()
    except am.EscalatedError as error:
        said = type(error).__name__
    am.stop(team)
    worker_down, team_down = await asyncio.gather(*watches)
    lost = f"{worker_down.agent} {worker_down.reason} {type(worker_down.error).__name__}"
    return [lost, said, f"{team_down.agent} {team_down.reason}"]


@am.workflow(deadline="1m")
async def fails_with_its_worker() -> None:
    """Wait for something else."""
    am.tell(am.ref(Worker, "alone").work)
    await am.sleep("50s")
