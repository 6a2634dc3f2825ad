"""How long whole processes take to start: the command, a local run, a run on Ray."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.table import Row

ROUNDS = 5
RAY_ROUNDS = 3

HELLO = """
import sys
import agentmesh as am

@am.agent
class Echo:
    @am.handler
    async def answer(self) -> str:
        return "hello"

@am.workflow
async def main() -> str:
    return await am.ref(Echo).answer()

if __name__ == "__main__":
    am.run(main, local=sys.argv[1] == "local", quiet=True)
"""

PLAIN_RAY = """
import ray
ray.init(address="local", include_dashboard=False, log_to_driver=False)

@ray.remote(num_cpus=0)
class Echo:
    def answer(self):
        return "hello"

ray.get([Echo.remote().answer.remote() for _ in range(2)])
"""


def measure() -> list[Row]:
    """Time whole processes, each beside its baseline in turn."""
    with tempfile.TemporaryDirectory() as folder:
        hello, plain = Path(folder) / "hello.py", Path(folder) / "plain_ray.py"
        hello.write_text(HELLO)
        plain.write_text(PLAIN_RAY)
        python = [sys.executable]
        return [
            _pair("agentmesh --help", [*python, "-m", "agentmesh", "--help"], ROUNDS, folder),
            _pair("a run, local", [*python, str(hello), "local"], ROUNDS, folder),
            _pair(
                "a run, fresh Ray, two hosts",
                [*python, str(hello), "ray"],
                RAY_ROUNDS,
                folder,
                base=[*python, str(plain)],
                base_name="ray.init and two actors",
            ),
        ]


def _pair(
    name: str,
    command: list[str],
    rounds: int,
    folder: str,
    *,
    base: list[str] | None = None,
    base_name: str = "python -c pass",
) -> Row:
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(_seconds(base or [sys.executable, "-c", "pass"], folder))
        ours.append(_seconds(command, folder))
    return Row(name=name, unit="s", values=ours, baseline=base_name, baseline_values=theirs)


def _seconds(command: list[str], folder: str) -> float:
    environment = {**os.environ, "AGENTMESH_STORE": f"{folder}/store"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    started = time.perf_counter()
    subprocess.run(
        command, check=True, capture_output=True, timeout=120, env=environment, cwd=folder
    )
    return time.perf_counter() - started
