"""Bugs of waiting: for each other, for ever, for somebody else's turn, for what has been."""

# ruff: noqa: RUF012 - state of an agent: each has its own

import asyncio

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.verbs import tell
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.judging import always
from agentmesh.simulation.world import World
from tests.zoo.bugs import Bug, Go


@agent
class Left:
    @handler
    async def work(self, go: Go) -> None:
        await ref(Right).help()

    @handler
    async def help(self) -> None:
        """Help."""


@agent
class Right:
    @handler
    async def work(self, go: Go) -> None:
        if go.fixed:
            await tell(ref(Left).help)
        else:
            await ref(Left).help()

    @handler
    async def help(self) -> None:
        """Help."""


@workflow(deadline="1h")
async def deadlock(go: Go) -> None:
    await asyncio.gather(ref(Left).work(go), ref(Right).work(go))


def nobody_is_stuck(world: World) -> None:
    assert not world.stuck


class Step(Message):
    side: int = 0
    name: str = ""
    fixed: bool = False


@agent
class Walker:
    """Steps aside when somebody comes on its side."""

    side: int = 0
    moves: int = 0

    @handler
    async def meet(self, step: Step) -> None:
        mine = "b" if step.name == "a" else "a"
        if step.side != self.side or (step.fixed and mine == "b"):
            return
        self.side = 1 - self.side
        self.moves += 1
        here = Step(side=self.side, name=mine, fixed=step.fixed)
        await tell(ref(Walker, step.name).meet, here)


@workflow(deadline="1h")
async def livelock(go: Go) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        await tell(ref(Walker, name).meet, Step(side=0, name=other, fixed=go.fixed))


def they_pass(world: World) -> None:
    assert sum(world.agent(Walker, name).moves for name in ("a", "b")) < 20


@agent
class Lock:
    """Grants to one at a time."""

    holder: str = ""
    queue: list[str] = []
    overtaken: dict[str, int] = {}
    worst: int = 0

    @handler
    async def want(self, step: Step) -> None:
        self.queue.append(step.name)
        self.overtaken[step.name] = 0
        if not self.holder:
            await self.grant(step)

    @handler
    async def free(self, step: Step) -> None:
        self.holder = ""
        if self.queue:
            await self.grant(step)

    async def grant(self, step: Step) -> None:
        chosen = self.queue[0] if step.fixed else min(self.queue)
        for each in self.queue[: self.queue.index(chosen)]:
            self.overtaken[each] += 1
        self.worst = max(self.worst, *self.overtaken.values())
        self.queue.remove(chosen)
        self.holder = chosen
        await tell(ref(User, chosen).granted, Step(name=chosen, fixed=step.fixed))


@agent
class User:
    left: int = 3

    @handler
    async def begin(self, step: Step) -> None:
        await tell(ref(Lock).want, step)

    @handler
    async def granted(self, step: Step) -> None:
        self.left -= 1
        await tell(ref(Lock).free, step)
        if self.left > 0:
            await tell(ref(Lock).want, step)


@workflow(deadline="1h")
async def starvation(go: Go) -> None:
    for name in ("a", "b", "z"):
        await tell(ref(User, name).begin, Step(name=name, fixed=go.fixed))


@agent
class Gate:
    opened: bool = False
    waiters: list[str] = []

    @handler
    async def is_open(self) -> bool:
        return self.opened

    @handler
    async def register(self, step: Step) -> None:
        if step.fixed and self.opened:
            await tell(ref(Visitor, step.name).wake)
        else:
            self.waiters.append(step.name)

    @handler
    async def open(self) -> None:
        self.opened = True
        for name in self.waiters:
            await tell(ref(Visitor, name).wake)


@agent
class Visitor:
    inside: bool = False

    @handler
    async def come(self, go: Go) -> None:
        if await ref(Gate).is_open():
            self.inside = True
        else:
            await tell(ref(Gate).register, Step(name="v", fixed=go.fixed))

    @handler
    async def wake(self) -> None:
        self.inside = True


@agent
class Keeper:
    @handler
    async def open(self) -> None:
        await tell(ref(Gate).open)


@workflow(deadline="1h")
async def lost_wakeup(go: Go) -> None:
    await tell(ref(Visitor, "v").come, go)
    await tell(ref(Keeper).open)


def the_visitor_is_inside(world: World) -> None:
    assert world.agent(Visitor, "v").inside


BUGS = [
    Bug("deadlock", deadlock, nobody_is_stuck),
    Bug("livelock", livelock, they_pass),
    Bug(
        "starvation",
        starvation,
        invariants=(
            always("nobody is overtaken twice", lambda world: world.agent(Lock).worst < 2),
        ),
    ),
    Bug("lost wake-up", lost_wakeup, the_visitor_is_inside),
]
