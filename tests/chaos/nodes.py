"""A driver with a cluster of several nodes, of which some are lost: `python -m tests.chaos.nodes`.

Takes the store's folder, how much is done, and how many nodes are lost; writes the
workflow's result as its last line, or raises why there is none.
"""

import sys
import threading
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.processes import hosts, journal_bytes, wait_until
from tests.chaos.runs import Chaos, program

QUICK_HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2_000,
    "health_check_failure_threshold": 3,
}
"""How soon Ray takes a node for dead that it does not hear of."""


class Sites:
    """A cluster with a node for the driver, and one more site than will be lost.

    Args:
        lost: How many nodes will be lost.
        run: The run.
        every: Bytes that the run journals before each loss.
    """

    def __init__(self, lost: int, run: Chaos, every: int) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 2, "_system_config": QUICK_HEALTH, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self._sites = [self._new_site() for _ in range(1 + lost)]
        self._lost, self._run, self._every = lost, run, every
        self.problem: BaseException | None = None
        self.address = str(self._cluster.address)
        self._thread = threading.Thread(target=self._work, name="sites", daemon=True)

    def begin(self) -> None:
        """Begin to lose nodes."""
        self._thread.start()

    def end(self) -> None:
        """Make sure that all was lost that was to be."""
        self._thread.join(60.0)
        assert not self._thread.is_alive()
        assert self.problem is None, self.problem

    def close(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()

    def _new_site(self) -> Any:
        return self._cluster.add_node(num_cpus=1, resources={"site": 1})

    def _work(self) -> None:
        try:
            for _ in range(self._lost):
                enough = journal_bytes(self._run.folder) + self._every
                wait_until(lambda: journal_bytes(self._run.folder) >= enough, "bytes", 240.0)  # noqa: B023 - called at once
                self._lose()
        except BaseException as error:  # noqa: BLE001 - raised where it is asked for
            self.problem = error

    def _lose(self) -> None:
        """Lose a node that an outpost is on."""
        site = next(each for each in self._sites if self._hosts_of(each))
        sys.stdout.write(f"lost the node of {self._hosts_of(site)}\n")
        self._cluster.remove_node(site, allow_graceful=False)
        self._sites.remove(site)

    def _hosts_of(self, node: Any) -> list[str]:
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        return [name for name, _ in hosts(raylet, self._run.folder)]


def main() -> None:
    """Run the workflow while nodes are lost."""
    store, n, lost = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    run = Chaos(store, program("outposts", n, 2))
    sites = Sites(lost, run, every=n * 100 // lost)
    try:
        sites.begin()
        outcome = run.run(address=sites.address)
        sites.end()
        outcome.unwrap()
        sys.stdout.write(f"\n{outcome.result_json.decode()}\n")
    finally:
        sites.close()


if __name__ == "__main__":
    main()
