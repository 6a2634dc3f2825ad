"""What holds for every test: no real model, no far network, repeatable Hypothesis, few Rays.

Reads nothing of agentmesh: a test that needs a run, a journal or a Ray asks for it
in its own folder.
"""

import ipaddress
import os
import signal
import socket
import sys

import psutil
import pytest
from hypothesis import HealthCheck, settings

# Before anything is imported that reads them: a key in the developer's shell must not
# make a test talk to a model that costs money, nor a store fill up with tests' runs.
for _name in [each for each in os.environ if each.startswith(("OPENAI_", "AGENTMESH_", "OTEL_"))]:
    del os.environ[_name]
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its start over the network
# Ray's processes would give way to all else that is tested meanwhile, and look dead or slow.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray spells it so
# Tests start hundreds of processes. Where Python keeps no bytecode, as in many a container,
# each of them would compile all of agentmesh anew: a fifth of what it takes to start one.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# In the background of a shell SIGINT is ignored, and would be in every process started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let who has the time explore the protocol between hosts further, and kill more."""
    parser.addoption(
        "--explore",
        choices=["small", "large"],
        default="small",
        help="how far the protocol between hosts is explored; large takes many minutes",
    )
    parser.addoption(
        "--chaos",
        choices=["small", "large"],
        default="small",
        help="how much is done while processes are killed; large takes many minutes",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how far was explored."""
    explored = [
        f"{report.nodeid.rpartition('::')[2]}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "explored"
    ]
    for line in explored:
        terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use a process for each core, but not fewer than there are things to wait for."""
    from tests.scheduling import PROCESSES_MIN

    return max(PROCESSES_MIN, psutil.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)  # nobody asks when everything runs in one process
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Share tests among processes by groups."""
    from tests.scheduling import GroupScheduling

    return GroupScheduling(config, log)
