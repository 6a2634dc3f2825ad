"""The command as people meet it: another process, its streams and its exit code."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
SHOP = PROGRAMS / "shop.py"

HASH_SEED = str(random.SystemRandom().randrange(2**32))
"""Another one in each run of the tests."""
UNSEEDED = {"PYTHONHASHSEED": ""}
"""An environment that leaves the hash seed to the command, as most people's does."""

# Long enough for a machine that does much else, short enough to end a test that hangs.
TIMEOUT_SECONDS = 90.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What standard output says, which must be one JSON value and nothing else."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Return an environment without what a developer's shell may have set."""
    own = ("OPENAI_", "AGENTMESH_", "OTEL_", "RAY_", "COVERAGE_", "PYTEST_")
    also = ("PYTHONHASHSEED", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(own) and k not in also}
    return {**kept, "TERM": "xterm-256color", "RAY_USAGE_STATS_ENABLED": "0", **more}


def console_script() -> str:
    """Return the command as it is installed beside this Python."""
    script = Path(sys.executable).with_name("agentmesh")
    assert script.exists(), "install the package first: pip install -e ."
    return str(script)


def command(
    *words: str | Path,
    cwd: Path,
    given: str | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = TIMEOUT_SECONDS,
) -> Done:
    """Run `agentmesh` with these words and wait for its end.

    It has a hash seed, which spares most commands to start themselves again under one.
    """
    done = subprocess.run(
        [console_script(), *map(str, words)],
        cwd=cwd,
        env=environment(**{"PYTHONHASHSEED": HASH_SEED, **(env or {})}),
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(*words: str | Path, cwd: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `agentmesh` in the background; killed at the end, if it still runs."""
    process = subprocess.Popen(
        [console_script(), *map(str, words)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_SECONDS)


def line_with(stream: Any, text: str) -> str:
    """Read lines until one has this text; the test's own timeout bounds the wait."""
    for line in stream:
        if text in line:
            return str(line)
    message = f"the stream ended before {text!r} was said"
    raise AssertionError(message)
