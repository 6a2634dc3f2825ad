"""What a run cost: of the tokens on record, by the prices on record."""

from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.effects.prices import PRICES
from agentmesh.testing import ModelServer


class Question(am.Message):
    """What is asked."""

    text: str


@am.agent
class Asker:
    """Asks twice: once as a whole, once as a stream that does not say what it used."""

    @am.handler
    async def ask(self, question: Question) -> str:
        """Ask."""
        return await am.llm(question.text)

    @am.handler
    async def stream(self, question: Question) -> int:
        """Ask for an answer in pieces."""
        stream = await am.openai().chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": question.text}], stream=True
        )
        return len([chunk async for chunk in stream])


@am.workflow(deadline="1m")
async def ask(question: Question) -> str:
    """Ask once."""
    return await am.ref(Asker).ask(question)


@am.workflow(deadline="1m")
async def ask_in_pieces(question: Question) -> int:
    """Ask once, for a stream."""
    return await am.ref(Asker).stream(question)


@pytest.fixture(scope="module")
def server():
    """One model server for all."""
    with ModelServer(seed=1) as made:
        yield made


def recorded(workflow, server, store: Path, run_id: str, **settings: str):
    """Run, and return the run, open."""
    settings = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small", **settings}
    message = Question(text="why?")
    am.run(
        workflow,
        message,
        local=True,
        store=str(store),
        run_id=run_id,
        quiet=True,
        settings=settings,
    )
    return am.open_run(run_id, store=str(store))


def test_the_prices_of_its_time_count(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table that was in force is in the record: a later one changes nothing."""
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."sim-*"]\ninput = 1000000\noutput = 0\n')
    with recorded(ask, server, tmp_path, "dear", **{PRICES: str(prices)}) as run:
        prices.write_text('[models."sim-*"]\ninput = 1\noutput = 0\n')
        monkeypatch.setenv(PRICES, str(prices))
        cost = run.cost()
        found = am.diff(run, run)

    assert cost.usd == found.figures[0].input_tokens > 0
    assert cost.simulated
    assert found.costs == (cost, cost)


def test_a_stream_that_does_not_say_what_it_used_is_not_for_nothing(server, tmp_path: Path) -> None:
    """It cost something, and nobody knows what."""
    with recorded(ask_in_pieces, server, tmp_path, "streamed") as run:
        cost = run.cost()

    assert cost.usd is None
    assert cost.unknown == ["sim-small"]
