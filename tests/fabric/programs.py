"""Programs that run on Ray in the tests of this folder: each workflow is one situation."""

import asyncio
import os
from collections.abc import AsyncIterator

import agentmesh as am


class Count(am.Message):
    """A number of something, or the number of this one."""

    n: int


class Text(am.Message):
    """Some text."""

    text: str


class Seen(am.Message):
    """Who sent what, in the order of arrival."""

    by_sender: dict[str, list[int]]


class Pids(am.Message):
    """Processes, by agent."""

    pids: dict[str, int]


@am.tool
async def pid() -> int:
    """Return the process a tool runs in."""
    return os.getpid()


# --- order ----------------------------------------------------------------------------------------


class Numbered(am.Message):
    """One of many messages."""

    n: int
    filler: str = ""


@am.agent
class Receiver:
    """Remembers what it got from whom."""

    seen: dict[str, list[int]] = {}  # noqa: RUF012 - each instance gets its own

    @am.handler
    async def take(self, numbered: Numbered) -> None:
        """Remember one."""
        self.seen.setdefault(am.context().sender, []).append(numbered.n)

    @am.handler
    async def report(self) -> Seen:
        """Say what came."""
        return Seen(by_sender=self.seen)


@am.agent
class Sender:
    """Sends many messages to several receivers in turn."""

    @am.handler
    async def send(self, count: Count) -> None:
        """Send to each receiver so many messages, of many sizes, with pauses in between."""
        receivers = [am.ref(Receiver, key) for key in ("a", "b")]
        for n in range(count.n):
            filler = "x" * (n * 7919 % 3000)
            for receiver in receivers:
                am.tell(receiver.take, Numbered(n=n, filler=filler))
            if n % 100 == 99:
                await receivers[0].report()


@am.workflow
async def many_senders(count: Count) -> dict[str, dict[str, list[int]]]:
    """Three senders on one host, two receivers on another."""
    await asyncio.gather(*(am.ref(Sender, key).send(count) for key in ("1", "2", "3")))
    found = {key: await am.ref(Receiver, key).report() for key in ("a", "b")}
    return {key: seen.by_sender for key, seen in found.items()}


@am.agent(concurrency=100)
class Left:
    """Asks Right, and is asked by it."""

    @am.handler
    async def start(self, count: Count) -> int:
        """Ask so many times at once; return the sum of the answers."""
        right = am.ref(Right)
        return sum(await asyncio.gather(*(right.double(Count(n=n)) for n in range(count.n))))

    @am.handler
    async def double(self, count: Count) -> int:
        """Return twice the number."""
        return 2 * count.n


@am.agent(concurrency=100)
class Right:
    """Asks Left, and is asked by it."""

    @am.handler
    async def start(self, count: Count) -> int:
        """Ask so many times at once; return the sum of the answers."""
        left = am.ref(Left)
        return sum(await asyncio.gather(*(left.double(Count(n=n)) for n in range(count.n))))

    @am.handler
    async def double(self, count: Count) -> int:
        """Return twice the number."""
        return 2 * count.n


@am.workflow
async def both_ways(count: Count) -> list[int]:
    """Two hosts ask each other hundreds of times at once."""
    return list(await asyncio.gather(am.ref(Left).start(count), am.ref(Right).start(count)))


@am.agent
class Store:
    """Keeps a text, of any size, under any name."""

    text: str = ""

    @am.handler
    async def keep(self, text: Text) -> Text:
        """Keep it, and return what was kept before with it."""
        before, self.text = self.text, text.text
        return Text(text=before + text.text)


@am.workflow
async def keeps(text: Text) -> Text:
    """Send a text there and get it back, to an agent with an odd key."""
    store = am.ref(Store, "key \ud800 \u2603")
    await store.keep(text)
    return await store.keep(text)


# --- streams, errors, deadlines -------------------------------------------------------------------


@am.agent
class Counter:
    """Streams numbers."""

    @am.handler
    async def count(self, count: Count) -> AsyncIterator[int]:
        """Yield so many numbers, each after a little time."""
        for n in range(count.n):
            await am.sleep(0.001)
            yield n


@am.workflow
async def streams(count: Count) -> list[int]:
    """Collect a stream from another host."""
    return [n async for n in am.ref(Counter).count(count)]


@am.agent
class Clumsy:
    """Raises."""

    @am.handler
    async def look_up(self, text: Text) -> Text:
        """Look something up that is not there."""
        return Text(text=find_in({}, text.text))


def find_in(shelf: dict[str, str], name: str) -> str:
    """Raise, one frame deeper than the handler."""
    return shelf[name]


