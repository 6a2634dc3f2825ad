"""The run order: one line, the same everywhere, in which nothing comes before its cause."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import agentmesh as am
from agentmesh.causality.order import EventRef
from agentmesh.causality.references import parse_reference
from agentmesh.journal.records import Step
from agentmesh.kernel.envelope import REPLY
from agentmesh.kernel.events import Delivered
from agentmesh.mesh.recorded_run import RecordedRun
from tests.causality.tampering import Record, Recorded
from tests.causality.worlds import recorded
from tests.kernel.conftest import closed_cells, standard_library  # noqa: F401 - fixtures
from tests.kernel.strategies import SETTINGS
from tests.kernel.world import Setting

ROOT = Path(__file__).parents[2]
_PRINT = """
import sys
import agentmesh as am
with am.open_run(sys.argv[1]) as run:
    order = run.order()
    print(*(f"{order.event(n)}" for n in range(len(order))), sep="\\n")
"""

relaxed = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def run(good: Recorded) -> RecordedRun:
    """The good run, open."""
    return am.open_run(good.run, store=str(good.store))


def events_of(run: RecordedRun) -> list[EventRef]:
    """Return all events of a run, in run order."""
    order = run.order()
    return [order.event(number) for number in range(len(order))]


@relaxed
@given(setting=SETTINGS, seed=st.integers(0, 1 << 32), skew_ms=st.sampled_from([0, 3, 1000]))
@pytest.mark.usefixtures("standard_library")
def test_causes_lead_the_order_and_every_beginning_of_it_is_consistent(
    setting: Setting, seed: int, skew_ms: int, good: Recorded, tmp_path: Path
) -> None:
    """Random programs, with the clocks of their agents up to a second apart."""
    with recorded(good, tmp_path, setting, seed, skew_ms) as run:
        graph, every = run.graph(), events_of(run)

        steps = dict.fromkeys(run.order().addresses, 0)
        for number, event in enumerate(every):
            assert run.order().number_of(event.address, event.step) == number == event.number
            assert event.step == steps[event.address]  # each agent's own order
            steps[event.address] += 1
            cause = graph.cause_of(event)
            assert cause is None or cause.number < number
        assert steps == {one: len(list(run.steps(one))) for one in run.addresses()}
        if skew_ms == 0:
            assert [one.at for one in every] == sorted(one.at for one in every)


@relaxed
@given(setting=SETTINGS, seed=st.integers(0, 1 << 32), places=st.data())
@pytest.mark.usefixtures("standard_library")
def test_past_and_future_are_each_other_turned_round(
    setting: Setting, seed: int, places: st.DataObject, good: Recorded, tmp_path: Path
) -> None:
    """Held against happens-before as it is defined: by following all edges."""
    with recorded(good, tmp_path, setting, seed, skew_ms=50) as run:
        graph, every = run.graph(), events_of(run)
        some = [places.draw(st.sampled_from(every)) for _ in range(3)]
        for one in some:
            past, future = graph.past(one), graph.future(one)
            known = {one}
            for event in reversed(every[: one.number + 1]):
                if event in known:
                    known |= direct_causes(run, event)
            assert {event for event in every if event in past} == known
            assert len(past) == len(known)
            for other in every:
                assert (other in future) == (one in graph.past(other))
                before = graph.happens_before(one, other)
                assert before == (one != other and other in future)


def later(step: Step, seconds: int) -> Step:
    """Return a step as a clock that is ahead would have it."""
    return replace(step, event=replace(step.event, at=step.event.at + seconds * 1_000_000_000))


def is_answer(step: Step) -> bool:
    """Tell whether a step takes in a reply."""
    return isinstance(step.event, Delivered) and step.event.envelope.kind == REPLY


def direct_causes(run: RecordedRun, event: EventRef) -> set[EventRef]:
    """Return the event before this one in its agent, and what caused it."""
    found = {run.graph().cause_of(event)}
    if event.step:
        found.add(run.order().find((event.address, event.step - 1)))
    return {one for one in found if one is not None}


def test_the_order_is_the_same_in_another_process(good: Recorded, run: RecordedRun) -> None:
    """With another hash seed, and from another reading."""
    done = subprocess.run(
        [sys.executable, "-c", _PRINT, good.store / good.run],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines() == [str(event) for event in events_of(run)]


def test_a_sealed_run_has_the_same_order(good: Recorded, run: RecordedRun, tmp_path: Path) -> None:
    """Parquet or logs: the order is of the events."""
    with am.open_run(good.tampered(lambda record: None, tmp_path)) as copy:
        logs = [str(event) for event in events_of(copy)]
        copy.seal()
        assert copy.sealed
        assert [str(event) for event in events_of(copy)] == logs


def test_a_start_comes_from_the_message_that_made_the_agent_live(run: RecordedRun) -> None:
    """So that no cut has an agent that nobody has spoken to."""
    order, graph = run.order(), run.graph()

    for address in order.addresses:
        first = graph.cause_of(order.find((address, 0)))
        if address.startswith("one/"):
            assert first is None  # the client's: nobody's journal has it
        else:
            assert first is not None
            assert first == graph.cause_of(order.find((address, 1)))


def test_clocks_that_disagree_do_not_put_an_answer_before_its_question(
    good: Recorded, tmp_path: Path
) -> None:
    """The root's machine is an hour ahead of all others."""

    def ahead(record: Record) -> None:
        root = next(one for one in record if one.startswith("one/"))
        record[root] = [later(step, 3600) for step in record[root]]

    with am.open_run(good.tampered(ahead, tmp_path)) as run:
        for event in events_of(run):
            cause = run.graph().cause_of(event)
            assert cause is None or cause.number < event.number


