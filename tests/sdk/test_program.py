"""Which agents a run knows: by name, near before far, and subscribers only where it imports."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentmesh.errors import DefinitionError, UnknownAgentError
from agentmesh.sdk import agent as agents
from agentmesh.sdk.program import Program

AGENT = """
    import agentmesh as am

    class Word(am.Message):
        text: str

    @am.agent
    class {name}:
        @am.subscribe("news")
        async def hear(self, word: Word) -> None: ...
"""


class Folder:
    """A place for modules of a test."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, module: str, text: str, *, name: str = "") -> None:
        file = self._path / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text).format(name=name), encoding="utf-8")

    def load(self, name: str) -> Program:
        __import__(name)
        return Program(name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Modules and agents of a test are gone after it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = list(agents.DEFINED)
    agents.DEFINED.clear()
    yield Folder(tmp_path)
    agents.DEFINED[:] = before


def names(program: Program, topic: str = "news") -> list[str]:
    return [f"{made.module}.{made.name}" for made, _ in program.subscribers(topic)]


def test_subscribers_are_those_that_the_workflows_module_imports(folder: Folder) -> None:
    """Another program in the same process hears nothing: a replay would not have it there."""
    folder.write("other_app", AGENT, name="Stranger")
    folder.write("crew.near", AGENT, name="Near")
    folder.write("crew.far", AGENT, name="Far")
    folder.write("crew.__init__", "from crew import far")
    folder.write("app", "    import crew.near" + AGENT, name="Own")
    folder.write("app2", "    from crew.near import Near" + AGENT, name="Own2")
    folder.load("other_app")

    assert names(folder.load("app")) == ["crew.far.Far", "crew.near.Near", "app.Own"]
    assert names(folder.load("app2")) == ["crew.near.Near", "app2.Own2"]
    assert names(folder.load("other_app")) == ["other_app.Stranger"]
    assert names(folder.load("app"), "olds") == []


def test_a_name_is_looked_for_near_before_far(folder: Folder) -> None:
    """Three agents of one name: here, in what is imported, and elsewhere."""
    for module in ("here", "near", "elsewhere"):
        folder.write(module, AGENT, name="Same")
    folder.write("middle", "import near\n")
    folder.write("outside", "")
    for module in ("here", "near", "elsewhere"):
        folder.load(module)

    assert folder.load("here").find("Same").module == "here"
    assert folder.load("middle").find("Same").module == "near"
    with pytest.raises(DefinitionError, match=r"Several agent types are called 'Same'") as caught:
        folder.load("outside").find("Same")
    assert "elsewhere.py:" in str(caught.value)
    assert "@am.agent(name=" in str(caught.value)


def test_an_agent_that_only_another_module_knows_is_found_by_name(folder: Folder) -> None:
    """It was imported inside a function, say."""
    folder.write("elsewhere", AGENT, name="Only")
    folder.write("here", "")
    folder.load("elsewhere")

    assert folder.load("here").find("Only").module == "elsewhere"


def test_a_missing_agent_is_an_error_that_lists_what_there_is(folder: Folder) -> None:
    """Usually its module was not imported."""
    folder.write("here", AGENT, name="Present")
    with pytest.raises(UnknownAgentError, match=r"'Absent' here; known: Present\."):
        folder.load("here").find("Absent")


def test_an_agent_that_is_defined_again_replaces_the_one_before(folder: Folder) -> None:
    """A cell of a notebook is run twice."""
    folder.write("here", AGENT, name="Again")
    program = folder.load("here")
    del sys.modules["here"]
    first = program.find("Again")
    again = folder.load("here").find("Again")

    assert again is not first
    assert again is agents.DEFINED[-1]
