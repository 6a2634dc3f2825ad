"""What random sources answer inside a handler, outside, and in other threads meanwhile."""

# ruff: noqa: PLW0108 - the calls under test, looked up when they are made

import functools
import os
import pickle
import random
import secrets
import ssl
import string
from collections.abc import Callable
from os import urandom as early_urandom
from random import gauss as early_gauss
from random import randint as early_randint
from random import random as early_random
from random import shuffle as early_shuffle
from secrets import token_hex as early_token_hex
from typing import Any
from uuid import uuid4 as early_uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.ambient import outside
from tests.ambient.helpers import ProbeLoop, ThreadOutside, call_inside, make_loop


def shuffled(shuffle: Callable[[list[int]], None] = random.shuffle) -> list[int]:
    items = list(range(50))
    shuffle(items)
    return items


SOURCES: dict[str, Callable[[], Any]] = {
    "random": lambda: random.random(),
    "getrandbits": lambda: random.getrandbits(64),
    "randint": lambda: random.randint(0, 10**12),
    "randrange": lambda: random.randrange(10**12),
    "randbytes": lambda: random.randbytes(12),
    "choice": lambda: random.choice(range(10**12)),
    "choices": lambda: random.choices(string.ascii_letters, k=20),
    "sample": lambda: random.sample(range(10**12), 4),
    "shuffle": shuffled,
    "uniform": lambda: random.uniform(0, 1),
    "triangular": lambda: random.triangular(),
    "gauss": lambda: (random.gauss(0, 1), random.gauss(0, 1)),
    "normalvariate": lambda: random.normalvariate(0, 1),
    "lognormvariate": lambda: random.lognormvariate(0, 1),
    "expovariate": lambda: random.expovariate(1),
    "betavariate": lambda: random.betavariate(1, 2),
    "gammavariate": lambda: random.gammavariate(2, 2),
    "paretovariate": lambda: random.paretovariate(2),
    "vonmisesvariate": lambda: random.vonmisesvariate(1, 2),
    "weibullvariate": lambda: random.weibullvariate(1, 2),
    "an early-bound random": early_random,
    "an early-bound randint": lambda: early_randint(0, 10**12),
    "an early-bound gauss": lambda: early_gauss(0, 1),
    "an early-bound shuffle": lambda: shuffled(early_shuffle),
    "Random() without a seed": lambda: random.Random().random(),
    "Random().seed() without a seed": lambda: reseeded().random(),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "SystemRandom.randint": lambda: random.SystemRandom().randint(0, 10**12),
    "os.urandom": lambda: os.urandom(16),
    "os.getrandom": lambda: os.getrandom(16),
    "an early-bound urandom": lambda: early_urandom(16),
    "ssl.RAND_bytes": lambda: ssl.RAND_bytes(16),
    "secrets.token_bytes": lambda: secrets.token_bytes(),
    "secrets.token_hex": lambda: secrets.token_hex(),
    "secrets.token_urlsafe": lambda: secrets.token_urlsafe(),
    "secrets.randbelow": lambda: secrets.randbelow(10**12),
    "secrets.randbits": lambda: secrets.randbits(64),
    "secrets.choice": lambda: secrets.choice(range(10**12)),
    "an early-bound token_hex": early_token_hex,
    "uuid4": early_uuid4,
}


def reseeded() -> random.Random:
    generator = random.Random(3)
    generator.seed()
    return generator


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_draws_from_the_turn_inside_and_from_the_process_outside(source: str) -> None:
    """Two handlers with one seed draw alike, with another seed differently; outside all differ."""
    draw = SOURCES[source]
    twice = lambda: (draw(), draw())  # noqa: E731 - what is drawn twice
    first, second = call_inside(twice, make_loop(1)), call_inside(twice, make_loop(1))
    assert first == second
    assert first[0] != first[1]
    assert first != call_inside(twice, make_loop(2))
    assert draw() != draw()


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_does_not_move_the_processs_own_generator(source: str) -> None:
    """The process repeats its sequence, although a handler drew in between."""
    random.seed(99)
    expected = [random.random(), random.gauss(0, 1), random.getrandbits(32)]
    random.seed(99)
    got = [random.random()]
    call_inside(SOURCES[source])
    got.append(random.gauss(0, 1))
    call_inside(SOURCES[source])
    assert [*got, random.getrandbits(32)] == expected


@pytest.mark.parametrize("source", SOURCES)
def test_a_thread_drawing_meanwhile_does_not_disturb_the_turn(source: str) -> None:
    draw = SOURCES[source]
    expected = call_inside(lambda: (draw(), draw()))
    with ThreadOutside() as tool:
        got = call_inside(lambda: (draw(), tool.call(draw), draw()))
    assert (got[0], got[2]) == expected
    assert got[1] not in expected


