"""Programs whose results are known, however often and whatever part of them is killed.

Each agent notes for itself whether what it got came once and in order; a result has these
notes, so that it is the expected one only if nothing was lost, doubled or overtaken.
"""

import asyncio

import agentmesh as am


class Size(am.Message):
    """How much is done: so many times, by so many."""

    n: int
    width: int = 2
    place: str = ""
    """Path of a file or folder, where a program needs one."""


class Numbers(am.Message):
    """A result: numbers by name."""

    by_name: dict[str, int]


class Item(am.Message):
    """One of many messages of one sender."""

    n: int
    filler: str = ""


# --- counters -------------------------------------------------------------------------------------


@am.agent(num_cpus=0)
class Counter:
    """Adds up what it gets; on a host of its own."""

    total: int = 0
    unexpected: int = 0
    latest: dict[str, int] = {}  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def add(self, item: Item) -> None:
        """Add one number; each sender's numbers come one by one."""
        sender = am.context().sender
        if item.n != self.latest.get(sender, 0) + 1:
            self.unexpected += 1
        self.latest[sender] = item.n
        self.total += item.n

    @am.handler
    async def report(self) -> Numbers:
        """Say what came."""
        return Numbers(by_name={"total": self.total, "unexpected": self.unexpected})


@am.agent
class Feeder:
    """Sends numbers to two counters."""

    @am.handler
    async def feed(self, size: Size) -> None:
        """Send the numbers from 1 on to each counter, of many sizes, with pauses in between."""
        counters = [am.ref(Counter, key) for key in ("a", "b")]
        for n in range(1, size.n + 1):
            for counter in counters:
                am.tell(counter.add, Item(n=n, filler="x" * (n * 7919 % 300)))
            if n % 50 == 0:
                await asyncio.gather(*(counter.report() for counter in counters))


@am.workflow(deadline="20m")
async def counters(size: Size) -> Numbers:
    """Let feeders feed counters."""
    await asyncio.gather(*(am.ref(Feeder, str(n)).feed(size) for n in range(size.width)))
    reports = {key: await am.ref(Counter, key).report() for key in ("a", "b")}
    return Numbers(
        by_name={
            f"{key} {name}": value
            for key, report in reports.items()
            for name, value in report.by_name.items()
        }
    )


def counters_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `counters`."""
    total = size.width * size.n * (size.n + 1) // 2
    return {"a total": total, "a unexpected": 0, "b total": total, "b unexpected": 0}


# --- bank -----------------------------------------------------------------------------------------

ACCOUNTS = 6
OPENING = 1_000


class Transfer(am.Message):
    """Money on its way from one account to another."""

    id: str
    source: int
    target: int
    amount: int


def transfer_of(teller: int, n: int) -> Transfer:
    """Return the nth transfer of a teller."""
    source = (teller + n) % ACCOUNTS
    target = (source + 1 + n * 7 % (ACCOUNTS - 1)) % ACCOUNTS
    return Transfer(id=f"{teller}/{n}", source=source, target=target, amount=1 + n * 13 % 50)


@am.agent(per_host=3)
class Account:
    """Money, and every booking of it."""

    balance: int = OPENING
    booked: dict[str, int] = {}  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def withdraw(self, transfer: Transfer) -> None:
        """Book the one half of a transfer."""
        self.balance -= transfer.amount
        self._book(f"- {transfer.id}")

    @am.handler
    async def deposit(self, transfer: Transfer) -> None:
        """Book the other half of a transfer."""
        self.balance += transfer.amount
        self._book(f"+ {transfer.id}")

    def _book(self, what: str) -> None:
        self.booked[what] = self.booked.get(what, 0) + 1

    @am.handler
    async def report(self) -> Numbers:
        """Say how much there is, and how it came about."""
        again = sum(1 for count in self.booked.values() if count != 1)
        numbers = {"balance": self.balance, "booked": len(self.booked), "booked again": again}
        return Numbers(by_name=numbers)


@am.agent
class Teller:
    """Carries out transfers, several at once."""

    @am.handler
    async def work(self, size: Size) -> None:
        """Carry out so many transfers; the place says who this is."""
        teller = int(size.place)
        for start in range(0, size.n, 4):
            many = range(start, min(start + 4, size.n))
            await asyncio.gather(*(self._transfer(transfer_of(teller, n)) for n in many))

    async def _transfer(self, transfer: Transfer) -> None:
        await am.ref(Account, str(transfer.source)).withdraw(transfer)
        await am.ref(Account, str(transfer.target)).deposit(transfer)


@am.workflow(deadline="20m")
async def bank(size: Size) -> Numbers:
    """Let tellers move money among accounts."""
    works = [Size(n=size.n, place=str(teller)) for teller in range(size.width)]
    await asyncio.gather(*(am.ref(Teller, each.place).work(each) for each in works))
    reports = {n: await am.ref(Account, str(n)).report() for n in range(ACCOUNTS)}
    return Numbers(
        by_name={
            f"{n} {name}": value
            for n, report in reports.items()
            for name, value in report.by_name.items()
        }
    )


def bank_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `bank`."""
    balances, booked = [OPENING] * ACCOUNTS, [0] * ACCOUNTS
    for teller in range(size.width):
        for n in range(size.n):
            transfer = transfer_of(teller, n)
            balances[transfer.source] -= transfer.amount
            balances[transfer.target] += transfer.amount
            booked[transfer.source] += 1
            booked[transfer.target] += 1
    assert sum(balances) == ACCOUNTS * OPENING
    expected: dict[str, int] = {}
    for n in range(ACCOUNTS):
        expected |= {f"{n} balance": balances[n], f"{n} booked": booked[n], f"{n} booked again": 0}
    return expected