@am.workflow
async def catches(text: Text) -> list[str]:
    """Catch another host's error by its builtin class."""
    try:
        await am.ref(Clumsy).look_up(text)
    except KeyError as error:
        return [str(error), "".join(error.__notes__)]
    return []


@am.workflow
async def does_not_catch(text: Text) -> Text:
    """Let another host's error end the run."""
    return await am.ref(Clumsy).look_up(text)


@am.agent
class Sleeper:
    """Takes its time."""

    @am.handler
    async def sleep(self, count: Count) -> None:
        """Sleep for so many seconds."""
        await am.sleep(count.n)


@am.workflow(deadline="1s")
async def too_slow() -> None:
    """Ask somebody who needs longer than there is time."""
    await am.ref(Sleeper).sleep(Count(n=3600))


@am.workflow
async def times_out() -> str:
    """Stop waiting for an ask, which is then cancelled on the other host."""
    try:
        async with asyncio.timeout(0.2):
            await am.ref(Sleeper).sleep(Count(n=3600))
    except TimeoutError:
        await am.ref(Sleeper).sleep(Count(n=0))  # only after the other turn has ended
        return "gave up"
    return "slept"


@am.workflow
async def leaves_work_behind() -> None:
    """Return while others are at work: some finish soon, one would not."""
    await am.ref(Sleeper, "short").sleep(Count(n=0))
    am.tell(am.ref(Sleeper, "short").sleep, Count(n=0))
    am.tell(am.ref(Sleeper, "long").sleep, Count(n=3600))


@am.workflow
async def leaves_too_early() -> None:
    """Return when the host of the agent that was told something is not up yet."""
    am.tell(am.ref(Sleeper).sleep, Count(n=0))


# --- places ---------------------------------------------------------------------------------------


@am.agent
class Shared:
    """All instances on one host."""

    @am.handler
    async def where(self) -> int:
        """Say which process this is."""
        return await pid()


@am.agent(per_host=2)
class Packed:
    """Two instances to a host."""

    @am.handler
    async def where(self) -> int:
        """Say which process this is."""
        return await pid()


@am.agent(num_cpus=0.25)
class Alone:
    """Each instance on a host of its own."""

    @am.handler
    async def where(self) -> int:
        """Say which process this is."""
        return await pid()


@am.workflow
async def where_everybody_is() -> Pids:
    """Ask many agents at once where they live; nobody lives anywhere yet."""
    keys = [str(n) for n in range(5)]
    asks = {f"Shared/{key}": am.ref(Shared, key).where() for key in keys}
    asks |= {f"Packed/{key}": am.ref(Packed, key).where() for key in keys}
    asks |= {f"Alone/{key}": am.ref(Alone, key).where() for key in keys[:2]}
    found = await asyncio.gather(*asks.values())
    return Pids(pids=dict(zip(asks, found, strict=True)))


@am.agent
class Asker:
    """Looks for an agent that nobody has looked for before."""

    @am.handler
    async def ask(self) -> int:
        """Ask where it is."""
        return await am.ref(Alone, "popular").where()


@am.agent
class OtherAsker:
    """Another host that does so."""

    @am.handler
    async def ask(self) -> int:
        """Ask where it is."""
        return await am.ref(Alone, "popular").where()


@am.workflow
async def all_look_for_one() -> list[int]:
    """Several hosts ask for the same new agent at the same moment."""
    asks = [am.ref(Asker).ask(), am.ref(OtherAsker).ask(), am.ref(Alone, "popular").where()]
    return list(await asyncio.gather(*asks))


@am.agent(num_gpus=1)
class Gpu:
    """Needs what this machine does not have."""

    @am.handler
    async def answer(self, text: Text) -> Text:
        """Never run."""
        return text


@am.workflow
async def needs_a_gpu(text: Text) -> list[str]:
    """Ask an agent that can't be placed, twice, and tell it something."""
    said = []
    for _ in range(2):
        try:
            await am.ref(Gpu).answer(text)
        except am.AgentMeshError as error:
            said.append(str(error))
    am.tell(am.ref(Gpu).answer, text)
    return said


@am.tool
async def environment(name: str) -> str:
    """Return an environment variable of the host's process."""
    return os.environ.get(name, "")


@am.agent
class Curious:
    """Looks at its process."""

    @am.handler
    async def look(self, text: Text) -> list[str]:
        """Return an environment variable, and the order of a set of strings."""
        return [await environment(text.text), "".join({"a", "b", "c", "d", "e", "f", "g", "h"})]


@am.workflow
async def same_hashes(text: Text) -> list[list[str]]:
    """Compare two hosts."""
    return [
        await am.ref(Curious).look(text),
        [await environment(text.text), "".join({"a", "b", "c", "d", "e", "f", "g", "h"})],
    ]
