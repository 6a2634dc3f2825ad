"""What holds for every test: no real model, no far network, repeatable Hypothesis, one Ray.

Reads nothing of agentmesh: a test that needs a run, a journal or a Ray asks for it
in its own folder.
"""

import ipaddress
import os
import socket
import sys

import pytest
from hypothesis import HealthCheck, settings

# Before anything is imported that reads them: a key in the developer's shell must not
# make a test talk to a model that costs money, nor a store fill up with tests' runs.
for _name in [each for each in os.environ if each.startswith(("OPENAI_", "AGENTMESH_"))]:
    del os.environ[_name]
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its start over the network

settings.register_profile(
    "agentmesh",
    deadline=None,  # the machine is shared: time says nothing about the code
    derandomize=False,  # each run tries new examples
    print_blob=True,  # and a failure prints the line that repeats it
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("agentmesh")


def _refuse_far_hosts(event: str, arguments: tuple[object, ...]) -> None:
    """Fail any TCP connection from this process to an address on the public internet."""
    if event != "socket.connect":
        return
    connection, address = arguments
    assert isinstance(connection, socket.socket)
    if connection.type != socket.SOCK_STREAM or not isinstance(address, tuple):
        return
    try:
        far = ipaddress.ip_address(str(address[0])).is_global
    except ValueError:
        return
    if far:
        message = f"A test tried to reach {address[0]}:{address[1]}; tests stay on this machine."
        raise ConnectionRefusedError(message)


sys.addaudithook(_refuse_far_hosts)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests with Ray to one of the processes that share the work, and to it first.

    Several Rays at once would fight for cores, and be slow enough to look broken. A group
    is begun before single tests are, so that the others have what is left to share.
    """
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))
