"""Programs whose causal graph is known: what depends on what is written in their input."""

import agentmesh as am

CALLS: list[str] = []
"""Tools that were performed for real, in this process."""
EXTRA: list[int] = []
"""What other code would do: empty when runs are recorded."""


class Graph(am.Message):
    """Nodes in order, each with the nodes before it that it depends on."""

    parents: list[list[int]]
    kinds: list[str]


class Inputs(am.Message):
    """What a node is computed of."""

    kind: str
    values: list[int]


def value_of(kind: str, values: list[int]) -> int:
    """Return what a node comes to."""
    if kind == "or":
        return int(any(values))
    if kind == "and":
        return int(all(values))
    return sum(values) % 7 + 1


@am.tool
async def compute(kind: str, values: list[int]) -> int:
    """Compute a node: deterministic, and counted."""
    CALLS.append(kind)
    return value_of(kind, values)


@am.tool(idempotent=False)
async def pay(amount: int) -> str:
    """Do what can't be taken back."""
    CALLS.append("pay")
    return f"paid {amount}"


@am.agent
class Node:
    """One node of the graph."""

    worked: int = 0

    @am.handler
    async def work(self, inputs: Inputs) -> int:
        """Compute it."""
        self.worked += 1
        return await compute(inputs.kind, inputs.values)


@am.workflow(deadline="1m")
async def evaluate(graph: Graph) -> list[int]:
    """Compute all nodes, each after those it depends on."""
    values: list[int] = []
    for number, parents in enumerate(graph.parents):
        inputs = Inputs(kind=graph.kinds[number], values=[values[each] for each in parents])
        values.append(await am.ref(Node, f"n{number}").work(inputs))
    return values


class Bid(am.Message):
    """What somebody offers."""

    who: str
    amount: int


@am.agent
class Bidder:
    """Makes an offer."""

    @am.handler
    async def bid(self) -> str:
        """Look up how much, and offer it."""
        amount = await compute("sum", [len(am.context().key), *EXTRA])
        return await am.ref(Auction, "a").offer(Bid(who=am.context().key, amount=amount))


@am.agent
class Auction:
    """Sells to the first who offers enough."""

    sold_to: str = ""
    offers: int = 0

    @am.handler
    async def offer(self, bid: Bid) -> str:
        """Sell, unless it is sold."""
        self.offers += 1
        if self.sold_to:
            return "too late"
        self.sold_to = bid.who
        return await pay(bid.amount)


@am.workflow(deadline="1m")
async def auction() -> dict[str, str]:
    """Let two bid, one after the other."""
    first = await am.ref(Bidder, "Ann").bid()
    second = await am.ref(Bidder, "Bernd").bid()
    return {"Ann": first, "Bernd": second}


class Question(am.Message):
    """What a model is asked."""

    text: str


@am.agent
class Writer:
    """Asks a model."""

    @am.handler
    async def write(self, question: Question) -> str:
        """Return what the model says."""
        answer = await am.openai().chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": question.text}]
        )
        return str(answer.choices[0].message.content)


@am.workflow(deadline="1m")
async def questions() -> list[str]:
    """Ask twice, one after the other."""
    writer = am.ref(Writer)
    return [await writer.write(Question(text=text)) for text in ("one, brief", "two, brief")]


@am.agent
class Counter:
    """Counts what it is told."""

    total: int = 0
    names: list[str] = []  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def add(self, bid: Bid) -> int:
        """Add an amount, and ask outside what that comes to."""
        self.total += bid.amount
        self.names.append(bid.who)
        return await compute("sum", [self.total])


@am.agent
class Doubler:
    """Counts everything twice."""

    total: int = 0

    @am.handler
    async def add(self, bid: Bid) -> int:
        """Add twice the amount."""
        self.total += 2 * bid.amount
        return await compute("sum", [self.total])


@am.workflow(deadline="1m")
async def counting() -> list[int]:
    """Count to six, one after the other, by two counters."""
    counters = [am.ref(Counter, "a"), am.ref(Counter, "b")]
    return [await counters[n % 2].add(Bid(who=str(n), amount=n)) for n in range(1, 7)]


@am.tool
async def warm_ups() -> int:
    """Look up how many there are to be."""
    return 0


@am.workflow(deadline="1m")
async def chores() -> list[int]:
    """Ask outside how many to warm up, then ask three, each twice."""
    for number in range(await warm_ups()):
        await am.ref(Node, f"warm{number}").work(Inputs(kind="sum", values=[number]))
    return [
        await am.ref(Node, f"n{number % 3}").work(Inputs(kind="sum", values=[number]))
        for number in range(6)
    ]


@am.agent
class Pair:
    """Has a turn open from beginning to end."""

    @am.handler
    async def long(self) -> int:
        """Take several steps."""
        return sum([await compute("sum", [number]) for number in range(3)])


@am.agent
class OtherPair:
    """Does it at once."""

    @am.handler
    async def long(self) -> int:
        """Take none."""
        return -1


@am.workflow(deadline="1m")
async def long_turn() -> int:
    """Ask once."""
    return await am.ref(Pair).long()
