"""Identities and randomness depend on who asks for what, and never on what ends first."""

import asyncio
import itertools
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope, address, agent_type_of, key_of
from agentmesh.kernel.prng import KeyedRandom
from tests.kernel.helpers import ask, cell_of, effect, finished, result, started

ROOT = Path(__file__).parents[2]


async def two_stages(cell: Cell) -> object:
    """Two chains of two effects each, side by side."""

    async def chain(name: str) -> None:
        await effect(cell, f"{name}1")
        await effect(cell, f"{name}2")

    return await asyncio.gather(chain("a"), chain("b"))


def keys_of(cell: Cell, order: tuple[int, ...]) -> dict[str, str]:
    """Ask, let the effects end in an order of issue, and return their keys by name."""
    every = list(started(cell.handle(ask(1))))
    for index in order:
        every += started(cell.handle(finished(every[index])))
    return {one.name: one.key for one in every}


def test_effect_keys_do_not_depend_on_what_ends_first() -> None:
    """Numbers do, within the turn; keys are what a fork finds its effects by."""
    orders = [keys_of(cell_of(two_stages), order) for order in ((0, 1, 2, 3), (1, 0, 3, 2))]

    assert orders[0] == orders[1]
    assert len({*orders[0].values()}) == 4


def test_equal_requests_are_told_apart_by_how_often_they_were_made() -> None:
    """Per turn: the second message's first request is not the first message's second."""

    async def handler(cell: Cell) -> None:
        await asyncio.gather(effect(cell), effect(cell))

    cell = cell_of(handler, concurrency=2)
    first, second = started(cell.handle(ask(1))), started(cell.handle(ask(2)))
    keys = [one.key for one in (*first, *second)]

    assert len({*keys}) == 4
    again = cell_of(handler, concurrency=2)
    assert [one.key for one in started(again.handle(ask(2)))] == keys[2:]


@pytest.mark.parametrize(
    "changed",
    [{"address": "A/other"}, {"message": 2}, {"name": "f"}],
    ids=["who", "cause", "what"],
)
def test_keys_tell_who_asked_what_and_why(changed: dict[str, object]) -> None:
    """Each part of the identity makes a difference; the run's seed does not."""

    def key(address: str = "A/x", message: int = 1, name: str = "e", seed: str = "seed") -> str:
        async def handler(cell: Cell) -> None:
            await effect(cell, name)

        (one,) = started(cell_of(handler, address=address, seed=seed).handle(ask(message)))
        return one.key

    assert key() == key(seed="another run")
    assert key(**changed) != key()  # type: ignore[arg-type]


def test_randomness_belongs_to_the_message() -> None:
    """Two turns draw side by side: neither sees how much the other has drawn."""

    async def handler(cell: Cell) -> object:
        draws = [cell.generator().random()]
        await effect(cell)
        return [*draws, cell.generator().random(), cell.generator().random()]

    def draws(order: tuple[int, ...]) -> dict[int, object]:
        cell = cell_of(handler, concurrency=2)
        open_effects = {n: started(cell.handle(ask(n)))[0] for n in order}
        return {n: result(cell.handle(finished(open_effects[n]))) for n in reversed(order)}

    together = draws((1, 2))
    assert together == draws((2, 1))
    assert together[1] == draws((1,))[1]
    assert together[1] != together[2]


def test_randomness_outside_any_turn_belongs_to_the_agent() -> None:
    """A default that is drawn when the instance is made."""
    seen = []
    for seed in ("s", "s", "t"):
        cell = cell_of(two_stages, seed=seed)
        seen.append([cell.generator().random(), cell.generator().random()])

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_streams_are_the_same_in_every_process() -> None:
    """Golden values: a recorded run must draw the same for ever."""
    stream = KeyedRandom("seed", "A/x", "C/y#1")
    drawn = [stream.random(), stream.getrandbits(16), stream.randint(1, 6), stream.choice("abc")]
    code = (
        "from agentmesh.kernel.prng import KeyedRandom as K\n"
        "s = K('seed', 'A/x', 'C/y#1')\n"
        "print([s.random(), s.getrandbits(16), s.randint(1, 6), s.choice('abc')])"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "99", "PYTHONPATH": str(ROOT)},
    )

    assert other.stdout.strip() == str(drawn)
    assert drawn == [0.5025482242107714, 64496, 5, "a"]


