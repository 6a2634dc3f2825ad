"""`agentmesh fork` as people meet it: what it says of a branch, and how it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import agentmesh as am
from agentmesh.cli import app as cli
from tests.counterfactual import programs

CLOSED = """
import agentmesh as am
from tests.counterfactual.programs import Bid


@am.agent
class Auction:
    sold_to: str = ""

    @am.handler
    async def offer(self, bid: Bid) -> str:
        return "closed"
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run: two bid, and the first gets it."""
    folder = tmp_path_factory.mktemp("store")
    am.run(programs.auction, local=True, store=str(folder), run_id="sold", quiet=True)
    return folder


def fork(store: Path, *words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, ["fork", "sold", "--store", str(store), *words])


def test_a_branch_is_told_in_a_few_lines(store: Path) -> None:
    """What ran, what was reused, where it came back, and what it came to."""
    done = fork(store, "--edit", 'Auction/a@1={"who": "Zoe"}', "--id", "edited")
    assert done.exit_code == 0
    assert "edited branches off sold: done" in done.output
    assert "0 issued anew" in done.output
    assert "result    the same" in done.output
    assert "agentmesh diff sold edited" in done.output


def test_json_has_everything(store: Path) -> None:
    """For programs that make branches."""
    done = fork(store, "--delay", "Auction/a@1=2s", "--json")
    said = json.loads(done.stdout)
    assert said["parent"] == "sold"
    assert said["edits"][0]["edit"] == "delay"
    assert said["events"] == said["kept"] + said["reused"] + said["executed"]


def test_a_missing_answer_ends_the_branch_and_says_what_to_do(store: Path) -> None:
    """Exit code 1: the question was not answered."""
    done = fork(store, "--result", "Bidder/Ann@2=6")
    assert done.exit_code == 1
    assert "stopped   Auction/a asks for tool pay" in done.output
    assert "--policy live" in done.output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--result", "Bidder/Ann@2=x"], "which is no JSON"),
        (["--result", "6"], "can't be understood"),
        (["--edit", 'Auction/a@1={"amount": "x"}'], "amount: Input should be"),
        (["--drop", "Auction/a@77"], "has no event Auction/a@77"),
        ([], "what is different"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Path, words: list[str], problem: str) -> None:
    """Exit code 2, and the problem by its name."""
    done = fork(store, *words)
    assert done.exit_code == 2
    assert problem in " ".join(done.output.split())


def test_states_codes_and_faults_can_be_said(store: Path, tmp_path: Path) -> None:
    """Another buyer, another auction, a payment that fails."""
    sold = fork(store, "--at", "Bidder/Ann@2", "--set", 'Bidder/Ann.nothing="Zoe"')
    assert sold.exit_code == 2
    assert "has no attribute 'nothing'" in " ".join(sold.output.split())
    failed = fork(store, "--fault", "Auction/a@2=429")
    assert failed.exit_code == 0
    assert "429 Rate limit reached" in failed.output
    code = tmp_path / "fixed.py"
    code.write_text(CLOSED)
    closed = fork(store, "--at", "0", "--code", f"Auction={code}", "--json")
    assert json.loads(closed.stdout)["result"] == {"Ann": "closed", "Bernd": "closed"}


def test_edits_of_model_calls_are_edits(store: Path) -> None:
    """Where no model is asked, they change nothing."""
    words = ["--model", "Bidder=sim-large", "--parameter", "temperature=0", "--prompt", "a=b"]
    done = fork(store, "--at", "0", *words, "--json")
    said = json.loads(done.stdout)
    assert [each["edit"] for each in said["edits"]] == ["model", "model", "model"]
    assert said["edits"][0]["agents"] == ["Bidder"]
    assert (said["executed"], said["changed"]) == (0, False)


def test_a_branch_goes_on_for_real_where_it_is_told_to(store: Path) -> None:
    """What can't be taken back is done only if that is said."""
    refused = fork(store, "--at", "Bidder/Ann@2", "--on", "local")
    assert refused.exit_code == 2
    assert "can't be taken back" in " ".join(refused.output.split())
    done = fork(store, "--at", "Bidder/Ann@2", "--on", "local", "--irreversible", "--json")
    said = json.loads(done.stdout)
    assert (said["status"], said["policy"], said["changed"]) == ("done", "live", False)
