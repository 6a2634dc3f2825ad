"""Races flipped: labels on programs with known answers, and the zoo's bugs from one good run."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import agentmesh as am
from agentmesh.counterfactual.flipping import BENIGN, DIFFERENT, FAILING, UNRESOLVED, Race
from agentmesh.errors import UsageError
from agentmesh.mesh.exploring import explore_run, repeat
from agentmesh.mesh.failing import Ending, Failing
from agentmesh.mesh.finding import subject_of
from agentmesh.mesh.racing import Flipper, How, Races
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.simulating import simulate
from agentmesh.simulation.cases import parse_case
from tests.counterfactual import racing_programs as programs
from tests.counterfactual.racing_programs import Use
from tests.zoo.bugs import FREE, STEPS_MAX, Bug, Go
from tests.zoo.every import BUGS

_numbers = count()
ANSWERS = {"price": lambda seen: 10 + seen}


def recorded(store: Path, workflow: Callable[..., object], message: am.Message) -> str:
    """Record a run in which everything comes in the order of sending."""
    name = f"x{next(_numbers)}"
    simulate(workflow, message, effects=ANSWERS, store=str(store), run_id=name, timing=FREE)
    return name


def races_of(store: Path, kind: str, **options: Any) -> Races:
    """Return the races of a run in which two senders use a box in some way."""
    name = recorded(store, programs.two, Use(kind=kind))
    found: Races = am.races(name, store=str(store), **options)
    return found


def at_box(found: Races) -> Race:
    """Return the one race between what both senders tell the box."""
    [race] = [each for each in found.races if each.pair.agent == "Box/main"]
    return race


def test_an_order_that_nobody_can_tell_is_benign(store: Path) -> None:
    """Both lengths are added up."""
    race = at_box(races_of(store, "sum"))

    assert race.label == BENIGN
    assert race.differs == []


def test_an_order_that_a_state_keeps_is_different(store: Path) -> None:
    """A list has the names as they came; nothing that is sent depends on it."""
    race = at_box(races_of(store, "list"))

    assert race.label == DIFFERENT
    assert race.differs == ["Box/main"]


def test_a_flip_that_makes_the_workflow_raise_is_failing(store: Path) -> None:
    """The box relies on Ada's being first; answers at the root may come in any order."""
    found = races_of(store, "first")
    race = at_box(found)

    assert race.label == FAILING
    assert "Ben came before Ada" in str(race.error)
    assert found.matter == [race]
    assert found.races[0] is race
    assert {each.label for each in found if each is not race} == {BENIGN}


def test_a_flip_that_asks_what_nobody_was_asked_is_unresolved(store: Path) -> None:
    """Ben's price depends on whether Ada was there; with an answer it is different."""
    race = at_box(races_of(store, "ask"))

    assert race.label == UNRESOLVED
    assert "price" in race.why

    told = at_box(races_of(store, "ask", answers=ANSWERS))
    assert (told.label, told.calls) == (DIFFERENT, 1)


def test_what_another_run_was_told_counts_if_it_is_said_so(store: Path) -> None:
    """Another run asked just that, because there the order was the other one."""
    name = recorded(store, programs.two, Use(kind="ask"))
    other = am.fork(name, edit=am.edit.reorder("Box/main@1", "Box/main@2"), answers=ANSWERS,
                    store=str(store), run_id=f"{name}-other")  # fmt: skip

    race = at_box(am.races(name, store=str(store), known=[other.run_id]))

    assert (race.label, race.calls) == (DIFFERENT, 0)


@pytest.mark.parametrize(
    "failed",
    [
        "Box.names == ['Ben', 'Ada']",
        f"{programs.__file__}:nobody_is_in",
        "tests.counterfactual.racing_programs:nobody_is_in",
        programs.nobody_is_in,
    ],
)
def test_what_failing_means_can_be_said(failed: Any, store: Path) -> None:
    """As an expression over last states, or as a function wherever it is."""
    race = at_box(races_of(store, "list", failed=failed))

    assert race.label == FAILING


def test_a_flip_that_mends_a_failed_run_is_said_to(store: Path) -> None:
    """The run had them in an order that is a failure by somebody's lights."""
    race = at_box(races_of(store, "list", failed="Box.names == ['Ada', 'Ben']"))

    assert (race.label, race.cures) == (DIFFERENT, True)


def test_ends_of_effects_race_too(store: Path) -> None:
    """Two effects in one turn, of which the first to end wins; recorded with a real clock."""
    am.run(programs.fastest, local=True, store=str(store), run_id="fastest", quiet=True)
    found = am.races("fastest", store=str(store))
    [race] = found.races

    assert (race.label, race.result) == (DIFFERENT, "slow")
    assert race.option.startswith("--delay fastest/root@")


def test_a_flip_is_the_branch_that_its_command_makes(store: Path) -> None:
    """Nothing is kept of a flip; `agentmesh fork` with its option makes one that is."""
    found = races_of(store, "first")
    race = at_box(found)
    first, second = race.pair.events

    kept = am.fork(found.run_id, edit=am.edit.reorder(first, second), store=str(store))

    assert race.option == f"--reorder {first}={second}"
    assert (kept.status, kept.error) == (race.status, race.error)


