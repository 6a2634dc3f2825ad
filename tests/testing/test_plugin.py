"""The pytest plugin as its users meet it: tests of their own, in a directory of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

import agentmesh as am

pytest_plugins = ["pytester"]

PROGRAM = """
import asyncio, itertools
import agentmesh as am

class Order(am.Message):
    item: str

calls = itertools.count(40)

@am.tool
async def price(item: str) -> int:
    number = next(calls)
    await asyncio.sleep(0.02 if number == 40 else 0)
    return number

@am.agent
class Buyer:
    @am.handler
    async def buy(self, order: Order) -> int:
        return await price(order.item)

@am.workflow(deadline="1m")
async def main(order: Order) -> list[str]:
    done = []
    async def one(key: str) -> None:
        done.append(f"{key}:{await am.ref(Buyer, key).buy(order)}")
    await asyncio.gather(one("ada"), one("ben"))
    return done
"""
TEST = """
from app_NAME import Order, calls, main

def test_who_wins(mesh_recording):
    assert mesh_recording.run(main, Order(item="lamp")) == ["ben:41", "ada:40"]

def test_calls():
    print("calls", next(calls))
"""
RECORDING = Path("recordings", "test_shop", "test_who_wins.mesh")


@pytest.fixture
def shop(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A user's directory: a program, a test of it, and settings."""
    name = f"app_{abs(hash(request.node.nodeid))}"  # a process imports a module once
    pytester.makepyfile(**{name: PROGRAM, "test_shop": TEST.replace("app_NAME", name)})
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def run(shop: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run the user's tests in this process."""
    quiet = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "-s", "-W", "error")
    return shop.runpytest_inprocess("-p", "pytest_agentmesh", *quiet, *words)


def program(shop: pytest.Pytester) -> Path:
    """Return the user's program."""
    return next(shop.path.glob("app_*.py"))


def test_a_test_is_recorded_once_and_answered_later(shop: pytest.Pytester) -> None:
    """The tool is called by the first run only, and the race ends alike."""
    first, second = run(shop), run(shop)

    first.assert_outcomes(passed=2)
    second.assert_outcomes(passed=2)
    first.stdout.fnmatch_lines("*calls 42*")
    second.stdout.fnmatch_lines("*calls 40*")
    with am.open_run(str(shop.path / RECORDING)) as recorded:
        assert recorded.info.result == ["ben:41", "ada:40"]


def test_a_stale_recording_says_what_differs_and_what_to_type(shop: pytest.Pytester) -> None:
    """The program asks for something else now."""
    run(shop)
    file = program(shop)
    file.write_text(file.read_text().replace("price(order.item)", "price(order.item + '!')"))
    stale = run(shop, "--mesh-record=none")

    stale.assert_outcomes(passed=1, failed=1)
    stale.stdout.fnmatch_lines(
        [
            "*Buyer/ada: tool price, which differs at /arguments/item",
            "*recorded  'lamp'",
            "*now       'lamp!'",
            "*pytest test_shop.py::test_who_wins --mesh-record=all",
        ]
    )


def test_new_performs_only_what_is_missing(shop: pytest.Pytester) -> None:
    """And adds it, so that the next time nothing is."""
    run(shop)
    file = program(shop)
    changed = "price(order.item + ('!' if am.context().agent == 'Buyer/ben' else ''))"
    text = file.read_text().replace("price(order.item)", changed)
    file.write_text(text)
    run(shop, "--mesh-record=new").stdout.fnmatch_lines("*calls 41*")
    run(shop, "--mesh-record=none").stdout.fnmatch_lines("*calls 40*")


def test_all_records_again(shop: pytest.Pytester) -> None:
    """However good the recording is."""
    run(shop)

    run(shop, "--mesh-record=all").stdout.fnmatch_lines("*calls 42*")


def test_none_never_records(shop: pytest.Pytester) -> None:
    """On a machine that builds for others; said in the settings, too."""
    missing = run(shop, "--mesh-record=none")
    shop.makeini("[pytest]\npythonpath = .\nmesh_record = none\n")
    also = run(shop)

    missing.assert_outcomes(passed=1, failed=1)
    also.assert_outcomes(passed=1, failed=1)
    missing.stdout.fnmatch_lines(["*no recording*test_who_wins.mesh*", "*--mesh-record=once"])
    assert not (shop.path / "recordings").exists()


def test_a_recorded_run_is_a_regression_test(shop: pytest.Pytester) -> None:
    """It passes until the program does something else, and then shows the first difference."""
    run(shop)
    shop.makepyfile(
        test_replay=f"""
        import pytest

        @pytest.mark.agentmesh_replay("{RECORDING}")
        def test_replays():
            print("the body runs, too")
        """
    )
    same = run(shop, "test_replay.py")
    file = program(shop)
    file.write_text(file.read_text().replace("price(order.item)", "price(order.item + '!')"))
    other = run(shop, "test_replay.py")

    same.assert_outcomes(passed=1)
    same.stdout.fnmatch_lines("*the body runs, too*")
    other.assert_outcomes(failed=1)
    other.stdout.fnmatch_lines(
        [
            "*does not replay on today's code*",
            "*Buyer/ada*replayed differently*",
            "*agentmesh run --local app_*.py:main --input*",
            f"*agentmesh export --force -o {RECORDING}",
        ]
    )


def test_a_marked_run_that_is_missing_fails(pytester: pytest.Pytester) -> None:
    """Nobody committed it; or the mark names none."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.agentmesh_replay("gone.mesh")
        def test_gone(): ...

        @pytest.mark.agentmesh_replay
        def test_nothing(): ...
        """
    )
    done = run(pytester)

    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*There is no recorded run gone.mesh*", "*names no recorded run*"])


def test_the_plugin_costs_nothing_until_it_is_asked() -> None:
    """pytest imports it in every project of the environment."""
    script = (
        "import sys, pytest; before = {*sys.modules}; import pytest_agentmesh;"
        "print(sorted({name.partition('.')[0] for name in {*sys.modules} - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.strip() == "['pytest_agentmesh']"
