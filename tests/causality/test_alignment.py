"""Two runs side by side: aligned by causes, so that a race is told as a race."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import agentmesh as am
from agentmesh.causality.alignment import COMMANDS, CONTENT, EVENT, ORDER, RESULT, Parting, align
from agentmesh.causality.identity import traces
from agentmesh.kernel.commands import Log
from agentmesh.kernel.events import EffectFinished
from agentmesh.mesh.comparing import RunDiff
from tests.causality.tampering import Record, Recorded
from tests.causality.worlds import recorded
from tests.kernel.conftest import closed_cells, standard_library  # noqa: F401 - fixtures
from tests.kernel.strategies import SETTINGS
from tests.kernel.world import Setting


def parting(found: RunDiff, agent: str) -> Parting:
    """Return what is said of an agent."""
    (one,) = [one for one in found.alignment.partings if one.agent == agent]
    return one


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(setting=SETTINGS, seed=st.integers(0, 1 << 32))
@pytest.mark.usefixtures("standard_library")
def test_any_run_is_like_itself(
    setting: Setting, seed: int, good: Recorded, tmp_path: Path
) -> None:
    """And no two events of an agent have the same identity, but for what ends it."""
    with recorded(good, tmp_path, setting, seed, skew_ms=20) as run:
        assert align((run, run.order()), (run, run.order())).identical
        for address, trace in traces(run).items():
            kinds = [type(step.event).__name__ for step in run.steps(address)]
            named = [
                identity
                for identity, kind in zip(trace.identities, kinds, strict=True)
                if kind in ("Delivered", "EffectFinished", "EffectFailed", "TimerFired")
            ]
            assert len(set(named)) == len(named)


def test_two_runs_that_did_the_same_differ_in_nothing_but_time(markets: Path) -> None:
    """Other ids, times and hosts: the same."""
    found = am.diff("ben", "ben-again", store=str(markets))

    assert found.identical
    assert found.alignment.same == ["Shop/main", "Shopper/Ada", "Shopper/Ben", "main/root"]
    assert found.figures[0].messages == found.figures[1].messages == 6


def test_who_comes_first_is_a_difference_of_order(markets: Path) -> None:
    """The same two messages, the other way round: though counters and places differ."""
    found = am.diff("ben", "ada", store=str(markets))

    shop = parting(found, "Shop/main")
    assert (shop.kind, shop.one.event, shop.other.event) == (ORDER, "Shop/main@1", "Shop/main@1")
    assert (shop.one.payload["name"], shop.other.payload["name"]) == ("Ben", "Ada")


def test_a_message_with_other_content_is_told_with_where_it_differs(markets: Path) -> None:
    """The inputs of the runs differ, and so what they ask their shoppers."""
    found = am.diff("ben", "ada", store=str(markets))

    assert found.alignment.partings[0].agent == "main/root"
    assert parting(found, "main/root").pointer == "/places/Ada"
    ada = parting(found, "Shopper/Ada")
    assert (ada.kind, ada.pointer) == (CONTENT, "/place")


def test_agents_that_only_one_run_has_are_named(markets: Path) -> None:
    """Bob comes last, and Ada does not notice."""
    found = am.diff("ben", "bob", store=str(markets))

    assert found.alignment.only_other == ["Shopper/Bob"]
    assert found.alignment.only_one == []
    assert {"Shopper/Ada", "Shopper/Ben"} <= {*found.alignment.same}
    shop = parting(found, "Shop/main")
    assert (shop.kind, shop.one.what) == (EVENT, "nothing more")


def test_an_effect_with_another_result_is_one(markets: Path, tmp_path: Path) -> None:
    """The walk took another way; what the shopper did then is the same."""
    other = Recorded(markets, "ben").tampered(
        lambda record: _replace_results({"": record["Shopper/Ada"]}, b"4"), tmp_path
    )

    found = am.diff(markets / "ben", other)

    (only,) = found.alignment.partings
    assert (only.agent, only.kind, only.one.payload, only.other.payload) == (
        "Shopper/Ada",
        RESULT,
        3.5,
        4,
    )


def test_other_commands_after_the_same_events_are_told_one_by_one(
    markets: Path, tmp_path: Path
) -> None:
    """The code was changed: it logs something else."""

    other = Recorded(markets, "ben").tampered(_log_otherwise, tmp_path)

    (only,) = am.diff(markets / "ben", other).alignment.partings
    assert (only.kind, only.one.what, only.other.what) == (
        COMMANDS,
        "logs info: sold",
        "logs info: gave away",
    )


def _log_otherwise(record: Record) -> None:
    steps = record["Shop/main"]
    commands = (
        replace(each, event="gave away") if isinstance(each, Log) else each
        for each in steps[1].commands
    )
    steps[1] = replace(steps[1], commands=tuple(commands))


def test_tokens_are_counted_where_a_provider_tells_them(markets: Path, tmp_path: Path) -> None:
    """As in a response of a chat completion; ids and times of the response are no difference."""

    def answer(identity: str) -> str:
        usage = '{"prompt_tokens": 12, "completion_tokens": 3}'
        body = f'{{"id": "{identity}", "created": 1, "choices": [], "usage": {usage}}}'
        return f'{{"status": 200, "headers": [["x-id", "{identity}"]], "json": {body}}}'

    made = []
    for identity in ("one", "two"):

        def tamper(record: Record, identity: str = identity) -> None:
            _replace_results(record, answer(identity).encode())

        made.append(Recorded(markets, "ben").tampered(tamper, tmp_path / identity))
    found = am.diff(*made)

    assert found.identical
    assert [(one.input_tokens, one.output_tokens) for one in found.figures] == [(24, 6), (24, 6)]


def _replace_results(record: Record, result: bytes) -> None:
    for steps in record.values():
        for number, step in enumerate(steps):
            if isinstance(step.event, EffectFinished) and step.event.result == b"3.5":
                steps[number] = replace(step, event=replace(step.event, result=result))


def test_a_run_that_is_not_there_is_refused(markets: Path) -> None:
    """With the nearest."""
    with pytest.raises(am.UnknownRunError, match="no run 'bert'"):
        am.diff("ben", "bert", store=str(markets))


def test_what_agents_ended_with_is_told_by_replaying_those_that_parted(markets: Path) -> None:
    """Nobody asks for it by default: it runs the program."""
    assert am.diff("ben", "ada", store=str(markets)).states == {}

    found = am.diff("ben", "ada", store=str(markets), states=True)

    assert not found.untold
    ((agent, (changed,)),) = found.states.items()
    assert (agent, changed.attribute) == ("Shop/main", "sold_to")
    assert (changed.one, changed.other) == ("Ben", "Ada")


def test_a_state_that_can_not_be_told_is_named_with_the_reason(
    markets: Path, tmp_path: Path
) -> None:
    """The record was changed, so that no replay gets to its end."""
    other = Recorded(markets, "ben").tampered(_log_otherwise, tmp_path)

    found = am.diff(markets / "ben", other, states=True)

    assert found.states == {}
    assert "the replay differs from the record" in found.untold["Shop/main"]
    assert found.as_json()["untold"] == found.untold
