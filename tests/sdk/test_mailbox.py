"""Agents whose mailbox is full, as programs see them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agentmesh as am
from agentmesh.sdk.agent import agent_type_of


class Job(am.Message):
    """Something to do."""

    number: int


@am.tool
async def work(number: int) -> int:
    """Take a moment."""
    await asyncio.sleep(0.01)
    return number


@am.agent(mailbox=2, overflow="reject")
class Clerk:
    """Turns people away when three wait."""

    @am.handler
    async def handle(self, job: Job) -> int:
        """Do it."""
        return await work(job.number)


@am.agent(mailbox=1, overflow="drop_oldest")
class Ticker:
    """Wants the latest only."""

    seen: list[int] = []  # noqa: RUF012 - state: each instance gets its own copy

    @am.handler
    async def price(self, job: Job) -> None:
        """Take one in."""
        self.seen.append(await work(job.number))

    @am.handler
    async def all_seen(self) -> list[int]:
        """Return what was taken in."""
        return self.seen


async def outcome(job: Job) -> int | str:
    """Ask the clerk; return the result, or the error's name."""
    try:
        return await am.ref(Clerk).handle(job)
    except am.MailboxFullError as error:
        return type(error).__name__


@am.workflow(deadline="20s")
async def crowd() -> list[int | str]:
    """Come all at once."""
    return await asyncio.gather(*(outcome(Job(number=number)) for number in range(5)))


@am.workflow(deadline="20s")
async def market() -> list[int]:
    """Tell many prices at once, and look later."""
    ticker = am.ref(Ticker)
    for number in range(5):
        am.tell(ticker.price, Job(number=number))
    await am.sleep("1s")
    return await ticker.all_seen()


def run(workflow: Callable[[], Any], store: Path) -> Any:
    """Run here, check that it replays, and return the result."""
    result = am.run(workflow, local=True, store=str(store), run_id="r", quiet=True)
    assert am.replay_run("r", store=str(store)).identical
    return result


def test_an_asker_catches_that_there_was_no_place(tmp_path: Path) -> None:
    """One is handled, two wait, and two are told at once."""
    assert run(crowd, tmp_path) == [0, 1, 2, "MailboxFullError", "MailboxFullError"]


def test_the_oldest_are_dropped_and_on_record(tmp_path: Path) -> None:
    """The first is being handled, the last waited; those in between are dead letters."""
    assert run(market, tmp_path) == [0, 4]
    with am.open_run("r", store=str(tmp_path)) as opened:
        found = opened.sql(
            "SELECT message, error->>'$.type' AS type FROM events WHERE outcome = 'dead'"
        )

    assert found["message"].to_pylist() == ["market/root#2", "market/root#3", "market/root#4"]
    assert set(found["type"].to_pylist()) == {"agentmesh.errors.MailboxFullError"}


def test_mailboxes_have_a_size_unless_the_agent_says_otherwise() -> None:
    """Memory has an end; so has what may wait in it."""

    @am.agent
    async def plain(job: Job) -> int:
        return job.number

    @am.agent(mailbox=None)
    async def endless(job: Job) -> int:
        return job.number

    made, other = agent_type_of(plain), agent_type_of(endless)
    assert (made.mailbox, made.overflow) == (1000, "block")
    assert (other.mailbox, other.overflow) == (None, "block")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"mailbox": 0}, "has mailbox=0. It is how many .* from 1, or None"),
        ({"mailbox": -3}, "has mailbox=-3"),
        ({"mailbox": True}, "has mailbox=True"),
        ({"mailbox": "many"}, "has mailbox='many'"),
        ({"mailbox": 1.5}, "has mailbox=1.5"),
        ({"overflow": "explode"}, "overflow='explode'.* 'block', 'reject', 'drop_oldest'"),
        ({"overflow": None}, "has overflow=None"),
        ({"mailbox": None, "overflow": "reject"}, "overflow='reject' and mailbox=None"),
    ],
)
def test_a_mailbox_that_can_not_work_is_refused_when_it_is_written(
    options: dict[str, Any], what: str
) -> None:
    """At import, with the way out."""
    with pytest.raises(am.DefinitionError, match=what):

        @am.agent(**options)
        async def never(job: Job) -> int:
            return job.number
