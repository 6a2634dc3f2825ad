"""Search: what agents said and did, by text, type, agent, JSON path and failure."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.causality.json_path import JsonQuery, first_difference
from agentmesh.causality.search import Hit
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.replay.compare import value_at

ORDER: dict[str, Any] = {
    "id": 7,
    "paid": True,
    "lines": [{"sku": "A1", "price": 3.5}, {"sku": "B2", "price": 80, "odd name": None}],
}


@pytest.fixture(scope="module")
def run(markets: Path) -> RecordedRun:
    """The run in which Ben gets the lamp, and Ada is sent away."""
    return am.open_run("ben", store=str(markets))


def found(run: RecordedRun, text: str = "", **criteria: Any) -> list[str]:
    """Return the kinds and events that are found."""
    return [f"{hit.kind} {hit.event}" for hit in run.search(text, **criteria)]


def test_messages_are_found_by_type_and_handler(run: RecordedRun) -> None:
    """Either names them; and `*` stands for anything."""
    assert found(run, type="buy") == ["message Shop/main@1", "message Shop/main@2"]
    assert found(run, type="Buyer") == [*found(run, type="buy"), "message Shop/main@3"]
    assert len(found(run, type="?uy*")) == 3


def test_text_is_found_in_payloads_whatever_its_case(run: RecordedRun) -> None:
    """Ben's message to the shop, and what the shop logged; not what only looks like it."""
    assert found(run, "BEN", agents=["Shop"]) == ["message Shop/main@1", "log Shop/main@1"]
    assert found(run, "benjamin") == []


def test_json_paths_look_into_messages_requests_and_results(run: RecordedRun) -> None:
    """Only Ada is to come second; a walk's result is 3.5."""
    assert found(run, where="$.place == 1") == ["message Shopper/Ada@1"]
    assert found(run, where="$..place >= 1", kinds=["effect"]) == ["effect Shopper/Ada@1"]
    assert [hit.event for hit in run.search(where="$ == 3.5")] == ["Shopper/Ben@2", "Shopper/Ada@2"]


def test_effects_are_found_by_name_at_their_end(run: RecordedRun) -> None:
    """With how long they took; `kinds` leaves out what else has the name."""
    (first, second) = run.search(type="walk", kinds=["effect"])

    assert first.what.startswith("tool walk finished after ")
    assert first.payload == 3.5
    assert (first.event, second.event) == ("Shopper/Ben@2", "Shopper/Ada@2")


def test_only_what_failed(run: RecordedRun, markets: Path) -> None:
    """The turn that raised, and the failure that went back; in the other run a tool, too."""
    assert found(run, failed=True) == ["turn Shop/main@3", "message Shopper/Ada@4"]
    with am.open_run("blocked", store=str(markets)) as blocked:
        assert found(blocked, failed=True, kinds=["effect"]) == ["effect Shopper/Ada@2"]
        assert found(blocked, "the way is blocked", failed=True)[0] == "effect Shopper/Ada@2"


def test_hits_come_in_the_order_of_time(run: RecordedRun) -> None:
    """And each names an event that is there."""
    hits = list(run.search())

    assert [hit.at_ns for hit in hits] == sorted(hit.at_ns for hit in hits)
    assert all(run.order().find(hit.event).at == hit.at_ns for hit in hits)
    assert {hit.kind for hit in hits} == {"message", "effect", "log", "turn"}


def test_what_can_not_be_searched_for_is_refused(run: RecordedRun) -> None:
    """Kinds that there are not, agents that never lived, paths that are none."""
    with pytest.raises(am.UsageError, match="message, effect, log, turn"):
        run.search(kinds=["mail"])
    with pytest.raises(am.UnknownAgentError, match="no agent 'Zoe'"):
        run.search(agents=["Zoe"])
    with pytest.raises(am.UsageError, match="is no JSON path"):
        run.search(where="name == 3")


def test_text_with_quotes_and_escapes_is_found(tmp_path: Path) -> None:
    """As it reads, not as it is written in JSON."""
    hits: list[Hit] = []
    for text in ('she said "no"', "grüße", "a\\b", "two\nlines"):
        hits.extend(_searched(tmp_path / str(len(hits)), text))

    assert len(hits) == 4


def _searched(store: Path, text: str) -> list[Hit]:
    am.run(_note, _Note(text=f"well, {text}!"), local=True, store=str(store), quiet=True)
    with am.open_run(store=str(store)) as run:
        return list(run.search(text, kinds=["message"]))


class _Note(am.Message):
    text: str


@am.workflow(deadline="5s")
async def _note(note: _Note) -> None:
    """Only take it in."""


@pytest.mark.parametrize(
    "query",
    [
        "$",
        "$.id",
        "$.id == 7",
        "$.id != 8",
        "$.id >= 7",
        "$.paid == true",
        "$.lines[0].sku == 'A1'",
        '$.lines[-1].sku == "B2"',
        "$.lines[*].price > 79.5",
        "$..price < 4",
        "$..*",
        "$.*",
        "$.lines[1]['odd name'] == null",
        '$["lines"][*].sku >= "B"',
        ' $.lines == [{"sku": "A1", "price": 3.5}, {"sku": "B2", "price": 80, "odd name": null}] ',
    ],
)
def test_queries_that_hold(query: str) -> None:
    """Paths, and comparisons of what they find."""
    assert JsonQuery(query).matches(ORDER)


@pytest.mark.parametrize(
    "query",
    [
        "$.name",
        "$.id == 8",
        "$.id == '7'",
        "$.id > 'A'",
        "$.paid == 1",
        "$.lines[2]",
        "$.lines[-3]",
        "$.id[0]",
        "$.id.x",
        "$..price > 100",
        "$.lines.sku",
    ],
)
def test_queries_that_do_not(query: str) -> None:
    """Nothing is there, or it is something else: numbers, strings and truth are not compared."""
    assert not JsonQuery(query).matches(ORDER)


@pytest.mark.parametrize(
    "query",
    ["", "id", "$.", "$[", "$.a ==", "$.a = 1", "$.a == x", "$.a b", "$['a", "$.a == 'b", "$[1:2]"],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    """With how to write one."""
    with pytest.raises(am.UsageError, match="is no JSON path") as caught:
        JsonQuery(query)
    assert "$..name" in caught.value.fix


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(one=JSON, other=JSON)
def test_the_first_difference_is_one(one: Any, other: Any) -> None:
    """What the pointer leads to differs, unless the values are the same."""
    pointer = first_difference(one, other)

    assert one == other or value_at(one, pointer) != value_at(other, pointer)


@given(value=JSON)
def test_any_value_is_searched_without_an_error(value: Any) -> None:
    """Whatever it is built of."""
    JsonQuery("$..a[0].b > 1").matches(value)
    assert JsonQuery("$..*").matches({"": value})
