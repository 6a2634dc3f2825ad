"""The model server as users meet it: `ModelServer`, a context manager, and `serve`.

Importing this is cheap; starlette and uvicorn are imported when a server
starts. The server has its own thread and event loop, so that blocking and
asynchronous clients of the same process can both use it.
"""

import asyncio
import ipaddress
import signal
import socket
import threading
import types
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from agentmesh.errors import UsageError
from agentmesh.testing.models.answers import AnswerLike
from agentmesh.testing.models.config import SimulatedModels
from agentmesh.testing.models.engine import Simulator
from agentmesh.testing.models.latency import Latency
from agentmesh.testing.models.request_log import LoggedRequest, RequestLog
from agentmesh.testing.models.rules import Rule

if TYPE_CHECKING:
    from agentmesh.testing.models.serving import ServerThread

LOOPBACK = "127.0.0.1"

# The port of `agentmesh models serve`, unless told otherwise.
DEFAULT_PORT = 8010

# Connections that wait for the server's thread: many agents may ask at the same moment.
_BACKLOG = 512

_START_SECONDS = 10.0
_STOP_SECONDS = 5.0

# What SDKs need to find in the environment; the simulator takes any key.
_ANY_KEY = "simulator"

Exposure = Literal["loopback", "network"]


class ModelServer:
    """A simulated OpenAI-compatible provider on this machine.

    Use it as `with ModelServer(rules=[...], seed=7) as server:` or with `async
    with`, and point any OpenAI client at `server.base_url`. A stopped server
    can't be started again.

    Args:
        config: The provider; the other arguments, where given, come on top.
        rules: Rules that are tried before those of the configuration.
        seed: Makes every answer follow from it and the request.
        default: The answer where no rule has one.
        latency: How long models take.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        exposure: "loopback" refuses to listen on, or answer for, anything but this machine.

    Raises:
        UsageError: The address is not on this machine and `exposure` is "loopback".
    """

    def __init__(
        self,
        config: SimulatedModels | None = None,
        *,
        rules: Iterable[Rule] = (),
        seed: int | None = None,
        default: AnswerLike | None = None,
        latency: Latency | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        exposure: Exposure = "loopback",
    ) -> None:
        config = config or SimulatedModels()
        self.config = replace(
            config,
            rules=(*rules, *config.rules),
            seed=config.seed if seed is None else seed,
            default=config.default if default is None else default,
            latency=config.latency if latency is None else latency,
        )
        self.requests = RequestLog()
        if exposure == "loopback":
            _check_loopback(host)
        self._host = host
        self._port = port
        self._exposure = exposure
        self._thread: ServerThread | None = None

    @property
    def base_url(self) -> str:
        """Where clients find the API, such as `http://127.0.0.1:40123/v1`."""
        if self._thread is None:
            fix = "Use `with ModelServer(...) as server:`."
            raise UsageError("The model server has no address before it is started.", fix=fix)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{shown}:{self._port}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point OpenAI clients at this server."""
        key = self.config.api_key or _ANY_KEY
        return {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": key}

    def start(self) -> None:
        """Start answering requests; returns once it does.

        Raises:
            UsageError: The address can't be used, or the server was started before.
        """
        from agentmesh.testing.models.app import Provider
        from agentmesh.testing.models.serving import Connections, ServerThread

        if self._thread is not None:
            fix = "Make a new ModelServer for each start."
            raise UsageError("The model server was started before.", fix=fix)
        listening = _listen(self._host, self._port)
        self._port = listening.getsockname()[1]
        connections = Connections()
        hosts = None if self._exposure == "network" else {"localhost", LOOPBACK, "::1", self._host}
        provider = Provider(
            Simulator(self.config), self.requests, hosts=hosts, close=connections.close
        )
        self._thread = ServerThread(provider.app(), listening, connections)
        self._thread.start(_START_SECONDS)

    def stop(self) -> None:
        """Stop at once, ending requests under way; does nothing when it is stopped."""
        if self._thread is not None:
            self._thread.stop(_STOP_SECONDS)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start the server without blocking the event loop."""
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop the server without blocking the event loop."""
        await asyncio.to_thread(self.stop)


def serve(
    config: SimulatedModels | None = None,
    *,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    exposure: Exposure = "loopback",
    on_ready: Callable[[ModelServer], None] | None = None,
    on_request: Callable[[LoggedRequest], None] | None = None,
) -> None:
    """Serve in the foreground until the process is interrupted or terminated.

    Args:
        config: The provider to simulate.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        exposure: "loopback" refuses to listen on, or answer for, anything but this machine.
        on_ready: Called once when the server answers, with the server.
        on_request: Called from the server's thread with each request that has ended.

    Raises:
        UsageError: The address can't be used.
    """
    stopped = threading.Event()
    server = ModelServer(config, host=host, port=port, exposure=exposure)
    if on_request is not None:
        server.requests.watch(on_request)
    previous = _on_signals(stopped.set)
    try:
        with server:
            if on_ready is not None:
                on_ready(server)
            stopped.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_Handler = Callable[[int, types.FrameType | None], object] | int | None


def _on_signals(stop: Callable[[], None]) -> dict[int, _Handler]:
    """Stop on Ctrl-C and on termination; only the main thread can be told about them."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = (signal.SIGINT, signal.SIGTERM)
    return {number: signal.signal(number, lambda *_: stop()) for number in numbers}


def _check_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(
            f"The model server was asked to listen on {host!r}, which is not this machine alone.",
            cause="A simulator is for tests; it has no access control worth the name.",
            fix="Use 127.0.0.1, or say exposure='network' if others are to reach it.",
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches off Nagle's algorithm only where it is;
    # with it, each response would wait 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"The model server can't listen on {host}:{port} ({error}).",
            cause="Usually another program, or another model server, uses the port.",
            fix="Choose another port; 0 takes a free one.",
        ) from error
    return listening
