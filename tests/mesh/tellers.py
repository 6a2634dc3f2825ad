"""Two tellers and one account, and the experiments that tests make of them."""

import asyncio

import agentmesh as am


class Amount(am.Message):
    """Money."""

    value: int = 1


class Purse(am.Message):
    """What there is at first, and who asks a model about it."""

    value: int = 0
    model: str = ""


class Counting(am.Message):
    """How long tellers count before they write."""

    seconds: float


@am.agent
class Account:
    """Counts money."""

    balance: int = 0

    @am.handler
    async def read(self) -> int:
        """Say what there is."""
        return self.balance

    @am.handler
    async def write(self, amount: Amount) -> None:
        """Take what was said for what there is."""
        self.balance = amount.value

    @am.handler
    async def add(self, amount: Amount) -> None:
        """Add to what there is."""
        self.balance += amount.value


async def writes() -> None:
    """Read, then write: in between, others do, too."""
    account = am.ref(Account)
    await am.sleep(am.random().random() * 0.3)
    await account.write(Amount(value=await account.read() + 1))


async def adds() -> None:
    """Leave the adding to the account."""
    await am.ref(Account).add(Amount())


@am.workflow(deadline="1m")
async def writing() -> int:
    """Two tellers who may lose one another's money."""
    await asyncio.gather(writes(), writes())
    return await am.ref(Account).read()


@am.workflow(deadline="1m")
async def adding() -> int:
    """Two tellers who do not."""
    await asyncio.gather(adds(), adds())
    return await am.ref(Account).read()


@am.workflow(deadline="1m")
async def asking(purse: Purse) -> str:
    """Ask a model."""
    return await am.llm(f"How much is {purse.value}?", model=purse.model or None)


@am.workflow(deadline="1m")
async def breaking(purse: Purse) -> int:
    """Fail now and then, and say so."""
    if am.random().random() * 10 < purse.value:
        message = "the purse has a hole"
        raise ValueError(message)
    return purse.value


async def counts(counting: Counting) -> None:
    """Come at some time, read, count, write."""
    account = am.ref(Account)
    await am.sleep(am.random().random() * 3)
    balance = await account.read()
    await am.sleep(counting.seconds)
    await account.write(Amount(value=balance + 1))


@am.workflow(deadline="1m")
async def hurrying(counting: Counting) -> int:
    """Two tellers who lose money if they come within the time that one counts."""
    await asyncio.gather(counts(counting), counts(counting))
    return await am.ref(Account).read()


@am.tool
async def opinion(purse: int) -> bool:
    """Say whether a purse is big enough."""
    return purse > 0


@am.agent
class Juror:
    """Asks for an opinion."""

    said: bool = False

    @am.handler
    async def judge(self, amount: Amount) -> bool:
        """Ask."""
        self.said = await opinion(amount.value)
        return self.said


@am.workflow(deadline="1m")
async def jury() -> int:
    """Three jurors, one after the other: how many say yes."""
    yes = 0
    for name in "abc":
        yes += await am.ref(Juror, name).judge(Amount(value=yes))
    return yes