# --- a token ring ---------------------------------------------------------------------------------

RING = 4


class Token(am.Message):
    """Goes round and round."""

    id: int
    hops_left: int


@am.agent(num_cpus=0)
class Station:
    """One place of the ring, on a host of its own."""

    passed: int = 0

    @am.handler
    async def take(self, token: Token) -> None:
        """Pass a token on to the next station."""
        self.passed += 1
        if token.hops_left == 0:
            am.tell(am.ref(Terminus).arrive, token)
            return
        number = (int(am.context().key) + 1) % RING
        onward = Token(id=token.id, hops_left=token.hops_left - 1)
        am.tell(am.ref(Station, str(number)).take, onward)

    @am.handler
    async def report(self) -> Numbers:
        """Say how often a token was here."""
        return Numbers(by_name={"passed": self.passed})


@am.agent
class Terminus:
    """Where tokens end."""

    arrivals: list[int] = []  # noqa: RUF012 - state of an agent: each has its own

    @am.handler
    async def arrive(self, token: Token) -> None:
        """Keep a token."""
        self.arrivals.append(token.id)

    @am.handler
    async def report(self) -> Numbers:
        """Say how many are here, and whether each is here once."""
        again = len(self.arrivals) - len(set(self.arrivals))
        return Numbers(by_name={"arrived": len(self.arrivals), "again": again})


@am.workflow(deadline="20m")
async def ring(size: Size) -> Numbers:
    """Let tokens go round a ring; all start one after the other at the first station."""
    for n in range(size.width):
        am.tell(am.ref(Station, "0").take, Token(id=n, hops_left=size.n))
    arrived = await am.ref(Terminus).report()
    while arrived.by_name["arrived"] < size.width:
        await am.sleep(0.05)
        arrived = await am.ref(Terminus).report()
    numbers = dict(arrived.by_name)
    for n in range(RING):
        numbers[f"passed {n}"] = (await am.ref(Station, str(n)).report()).by_name["passed"]
    return Numbers(by_name=numbers)


def ring_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `ring`."""
    passed = {f"passed {n}": 0 for n in range(RING)}
    for hop in range(size.n + 1):
        passed[f"passed {hop % RING}"] += size.width
    return {"arrived": size.width, "again": 0, **passed}


# --- map and reduce -------------------------------------------------------------------------------

REDUCERS = 3


class Words(am.Message):
    """Some words, or words and how often each was seen."""

    part: int
    counts: dict[str, int]


def words_of(part: int) -> list[str]:
    """Return the words of one part of the text."""
    return [f"word{(part * 31 + n * n) % 97}" for n in range(40)]


def reducer_of(word: str) -> int:
    """Return who counts a word."""
    return int(word.removeprefix("word")) % REDUCERS


@am.agent(per_host=2, concurrency=4)
class Mapper:
    """Counts words within parts."""

    @am.handler
    async def count(self, part: Item) -> None:
        """Count the words of a part, and hand the counts to who is concerned."""
        shares: dict[int, dict[str, int]] = {}
        for word in words_of(part.n):
            share = shares.setdefault(reducer_of(word), {})
            share[word] = share.get(word, 0) + 1
        for reducer, counts in shares.items():
            am.tell(am.ref(Reducer, str(reducer)).add, Words(part=part.n, counts=counts))
        await asyncio.gather(*(am.ref(Reducer, str(each)).report() for each in shares))


@am.agent(num_cpus=0)
class Reducer:
    """Adds up counts."""

    counts: dict[str, int] = {}  # noqa: RUF012 - state of an agent: each has its own
    parts: list[int] = []  # noqa: RUF012 - as above

    @am.handler
    async def add(self, words: Words) -> None:
        """Add the counts of a part."""
        self.parts.append(words.part)
        for word, count in words.counts.items():
            self.counts[word] = self.counts.get(word, 0) + count

    @am.handler
    async def report(self) -> Numbers:
        """Say how many parts came."""
        return Numbers(by_name={"parts": len(self.parts)})

    @am.handler
    async def result(self) -> Numbers:
        """Say what was counted."""
        return Numbers(by_name=dict(sorted(self.counts.items())))


@am.workflow(deadline="20m")
async def word_count(size: Size) -> Numbers:
    """Count the words of a text in parts."""
    for start in range(0, size.n, 8):
        parts = range(start, min(start + 8, size.n))
        mappers = [am.ref(Mapper, str(part % size.width)) for part in parts]
        pairs = zip(mappers, parts, strict=True)
        await asyncio.gather(*(mapper.count(Item(n=part)) for mapper, part in pairs))
    results = [await am.ref(Reducer, str(n)).result() for n in range(REDUCERS)]
    return Numbers(by_name={name: n for each in results for name, n in each.by_name.items()})


def word_count_expected(size: Size) -> dict[str, int]:
    """Return the numbers of `word_count`."""
    counts: dict[str, int] = {}
    for part in range(size.n):
        for word in words_of(part):
            counts[word] = counts.get(word, 0) + 1
    return counts
