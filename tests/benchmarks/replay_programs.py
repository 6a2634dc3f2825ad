"""Programs whose recorded runs the replay and density benchmarks use."""

import asyncio

import agentmesh as am
from tests.benchmarks.message_programs import Note

AT_ONCE = 50_000
"""Messages sent before anybody is waited for."""


class Work(am.Message):
    """How much to do."""

    count: int


@am.agent
class Counter:
    """Does nothing but count."""

    count: int = 0

    @am.handler
    async def take(self, note: Note) -> None:
        """Count one that nobody waits for."""
        self.count += 1

    @am.handler
    async def add(self, note: Note) -> int:
        """Count one."""
        self.count += 1
        return self.count


@am.workflow(deadline="5m")
async def bound_by_one_way(work: Work) -> int:
    """Send messages one way to four agents, and ask each when it has them all."""
    counters = [am.ref(Counter, f"c{number}") for number in range(4)]
    counted = 0
    for first in range(0, work.count, AT_ONCE):
        for number in range(first, min(first + AT_ONCE, work.count)):
            am.tell(counters[number % 4].take, Note(number=number))
        asked = (counter.add(Note(number=-1)) for counter in counters)
        counted = sum(await asyncio.gather(*asked))
    return counted


@am.workflow(deadline="5m")
async def bound_by_messages(work: Work) -> int:
    """Send messages to four agents, a hundred asks at once."""
    counters = [am.ref(Counter, f"c{number}") for number in range(4)]
    done = 0
    for first in range(0, work.count, 100):
        numbers = range(first, min(first + 100, work.count))
        answers = await asyncio.gather(*(counters[n % 4].add(Note(number=n)) for n in numbers))
        done += len(answers)
    return done


@am.workflow(deadline="5m")
async def bound_by_a_model(work: Work) -> int:
    """Call the model again and again, as an agent with a long conversation does."""
    client = am.openai()
    said = 0
    for number in range(work.count):
        answer = await client.chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": f"Question {number}?"}]
        )
        said += len(answer.choices[0].message.content or "")
    return said


@am.workflow(deadline="5m")
async def many_idle(work: Work) -> int:
    """Bring agents to life and leave them idle."""
    for first in range(0, work.count, 500):
        numbers = range(first, min(first + 500, work.count))
        await asyncio.gather(*(am.ref(Counter, f"c{n}").add(Note(number=n)) for n in numbers))
    return work.count
