"""One end of a link on a transport of calls, with another end in the same loop."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from agentmesh.fabric.frames import decode
from agentmesh.fabric.halves import LIMITS, Limits
from agentmesh.fabric.link import Link
from agentmesh.fabric.peer import CALLS_UNDER_WAY_MAX, GoneError, Peer, Result, UnavailableError
from agentmesh.kernel.envelope import Envelope
from tests.fabric.links import LEFT, RIGHT, message

SECONDS = 20.0
"""Longest that anything here may take."""


class Host:
    """Takes messages in; journals and answers when told to, or at once."""

    def __init__(self, me: str, other: str, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self.taken: list[int] = []
        self.gone: list[Exception] = []
        self.unjournaled: list[Callable[[], None]] = []
        self.slow = False
        self.reply: Callable[[Envelope], Envelope | None] = lambda _envelope: None
        self.peer = Peer(
            Link(me, 1, other, 1, limits),
            self,
            loop,
            time.monotonic_ns,
            on_gone=lambda _peer, error: self.gone.append(error),
            on_error=self.gone.append,
        )

    def on_gates(self, peer: Peer) -> None:
        """Note who can't keep up over there."""
        self.full = list(peer.link.peer_full)

    def take(self, envelopes: list[Envelope], then: Callable[[], None]) -> None:
        """Take messages in; what they cause is sent before they are answered."""
        for envelope in envelopes:
            self.taken.append(envelope.n)
            reply = self.reply(envelope)
            if reply is not None:
                self.peer.send([reply])
        if self.slow:
            self.unjournaled.append(then)
        else:
            then()


class Transport:
    """Calls from one host to the other, counted; they fail when told to."""

    def __init__(self, target: Host) -> None:
        self.target = target
        self.calls = 0
        self.under_way = 0
        self.most_under_way = 0
        self.failures: list[tuple[str, Exception]] = []

    def __call__(self, frame: bytes, then: Callable[[Result], None]) -> None:
        """Call the other host; the result comes in a later round of the loop."""
        self.calls += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        loop = asyncio.get_running_loop()

        def done(result: Result) -> None:
            self.under_way -= 1
            then(result)

        def arrive() -> None:
            kind, error = self.failures.pop(0) if self.failures else ("", Exception())
            if kind == "lost":
                loop.call_soon(done, error)
                return
            answered = done if not kind else lambda _result: done(error)

            def answer(data: bytes) -> None:
                loop.call_soon(answered, data)

            self.target.peer.accept(decode(frame), answer)

        loop.call_soon(arrive)


class Pair:
    """Two hosts that can call each other."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.left, self.right = Host(LEFT, RIGHT, limits), Host(RIGHT, LEFT, limits)
        self.to_right, self.to_left = Transport(self.right), Transport(self.left)
        self.left.peer.connect(self.to_right)
        self.right.peer.connect(self.to_left)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until something is so."""
        async with asyncio.timeout(SECONDS):
            while not condition():  # noqa: ASYNC110 - it depends on many things
                await asyncio.sleep(0)

    def close(self) -> None:
        """Let nothing wait for later."""
        self.left.peer.close()
        self.right.peer.close()


def run(test: Callable[[Pair], Awaitable[None]], limits: Limits = LIMITS) -> None:
    """Run a test on a pair of hosts."""

    async def main() -> None:
        pair = Pair(limits)
        try:
            await test(pair)
        finally:
            pair.close()

    asyncio.run(main())


def test_a_frame_without_news_acknowledges_nothing_that_is_still_being_journaled() -> None:
    """A frame comes twice; the second finds nothing to do, while the first is being handled."""

    async def test(pair: Pair) -> None:
        pair.right.slow = True
        frame = decode(made_by(pair.left.peer.link, message(1)))
        answers: list[bytes] = []
        pair.right.peer.accept(frame, answers.append)
        pair.right.peer.accept(frame, answers.append)

        assert [decode(answer).ack for answer in answers] == [0]
        pair.right.unjournaled.pop()()
        assert [decode(answer).ack for answer in answers] == [0, 1]

    run(test)


def made_by(link: Link, envelope: Envelope) -> bytes:
    """A frame with one message."""
    link.send([envelope])
    data = link.transmit(time.monotonic_ns())
    assert data is not None
    return data


