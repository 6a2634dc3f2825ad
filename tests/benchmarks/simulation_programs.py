"""A program of exactly a hundred messages between agents, half of them answers."""

import asyncio

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.workflow import workflow


class Rounds(Message):
    """How often each of five is asked."""

    count: int = 10


@agent
class Peer:
    """Counts."""

    asked: int = 0

    @handler
    async def ask(self) -> int:
        """Count."""
        self.asked += 1
        return self.asked


@workflow(deadline="1h")
async def hundred_messages(rounds: Rounds) -> int:
    """Ask five agents again and again, each one after the other, all five at once."""

    async def talk(key: str) -> int:
        total = 0
        for _ in range(rounds.count):
            total = await ref(Peer, key).ask()
        return total

    return sum(await asyncio.gather(*(talk(key) for key in "abcde")))
