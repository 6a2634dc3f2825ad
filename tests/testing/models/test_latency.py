"""How long a simulated model takes, as numbers and on a real wire."""

import random
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import UsageError
from agentmesh.testing.models import Fixed, Latency, LogNormal, ModelServer, Rule, Uniform
from tests.testing.models.helpers import client, said


@given(st.floats(0, 600), st.floats(0, 1000), st.integers())
def test_times_are_never_negative_nor_endless(median: float, sigma: float, seed: int) -> None:
    """A tail must end somewhere."""
    source = random.Random(seed)
    slow = LogNormal(median_seconds=median, sigma=min(sigma, 600), max_seconds=600)

    assert 0 <= slow.draw(source) <= 600


def test_the_median_is_the_median() -> None:
    """Half of the times are longer, and some are much longer."""
    source = random.Random(1)
    times = [LogNormal(median_seconds=2, sigma=0.5).draw(source) for _ in range(4000)]

    assert statistics.median(times) == pytest.approx(2, rel=0.05)
    assert sum(each > 2 * 2.3 for each in times) / len(times) == pytest.approx(0.05, abs=0.02)


def test_a_uniform_time_keeps_its_bounds() -> None:
    """Both are reached, nearly."""
    source = random.Random(1)
    times = [Uniform(low_seconds=1, high_seconds=3).draw(source) for _ in range(500)]

    assert 1 <= min(times) < 1.05
    assert 2.95 < max(times) <= 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fixed(seconds=-1),
        lambda: Fixed(seconds=float("nan")),
        lambda: Uniform(low_seconds=2, high_seconds=1),
        lambda: LogNormal(median_seconds=float("inf")),
    ],
)
def test_times_that_cannot_be_are_refused(make: object) -> None:
    """Seconds, not milliseconds: the usual mistake shows."""
    assert callable(make)
    with pytest.raises(UsageError, match=r"between 0 and|is empty"):
        make()


def test_tokens_arrive_at_their_pace() -> None:
    """The first token waits, then each further one; the whole takes as long as the stream."""
    latency = Latency(first_token=Fixed(seconds=0.08), per_token=Fixed(seconds=0.02))
    with (
        ModelServer(rules=[Rule(answer="one two three four")], latency=latency) as server,
        client(server) as opened,
    ):
        begun = time.monotonic()
        stream = opened.chat.completions.create(model="sim-small", messages=said("x"), stream=True)
        arrived = [time.monotonic() - begun for chunk in stream if chunk.choices[0].delta.content]
        begun = time.monotonic()
        opened.chat.completions.create(model="sim-small", messages=said("x"))
        whole = time.monotonic() - begun

    # Lower bounds only: a busy machine may be late, never early.
    assert arrived[0] >= 0.08
    assert arrived[-1] - arrived[0] >= 0.05
    assert len(arrived) == 4
    assert whole >= 0.08 + 3 * 0.02
