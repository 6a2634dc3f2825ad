"""Installing: when asked, once, for all threads, and completely or not at all."""

import asyncio
import random
import threading
import time
import uuid

import pytest

from agentmesh.ambient import guest, install, installation, installed, uninstall
from agentmesh.errors import InternalError
from tests.ambient.helpers import DEADLINE_SECONDS, call_inside, in_a_process


def test_installing_twice_changes_nothing() -> None:
    before = (time.time, time.monotonic, random.random, uuid.uuid1)
    install()
    assert (time.time, time.monotonic, random.random, uuid.uuid1) == before
    assert installed()


def test_threads_that_install_at_once_install_once() -> None:
    uninstall()
    barrier = threading.Barrier(8)
    clocks: list[object] = []

    def work() -> None:
        barrier.wait(DEADLINE_SECONDS)
        install()
        clocks.append(time.monotonic)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert len(clocks) == 8
    assert all(clock == clocks[0] for clock in clocks)
    uninstall()
    assert time.monotonic != clocks[0]


def test_installing_within_the_hosts_running_loop_works() -> None:
    uninstall()

    async def host() -> float:
        install()
        return call_inside(time.time)

    assert asyncio.run(host()) < 1.1e9


def test_uninstalled_a_handler_sees_the_real_world() -> None:
    stand_in = time.monotonic
    uninstall()
    assert not installed()
    assert call_inside(time.time) > 1.7e9
    assert call_inside(time.monotonic) > 1e-3
    assert call_inside(stand_in) > 1e-3
    assert call_inside(uuid.uuid4) != call_inside(uuid.uuid4)
    assert call_inside(random.random) != call_inside(random.random)


def test_it_can_be_taken_away_and_put_back_again_and_again() -> None:
    for _ in range(3):
        uninstall()
        assert call_inside(time.time) > 1.7e9
        assert time.time() > 1.7e9
        install()
        assert call_inside(time.time) < 1.1e9
        assert time.time() > 1.7e9


def test_an_installation_that_does_not_work_says_so_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later time-machine, say, that patches in another way."""
    uninstall()
    monkeypatch.setattr(guest, "enable", lambda: None)
    with pytest.raises(
        InternalError, match=r"time\.monotonic.* not answer logically .*time-machine 3\."
    ):
        installation.install()
    assert not installed()
    assert "stand-in" not in repr(time.monotonic)


def test_importing_installs_nothing() -> None:
    """Only who runs cells wants this."""
    program = """
        import sys
        hooks = []
        import agentmesh.ambient, time, random
        assert not agentmesh.ambient.installed()
        assert "time_machine" not in sys.modules
        assert "built-in" in repr(time.time) and "built-in" in repr(random.random)
    """
    assert in_a_process(program) == ""


PROGRAM = """
    import atexit, os, random, sys, threading, time, uuid
    from agentmesh.ambient import install
    install()

    class Late:
        def __del__(self, clock=time.monotonic, draw=random.random):
            assert clock() > 0 and 0 <= draw() < 1
            open(os.devnull).close()

    late = Late()
    sys.kept_to_the_very_end = Late()
    atexit.register(lambda: (time.time(), uuid.uuid4(), open(os.devnull).close()))
    threading.Thread(target=time.sleep, args=(0.01,)).start()
    print("ends")
"""


def test_a_process_that_has_it_ends_cleanly() -> None:
    """Finalizers and exit handlers read clocks and open files while modules are taken down."""
    assert in_a_process(PROGRAM) == "ends\n"


SEEDED = """
    import datetime, os, random, secrets, time, uuid
    from agentmesh.ambient import install
    from tests.ambient.helpers import call_inside, make_loop
    install()
    def handler():
        return [
            time.time(), time.monotonic(), datetime.datetime.now(datetime.UTC).isoformat(),
            random.random(), random.gauss(0, 1), random.sample(range(1000), 5),
            os.urandom(4), secrets.token_hex(4), uuid.uuid1(), uuid.uuid4(),
            random.Random().random(),
        ]
    print(call_inside(handler, make_loop(3)))
"""


def test_another_process_with_another_hash_seed_answers_alike() -> None:
    """What replay rests on."""
    first = in_a_process(SEEDED, PYTHONHASHSEED="1")
    assert first == in_a_process(SEEDED, PYTHONHASHSEED="2")
    assert len(first) > 100
