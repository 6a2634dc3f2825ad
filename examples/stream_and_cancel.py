"""Streams, time limits and cancellation: work ends as soon as nobody wants it any more.

A handler that yields is a stream. Its reader has heard enough after three words and breaks
off: the storyteller is cancelled where it awaits, as any asyncio task would be. Then a
question gets a fifth of a second: when the time is up, the oracle's turn is cancelled, and
with it the tool that it waits for.

    python examples/stream_and_cancel.py                     # on a local Ray
    AGENTMESH_LOCAL=1 python examples/stream_and_cancel.py   # without Ray, at once
    agentmesh log --level debug                              # who was cancelled, and when

Expected output:

    Once upon a ...
    The storyteller was interrupted.
    No answer within 0.2 seconds.
    The oracle was interrupted.
"""

import asyncio
from collections.abc import AsyncIterator

import agentmesh as am

ENOUGH = 3


class Story(am.Message):
    """What to tell."""

    text: str


class Question(am.Message):
    """What to think about."""

    text: str


@am.agent
class Storyteller:
    """Tells stories word by word."""

    interrupted: bool = False

    @am.handler
    async def tell(self, story: Story) -> AsyncIterator[str]:
        """Yield one word after the other."""
        try:
            for word in story.text.split():
                yield word
                await am.sleep("100ms")
        except asyncio.CancelledError:
            self.interrupted = True
            raise

    @am.handler
    async def was_interrupted(self) -> bool:
        """Tell whether somebody stopped listening."""
        return self.interrupted


@am.tool
async def ask_the_stars(question: str) -> str:
    """Take an hour."""
    await asyncio.sleep(3600)
    return f"{question} Yes."


@am.agent
class Oracle:
    """Knows everything, but takes its time."""

    interrupted: bool = False

    @am.handler
    async def answer(self, question: Question) -> str:
        """Ask the stars."""
        try:
            return await ask_the_stars(question.text)
        except asyncio.CancelledError:
            self.interrupted = True
            raise

    @am.handler
    async def was_interrupted(self) -> bool:
        """Tell whether somebody lost patience."""
        return self.interrupted


@am.workflow(deadline="1m")
async def main() -> list[str]:
    """Break a stream off, then lose patience with a question."""
    said = []
    teller, oracle = am.ref(Storyteller), am.ref(Oracle)

    words = []
    async for word in teller.tell(Story(text="Once upon a time there was a lamp.")):
        words.append(word)
        if len(words) == ENOUGH:
            break
    said.append(f"{' '.join(words)} ...")
    if await teller.was_interrupted():
        said.append("The storyteller was interrupted.")

    try:
        async with asyncio.timeout(0.2):
            said.append(await oracle.answer(Question(text="Will it rain?")))
    except TimeoutError:
        said.append("No answer within 0.2 seconds.")
    if await oracle.was_interrupted():
        said.append("The oracle was interrupted.")
    return said


if __name__ == "__main__":
    print("\n".join(am.run(main)))
