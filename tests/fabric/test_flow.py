"""A fast sender and a slow receiver on two hosts: little waits anywhere, and nothing is lost."""

import asyncio
from dataclasses import replace

import pytest

import agentmesh as am
from agentmesh.fabric.frames import decode
from agentmesh.fabric.halves import LIMITS
from agentmesh.fabric.link import Link
from agentmesh.kernel.commands import FinishTurn
from agentmesh.kernel.envelope import TELL, Envelope
from agentmesh.kernel.events import Delivered
from tests.fabric.conftest import OnRay

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

MANY = 20_000
MAILBOX = 100


class Portion(am.Message):
    number: int


@am.tool
async def chew() -> None:
    """Take longer than sending does."""
    await asyncio.sleep(0.001)


@am.agent(mailbox=MAILBOX)
class Eater:
    eaten: int = 0

    @am.handler
    async def eat(self, portion: Portion) -> None:
        """Take one, and pause after some."""
        self.eaten += 1
        if portion.number % 10 == 0:
            await chew()

    @am.handler
    async def count(self) -> int:
        """Say how many there were."""
        return self.eaten


@am.agent
class Cook:
    @am.handler
    async def cook(self, portion: Portion) -> int:
        """Send far more than the other takes meanwhile; return how many it took."""
        eater = am.ref(Eater, "e")
        for number in range(portion.number):
            await am.tell(eater.eat, Portion(number=number))
        return await eater.count()


@am.workflow(deadline="2m")
async def dinner(portion: Portion) -> int:
    """Cook, and count what was eaten."""
    return await am.ref(Cook, "c").cook(portion)


def test_a_slow_agent_on_another_host_slows_down_who_sends(on_ray: OnRay) -> None:
    """What waits is bounded by what may be under way, not by what is sent in all."""
    finished = on_ray(dinner, Portion(number=MANY))

    assert finished.value == MANY
    waiting = most = 0
    for step in finished.run.steps("Eater/e"):
        waiting += isinstance(step.event, Delivered) and step.event.envelope.kind == TELL
        waiting -= sum(isinstance(command, FinishTurn) for command in step.commands)
        most = max(most, waiting)
    assert most < LIMITS.window + 3_000 < MANY / 1.5


def links() -> tuple[Link, Link]:
    """Return both ends of a link."""
    return Link("left", 1, "right", 1), Link("right", 1, "left", 1)


def test_a_full_agent_is_announced_and_taken_back() -> None:
    left, right = links()
    right.announce(["Eater/e"])
    frame = right.transmit(0)
    assert frame is not None
    left.receive(frame, 0)
    assert left.peer_full == ["Eater/e"]
    assert right.transmit(0) is None  # it was said
    right.announce([])
    frame = right.transmit(0)
    assert frame is not None
    left.receive(frame, 0)
    assert left.peer_full == []


def test_an_announcement_that_is_overtaken_changes_nothing() -> None:
    """The later one is right, whichever comes first."""
    left, right = links()
    right.announce(["Eater/e"])
    early = right.transmit(0)
    right.announce([])
    late = right.transmit(0)
    assert early is not None
    assert late is not None
    left.receive(late, 0)
    left.receive(early, 0)
    assert left.peer_full == []


def test_an_announcement_that_may_be_lost_is_made_again() -> None:
    """On this end's own word, or on the other's, who missed something."""
    left, right = links()
    right.announce(["Eater/e"])
    assert right.transmit(0) is not None
    right.lost()
    frame = right.transmit(0)
    assert frame is not None
    assert decode(frame).full == ["Eater/e"]
    left.lost()
    asks = left.transmit(0)
    assert asks is not None
    right.receive(asks, 0)
    again = right.transmit(0)
    assert again is not None
    assert decode(again).full == ["Eater/e"]


def test_another_life_of_the_other_host_has_room_until_it_says_otherwise() -> None:
    left, right = links()
    right.announce(["Eater/e"])
    frame = right.transmit(0)
    assert frame is not None
    left.receive(frame, 0)
    left.peer_restarted(2)
    assert left.peer_full == []


def test_what_waits_for_a_host_is_measured_in_messages_and_bytes() -> None:
    limits = replace(LIMITS, window=2, unacked_bytes=1_000)
    link = Link("left", 1, "right", 1, limits)
    small = Envelope("a/1", 1, "b/1", TELL)
    link.send([small] * 4)
    assert not link.outgoing.crowded
    link.send([small])
    assert link.outgoing.crowded
    large = Link("left", 1, "right", 1, limits)
    large.send([Envelope("a/1", 1, "b/1", TELL, payload=b"x" * 3_000)])
    assert large.outgoing.crowded
    frame = large.transmit(0)
    assert frame is not None
    right = Link("right", 1, "left", 1, limits)
    right.receive(frame, 0)
    right.commit(right.mark, 0)
    large.receive(right.answer(0), 0)
    assert large.outgoing.roomy
    assert large.outgoing.waiting_bytes == 0