def test_findings_lie_beside_the_run(store: Path) -> None:
    """As JSON, for whoever shows the run."""
    found = races_of(store, "first")
    assert found.path is not None
    kept = json.loads(Path(found.path).read_text())

    assert (kept["kind"], kept["version"], kept["run"]) == ("races", 1, found.run_id)
    assert kept["counts"][FAILING] == 1
    assert kept["races"][0]["first"]["event"] == "Box/main@1"
    assert kept["races"][0]["label"] == FAILING


def test_a_limit_is_kept_and_said(store: Path) -> None:
    """One pair of two, and then none."""
    found = races_of(store, "sum", limit=1)
    assert (len(found), found.pairs, found.left) == (1, 2, 1)

    assert races_of(store, "sum", limit=0).left == 2
    assert races_of(store, "sum", seconds=0.0).left == 2
    with pytest.raises(UsageError, match="can't be flipped"):
        races_of(store, "sum", limit=-1)


def test_only_some_agents_may_be_asked_about(store: Path) -> None:
    """A type stands for all its agents."""
    found = races_of(store, "sum", agents=["Box"])

    assert [each.pair.agent for each in found] == ["Box/main"]


@pytest.mark.parametrize(
    ("failed", "says"),
    [
        ("Box.names =", "no expression"),
        ("result.left < 0", "can't tell"),
        ("nowhere.py:f", "not on this machine"),
        ("nowhere:f", "can't be imported"),
        ("json:no_such_function", "has no function"),
        ("run.other == 1", "has no 'other'"),
        (lambda _ending: 1 / 0, "division by zero"),
    ],
)
def test_a_question_that_can_not_be_answered_is_refused(
    failed: Any, says: str, store: Path
) -> None:
    """It says what is wrong with it, and flips nothing."""
    with pytest.raises(UsageError, match=says):
        races_of(store, "sum", failed=failed)


def test_of_a_run_that_raised_an_expression_about_its_result_says_failed() -> None:
    """It has no result to ask about; a question about its error has an answer."""
    ending = Ending("failed", None, {"what": "no"}, lambda _where: None)

    assert Failing("result.left < 0")(ending)
    assert not Failing("error.what == 'yes'")(ending)


# --- the zoo --------------------------------------------------------------------------------------


def how(run: RecordedRun, failed: Any = None) -> How:
    """Return how a run's races are flipped: with what is on record only."""
    return How(
        path=run.path,
        location=run.store.location,
        program=None,
        failed=failed,
        policy="stop",
        known=(),
        irreversible=False,
    )


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], RecordedRun]:
    """One run of each program and of its twin, in the order of sending."""
    store = str(tmp_path_factory.mktemp("zoo"))
    runs: dict[tuple[str, bool], RecordedRun] = {}
    for bug in BUGS:
        for fixed in (False, True):
            name = f"z{len(runs)}"
            try:
                simulate(
                    bug.workflow, Go(fixed=fixed), store=store, run_id=name, timing=FREE,
                    steps_max=STEPS_MAX,
                )  # fmt: skip
            except am.RunFailedError:
                continue  # it goes on for ever even so
            runs[bug.name, fixed] = am.open_run(name, store=store)
    return runs


@pytest.mark.parametrize("fixed", [False, True], ids=["bug", "twin"])
def test_the_bugs_of_the_zoo_are_found_from_one_run_and_their_twins_are_not(
    zoo: dict[tuple[str, bool], RecordedRun], *, fixed: bool
) -> None:
    """The run's own schedule may be a good one; what fails is repeated by what is printed."""
    missed = []
    for bug in BUGS:
        run = zoo.get((bug.name, fixed))
        if run is None:
            continue
        flipper = Flipper(subject_of(run), how(run))
        found = explore_run(
            flipper, strategy="all", schedules=60, invariants=bug.invariants, check=bug.check,
            steps_max=STEPS_MAX,
        )  # fmt: skip
        if not found.failure:
            missed.append(bug.name)
        elif not bug.invariants and bug.check is Bug.check and not fixed:
            again = repeat(flipper, parse_case(found.case))
            assert again.failed
    assert len(missed) == (sum(key[1] for key in zoo) if fixed else 0), missed


class Looks:
    """An ending that looks like a world, for checks that look at agents only."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def agent(self, agent: type, key: str = "main") -> SimpleNamespace:
        """Return an agent's last state."""
        return SimpleNamespace(**self._ending.state(f"{agent.__name__}/{key}"))


def fails(bug: Bug) -> Callable[[Ending], bool]:
    """Return what says that a bug shows."""

    def failed(ending: Ending) -> bool:
        if ending.status != "done":
            return True
        try:
            bug.check(Looks(ending))  # type: ignore[arg-type]
        except AssertionError:
            return True
        return False

    return failed


def test_one_flip_shows_many_bugs_and_none_of_the_twins(
    zoo: dict[tuple[str, bool], RecordedRun],
) -> None:
    """Bugs whose checks look at last states, and whose recorded run was a good one."""
    good, shown = [], []
    for bug in BUGS:
        for fixed in (False, True):
            run = zoo.get((bug.name, fixed))
            if run is None or bug.invariants:
                continue
            try:
                found = am.races(run, failed=fails(bug), keep=False)
            except (UsageError, AttributeError):
                continue
            if found.failed:
                continue
            if fixed:
                assert found.counts[FAILING] == 0, bug.name
            else:
                good.append(bug.name)
                shown += [bug.name] if found.matter else []
    assert len(good) >= 8
    assert len(shown) >= 6, set(good) - set(shown)  # the others take more, or a timer
