"""A run that is exported while it goes on: by a process of its own, which takes what time is left.

The process reads the journal's files, at the lowest priority there is, and the run knows nothing of
it. It ends when everything is sent, or when nobody has answered for a while after the run's end;
the cursor says how far it got, and `agentmesh export otlp RUN` goes on from there.

Standard input tells it that the run has ended: whoever drives the run closes it, also by dying.
On standard output it tells, as lines of JSON, that an endpoint does not answer, what metrics
have changed, and that it is done. Nobody waits for that when a run ends, but when this process
ends: then a moment, for what is still on its way.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from agentmesh.errors import AgentMeshError, TelemetryError
from agentmesh.journal.store import Store
from agentmesh.telemetry import settings
from agentmesh.telemetry.instruments import Change

PRIORITY = "AGENTMESH_TELEMETRY_PRIORITY"
"""Environment variable: `normal` to export at once, whatever that takes from the run."""
END_SECONDS = 5.0
"""How long a process that ends waits for the last spans; they are sent without it, too."""
_NICE = 19
_RESTS = 3.0
"""It works a quarter of the time while the run goes on: memory and caches have no priorities."""
_MODULE = "agentmesh.telemetry.beside"

OnChanges = Callable[[list[Change]], object]


class Beside:
    """Exports a run until the `with` statement ends, and what is left then.

    Does nothing where nobody wants it: no endpoint is set, and nobody asks for changes.

    Args:
        store: Location of the run's store.
        run: The run's id.
        on_changes: Told what metrics have changed, on a thread of its own.
        environ: What the process is given beside this one's environment.
        say: Told, in words, what the user should know.
    """

    def __init__(
        self,
        store: str,
        run: str,
        *,
        on_changes: OnChanges | None = None,
        environ: Mapping[str, str] | None = None,
        say: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self._store = store
        self._run = run
        self._on_changes = on_changes
        self._environ = {**os.environ, **(environ or {})}
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._settled = threading.Event()
        self._trouble = ""
        self._done = self._finished = False
        self.end_seconds = END_SECONDS
        """How long somebody who is told of changes waits for the last of them."""

    def __enter__(self) -> Self:
        """Start the process, if it has anything to do."""
        try:
            wanted = settings.read(self._environ)
        except AgentMeshError as error:
            self._say(f"agentmesh: the run is not exported: {error}")
            return self
        if wanted.any or self._on_changes is not None:
            self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say that the run has ended."""
        self.finish()

    def finish(self) -> None:
        """Let the process send what is left; does nothing the second time.

        Whoever wants to know of changes is told all of them before this returns.
        """
        process = self._process
        if process is None or self._finished:
            return
        self._finished = True
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        if self._on_changes is not None:
            self.wait(self.end_seconds)
        else:
            atexit.register(self.wait, END_SECONDS)

    def wait(self, seconds: float) -> bool:
        """Wait until all is sent, or is known to take longer; return whether all is sent.

        Args:
            seconds: How long at most.
        """
        process, self._process = self._process, None
        if process is None:
            return self._done
        self._settled.wait(seconds)
        if self._done:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        elif self._trouble:
            self._say(
                f"agentmesh: telemetry: {self._trouble}; nothing is lost: "
                f"agentmesh export otlp {self._run}"
            )
        atexit.unregister(self.wait)
        return self._done

    def _start(self) -> None:
        changes = ["--changes"] if self._on_changes is not None else []
        process = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
            [sys.executable, "-P", "-m", _MODULE, self._store, self._run, *changes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**self._environ, "PYTHONPATH": _import_path(self._environ)},
            start_new_session=True,  # Ctrl-C is for the run; this ends after it
        )
        self._process = process
        self._reader = threading.Thread(
            target=self._listen, args=(process.stdout,), name="agentmesh-telemetry", daemon=True
        )
        self._reader.start()

    def _listen(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                said = json.loads(line)
                if "changes" in said and self._on_changes is not None:
                    self._on_changes(msgspec.convert(said["changes"], list[Change]))
                self._trouble = said.get("trouble", self._trouble)
                self._done = said.get("done", self._done)
                if self._trouble:
                    self._settled.set()
                elif not self._done:
                    self._settled.clear()
        self._settled.set()


# --- the process ----------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Export a run until it has ended: what the process does."""
    store, run_id, *flags = arguments
    over = threading.Event()
    threading.Thread(target=_await_end, args=(over,), daemon=True).start()
    # Here, because every run imports this module and few are exported.
    from agentmesh.telemetry.exporting import Export, Surroundings

    around = Surroundings(
        goes_on=lambda: not over.is_set(),
        wait=lambda seconds: time.sleep(seconds) if over.is_set() else over.wait(seconds),
        on_trouble=lambda why: _tell(trouble=why),
        on_changes=(lambda changes: _tell(changes=changes)) if "--changes" in flags else None,
    )
    if os.environ.get(PRIORITY) != "normal":
        around.rests = _RESTS
        _step_back()
    try:
        with Store(store).open_run(run_id) as run:
            Export(run.files, run.path, run.info, settings.read(), around).run()
    except TelemetryError as error:
        _tell(trouble=error.what)
        return 1
    except AgentMeshError as error:  # of the journal: whoever opens the run is told the same
        _tell(trouble=str(error))
        return 1
    _tell(done=True)
    return 0


def _await_end(over: threading.Event) -> None:
    sys.stdin.buffer.read()
    over.set()


def _step_back() -> None:
    """Take only the time that nobody else wants."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _tell(**said: Any) -> None:
    # Whoever drove the run may be gone.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stdout.buffer.flush()


def _import_path(environ: Mapping[str, str]) -> str:
    """Return where another process finds this agentmesh first."""
    root = str(Path(__file__).parents[2])
    return os.pathsep.join([root, *filter(None, [environ.get("PYTHONPATH")])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
