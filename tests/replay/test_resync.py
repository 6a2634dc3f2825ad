"""Going on after a divergence: what the cell can take it takes, and all of it is tainted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.cli import exit_codes, replay_command
from agentmesh.replay.driver import Report


class Code:
    """What an edit of the file would change."""

    now = "recorded"


class Order(am.Message):
    """What somebody wants."""

    item: str


@am.tool
async def price(item: str) -> int:
    """Look a price up."""
    return len(item)


@am.tool
async def stock(item: str) -> int:
    """Count what is there."""
    return 7


@am.tool
async def weigh(item: str) -> int:
    """Weigh something."""
    return 1


@am.agent
class Shop:
    """Answers orders, by the version of the code that is there."""

    sold: int = 0

    @am.handler
    async def order(self, order: Order) -> list[int]:
        """Ask two tools, one after the other; or otherwise."""
        if Code.now == "removed":
            return [await price(order.item)]
        if Code.now == "added":
            await weigh("something else")
        if Code.now == "swapped":
            there = await stock(order.item)
            cost = await price(order.item)
        else:
            cost = await price("lamp shade" if Code.now == "changed" else order.item)
            there = await stock(order.item)
        if Code.now == "slept":
            await am.sleep(0.01)
        self.sold += 1
        am.log("sold", number=self.sold)
        return [cost, there]


@am.workflow(deadline="10s")
async def buy() -> list[int]:
    """Order three things, one after the other."""
    shop = am.ref(Shop)
    return [
        *await shop.order(Order(item="lamp")),
        *await shop.order(Order(item="chair")),
        *await shop.order(Order(item="table")),
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run."""
    folder = tmp_path_factory.mktemp("store")
    am.run(buy, local=True, store=str(folder), run_id="r", quiet=True)
    return folder


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    """Leave the code as it was recorded."""
    yield
    Code.now = "recorded"


def replayed(now: str, store: Path) -> Report:
    """Replay under another version of the code, and go on after divergences."""
    Code.now = now
    return am.replay_run("r", store=str(store), policy="resync")


def test_nothing_is_tainted_where_nothing_diverges(store: Path) -> None:
    """Today's code is what was recorded."""
    report = replayed("recorded", store)

    assert report.identical
    assert report.tainted == []


def test_results_go_to_whoever_asks_for_the_same(store: Path) -> None:
    """Two awaits swapped: the results come in the recorded order, and each finds its effect."""
    report = replayed("swapped", store)

    assert [one.reference for one in report.divergences] == ["Shop/main@1"]
    (taint,) = report.tainted
    assert (taint.agent, taint.since, taint.steps) == ("Shop/main", 1, 9)
    assert (taint.not_taken, taint.waits, taint.stopped) == ([], [], "")
    assert report.divergences[0].nearest is not None
    assert report.divergences[0].nearest.reference == "Shop/main@2"


def test_an_effect_that_nobody_asks_for_any_more_is_not_taken(store: Path) -> None:
    """Its result is recorded, and there is nobody to hand it to."""
    (taint,) = replayed("removed", store).tainted

    assert [text.partition(":")[0] for text in taint.not_taken] == [
        "finished at Shop/main@3",
        "finished at Shop/main@6",
        "finished at Shop/main@9",
    ]
    assert taint.waits == []


def test_an_effect_that_the_recording_does_not_have_is_never_answered(store: Path) -> None:
    """It waits, which is said, and the messages after it wait behind it."""
    (taint,) = replayed("added", store).tainted

    assert len(taint.waits) == 1
    assert "something else" in taint.waits[0]
    assert len(taint.not_taken) == 6


def test_an_effect_that_asks_otherwise_gets_the_recorded_result(store: Path) -> None:
    """As with a prompt that was edited: the same tool at the same place."""
    (taint,) = replayed("changed", store).tainted

    assert (taint.not_taken, taint.waits) == ([], [])
    assert taint.same == 6  # all steps but the three that ask


def test_a_timer_that_was_not_recorded_never_fires(store: Path) -> None:
    """Time comes from the recording, too."""
    (taint,) = replayed("slept", store).tainted

    assert len(taint.waits) == 1
    assert "timer" in taint.waits[0]


def test_strict_stops_there_and_an_unknown_policy_is_refused(store: Path) -> None:
    """Nothing between: no warning and a fallback."""
    Code.now = "swapped"

    report = am.replay_run("r", store=str(store))

    assert (report.tainted, report.events) == ([], 7)
    with pytest.raises(am.UsageError, match="strict or resync"):
        am.replay_run("r", store=str(store), policy="lenient")


def test_the_command_counts_what_is_tainted(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Apart from what was replayed, and with what could not be taken."""
    Code.now = "removed"

    code = replay_command.replay(
        "r",
        agents=(),
        store=str(store),
        processes=1,
        seed="recorded",
        policy="resync",
        program=None,
        as_json=False,
    )

    out = capsys.readouterr().out
    assert code == exit_codes.DIVERGED
    assert "Tainted: 8 steps of 1 agent, from the divergence on" in out
    assert "could not take finished at Shop/main@3: the replay never asked for it" in out
