"""The protocol between two hosts, one conversation at a time."""

import pytest

from agentmesh.errors import InternalError
from agentmesh.fabric.frames import decode
from agentmesh.fabric.halves import LIMITS, NEVER, Limits
from agentmesh.fabric.link import Link
from tests.fabric.links import LEFT, RIGHT, SMALL, Network, frame, message, numbers


def left(limits: Limits = SMALL) -> Link:
    """The left host's end."""
    return Link(LEFT, 1, RIGHT, 1, limits)


def test_messages_are_numbered_from_one_and_travel_in_batches() -> None:
    """A frame holds what is there, up to a limit; the rest goes in the next."""
    link = left()
    link.send([message(n) for n in range(1, 7)])

    assert numbers(link.transmit(0)) == [1, 2, 3, 4]
    assert numbers(link.transmit(0)) == [5, 6]
    assert link.transmit(0) is None


def test_a_frame_is_full_after_so_many_bytes_but_takes_one_message_of_any_size() -> None:
    """A message larger than a frame should be travels alone."""
    link = left(Limits(frame_bytes=1000))
    link.send([message(1, payload=b"x" * 5000), message(2), message(3)])

    assert numbers(link.transmit(0)) == [1]
    assert numbers(link.transmit(0)) == [2, 3]


def test_what_arrives_in_order_is_handed_out_at_once() -> None:
    """The ordinary case."""
    link = left()
    ready = link.receive(frame(envelopes=[message(1), message(2)]), 0)

    assert [envelope.n for envelope in ready] == [1, 2]


def test_what_arrives_twice_is_handed_out_once() -> None:
    """A call that failed may have arrived; it is sent again with the same numbers."""
    link = left()
    link.receive(frame(envelopes=[message(1), message(2)]), 0)
    again = link.receive(frame(envelopes=[message(1), message(2), message(3)]), 0)

    assert [envelope.n for envelope in again] == [3]
    assert link.incoming.dropped == 2


def test_what_overtakes_again_and_again_is_kept_once() -> None:
    """Frames cut at other places overlap: no number takes more than one place."""
    link = left()
    link.receive(frame(first=3, envelopes=[message(3), message(4)]), 0)
    link.receive(frame(first=4, envelopes=[message(4), message(5)]), 0)
    ready = link.receive(frame(envelopes=[message(1), message(2), message(3)]), 0)

    assert [envelope.n for envelope in ready] == [1, 2, 3, 4, 5]
    assert link.incoming.dropped == 2
    assert link.receive(frame(first=5, envelopes=[message(5)]), 0) == []


def test_what_overtakes_waits_for_what_it_overtook() -> None:
    """The answer to one call and another call of the same sender meet in any order."""
    link = left()

    assert link.receive(frame(first=3, envelopes=[message(3)]), 0) == []
    assert link.receive(frame(first=4, envelopes=[message(4)]), 0) == []
    ready = link.receive(frame(envelopes=[message(1), message(2)]), 0)
    assert [envelope.n for envelope in ready] == [1, 2, 3, 4]


def test_an_acknowledgement_means_journaled() -> None:
    """What was handed out and not committed is not acknowledged: a crash may lose it."""
    link = left()
    link.receive(frame(envelopes=[message(1), message(2)]), 0)

    assert decode(link.answer(0)).ack == 0
    link.commit(link.mark, 0)
    assert decode(link.answer(0)).ack == 2


def test_what_was_handed_out_after_a_mark_is_not_acknowledged_with_it() -> None:
    """Two frames arrive before the first tick has ended."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    mark = link.mark
    link.receive(frame(first=2, envelopes=[message(2)]), 0)
    link.commit(mark, 0)

    assert decode(link.answer(0)).ack == 1


def test_an_acknowledgement_waits_a_moment_for_company() -> None:
    """Nothing else is to be sent: the acknowledgement goes alone, a little later."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    link.commit(link.mark, 0)

    assert link.transmit(0) is None
    assert link.wake_at == SMALL.ack_delay_ns
    assert numbers(link.transmit(link.wake_at)) == []
    assert link.wake_at == NEVER


