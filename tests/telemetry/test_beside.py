"""A run that is exported while it goes on, by a process beside it."""

import subprocess
import sys
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.journal.store import Store
from agentmesh.mesh import observing
from agentmesh.mesh.options import RunOptions
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.beside import PRIORITY, Beside
from agentmesh.telemetry.exporting import Export, Surroundings
from agentmesh.telemetry.instruments import Change
from agentmesh.telemetry.settings import ENDPOINT, read
from tests.mesh.programs import Question, ask_once
from tests.telemetry.receiver import Receiver, attributes

SECONDS = 60.0


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests take all the time there is, and would leave the process none."""
    monkeypatch.setenv(PRIORITY, "normal")
    monkeypatch.delenv(ENDPOINT, raising=False)


@pytest.fixture
def besides(monkeypatch: pytest.MonkeyPatch) -> list[Beside]:
    """All that runs start beside them."""
    made: list[Beside] = []

    def kept(*arguments: object, **options: object) -> Beside:
        made.append(Beside(*arguments, **options))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(observing, "Beside", kept)
    return made


def test_a_run_is_exported_while_it_goes_on(
    tmp_path: Path, receiver: Receiver, besides: list[Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it takes is the standard variable; spans and metrics arrive, the cursor stands."""
    monkeypatch.setenv(ENDPOINT, receiver.endpoint)

    am.run(ask_once, Question(), local=True, store=str(tmp_path), run_id="r1", quiet=True)

    assert besides[0].wait(SECONDS)
    assert {"invoke_workflow ask_once", "process Helper"} <= {s.name for s in receiver.spans}
    turns = receiver.latest_metrics[names.M_TURNS].sum.data_points
    assert sum(point.as_double for point in turns) == 2
    assert {attributes(point)[names.L_WORKFLOW] for point in turns} == {"ask_once"}
    with Store(tmp_path).open_run("r1") as run:
        settings = read({}, endpoint=receiver.endpoint)
        done = Export(run.files, run.path, run.info, settings).run()
    assert done.was_complete
    assert done.spans == 0


def test_an_endpoint_that_is_down_is_told_and_delays_nothing(
    tmp_path: Path,
    receiver: Receiver,
    besides: list[Beside],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run ends as ever; when the endpoint is back, an export sends all of it."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")

    am.run(ask_once, Question(), local=True, store=str(tmp_path), run_id="r1", quiet=True)
    process = besides[0]._process
    assert process is not None
    exported = besides[0].wait(SECONDS)
    process.kill()  # it would go on trying for half a minute
    process.wait(SECONDS)

    assert not exported
    said = capsys.readouterr().err
    assert "refused" in said
    assert "agentmesh export otlp r1" in said
    with Store(tmp_path).open_run("r1") as run:
        settings = read({}, endpoint=receiver.endpoint)
        done = Export(run.files, run.path, run.info, settings, Surroundings()).run()
    assert done.complete
    assert done.spans == len(receiver.spans) > 2


def test_who_wants_metrics_is_told_all_of_them(store: Path) -> None:
    """As Ray's agent is: each change once, also those of the end."""
    told: list[Change] = []
    beside = Beside(str(store), "news", on_changes=told.extend)
    beside.end_seconds = SECONDS
    with beside:
        pass

    assert beside.wait(SECONDS)
    assert sum(change.amount for change in told if change.name == names.M_TURNS) == 7
    durations = [v for c in told if c.name == names.M_TURN_DURATION for v in c.values]
    assert len(durations) == 7
    assert {c.name for c in told} >= {names.M_RETRIES, names.M_DEAD, names.M_COST, names.M_QUEUED}


def test_nothing_is_started_for_nobody(tmp_path: Path, besides: list[Beside]) -> None:
    """No endpoint, no cluster: no process."""
    am.run(ask_once, Question(), local=True, store=str(tmp_path), run_id="r1", quiet=True)

    assert besides[0]._process is None


def test_a_variable_that_cant_be_understood_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, and the run goes on without telemetry."""
    monkeypatch.setenv(ENDPOINT, "not an endpoint")

    am.run(ask_once, Question(), local=True, store=str(tmp_path), run_id="r1", quiet=True)

    assert "the run is not exported" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "options", "wanted"),
    [
        ({}, RunOptions(), False),
        ({}, RunOptions(address="10.0.0.1:6379"), True),
        ({"RAY_ADDRESS": "auto"}, RunOptions(), True),
        ({"RAY_ADDRESS": "auto"}, RunOptions(local=True), False),
        ({"AGENTMESH_RAY_METRICS": "1"}, RunOptions(), True),
        ({"AGENTMESH_RAY_METRICS": "0", "RAY_ADDRESS": "auto"}, RunOptions(), False),
    ],
)
def test_rays_agent_is_told_on_a_cluster(
    environ: dict[str, str],
    options: RunOptions,
    wanted: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Ray that only this run has is watched by nobody."""
    for name in ("RAY_ADDRESS", "AGENTMESH_RAY_METRICS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert observing.wants_ray_metrics(options) is wanted


def test_the_process_gives_way_to_everybody() -> None:
    """Where the system knows a class for what nobody waits for, it is in it."""
    code = (
        "import os; from agentmesh.telemetry import beside; beside._step_back();"
        "print(os.sched_getscheduler(0) == os.SCHED_IDLE, os.nice(0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["True", "19"]
