"""Bugs of messages that come in another order than their writer thought."""

# ruff: noqa: RUF012 - state of an agent: each has its own

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.verbs import tell
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.world import World
from tests.zoo.bugs import Bug, Go


class Text(Message):
    text: str = ""
    place: int = -1


@agent
class File:
    lines: list[str] = []
    closed: bool = False
    lost: int = 0

    @handler
    async def write(self, line: Text) -> None:
        if self.closed:
            self.lost += 1
        else:
            self.lines.append(line.text)

    @handler
    async def close(self) -> None:
        self.closed = True


@agent
class Writer:
    @handler
    async def write(self, go: Go) -> None:
        if go.fixed:
            await ref(File).write(Text(text="last"))
        else:
            await tell(ref(File).write, Text(text="last"))


@workflow(deadline="1h")
async def closed_too_early(go: Go) -> None:
    await ref(Writer).write(go)
    await tell(ref(File).close)


def nothing_is_lost(world: World) -> None:
    assert world.agent(File).lost == 0


@agent
class Worker:
    """Needs its settings before its first job."""

    settings: str = ""
    failed: int = 0
    waiting: list[str] = []
    done: list[str] = []

    @handler
    async def configure(self, settings: Text) -> None:
        self.settings = settings.text
        self.done += self.waiting
        self.waiting = []

    @handler
    async def work(self, go: Go) -> None:
        if self.settings:
            self.done.append("job")
        elif go.fixed:
            self.waiting.append("job")
        else:
            self.failed += 1


@agent
class Configurer:
    @handler
    async def configure(self) -> None:
        await tell(ref(Worker).configure, Text(text="fast"))


@workflow(deadline="1h")
async def job_before_settings(go: Go) -> None:
    await tell(ref(Configurer).configure)
    await tell(ref(Relay, "slow").job, go)


@agent
class Relay:
    @handler
    async def job(self, go: Go) -> None:
        await tell(ref(Worker).work, go)

    @handler
    async def hand_on(self, line: Text) -> None:
        await tell(ref(Document).append, line)


def the_job_is_done(world: World) -> None:
    assert world.agent(Worker).done == ["job"]


@agent
class Document:
    parts: list[str] = []
    later: dict[int, str] = {}

    @handler
    async def append(self, line: Text) -> None:
        if line.place < 0:
            self.parts.append(line.text)
            return
        self.later[line.place] = line.text
        while len(self.parts) in self.later:
            self.parts.append(self.later.pop(len(self.parts)))


@workflow(deadline="1h")
async def reordered_append(go: Go) -> None:
    for place, text in enumerate(("one", "two", "three")):
        line = Text(text=text, place=place if go.fixed else -1)
        await tell(ref(Relay, text).hand_on, line)


def the_text_is_in_order(world: World) -> None:
    assert world.agent(Document).parts == ["one", "two", "three"]


class Join(Message):
    who: str = ""
    again: bool = False


@agent
class Hub:
    members: list[str] = []
    past: list[str] = []

    @handler
    async def join(self, member: Join) -> None:
        self.members.append(member.who)
        if member.again:
            for text in self.past:
                await tell(ref(Listener, member.who).hear, Text(text=text))

    @handler
    async def publish(self, news: Text) -> None:
        self.past.append(news.text)
        for member in self.members:
            await tell(ref(Listener, member).hear, news)


@agent
class Listener:
    heard: list[str] = []

    @handler
    async def start(self, go: Go) -> None:
        await tell(ref(Hub).join, Join(who="l", again=go.fixed))

    @handler
    async def hear(self, news: Text) -> None:
        self.heard.append(news.text)


@agent
class Reporter:
    @handler
    async def report(self) -> None:
        await tell(ref(Hub).publish, Text(text="news"))


@workflow(deadline="1h")
async def publish_before_subscribe(go: Go) -> None:
    await tell(ref(Listener, "l").start, go)
    await tell(ref(Reporter).report)


def the_news_is_heard(world: World) -> None:
    assert world.agent(Listener, "l").heard == ["news"]


@agent
class Primary:
    value: str = "old"

    @handler
    async def put(self, value: Text) -> None:
        self.value = value.text
        await tell(ref(Replica).copy, value)

    @handler
    async def get(self) -> str:
        return self.value


@agent
class Replica:
    value: str = "old"

    @handler
    async def copy(self, value: Text) -> None:
        self.value = value.text

    @handler
    async def get(self) -> str:
        return self.value


@workflow(deadline="1h")
async def read_your_write(go: Go) -> str:
    await ref(Primary).put(Text(text="new"))
    return await (ref(Primary).get() if go.fixed else ref(Replica).get())


def the_write_is_read(world: World) -> None:
    assert world.value() == "new"


BUGS = [
    Bug("closed before the last write", closed_too_early, nothing_is_lost),
    Bug("message before initialisation", job_before_settings, the_job_is_done),
    Bug("reordered append", reordered_append, the_text_is_in_order),
    Bug("publish before subscribe", publish_before_subscribe, the_news_is_heard),
    Bug("stale replica", read_your_write, the_write_is_read),
]
