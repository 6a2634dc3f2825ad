"""What a failed run is blamed on: planted faults of every class, and the parts that find them."""

import json
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agentmesh as am
from agentmesh.counterfactual.delta import smallest
from agentmesh.counterfactual.shapley import shares
from agentmesh.errors import UsageError
from agentmesh.mesh.attributing import Attribution
from agentmesh.mesh.simulating import simulate
from agentmesh.simulation.pool import Timing
from agentmesh.simulation.schedulers import Fifo, Random
from agentmesh.simulation.sources import Asked, Outcome
from tests.benchmarks import attribution_programs as programs
from tests.benchmarks.attribution_programs import Desk, Fault, Task

FAILED = "result.value != result.wanted"
_numbers = count()


def attributed(
    store: Path,
    workflow: Any,
    numbers: list[int],
    *faults: Fault,
    schedule: str = "",
    **options: Any,
) -> Attribution:
    """Record a run with faults, and attribute its failure."""
    name = f"b{next(_numbers)}"
    simulate(
        workflow,
        Task(numbers=numbers),
        effects=Desk(faults=list(faults)),
        scheduler=Random(schedule) if schedule else Fifo(),
        timing=Timing(message_seconds=None) if schedule else None,
        store=str(store),
        run_id=name,
    )
    given = {"answers": Desk(), **options}
    found: Attribution = am.attribute(name, FAILED, store=str(store), **given)
    return found


def events(found: Attribution) -> list[str]:
    """Return what is blamed."""
    return [each.suspect.event for each in found.blames]


def test_a_wrong_answer_is_found_with_its_size_and_a_repair(store: Path) -> None:
    """One of nine tool calls was wrong; asked again, it is right."""
    fault = Fault(agent="Searcher/s1", step="search")
    found = attributed(store, programs.report, [3, 5, 8], fault)

    [blame] = found.blames
    assert (blame.suspect.event, found.kind) == ("Searcher/s1@2", "content")
    assert (blame.effect, blame.decided) == (1.0, True)
    assert 0 < blame.low <= blame.effect <= blame.high
    assert found.agents == {"Searcher/s1": 1.0}
    assert [each.event for each in found.verdict.enough] == ["Searcher/s1@2"]
    assert found.verdict.commitment is blame.suspect
    assert found.repair is not None
    assert found.repair.verified
    assert found.repair.options == ["--result", "Searcher/s1@2=5"]
    assert found.complete


def test_what_fails_and_is_worked_around_badly_is_a_fault(store: Path) -> None:
    """A service was overloaded, and a stale number was taken."""
    fault = Fault(agent="Fetcher/f2", step="fetch", kind="fault")
    found = attributed(store, programs.fallback, [2, 4, 6], fault)

    assert (events(found), found.kind) == (["Fetcher/f2@2"], "fault")


def test_what_comes_too_late_is_a_matter_of_timing(store: Path) -> None:
    """An answer took longer than somebody's patience, and was given up."""
    fault = Fault(agent="Impatient/w0", step="ask", kind="timing")
    found = attributed(store, programs.patience, [2, 4, 6], fault)

    assert found.kind == "timing"
    assert found.agents == {"Impatient/w0": 1.0}


def test_what_came_in_the_wrong_order_is_found_without_a_call(store: Path) -> None:
    """Two clerks have read before either has written."""
    tried = (_lost_update(store, str(seed)) for seed in range(20))
    found = next(each for each in tried if each is not None)
    assert found.kind == "order"
    assert found.blames[0].suspect.agent == "Ledger/books"


def _lost_update(store: Path, seed: str) -> Attribution | None:
    try:
        return attributed(store, programs.ledger, [2, 4], schedule=seed)
    except UsageError:
        return None  # with this schedule all went well


def test_of_a_majority_each_is_enough(store: Path) -> None:
    """Three of five were wrong: any one of them being right averts it, and they share the blame."""
    faults = [Fault(agent=f"Author/v{at}", step="write") for at in range(3)]
    found = attributed(store, programs.vote, [2, 4], *faults)

    assert {each.suspect.agent for each in found.blames} == {each.agent for each in faults}
    total = sum(each.share.value for each in found.blames if each.share is not None)
    assert total == pytest.approx(1.0)


def test_of_two_each_of_which_spoils_it_neither_alone_is_found(store: Path) -> None:
    """Either wrong one is enough to fail: only both together avert it, half and half."""
    faults = [Fault(agent=f"Author/x{at}", step="write") for at in (1, 3)]
    found = attributed(store, programs.veto, [2, 4], *faults)

    assert {each.suspect.agent for each in found.blames} == {"Author/x1", "Author/x3"}
    assert [each.by_others for each in found.blames] == [1, 1]
    assert list(found.agents.values()) == pytest.approx([0.5, 0.5])
    assert len(found.verdict.flipping) == 2
    assert found.repair is not None
    assert found.repair.verified


# --- controls -------------------------------------------------------------------------------------


@am.agent
class Mixer:
    """Asks twice: what the first says is in the second question."""

    @am.handler
    async def mix(self, task: Task) -> int:
        """Ask for anything, then for what counts."""
        flavour = await programs.compute("flavour", task.numbers)
        return await programs.compute("count", task.numbers, flavour)


@am.workflow(deadline="1m")
async def mixed(task: Task) -> programs.Result:
    """Mix."""
    return programs.Result(value=await am.ref(Mixer).mix(task), wanted=sum(task.numbers))


class Flavours(Desk):
    """Says something else each time where that makes no difference."""

    def answer(self, asked: Asked) -> Outcome:
        """Draw a flavour, or compute the truth."""
        if asked.request["arguments"]["step"] == "flavour":
            return Outcome(result=str(asked.generator().randrange(1_000_000)).encode())
        return super().answer(asked)


