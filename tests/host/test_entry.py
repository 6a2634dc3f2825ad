"""A program is found again in another process: by name, by file, or with a clear error."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agentmesh.errors import UnknownAgentError, UsageError
from agentmesh.host.entry import SCRIPT_NAME, entry_of, import_file, importing, load
from agentmesh.host.entry import refuse_while_importing as refuse
from agentmesh.host.plan import Entry, Plan
from agentmesh.kernel.envelope import ASK, CLIENT
from agentmesh.sdk.workflow import workflow_type_of
from tests.host import programs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither paths nor modules of a test stay behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def script(folder: Path, text: str, name: str = "app.py") -> Path:
    file = folder / name
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


APP = """
    import agentmesh as am

    @am.agent
    class Echo:
        @am.handler
        async def hello(self) -> str:
            return "hello"

    @am.workflow
    async def main() -> str:
        return await am.ref(Echo).hello()

    if __name__ == "__main__":
        raise SystemExit("the main block ran")
"""


def test_a_workflow_of_an_imported_module_is_found_by_name() -> None:
    """In this very process, without importing it again."""
    entry = entry_of(workflow_type_of(programs.spawner))
    program, workflow = load(entry)

    assert entry.module == programs.__name__
    assert workflow.target is programs.spawner
    assert program.find("Worker").target is programs.Worker


@pytest.mark.usefixtures("fresh_path")
def test_a_script_is_imported_by_its_file_with_its_main_block_quiet(tmp_path: Path) -> None:
    """As `multiprocessing` does."""
    file = script(tmp_path, APP)
    entry = Entry(module="__main__", file=str(file), workflow="main")
    program, workflow = load(entry)

    assert workflow.module == SCRIPT_NAME
    assert program.find("Echo").module == SCRIPT_NAME
    assert load(entry)[1] is workflow
    assert entry_of(workflow).module == "__main__"
    assert entry_of(workflow).file == str(file)


def test_another_process_imports_a_module_by_name(tmp_path: Path) -> None:
    """Its folder travels with the entry."""
    script(tmp_path, APP, "shop.py")
    code = f"""
        from agentmesh.host.entry import load
        from agentmesh.host.plan import Entry
        entry = Entry(module="shop", file="", workflow="main", sys_path=({str(tmp_path)!r},))
        print(load(entry)[1].module)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.stdout == "shop\n", done.stderr


@pytest.mark.usefixtures("fresh_path")
def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """The file, the workflow, or that it is no workflow."""
    file = script(tmp_path, APP)
    with pytest.raises(UsageError, match=r"missing\.py' is not on this machine"):
        load(Entry(module="__main__", file=str(tmp_path / "missing.py"), workflow="main"))
    with pytest.raises(UnknownAgentError, match="'mian'"):
        load(Entry(module="__main__", file=str(file), workflow="mian"))
    with pytest.raises(UnknownAgentError, match="is an agent, not a workflow"):
        load(Entry(module="__main__", file=str(file), workflow="Echo"))
    text = script(tmp_path, "", "notes.txt")
    with pytest.raises(UsageError, match="is not a Python file"):
        import_file(str(text))


@pytest.mark.usefixtures("fresh_path")
def test_a_script_that_was_imported_before_is_not_taken_for_a_module(tmp_path: Path) -> None:
    """It is in the process already, but it is another program."""
    load(Entry(module="__main__", file=str(script(tmp_path, APP)), workflow="main"))
    script(tmp_path, APP, "other.py")
    entry = Entry(module="other", file="", workflow="main", sys_path=(str(tmp_path),))

    assert load(entry)[1].module == "other"


@pytest.mark.usefixtures("fresh_path")
def test_a_library_that_a_program_needs_is_named_when_it_is_missing(tmp_path: Path) -> None:
    """And not the program itself, which is there."""
    script(tmp_path, "import no_such_library_anywhere", "needs.py")
    with pytest.raises(ModuleNotFoundError, match="no_such_library_anywhere"):
        load(Entry(module="needs", file="", workflow="main", sys_path=(str(tmp_path),)))


@pytest.mark.usefixtures("fresh_path")
def test_a_script_that_can_not_be_imported_leaves_nothing_behind(tmp_path: Path) -> None:
    """The next attempt starts afresh."""
    file = script(tmp_path, "raise ValueError('at import')")
    before = sys.modules.get(SCRIPT_NAME)
    with pytest.raises(ValueError, match="at import"):
        import_file(str(file))
    assert sys.modules.get(SCRIPT_NAME) is before or SCRIPT_NAME not in sys.modules


def test_a_run_is_not_started_by_a_module_that_is_only_imported() -> None:
    """Every host imports the script: without the main block each would start the run again."""
    refuse()
    with importing("app.py"), pytest.raises(UsageError, match='if __name__ == "__main__"'):
        refuse()
    refuse()


def test_a_plan_says_what_the_first_message_is() -> None:
    """The client asks the workflow's root, with a deadline counted from now."""
    plan = Plan(
        run_id="r",
        entry=Entry(module="m", file="", workflow="main"),
        input_type="Order",
        input_payload=b"{}",
        deadline_seconds=60,
        seed="s",
        store="here",
    )
    first, second = plan.first_message(), plan.first_message()

    assert (first.src, first.n, first.dst, first.kind) == (CLIENT, 1, "main/root", ASK)
    assert (first.handler, first.type, first.payload) == ("run", "Order", b"{}")
    assert 0 <= second.deadline - first.deadline < 10_000_000_000
