"""What clocks answer inside a handler, outside, and in other threads meanwhile."""

# ruff: noqa: PLW0108 - the calls under test, looked up when they are made

import asyncio
import base64
import functools
import pickle
import random
import time
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from time import asctime as early_asctime
from time import gmtime as early_gmtime
from time import time as early_time
from typing import Any

import pytest
import time_machine

from agentmesh.ambient import outside
from agentmesh.errors import EscapeError
from tests.ambient.helpers import (
    START_NS,
    START_YEAR,
    ProbeLoop,
    ThreadOutside,
    call_inside,
    in_a_process,
    run,
)

CLOCKLESS = [
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "process_time_ns",
    "thread_time",
    "thread_time_ns",
]

WALL: dict[str, Callable[[], Any]] = {
    "time.time": lambda: time.time(),
    "time.time_ns": lambda: time.time_ns() / 1e9,
    "an early-bound time": early_time,
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "clock_gettime_ns": lambda: time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9,
    "datetime.now with a zone": lambda: datetime.now(UTC).timestamp(),
    "datetime.now without a zone": lambda: datetime.now().timestamp(),  # noqa: DTZ005
    "datetime.today": lambda: datetime.today().timestamp(),  # noqa: DTZ002
}

YEARS: dict[str, Callable[[], int]] = {
    "date.today": lambda: date.today().year,  # noqa: DTZ011
    "gmtime": lambda: time.gmtime().tm_year,
    "gmtime of None": lambda: time.gmtime(None).tm_year,
    "an early-bound gmtime": lambda: early_gmtime().tm_year,
    "localtime": lambda: time.localtime().tm_year,
    "strftime": lambda: int(time.strftime("%Y")),
    "ctime": lambda: int(time.ctime()[-4:]),
    "ctime of None": lambda: int(time.ctime(None)[-4:]),
    "asctime": lambda: int(time.asctime()[-4:]),
    "an early-bound asctime": lambda: int(early_asctime()[-4:]),
}


class Stamp(datetime):
    """A subclass, as pendulum and others have."""


@pytest.mark.parametrize("clock", WALL)
def test_the_wall_clock_is_logical_inside_and_real_outside(clock: str, loop: ProbeLoop) -> None:
    """A handler reads the moment of its event; the process around it reads now."""
    read = WALL[clock]
    assert call_inside(read, loop) == pytest.approx((START_NS + 1_000) / 1e9, abs=1e-6)
    assert read() > 1.7e9


@pytest.mark.parametrize("clock", YEARS)
def test_calendar_functions_without_arguments_are_logical_inside(clock: str) -> None:
    read = YEARS[clock]
    assert call_inside(read) == START_YEAR
    assert read() > 2020


@pytest.mark.parametrize("name", CLOCKLESS)
def test_clocks_without_a_date_are_logical_inside(name: str, loop: ProbeLoop) -> None:
    """Two readings in a row differ by exactly the tick, which no real clock would do."""
    read = getattr(time, name)
    unit = 1 if name.endswith("_ns") else 1e9
    first, second = call_inside(lambda: (read(), read()), loop)
    assert (first * unit, second * unit) == pytest.approx((1_000, 2_000))
    assert type(first) is type(read())
    assert read() * unit < read() * unit or name.startswith(("process", "thread"))


@pytest.mark.parametrize(
    "clock_id", ["CLOCK_MONOTONIC", "CLOCK_BOOTTIME", "CLOCK_PROCESS_CPUTIME_ID"]
)
def test_clocks_by_id_are_logical_inside(clock_id: str) -> None:
    number = getattr(time, clock_id)
    assert call_inside(lambda: time.clock_gettime_ns(number)) == 1_000
    assert call_inside(lambda: time.clock_gettime(number)) == pytest.approx(1e-6)
    assert time.clock_gettime_ns(number) > 1_000


