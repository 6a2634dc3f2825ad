"""Recorded handlers under an IDE: debugpy listens, the IDE attaches and sets breakpoints.

Everything before the event that was asked for has happened when the IDE gets to pause, just
before it; from there on the program stops where the IDE has breakpoints. Going on in the IDE
goes on through the later events. Going back is pdb's: an IDE has no such button.

debugpy is an extra (`pip install 'agentmesh[debug]'`) and is imported only here.
"""

import os
import time

from agentmesh.causality.order import EventRef
from agentmesh.cli.debugger import Looks
from agentmesh.cli.terminal import say
from agentmesh.errors import FabricError, UsageError
from agentmesh.journal.comparing import Difference
from agentmesh.journal.records import Step
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.commands import Command
from agentmesh.replay.feeding import feed
from agentmesh.replay.session import Session

_LOOK_SECONDS = 0.05


class IdeWatcher:
    """Lets an IDE stand in the handlers of a session (`session.Watcher`).

    Args:
        looks: What is said about events, and which files are the program's.
    """

    def __init__(self, looks: Looks) -> None:
        self.session: Session
        """What it stands in; set before the session runs."""
        self._looks = looks

    def handle(self, cell: Cell, step: Step, *, stop: bool) -> tuple[list[Command], bool]:
        """Let an event happen; pause just before it, if that is wanted."""
        if stop:
            event = self._looks.event(self.session.place)
            say(f"agentmesh: paused before {event}")
            _pause()
        return feed(cell, step), stop  # paused here: go on to a breakpoint of yours, or step in

    def stops_next(self) -> bool:
        """Tell that after the first stop only breakpoints count."""
        return False

    def on_difference(self, place: EventRef, difference: Difference) -> None:
        """Say that from here on this is not what was recorded."""
        del difference
        say(f"agentmesh: {place} did not do what was recorded; `agentmesh replay` says more.")

    def at_end(self) -> None:
        """Learn that there are no more events."""
        say("agentmesh: the recording ends here.")

    def close(self) -> None:
        """Do nothing: debugpy goes on until the process ends."""


def _pause() -> None:
    import debugpy  # noqa: T100 - a debugger on purpose

    debugpy.breakpoint()  # noqa: T100


def listen(endpoint: str, wait_seconds: float) -> None:
    """Wait until an IDE has attached.

    Args:
        endpoint: `[HOST:]PORT`; 127.0.0.1 unless given, and port 0 for a free one.
        wait_seconds: How long.

    Raises:
        UsageError: debugpy is not installed, the endpoint is none, or nobody came.
        FabricError: Nothing can listen there.
    """
    try:
        import debugpy  # noqa: T100
    except ImportError as error:
        raise UsageError(
            "debugpy is not installed here.",
            cause="It is an extra: only who debugs in an IDE needs it.",
            fix="pip install 'agentmesh[debug]'.",
        ) from error
    host, port = _endpoint(endpoint)
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # it warns of frozen modules
    try:
        host, port = debugpy.listen((host, port))  # noqa: T100
    except (OSError, RuntimeError) as error:
        raise FabricError(
            f"Nothing can listen on {host}:{port}: {error}.", fix="Take another port, or 0."
        ) from error
    say(f"agentmesh: waiting for a debug adapter client on {host}:{port} ({wait_seconds:g} s)")
    deadline = time.monotonic() + wait_seconds
    while not debugpy.is_client_connected():
        if time.monotonic() > deadline:
            raise UsageError(
                f"No IDE attached to {host}:{port} within {wait_seconds:g} s.",
                fix="Attach to that address ('Python: Remote Attach'), or wait longer with --wait.",
            )
        time.sleep(_LOOK_SECONDS)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        raise UsageError(f"{text!r} is no address to listen on.", fix="Write PORT or HOST:PORT.")
    return host or "127.0.0.1", int(port)
