"""What supervisors of a run leave to later ones: which of them is in office, and their decisions.

One line of JSON for each decision, written before anybody is told. A line that was cut off
was never told to anybody.

Supervisors are numbered, and a later one ends the time of all before: one that was cut off
and lives on may start no host any more, or the two would take each other's hosts' places.
"""

from itertools import count
from pathlib import Path

import msgspec

from agentmesh.errors import SupersededError
from agentmesh.fabric.placement import HostSpec
from agentmesh.journal.directory import RunDirectory
from agentmesh.journal.lineage import Fence

_NAME = "placements.jsonl"
_OFFICE = "supervisor."
"""Stands where names of hosts do, and is none: they have no dots."""


class Placed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision: a host that is to exist, or an agent that lives on one."""

    host: str
    agent: str = ""
    """Address of an agent that was placed by itself; empty where the line is about a host."""
    spec: HostSpec | None = None


class Roster:
    """The decisions of all supervisors of a run.

    Args:
        directory: The run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._root = directory.local
        self._path: Path = directory.local / _NAME
        self.term = self._take_office()
        """Number of this supervisor."""
        self.hosts: dict[str, HostSpec] = {}
        """By name, oldest first."""
        self.agents: dict[str, str] = {}
        """Host by address."""
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            try:
                self._take(msgspec.json.decode(line, type=Placed))
            except msgspec.DecodeError:
                break  # cut off: whoever wrote it was killed, and nobody was told

    def guard(self) -> None:
        """Refuse to go on when a later supervisor has begun.

        Raises:
            SupersededError: One has.
        """
        Fence(self._root, _OFFICE, self.term).check()

    def _take_office(self) -> int:
        for term in count(1):
            fence = Fence(self._root, _OFFICE, term)
            try:
                fence.begin()
            except SupersededError:
                fence.put_up()
            else:
                return term
        raise AssertionError("unreachable")

    def add(self, spec: HostSpec, agent: str = "") -> None:
        """Note a host, or an agent on it; does nothing when that is known.

        Raises:
            OSError: It can't be written.
        """
        news = []
        if spec.name not in self.hosts:
            news.append(Placed(spec.name, spec=spec))
        if agent and agent not in self.agents:
            news.append(Placed(spec.name, agent))
        if not news:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in news))
        for each in news:
            self._take(each)

    def _take(self, placed: Placed) -> None:
        if placed.spec is not None:
            self.hosts[placed.host] = placed.spec
        else:
            self.agents[placed.agent] = placed.host
