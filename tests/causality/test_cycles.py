"""Circles of causes: found wherever they are, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.causality.cycles import Arrivals


def arrivals(*messages: tuple[int, int, int, int]) -> Arrivals:
    """Return what takes in (receiver, its step, sender, its step)."""
    made = Arrivals()
    for message in messages:
        made.add(*message)
    return made


def test_a_question_and_its_answer_are_no_circle() -> None:
    """Agent 0 asks at step 1, agent 1 answers at its step 1, and 0 goes on at step 2."""
    assert list(arrivals((1, 1, 0, 1), (0, 2, 1, 1)).impossible()) == []


def test_an_answer_before_its_question_is_one() -> None:
    """Agent 0 asks at step 3 what it is told at step 2."""
    (one, other) = arrivals((1, 1, 0, 3), (0, 2, 1, 1)).impossible()

    assert sorted([one.receiver, other.receiver]) == [0, 1]


def test_a_message_to_oneself_comes_later() -> None:
    """It can't be taken in by the step that sends it."""
    assert list(arrivals((0, 3, 0, 2)).impossible()) == []
    assert len(list(arrivals((0, 2, 0, 2)).impossible())) == 1


def test_a_circle_of_many_is_found() -> None:
    """Each of ten agents takes in, at step 1, what the next one sends at step 1."""
    found = list(arrivals(*[(n, 1, (n + 1) % 10, 1) for n in range(10)]).impossible())

    assert len(found) == 10


def test_who_waits_for_a_circle_is_not_forgotten() -> None:
    """Agent 2 is in no circle, and takes in what one of a circle sends later."""
    found = list(arrivals((0, 1, 1, 1), (1, 1, 0, 1), (2, 1, 0, 5)).impossible())

    assert [one.receiver for one in found] == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60), st.randoms())
def test_whatever_can_have_happened_passes(pairs: list[tuple[int, int]], source) -> None:
    """Messages are made in an order of time, and told in any other."""
    steps = [0] * 5
    messages = []
    for sender, receiver in pairs:
        steps[sender] += 1
        sent_at = steps[sender]
        steps[receiver] += 1
        messages.append((receiver, steps[receiver], sender, sent_at))
    source.shuffle(messages)

    assert list(arrivals(*messages).impossible()) == []
