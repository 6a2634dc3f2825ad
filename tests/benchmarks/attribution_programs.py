"""Systems of agents in which one thing, or a few, are made to go wrong where one wishes.

All their tools are answered by a `Desk`, which computes the truth, errs by chance now and then, and
errs for certain where a fault is planted. A run has failed if its value is not what was wanted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import agentmesh as am
from agentmesh.errors import EffectError, describe
from agentmesh.simulation.sources import Asked, Outcome

WRONG = 1_000
"""What a wrong answer is off by."""


class Task(am.Message):
    """What to compute."""

    numbers: list[int]


class Result(am.Message):
    """What came of it."""

    value: int
    wanted: int


class Work(am.Message):
    """Something for one agent."""

    numbers: list[int]
    round: int = 0


@am.tool(retries=0)
async def compute(step: str, numbers: list[int], attempt: int = 0) -> int:
    """Add up: what a model or a service would say."""
    raise NotImplementedError(step, numbers, attempt)


@am.tool(retries=0)
async def verify(value: int, numbers: list[int]) -> bool:
    """Say whether a value looks right."""
    raise NotImplementedError(value, numbers)


@dataclass(kw_only=True)
class Fault:
    """Something that goes wrong for certain."""

    agent: str
    step: str
    kind: str = "content"
    """`content`, `fault` or `timing`."""
    occurrence: int = 0


@dataclass(kw_only=True)
class Desk:
    """Answers tools.

    Args:
        faults: What goes wrong for certain.
        noise: How often an answer is wrong by chance.
        blind: How often a wrong value looks right.
    """

    faults: list[Fault] = field(default_factory=list)
    noise: float = 0.0
    blind: float = 0.5
    struck: dict[str, str] = field(default_factory=dict)
    """Effects that went wrong, planted or not: by key, whose."""
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def seconds(self, asked: Asked) -> tuple[float, float]:
        """Return how long an answer takes."""
        slow = self._fault(asked, count=False)
        return (30.0, 30.0) if slow is not None and slow.kind == "timing" else (0.1, 0.1)

    def answer(self, asked: Asked) -> Outcome:
        """Return what a tool says."""
        arguments, chance = asked.request["arguments"], asked.generator()
        truth = sum(arguments["numbers"])
        if asked.name == "verify":
            right = arguments["value"] == truth or chance.random() < self.blind
            return Outcome(result=b"true" if right else b"false")
        fault = self._fault(asked)
        if fault is not None:
            self.struck[asked.command.key] = asked.address
            if fault.kind == "fault":
                return Outcome(error=describe(EffectError("503: overloaded")))
            truth += WRONG if fault.kind == "content" else 0
        elif chance.random() < self.noise:
            self.struck[asked.command.key] = asked.address  # no less an error for being unplanned
            truth += WRONG
        return Outcome(result=str(truth).encode())

    def __call__(self, asked: Asked) -> Outcome:
        """Answer as a function."""
        return self.answer(asked)

    def _fault(self, asked: Asked, *, count: bool = True) -> Fault | None:
        step = str(asked.request["arguments"].get("step", ""))
        place = asked.address, step
        seen = self._seen.get(place, 0)
        if count:
            self._seen[place] = seen + 1
        return next(
            (
                each
                for each in self.faults
                if (each.agent, each.step, each.occurrence) == (*place, seen)
            ),
            None,
        )


# --- a report: plan, search, write, review --------------------------------------------------------


@am.agent
class Searcher:
    """Finds one fact in two steps."""

    @am.handler
    async def find(self, work: Work) -> int:
        """Search, then extract."""
        found = await compute("search", work.numbers)
        return await compute("extract", [found])


@am.agent
class Author:
    """Puts facts together."""

    @am.handler
    async def write(self, work: Work) -> int:
        """Write it."""
        return await compute("write", work.numbers, work.round)


@am.agent
class Reviewer:
    """Looks at what was written; some errors escape it."""

    @am.handler
    async def review(self, work: Work) -> bool:
        """Say whether it may go out."""
        return await verify(work.numbers[0], work.numbers[1:])


@am.workflow(deadline="1h")
async def report(task: Task) -> Result:
    """Find all facts at once, write, let it be reviewed, write again."""
    finds = [
        am.ref(Searcher, f"s{place}").find(Work(numbers=[number]))
        for place, number in enumerate(task.numbers)
    ]
    facts = await asyncio.gather(*finds)
    author = am.ref(Author)
    value = await author.write(Work(numbers=list(facts)))
    if not await am.ref(Reviewer).review(Work(numbers=[value, *facts])):
        value = await author.write(Work(numbers=list(facts), round=1))
    return Result(value=value, wanted=sum(task.numbers))


# --- a line: each hands on to the next ------------------------------------------------------------


@am.agent
class Stage:
    """One stage: adds its number, and hands on."""

    @am.handler
    async def take(self, work: Work) -> int:
        """Add, then ask the next one."""
        first, second, *rest = work.numbers
        total = await compute("add", [first, second])
        if not rest:
            return total
        place = work.round + 1
        return await am.ref(Stage, f"p{place}").take(Work(numbers=[total, *rest], round=place))


@am.workflow(deadline="1h")
async def line(task: Task) -> Result:
    """Let a number go down the line."""
    value = await am.ref(Stage, "p0").take(Work(numbers=[0, *task.numbers]))
    return Result(value=value, wanted=sum(task.numbers))


# --- a vote: most of five -------------------------------------------------------------------------


@am.workflow(deadline="1h")
async def vote(task: Task) -> Result:
    """Ask five, and take what most of them say."""
    work = Work(numbers=task.numbers)
    said = await asyncio.gather(*(am.ref(Author, f"v{place}").write(work) for place in range(5)))
    return Result(value=max(set(said), key=said.count), wanted=sum(task.numbers))


# --- a veto: either of two spoils it --------------------------------------------------------------


@am.workflow(deadline="1h")
async def veto(task: Task) -> Result:
    """Take the largest of what some say: one wrong one is enough."""
    work = Work(numbers=task.numbers)
    said = await asyncio.gather(*(am.ref(Author, f"x{place}").write(work) for place in range(4)))
    return Result(value=max(said), wanted=sum(task.numbers))


# --- a fallback: what is stale is taken where the service fails -----------------------------------


@am.agent
class Fetcher:
    """Asks a service, and else takes what it knows."""

    stale: int = 7

    @am.handler
    async def fetch(self, work: Work) -> int:
        """Fetch it."""
        try:
            return await compute("fetch", work.numbers)
        except am.EffectError:
            return self.stale


@am.workflow(deadline="1h")
async def fallback(task: Task) -> Result:
    """Fetch some numbers, and add them up."""
    fetched = await asyncio.gather(
        *(
            am.ref(Fetcher, f"f{place}").fetch(Work(numbers=[number]))
            for place, number in enumerate(task.numbers)
        )
    )
    value = await am.ref(Author).write(Work(numbers=list(fetched)))
    return Result(value=value, wanted=sum(task.numbers))


# --- patience: who is slow is not waited for ------------------------------------------------------


@am.agent
class Impatient:
    """Waits for an answer, but not for ever."""

    @am.handler
    async def ask(self, work: Work) -> int:
        """Ask, and take nothing for an answer that does not come."""
        try:
            async with asyncio.timeout(5):
                return await compute("ask", work.numbers)
        except TimeoutError:
            return 0


@am.workflow(deadline="1h")
async def patience(task: Task) -> Result:
    """Ask some, and add up what they say."""
    said = await asyncio.gather(
        *(
            am.ref(Impatient, f"w{place}").ask(Work(numbers=[number]))
            for place, number in enumerate(task.numbers)
        )
    )
    value = await am.ref(Author).write(Work(numbers=list(said)))
    return Result(value=value, wanted=sum(task.numbers))


# --- a ledger: two clerks read, compute and write -------------------------------------------------


@am.agent
class Ledger:
    """Keeps a total."""

    total: int = 0

    @am.handler
    async def read(self) -> int:
        """Say it."""
        return self.total

    @am.handler
    async def write(self, work: Work) -> None:
        """Set it."""
        self.total = work.numbers[0]


@am.agent
class Clerk:
    """Reads, computes, writes: between the first and the last, others do, too."""

    @am.handler
    async def book(self, work: Work) -> None:
        """Book a number."""
        books = am.ref(Ledger, "books")
        before = await books.read()
        await books.write(Work(numbers=[await compute("book", [before, *work.numbers])]))


@am.workflow(deadline="1h")
async def ledger(task: Task) -> Result:
    """Let clerks book their numbers at once."""
    await asyncio.gather(
        *(
            am.ref(Clerk, f"c{place}").book(Work(numbers=[number]))
            for place, number in enumerate(task.numbers)
        )
    )
    return Result(value=await am.ref(Ledger, "books").read(), wanted=sum(task.numbers))


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A system with a fault."""

    name: str
    workflow: Callable[..., object]
    numbers: tuple[int, ...]
    faults: tuple[Fault, ...]
    kind: str
    noise: float = 0.0
    agents: tuple[str, ...] = ()
    """Who is to blame, where no effect is: the receiver of what raced."""
    schedule: str = ""
    """Seed of a schedule; empty for the order of sending."""


