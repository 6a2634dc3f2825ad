"""What an event loop usually offers and a handler's loop must refuse, with the way out.

asyncio's abstract loop answers each of these with a bare `NotImplementedError`.
"""

import asyncio
from typing import Any, NoReturn

from agentmesh.errors import EscapeError


def escape(call: str, what: str) -> NoReturn:
    """Refuse something that a replay could not repeat.

    Args:
        call: What was called.
        what: What it would have reached: `a socket`.

    Raises:
        EscapeError: Always.
    """
    raise EscapeError(
        f"{call}: {what} inside a handler is not recorded.",
        cause="A replay could not repeat it, so agentmesh refuses it while the run is live.",
        fix="Move it into an @am.tool (async ones run on the host's real loop, sync ones in a "
        "thread), or wrap it once with am.effect(fn, ...).",
        call=call,
    )


def _refused(name: str, what: str) -> Any:  # whatever asyncio says its signature is
    def refuse(self: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> NoReturn:
        del self, args, kwargs
        escape(f"loop.{name}", what)

    refuse.__name__ = name
    return refuse


class RefusingLoop(asyncio.AbstractEventLoop):
    """The part of a handler's loop that says no."""

    __slots__ = ()

    add_reader = _refused("add_reader", "a socket")
    remove_reader = _refused("remove_reader", "a socket")
    add_writer = _refused("add_writer", "a socket")
    remove_writer = _refused("remove_writer", "a socket")
    sock_recv = _refused("sock_recv", "a socket")
    sock_recv_into = _refused("sock_recv_into", "a socket")
    sock_recvfrom = _refused("sock_recvfrom", "a socket")
    sock_recvfrom_into = _refused("sock_recvfrom_into", "a socket")
    sock_sendall = _refused("sock_sendall", "a socket")
    sock_sendto = _refused("sock_sendto", "a socket")
    sock_connect = _refused("sock_connect", "a socket")
    sock_accept = _refused("sock_accept", "a socket")
    sock_sendfile = _refused("sock_sendfile", "a socket")
    create_connection = _refused("create_connection", "a connection")
    create_server = _refused("create_server", "a server")
    create_unix_connection = _refused("create_unix_connection", "a connection")
    create_unix_server = _refused("create_unix_server", "a server")
    create_datagram_endpoint = _refused("create_datagram_endpoint", "a socket")
    connect_accepted_socket = _refused("connect_accepted_socket", "a connection")
    start_tls = _refused("start_tls", "a connection")
    sendfile = _refused("sendfile", "a file")
    getaddrinfo = _refused("getaddrinfo", "a name server")
    getnameinfo = _refused("getnameinfo", "a name server")
    subprocess_exec = _refused("subprocess_exec", "a subprocess")
    subprocess_shell = _refused("subprocess_shell", "a subprocess")
    connect_read_pipe = _refused("connect_read_pipe", "a pipe")
    connect_write_pipe = _refused("connect_write_pipe", "a pipe")
    add_signal_handler = _refused("add_signal_handler", "a signal")
    remove_signal_handler = _refused("remove_signal_handler", "a signal")
    set_default_executor = _refused("set_default_executor", "a thread pool")
