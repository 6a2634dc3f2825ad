"""Bugs of counting: votes, workers, members, and who was sent what."""

# ruff: noqa: RUF012 - state of an agent: each has its own

from agentmesh.sdk.agent import agent, handler
from agentmesh.sdk.message import Message
from agentmesh.sdk.ref import ref
from agentmesh.sdk.supervision import Supervision
from agentmesh.sdk.verbs import spawn, stop, tell
from agentmesh.sdk.workflow import workflow
from agentmesh.simulation.world import World
from tests.zoo.bugs import Bug, Go


class Vote(Message):
    round: int = 0
    voter: str = ""
    yes: bool = False
    fixed: bool = False


@agent
class Chair:
    """Asks twice; each round is decided by the first two votes."""

    round: int = 1
    votes: list[bool] = []
    results: list[bool] = []

    @handler
    async def count(self, vote: Vote) -> None:
        if vote.fixed and vote.round != self.round:
            return
        self.votes.append(vote.yes)
        if len(self.votes) == 2:
            self.results.append(all(self.votes))
            self.round, self.votes = self.round + 1, []
            if self.round == 2:
                for voter in ("a", "b", "c"):
                    ask = Vote(round=2, voter=voter, yes=True, fixed=vote.fixed)
                    await tell(ref(Voter, voter).vote, ask)


@agent
class Voter:
    @handler
    async def vote(self, ask: Vote) -> None:
        await tell(ref(Chair).count, ask)


@workflow(deadline="1h")
async def late_votes(go: Go) -> None:
    for voter in ("a", "b", "c"):
        ask = Vote(round=1, voter=voter, yes=voter != "c", fixed=go.fixed)
        await tell(ref(Voter, voter).vote, ask)


def the_second_round_is_unanimous(world: World) -> None:
    assert world.agent(Chair).results[1:2] != [False]


@agent
class Tally:
    """Needs two of three."""

    voters: list[str] = []
    elected: bool = False

    @handler
    async def count(self, vote: Vote) -> None:
        if vote.fixed and vote.voter in self.voters:
            return
        self.voters.append(vote.voter)
        self.elected = len(self.voters) >= 2


@agent
class Doubtful:
    """Votes again when it is not told in time that its vote has come."""

    told: bool = False

    @handler
    async def vote(self, go: Go) -> None:
        await tell(ref(Tally).count, Vote(voter="d", fixed=go.fixed))
        await tell(ref(Herald).ask)
        await tell(ref(Reminder).remind, go)

    @handler
    async def calm(self) -> None:
        self.told = True

    @handler
    async def again(self, go: Go) -> None:
        if not self.told:
            await tell(ref(Tally).count, Vote(voter="d", fixed=go.fixed))


@agent
class Herald:
    @handler
    async def ask(self) -> None:
        await tell(ref(Doubtful).calm)


@agent
class Reminder:
    @handler
    async def remind(self, go: Go) -> None:
        await tell(ref(Doubtful).again, go)


@workflow(deadline="1h")
async def counted_twice(go: Go) -> None:
    await tell(ref(Doubtful).vote, go)


def nobody_is_elected(world: World) -> None:
    assert not world.agent(Tally).elected


class Task(Message):
    depth: int = 0
    fixed: bool = False


class Change(Message):
    by: int = 0


@agent
class Counter:
    """Knows how many tasks are open, and says when none is."""

    open: int = 0
    finished_at: list[int] = []

    @handler
    async def change(self, change: Change) -> None:
        self.open += change.by
        if not self.open:
            self.finished_at.append(len(self.finished_at))


@agent
class Doer:
    @handler
    async def do(self, task: Task) -> None:
        if not task.fixed:
            await tell(ref(Counter).change, Change(by=1))
        if task.depth:
            if task.fixed:
                await ref(Counter).change(Change(by=2))
            for key in ("l", "r"):
                child = Task(depth=task.depth - 1, fixed=task.fixed)
                await tell(ref(Doer, key).do, child)
        await tell(ref(Counter).change, Change(by=-1))


@workflow(deadline="1h")
async def termination(go: Go) -> None:
    if go.fixed:
        await ref(Counter).change(Change(by=1))
    await tell(ref(Doer).do, Task(depth=1, fixed=go.fixed))


def it_ends_once(world: World) -> None:
    assert len(world.agent(Counter).finished_at) == 1


class Name(Message):
    name: str = ""


@agent(supervision=Supervision("restart"))
class Forgetful:
    members: list[str] = []

    @handler
    async def join(self, member: Name) -> None:
        self.members.append(member.name)

    @handler
    async def stumble(self) -> None:
        raise ValueError("bad message")


@agent(supervision=Supervision("restart", state="last_good"))
class Mindful:
    members: list[str] = []

    @handler
    async def join(self, member: Name) -> None:
        self.members.append(member.name)

    @handler
    async def stumble(self) -> None:
        raise ValueError("bad message")


@agent
class Member:
    @handler
    async def join(self, go: Go) -> None:
        if go.fixed:
            await ref(Mindful).join(Name(name="m"))
        else:
            await ref(Forgetful).join(Name(name="m"))


@agent
class Clumsy:
    @handler
    async def send(self, go: Go) -> None:
        if go.fixed:
            await tell(ref(Mindful).stumble)
        else:
            await tell(ref(Forgetful).stumble)


@workflow(deadline="1h")
async def forgotten_by_restart(go: Go) -> None:
    await tell(ref(Clumsy).send, go)
    await tell(ref(Member).join, go)


def the_member_is_known(world: World) -> None:
    agents = world.agents
    where = "Mindful/main" if "Mindful/main" in agents else "Forgetful/main"
    assert agents[where].instance.members == ["m"]  # type: ignore[attr-defined]


@agent
class Printer:
    printed: int = 0

    @handler
    async def print(self) -> None:
        self.printed += 1


@agent
class Sheet:
    @handler
    async def send(self, go: Go) -> None:
        if go.fixed:
            await ref(Printer).print()
        else:
            await tell(ref(Printer).print)


@workflow(deadline="1h")
async def stopped_too_early(go: Go) -> None:
    spawn(Printer)
    await ref(Sheet).send(go)
    stop(ref(Printer))


def the_sheet_is_printed(world: World) -> None:
    assert world.agent(Printer).printed == 1


BUGS = [
    Bug("late votes", late_votes, the_second_round_is_unanimous),
    Bug("one vote counted twice", counted_twice, nobody_is_elected),
    Bug("termination seen too early", termination, it_ends_once),
    Bug("forgotten by a restart", forgotten_by_restart, the_member_is_known),
    Bug("stopped with work under way", stopped_too_early, the_sheet_is_printed),
]
