"""`agentmesh view`: a server for one store, until Ctrl-C, and the browser that looks at it."""

import signal
import sys
import threading
import types
import webbrowser
from dataclasses import dataclass

from agentmesh.cli import exit_codes, terminal
from agentmesh.mesh.options import store_location
from agentmesh.viewer.server import ViewServer, default_cache


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the server is to be."""

    host: str
    port: int
    allow_remote: bool
    control: bool
    opens: bool
    caches: bool


def view(run: str | None, wanted: Wanted, *, store: str | None) -> int:
    """Serve until the process is interrupted or told to end."""
    stopped = threading.Event()
    server = ViewServer(
        store_location(store),
        run=run,
        host=wanted.host,
        port=wanted.port,
        control=wanted.control,
        allow_remote=wanted.allow_remote,
        caches=default_cache() if wanted.caches else None,
    )

    def stop(number: int, frame: types.FrameType | None) -> None:
        del number, frame
        stopped.set()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            _tell(server, wanted)
            if wanted.opens:
                _open(server.ticket_url())
            stopped.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return exit_codes.OK


def _tell(server: ViewServer, wanted: Wanted) -> None:
    terminal.print_line(server.url)  # standard output, so that a script can read it
    sys.stdout.flush()
    if wanted.allow_remote:
        terminal.say("Others can reach it: whoever has this link reads all runs of the store.")
    if wanted.control:
        terminal.say("Branches may be made from the page: they run the program.")
    terminal.say("Ctrl-C ends it.")


def _open(url: str) -> None:
    """Open the browser, without waiting for it: some of them stay in the foreground."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