def test_draws_are_those_of_the_turns_generator() -> None:
    """What `am.random` would give: the module's functions add no stream of their own."""
    loop, same = make_loop(5), random.Random(5)
    got = call_inside(lambda: (random.random(), random.randint(1, 6), random.gauss(0, 1)), loop)
    assert got == (same.random(), same.randint(1, 6), same.gauss(0, 1))


def test_a_seeded_random_keeps_its_own_sequence() -> None:
    assert call_inside(lambda: random.Random(4).random()) == random.Random(4).random()


def test_a_left_over_gauss_value_does_not_leak_into_a_handler() -> None:
    """`gauss` keeps every second value for the next call; the next call may be in a handler."""
    draw = lambda: random.gauss(0, 1)  # noqa: E731 - the same in all places
    random.gauss(0, 1)
    first = call_inside(draw)
    random.gauss(0, 1)
    random.gauss(0, 1)
    assert call_inside(draw) == first


def test_seeding_inside_repeats_the_sequence_people_know() -> None:
    """`random.seed(42)` in code nobody wrote for agents: it gets what it asks for, this turn."""

    def handler() -> tuple[float, float]:
        random.seed(42)
        first = random.random()
        random.seed(42)
        return first, random.random()

    known = random.Random(42).random()
    assert call_inside(handler, make_loop(1)) == (known, known)
    assert call_inside(handler, make_loop(2)) == (known, known)


def test_seeding_inside_leaves_ids_and_secrets_alone() -> None:
    """Two agents that both seed with 42 must not make the same ids."""

    def handler() -> tuple[str, str]:
        random.seed(42)
        return secrets.token_hex(), str(early_uuid4())

    assert call_inside(handler, make_loop(1)) != call_inside(handler, make_loop(2))
    unseeded = call_inside(lambda: (secrets.token_hex(), str(early_uuid4())), make_loop(1))
    assert call_inside(handler, make_loop(1)) == unseeded


def test_seeding_inside_ends_with_the_turn_and_stays_off_the_process() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    call_inside(lambda: random.seed(42))
    assert random.random() == expected
    assert call_inside(random.random) == call_inside(random.random)


def test_seeding_without_a_value_inside_draws_a_fresh_start_from_the_turn() -> None:
    def handler() -> float:
        random.seed(42)
        random.seed()
        return random.random()

    assert call_inside(handler, make_loop(1)) == call_inside(handler, make_loop(1))
    assert call_inside(handler, make_loop(1)) != call_inside(handler, make_loop(2))


def test_a_wrong_seed_inside_fails_as_it_does_outside() -> None:
    with pytest.raises(TypeError, match="seed types"):
        call_inside(lambda: random.seed([1]))  # type: ignore[arg-type]


def test_a_state_taken_inside_can_be_given_back_inside() -> None:
    """Code that borrows the global generator saves and restores it; so may code in a handler."""

    def handler() -> tuple[float, float, float]:
        state = random.getstate()
        first = random.random()
        random.setstate(state)
        again = random.random()
        return first, again, random.random()

    first, again, later = call_inside(handler)
    assert first == again != later
    assert call_inside(handler) == (first, again, later)
    assert random.getstate() == random.getstate()


def test_wrong_sizes_fail_as_they_do_outside() -> None:
    with pytest.raises(ValueError, match="negative"):
        call_inside(lambda: os.urandom(-1))
    with pytest.raises(TypeError):
        call_inside(lambda: os.urandom("1"))  # type: ignore[arg-type]


def test_a_stretch_outside_draws_from_the_process(loop: ProbeLoop) -> None:
    def handler() -> tuple[bytes, float]:
        with outside():
            real = os.urandom(16)
            random.random()
        return real, random.random()

    assert call_inside(handler, loop)[1] == call_inside(random.random)
    assert call_inside(handler)[0] != call_inside(handler)[0]


def test_pickled_code_that_refers_to_a_source_finds_it_again() -> None:
    again = pickle.loads(pickle.dumps(functools.partial(random.random)))
    assert call_inside(again) == call_inside(random.random)


STEPS = st.lists(st.sampled_from(sorted(SOURCES)), max_size=12)


@given(seed=st.integers(), steps=STEPS, outer=STEPS)
def test_the_same_turn_draws_the_same_values_whatever_happens_around_it(
    seed: int, steps: list[str], outer: list[str]
) -> None:
    """Draws of the process between the turns, and its own seed, make no difference."""

    def handler() -> list[Any]:
        return [SOURCES[step]() for step in steps]

    first = call_inside(handler, make_loop(seed))
    for step in outer:
        SOURCES[step]()
    assert call_inside(handler, make_loop(seed)) == first
