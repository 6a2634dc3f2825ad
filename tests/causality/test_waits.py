"""Who waited for whom: one interval for each ask, whatever became of it."""

from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.causality.waits import FAILED, OPEN, WITHDRAWN
from agentmesh.kernel.envelope import REPLY
from agentmesh.kernel.events import Delivered
from tests.causality.tampering import Record, Recorded


def test_every_ask_is_a_wait_and_the_longest_comes_first(markets: Path) -> None:
    """Ada walks slowly, and is sent away: so the root waits for her, and so does she."""
    with am.open_run("ben", store=str(markets)) as run:
        found = run.waits()
        events = {str(run.order().event(n)) for n in range(len(run.order()))}

    assert found.count == len(found.waits) == 5
    longest = found.waits[0]
    assert (longest.agent, longest.on, longest.call) == ("main/root", "Shopper/Ada", "visit(Trip)")
    assert [one.duration_ns for one in found.waits] == sorted(
        (one.duration_ns for one in found.waits), reverse=True
    )
    assert {one.began for one in found.waits} | {one.ended for one in found.waits} <= events
    assert [one.call for one in found.waits if one.outcome == FAILED] == ["complain(Buyer)"]


def test_waits_of_two_agents_are_added_up(markets: Path) -> None:
    """Ada asks the shop twice."""
    with am.open_run("ben", store=str(markets)) as run:
        found = run.waits("Shopper/Ada")

    (pair,) = found.pairs
    assert (pair.agent, pair.on, pair.waits) == ("Shopper/Ada", "Shop/main", 2)
    assert pair.total_ns == sum(one.duration_ns for one in found.waits)
    assert pair.longest_ns == found.waits[0].duration_ns


def test_an_agent_that_never_lived_has_no_waits(markets: Path) -> None:
    """It is refused, like everywhere."""
    with am.open_run("ben", store=str(markets)) as run, pytest.raises(am.UnknownAgentError):
        run.waits("Shopper/Zoe")


def test_a_withdrawn_ask_ends_its_wait(good: Recorded) -> None:
    """The good run takes only some of a stream's items, or times out."""
    with am.open_run(good.run, store=str(good.store)) as run:
        found = run.waits()

    assert {one.outcome for one in found.waits} <= {"answered", FAILED, WITHDRAWN}
    assert all(one.ended for one in found.waits)


def test_a_wait_without_an_end_is_open_until_the_record_ends(
    good: Recorded, tmp_path: Path
) -> None:
    """The root's host was killed before the first answer came."""

    def kill(record: Record) -> None:
        root = next(one for one in record if one.startswith("one/"))
        answer = next(
            step.number
            for step in record[root]
            if isinstance(step.event, Delivered) and step.event.envelope.kind == REPLY
        )
        del record[root][answer:]

    with am.open_run(good.tampered(kill, tmp_path)) as run:
        found = run.waits()
        order = run.order()
        last = max(order.event(number).at for number in range(len(order)))

    (still,) = [one for one in found.waits if one.outcome == OPEN]
    assert (still.ended, still.to_ns) == ("", last)
