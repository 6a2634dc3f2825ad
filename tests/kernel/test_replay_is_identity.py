"""A cell is a function of its events: the same commands, in every process, always."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmesh.kernel import commands, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.commands import Command
from tests.kernel.replaying_worker import Request, pack
from tests.kernel.strategies import SETTINGS
from tests.kernel.world import History, Setting, World, replay

ROOT = Path(__file__).parents[2]
HASH_SEED = "4242"

relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

pytestmark = [
    pytest.mark.usefixtures("standard_library"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


class OtherProcess:
    """Replays cells in a process whose hash seed differs from this one's."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kernel.replaying_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": str(ROOT)},
        )

    def replay(self, setting: Setting, recorded: list[Any]) -> bytes:
        """Return what the cell issues there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        data = msgspec.msgpack.encode(Request(setting, recorded))
        self._process.stdin.write(len(data).to_bytes(4, "little") + data)
        self._process.stdin.flush()
        length = int.from_bytes(self._process.stdout.read(4), "little")
        return self._process.stdout.read(length)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def other_process() -> Iterator[OtherProcess]:
    """A process with another hash seed."""
    process = OtherProcess()
    yield process
    process.close()


def live(setting: Setting, seed: int) -> tuple[World, dict[str, History]]:
    """Run a program once, with what happens first decided by a seed."""
    world = World(setting, Random(seed))
    try:
        return world, world.run()
    finally:
        world.close()


@settings(relaxed, max_examples=150)
@given(setting=SETTINGS, seed=st.integers(0, 2**32))
def test_any_cell_replays_byte_for_byte_in_another_process(
    setting: Setting, seed: int, other_process: OtherProcess
) -> None:
    """Races, streams, locks, timers, failures and clean-up, under another hash seed."""
    _, histories = live(setting, seed)

    for history in histories.values():
        there = other_process.replay(setting, history.events)
        assert there == pack(history.issued) or _explain(setting, history)  # type: ignore[arg-type]


def _explain(setting: Setting, history: History) -> bool:
    """Fail with the first difference; it may show in this process as well."""
    here = replay(setting, history.events)
    for step, (recorded, replayed) in enumerate(zip(history.issued, here, strict=True)):
        assert recorded == replayed, f"step {step}, {history.events[step]}"
    pytest.fail("differs in the other process only")


@settings(relaxed, max_examples=120)
@given(setting=SETTINGS, seed=st.integers(0, 2**32))
def test_every_message_ends_exactly_once(setting: Setting, seed: int) -> None:
    """Whatever fails, is cancelled, expires or is stopped: one end, and one answer to an ask."""
    world, histories = live(setting, seed)
    every = [c for history in histories.values() for step in history.issued for c in step]
    ended = [c.message for c in every if isinstance(c, commands.FinishTurn)]
    answers = [
        (c.envelope.dst, c.envelope.re)
        for c in every
        if isinstance(c, commands.Send) and c.envelope.kind in (kinds.REPLY, kinds.FAIL)
    ]
    asked, monitored = (_delivered(histories, kind) for kind in (kinds.ASK, kinds.MONITOR))
    told = [answer for answer in answers if answer in monitored]

    assert sorted(ended) == sorted(world.arrived)
    assert set(world.arrived.values()) <= {1}
    assert sorted(answer for answer in answers if answer not in monitored) == sorted(asked)
    assert len(told) == len({*told}), "somebody was told twice that an agent stopped"
    assert all(cell.idle for cell in world.cells.values())


def _delivered(histories: dict[str, History], kind: int) -> list[tuple[str, int]]:
    """Return sender and number of all messages of a kind that arrived."""
    return [
        (event.envelope.src, event.envelope.n)
        for history in histories.values()
        for event in history.events
        if isinstance(event, events.Delivered) and event.envelope.kind == kind
    ]


@settings(relaxed, max_examples=60)
@given(setting=SETTINGS, seed=st.integers(0, 2**32))
def test_everything_started_ends_or_is_taken_back(setting: Setting, seed: int) -> None:
    """No effect and no timer of a cell outlives it, and none is cancelled twice."""
    _, histories = live(setting, seed)

    for history in histories.values():
        assert _still_open(history) == []


def _still_open(history: History) -> list[object]:
    under_way: dict[object, None] = {}
    for event, issued in zip(history.events, history.issued, strict=True):
        if isinstance(event, events.EffectFinished | events.EffectFailed):
            under_way.pop(("effect", event.turn, event.n), None)
        if isinstance(event, events.TimerFired):
            under_way.pop(("timer", event.turn, event.n), None)
        for command in issued:
            _follow(command, under_way)
    return list(under_way)


def _follow(command: Command, under_way: dict[object, None]) -> None:
    match command:
        case commands.StartEffect(turn=turn, n=n):
            under_way["effect", turn, n] = None
        case commands.StartTimer(turn=turn, n=n):
            under_way["timer", turn, n] = None
        case commands.CancelEffect(turn=turn, n=n):
            del under_way["effect", turn, n]
        case commands.CancelTimer(turn=turn, n=n):
            del under_way["timer", turn, n]


@pytest.fixture
def frozen() -> Iterator[None]:
    """Collections look only at what is made during the test: else each takes as long as a run."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@settings(relaxed, max_examples=60)
@given(setting=SETTINGS, seed=st.integers(0, 2**32))
def test_the_garbage_collector_makes_no_difference(
    setting: Setting, seed: int, frozen: None
) -> None:
    """It may run after every event or never: addresses are reused, generators found or not."""
    _, histories = live(setting, seed)

    for history in histories.values():
        issued = []
        for collects in (True, False):
            with _collector(after_each_event=collects) as collect:
                issued.append(pack(replay(setting, history.events, between=collect)))  # type: ignore[arg-type]
        assert issued[0] == issued[1]


@contextmanager
def _collector(*, after_each_event: bool) -> Iterator[Callable[[], object]]:
    """Let the collector run when told and at no other time, and look only at what is new."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect if after_each_event else lambda: None
    finally:
        gc.enable()


def test_the_order_of_events_makes_a_difference() -> None:
    """Otherwise the tests above would compare nothing: two races of one program differ."""
    setting = Setting(
        program={
            "h0": [["first", [[["effect", "a"]], [["effect", "b"]], [["sleep", 1]]]]],
            "h1": [["draw"]],
            "h2": [["draw"]],
        },
        concurrency=1,
        reentrant=False,
        deadline_ms=0,
        messages=2,
    )
    seen = {pack(live(setting, seed)[1]["P/0"].issued) for seed in range(20)}  # type: ignore[arg-type]

    assert len(seen) > 3


def test_two_events_exchanged_are_noticed() -> None:
    """A replay in another order than the recorded one is another replay."""

    setting = Setting(
        program={
            "h0": [["gather", [[["effect", "a"]], [["effect", "b"]]]], ["draw"]],
            "h1": [["draw"]],
            "h2": [["draw"]],
        },
        concurrency=1,
        reentrant=False,
        deadline_ms=0,
        messages=1,
    )
    for seed in range(20):
        _, histories = live(setting, seed)
        recorded = histories["P/0"].events
        ends = [i for i, e in enumerate(recorded) if isinstance(e, events.EffectFinished)]
        if len(ends) == 2:
            one, other = ends
            exchanged = list(recorded)
            exchanged[one], exchanged[other] = recorded[other], recorded[one]
            assert replay(setting, exchanged) != histories["P/0"].issued
            return
    pytest.fail("no run in which both effects ended well")