@given(st.lists(st.integers(0, 200), max_size=30))
def test_bits_are_those_of_one_stream_however_they_are_taken(sizes: list[int]) -> None:
    """In portions, or at once."""
    stream, whole = KeyedRandom("x"), KeyedRandom("x").getrandbits(sum(sizes))
    joined, offset = 0, 0
    for size in sizes:
        joined |= stream.getrandbits(size) << offset
        offset += size

    assert joined == whole


def test_a_stream_looks_random() -> None:
    """Mean, spread and independence of neighbours, loosely: no toy generator."""
    drawn = [KeyedRandom("k", str(n)).random() for n in range(2_000)]
    stream = KeyedRandom("k")
    drawn += [stream.random() for _ in range(2_000)]
    for sample in (drawn[:2_000], drawn[2_000:]):
        mean = sum(sample) / len(sample)
        pairs = sum(a * b for a, b in itertools.pairwise(sample)) / (len(sample) - 1)
        assert abs(mean - 0.5) < 0.03
        assert abs(sum((x - mean) ** 2 for x in sample) / len(sample) - 1 / 12) < 0.01
        assert abs(pairs - mean * mean) < 0.02


def test_all_methods_of_random_draw_from_the_stream() -> None:
    """Shuffles, samples, distributions; and none touches the process's generator."""
    before = random.getstate()
    calls = {
        "shuffle": lambda r: r.shuffle(list(range(9))),
        "sample": lambda r: r.sample(range(99), 5),
        "gauss": lambda r: r.gauss(0, 1),
        "expovariate": lambda r: r.expovariate(1),
        "randbytes": lambda r: r.randbytes(7),
        "choices": lambda r: r.choices("abc", k=4),
        "triangular": lambda r: r.triangular(),
        "uniform": lambda r: r.uniform(1, 2),
    }
    for call in calls.values():
        assert call(KeyedRandom("a")) == call(KeyedRandom("a"))
    assert random.getstate() == before


def test_a_seeded_stream_repeats_itself_within_its_identity() -> None:
    """Code that seeds to repeat itself repeats itself; two agents still draw differently."""
    stream, other = KeyedRandom("a"), KeyedRandom("b")
    seen = []
    for each in (stream, stream, other):
        each.seed(42)
        seen.append([each.random(), each.gauss(0, 1)])
    assert seen[0] == seen[1] != seen[2]
    stream.seed("text")
    other.seed(b"bytes")
    with pytest.raises(TypeError, match="seed types"):
        stream.seed(object())


def test_seeding_with_nothing_goes_on() -> None:
    """Starting over would draw the same ids twice."""
    stream = KeyedRandom("a")
    first = stream.random()
    stream.seed()
    assert stream.random() != first


def test_a_position_can_be_kept_and_gone_back_to() -> None:
    """Also in the middle of what `gauss` keeps."""
    stream = KeyedRandom("a")
    stream.seed(3)
    stream.gauss(0, 1)
    state = stream.getstate()
    ahead = [stream.gauss(0, 1), stream.random()]
    stream.seed(4)
    stream.setstate(state)
    assert [stream.gauss(0, 1), stream.random()] == ahead
    assert not math.isnan(ahead[0])


def test_a_negative_number_of_bits_is_refused() -> None:
    """As by the standard library."""
    with pytest.raises(ValueError, match="non-negative"):
        KeyedRandom("a").getrandbits(-1)


@given(st.text(min_size=1).filter(lambda name: "/" not in name), st.text())
def test_addresses_can_be_taken_apart(name: str, key: str) -> None:
    """A key may contain slashes; a type's name may not."""
    assert agent_type_of(address(name, key)) == name
    assert key_of(address(name, key)) == key


def test_a_message_is_named_by_its_sender_and_the_senders_counter() -> None:
    """No coordination is needed for that."""
    assert Envelope("A/x", 7, "B/z", kinds.TELL).id == "A/x#7"
