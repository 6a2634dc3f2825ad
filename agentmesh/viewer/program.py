"""The process that runs a run's program, and whoever waits for its answers.

What a program does is not ours to trust: it may hang, print, end its process or need another hash
seed. So it lives in a process of its own, one for each run, which stays warm from one question to
the next. Every wait has a deadline; a process that dies or takes too long is ended, and the next
question begins a new one. A question and an answer are a line of JSON each.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from agentmesh.viewer import program_worker
from agentmesh.viewer.answers import Refusal

SECONDS = 30.0
"""How long an answer may take unless more is asked for."""
SECONDS_MAX = 600.0
PROCESSES_MAX = 3
"""Programs that are kept warm; who was not asked for longest is ended."""

_WORKER = f"from {program_worker.__name__} import main; main()"
_CHUNK = 1 << 18
_END_SECONDS = 10.0


class Programs:
    """The processes of all runs.

    Args:
        store: Where runs are kept.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._kept: dict[str, Program] = {}
        self._lock = threading.Lock()

    def ask(
        self,
        run: str,
        path: str,
        hash_seed: str | None,
        question: Mapping[str, Any],
        seconds: float,
    ) -> dict[str, Any]:
        """Ask the program of a run.

        Args:
            run: The run's id.
            path: What it is opened by.
            hash_seed: The one it was recorded under.
            question: What `program_worker` understands.
            seconds: How long it may take.

        Raises:
            Refusal: The answer is an error, or takes too long; the program has died, or is busy.
        """
        with self._lock:
            program = self._kept.pop(run, None) or Program(self._store, path, hash_seed)
            self._kept[run] = program
            old = [self._kept.pop(each) for each in list(self._kept)[:-PROCESSES_MAX]]
        for one in old:
            one.end()
        return program.ask(question, min(seconds, SECONDS_MAX))

    def end(self) -> None:
        """End all processes."""
        with self._lock:
            every, self._kept = list(self._kept.values()), {}
        for one in every:
            one.end()


class Program:
    """One process.

    Args:
        store: Where runs are kept.
        path: What the run is opened by.
        hash_seed: The hash seed that it was recorded under; None if it is unknown.
    """

    def __init__(self, store: str, path: str, hash_seed: str | None) -> None:
        self._store = store
        self._path = path
        self._hash_seed = hash_seed
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._busy = threading.Lock()

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer to a question; errors are those of `Programs.ask`."""
        end = time.monotonic() + seconds
        if not self._busy.acquire(timeout=seconds):
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "BusyError",
                "The program of this run is still at an earlier question.",
                fix="Ask again in a while.",
            )
        try:
            line = self._answer(question, end)
        finally:
            self._busy.release()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            said = answer["error"]
            status = HTTPStatus(said["status"])
            raise Refusal(status, said["type"], said["what"], cause=said["cause"], fix=said["fix"])
        return answer

    def end(self) -> None:
        """End the process; whoever waits for it is told that it died."""
        process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
        with self._busy:
            self._drop()

    def _answer(self, question: Mapping[str, Any], end: float) -> bytes:
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = self._line(process, end)
        except BrokenPipeError:
            line = b""
        if line:
            return line
        late = process.poll() is None
        code = process.returncode
        self._drop()
        if late:
            raise Refusal(
                HTTPStatus.GATEWAY_TIMEOUT,
                "DeadlineError",
                "The program took too long, and was ended.",
                cause="Usually many events have to be replayed, or a handler never ends.",
                fix="Ask with more time, or about an earlier event.",
            )
        raise Refusal(
            HTTPStatus.CONFLICT,
            "ProgramError",
            f"The process that runs the program died with code {code}.",
            cause="Usually it ran out of memory, or the program ends Python.",
            fix="Look at what it printed where the viewer was started.",
        )

    def _line(self, process: "subprocess.Popen[bytes]", end: float) -> bytes:
        """Read an answer; empty if the process has died or takes too long."""
        assert process.stdout is not None
        parts = [self._rest]
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in parts[-1]:
                if not selector.select(max(0.0, end - time.monotonic())):
                    return b""
                data = os.read(process.stdout.fileno(), _CHUNK)
                if not data:
                    process.wait(_END_SECONDS)
                    return b""
                parts.append(data)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = dict(os.environ)
        if self._hash_seed is not None:
            environment["PYTHONHASHSEED"] = self._hash_seed
        self._rest = b""
        return subprocess.Popen(  # noqa: S603 - this Python, no shell
            [sys.executable, "-P", "-c", _WORKER, self._store, self._path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is the server's to hear
        )

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()  # it holds nothing that must be written
        process.wait(_END_SECONDS)
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
