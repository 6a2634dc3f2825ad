"""The viewer's server, started and stopped: its socket, its secrets, its thread.

Starts on loopback unless somebody says otherwise, on a free port unless one is named, with a new
token each time. It stops at once when it is told to, whoever is still being answered.
"""

import asyncio
import secrets
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from agentmesh.errors import InternalError, UsageError
from agentmesh.viewer import cache
from agentmesh.viewer.app import Viewer
from agentmesh.viewer.desk import Desk
from agentmesh.viewer.guard import HEADER_BYTES_MAX, Guard, is_loopback

LOOPBACK = "127.0.0.1"
_TOKEN_BYTES = 32
_START_SECONDS = 20.0
_STOP_SECONDS = 20.0
_BACKLOG = 128


class ViewServer:
    """A server for one store.

    Args:
        store: Where runs are kept.
        run: The run to begin with: an id, `latest`, or a path; None for the list of runs.
        host: The address to listen on.
        port: The port; 0 for a free one.
        control: Whether runs may be branched from the page.
        allow_remote: Whether `host` may be an address that others can reach.
        caches: Where columns of finished runs are kept; None for nowhere.

    Raises:
        UsageError: The address can't be used.
        UnknownRunError: There is no such run.
        StoreError: There is no store.
    """

    def __init__(
        self,
        store: str,
        *,
        run: str | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        control: bool = False,
        allow_remote: bool = False,
        caches: Path | None = None,
    ) -> None:
        if not is_loopback(host) and not allow_remote:
            raise UsageError(
                f"The viewer was asked to listen on {host!r}, which others can reach.",
                cause="Whoever has its address with the token sees all runs of the store, and "
                "what travels is not encrypted.",
                fix="Leave out --host, and come by `ssh -L`; or say --allow-remote, too.",
            )
        self.desk = Desk(store, run, caches)
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.host = host
        self._listening = _listen(host, port)
        self.port: int = self._listening.getsockname()[1]
        self._viewer = Viewer(
            self.desk, control=control, control_token=secrets.token_urlsafe(_TOKEN_BYTES)
        )
        self._guard = Guard(
            self._viewer.app(),
            token=self.token,
            port=self.port,
            hosts=[] if is_loopback(host) else [host],
            control=control,
            control_token=self._viewer.control_token,
        )
        self._server: _Server | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="agentmesh-viewer", daemon=True)

    @property
    def address(self) -> str:
        """The server's address, without the token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address to open: with the token, which the browser gives for a cookie."""
        return f"{self.address}/?token={self.token}"

    def ticket_url(self) -> str:
        """Return an address that opens the page once: for a browser's command line."""
        return f"{self.address}/?token={self._guard.ticket()}"

    def start(self) -> None:
        """Start; returns once requests are answered.

        Raises:
            InternalError: It did not come up.
        """
        self._thread.start()
        if self._ready.wait(_START_SECONDS) and self._failure is None:
            return
        raise InternalError(
            "The viewer's server did not start.", fix="Please report this."
        ) from self._failure

    def stop(self) -> None:
        """Stop at once; does nothing when it is stopped."""
        if self._server is not None:
            self._server.stop()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._listening.close()
        self._viewer.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - shown to whoever starts it
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._guard,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX * 2,
            backlog=_BACKLOG,
        )
        self._server = _Server(config, self._ready)
        await self._server.serve(sockets=[self._listening])


class _Server(uvicorn.Server):
    """Serves until told to stop, then leaves at once; leaves signals alone."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._is_ready = ready
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """End the server; called from another thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def main_loop(self) -> None:
        self._is_ready.set()
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def default_cache() -> Path:
    """Return where columns of finished runs are kept."""
    return cache.folder()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches off Nagle's algorithm.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"The viewer can't listen on {host}:{port} ({error}).",
            cause="Usually another program, or another viewer, uses the port.",
            fix="Choose another port; without --port, a free one is taken.",
        ) from error
    return listening
