"""Imports inside a handler: they work, and belong to the process."""

import importlib
import random
import sys
import time
import traceback
from pathlib import Path

import pytest

from agentmesh.ambient.imports import when_loaded
from tests.ambient.helpers import START_NS, ProbeLoop, ThreadOutside, call_inside, make_loop

MODULE = """
import random, threading, time, uuid
from pathlib import Path

read_at = time.time()
drawn = random.random(), uuid.uuid4()
own_source = Path(__file__).with_name("data.txt").read_text()
folder = sorted(each.name for each in Path(__file__).parent.iterdir())
thread = threading.Thread(target=int)
thread.start()
thread.join()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module whose import does all that a handler may not."""
    (tmp_path / "busy_import.py").write_text(MODULE)
    (tmp_path / "data.txt").write_text("data")
    (tmp_path / "broken_import.py").write_text("import no_such_module_anywhere\n")
    (tmp_path / "raising_import.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("busy_import", "broken_import", "raising_import"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "busy_import"


@pytest.mark.parametrize(
    "name", ["colorsys", "stringprep", "json.tool", "_lsprof", "xml.dom.minidom"]
)
def test_a_module_of_the_standard_library_is_imported_on_first_use(
    name: str, monkeypatch: pytest.MonkeyPatch, loop: ProbeLoop
) -> None:
    """Source, bytecode and shared objects, in folders that are scanned for them."""
    for loaded in [each for each in sys.modules if each == name or each.startswith("xml")]:
        monkeypatch.delitem(sys.modules, loaded)
    importlib.invalidate_caches()
    module = call_inside(lambda: importlib.import_module(name), loop)
    assert module.__name__ == name
    assert loop.escaped == []


def test_code_that_runs_on_import_sees_the_real_world(package: str, loop: ProbeLoop) -> None:
    """Whose turn imports first is chance: the turn's clock and stream must not tell."""

    def handler() -> tuple[float, float]:
        importlib.import_module(package)
        return time.time(), random.random()

    again = make_loop()
    assert call_inside(handler, loop) == call_inside(handler, again)
    assert loop.now_ns == again.now_ns == START_NS + 1_000
    module = sys.modules[package]
    assert module.read_at > 1.7e9
    assert module.own_source == "data"
    assert "data.txt" in module.folder
    assert loop.escaped == []


def test_after_an_import_the_handler_is_inside_again(package: str) -> None:
    def handler() -> float:
        importlib.import_module(package)
        return time.time()

    assert call_inside(handler) < 1.1e9


@pytest.mark.parametrize(
    ("name", "error"),
    [("broken_import", ModuleNotFoundError), ("raising_import", ZeroDivisionError)],
)
def test_a_failing_import_looks_as_ever(
    package: str, name: str, error: type[Exception], loop: ProbeLoop
) -> None:
    """The interpreter leaves its own frames out of the traceback, and so ours."""

    def handler() -> float:
        with pytest.raises(error) as caught:
            __import__(name)
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert [Path(frame.filename).name for frame in frames] == [
            Path(__file__).name,
            f"{name}.py",
        ]
        return time.time()

    assert call_inside(handler, loop) < 1.1e9


def test_a_thread_importing_meanwhile_changes_nothing_for_the_handler(
    package: str, loop: ProbeLoop
) -> None:
    with ThreadOutside() as tool:

        def handler() -> float:
            tool.call(lambda: importlib.import_module(package))
            return time.time()

        assert call_inside(handler, loop) == pytest.approx(START_NS / 1e9, abs=0.01)


def test_who_waits_for_a_module_is_told_once_and_before_anybody_uses_it(package: str) -> None:
    told: list[str] = []
    when_loaded(package, lambda module: told.append(module.own_source))
    assert told == []
    importlib.import_module(package)
    importlib.import_module(package)
    assert told == ["data"]
    when_loaded(package, lambda module: told.append("already there"))
    assert told == ["data", "already there"]


def test_who_waits_is_told_again_when_a_module_is_imported_anew(package: str) -> None:
    """Runners of tests forget the modules that a test has imported."""
    told: list[object] = []
    when_loaded(package, told.append)
    first = importlib.import_module(package)
    del sys.modules[package]
    second = importlib.import_module(package)

    assert told == [first, second]
