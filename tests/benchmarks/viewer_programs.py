"""A run to look at that is as long as one wants: an office in which work is passed on.

Two hundred clerks. A job goes from clerk to clerk, each asks the next and waits; now and then one
uses a tool, sleeps, writes a line, or fails, and the one who asked goes on without. So there are
lanes, waits, effects, failures, and chains of causes through all of them.
"""

import asyncio

import agentmesh as am

CLERKS = 200
STREAMS = 100
"""Jobs that are under way at any time."""
HOPS = 7
EVENTS_PER_JOB = 17.5
"""About so many, all agents together."""


class Plan(am.Message):
    jobs: int


class Job(am.Message):
    number: int
    hops: int
    topic: str


class Answer(am.Message):
    text: str
    length: int


@am.tool
async def look_up(topic: str, number: int) -> str:
    await asyncio.sleep(0)
    return f"{topic} in volume {number % 97}"


@am.agent(concurrency=4)
class Clerk:
    done: int = 0
    latest: str = ""

    @am.handler
    async def work(self, job: Job) -> Answer:
        self.done += 1
        found = ""
        if job.hops % 3 == 0:
            found = await look_up(job.topic, job.number)
        if job.number % 50 == 0 and job.hops == 1:
            am.log("archive is closed", topic=job.topic, number=job.number)
            message = f"nobody answers about {job.topic}"
            raise LookupError(message)
        if job.hops:
            following = (job.number * 31 + job.hops * 17) % CLERKS
            try:
                answer = await am.ref(Clerk, str(following)).work(
                    Job(number=job.number, hops=job.hops - 1, topic=job.topic)
                )
                found += answer.text
            except LookupError:
                found += "?"
        self.latest = found[:40]
        return Answer(text=found[:80], length=len(found))


@am.workflow(deadline="1h")
async def office(plan: Plan) -> int:
    """Hand out jobs, so many at a time."""
    total = 0

    async def stream(first: int) -> int:
        words = 0
        for number in range(first, plan.jobs, STREAMS):
            job = Job(number=number, hops=HOPS, topic=("tea", "maps", "birds", "law")[number % 4])
            answer = await am.ref(Clerk, str(number % CLERKS)).work(job)
            words += answer.length
        return words

    for part in await asyncio.gather(*(stream(first) for first in range(STREAMS))):
        total += part
    return total
