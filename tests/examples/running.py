"""Runs examples as a reader would: the file, in a process, without Ray unless asked for."""

import ast
import doctest
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
OTHER_HASH_SEED = "4242"
SECONDS = 110.0
"""Frameworks take seconds to import on a busy machine; pytest's own limit is above."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What an example's process said, and where its runs are."""

    code: int
    out: str
    err: str
    store: Path

    @property
    def complaints(self) -> list[str]:
        """Lines on stderr that do not only tell where the run is."""
        return [line for line in self.err.splitlines() if not line.startswith("agentmesh: run ")]


def run_file(file: Path, *arguments: str, store: Path, **environment: str) -> Ran:
    """Run a Python file in a process of its own, with an empty folder around it."""
    store.mkdir(exist_ok=True, parents=True)
    set_by_default = {"AGENTMESH_LOCAL": "1", "AGENTMESH_STORE": str(store / "runs")}
    done = _process([str(file), *arguments], store, set_by_default | environment)
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr, store=store / "runs")


def run_example(name: str, *arguments: str, store: Path, **environment: str) -> Ran:
    """Run an example in a process of its own."""
    return run_file(EXAMPLES / name, *arguments, store=store, **environment)


def replay_elsewhere(ran: Ran, run: str = "latest") -> dict[str, Any]:
    """Replay in a process with another hash seed, without the model, key and Ray."""
    command = ["-m", "agentmesh", "replay", run, "--json", "--hash-seed", OTHER_HASH_SEED]
    # With the seed that it would otherwise start once more for.
    environment = {"AGENTMESH_STORE": str(ran.store), "PYTHONHASHSEED": OTHER_HASH_SEED}
    done = _process(command, ran.store, environment)
    assert done.returncode in (0, 3), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["hash_seed"] == OTHER_HASH_SEED
    return found


def expected_output(name: str) -> str:
    """Return the end of an example's docstring: the output to expect."""
    docstring = ast.get_docstring(ast.parse((EXAMPLES / name).read_text())) or ""
    heading, _, output = docstring.rpartition("\n\n    ")
    assert re.search(r"^Expected output[^\n]*(\n[^\n]+)*:\Z", heading, re.MULTILINE), name
    return textwrap.dedent(f"    {output}") + "\n"


def assert_as_expected(name: str, out: str) -> None:
    """Compare output with an example's docstring, in which `...` stands for anything."""
    wanted = expected_output(name)
    options = doctest.ELLIPSIS
    example = doctest.Example(source="", want=wanted)
    checker = doctest.OutputChecker()
    differs = checker.output_difference(example, out, options)
    assert checker.check_output(wanted, out, options), differs


def _process(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