def test_an_acknowledgement_travels_with_messages() -> None:
    """What goes anyway takes it along; nothing is left to say."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    link.commit(link.mark, 0)
    link.send([message(1)])
    data = link.transmit(0)

    assert data is not None
    assert decode(data).ack == 1
    link.receive(frame(ack=1), 0)
    assert link.wake_at == NEVER


def test_an_acknowledgement_of_much_does_not_wait() -> None:
    """The other side may be standing still for want of credit."""
    link = left()
    link.receive(frame(envelopes=[message(n) for n in range(1, 5)]), 0)
    link.commit(link.mark, 0)
    data = link.transmit(0)

    assert data is not None
    assert decode(data).ack == 4


def test_an_acknowledgement_of_large_messages_does_not_wait_either() -> None:
    """Few messages fill the bytes that may be under way, and came back with an answer."""
    link = left()
    link.receive(frame(envelopes=[message(1, payload=b"x" * SMALL.unacked_bytes)]), 0)
    link.commit(link.mark, 0)
    data = link.transmit(0)

    assert data is not None
    assert decode(data).ack == 1
    link.receive(frame(first=2, envelopes=[message(2)]), 0)
    link.commit(link.mark, 0)
    assert link.transmit(0) is None


def test_no_more_is_sent_than_the_other_side_takes() -> None:
    """The window is full until an acknowledgement opens it."""
    link = left()
    link.send([message(n) for n in range(1, 20)])
    sent = [numbers(data) for data in iter(lambda: link.transmit(0), None)]

    assert sent[-1][-1] == SMALL.window
    link.receive(frame(ack=4, credit=4 + SMALL.window), 0)
    assert numbers(link.transmit(0)) == [13, 14, 15, 16]


def test_bytes_under_way_are_bounded_too() -> None:
    """A few large messages fill the window before many small ones would."""
    link = left(Limits(unacked_bytes=2000, frame_bytes=1000))
    link.send([message(n, payload=b"x" * 900) for n in range(1, 6)])

    assert numbers(link.transmit(0)) == [1]
    assert numbers(link.transmit(0)) == [2]
    assert link.transmit(0) is None
    link.receive(frame(ack=1), 0)
    assert numbers(link.transmit(0)) == [3]


def test_credit_that_comes_late_does_not_shrink_the_window() -> None:
    """An old answer overtakes nothing: credit is absolute and only grows."""
    link = left()
    link.receive(frame(credit=40), 0)
    link.receive(frame(credit=12), 0)

    assert link.outgoing.credit == 40


def test_a_lost_transmission_is_repeated_with_the_same_numbers() -> None:
    """The outcome of a call is unknown; what may be lost on its way back is asked for too."""
    link = left()
    link.send([message(n) for n in range(1, 6)])
    assert numbers(link.transmit(0)) == [1, 2, 3, 4]
    link.lost()
    data = link.transmit(0)

    assert data is not None
    assert numbers(data) == [1, 2, 3, 4]
    assert decode(data).rewind


def test_what_was_acknowledged_is_not_repeated() -> None:
    """An acknowledgement arrives after the loss of another frame was noticed."""
    link = left()
    link.send([message(n) for n in range(1, 6)])
    link.transmit(0)
    link.lost()
    link.receive(frame(ack=3), 0)

    assert numbers(link.transmit(0)) == [4, 5]


def test_a_rewind_repeats_what_went_back_with_an_answer_that_was_lost() -> None:
    """The answer took messages along, and the caller never got it."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    link.commit(link.mark, 0)
    link.send([message(1)])
    assert numbers(link.answer(0)) == [1]
    link.receive(frame(envelopes=[message(1)], rewind=True), 0)

    assert numbers(link.answer(0)) == [1]


def test_silence_is_not_waited_out_forever() -> None:
    """Nobody noticed a loss: without an acknowledgement it goes again, ever more slowly."""
    link = left()
    link.send([message(1)])
    link.transmit(0)
    first = link.wake_at
    assert link.transmit(first - 1) is None
    assert numbers(link.transmit(first)) == [1]

    assert link.wake_at - first == 2 * SMALL.resend_ns


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    """The two hosts do not speak the same protocol: better to stop than to lose messages."""
    link = left()
    link.send([message(1)])

    with pytest.raises(InternalError, match="acknowledged message 1; only 0 were sent"):
        link.receive(frame(ack=1), 0)