def test_a_quick_ask_costs_one_call() -> None:
    """The reply comes back with the call that brought the ask."""

    async def test(pair: Pair) -> None:
        pair.right.reply = lambda envelope: message(envelope.n)
        for n in range(1, 6):
            pair.left.peer.send([message(n)])
            await pair.until(lambda n=n: pair.left.taken == list(range(1, n + 1)))  # type: ignore[misc]

        assert (pair.to_right.calls, pair.to_left.calls) == (5, 0)

    run(test)


def test_what_is_produced_while_calls_are_under_way_goes_together() -> None:
    """Ten thousand single messages do not make ten thousand calls."""

    async def test(pair: Pair) -> None:
        for n in range(1, 10_001):
            pair.left.peer.send([message(n)])
        await pair.until(lambda: len(pair.right.taken) == 10_000)

        assert pair.right.taken == list(range(1, 10_001))
        assert pair.to_right.calls < 60
        assert pair.to_right.most_under_way == CALLS_UNDER_WAY_MAX

    run(test)


def test_an_answer_waits_for_the_journal() -> None:
    """The call returns when what it brought is committed, not before."""

    async def test(pair: Pair) -> None:
        pair.right.slow = True
        pair.left.peer.send([message(1)])
        await pair.until(lambda: bool(pair.right.unjournaled))

        assert not pair.left.peer.quiet
        assert not pair.right.peer.quiet
        pair.right.unjournaled.pop()()
        await pair.until(lambda: pair.left.peer.quiet and pair.right.peer.quiet)

    run(test)


@pytest.mark.parametrize("kind", ["lost", "arrived"])
def test_a_call_whose_fate_is_unknown_is_repeated(kind: str) -> None:
    """It may have arrived or not: each message is taken once either way."""

    async def test(pair: Pair) -> None:
        pair.to_right.failures = [(kind, UnavailableError("no answer"))]
        pair.left.peer.send([message(1), message(2)])
        await pair.until(lambda: pair.left.peer.quiet and len(pair.right.taken) >= 2)

        assert pair.right.taken == [1, 2]

    run(test)


def test_replies_in_an_answer_that_was_lost_come_again() -> None:
    """The ask was handled, and the answer with the reply never came."""

    async def test(pair: Pair) -> None:
        pair.right.reply = lambda envelope: message(envelope.n)
        pair.to_right.failures = [("arrived", UnavailableError("no answer"))]
        pair.left.peer.send([message(1)])
        await pair.until(lambda: pair.left.taken == [1])

        assert pair.right.taken == [1]

    run(test)


def test_a_dead_host_is_reported_and_not_called_again() -> None:
    """What to do about it is for the supervisor to say."""

    async def test(pair: Pair) -> None:
        pair.to_right.failures = [("lost", GoneError("killed"))]
        pair.left.peer.send([message(1)])
        await pair.until(lambda: bool(pair.left.gone))
        pair.left.peer.send([message(2)])

        assert pair.to_right.calls == 1
        assert not pair.left.peer.quiet

    run(test)


def test_both_ways_at_once_keep_their_order() -> None:
    """Answers and calls of the same host overtake each other; the link puts them in order."""

    async def test(pair: Pair) -> None:
        for first in range(1, 3_001, 3):
            batch = range(first, first + 3)
            pair.left.peer.send([message(n) for n in batch])
            pair.right.peer.send([message(n) for n in batch])
            await asyncio.sleep(0)
        await pair.until(lambda: len(pair.left.taken) == len(pair.right.taken) == 3_000)

        assert pair.left.taken == pair.right.taken == list(range(1, 3_001))

    run(test)


def test_what_came_back_with_an_answer_is_acknowledged_before_long() -> None:
    """Nothing else is to be sent: the acknowledgement goes by itself."""

    async def test(pair: Pair) -> None:
        pair.right.reply = lambda envelope: message(envelope.n)
        pair.left.peer.send([message(1)])
        await pair.until(lambda: pair.left.taken == [1])
        assert pair.right.peer.link.outgoing.waiting
        await pair.until(lambda: pair.right.peer.quiet)

        assert pair.to_right.calls == 2

    run(test)


def test_messages_wait_for_a_way_to_call() -> None:
    """The other host's handle is still being asked for."""

    async def test(pair: Pair) -> None:
        lonely = Host(LEFT, RIGHT, LIMITS)
        lonely.peer.send([message(1)])
        assert not lonely.peer.connected
        pair.left = lonely
        lonely.peer.connect(pair.to_right)
        await pair.until(lambda: pair.right.taken == [1])

    run(test)
