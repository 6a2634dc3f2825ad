"""Which tests share a process when the suite is shared among several.

Tests with Ray share one process, and one Ray: several at once would fight for cores, and be
slow enough to look broken. Those whose programs start a Ray of their own, one after the
other, share another. So do the tests of a module with a fixture for all of them, which
would otherwise be made once in each process. Everything else goes to whoever is free.

pytest-xdist's own marker for this, `xdist_group`, writes the group's name into the id of
a test, which pytest 9.2 no longer lets it; here the groups are read from the source.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
RAY = "mark.ray"
OWN_RAY = "mark.own_ray"
SHARED = ('scope="module"', 'scope="session"')
LONGEST = ("ray", "own ray")
"""What takes minutes, however few tests there are: nobody may begin with it last."""
PROCESSES_MIN = 3
"""One for each Ray and one for all else: on two cores, too, as who starts processes waits a lot."""


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # no types published
    """Hands out groups of tests, the longest and the largest first, and then single tests."""

    def _split_scope(self, nodeid: str) -> str:  # made to be overridden, in spite of its name
        return group_of(nodeid)

    def _assign_work_unit(self, node: object) -> None:  # as above
        for group in reversed(LONGEST):
            if group in self.workqueue:
                self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)


def group_of(nodeid: str) -> str:
    """Return the name of the group of tests that this one stays with."""
    module, _, _ = nodeid.partition("::")
    return _group_of_module(module) or nodeid


@cache
def _group_of_module(module: str) -> str:
    text = (ROOT / module).read_text(encoding="utf-8")
    if RAY in text:
        return "own ray" if OWN_RAY in text else "ray"
    return module if any(each in text for each in SHARED) else ""
