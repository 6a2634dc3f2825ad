"""`python app.py` on a machine with nothing prepared: Ray starts, the run goes on, Ray ends."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from agentmesh.journal.store import Store
from agentmesh.kernel.commands import FinishTurn
from tests.fabric.scripts import Script

pytestmark = [pytest.mark.ray, pytest.mark.own_ray, pytest.mark.timeout(180)]

Start = Callable[..., Script]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a script; whatever it leaves running is ended."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Script(tmp_path, *arguments)))


def test_a_script_with_agents_in_it_runs_on_a_fresh_ray(tmp_path: Path, start: Start) -> None:
    """Hosts import the script under another name, so that its main block stays quiet."""
    code, output, errors = start("hello").finish()

    assert code == 0, errors
    assert output.splitlines()[-1] == "1: HELLO"
    assert output.count("imported as __main__") == 1
    with Store(tmp_path / ".agentmesh" / "runs").open_run("desk") as run:
        assert run.info.status == "done"
        assert run.addresses() == ["Clerk/main", "desk/root", "shout/main"]


def test_ctrl_c_leaves_a_readable_run_and_no_process(tmp_path: Path, start: Start) -> None:
    """SIGINT, as a terminal sends it: open work is journaled as cancelled."""
    script = start("wait")
    script.wait_until_ready()
    children = psutil.Process(script.process.pid).children(recursive=True)
    interrupted = time.time_ns()
    script.process.send_signal(signal.SIGINT)
    code, _, errors = script.finish()

    assert code != 0
    assert "KeyboardInterrupt" in errors
    with Store(tmp_path / ".agentmesh" / "runs").open_run("desk") as run:
        assert run.info.status == "cancelled"
        ends = [
            (command.outcome, step.event.at - interrupted)
            for address in run.addresses()
            for step in run.steps(address)
            for command in step.commands
            if isinstance(command, FinishTurn)
        ]
        assert [outcome for outcome, _ in ends] == ["cancelled", "cancelled"]
        assert all(0 < took < 3e9 for _, took in ends), ends
    _, alive = psutil.wait_procs(children, timeout=20.0)
    assert alive == []


def test_a_script_that_is_terminated_leaves_a_readable_run_and_no_process(
    tmp_path: Path, start: Start
) -> None:
    """SIGTERM, as a job that is stopped gets it: open work is journaled as cancelled."""
    script = start("wait")
    script.wait_until_ready()
    children = psutil.Process(script.process.pid).children(recursive=True)
    script.process.send_signal(signal.SIGTERM)
    code, _, errors = script.finish()

    assert code == 1, errors
    assert "told to terminate" in errors
    with Store(tmp_path / ".agentmesh" / "runs").open_run("desk") as run:
        bodies = [entry.body for entry in run.entries()]
        assert run.info.status == "failed"
        ends = [body.outcome for body in bodies if isinstance(body, FinishTurn)]
        assert ends == ["cancelled", "cancelled"]
    _, alive = psutil.wait_procs(children, timeout=20.0)
    assert alive == []
