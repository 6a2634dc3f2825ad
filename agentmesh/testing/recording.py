"""A test's workflow, run for real once and answered from its recording later.

A recording is a packed run (`journal.packing`) beside the test: small, committed, and read by
`agentmesh show` like any other. What is replayed is the world, not the program: the workflow
runs anew, in this process and without Ray, and its effects get recorded answers.
"""

import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from agentmesh.errors import UsageError
from agentmesh.journal.run import Run
from agentmesh.journal.store import Store
from agentmesh.mesh.options import RunOptions
from agentmesh.mesh.runner import execute
from agentmesh.mesh.sharing import export_run
from agentmesh.replay.compare import opened, pointer, value_at
from agentmesh.sdk.message import Message
from agentmesh.testing.answers import Answers, Miss

R = TypeVar("R")
M = TypeVar("M", bound=Message)

FOLDER = "recordings"
_SHOWN_MAX = 120
_MISSES_MAX = 3
_PLACE = ("PYTHONHASHSEED", "TZ")


class Mode(StrEnum):
    """What `--mesh-record` says."""

    NONE = "none"
    """Never record: a test without a recording fails."""
    ONCE = "once"
    """Record what has no recording; what is not in one fails."""
    NEW = "new"
    """Answer what is in the recording, perform and add what is not."""
    ALL = "all"
    """Record everything again."""


class Stale(AssertionError):  # noqa: N818 - pytest shows the name: the recording is stale
    """A recording does not fit the test any more, or is not there; says what to type."""


class Recording:
    """The runs of one test; what the fixture `mesh_recording` gives it.

    Args:
        folder: Where the test's recordings are.
        name: What the first is called, without its suffix; others are numbered.
        mode: What may be recorded.
        command: What records the test again, less the mode.
    """

    def __init__(self, folder: Path, name: str, mode: Mode, command: str) -> None:
        self._folder = folder
        self._name = name
        self._mode = mode
        self._command = command
        self._count = 0
        self.path = folder / f"{name}.mesh"
        """The recording of the latest run."""

    def run(
        self,
        workflow: Callable[[M], Awaitable[R]] | Callable[[], Awaitable[R]],
        message: M | None = None,
        /,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> R:
        """Run a workflow and return its result, as `am.run` would; effects may be recorded.

        Args:
            workflow: A function decorated with `@am.workflow`.
            message: Its input.
            settings: Settings for effects, such as `OPENAI_MODEL`; a recording keeps its own.

        Raises:
            Stale: There is no recording, or it lacks an answer, and nothing may be recorded.
            RemoteError: The workflow raised; also an instance of the builtin it raised.
        """
        __tracebackhide__ = True  # a failure shows the test's own line
        self._count += 1
        number = f"-{self._count}" if self._count > 1 else ""
        self.path = self._folder / f"{self._name}{number}.mesh"
        with tempfile.TemporaryDirectory(prefix="agentmesh-test-") as store:
            if self._mode is Mode.ALL or not self.path.exists():
                return cast("R", self._record(workflow, message, store, dict(settings or {})))
            with Store(store).open_run(str(self.path)) as recorded:
                return cast("R", self._answered(workflow, message, store, recorded))

    def _record(
        self,
        workflow: Callable[..., object],
        message: Message | None,
        store: str,
        settings: dict[str, str],
    ) -> object:
        __tracebackhide__ = True
        if self._mode is Mode.NONE:
            raise Stale(
                f"There is no recording {_shown(self.path)}.\n"
                "Nothing may be recorded: --mesh-record=none.\n"
                f"To record it, with real effects: {self._command} --mesh-record=once"
            )
        options = self._options(store, None, settings)
        outcome = execute(workflow, message, options)
        self._keep(store)
        return outcome.unwrap()

    def _answered(
        self, workflow: Callable[..., object], message: Message | None, store: str, recorded: Run
    ) -> object:
        __tracebackhide__ = True
        info = recorded.info
        answers = Answers(recorded, performs=self._mode is Mode.NEW)
        settings = {k: str(v) for k, v in info.settings.items() if k not in _PLACE}
        options = self._options(store, info.seed, settings)
        outcome = execute(workflow, message, options, substitute=answers.substitute)
        if answers.misses:
            raise Stale(self._complaint(answers.misses))
        if answers.performed:
            self._keep(store)
        return outcome.unwrap()

    def _options(self, store: str, seed: str | None, settings: dict[str, str]) -> RunOptions:
        run_id = re.sub(r"[^A-Za-z0-9._-]+", "-", self.path.stem).strip("-.") or "test"
        return RunOptions(
            local=True, store=store, run_id=run_id[:100], seed=seed, settings=settings, quiet=True
        )

    def _keep(self, store: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        export_run(output=self.path, overwrite=True, store=store)

    def _complaint(self, misses: list[Miss]) -> str:
        more = f"\n  and {len(misses) - _MISSES_MAX} more" if len(misses) > _MISSES_MAX else ""
        told = "".join(f"\n  {_told(miss)}" for miss in misses[:_MISSES_MAX])
        return (
            f"The recording {_shown(self.path)} has no answer to what is asked now:{told}{more}\n"
            "Usually the program has changed since it was recorded.\n"
            f"If that is meant, record it again: {self._command} --mesh-record=all\n"
            f"or perform and add only what is missing: {self._command} --mesh-record=new"
        )


def mode_of(text: str) -> Mode:
    """Return a mode by its name.

    Raises:
        UsageError: There is no such mode.
    """
    try:
        return Mode(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no way to record tests.",
            cause="It is what mesh_record in pytest's settings, or --mesh-record, says.",
            fix=f"Use {', '.join(Mode)}.",
        ) from None


def _told(miss: Miss) -> str:
    asked = f"{miss.agent}: {miss.asked.kind} {miss.asked.name}"
    now: Any = opened(miss.asked.request)
    if miss.nearest is None:
        return f"{asked}, of which nothing is left\n    now       {_short(now)}"
    then: Any = opened(miss.nearest.asked.request)
    where = pointer(then, now)
    if not where:
        return f"{asked}\n    now       {_short(now)}"
    return (
        f"{asked}, which differs at {where}\n"
        f"    recorded  {_short(value_at(then, where))}\n"
        f"    now       {_short(value_at(now, where))}"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
