"""Why an event happened, and what came of it: the nearest events, in a readable size."""

from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.causality.trees import Node, Tree
from agentmesh.mesh.recorded_run import RecordedRun


@pytest.fixture(scope="module")
def run(markets: Path) -> RecordedRun:
    """The run in which Ben gets the lamp."""
    return am.open_run("ben", store=str(markets))


def lines(tree: Tree) -> list[tuple[str, str, str]]:
    """Return the events of a tree: relation, reference and the first words."""
    return [
        (node.relation, str(node.event), node.summary.what.partition(" from ")[0])
        for node, _ in tree.nodes()
    ]


def node_of(tree: Tree, event: str) -> Node:
    """Return a node of a tree: the one with what is below."""
    found = [node for node, _ in tree.nodes() if str(node.event) == event]
    (only,) = [node for node in found if not node.shown_elsewhere]
    return only


def test_a_refused_purchase_leads_to_the_message_that_was_quicker(run: RecordedRun) -> None:
    """Ada's message raced with Ben's, which neither of its causes knew of."""
    tree = run.why("Shop/main@2")

    assert lines(tree) == [
        ("", "Shop/main@2", "ask buy(Buyer)"),
        (
            "came from",
            "Shopper/Ada@2",
            "tool walk finished after "
            + node_of(tree, "Shopper/Ada@2").summary.what.partition("after ")[2],
        ),
        ("came from", "Shopper/Ada@1", "ask visit(Trip)"),
        ("came from", "main/root@1", "ask run(Market)"),
        ("before it", "Shop/main@1", "ask buy(Buyer)"),
        (
            "came from",
            "Shopper/Ben@2",
            "tool walk finished after "
            + node_of(tree, "Shopper/Ben@2").summary.what.partition("after ")[2],
        ),
        ("came from", "Shopper/Ben@1", "ask visit(Trip)"),
        ("came from", "main/root@1", "ask run(Market)"),
    ]
    assert node_of(tree, "Shop/main@1").summary.payload == {"name": "Ben"}


def test_the_counts_are_of_the_whole_past(run: RecordedRun) -> None:
    """With the starts of agents, which the tree leaves out."""
    tree = run.why("Shop/main@2")

    assert tree.events == 11
    assert tree.agents == {"Shopper/Ada": 3, "Shopper/Ben": 3, "Shop/main": 2, "main/root": 2}
    assert tree.shown == 7


def test_a_small_tree_has_the_nearest_causes_and_says_what_is_left_out(run: RecordedRun) -> None:
    """Nearest in run order: Ada's walk, which has taken longer, before Ben's message."""
    tree = run.why("Shop/main@2", limit=2)

    assert [str(node.event) for node, _ in tree.nodes()] == ["Shop/main@2", "Shopper/Ada@2"]
    assert node_of(tree, "Shop/main@2").others == 1
    assert node_of(tree, "Shopper/Ada@2").left_out == 1


def test_what_came_of_a_sale_is_told_with_who_met_the_state_it_left(run: RecordedRun) -> None:
    """Ben's answer, and his way home; and Ada, who found no lamp."""
    tree = run.effects_of("Shop/main@1")

    assert [line[:2] for line in lines(tree)][:3] == [
        ("", "Shop/main@1"),
        ("led to", "Shopper/Ben@3"),
        ("led to", "Shopper/Ben@4"),
    ]
    assert ("after it", "Shop/main@2", "ask buy(Buyer)") in lines(tree)
    assert tree.agents["Shopper/Ada"] == 3


def test_the_first_event_comes_from_nothing_and_the_last_leads_nowhere(run: RecordedRun) -> None:
    """The ends of the run."""
    last = run.order().event(len(run.order()) - 1)

    assert run.why(0).events == 1
    assert run.effects_of(str(last)).events == 1


def test_a_tree_as_json_is_flat(run: RecordedRun) -> None:
    """Each event names the one above it: a long chain of causes must not be nested deeply."""
    events = run.why("Shop/main@2").as_json()["tree"]

    assert events[0]["of"] is None
    assert {event["of"] for event in events[1:]} <= {event["event"] for event in events}
    assert events[1]["number"] == run.order().number_of("Shopper/Ada", 2)


@pytest.mark.parametrize("event", ["Shop/main@99", "Shop/lost@0", 10_000, ("Shop/main", 99)])
def test_an_event_that_is_not_there_is_refused(run: RecordedRun, event: str) -> None:
    """However it is named."""
    with pytest.raises((am.UnknownEventError, am.UnknownAgentError)):
        run.why(event)
