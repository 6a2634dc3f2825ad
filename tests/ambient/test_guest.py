"""Who counts as being inside a handler."""

import asyncio
import gc

from agentmesh.ambient import inside, install, outside, uninstall
from agentmesh.ambient.guest import current
from tests.ambient.helpers import ProbeLoop, ThreadOutside, call_inside, run


def test_inside_is_the_thread_whose_running_loop_is_an_agents(loop: ProbeLoop) -> None:
    assert not inside()
    found: object = call_inside(current, loop)
    assert found is loop
    assert not inside()


def test_an_ordinary_loop_is_outside() -> None:
    async def ordinary() -> bool:
        return inside()

    assert not asyncio.run(ordinary())


def test_a_stretch_outside_counts_for_its_thread_only(loop: ProbeLoop) -> None:
    """Two agents run in two threads; one warms a cache, the other must not notice."""
    with ThreadOutside() as other:

        def handler() -> tuple[bool, bool]:
            with outside():
                return inside(), other.call(lambda: call_inside(inside))

        assert call_inside(handler, loop) == (False, True)


def test_finalizers_of_the_cyclic_collector_are_outside(loop: ProbeLoop) -> None:
    """When the collector runs depends on all the process allocates, so it may not read clocks."""
    seen: list[tuple[str, bool]] = []

    class Cyclic:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            seen.append(("collected", inside()))

    class Plain:
        def __del__(self) -> None:
            seen.append(("counted", inside()))

    def handler() -> bool:
        Cyclic()
        Plain()
        gc.collect()
        return inside()

    assert call_inside(handler, loop)
    assert seen == [("counted", True), ("collected", False)]


def test_what_others_do_when_the_collector_runs_is_outside_too(loop: ProbeLoop) -> None:
    """Hypothesis times collections, and so do metrics: installed before us or after."""
    seen: list[bool] = []

    def callback(_phase: str, _info: dict[str, int]) -> None:
        seen.append(inside())

    uninstall()
    gc.callbacks.append(callback)
    install()
    gc.callbacks.append(callback)
    gc.callbacks.insert(0, callback)
    install()
    try:
        assert call_inside(lambda: (gc.collect(), inside())[1], loop)
    finally:
        for _ in range(3):
            gc.callbacks.remove(callback)
    assert seen
    assert not any(seen)


def test_many_collections_in_a_handler_leave_it_inside(loop: ProbeLoop) -> None:
    def handler() -> list[bool]:
        return [(gc.collect(), inside())[1] for _ in range(5)]

    assert call_inside(handler, loop) == [True] * 5
    assert not inside()


def test_tasks_and_callbacks_of_the_handler_are_inside(loop: ProbeLoop) -> None:
    async def handler() -> list[bool]:
        seen = [inside()]
        asyncio.get_running_loop().call_soon(lambda: seen.append(inside()))
        await asyncio.sleep(0)
        seen.extend(await asyncio.gather(step(), step()))
        return seen

    async def step() -> bool:
        await asyncio.sleep(0)
        return inside()

    assert run(handler(), loop) == [True] * 4
