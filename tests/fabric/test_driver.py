"""Runs on real Ray: order, streams, errors, deadlines, places."""

from collections import Counter

import pytest

import agentmesh as am
from agentmesh.fabric.options import RayOptions
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.envelope import ASK, TELL
from agentmesh.kernel.events import Delivered
from tests.fabric import programs
from tests.fabric.conftest import HASH_SEED, Finished, OnRay
from tests.fabric.programs import Count, Text

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

MESSAGES = 1_000


def ends(finished: Finished) -> dict[str, list[str]]:
    """Return the recorded ends of each message that starts a turn, by its id."""
    found: dict[str, list[str]] = {}
    for address in finished.run.addresses():
        for step in finished.run.steps(address):
            if isinstance(step.event, Delivered) and step.event.envelope.kind in (TELL, ASK):
                found.setdefault(step.event.envelope.id, [])
            for command in step.commands:
                if isinstance(command, FinishTurn):
                    found.setdefault(command.message, []).append(command.outcome)
    return found


def test_each_pair_of_agents_is_first_in_first_out_and_exactly_once(on_ray: OnRay) -> None:
    """Thousands of messages of all sizes, three senders and two receivers on two hosts.

    Meanwhile progress is told, for whoever watches a terminal.
    """
    told: list[int] = []
    seen = on_ray(programs.many_senders, Count(n=MESSAGES), on_progress=told.append).value

    expected = {f"Sender/{key}": list(range(MESSAGES)) for key in "123"}
    assert seen == {"a": expected, "b": expected}
    assert told == sorted(told)
    assert told[-1] > MESSAGES


def test_two_hosts_ask_each_other_and_every_message_has_exactly_one_recorded_end(
    on_ray: OnRay,
) -> None:
    """Asks and replies cross in answers and calls of both sides; journals are complete."""
    finished = on_ray(programs.both_ways, Count(n=500))

    assert finished.value == [sum(range(0, 1000, 2))] * 2
    found = ends(finished)
    assert finished.run.addresses() == ["Left/main", "Right/main", "both_ways/root"]
    assert len(found) == 1003
    assert all(outcomes == ["done"] for outcomes in found.values())


def test_a_stream_crosses_hosts_in_order(on_ray: OnRay) -> None:
    """Each item is a message of its own; many travel together."""
    assert on_ray(programs.streams, Count(n=300)).value == list(range(300))


@pytest.mark.parametrize("size", [200_000, 12_000_000])
def test_values_of_any_size_travel(on_ray: OnRay, size: int) -> None:
    """By the object store, and beyond what a single call may carry; others' are in the call."""
    text = "\u2603" + "x" * size

    assert on_ray(programs.keeps, Text(text=text)).value == {"text": text + text}


def test_an_error_is_caught_by_its_builtin_class_with_the_traceback_from_there(
    on_ray: OnRay,
) -> None:
    """`except KeyError` works across hosts; the traceback names the line that raised."""
    what, traceback = on_ray(programs.catches, Text(text="spoon")).value

    assert "'spoon'" in what
    assert "return shelf[name]" in traceback


def test_an_error_that_nobody_catches_ends_the_run_with_the_traceback(on_ray: OnRay) -> None:
    """The caller gets the same class, and reads where it came from."""
    finished = on_ray(programs.does_not_catch, Text(text="spoon"))

    with pytest.raises(KeyError) as caught:
        _ = finished.value
    assert isinstance(caught.value, am.RemoteError)
    assert "return shelf[name]" in caught.value.remote_traceback


def test_a_deadline_holds_on_every_host(on_ray: OnRay) -> None:
    """The workflow has a second; the agent it asks sleeps for an hour."""
    finished = on_ray(programs.too_slow, deadline_seconds=1.0, drain_seconds=60.0)

    with pytest.raises(am.DeadlineExceededError):
        _ = finished.value
    assert {tuple(each) for each in ends(finished).values()} == {("expired",)}


def test_an_ask_that_nobody_waits_for_is_cancelled_on_the_other_host(on_ray: OnRay) -> None:
    """A later ask gets its turn at once."""
    finished = on_ray(programs.times_out)

    assert finished.value == "gave up"
    assert Counter(each[0] for each in ends(finished).values()) == {"done": 2, "cancelled": 1}


def test_work_left_behind_may_finish_and_is_then_stopped(on_ray: OnRay) -> None:
    """The workflow has returned; what does not end by itself in time is ended and recorded."""
    finished = on_ray(programs.leaves_work_behind, drain_seconds=1.0)

    outcomes = Counter(each[0] for each in ends(finished).values())
    assert outcomes == {"done": 3, "cancelled": 1}


def test_a_message_to_a_host_that_is_not_up_at_the_end_is_a_dead_letter(on_ray: OnRay) -> None:
    """It has an end on record like any other, and the run does not wait."""
    finished = on_ray(programs.leaves_too_early, drain_seconds=0.0)

    assert Counter(each[0] for each in ends(finished).values()) == {"done": 1, "dead": 1}


def test_agents_live_where_their_type_says(on_ray: OnRay) -> None:
    """One host for a type, two agents a host, or one; asked for all at once."""
    pids: dict[str, int] = on_ray(programs.where_everybody_is).value["pids"]

    by_type = {
        name: Counter(pid for address, pid in pids.items() if address.startswith(name))
        for name in ("Shared", "Packed", "Alone")
    }
    assert sorted(by_type["Shared"].values()) == [5]
    assert sorted(by_type["Packed"].values()) == [1, 2, 2]
    assert sorted(by_type["Alone"].values()) == [1, 1]
    assert len(set(pids.values())) == 6


def test_all_who_look_for_an_agent_at_once_find_the_same(on_ray: OnRay) -> None:
    """Three hosts ask for it while it is being placed."""
    finished = on_ray(programs.all_look_for_one)

    assert len(set(finished.value)) == 1


def test_an_agent_that_fits_nowhere_is_a_clear_error_for_whoever_asks(on_ray: OnRay) -> None:
    """What was asked for, and what there is; its messages have an end on record."""
    finished = on_ray(
        programs.needs_a_gpu, Text(text="x"), options=RayOptions(infeasible_seconds=0.5)
    )

    said = finished.value
    assert isinstance(said, list)
    assert len(said) == 2
    assert "num_gpus=1" in said[0]
    assert "CPU 2" in said[0]
    assert Counter(each[0] for each in ends(finished).values()) == {"done": 1, "dead": 3}


def test_all_hosts_have_the_hash_seed_of_the_run(on_ray: OnRay) -> None:
    """Sets of strings have the same order everywhere, and in a replay."""
    one, other = on_ray(programs.same_hashes, Text(text="PYTHONHASHSEED")).value

    assert one == other
    assert one[0] == HASH_SEED


def test_a_run_may_have_another_hash_seed_than_the_ray_it_runs_on(on_ray: OnRay) -> None:
    """A cluster that runs already: its hosts start with what the run asks for."""
    one, other = on_ray(
        programs.same_hashes, Text(text="PYTHONHASHSEED"), PYTHONHASHSEED="11"
    ).value

    assert one == other
    assert one[0] == "11"
