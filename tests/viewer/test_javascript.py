"""The viewer's modules: their types fit, their pure parts do what they say, and they stay small."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.viewer.npm import HERE, node_modules, tool

ROOT = HERE.parents[1]
STATIC = ROOT / "agentmesh/viewer/static"
WEIGHT_MAX = 400_000
"""Bytes of all that the browser loads, uncompressed, to show a view."""
LINES_MAX = 400
ONLY_TYPES = "\nexport {};"
DEADLINE_SECONDS = 100

FORBIDDEN = {
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|DOMParser)\b": "makes text of a run HTML",
    r"\bdocument\.write": "makes text of a run HTML",
    r"\beval\(|new Function\(": "runs text as a program",
    r"https?://(?!www\.w3\.org/2000/svg)": "names something on the network",
    r"""setAttribute\(\s*["']style["']|\{ style:|\sstyle=""": "is refused by the page's policy",
}


@pytest.fixture(scope="module")
def packages() -> Path:
    """TypeScript and axe-core; installed once."""
    return node_modules()


def test_types_fit(packages: Path) -> None:
    """Every module is checked as strict TypeScript, by its comments."""
    compiler = packages / ".bin/tsc"
    done = run([str(compiler), "--project", str(HERE / "tsconfig.json"), "--pretty", "false"])

    assert done.returncode == 0, done.stdout + done.stderr


def test_pure_modules_do_what_they_say() -> None:
    """What needs no page is tested without one, by Node's own runner."""
    tests = sorted((HERE / "js").glob("*.test.js"))
    # One process for all: to start Node takes longer than most of them.
    program = "".join(f"await import({json.dumps(each.as_uri())});" for each in tests)
    done = run([tool("node"), "--input-type=module", "--eval", program])

    assert tests
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\bfail 0\b", done.stdout), done.stdout


def test_a_type_error_is_found(packages: Path, tmp_path: Path) -> None:
    """A check that finds nothing here would find nothing anywhere."""
    (tmp_path / "wrong.js").write_text('/** @type {number} */\nexport const n = "one";\n')
    (tmp_path / "tsconfig.json").write_text(
        f'{{"extends": "{HERE / "tsconfig.json"}", "include": ["*.js"]}}'
    )
    done = run([str(packages / ".bin/tsc"), "--project", str(tmp_path), "--pretty", "false"])

    assert "TS2322" in done.stdout


def test_logic_knows_no_page() -> None:
    """Modules of `logic/` run in Node and in workers: they name neither document nor window."""
    named = re.compile(r"\b(?:document|window|localStorage|HTMLElement|fetch)\b(?!\")")
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in (STATIC / "logic").glob("*.js")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if named.search(line) and not line.strip().startswith(("*", "//", "/*"))
    ]

    assert found == []


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_module_does_what_the_page_must_not(pattern: str) -> None:
    """Text of runs is hostile, and the page works offline under a strict policy."""
    found = [
        f"{path.relative_to(STATIC)}:{number}: {line.strip()} {FORBIDDEN[pattern]}"
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in {".js", ".html", ".css"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]

    assert found == []


def test_files_are_short() -> None:
    """Somebody reads them."""
    long = {
        path.relative_to(STATIC).as_posix(): lines
        for path in STATIC.rglob("*")
        if path.is_file()
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX
    }

    assert long == {}


def test_no_view_weighs_much() -> None:
    """What the browser loads to show a view: page, styles, and modules that import each other."""
    first = [STATIC / "index.html", *(STATIC / "css").glob("*.css")]
    shell = imported(STATIC / "app.js", follow_later=False)
    views = sorted((STATIC / "views").glob("*.js"))
    weights = {
        view.name: sum(path.stat().st_size for path in {*first, *shell, *imported(view)})
        for view in views
    }

    assert len(weights) >= 8
    assert {name: weight for name, weight in weights.items() if weight > WEIGHT_MAX} == {}


def test_no_module_is_orphaned() -> None:
    """Each module is loaded by the page, at once or with a view, or has only types."""
    reached = imported(STATIC / "app.js")
    others = [path for path in STATIC.rglob("*.js") if path not in reached]

    assert [path for path in others if ONLY_TYPES not in path.read_text(encoding="utf-8")] == []


def test_every_stylesheet_and_script_of_the_page_is_there() -> None:
    """A file that was moved or removed leaves the page with it."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="/static/([^"]+)"', page)

    assert [each for each in named if not (STATIC / each).is_file()] == []
    assert {f"css/{path.name}" for path in (STATIC / "css").glob("*.css")} <= set(named)


IMPORT = re.compile(
    r"""(?:^(?:import|export)\b[^;"']*?|^import\s*)["'](\.[^"']+)["']""", re.MULTILINE
)
LATER = re.compile(r"""import\(["'](\.[^"']+)["']\)(?!\.)""")


def imported(module: Path, *, follow_later: bool = True) -> set[Path]:
    """Return a module and all modules that it imports; with those that it loads when needed."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        text = path.read_text(encoding="utf-8")
        names = IMPORT.findall(text) + (LATER.findall(text) if follow_later else [])
        waiting += [(path.parent / name).resolve() for name in names]
    return found


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
