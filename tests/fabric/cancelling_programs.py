"""Programs with much under way, on several hosts, when somebody no longer wants it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable

import agentmesh as am
from agentmesh.effects import settings
from tests.fabric.programs import Count, Text

FOREVER = Count(n=3600)


@am.tool
async def wait_outside(seconds: float) -> None:
    """Be a tool that takes its time."""
    await asyncio.sleep(seconds)


@am.tool(retries=50)
async def fails_again_and_again(text: str, url: str) -> None:
    """Ask a model that is never well, as a tool that is tried again."""
    client = am.openai(max_retries=0, base_url=url, api_key="none")
    await client.chat.completions.create(
        model="sim-small", messages=[{"role": "user", "content": text}]
    )


@am.tool
def block_a_thread(seconds: float) -> str:
    """Be a tool that nobody can interrupt."""
    time.sleep(seconds)
    return "dropped"


@am.agent
class Board:
    """Where everybody notes that they have got far enough to be interrupted."""

    notes: int = 0

    @am.handler
    async def note(self) -> None:
        """Count one more."""
        self.notes += 1

    @am.handler
    async def count(self) -> int:
        """Return how many there are."""
        return self.notes


async def _until(notes: int) -> None:
    """Wait until so many have got far enough."""
    while await am.ref(Board).count() < notes:
        await am.sleep(0.05)


async def _expire(limit: asyncio.Timeout, notes: int) -> None:
    """Let a timeout pass when so many have got far enough."""
    await _until(notes)
    am.log("gave up")
    limit.reschedule(asyncio.get_running_loop().time())


@am.agent(concurrency=300)
class Fourth:
    """The end of the chain: really does something."""

    cleaned: int = 0

    @am.handler
    async def tool(self, count: Count) -> None:
        """Wait for a tool."""
        am.tell(am.ref(Board).note)
        await wait_outside(count.n)

    @am.handler
    async def sleep(self, count: Count) -> None:
        """Wait inside the kernel."""
        await am.sleep(count.n)

    @am.handler
    async def ask_model(self, text: Text) -> str:
        """Ask a model that does not answer."""
        return await am.llm(text.text)

    @am.handler
    async def retries(self, text: Text) -> None:
        """Ask a model that fails, again and again."""
        await fails_again_and_again(text.text, settings.base_url_of(settings.here()))

    @am.handler
    async def read_stream(self, text: Text) -> str:
        """Read a model's answer piece by piece."""
        stream = await am.openai().chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": text.text}], stream=True
        )
        first = await anext(aiter(stream))
        am.tell(am.ref(Board).note)
        rest = [part.choices[0].delta.content or "" async for part in stream]
        return "".join([first.choices[0].delta.content or "", *rest])

    @am.handler
    async def items(self, count: Count) -> AsyncIterator[int]:
        """Yield without an end, and clean up."""
        try:
            while True:
                for n in range(count.n):
                    yield n
                await am.sleep(0.01)
        finally:
            self.cleaned += 1
            am.log("the generator was closed")

    @am.handler
    async def thread(self, count: Count) -> str:
        """Wait for a thread."""
        return await block_a_thread(count.n)

    @am.handler
    async def stubborn(self, text: Text) -> str:
        """Catch the cancellation once, and go on to ask a model."""
        am.tell(am.ref(Board).note)
        try:
            await am.sleep(FOREVER.n)
        except asyncio.CancelledError:
            am.log("cancelled, and still here")
        return await am.llm(text.text)

    @am.handler
    async def how_often_cleaned(self) -> int:
        """Say how many streams were closed."""
        return self.cleaned


@am.agent(concurrency=300)
class Third:
    """Asks the fourth."""

    @am.handler
    async def tool(self, count: Count) -> None:
        """Hand on."""
        await am.ref(Fourth).tool(count)

    @am.handler
    async def read_stream(self, text: Text) -> str:
        """Hand on."""
        return await am.ref(Fourth).read_stream(text)

    @am.handler
    async def items(self, count: Count) -> AsyncIterator[int]:
        """Hand on what streams."""
        async for n in am.ref(Fourth).items(count):
            yield n


