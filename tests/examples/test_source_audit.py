"""An audit of real sources counts what plain code counts, and says what it could not read."""

import importlib.util
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agentmesh.testing.models import ModelServer, Rule, ServerError
from examples.source_audit import Finding, Source, grade, measure
from tests.examples.running import (
    EXAMPLES,
    SECONDS,
    assert_as_expected,
    replay_elsewhere,
    run_example,
)

NAME = "source_audit.py"
SAME = "Checked: plain code counts the same."


def folder_of(package: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)


def findings(source: str) -> dict[str, list[tuple[int, str]]]:
    """Measure a source; return size and line of its findings, by kind."""
    _, found = measure(Source(file="f.py", text=textwrap.dedent(source)))
    by_kind: dict[str, list[tuple[int, str]]] = {}
    for each in found:
        by_kind.setdefault(each.kind, []).append((each.size, each.place))
    return by_kind


# --- the command ----------------------------------------------------------------------------------


def test_the_audit_of_json_is_what_the_docstring_says(tmp_path: Path):
    """The first command of the docstring."""
    ran = run_example(NAME, "--check", folder_of("json"), store=tmp_path)

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert_as_expected(NAME, ran.out)
    assert replay_elsewhere(ran)["divergences"] == []


@pytest.mark.slow
def test_installed_packages_are_counted_as_plain_code_counts_them(tmp_path: Path):
    """Some hundred files, in batches to several parsers; the replay has none of the files."""
    copied = tmp_path / "sources"
    for package in ("pydantic", "starlette", "uvicorn"):
        shutil.copytree(folder_of(package), copied / package)
    ran = run_example(NAME, "--check", str(copied), store=tmp_path / "audit")
    shutil.rmtree(copied)

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert SAME in ran.out
    assert int(ran.out.split()[0]) > 150
    assert replay_elsewhere(ran)["divergences"] == []


