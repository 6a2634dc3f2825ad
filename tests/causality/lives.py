"""A program whose turns go on as others, and whose agents stop and are monitored."""

import asyncio

import agentmesh as am


class Count(am.Message):
    """How far to count."""

    left: int
    done: int = 0


@am.agent
class Counter:
    """Counts in turns of its own."""

    @am.handler
    async def count(self, count: Count) -> int:
        """Count to the end, one turn each."""
        if count.left:
            am.continue_with(Count(left=count.left - 1, done=count.done + 1))
        return count.done


@am.workflow(deadline="20s")
async def lives(count: Count) -> list[object]:
    """Let a counter count, stop it, and hear of its end."""
    counter = am.ref(Counter, "c")
    counted = await counter.count(count)
    end = asyncio.create_task(am.monitor(counter))
    await asyncio.sleep(0)
    am.tell(counter.count, count)
    am.stop(counter)
    down = await end
    again = await am.monitor(counter)
    am.tell(counter.count, count)
    return [counted, down.reason, again.reason]
