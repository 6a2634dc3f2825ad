"""What a model server was asked: a log that tests read while the server runs.

Thread-safe: the server's thread writes, any thread reads. Bounded: the oldest
entries go first. Keys and other headers are never kept.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agentmesh.errors import DeadlineExceededError
from agentmesh.testing.models.plans import Outcome

# Enough for any test, small enough for a server that runs for days.
ENTRIES_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request, as far as it has come."""

    number: int
    """1 for the first request of the server."""

    method: str
    path: str

    model: str | None = None
    body: Mapping[str, object] | None = None
    """The JSON that was sent; None if there was none, or none that could be read."""

    occurrence: int | None = None
    """How many times the very same request had arrived by then, this one included."""

    rules: tuple[str, ...] = ()
    """Labels of the rules that had a part in the answer."""

    status: int | None = None
    """HTTP status of the response; None until it begins, and if it never does."""

    outcome: Outcome | Literal["open", "abandoned"] = "open"
    """"open" until the response has ended; "abandoned" if the client went away before."""


class RequestLog:
    """The requests a server has received, oldest first. Iterating sees a snapshot."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._changed = threading.Condition()
        self._entries: deque[LoggedRequest] = deque(maxlen=entries_max)
        self._total = 0
        self._watchers: list[Callable[[LoggedRequest], None]] = []

    @property
    def total(self) -> int:
        """How many requests there were, those included that were forgotten or cleared."""
        return self._total

    def __len__(self) -> int:
        """Return how many requests are kept."""
        with self._changed:
            return len(self._entries)

    def __iter__(self) -> Iterator[LoggedRequest]:
        """Iterate over the requests as they are now."""
        with self._changed:
            return iter(list(self._entries))

    def __getitem__(self, index: int) -> LoggedRequest:
        """Return one request; -1 is the latest."""
        with self._changed:
            return self._entries[index]

    def count(
        self,
        *,
        path: str | None = None,
        model: str | None = None,
        status: int | None = None,
        outcome: str | None = None,
        rule: str | None = None,
    ) -> int:
        """Count the requests that meet every condition given."""
        return sum(
            (path is None or entry.path == path)
            and (model is None or entry.model == model)
            and (status is None or entry.status == status)
            and (outcome is None or entry.outcome == outcome)
            and (rule is None or rule in entry.rules)
            for entry in self
        )

    def clear(self) -> None:
        """Forget all requests; numbers and `total` go on."""
        with self._changed:
            self._entries.clear()

    def wait_until(
        self, condition: "Callable[[RequestLog], bool]", *, timeout_seconds: float = 5.0
    ) -> None:
        """Wait until a condition on the log holds.

        Raises:
            DeadlineExceededError: It did not hold in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout_seconds):
                raise _too_late(timeout_seconds, list(self._entries))

    def watch(self, watcher: Callable[[LoggedRequest], None]) -> None:
        """Call a function, in the server's thread, with each request that has ended."""
        self._watchers.append(watcher)

    def open(self, method: str, path: str) -> LoggedRequest:
        """Add a request that has just arrived. For the server."""
        with self._changed:
            self._total += 1
            entry = LoggedRequest(number=self._total, method=method, path=path)
            self._entries.append(entry)
            self._changed.notify_all()
        return entry

    def store(self, entry: LoggedRequest) -> None:
        """Replace an entry by one that says more; a forgotten one stays so. For the server."""
        with self._changed:
            for index in range(len(self._entries) - 1, -1, -1):
                if self._entries[index].number == entry.number:
                    self._entries[index] = entry
                    break
            self._changed.notify_all()
        if entry.outcome != "open":
            for watcher in self._watchers:
                watcher(entry)


def _too_late(timeout_seconds: float, entries: list[LoggedRequest]) -> DeadlineExceededError:
    latest = [f"{entry.number} {entry.path} {entry.outcome}" for entry in entries[-5:]]
    return DeadlineExceededError(
        f"The condition on the request log did not hold within {timeout_seconds:g} seconds; "
        f"the latest requests are {latest}.",
        cause="Usually the program did not ask, or asked another server.",
        fix="Check that it uses the server's base_url, or wait longer.",
    )
