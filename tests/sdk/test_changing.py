"""`am.changed`: new code, old recordings, and each of them on its own path."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmesh as am
from agentmesh.kernel.commands import is_mark
from agentmesh.mesh.execution import Execution
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.resuming import execute_again
from agentmesh.mesh.runner import plan_for
from agentmesh.sdk.workflow import workflow_type_of
from tests.recovery.cuts import cut_copy, records_of

CHANGE = "ask twice"


class Code:
    """Which version of the program today's code is: what an edit of the file would change."""

    version = "new"


class Word(am.Message):
    """Something to say."""

    text: str


@am.tool
async def ask(text: str) -> str:
    """Answer."""
    return f"{text}!"


@am.agent
class Speaker:
    """Says a word, by the version of the program that is there."""

    said: int = 0

    @am.handler
    async def say(self, word: Word) -> str:
        """Ask once, or, since the change, twice."""
        self.said += 1
        answer = await ask(word.text)
        if Code.version == "newest" or (Code.version == "new" and am.changed(CHANGE)):
            answer = await ask(answer)
            assert Code.version == "newest" or am.changed(CHANGE), "a turn decides once"
        return answer


@am.workflow(deadline="10s")
async def talk() -> list[str]:
    """Say two words."""
    speaker = am.ref(Speaker)
    return [await speaker.say(Word(text="a")), await speaker.say(Word(text="b"))]


@am.workflow(deadline="10s")
async def unnamed() -> bool:
    """Ask about a change without a name."""
    return am.changed("")


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    """Leave the newest but one version to whoever comes next."""
    yield
    Code.version = "new"


def recorded(version: str, store: Path) -> tuple[list[str], int]:
    """Record a run with a version of the code; return its result and the marks in it."""
    Code.version = version
    said = am.run(talk, local=True, store=str(store), run_id=version, quiet=True)
    with am.open_run(version, store=str(store)) as run:
        marks = sum(is_mark(one) for step in run.steps("Speaker/main") for one in step.commands)
    return said, marks


@pytest.mark.parametrize(
    ("then", "now"),
    [("old", "new"), ("new", "new"), ("new", "newest"), ("old", "old")],
)
def test_new_code_replays_what_it_keeps_a_path_for(then: str, now: str, tmp_path: Path) -> None:
    """Old recordings take the old path, new ones the new path, also when the call is gone."""
    said, marks = recorded(then, tmp_path)

    Code.version = now
    report = am.replay_run(then, store=str(tmp_path))

    assert report.identical, str(report.divergences[0])
    assert (said, marks) == ((["a!", "b!"], 0) if then == "old" else (["a!!", "b!!"], 2))


@pytest.mark.parametrize(("then", "now"), [("old", "newest"), ("new", "old")])
def test_without_its_path_a_recording_diverges(then: str, now: str, tmp_path: Path) -> None:
    """The call is what makes the difference; a mark without its path hides nothing."""
    recorded(then, tmp_path)

    Code.version = now
    report = am.replay_run(then, store=str(tmp_path))

    assert [(one.agent, one.step) for one in report.divergences] == [("Speaker/main", 2)]


@pytest.mark.parametrize("version", ["old", "new"])
def test_a_run_goes_on_with_new_code_after_any_record(version: str, tmp_path: Path) -> None:
    """What was decided stays; what was not yet is new; and the whole of it replays."""
    Code.version = version
    options = RunOptions(local=True, store=str(tmp_path), run_id="whole", quiet=True)
    workflow = workflow_type_of(talk)
    Execution(plan_for(workflow, None, options), workflow, options).drive()
    records = records_of(tmp_path / "whole" / "events" / "local-0.log")
    Code.version = "new"
    seen = set()
    for count in range(0, len(records) + 1, 2):
        store = tmp_path / "cut"
        cut_copy(tmp_path / "whole", store / "whole", "local-0.log", records[:count])
        outcome = execute_again("whole", RunOptions(store=str(store), quiet=True))
        seen.add(tuple(json.loads(outcome.result_json)))
        assert am.replay_run("whole", store=str(store)).identical, count

    both = {("a!!", "b!!"), ("a!", "b!!"), ("a!", "b!")}
    assert seen == (both if version == "old" else {("a!!", "b!!")})


def test_a_change_needs_a_name(tmp_path: Path) -> None:
    """It is what recordings are searched for."""
    with pytest.raises(am.DefinitionError, match="instead of a name for the change"):
        am.run(unnamed, local=True, store=str(tmp_path), quiet=True)
    with pytest.raises(am.NotInHandlerError):
        am.changed(CHANGE)
