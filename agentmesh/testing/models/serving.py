"""A uvicorn server in a thread: its listening socket, its start and its quick end.

Imported only when a server starts. Differs from uvicorn's own `Server` in two
things: it stops at once when told to (uvicorn looks ten times a second), and
it can end one client's connection, which the faults need and ASGI lacks.
"""

import asyncio
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from agentmesh.errors import InternalError

# Longer than any client keeps an idle connection, so that it is the client who closes it.
_KEEP_ALIVE_SECONDS = 75

# uvicorn listens once more on the socket it is given; the number must not shrink by that.
_BACKLOG = 512


class Connections:
    """The open connections of a server, by the address of the client."""

    def __init__(self) -> None:
        self._transports: dict[object, asyncio.Transport] = {}
        self._open: set[asyncio.Transport] = set()  # a client's address may be used again, or gone

    def protocol(self) -> type[H11Protocol]:
        """Return a protocol class whose connections are listed here."""
        transports, opened = self._transports, self._open

        class ListedProtocol(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                transports[self.client] = transport
                opened.add(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                opened.discard(self.transport)
                if transports.get(self.client) is self.transport:
                    del transports[self.client]
                super().connection_lost(exc)

        return ListedProtocol

    def close(self, client: object, ending: str) -> None:
        """End a client's connection: "reset" at once, otherwise after what was written."""
        transport = self._transports.get(client)
        if transport is None:  # it went away by itself
            return
        if ending == "reset":
            transport.abort()
        else:
            transport.close()

    def abort_all(self) -> None:
        """End every connection at once."""
        for transport in list(self._open):
            transport.abort()


class _Server(uvicorn.Server):
    """Serves until told to stop, then leaves at once."""

    def __init__(
        self, config: uvicorn.Config, connections: Connections, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._connections = connections
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        """End the server; called from another thread."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def main_loop(self) -> None:
        self._on_ready()
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        self._connections.abort_all()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class ServerThread:
    """One server in one thread.

    Args:
        app: The application to serve.
        listening: A bound socket; the server closes it.
        connections: Where to list the connections.
    """

    def __init__(self, app: ASGIApp, listening: socket.socket, connections: Connections) -> None:
        self._app = app
        self._listening = listening
        self._connections = connections
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._server: _Server | None = None
        self._thread = threading.Thread(
            target=self._run, name="agentmesh-model-server", daemon=True
        )

    def start(self, timeout_seconds: float) -> None:
        """Start serving and return once requests are answered.

        Raises:
            InternalError: The server did not come up in time, or failed.
        """
        self._thread.start()
        if self._ready.wait(timeout_seconds) and self._failure is None:
            return
        raise InternalError(
            f"The model server did not start within {timeout_seconds:g} seconds.",
            fix="Please report this.",
        ) from self._failure

    def stop(self, timeout_seconds: float) -> None:
        """Stop serving, ending requests that are under way.

        Raises:
            InternalError: The thread did not end in time.
        """
        if self._server is not None and self._thread.is_alive():
            self._server.stop()
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            raise InternalError(
                f"The model server did not stop within {timeout_seconds:g} seconds.",
                fix="Please report this.",
            )

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - shown to whoever starts the server
            self._failure = error
        finally:
            self._listening.close()
            self._ready.set()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,
            http=self._connections.protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            backlog=_BACKLOG,
        )
        self._server = _Server(config, self._connections, self._ready.set)
        await self._server.serve(sockets=[self._listening])