def test_a_record_that_contradicts_itself_is_refused(good: Recorded, tmp_path: Path) -> None:
    """An answer that its receiver has before it asks: no order has both."""

    def swap(record: Record) -> None:
        root = next(one for one in record if one.startswith("one/"))
        steps = record[root]
        late = next(one for one in steps if is_answer(one))
        steps[1], steps[late.number] = (
            replace(late, number=1),
            replace(steps[1], number=late.number),
        )

    with (
        am.open_run(good.tampered(swap, tmp_path)) as run,
        pytest.raises(am.JournalDamagedError, match="contradicts itself"),
    ):
        run.order()


@pytest.mark.parametrize("text", ["Left/a@3", "Left/a@1,000", "17"])
def test_references_are_read(text: str) -> None:
    """Agent and step, or a number of the run order."""
    assert str(parse_reference(text)) == text.replace(",", "")


def test_a_step_may_be_named_beside_its_agent() -> None:
    """As in --agent Left/a --event 3; and twice, if both say the same."""
    assert parse_reference("3", "Left/a") == ("Left/a", 3)
    assert parse_reference("Left/a@3", "Left/a") == ("Left/a", 3)
    with pytest.raises(am.UsageError, match="not one of Right/a"):
        parse_reference("Left/a@3", "Right/a")


@pytest.mark.parametrize(
    "text", ["", "Left/a", "Left/a@", "Left/a@x", "@client#1", "-3", "Left/a@³"]
)
def test_what_names_no_event_is_refused(text: str) -> None:
    """Words, half references and numbers below zero."""
    with pytest.raises(am.UsageError, match="names no event"):
        parse_reference(text)


def test_events_that_are_not_there_are_told_from_those_that_are(run: RecordedRun) -> None:
    """Each error says what there is instead."""
    order = run.order()

    with pytest.raises(am.UnknownEventError, match=r"Left/a has \d+ events: Left/a@0 to"):
        order.find("Left/a@9999")
    with pytest.raises(am.UnknownEventError, match="in run order"):
        order.find(len(order))
    with pytest.raises(am.UnknownEventError, match="in run order"):
        order.cut(len(order))
    with pytest.raises(am.UnknownAgentError, match=r"'Left/zz': it never lived. It has Left/b"):
        order.find("Left/zz@0")