def test_who_only_refreshes_what_went_wrong_later_is_not_blamed(store: Path) -> None:
    """With another flavour, the wrong answer is asked for anew; so it is in the A/A control."""
    fault = Fault(agent="Mixer/main", step="count")
    name = f"b{next(_numbers)}"
    effects = Flavours(faults=[fault])
    simulate(mixed, Task(numbers=[1, 2]), effects=effects, store=str(store), run_id=name)
    found = am.attribute(name, FAILED, answers=Flavours(), store=str(store))

    assert events(found) == ["Mixer/main@3"]


# --- with what is on record -----------------------------------------------------------------------


def test_runs_that_went_well_answer_without_a_call(store: Path) -> None:
    """Nobody is asked: another run was told what this one should have been."""
    simulate(programs.report, Task(numbers=[3, 5]), effects=Desk(), store=str(store), run_id="well")
    fault = Fault(agent="Searcher/s0", step="extract")
    found = attributed(store, programs.report, [3, 5], fault, answers=None, passing=["well"])

    [blame] = found.blames
    assert blame.suspect.event == "Searcher/s0@3"
    assert (blame.exact, found.spent.calls) == (True, 0)
    assert found.repair is not None
    assert found.repair.exact


def test_without_any_answers_nothing_is_found_and_that_is_said(store: Path) -> None:
    """Only the order of what is on record could be tried."""
    fault = Fault(agent="Searcher/s0", step="extract")
    found = attributed(store, programs.report, [3, 5], fault, answers=None)

    assert found.blames == []
    assert found.repair is None
    assert found.spent.trials > 0


def test_a_budget_is_kept_and_what_was_left_out_is_said(store: Path) -> None:
    """One call is too few to try everything."""
    fault = Fault(agent="Searcher/s0", step="search")
    found = attributed(store, programs.report, [3, 5, 8], fault, calls=1)

    assert not found.complete
    assert found.verdict.screened < found.suspects
    assert found.spent.calls <= 5


def test_findings_lie_beside_the_run(store: Path) -> None:
    """As JSON, for whoever shows the run."""
    found = attributed(store, programs.line, [1, 2, 3], Fault(agent="Stage/p1", step="add"))
    assert found.path is not None
    kept = json.loads(Path(found.path).read_text())

    assert (kept["kind"], kept["version"], kept["run"]) == ("attribution", 1, found.run_id)
    assert kept["blames"][0]["event"] == "Stage/p1@2"
    assert kept["blames"][0]["class"] == "content"
    assert kept["repair"]["verified"] is True


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"samples": 0}, "leave nothing to try"),
        ({"calls": -1}, "leave nothing to try"),
        ({"seconds": 0.0}, "leave nothing to try"),
        ({"policy": "guess", "answers": None}, "is no policy"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], says: str, store: Path) -> None:
    """Before anything is tried."""
    with pytest.raises(UsageError, match=says):
        attributed(store, programs.line, [1, 2], Fault(agent="Stage/p0", step="add"), **options)


def test_a_run_that_went_well_has_nothing_to_attribute(store: Path) -> None:
    """It says so, and how to say what is wrong with it."""
    with pytest.raises(UsageError, match="has not failed"):
        attributed(store, programs.line, [1, 2])


# --- the parts ------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 9), min_size=1), st.integers(1, 10))
def test_what_is_left_is_as_small_as_it_goes(needed: set[int], size: int) -> None:
    """Of a set that holds if it has all that is needed, just that is left."""
    parts = list(range(max(size, max(needed) + 1)))
    kept = smallest(parts, lambda some: needed <= set(some))

    assert set(kept) == needed


@given(st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=3))
def test_of_what_is_left_nothing_can_be_left_out(ways: list[set[int]]) -> None:
    """Several sets would do: what is left is one from which no part can go."""

    def holds(some: list[int]) -> bool:
        return any(way <= set(some) for way in ways)

    kept = smallest(list(range(6)), holds)

    assert holds(kept)
    assert not any(holds([one for one in kept if one != each]) for each in kept)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 63))
def test_shares_add_up_to_what_all_are_worth(owners: list[int], mask: int) -> None:
    """Whatever a set is worth: nothing is lost between the players."""
    groups: dict[str, list[int]] = {}
    for player, owner in enumerate(owners):
        groups.setdefault(f"g{owner}", []).append(player)

    def worth(some: frozenset[int], draw: int) -> float:
        return float(sum(1 << each for each in some) & mask) + draw * len(some)

    found = shares(groups, worth, pairs=2)
    every = frozenset(range(len(owners)))

    expected = (worth(every, 0) + worth(every, 1)) / 2
    assert sum(each.value for each in found.values()) == pytest.approx(expected)


@pytest.mark.parametrize("needs", [1, 2])
def test_two_that_are_needed_or_enough_share_alike(needs: int) -> None:
    """AND and OR: half and half; a third that does nothing gets nothing."""

    def worth(some: frozenset[str], _draw: int) -> float:
        return float(len(some & {"a", "b"}) >= needs)

    found = shares({"x": ["a"], "y": ["b"], "z": ["c"]}, worth, pairs=4)

    assert [found[each].value for each in "abc"] == [0.5, 0.5, 0.0]


def test_smallest_tries_far_fewer_sets_than_there_are() -> None:
    """Two of sixty are needed: of 2^60 sets, some dozens are tried."""
    tried = 0

    def holds(some: list[int]) -> bool:
        nonlocal tried
        tried += 1
        return {7, 44} <= set(some)

    assert smallest(list(range(60)), holds) == [7, 44]
    assert tried < 120
    assert len(list(combinations(range(60), 2))) > tried
