"""Drivers in processes of their own, which can be given a bad environment, and be killed."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import psutil

from tests.chaos.drive import Drive
from tests.chaos.runs import Chaos

ROOT = Path(__file__).parents[2]
SECONDS = 600.0


class Subprocess:
    """A module in a process of its own; a context manager, so that it ends in any case.

    Args:
        module: Its name.
        arguments: What it is told.
        environment: Variables besides those of this process.
    """

    def __init__(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        """Let it work."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it with all its children, if it has not ended."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.kill()

    def result(self) -> bytes:
        """Wait for its end, and return the workflow's result as JSON."""
        output, errors = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, errors.decode()[-6_000:]
        return output.splitlines()[-1]

    def kill(self) -> None:
        """End it as the machine's out-of-memory killer would."""
        self.process.kill()
        self.process.communicate(timeout=SECONDS)


class Driver(Subprocess):
    """A process that drives a run.

    Args:
        run: The run.
        environment: Variables besides those of this process.
        chosen: What else it is told.
    """

    def __init__(
        self, run: Chaos, environment: Mapping[str, str] | None = None, **chosen: Any
    ) -> None:
        size = run.program.size
        name = run.program.workflow.__name__
        told = Drive(
            store=str(run.store), name=name, n=size.n, width=size.width, place=size.place, **chosen
        )
        said = msgspec.json.encode(told).decode()
        super().__init__("tests.chaos.drive", said, environment=environment)
