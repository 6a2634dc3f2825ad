"""Who is held for whom, and what lets them go: gates alone, and in whole local runs."""

import asyncio
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.host.engine import Host
from agentmesh.host.flow import HOLD_NS, Flow
from agentmesh.kernel.envelope import ASK, REPLY, TELL, Envelope
from agentmesh.kernel.events import Cancelled, Delivered, TimerFired
from agentmesh.mesh.auditing import audit_run

SIZE = 20


def message(src: str, dst: str, kind: int = TELL, chain: tuple[str, ...] = ()) -> Envelope:
    return Envelope(src, 1, dst, kind, chain=chain)


def held_for(gate: str, *addresses: str) -> Flow:
    """Return the flow control of a host where cells sent to somebody full."""
    flow = Flow()
    flow.close(gate)
    for address in addresses:
        flow.passes(message(address, gate), now=0)
    return flow


def test_who_sends_to_somebody_full_handles_nothing_until_there_is_room() -> None:
    """Events of a held cell wait in order; all others go on."""
    flow = held_for("slow/1", "fast/1")
    first, second = TimerFired(1, 1, 1), TimerFired(2, 1, 2)
    assert flow.parks("fast/1", 5, first)
    assert flow.parks("fast/1", 6, second)
    assert not flow.parks("other/1", 3, first)
    assert flow.next_parked() is None
    flow.open("slow/1")
    assert flow.next_parked() == ("fast/1", 5, first)
    assert flow.next_parked() == ("fast/1", 6, second)
    assert flow.next_parked() is None
    assert not flow.active


def test_answers_hold_nobody() -> None:
    """A reply is always welcome: whoever waits for it can't keep up without it."""
    flow = held_for("slow/1")
    flow.passes(message("fast/1", "slow/1", REPLY), now=0)
    assert not flow.active


def test_a_cell_held_twice_waits_for_both_gates() -> None:
    flow = held_for("slow/1", "fast/1")
    flow.close("@far")
    flow.hold("fast/1", "@far", now=0)
    flow.open("slow/1")
    assert flow.parks("fast/1", 1, TimerFired(1, 1, 1))
    flow.open("@far")
    assert flow.next_parked() == ("fast/1", 1, TimerFired(1, 1, 1))


@pytest.mark.parametrize(
    "event",
    [
        Cancelled(1, "someone#1", "cancel"),
        Delivered(1, message("slow/1", "fast/1", ASK, chain=("slow/1",))),
        Delivered(1, message("helper/1", "fast/1", ASK, chain=("slow/1", "helper/1"))),
    ],
)
def test_a_cell_goes_on_when_the_full_one_waits_for_it(event: Cancelled | Delivered) -> None:
    """Otherwise both would wait: and a cancellation must not wait for anything."""
    flow = held_for("slow/1", "fast/1")
    earlier = TimerFired(1, 1, 1)
    assert flow.parks("fast/1", 1, earlier)
    assert flow.parks("fast/1", 2, event)
    assert flow.next_parked() == ("fast/1", 1, earlier)
    assert flow.next_parked() == ("fast/1", 2, event)


def test_nobody_waits_in_a_circle_that_can_be_seen() -> None:
    """Two full agents that send to each other: the second is not held."""
    flow = Flow()
    flow.close("a/1")
    flow.close("b/1")
    flow.passes(message("a/1", "b/1"), now=0)
    flow.passes(message("b/1", "a/1"), now=0)
    flow.passes(message("b/1", "b/1"), now=0)
    assert flow.parks("a/1", 1, TimerFired(1, 1, 1))
    assert not flow.parks("b/1", 1, TimerFired(1, 1, 1))


def test_nobody_is_held_for_ever() -> None:
    flow = held_for("slow/1", "fast/1")
    assert flow.overheld(HOLD_NS - 1) == []
    assert flow.overheld(HOLD_NS) == ["fast/1"]


class Item(am.Message):
    number: int


@am.tool
async def take_a_while() -> None:
    """Be slower than whoever sends."""
    await asyncio.sleep(0.0002)


@am.agent(mailbox=SIZE)
class SlowTaker:
    taken: int = 0

    @am.handler
    async def take(self, item: Item) -> None:
        """Take one, slowly; ask the sender about some."""
        await take_a_while()
        if item.number % 100 == 1:
            await am.ref(FastMaker, "f").known(item)
        self.taken += 1

    @am.handler
    async def count(self) -> int:
        """Say how many there were."""
        return self.taken


@am.agent(concurrency=2)
class FastMaker:
    made: int = 0

    @am.handler
    async def make(self, item: Item) -> None:
        """Send far more than fits."""
        for number in range(item.number):
            await am.tell(am.ref(SlowTaker, "s").take, Item(number=number))
            if number % 10 == 9:
                await am.sleep(0.00001)

    @am.handler
    async def known(self, item: Item) -> int:
        """Answer somebody who may be full."""
        self.made += 1
        return item.number


@am.workflow(deadline="1m")
async def feed(item: Item) -> int:
    """Let one make and the other take."""
    await am.ref(FastMaker, "f").make(item)
    return await am.ref(SlowTaker, "s").count()


def test_a_slow_agent_has_little_waiting_and_gets_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender is held; whom the slow one asks meanwhile still answers."""
    most = 0
    tick = Host._tick

    def watched(host: Host) -> None:
        nonlocal most
        tick(host)
        waiting = [len(resident.cell.mailbox) for resident in host.residents.values()]
        most = max(most, *waiting, 0)

    monkeypatch.setattr(Host, "_tick", watched)
    count = am.run(
        feed, Item(number=1_000), local=True, store=str(tmp_path), run_id="r", quiet=True
    )
    assert count == 1_000
    assert 0 < most <= 5 * SIZE
    assert audit_run("r", store=str(tmp_path)).clean