def test_a_frame_for_somebody_else_is_refused() -> None:
    """A bug in whoever routes frames."""
    with pytest.raises(InternalError, match="reached the link of left"):
        left().receive(frame(src=LEFT), 0)


def test_what_exceeds_the_credit_is_not_taken() -> None:
    """A sender that ignores the window is not trusted with memory."""
    link = left()
    far = frame(first=SMALL.window, envelopes=[message(1), message(2)])

    assert link.receive(far, 0) == []
    assert link.incoming.handed == 0


def test_a_new_life_of_the_other_host_starts_a_new_session() -> None:
    """What it did not acknowledge goes first, in the old order, with new numbers."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    link.send([message(n) for n in range(1, 6)])
    link.transmit(0)
    link.receive(frame(ack=2), 0)
    link.peer_restarted(2)
    data = link.transmit(0)

    assert data is not None
    assert [envelope.n for envelope in decode(data).envelopes] == [3, 4, 5]
    assert decode(data).first == 1
    assert decode(data).dst_incarnation == 2
    ready = link.receive(frame(src_incarnation=2, envelopes=[message(7)]), 0)
    assert [envelope.n for envelope in ready] == [7]


def test_a_frame_of_a_life_that_is_over_is_not_taken() -> None:
    """A host that was declared dead writes once more: it is fenced off."""
    link = left()
    link.peer_restarted(2)

    assert link.receive(frame(src_incarnation=1, envelopes=[message(1)]), 0) == []
    assert link.peer_incarnation == 2


def test_who_is_superseded_learns_it_from_the_answer_and_falls_silent() -> None:
    """The dead host was only slow. It hears of its successor, and does nothing more."""
    successor_known = left()
    successor_known.peer_restarted(2)
    successor_known.send([message(1)])
    zombie = Link(RIGHT, 1, LEFT, 1, SMALL)
    zombie.send([message(1)])
    data = zombie.transmit(0)
    assert data is not None
    assert successor_known.receive(data, 0) == []
    zombie.receive(successor_known.answer(0), 0)

    assert zombie.superseded
    assert zombie.transmit(NEVER - 1) is None
    assert numbers(successor_known.transmit(0)) == [1]  # kept for the successor


def test_a_frame_for_an_earlier_life_is_not_taken_and_says_so_in_the_answer() -> None:
    """The other host does not know yet that this one was restarted."""
    link = Link(LEFT, 2, RIGHT, 1, SMALL)
    unaware = Link(RIGHT, 1, LEFT, 1, SMALL)
    unaware.send([message(1), message(2)])
    data = unaware.transmit(0)
    assert data is not None

    assert link.receive(data, 0) == []
    unaware.receive(link.answer(0), 0)
    assert unaware.peer_incarnation == 2
    data = unaware.transmit(0)
    assert data is not None
    assert [envelope.n for envelope in link.receive(data, 0)] == [1, 2]


def test_a_restart_known_already_changes_nothing() -> None:
    """The supervisor and the host itself both tell of it."""
    link = left()
    link.peer_restarted(2)
    link.send([message(1)])
    link.transmit(0)
    link.peer_restarted(2)

    assert link.transmit(0) is None


def test_a_mark_of_an_earlier_session_commits_nothing_in_this_one() -> None:
    """The tick that ends now began before the other host was restarted."""
    link = left()
    link.receive(frame(envelopes=[message(1)]), 0)
    mark = link.mark
    link.peer_restarted(2)
    link.receive(frame(src_incarnation=2, envelopes=[message(1)]), 0)
    link.commit(mark, 0)

    assert decode(link.answer(0)).ack == 0


def test_thousands_of_messages_both_ways_arrive_in_order() -> None:
    """Nothing is lost; the limits are those of a real run."""
    network = Network(LIMITS)
    for end in network.ends.values():
        end.send(20_000)
    network.settle()

    assert network.ends[RIGHT].handed == network.ends[LEFT].sent
    assert network.ends[LEFT].handed == network.ends[RIGHT].sent
    assert all(end.link.quiet for end in network.ends.values())
