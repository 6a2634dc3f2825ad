"""A run through the front door, in this process."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import execute
from agentmesh.testing import ModelServer
from agentmesh.testing.models import Stall
from tests.mesh import programs


def run(workflow, message=None, *, store: Path, run_id: str = "r", **options):
    """Run a workflow locally and quietly."""
    arguments = () if message is None else (message,)
    return am.run(
        workflow, *arguments, local=True, store=str(store), run_id=run_id, quiet=True, **options
    )


def test_a_run_returns_its_result_and_leaves_a_sealed_record(tmp_path: Path) -> None:
    """The everyday case."""
    answer = run(programs.ask_once, programs.Question(text="why"), store=tmp_path)

    info = am.open_run("r", store=str(tmp_path)).info
    assert answer == programs.Answer(text="1: why")
    assert (info.status, info.result) == ("done", {"text": "1: why"})
    assert (tmp_path / "r" / "events.parquet").is_file()


def test_payloads_can_be_queried_by_sql(tmp_path: Path) -> None:
    """A run is data: any question in SQL."""
    run(programs.ask_once, programs.Question(text="why"), store=tmp_path)

    with am.open_run("r", store=str(tmp_path)) as opened:
        found = opened.sql(
            "SELECT payload->>'$.text' AS text FROM events "
            "WHERE kind = 'delivered' AND handler = 'answer'"
        )

    assert found["text"].to_pylist() == ["why"]


def test_an_error_arrives_as_its_builtin_type_with_the_remote_traceback(tmp_path: Path) -> None:
    """`except ValueError` works across agents; the note shows where it was raised."""
    with pytest.raises(ValueError, match="because") as caught:
        run(programs.fails, programs.Question(text="because"), store=tmp_path)

    assert isinstance(caught.value, am.RemoteError)
    assert "in explode" in caught.value.remote_traceback
    info = am.open_run("r", store=str(tmp_path)).info
    assert info.status == "failed"
    assert info.error["type"] == "builtins.ValueError"


def test_a_run_that_would_hang_ends_at_its_deadline(tmp_path: Path) -> None:
    """Nothing waits for ever."""
    with pytest.raises(am.DeadlineExceededError):
        run(programs.hangs, store=tmp_path)

    assert am.replay_run("r", store=str(tmp_path)).identical


def test_a_model_that_never_answers_ends_at_the_deadline(tmp_path: Path) -> None:
    """The deadline of the workflow reaches the socket."""
    with ModelServer(default=Stall()) as server, pytest.raises(am.DeadlineExceededError):
        run(
            programs.waits_for_a_model,
            store=tmp_path,
            settings={"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"},
        )

    assert am.replay_run("r", store=str(tmp_path)).identical


def test_two_runs_with_one_id_are_refused(tmp_path: Path) -> None:
    """The second would overwrite the first."""
    run(programs.ask_once, programs.Question(), store=tmp_path)

    with pytest.raises(am.RunExistsError, match="r"):
        run(programs.ask_once, programs.Question(), store=tmp_path)


def test_a_message_of_the_wrong_type_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """It says what the workflow takes."""
    with pytest.raises(am.DefinitionError, match="takes Question, not Answer"):
        run(programs.ask_once, programs.Answer(text="no"), store=tmp_path)

    assert not (tmp_path / "r").exists()


def test_messages_in_flight_end_in_a_recorded_state_when_the_workflow_returns(
    tmp_path: Path,
) -> None:
    """A tell nobody waits for is cancelled with the run, and the record says so."""
    outcome = execute(
        programs.leaves_work_behind,
        None,
        RunOptions(local=True, store=str(tmp_path), run_id="r", quiet=True, drain_seconds=0.1),
    )

    with am.open_run("r", store=str(tmp_path)) as opened:
        found = opened.sql("SELECT outcome FROM events WHERE kind = 'finish_turn' ORDER BY agent")
    assert outcome.value == "done"
    assert found["outcome"].to_pylist() == ["cancelled", "done"]


def test_a_run_inside_a_running_loop_works(tmp_path: Path) -> None:
    """Notebooks have a loop running already."""

    async def cell_of_a_notebook() -> str:
        answer: programs.Answer = run(programs.ask_once, programs.Question(), store=tmp_path)
        return answer.text

    assert asyncio.run(cell_of_a_notebook()) == "1: why"


def test_an_explicit_seed_repeats_random_choices(tmp_path: Path) -> None:
    """Randomness is a function of seed, agent and message."""
    first = run(programs.rolls, store=tmp_path, run_id="a", seed="s")
    again = run(programs.rolls, store=tmp_path, run_id="b", seed="s")
    other = run(programs.rolls, store=tmp_path, run_id="c", seed="t")

    assert first == again
    assert first != other


FULL_DISK = """
import resource, signal, sys
import agentmesh as am
from tests.mesh import programs

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    am.run(programs.fills_the_disk, programs.Question(count=1000), local=True,
           store=sys.argv[1], run_id="r", quiet=True)
except am.JournalError as error:
    sys.exit(f"JournalError: {error}")
"""


def test_a_full_disk_stops_the_run_and_keeps_what_was_written(tmp_path: Path) -> None:
    """Nothing is released that is not in the journal, and the journal stays readable."""
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
        check=False,
    )

    assert ended.returncode == 1, ended.stderr
    assert "JournalError" in ended.stderr
    report = am.replay_run("r", store=str(tmp_path))
    assert report.identical
    assert report.turns > 3


def test_run_json_is_plain_json(tmp_path: Path) -> None:
    """People read it with jq."""
    run(programs.ask_once, programs.Question(), store=tmp_path)

    read = json.loads((tmp_path / "r" / "run.json").read_text())

    assert read["workflow"] == "ask_once"
    assert read["input"] == {"text": "why", "count": 1}
    assert read["entry"]["file"].endswith("programs.py")
