"""`am.continue_with`, as programs use it: loops, streams, agents that keep their state."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.journal.records import Recorded
from agentmesh.kernel import commands

ROUNDS = 5


class Page(am.Message):
    """Where a loop is."""

    number: int = 0
    total: float = 0.0


class Other(am.Message):
    """Something else."""


@am.tool
async def look_up(page: int) -> int:
    """Return what is on a page."""
    return page * 10


@am.agent
class Reader:
    """Keeps count while its handler begins again and again."""

    rounds: int = 0

    @am.handler
    async def read(self, page: Page) -> list[float]:
        """Read to the end, one page a turn."""
        self.rounds += 1
        found = await look_up(page.number)
        if page.number < ROUNDS:
            am.continue_with(Page(number=page.number + 1, total=page.total + found))
        return [self.rounds, page.total]

    @am.handler
    async def items(self, page: Page) -> AsyncIterator[str]:
        """Yield a page's number, and go on with the next."""
        yield f"page {page.number} for {am.context().sender}"
        if page.number < 2:
            am.continue_with(Page(number=page.number + 1))

    @am.handler
    async def wrong(self, page: Page) -> str:
        """Go on with what the handler does not take."""
        del page
        try:
            am.continue_with(Other())
        except am.DefinitionError as error:
            return str(error)

    @am.handler
    async def draw(self, page: Page) -> float:
        """Draw a number in each turn: the last is other than the first."""
        drawn = am.random().random()
        if not page.number:
            am.continue_with(Page(number=1, total=drawn))
        return abs(drawn - page.total)


@am.workflow(deadline="20s")
async def reads(page: Page) -> list[float]:
    """Ask once, whatever number of turns it takes."""
    return await am.ref(Reader).read(page)


@am.workflow(deadline="20s")
async def streams() -> list[str]:
    """Hear one stream."""
    return [item async for item in am.ref(Reader).items(Page())]


@am.workflow(deadline="20s")
async def errs() -> str:
    """Ask for the mistake."""
    return await am.ref(Reader).wrong(Page())


@am.workflow(deadline="20s")
async def draws() -> bool:
    """Compare what two turns drew."""
    return await am.ref(Reader).draw(Page()) > 0


@am.workflow(deadline="20s")
async def loops(page: Page) -> float:
    """Go on by itself: a workflow's main loop."""
    found = await look_up(page.number)
    if page.number < ROUNDS:
        am.continue_with(Page(number=page.number + 1, total=page.total + found))
    return page.total


@am.workflow(deadline="0.5s")
async def never_ends() -> None:
    """Go on and on."""
    await am.sleep(0.01)
    am.continue_with()


def run(workflow, *arguments, store: Path):
    """Run here, check that it replays, and return the result."""
    result = am.run(workflow, *arguments, local=True, store=str(store), run_id="r", quiet=True)
    assert am.replay_run("r", store=str(store)).identical
    return result


def outcomes(store: Path) -> list[str]:
    """Return how the messages of the run ended, in order of time."""
    with am.open_run("r", store=str(store)) as opened:
        found = opened.sql("SELECT outcome FROM events WHERE kind = 'finish_turn' ORDER BY time_ns")
    return list(found["outcome"].to_pylist())


def test_a_workflow_goes_on_until_it_returns(tmp_path: Path) -> None:
    """The client gets the result of the last turn."""
    assert run(loops, Page(), store=tmp_path) == 100
    assert outcomes(tmp_path) == ["continued"] * ROUNDS + ["done"]


def test_an_agent_keeps_its_state_and_answers_who_asked(tmp_path: Path) -> None:
    """Local variables are gone, attributes are not; one ask, one answer."""
    assert run(reads, Page(), store=tmp_path) == [ROUNDS + 1, 100]


def test_a_stream_goes_on(tmp_path: Path) -> None:
    """Items of all turns, in order; the sender stays who it was."""
    assert run(streams, store=tmp_path) == [f"page {n} for streams/root" for n in range(3)]


def test_each_turn_draws_its_own_numbers(tmp_path: Path) -> None:
    """A loop with the same luck in each round would be a trap."""
    assert run(draws, store=tmp_path)


def test_going_on_with_a_wrong_message_is_refused_where_it_is_written(tmp_path: Path) -> None:
    """The handler's hints say what it takes, here as in an ask."""
    assert run(errs, store=tmp_path).startswith("Reader.wrong takes Page, not Other.")


def test_it_ends_at_the_deadline_of_the_first_message(tmp_path: Path) -> None:
    """Going on buys no time."""
    with pytest.raises(am.DeadlineExceededError):
        run(never_ends, store=tmp_path)

    assert am.replay_run("r", store=str(tmp_path)).identical
    ended = outcomes(tmp_path)
    assert ended[-1] == "expired"
    assert set(ended[:-1]) == {"continued"}
    assert len(ended) > 3


def test_a_sealed_run_tells_where_a_message_came_from_in_the_first_place(tmp_path: Path) -> None:
    """The column `origin`, and the same records from a sealed run as from a log."""
    run(reads, Page(), store=tmp_path)
    with am.open_run("r", store=str(tmp_path)) as opened:
        found = opened.sql(
            "SELECT DISTINCT peer, origin FROM events "
            "WHERE message_kind = 'continue' AND kind = 'delivered'"
        )
        records: list[Recorded] = list(opened.entries())
    ends = [each.body for each in records if isinstance(each.body, commands.FinishTurn)]

    assert found.to_pylist() == [{"peer": "Reader/main", "origin": "reads/root"}]
    assert [end.outcome for end in ends].count(commands.CONTINUED) == ROUNDS
