"""What model calls cost: the table, and what names find in it."""

import json
from pathlib import Path

import pytest

from agentmesh.causality.usage import Usage, usage_of
from agentmesh.effects import prices
from agentmesh.effects.prices import Price
from agentmesh.errors import UsageError

USED = Usage(calls=1, input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000)


def test_cached_input_is_charged_at_its_own_price() -> None:
    """600,000 tokens at $2, 400,000 at $0.5, and 100,000 out at $8."""
    price = Price(input=2, cached_input=0.5, output=8)

    assert price.of(USED) == pytest.approx(1.2 + 0.2 + 0.8)
    assert Price(input=2, output=8).of(USED) == pytest.approx(2.8)


@pytest.mark.parametrize(
    "name", ["gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"]
)
def test_a_model_is_found_by_its_name_without_provider_and_date(name: str) -> None:
    """Answers name the very version that answered."""
    assert prices.in_force({}, {}).price_of(name) == prices.BUILT_IN["gpt-4o"]


def test_a_model_without_a_price_costs_an_unknown_sum() -> None:
    """Neither nothing, nor what a model with the beginning of its name costs."""
    table = prices.in_force({}, {})
    cost = table.total({"gpt-4o": USED, "gpt-4o-of-my-own": USED})

    assert table.cost_of("gpt-4o-of-my-own", USED) is None
    assert cost.usd is None
    assert cost.unknown == ["gpt-4o-of-my-own"]
    assert cost.known_usd == table.cost_of("gpt-4o", USED)


def test_calls_that_do_not_say_what_they_used_cost_an_unknown_sum() -> None:
    """A stream says it only if it is asked to."""
    cost = prices.in_force({}, {}).total({"gpt-4o": Usage(calls=1, uncounted=1)})

    assert cost.usd is None
    assert cost.known_usd == 0


def test_what_the_user_names_goes_before_what_is_built_in(tmp_path: Path) -> None:
    """A pattern replaces the built-in prices that it covers, and an exact name a pattern."""
    file = tmp_path / "prices.toml"
    file.write_text('[models."gpt-*"]\ninput = 7\n[models.gpt-4o]\ninput = 1\noutput = 2\n')
    table = prices.in_force({prices.PRICES: str(file)}, {prices.PRICES: "/not/there"})

    assert table.price_of("gpt-5") == Price(input=7, output=0)
    assert table.price_of("gpt-4o-2024-08-06") == Price(input=1, output=2)
    assert table.price_of("o3") == prices.BUILT_IN["o3"]
    assert prices.recorded(json.loads(json.dumps(table.as_json()))) == table


@pytest.mark.parametrize(
    "text",
    [
        "models = 3",
        "[models.a]\noutput = 1",
        "[models.a]\ninput = -1",
        "[models.a]\ninput = nan",
        "[models.a]\ninput = true",
        "[models.a]\ninput = 1\nper_call = 2",
        "[model.a]\ninput = 1",
        "[models.a\n",
    ],
)
def test_a_table_that_can_not_be_one_is_refused(tmp_path: Path, text: str) -> None:
    """A wrong price is worse than none."""
    file = tmp_path / "prices.toml"
    file.write_text(text)

    with pytest.raises(UsageError, match=r"prices\.toml"):
        prices.in_force({}, {prices.PRICES: str(file)})


def test_a_run_without_prices_costs_an_unknown_sum() -> None:
    """Of runs that were recorded before there were any, or that somebody has edited."""
    assert prices.recorded({}).total({"gpt-4o": USED}).usd is None
    assert prices.recorded({"usd_per_million_tokens": {"gpt-4o": "x"}}).models == {}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None},
            Usage(calls=1, input_tokens=9, output_tokens=2),
        ),
        (
            {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 4}},
            Usage(calls=1, input_tokens=9, cached_tokens=4, output_tokens=2),
        ),
        (
            {"input_tokens": 9, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3},
            Usage(calls=1, input_tokens=16, cached_tokens=4, written_tokens=3),
        ),
    ],
)
def test_what_providers_count_alike_is_read_alike(usage: object, expected: Usage) -> None:
    """Some count what came from a cache among the input, some beside it."""
    plain = {"status": 200, "json": {"model": "m", "usage": usage}}
    streamed = {"streamed_bytes": 5, "usage": usage, "model": "m"}

    assert usage_of(json.dumps(plain).encode()) == ("m", expected)
    assert usage_of(json.dumps(streamed).encode()) == ("m", expected)
