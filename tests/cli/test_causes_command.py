"""`agentmesh why`, `effects-of`, `waits`, `search` and `diff`: a race, found and explained."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agentmesh.cli import exit_codes
from agentmesh.cli.app import app
from tests.causality.market import ADA_FIRST, BEN_FIRST, Market, record


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two runs: in one Ben gets the lamp, in the other Ada."""
    store = tmp_path_factory.mktemp("market")
    for run_id, places in {"ben": BEN_FIRST, "ada": ADA_FIRST}.items():
        record(store, run_id, Market(places=places))
    return store


def call(store: Path, *words: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(app, [*words, "--store", str(store)])


def shown(done: Result) -> str:
    """Return what was printed, without durations and times of day."""
    text = re.sub(r"\b\d+(\.\d+)? m?s\b( *)", lambda found: "..." + found[2], done.stdout)
    text = re.sub(r"(took +\.\.\.) +\.\.\.", r"\1                          ...", text)
    return re.sub(r"\d\d:\d\d:\d\d\.\d\d\d", "--:--", text)


def test_why_draws_causes_below_each_other_and_races_as_branches(market: Path) -> None:
    """Ada's message and its causes; and, beside it, Ben's message, which was quicker."""
    done = call(market, "why", "ben", "Shop/main@2")

    assert done.exit_code == exit_codes.OK
    assert (
        shown(done)
        == """\
Shop/main@2       ask buy(Buyer) from Shopper/Ada  {"name": "Ada"}
├─ Shop/main@1    before it: ask buy(Buyer) from Shopper/Ben  {"name": "Ben"}
│  Shopper/Ben@2  tool walk finished after ...  3.5
│  Shopper/Ben@1  ask visit(Trip) from main/root  {"place": 0}
│  main/root@1    ask run(Market) from outside  (shown elsewhere)
Shopper/Ada@2     tool walk finished after ...  3.5
Shopper/Ada@1     ask visit(Trip) from main/root  {"place": 1}
main/root@1       ask run(Market) from outside  {"places": {"Ada": 1, "Ben": 0}}

10 events before it may have mattered: Shopper/Ada 3, Shopper/Ben 3, Shop/main 2, main/root 2.
Each came from the one below it; a branch is what its agent had taken in before.
"""
    )


def test_a_short_tree_says_what_it_leaves_out(market: Path) -> None:
    """How much there is, and how to see more of it."""
    done = call(market, "why", "ben", "Shop/main@2", "--limit", "2")

    assert "├─ ... 1 earlier event of Shop/main\n" in done.stdout
    assert "\n...\n" in done.stdout
    assert "2 of 11 are shown, the nearest; more with --limit." in done.stdout


def test_effects_branch_where_an_event_led_to_several(market: Path) -> None:
    """The run's first message: two shoppers set out."""
    done = call(market, "effects-of", "ben", "main/root@1")

    assert done.exit_code == exit_codes.OK
    assert "├─ Shopper/Ada@1" in done.stdout
    assert "├─ Shopper/Ben@1" in done.stdout
    assert "events after it may depend on it" in done.stdout


def test_an_event_may_be_named_by_its_number(market: Path) -> None:
    """In the run order, which JSON shows."""
    whole = json.loads(call(market, "why", "ben", "Shop/main@2", "--json").stdout)
    number = whole["tree"][0]["number"]

    assert json.loads(call(market, "why", "ben", str(number), "--json").stdout) == whole


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("Shop/main@77", "Shop/main has 4 events: Shop/main@0 to Shop/main@3."),
        ("Shop/lost@0", "'Shop/lost': it never lived"),
        ("777777", "in run order"),
        ("Shop/main", "names no event"),
    ],
)
def test_an_event_that_is_not_there_is_refused(market: Path, event: str, words: str) -> None:
    """With what is there, and the exit code of wrong use."""
    done = call(market, "why", "ben", event)

    assert done.exit_code == exit_codes.USAGE
    assert words in done.stderr


def test_waits_name_both_agents_and_the_events(market: Path) -> None:
    """Pairs first, then the single waits."""
    done = call(market, "waits", "ben", "--agent", "Shopper/Ada")

    assert done.exit_code == exit_codes.OK
    assert re.search(r"Shopper/Ada +Shop/main +2 ", done.stdout)
    assert "complain(Buyer)" in done.stdout
    assert re.search(r"Shopper/Ada@3 +Shopper/Ada@4 \(failed\)", done.stdout)


def test_search_prints_references_that_other_commands_take(market: Path) -> None:
    """As text and as JSON."""
    done = call(market, "search", "ben", "--type", "buy", "--where", '$.name == "Ada"')

    assert shown(done) == ('--:--  Shop/main@2  ask buy(Buyer) from Shopper/Ada  {"name": "Ada"}\n')
    (hit,) = json.loads(
        call(market, "search", "ben", "go home", "--failed", "--kind", "turn", "--json").stdout
    )["hits"]
    assert call(market, "why", "ben", hit["event"]).exit_code == exit_codes.OK


def test_a_search_that_finds_nothing_fails_as_that_of_grep(market: Path) -> None:
    """So that a script can ask."""
    assert call(market, "search", "ben", "submarine").exit_code == exit_codes.FAILED
    assert call(market, "search", "ben", "--where", "name").exit_code == exit_codes.USAGE


def test_diff_tells_a_race_as_one(market: Path) -> None:
    """What differs of each agent, then the figures; the exit code says that they differ."""
    done = call(market, "diff", "ben", "ada")

    assert done.exit_code == exit_codes.FAILED
    assert (
        shown(done)
        == """\
one    ben
other  ada

main/root parts first: the same message with another content, at /places/Ada
  one    main/root@1  ask run(Market) from outside  {"places": {"Ada": 1, "Ben": 0}}
  other  main/root@1  ask run(Market) from outside  {"places": {"Ada": 0, "Ben": 1}}

Shopper/Ada parts: the same message with another content, at /place
  one    Shopper/Ada@1  ask visit(Trip) from main/root  1
  other  Shopper/Ada@1  ask visit(Trip) from main/root  0

Shopper/Ben parts: the same message with another content, at /place
  one    Shopper/Ben@1  ask visit(Trip) from main/root  0
  other  Shopper/Ben@1  ask visit(Trip) from main/root  1

Shop/main parts: the same events in another order
  one    Shop/main@1  ask buy(Buyer) from Shopper/Ben  {"name": "Ben"}
  other  Shop/main@1  ask buy(Buyer) from Shopper/Ada  {"name": "Ada"}

              one                          other
status        done                         done
came to       {"Ada": false, "Ben": true}  {"Ada": true, "Ben": false}
took          ...                          ...
agents        4                            4
events        19                           19
messages      6                            6
  done        5                            5
  failed      1                            1
tool go_home  2                            2
tool walk     2                            2
"""
    )


def test_a_run_does_not_differ_from_itself(market: Path) -> None:
    """Exit code 0, as that of diff."""
    done = call(market, "diff", "ben", "ben")

    assert done.exit_code == exit_codes.OK
    assert "No difference: 4 agents did the same in both.\n" in done.stdout
    assert json.loads(call(market, "diff", "ben", "ben", "--json").stdout)["identical"] is True
