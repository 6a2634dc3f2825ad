"""A Ray cluster on this machine as an operator starts it: by hand, with dashboard and token."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

START_SECONDS = 90.0
JOB_SECONDS = 150.0
RAY = str(Path(sys.executable).with_name("ray"))
LIST_ACTORS = """
import json, ray
ray.init(logging_level=40)
print(json.dumps(ray.util.list_named_actors(all_namespaces=True)))
"""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class RayCluster:
    """`ray start --head` in a directory of its own; nobody else's Ray is touched.

    Args:
        token: What its clients must show.
    """

    def __init__(self, token: str) -> None:
        # Short, because Ray's sockets are in it, and their paths must have less than 108 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="am-"))
        self._port, self._dashboard, agent, client = free_ports(4)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": token,
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._log = (self._folder / "ray-start.log").open("w")
        options = {
            "port": self._port,
            "dashboard-port": self._dashboard,
            "dashboard-agent-listen-port": agent,
            "ray-client-server-port": client,
            "node-ip-address": "127.0.0.1",
            "dashboard-host": "127.0.0.1",
            "include-dashboard": "true",
            "num-cpus": 2,
            "temp-dir": self._folder / "ray",
        }
        self._process = subprocess.Popen(
            [RAY, "start", "--head", "--block", "--disable-usage-stats"]
            + [f"--{name}={value}" for name, value in options.items()],
            env=self._environment,
            cwd=self._folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def address(self) -> str:
        """Where drivers connect to."""
        return f"127.0.0.1:{self._port}"

    def command(self, *arguments: str, seconds: float = JOB_SECONDS) -> tuple[int, str]:
        """Run `ray job ...` against it; return the exit code and all output."""
        verb, *rest = arguments
        done = subprocess.run(
            [RAY, "job", verb, "--address", f"http://127.0.0.1:{self._dashboard}", *rest],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        return done.returncode, done.stdout

    def submit(
        self, job: str, folder: Path, *entry: str, wait: bool = True, **variables: str
    ) -> tuple[int, str]:
        """Submit a directory with an entry point, as a job of that id."""
        waiting = [] if wait else ["--no-wait"]
        return self.command(
            "submit",
            *waiting,
            "--submission-id",
            job,
            "--working-dir",
            str(folder),
            "--runtime-env-json",
            json.dumps({"env_vars": variables}),
            "--",
            *entry,
        )

    def actors(self, namespaces: str) -> list[str]:
        """Return the names of actors in the namespaces that begin like this."""
        done = subprocess.run(
            [sys.executable, "-c", LIST_ACTORS],
            env={**self._environment, "RAY_ADDRESS": self.address},
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=JOB_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        return [each["name"] for each in found if each["namespace"].startswith(namespaces)]

    def wait_until_up(self) -> None:
        """Wait until the dashboard answers; its command waits, and is tried again until then."""
        until = time.monotonic() + START_SECONDS
        code, output = 1, ""
        while code and time.monotonic() < until:
            assert self._process.poll() is None, self._said()
            code, output = self.command("list")
        assert code == 0, output + self._said()

    def _said(self) -> str:
        return (self._folder / "ray-start.log").read_text(encoding="utf-8")

    def close(self) -> None:
        """End exactly the processes that were started here."""
        head = psutil.Process(self._process.pid)
        family = [head, *head.children(recursive=True)]
        head.terminate()
        psutil.wait_procs([head], timeout=15.0)
        for process in family:
            if process.is_running():
                process.kill()
        self._process.wait(timeout=15.0)
        psutil.wait_procs(family, timeout=15.0)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
