"""One host's end of a link, on a transport of calls: transmit, take answers, wait, try again.

A call carries a frame there and one back. Few are under way at once: what is produced
meanwhile goes together in the next. A frame that comes by a call of the other side is
answered when what it brought is journaled, and the answer takes along whatever there is
to send by then; so a quick ask costs a single call.

Runs on one asyncio loop; knows neither Ray nor the engine.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from agentmesh.errors import FabricError, SupersededError
from agentmesh.fabric.frames import Frame
from agentmesh.fabric.halves import NEVER
from agentmesh.fabric.link import Link
from agentmesh.kernel.envelope import Envelope

CALLS_UNDER_WAY_MAX = 3
"""Calls to one peer at a time."""
RETRY_SECONDS = 0.1
"""The first wait after a call that may not have arrived; doubles each time."""
RETRY_SECONDS_MOST = 5.0


class UnavailableError(FabricError):
    """A call may or may not have arrived; another may."""


class GoneError(FabricError):
    """The other host is dead."""


Result = bytes | Exception
Call = Callable[[bytes, Callable[[Result], None]], None]
"""Sends a frame, and calls back on the loop with the frame that came back, or why none did."""


class Sink(Protocol):
    """Who takes in messages."""

    def take(self, envelopes: list[Envelope], then: Callable[[], None]) -> None:
        """Take in messages, in order, and call back when they are journaled and handled."""

    def on_gates(self, peer: "Peer") -> None:
        """Learn that other agents of the other host can't keep up than before."""


class Peer:
    """One host's end of a link.

    Args:
        link: The protocol.
        sink: Takes in what arrives.
        loop: The loop everything runs on.
        clock_ns: Nanoseconds by a clock that nobody sets.
        on_gone: Called when the other host is dead.
        on_error: Called when something came back that means that this host can't go on.
    """

    def __init__(
        self,
        link: Link,
        sink: Sink,
        loop: asyncio.AbstractEventLoop,
        clock_ns: Callable[[], int],
        *,
        on_gone: Callable[["Peer", Exception], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.link = link
        self._sink = sink
        self._loop = loop
        self._clock_ns = clock_ns
        self._on_gone = on_gone
        self._on_error = on_error
        self._call: Call | None = None
        self._result: Callable[[Result], None] = partial(self._on_result, 0)
        self._under_way = 0
        self._held = 0
        self._retry_seconds = RETRY_SECONDS
        self._resting = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NEVER
        self._closed = False
        self._connections = 0
        self.life = 0
        """Which life of the other host is called."""
        self._relief: Callable[[], None] | None = None
        self._full = link.peer_full

    # --- for the host -----------------------------------------------------------------------------

    def connect(self, call: Call) -> None:
        """Learn how to call the other host, or its successor; what waits goes now.

        What comes back from calls to the one before means nothing any more.
        """
        self._call = call
        self.life = self.link.peer_incarnation
        self._connections += 1
        self._result = partial(self._on_result, self._connections)
        self._under_way = 0
        self.flush()

    def disconnect(self) -> None:
        """Learn that the other host can't be called; what it did not acknowledge waits here."""
        self._call = None
        self.link.lost()

    @property
    def connected(self) -> bool:
        """Whether the other host can be called."""
        return self._call is not None

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way between the two hosts."""
        return self.link.quiet and not self._under_way and not self._held

    def send(self, envelopes: list[Envelope]) -> None:
        """Send messages, in order; they must be journaled already."""
        self.link.send(envelopes)
        self.flush()

    def flush(self) -> None:
        """Transmit what there is, unless an answer is about to take it along."""
        if self._call is None or self._held or self._resting or self._closed:
            return
        now = self._clock_ns()
        while self._under_way < CALLS_UNDER_WAY_MAX:
            frame = self.link.transmit(now)
            if frame is None:
                break
            self._under_way += 1
            self._call(frame, self._result)
        if self._under_way < CALLS_UNDER_WAY_MAX:  # otherwise the next result looks again
            self._set_alarm(now)
        if self._relief is not None and self.link.outgoing.roomy:
            relief, self._relief = self._relief, None
            relief()

    def when_roomy(self, relief: Callable[[], None]) -> None:
        """Call back once, when little waits for the other host."""
        self._relief = relief

    def accept(self, frame: Frame, answer: Callable[[bytes], None]) -> None:
        """Take in a frame that came by a call, and answer it in time.

        Raises:
            InternalError: It breaks the protocol.
            SupersededError: It is for a later life of this host.
        """
        envelopes = self.link.accept(frame, self._clock_ns())
        self._check_current()
        self._look_at_gates()
        self._held += 1
        if envelopes:
            self._sink.take(envelopes, partial(self._finish, self.link.mark, answer))
        else:  # what was handed out before may not be journaled yet
            self._answer(answer)

    def close(self) -> None:
        """Transmit nothing more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # --- inside -----------------------------------------------------------------------------------

    def _finish(self, mark: tuple[int, int], answer: Callable[[bytes], None]) -> None:
        self.link.commit(mark, self._clock_ns())
        self._answer(answer)

    def _answer(self, answer: Callable[[bytes], None]) -> None:
        self._held -= 1
        answer(self.link.answer(self._clock_ns()))
        self.flush()

    def _on_result(self, connection: int, result: Result) -> None:
        if connection != self._connections:
            return
        self._under_way -= 1
        if isinstance(result, bytes):
            self._retry_seconds = RETRY_SECONDS
            try:
                took = self._take(result)
            except Exception as error:  # noqa: BLE001 - whose host this is decides
                self._on_error(error)
                return
            if took:
                return  # what it caused has been transmitted with it
        elif isinstance(result, UnavailableError):
            self.link.lost()
            self._rest()
        elif self._call is not None:  # the first of its calls that says so
            self.disconnect()
            self._on_gone(self, result)
        self.flush()

    def _take(self, data: bytes) -> bool:
        envelopes = self.link.receive(data, self._clock_ns())
        self._check_current()
        self._look_at_gates()
        if envelopes:
            self._sink.take(envelopes, partial(self._on_committed, self.link.mark))
        return bool(envelopes)

    def _check_current(self) -> None:
        if self.link.superseded:
            raise SupersededError(
                f"{self.link.peer} knows a later life of {self.link.me} than this, its "
                f"{self.link.incarnation}.",
                cause="Usually this process was stopped, or cut off, and was taken for dead.",
                fix="Nothing is lost: the successor goes on with all that was journaled.",
            )

    def _look_at_gates(self) -> None:
        if self.link.peer_full is not self._full:
            self._full = self.link.peer_full
            self._sink.on_gates(self)

    def _on_committed(self, mark: tuple[int, int]) -> None:
        self.link.commit(mark, self._clock_ns())
        self.flush()

    def _rest(self) -> None:
        """Wait before trying again: whoever is in trouble is not helped by more calls."""
        if not self._resting:
            self._resting = True
            self._loop.call_later(self._retry_seconds, self._wake)
            self._retry_seconds = min(2 * self._retry_seconds, RETRY_SECONDS_MOST)

    def _wake(self) -> None:
        self._resting = False
        self.flush()

    def _set_alarm(self, now: int) -> None:
        """Come back when an acknowledgement is due or overdue."""
        due = self.link.wake_at
        if due >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        self._alarm = self._loop.call_later(max(0.0, (due - now) / 1e9), self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm, self._alarm_at = None, NEVER
        self.flush()
