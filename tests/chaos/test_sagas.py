"""A saga with compensations: what is done outside is done under one key, whatever is killed."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.killing import Strike
from tests.chaos.runs import Chaos
from tests.chaos.situations import effects_expected

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


def test_each_order_is_shipped_or_undone_and_nothing_is_done_under_two_keys(
    chaos: Callable[..., Chaos], tmp_path: Path, *, large: bool
) -> None:
    """An effect may be performed again after a crash: the world knows it by its key."""
    seed = random.SystemRandom().randrange(10**6)
    times, place = 20 if large else 1, tmp_path / "effects"
    strikes = [Strike(25_000 * times, "Desk.1"), Strike(25_000 * times, "saga")]
    run = chaos("saga", 80 * times, 4, place=str(place))
    run.check(run.struck(strikes, seed))
    keys: dict[str, set[str]] = {}
    for line in place.read_text().splitlines():
        key, _, what = line.partition(" ")
        keys.setdefault(what, set()).add(key)
    assert set(keys) == effects_expected(run.program.size)
    assert {what: found for what, found in keys.items() if len(found) != 1} == {}
