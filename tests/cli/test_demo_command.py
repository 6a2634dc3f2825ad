"""`agentmesh demo`: it shows what it promises, and says what is true."""

import shlex
from pathlib import Path

import pytest

from agentmesh.cli.demo_command import RULES, DemoRun, choose
from agentmesh.cli.support_desk import Decision, Letter, Reply, wrong_promises
from agentmesh.testing.models import load_rules
from tests.cli.demos import UNLUCKY, check_demo
from tests.cli.helpers import command


def run(run_id: str, *problems: str, error: str = "") -> DemoRun:
    """Return a finished run."""
    return DemoRun(run_id=run_id, seconds=1.0, problems=[*problems], error=error)


def reply(action: str, days: int | None) -> Reply:
    """Return what a customer got."""
    return Reply(
        customer="Ada",
        decision=Decision.model_validate({"action": action, "reason": "it is so"}),
        letter=Letter(text="Dear Ada", delivery_days=days),
    )


@pytest.mark.slow
def test_the_demo_runs_replays_and_explains(tmp_path: Path) -> None:
    """Without Ray, as JSON; the commands it offers work."""
    done = command("demo", "--local", "--runs", "3", "--json", cwd=tmp_path)
    check_demo(done, runs=3)
    for offered in done.json["next"]:
        assert command(*shlex.split(offered)[1:], cwd=tmp_path).code == 0


@pytest.mark.slow
def test_the_demo_is_told_to_people(tmp_path: Path) -> None:
    """That the model is simulated, what came of each run, and what to try next."""
    chosen = ("--runs", "1", "--seed", UNLUCKY, "--store", "kept")
    done = command("demo", "--local", *chosen, cwd=tmp_path)

    assert done.code == 0
    for words in (
        "no language model",
        "The model server is stopped now.",
        "0 divergences",
        "Try next:",
        "--store kept",
    ):
        assert words in done.out


def test_an_oversold_run_is_looked_at_first() -> None:
    """Then any bad one; else the last that came to an end."""
    fine, promise = run("fine"), run("promise", "wrong promise: Ada is told 1 of 5 days")
    oversold, failed = run("oversold", "oversold: 1 desk lamp too many"), run("x", error="no model")

    assert choose([fine, promise, oversold]) is oversold
    assert choose([fine, promise, failed]) is promise
    assert choose([fine, run("later"), failed]).run_id == "later"


@pytest.mark.parametrize(
    ("action", "days", "number"),
    [
        ("reserve", 5, 0),
        ("reserve", 1, 1),
        ("replace", 4, 1),
        ("decline", None, 0),
        ("decline", 5, 1),
        ("reserve", None, 0),
    ],
)
def test_wrong_promises_are_seen(action: str, days: int | None, number: int) -> None:
    """Too fast, or of something that will not be sent."""
    assert len(wrong_promises([reply(action, days)])) == number


def test_the_simulated_models_rules_can_be_read() -> None:
    """It comes with the package, and no rule says which run is to go wrong."""
    rules = load_rules(RULES)

    assert rules.seed is None
    assert all(rule.nth is None and rule.occurrence is None for rule in rules.rules)
