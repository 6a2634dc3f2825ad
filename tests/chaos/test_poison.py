"""A message ends the process of whatever host handles it: in the end it is a dead letter."""

from collections.abc import Callable

import pytest

from agentmesh.cli.facts import gather
from agentmesh.journal.store import Store
from tests.chaos.runs import RUN, Chaos

pytestmark = [pytest.mark.ray, pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_message_that_nobody_survives_becomes_a_dead_letter(
    chaos: Callable[..., Chaos],
) -> None:
    """The run goes on without it, and replays without anybody dying."""
    run = chaos("poisoned", 50, 1)
    run.check(run.run())
    with Store(run.store).open_run(RUN) as opened:
        (letter,) = gather(opened).dead_letters
    assert letter.agent == "Fragile/main"
    assert [attempt["attempt"] for attempt in letter.history] == [1, 2, 3]