def test_utcnow_is_logical_inside() -> None:
    """Deprecated since 3.12, and everywhere in older code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        now = call_inside(datetime.utcnow)
    assert (now.year, now.tzinfo) == (START_YEAR, None)


def test_times_that_are_given_are_not_replaced() -> None:
    """Only a missing argument means now."""
    assert call_inside(lambda: time.gmtime(0).tm_year) == 1970
    assert call_inside(lambda: time.ctime(0)[-4:]) in {"1970", "1969"}
    assert call_inside(lambda: time.asctime(time.gmtime(0))[-4:]) == "1970"
    assert call_inside(lambda: time.strftime("%Y", time.gmtime(0))) == "1970"


def test_a_subclass_and_a_zone_get_what_they_ask_for() -> None:
    zone = timezone(timedelta(hours=2))
    stamp = call_inside(lambda: Stamp.now(zone))
    assert isinstance(stamp, Stamp)
    assert stamp.utcoffset() == timedelta(hours=2)
    assert stamp.year == START_YEAR


def test_every_reading_moves_logical_time_so_that_busy_waits_end() -> None:
    """A loop that polls the clock until a moment has passed ends without any help."""

    def wait() -> int:
        end = time.monotonic() + 0.01
        rounds = 0
        while time.monotonic() < end:
            rounds += 1
        return rounds

    assert call_inside(wait) == 9_999


@pytest.mark.parametrize("with_loop", [False, True], ids=["sync tool", "async tool"])
def test_a_tool_in_another_thread_sees_real_time_meanwhile(*, with_loop: bool) -> None:
    """The thread is asked from the middle of a handler; both answers are taken then and there."""
    with ThreadOutside(with_loop=with_loop) as tool:

        async def handler() -> tuple[float, float, int, float, float]:
            await asyncio.sleep(0)
            return (
                time.time(),
                tool.call(lambda: time.time()),
                tool.call(lambda: datetime.now(UTC).year),
                time.monotonic(),
                tool.call(lambda: time.monotonic()),
            )

        before = time.monotonic()
        logical, real, year, logical_monotonic, real_monotonic = run(handler())
        after = time.monotonic()
    assert logical == pytest.approx(START_NS / 1e9, abs=0.01)
    assert real == pytest.approx(time.time(), abs=60)
    assert year > 2020
    assert logical_monotonic < 0.01
    assert before <= real_monotonic <= after


def test_the_hosts_own_loop_around_a_handler_sees_real_time() -> None:
    """A cell is driven from a callback of the host's asyncio loop, in the same thread."""

    async def host() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()
        loop.call_soon(lambda: done.set_result(call_inside(time.time)))
        before = loop.time()
        logical = await done
        return before, logical, time.monotonic()

    before, logical, after = asyncio.run(host())
    assert logical == pytest.approx(START_NS / 1e9, abs=0.01)
    assert 0 <= after - before < 60


def test_sleeping_inside_a_handler_is_refused_with_the_way_to_wait() -> None:
    with pytest.raises(EscapeError, match=r"time\.sleep\(0\.5\) was refused") as caught:
        call_inside(lambda: time.sleep(0.5))
    assert "await asyncio.sleep(0.5)" in caught.value.fix
    assert "am.sleep" in caught.value.fix
    time.sleep(0)  # outside, as ever


def test_a_stretch_outside_sees_real_time_and_does_not_move_logical_time(loop: ProbeLoop) -> None:
    def peep() -> tuple[float, float]:
        with outside(), outside():
            real = time.time()
        return real, time.time()

    real, logical = call_inside(peep, loop)
    assert real > 1.7e9
    assert logical == pytest.approx((START_NS + 1_000) / 1e9, abs=1e-6)


def test_a_stretch_outside_ends_with_an_error_too() -> None:
    def peep() -> float:
        with pytest.raises(ZeroDivisionError), outside():
            raise ZeroDivisionError
        return time.time()

    assert call_inside(peep) < 1.1e9


def test_somebodys_own_time_travel_still_works_outside_and_not_inside() -> None:
    """A user's test freezes time around the run; logical time stays the run's."""
    with time_machine.travel(0, tick=False):
        assert time.time() == 0
        assert datetime.now(UTC).year == 1970
        assert call_inside(lambda: datetime.now(UTC).year) == START_YEAR
        assert call_inside(time.time) == pytest.approx(START_NS / 1e9, abs=0.01)
    assert time.time() > 1.7e9
    assert call_inside(lambda: date.today().year) == START_YEAR  # noqa: DTZ011


def test_pickled_code_that_refers_to_a_clock_finds_it_again() -> None:
    """Ray pickles functions together with the globals they use, early-bound clocks among them."""
    for function in (time.monotonic, time.time, time.sleep):
        again = pickle.loads(pickle.dumps(functools.partial(function)))
        assert again.func == function
    assert call_inside(pickle.loads(pickle.dumps(time.monotonic))) == pytest.approx(1e-6)


@pytest.mark.parametrize("installs", [True, False])
def test_pickled_clocks_work_in_a_process_that_starts_with_them(*, installs: bool) -> None:
    """As a Ray worker does, which may not have installed anything yet, or never will."""
    clocks = base64.b64encode(pickle.dumps([time.time, time.monotonic, random.random])).decode()
    printed = in_a_process(f"""
        import base64, pickle
        from agentmesh.ambient import install
        clocks = pickle.loads(base64.b64decode("{clocks}"))
        if {installs}:
            install()
        print([clock() > 0 for clock in clocks])
    """)
    assert printed == "[True, True, True]\n"


def test_a_clock_as_a_class_attribute_does_not_become_a_method() -> None:
    """A builtin does not bind to instances, so what stands in for it must not either."""

    class Timer:
        clock = time.monotonic

    through_instance: float = Timer().clock()  # type: ignore[misc] # of a method, it would be
    assert through_instance <= Timer.clock()