def test_files_that_cannot_be_read_are_named_and_do_not_stop_it(tmp_path: Path):
    """A syntax error, a NUL, another encoding than declared, an unknown one, a broken link."""
    tree = tmp_path / "tree"
    (tree / "folder.py").mkdir(parents=True)
    (tree / "good.py").write_text("x = 1\n")
    (tree / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n")
    (tree / "bad.py").write_text("def f(:\n")
    (tree / "nul.py").write_bytes(b"x = 1\0\n")
    (tree / "deep.py").write_text("-" * 200_000 + "1\n")
    (tree / "wrong.py").write_bytes(b"x = '\xe9'\n")
    (tree / "unknown.py").write_bytes(b"# -*- coding: klingon -*-\n")
    (tree / "broken.py").symlink_to(tree / "nowhere.py")
    ran = run_example(NAME, "--check", str(tree), store=tmp_path)
    unreadable = [line.split(":")[0] for line in ran.out.splitlines() if line.startswith("  ")]

    assert (ran.code, ran.complaints) == (0, []), ran.err
    assert ran.out.startswith("7 files, 3 lines, 0 functions; 5 files can't be read\n")
    names = ("bad.py", "deep.py", "nul.py", "unknown.py", "wrong.py")
    assert unreadable == [f"  {name}" for name in names]
    assert SAME in ran.out
    assert replay_elsewhere(ran)["divergences"] == []


def test_one_file_and_a_file_named_twice_are_counted_once(tmp_path: Path):
    """A path may be a file, whatever its name, and paths may overlap."""
    script = tmp_path / "script"
    script.write_text('"""A script."""\n')
    ran = run_example(NAME, "--check", str(script), str(tmp_path), str(script), store=tmp_path)

    assert ran.out.startswith("1 files, 1 lines, 0 functions; 0 files"), ran.err
    assert SAME in ran.out


@pytest.mark.parametrize("exists", [True, False])
def test_without_anything_to_audit_it_says_so_and_exits_as_used_wrongly(
    *, exists: bool, tmp_path: Path
):
    """A folder without Python files, and one that is not there."""
    folder = tmp_path / "folder"
    if exists:
        folder.mkdir()
    ran = run_example(NAME, str(folder), store=tmp_path / "audit")

    assert (ran.code, ran.out) == (2, "")
    assert str(folder) in ran.complaints[-1]
    assert ("no Python file" if exists else "no file or folder") in ran.complaints[-1]


def test_a_difference_is_told_and_exits_with_1(tmp_path: Path):
    """Plain code that counts otherwise: the check would be worthless if it could not fail."""
    program = """
        import sys
        import source_audit as audit
        count = audit.count_again
        audit.count_again = lambda paths: count(paths).model_copy(update={"totals": audit.Totals()})
        sys.argv = ["source_audit.py", "--check", sys.argv[1]]
        sys.exit(audit.run())
    """
    (tmp_path / "one.py").write_text("x = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PYTHONPATH": f"{EXAMPLES}:{EXAMPLES.parent}", "AGENTMESH_LOCAL": "1"},
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "plain code counts otherwise" in done.stdout
    assert "0 files, 0 lines" in done.stderr


# --- the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize("works", [True, False])
def test_a_model_is_asked_for_a_summary_if_one_is_configured(*, works: bool, tmp_path: Path):
    """It is told the numbers; if it fails, the numbers are printed all the same."""
    (tmp_path / "one.py").write_text("x = 1\n")
    answer = "Write docstrings." if works else ServerError(status=400)
    with ModelServer(rules=[Rule(answer=answer)]) as server:
        model = {"OPENAI_BASE_URL": server.base_url, "OPENAI_MODEL": "sim-small"}
        ran = run_example(NAME, "--check", str(tmp_path), store=tmp_path / "audit", **model)
        asked = json.dumps([request.body for request in server.requests])

    assert ran.code == 0, ran.err
    assert ran.out.startswith("1 files, 1 lines")
    assert "undocumented" in asked
    assert ("Write docstrings." if works else "No summary: ") in ran.out
    assert replay_elsewhere(ran)["divergences"] == []


# --- what is measured -----------------------------------------------------------------------------


def test_length_depth_and_complexity_are_counted_by_hand_alike():
    """One function above each limit, and the sizes a person finds."""
    lines = ['"""A module."""', "def _f(a, b):"]
    lines += ["    x = 1"] * 49
    lines += ["    if a and b or x:", "        return [c for c in a if c]", "    return b"]

    assert findings("\n".join(lines)) == {"long": [(53, "f.py:2")]}
    assert findings(
        '''
        """A module."""
        def _deep(a):
            if a:
                pass
            elif not a:
                for b in a:
                    while b:
                        with b:
                            try:
                                b()
                            except ValueError:
                                if b: pass
        '''
    ) == {"deep": [(6, "f.py:3")]}


def test_an_elif_is_not_nested_in_its_if():
    """Eleven branches side by side are complex and not deep; an inner function adds its own."""
    source = '"""A module."""\ndef _f(a):\n    if a == 0: pass\n'
    source += "".join(f"    elif a == {n}: pass\n" for n in range(1, 11))
    source += "    def g():\n        return a if a else 1\n"

    assert findings(source) == {"complex": [(13, "f.py:2")]}


def test_what_is_always_objected_to_is_found_where_it_stands():
    """Defaults that are shared, handlers that catch everything, public things without a word."""
    assert findings(
        """
        def f(a=[], *, b={}):
            try:
                pass
            except:
                pass
        class _Private:
            '''Says something.'''
            def method(self): ...
        class Public:
            def method(self):
                def inner(): ...
        """
    ) == {
        "mutable default": [(1, "f.py:2"), (1, "f.py:2")],
        "bare except": [(1, "f.py:5")],
        "undocumented": [(1, f"f.py:{line}") for line in (1, 2, 10, 11)],
    }


def test_an_empty_file_is_nothing_to_object_to():
    """`__init__.py` is often empty."""
    assert findings("") == {}


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("long", 51, "minor"),
        ("long", 75, "major"),
        ("long", 150, "critical"),
        ("bare except", 1, "major"),
        ("undocumented", 1, "minor"),
    ],
)
def test_grades_follow_how_far_a_size_is_above_its_limit(kind: str, size: int, expected: str):
    """From one and a half times the limit on it is major, from three times critical."""
    assert grade(Finding(kind=kind, size=size, place="f.py:1")) == expected
