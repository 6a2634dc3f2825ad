"""Searches in payloads, which may take long: each in a thread, asked for what it has so far.

A search reads the run once, in the order of time. Whoever asked gets what was found within two
seconds, and a cursor to ask for more. Only a few go on at a time: the oldest is given up for a
new one, and so is one that has found more than anybody reads.
"""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from agentmesh.causality.json_path import JsonQuery
from agentmesh.causality.search import Criteria, Hit, search
from agentmesh.errors import AgentMeshError, UsageError
from agentmesh.journal import strings
from agentmesh.journal.records import Recorded
from agentmesh.journal.resolving import Resolvable
from agentmesh.journal.run import Run
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.replaying import chosen
from agentmesh.viewer.opened import OpenRun

KEPT_MAX = 4
SECONDS = 2.0
"""How long a search may take before what it has found is told."""
HITS_MAX = 50_000
PREVIEW_MAX = 200


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is searched for: see `causality.search.Criteria`."""

    text: str = ""
    agents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    type: str = ""
    where: str = ""
    failed: bool = False

    def criteria(self, run: Run) -> Criteria:
        """Return it as a search takes it.

        Raises:
            UsageError: It can't be understood.
            UnknownAgentError: The run has no such agent.
        """
        return Criteria(
            text=self.text,
            agents=chosen(run, self.agents) if self.agents else (),
            kinds=self.kinds,
            type=self.type,
            where=JsonQuery(self.where) if self.where else None,
            failed=self.failed,
        )


class Searches:
    """The searches that go on."""

    def __init__(self) -> None:
        self._kept: dict[str, _Search] = {}
        self._lock = threading.Lock()

    def start(self, opened: OpenRun, wanted: Wanted, limit: int) -> dict[str, Any]:
        """Begin a search, and return what it finds at first.

        Raises:
            UsageError: What is searched for can't be understood.
        """
        run = opened.fresh()
        try:
            one = _Search(run, wanted.criteria(run))
        except BaseException:
            run.close()
            raise
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[name] = one
            old = [self._kept.pop(each) for each in list(self._kept)[:-KEPT_MAX]]
        for each in old:
            each.stop()
        one.thread.start()
        return self._told(opened, name, 0, limit)

    def more(self, opened: OpenRun, cursor: str, limit: int) -> dict[str, Any]:
        """Return what a search has found since.

        Raises:
            UsageError: It was given up.
        """
        name, _, offset = cursor.partition(":")
        known = self._kept.get(name)
        if known is None or known.run_id != opened.id or not offset.isdecimal():
            raise UsageError(
                "This search was given up.",
                cause=f"Only the latest {KEPT_MAX} are kept.",
                fix="Search again.",
            )
        return self._told(opened, name, int(offset), limit)

    def close(self) -> None:
        """Give up all searches."""
        with self._lock:
            every, self._kept = list(self._kept.values()), {}
        for one in every:
            one.stop()

    def _told(self, opened: OpenRun, name: str, offset: int, limit: int) -> dict[str, Any]:
        one = self._kept[name]
        hits, over = one.wait(offset, limit)
        if over:
            with self._lock:
                self._kept.pop(name, None)
        return {
            "hits": [_hit_json(opened, hit) for hit in hits],
            "cursor": None if over else f"{name}:{offset + len(hits)}",
            "searched": one.looked,
            "truncated": one.truncated,
        }


class _Search:
    """One search, in a thread of its own."""

    def __init__(self, run: RecordedRun, criteria: Criteria) -> None:
        self.run_id = run.id
        self.looked = 0
        self.truncated = False
        self._run = run
        self._criteria = criteria
        self._hits: list[Hit] = []
        self._error: AgentMeshError | None = None
        self._over = False
        self._stopped = False
        self._changed = threading.Condition()
        self.thread = threading.Thread(target=self._work, name="agentmesh-search", daemon=True)

    def stop(self) -> None:
        """Give it up."""
        self._stopped = True

    def wait(self, offset: int, limit: int) -> tuple[list[Hit], bool]:
        """Return hits from a number on, and whether these were all."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._over or len(self._hits) >= offset + limit, timeout=SECONDS
            )
            if self._error is not None:
                raise self._error
            hits = self._hits[offset : offset + limit]
            return hits, self._over and offset + len(hits) == len(self._hits)

    # What a search needs of a run, so that it can be counted and given up.

    def entries(self) -> Iterator[Recorded]:
        """Yield the run's records until nobody wants them any more."""
        for record in self._run.entries():
            self.looked += 1
            if self._stopped or self.truncated:
                return
            yield record

    def resolve(self, body: Resolvable) -> Resolvable:
        """Return a record with its payload."""
        return self._run.resolve(body)

    def _work(self) -> None:
        try:
            for hit in search(cast("Run", self), self._criteria):
                with self._changed:
                    self._hits.append(hit)
                    self.truncated = len(self._hits) >= HITS_MAX
                    self._changed.notify_all()
        except AgentMeshError as error:
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            self._run.close()


def _hit_json(opened: OpenRun, hit: Hit) -> dict[str, Any]:
    address, _, step = hit.event.rpartition("@")
    agent = opened.building.rows.by_address.get(address)
    text = "" if hit.payload is None else strings.dumps_readable(hit.payload)
    return {
        "event": hit.event,
        "agent_index": -1 if agent is None else agent.index,
        "step": int(step),
        "at_ns": hit.at_ns - opened.building.rows.start_ns,
        "kind": hit.kind,
        "what": hit.what,
        "preview": text[:PREVIEW_MAX],
    }