def _content(agent: str, step: str, occurrence: int = 0) -> Fault:
    return Fault(agent=agent, step=step, occurrence=occurrence)


def planted() -> list[Planted]:
    """Return all systems with faults, the same each time."""
    found = []
    for noise in (0.0, 0.1, 0.2):
        numbers = (3, 5, 8, 13)
        places = [(f"Searcher/s{at}", step) for at in range(4) for step in ("search", "extract")]
        places.append(("Author/main", "write"))
        found += [
            Planted(name="report", workflow=report, numbers=numbers, kind="content", noise=noise,
                    faults=(_content(*place),))
            for place in places
        ]  # fmt: skip
        found += [
            Planted(name="line", workflow=line, numbers=(1, 2, 3, 4, 5, 6), kind="content",
                    noise=noise, faults=(_content(f"Stage/p{at}", "add"),))
            for at in range(6)
        ]  # fmt: skip
    for first in range(4):
        faults = tuple(_content(f"Author/v{(first + at) % 5}", "write") for at in range(3))
        found.append(
            Planted(name="vote", workflow=vote, numbers=(2, 4), kind="content", faults=faults)
        )
    for first in range(4):
        faults = tuple(_content(f"Author/x{(first + at) % 4}", "write") for at in range(2))
        found.append(
            Planted(name="veto", workflow=veto, numbers=(2, 4), kind="content", faults=faults)
        )
    for at in range(4):
        fault = Fault(agent=f"Fetcher/f{at}", step="fetch", kind="fault")
        found.append(
            Planted(name="fallback", workflow=fallback, numbers=(2, 4, 6, 9), kind="fault",
                    faults=(fault,))
        )  # fmt: skip
    for at in range(4):
        fault = Fault(agent=f"Impatient/w{at}", step="ask", kind="timing")
        found.append(
            Planted(name="patience", workflow=patience, numbers=(2, 4, 6, 9), kind="timing",
                    faults=(fault,))
        )  # fmt: skip
    found += [
        Planted(name="ledger", workflow=ledger, numbers=(2, 4), kind="order", faults=(),
                agents=("Ledger/books",), schedule=f"{seed}")
        for seed in range(6)
    ]  # fmt: skip
    return found