@am.agent(concurrency=300)
class Second:
    """Asks the third."""

    @am.handler
    async def tool(self, count: Count) -> None:
        """Hand on, beside work of its own."""
        await asyncio.gather(am.ref(Third).tool(count), wait_outside(count.n))

    @am.handler
    async def read_stream(self, text: Text) -> str:
        """Hand on."""
        return await am.ref(Third).read_stream(text)

    @am.handler
    async def items(self, count: Count) -> AsyncIterator[int]:
        """Hand on what streams."""
        async for n in am.ref(Third).items(count):
            yield n


@am.agent
class Bystander:
    """Says that it is there: whoever asks it knows that messages before have left."""

    @am.handler
    async def hello(self) -> str:
        """Answer at once."""
        return "hello"


@am.workflow
async def deep_chains(text: Text) -> None:
    """Four hosts wait for each other, and the last for a tool, and for a model's next token."""
    await asyncio.gather(am.ref(Second).tool(FOREVER), am.ref(Second).read_stream(text))


@am.workflow
async def fan_out(text: Text) -> None:
    """Hundreds wait on two hosts: for tools, for models that stream, stall, or are asked again."""
    await asyncio.gather(
        *(am.ref(Fourth, str(n)).tool(FOREVER) for n in range(100)),
        *(am.ref(Third, str(n)).tool(FOREVER) for n in range(100)),
        *(am.ref(Fourth, f"s{n}").read_stream(text) for n in range(20)),
        *(am.ref(Fourth, f"m{n}").ask_model(Text(text="stall")) for n in range(10)),
        *(am.ref(Fourth, f"r{n}").retries(Text(text="break")) for n in range(10)),
    )


@am.workflow
async def stubborn_and_blocked() -> None:
    """Somebody swallows the cancellation, somebody waits for a thread, somebody streams."""

    async def read() -> None:
        async for _ in am.ref(Second).items(Count(n=2)):
            pass

    await asyncio.gather(
        am.ref(Fourth, "stubborn").stubborn(Text(text="after the end")),
        am.ref(Fourth, "thread").thread(Count(n=20)),
        am.ref(Third, "plain").tool(FOREVER),
        read(),
    )


# --- parts of a run that nobody wants any more ----------------------------------------------------


class SiblingError(ValueError):
    """One of several has failed."""


async def _within_a_timeout(ask: Awaitable[str], notes: int) -> None:
    """Wait for an answer until so many have got far enough, and give up."""
    limit = asyncio.timeout(None)
    expiring = asyncio.create_task(_expire(limit, notes))
    try:
        async with limit:
            await ask
    except TimeoutError:
        await expiring


async def _beside_a_failure(text: Text, notes: int) -> None:
    """One task of a group fails when so many have got far enough, and ends the others."""

    async def fails() -> None:
        await _until(notes)
        am.log("failed")
        raise SiblingError

    try:
        async with asyncio.TaskGroup() as group:
            for n in range(20):
                group.create_task(am.ref(Fourth, f"s{n}").read_stream(text))
            group.create_task(am.ref(Second).tool(FOREVER))
            group.create_task(fails())
    except* SiblingError:
        await am.sleep(1.0)


@am.workflow
async def gives_up(text: Text) -> str:
    """Give up a chain that reads a stream, one who catches that, and many siblings; go on."""
    await _within_a_timeout(am.ref(Second).read_stream(text), 1)
    await _within_a_timeout(am.ref(Fourth).stubborn(Text(text="more")), 2)
    await am.sleep(1.0)
    await _beside_a_failure(text, 23)
    return await am.ref(Bystander).hello()


# --- flow control ---------------------------------------------------------------------------------


@am.agent(mailbox=4)
class Slow:
    """Can't keep up."""

    @am.handler
    async def take(self, count: Count) -> None:
        """Take long for each."""
        await wait_outside(count.n)


@am.agent
class Flood:
    """Sends more than the slow one takes, so that it is held."""

    @am.handler
    async def send(self, count: Count) -> None:
        """Send and send."""
        for _ in range(count.n):
            await am.tell(am.ref(Slow).take, FOREVER)
            await am.sleep(0)


@am.workflow
async def somebody_is_held() -> None:
    """A sender is held by flow control when the run is interrupted."""
    await am.ref(Flood).send(Count(n=100_000))


@am.workflow
async def somebody_is_held_and_called_off() -> str:
    """A sender is held by flow control when the ask that it works for is given up."""
    try:
        async with asyncio.timeout(3.0):
            await am.ref(Flood).send(Count(n=100_000))
    except TimeoutError:
        am.log("gave up")
    return await am.ref(Bystander).hello()
