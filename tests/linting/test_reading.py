"""Whatever a file holds: it is read, or told about, and never executed."""

import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.errors import UsageError
from agentmesh.linting.checking import check_targets
from agentmesh.linting.source import BYTES_MAX
from tests.linting.cases import agent

FILES = sorted(Path(sysconfig.get_path("stdlib")).glob("*/*.py"))
TEST_FILES = [path for path in FILES if path.stat().st_size < 60_000]


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(TEST_FILES))
def test_no_module_of_the_standard_library_crashes_it(
    tmp_path_factory: pytest.TempPathFactory, path: Path
) -> None:
    """Every coroutine of it judged as a handler; a copy, so that its imports are not read, too."""
    folder = tmp_path_factory.mktemp("stdlib")
    shutil.copy(path, folder / "copied.py")
    report = check_targets(["copied.py"], folder=folder, every_async=True)

    assert report.files == 1


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Null bytes, broken encodings, halves of statements."""
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "odd.py").write_bytes(data)

    check_targets(["odd.py"], folder=folder)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"def f(:\n", "Syntax error"),
        (b"x = '\xff'\n", "can't be decoded"),
        (b"# coding: no-such-code\n", "can't be decoded"),
        (b"x = 1\0", "null bytes"),
        (b"#" * (BYTES_MAX + 1), "larger than"),
        (b"x = " + b"(" * 5000 + b")" * 5000, ""),
        (b"x = " + b"-" * 50_000 + b"1", ""),
        (b"x = " + b"a." * 20_000 + b"b", ""),
    ],
)
def test_what_cannot_be_read_is_a_finding(tmp_path: Path, data: bytes, says: str) -> None:
    """One damaged file keeps no other from being checked."""
    (tmp_path / "bad.py").write_bytes(data)
    (tmp_path / "good.py").write_text(agent("time.sleep(1)"), encoding="utf-8")
    findings = check_targets(["."], folder=tmp_path).findings

    assert [one.path for one in findings if one.rule == "AM301"] == ["good.py"]
    if says:
        assert says in next(one.what for one in findings if one.rule == "AM001")


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Neither the file nor the package around it."""
    (tmp_path / "boom").mkdir()
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (tmp_path / "boom" / "__init__.py").write_text(text)
    (tmp_path / "boom" / "app.py").write_text(text + agent("time.sleep(1)"))
    before = {*sys.modules}
    report = check_targets(["boom.app", "boom"], folder=tmp_path)

    assert [one.rule for one in report.findings] == ["AM301"]
    assert not (tmp_path / "ran").exists()
    assert not {name for name in {*sys.modules} - before if name.startswith("boom")}


def test_what_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """So is a folder without Python, and a rule that nobody knows."""
    (tmp_path / "empty").mkdir()
    for targets, select in ((["gone.py"], []), (["empty"], []), (["."], ["AM9"])):
        with pytest.raises(UsageError):
            check_targets(targets, folder=tmp_path, select=select)
