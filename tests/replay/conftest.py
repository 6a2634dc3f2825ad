"""A replaying process with another hash seed, kept for all tests of a session."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fabric.conftest import local_ray

__all__ = ["local_ray"]  # the one that the tests of the fabric use


class OtherProcess:
    """Replays runs in a process whose hash seed differs from this one's."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": "4242"}
        environment.pop("OPENAI_API_KEY", None)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "replaying_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def replay(self, store: str | Path, run_id: str) -> dict[str, Any]:
        """Replay one run there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{store} {run_id}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def other_process() -> Iterator[OtherProcess]:
    """A process with another hash seed that replays runs."""
    process = OtherProcess()
    yield process
    process.close()
