"""The testing kit as its users meet it: a test over many worlds, and what a failure prints."""

import pytest

import agentmesh.testing as amt
from agentmesh.errors import UsageError
from agentmesh.simulation.cases import Case, parse_case
from agentmesh.simulation.delays import within
from agentmesh.simulation.hunting import Strategy
from agentmesh.simulation.world import World
from agentmesh.testing.exploring import VARIABLE, FailingWorldError
from tests.simulation.programs import Account, lost_update
from tests.zoo.bugs import Go
from tests.zoo.ordering import closed_too_early


@amt.explore(closed_too_early, Go(fixed=True), strategy="all")
def test_a_correct_program_passes_under_every_schedule(world: World) -> None:
    assert not world.stuck


@amt.explore(closed_too_early, Go(fixed=True), schedules=5)
def test_fixtures_can_be_asked_for_beside_the_world(world: World, tmp_path) -> None:
    assert world.answer is not None
    assert tmp_path.exists()


def check(world: World) -> None:
    from tests.zoo.ordering import File

    assert world.agent(File).lost == 0, "a line is lost"


def failing(strategy: Strategy) -> str:
    """Return what a failing test says."""
    free = amt.Timing(message_seconds=None)
    test = amt.explore(closed_too_early, Go(), timing=free, strategy=strategy)
    with pytest.raises(FailingWorldError) as caught:
        test(check)()
    assert isinstance(caught.value.__cause__, AssertionError)
    return str(caught.value)


@pytest.mark.parametrize("strategy", ["random", "pct", "mixed", "delays", "all"])
def test_a_failure_says_how_to_repeat_it(strategy: Strategy, monkeypatch) -> None:
    """The line it prints, put into the environment, fails at once in one world."""
    said = failing(strategy)

    assert "a line is lost" in said
    assert "held back: Writer/main#1" in said
    line = said.partition(f"{VARIABLE}='")[2].partition("'")[0]
    monkeypatch.setenv(VARIABLE, line)
    test = amt.explore(closed_too_early, Go(), timing=amt.Timing(message_seconds=None))
    with pytest.raises(AssertionError, match="a line is lost"):
        test(check)()


def test_faults_that_do_not_matter_are_taken_away() -> None:
    """Many delays; one message that comes late is enough, or none."""
    test = amt.explore(
        closed_too_early, Go(), faults=amt.Faults(duplicate=0.9, crash=0.5, most=9), schedules=300
    )
    with pytest.raises(FailingWorldError) as caught:
        test(check)()

    assert "faults:" not in str(caught.value)


def test_invariants_are_looked_at_after_each_event() -> None:
    """What must always hold, and what must come to hold."""
    broken = amt.explore(
        lost_update,
        schedules=3,
        invariants=[amt.always("the account is full", lambda w: w.agent(Account).balance <= 100)],
    )
    with pytest.raises(FailingWorldError, match="not always hold that the account is full"):
        broken(lambda world: None)()
    never = amt.explore(
        lost_update,
        schedules=3,
        invariants=[amt.eventually("it is rich", lambda w: w.agent(Account).balance > 500)],
    )
    with pytest.raises(FailingWorldError, match="never came to hold that it is rich"):
        never(lambda world: None)()


def test_an_exploration_that_is_too_small_says_so() -> None:
    """A claim about all schedules is not made of some."""
    test = amt.explore(lost_update, strategy="all", schedules=4)

    with pytest.raises(FailingWorldError, match="not all"):
        test(lambda world: None)()


def test_every_schedule_with_one_deviation_is_a_small_number() -> None:
    """A bounded proof: no schedule with at most one thing held back has another end."""
    worlds = within(lambda scheduler: World(lost_update, scheduler=scheduler), 1)
    ends = [world.run().value() for world in worlds]

    assert set(ends) == {110, 120}
    assert len(ends) < 20


def test_a_case_is_one_line_whatever_the_keys() -> None:
    """Spaces, commas, quotes and per cent signs in an agent's key."""
    case = Case(seed="7", held=("A/x y,%'#2",), faults={"B/c:d#1": "drop"})

    assert parse_case(str(case)) == case
    assert "'" not in str(case)
    with pytest.raises(UsageError, match="does not say how a world goes"):
        parse_case("speed=9")


def test_the_fixture_makes_worlds(world, seeds) -> None:
    """`world` makes as many as wanted and closes them; `seeds` are some to try."""
    ends = {world(lost_update, seed=seed, scheduler=amt.Random()).run().value() for seed in seeds}

    assert ends == {110, 120}
