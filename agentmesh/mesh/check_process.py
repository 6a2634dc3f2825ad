"""One process that checks runs of one program, and whoever waits for its answers.

A request and an answer are a line of JSON each. Every wait has a deadline; a process that
dies or hangs is replaced, and the run that it was at is told to be unchecked.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from agentmesh.mesh import check_worker

Take = Callable[[str, dict[str, Any]], None]
"""Takes the answer for a run: the fields of `checking.Checked`."""

_WORKER = f"from {check_worker.__name__} import main; main()"
_CHUNK = 1 << 16
_END_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to be checked."""

    name: str
    """Its id or path."""
    store: str
    program: str = ""
    """The program's file; empty for the recorded one."""
    agents: tuple[str, ...] = ()


class Checker:
    """Checks runs one by one.

    Args:
        seed: The hash seed they were recorded under; empty if it is unknown.
        jobs: The runs.
        deadline_seconds: How long one may take.
        take: Called with each answer.
    """

    def __init__(self, seed: str, jobs: list[Job], deadline_seconds: float, take: Take) -> None:
        self._seed = seed
        self._jobs = jobs
        self._deadline_seconds = deadline_seconds
        self._take = take
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def run(self) -> None:
        """Check all of them; ends the process it has started."""
        try:
            for job in self._jobs:
                self._take(job.name, self._ask(job))
        finally:
            self._end()

    def _ask(self, job: Job) -> dict[str, Any]:
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
            process.stdin.flush()
            line = self._line(process)
        except BrokenPipeError:
            line = b""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        late = process.poll() is None
        self._end()
        why = (
            f"its replay took more than {self._deadline_seconds:g} s"
            if late
            else f"the process that replayed it died with code {process.returncode}"
        )
        return {"run": job.name, "status": "unchecked", "why": why, "report": f"{why}."}

    def _line(self, process: "subprocess.Popen[bytes]") -> bytes:
        """Read an answer; empty if the process has died or takes too long."""
        assert process.stdout is not None
        end = time.monotonic() + self._deadline_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, end - time.monotonic())):
                    return b""
                data = os.read(process.stdout.fileno(), _CHUNK)
                if not data:
                    process.wait(_END_SECONDS)
                    return b""
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = dict(os.environ)
        if self._seed:
            environment["PYTHONHASHSEED"] = self._seed
        self._rest = b""
        return subprocess.Popen(  # noqa: S603 - this Python, no shell
            [sys.executable, "-P", "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()  # it holds nothing that must be written
        process.wait(_END_SECONDS)
        process.stdin.close()
        process.stdout.close()
