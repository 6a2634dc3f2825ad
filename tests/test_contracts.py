"""The rules in `pyproject.toml` object when they should: layers, vendors, clocks.

A contract that names a package wrongly is kept for ever. So each is shown a small
package with one violation in it, and must be the one that breaks.
"""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.source import ROOT

LAYERS = "Imports run strictly downward"
SANS_IO = "The kernel does no I/O and reads no clock"
RAY = "Only the fabric knows Ray"
OPENTELEMETRY = "Only telemetry knows OpenTelemetry"
CYCLES = "No cycles among siblings, anywhere"

ORDER = (
    ("cli",),
    ("viewer", "testing"),
    ("mesh",),
    ("insights",),
    ("counterfactual", "telemetry"),
    ("fabric", "replay", "simulation"),
    ("host",),
    ("effects",),
    ("causality", "sdk"),
    ("journal", "ambient", "linting"),
    ("kernel",),
    ("errors",),
)
"""The layers, from the top; those in one row do not know each other."""

UPWARD = [
    (f"agentmesh.{below}", f"import agentmesh.{above}")
    for upper, lower in itertools.pairwise(ORDER)
    for above, below in itertools.product(upper, lower)
]
SIDEWAYS = [
    (f"agentmesh.{one}", f"def f():\n    import agentmesh.{other}")
    for row in ORDER
    for one, other in itertools.permutations(row, 2)
]
VIOLATIONS = {
    LAYERS: [
        *UPWARD,
        *SIDEWAYS,
        ("agentmesh.errors", "import agentmesh.cli.deep"),
        (
            "agentmesh.kernel",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import agentmesh.sdk",
        ),
    ],
    SANS_IO: [
        *(("agentmesh.kernel", f"import {name}") for name in ("os.path", "time", "uuid", "io")),
        *(("agentmesh.kernel", f"import {name}") for name in ("threading", "subprocess", "socket")),
        *(("agentmesh.kernel", f"import {name}") for name in ("pathlib", "tempfile", "logging")),
        ("agentmesh.kernel", "from concurrent.futures import ThreadPoolExecutor"),
        ("agentmesh.kernel.deep", "def f():\n    from datetime import datetime"),
    ],
    RAY: [
        ("agentmesh.host", "import ray"),
        ("agentmesh.kernel", "def f():\n    from ray.util import queue"),
        ("agentmesh.telemetry.deep", "import ray.actor"),
    ],
    OPENTELEMETRY: [
        ("agentmesh.fabric", "from opentelemetry import trace"),
        ("agentmesh.ambient.deep", "import opentelemetry.sdk"),
    ],
}
"""For each contract: in which package a module is planted, and what it says."""

SOUND = [
    ("agentmesh.fabric", "import ray"),
    ("agentmesh.fabric.deep", "import ray.util"),
    ("agentmesh.telemetry", "import opentelemetry.trace"),
    ("agentmesh.kernel", "import asyncio, contextvars, heapq, hashlib, msgspec, random"),
    ("agentmesh.cli", "import agentmesh.errors, agentmesh.fabric, agentmesh.viewer"),
    ("agentmesh.journal", "import time"),
]

BANNED = [
    "import time",
    "from time import monotonic",
    "import random\nX = random.random()",
    "from random import SystemRandom",
    "import uuid\nX = uuid.uuid4()",
    "import secrets",
    "import datetime\nX = datetime.datetime.now()",
    "from datetime import date\nX = date.today()",
    "import os\nX = os.environ",
    "import os\nX = os.getenv('X')",
    "from os import urandom",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Lay out an agentmesh of empty packages, one for every layer, under the real rules."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "agentmesh").mkdir()
    (tmp_path / "agentmesh" / "__init__.py").touch()
    for name in itertools.chain(*ORDER):
        for folder in (tmp_path / "agentmesh" / name, tmp_path / "agentmesh" / name / "deep"):
            folder.mkdir()
            (folder / "__init__.py").touch()
    return tmp_path


def plant(project: Path, modules: list[tuple[str, str]]) -> list[str]:
    """Write each text as a module of its own, and return the modules' names."""
    names = [f"{package}.planted_{number}" for number, (package, _) in enumerate(modules)]
    for name, (_, text) in zip(names, modules, strict=True):
        path = project / (name.replace(".", "/") + ".py")
        path.write_text(text, encoding="utf-8")
    return names


def lint_imports(project: Path) -> str:
    """Run import-linter as a developer does, and return what it prints."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_each_contract_reports_every_violation(project: Path, contract: str) -> None:
    """Each planted module stands on the left of an arrow in the report."""
    names = plant(project, VIOLATIONS[contract])
    report = lint_imports(project)

    assert f"{contract} BROKEN" in report
    assert [name for name in names if f"{name} -> " not in report] == []


def test_a_cycle_within_a_layer_is_reported(project: Path) -> None:
    """Layers say nothing about what happens inside one."""
    (one, other) = plant(project, [("agentmesh.cli", ""), ("agentmesh.cli.deep", "")])
    for here, there in ((one, other), (other, one)):
        path = project / (here.replace(".", "/") + ".py")
        path.write_text(f"import {there}", encoding="utf-8")
    report = lint_imports(project)

    assert f"{CYCLES} BROKEN" in report
    assert ".planted_0 -> .deep (1 import)" in report


def test_what_is_allowed_breaks_nothing(project: Path) -> None:
    """Each vendor behind its own door, imports downward, a clock in the journal."""
    plant(project, SOUND)

    assert "0 broken" in lint_imports(project)


def test_a_new_package_must_be_placed_before_it_may_exist(project: Path) -> None:
    """Otherwise a package outside the layers would be bound by none of them."""
    (project / "agentmesh" / "newcomer.py").touch()
    report = lint_imports(project)

    assert f"{LAYERS} BROKEN" in report
    assert "newcomer" in report


@pytest.mark.parametrize("package", ["kernel", "replay", "causality", "sdk", "sdk/deep"])
def test_deterministic_packages_may_not_ask_the_world(package: str) -> None:
    """Ruff names what to use instead."""
    assert [text for text in BANNED if "TID251" not in ruff(f"{package}/x.py", text)] == []


def test_deterministic_packages_may_name_what_they_wrap() -> None:
    """A seeded generator is a `Random`, an id from it a `UUID`."""
    text = "from random import Random\nfrom uuid import UUID"

    assert "TID251" not in ruff("sdk/x.py", text)


@pytest.mark.parametrize("package", ["journal", "host", "fabric", "cli"])
def test_other_packages_may_ask_the_world(package: str) -> None:
    """They are where the world comes in."""
    assert [text for text in BANNED if "TID251" in ruff(f"{package}/x.py", text)] == []


def test_relative_imports_are_refused() -> None:
    """A name is imported from where it is defined, in full."""
    assert "TID252" in ruff("cli/x.py", "from . import app")


def ruff(path: str, text: str) -> str:
    """Check a text as if it stood in agentmesh under that path."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    done = subprocess.run(
        [*command, f"--stdin-filename=agentmesh/{path}", "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout
