"""Checks of what passes between agents: each message once, whole, in order, and sent before.

Agents are read one after the other, so of each message one side is seen first. It is kept
until the other side comes: some three hundred bytes a message, given back when it is
matched. What then remains is what was lost, is on its way, or came from nowhere.

An agent whose journal can't be read says nothing about what it sent or got: nobody is
accused on its account.
"""

import sys
from collections.abc import Callable, Mapping

from xxhash import xxh3_64_intdigest

from agentmesh.causality.cycles import Arrivals
from agentmesh.causality.findings import Check, Cursor, Finding
from agentmesh.errors import JournalError
from agentmesh.journal.records import Sent
from agentmesh.kernel.envelope import CLIENT, KIND_NAMES
from agentmesh.kernel.events import Delivered

_Key = tuple[str, int]
_Content = tuple[int, str, str, int, int, int, tuple[str, ...], str]
_FIELDS = ("kind", "handler", "type", "payload", "re", "deadline", "chain", "origin")


class Traffic:
    """Follows every message from its sender to its receiver.

    Args:
        cursor: Where the reading is.
        checks: By name; those named in this file take what is found.
        resolve: Returns an event with its payload.
    """

    def __init__(
        self,
        cursor: Cursor,
        checks: Mapping[str, Check],
        resolve: Callable[[Delivered], Delivered],
    ) -> None:
        self._cursor = cursor
        self._checks = checks
        self._resolve = resolve
        self._agents: dict[str, int] = {}
        self._sent: dict[_Key, tuple[str, int, _Content]] = {}  # and not seen to be delivered
        self._arrived: dict[_Key, tuple[str, int, _Content | None]] = {}  # and not seen to be sent
        self._highest: dict[tuple[str, str], int] = {}  # number delivered, by sender and receiver
        self._last_sent = 0
        self._arrivals = Arrivals()

    @property
    def of_unknown_origin(self) -> list[str]:
        """Agents that something was delivered from which their journals lack, so far."""
        return sorted({source for source, _ in self._arrived})

    def begin(self) -> None:
        """Begin with an agent."""
        self._number(self._cursor.address)
        self._last_sent = 0

    def sent(self, command: Sent) -> None:
        """Take in what an agent sends."""
        self._checks["order"].checked += 1
        last = self._last_sent
        if command.n <= last:
            self._found("order", f"it sends #{command.n} after #{last}")
        self._last_sent = max(command.n, last)
        if command.dst == CLIENT or command.n == last:
            return
        key = (sys.intern(self._cursor.address), command.n)
        content = _sent_content(command)
        if key in self._arrived:
            self._match(key, command.dst, content)
        else:
            self._sent[key] = (sys.intern(command.dst), self._cursor.step, content)

    def sent_later(self, command: Sent) -> None:
        """Take in a command that was written while the run was read: it may be what was missed."""
        key = (self._cursor.address, command.n)
        if key in self._arrived:
            self._match(key, command.dst, _sent_content(command))

    def delivered(self, event: Delivered) -> None:
        """Take in what an agent gets; to be told before any other check is."""
        cursor, envelope = self._cursor, event.envelope
        source, number = sys.intern(envelope.src), envelope.n
        self._checks["delivery"].checked += 1
        seen = cursor.seen.setdefault(source, set())
        cursor.duplicate = number in seen
        if cursor.duplicate:
            self._found("delivery", f"{envelope.id} is delivered a second time", envelope.id)
            return
        self._check_order(source, number, envelope.id)
        seen.add(number)
        if envelope.dst != cursor.address:
            self._found("delivery", f"{envelope.id} is for {envelope.dst}", envelope.id)
        if source != CLIENT:
            self._arrive((source, number), event)

    def finish(self, unreadable: Mapping[str, object]) -> None:
        """Say what has only one side, and what came before its cause.

        Args:
            unreadable: Addresses of agents whose steps could not all be read.
        """
        for (source, number), (receiver, step, _) in self._arrived.items():
            if source not in unreadable:
                known = source in self._agents
                why = "does not have it" if known else "is not there"
                what = f"{source}#{number} was delivered, and its sender's journal {why}"
                self._add("write-ahead", what, receiver, step, f"{source}#{number}")
        for (source, number), (receiver, step, content) in self._sent.items():
            if receiver not in unreadable:
                self._undelivered(source, number, receiver, step, KIND_NAMES[content[0]])
        self._check_causes()

    # --- one message ------------------------------------------------------------------------------

    def _arrive(self, key: _Key, event: Delivered) -> None:
        self._checks["write-ahead"].checked += 1
        address, step = self._cursor.address, self._cursor.step
        content = self._delivered_content(event)
        other = self._sent.pop(key, None)
        if other is None:
            self._arrived[key] = (sys.intern(address), step, content)
            return
        receiver, sent_at, sent = other
        self._compare(key, (address, step), sent, content)
        self._check_receiver(key, receiver, (address, step))
        self._arrivals.add(self._number(address), step, self._number(key[0]), sent_at)

    def _match(self, key: _Key, receiver: str, sent: _Content) -> None:
        address, step, arrived = self._arrived.pop(key)
        self._compare(key, (address, step), sent, arrived)
        self._check_receiver(key, receiver, (address, step))
        here = self._number(self._cursor.address)
        self._arrivals.add(self._number(address), step, here, self._cursor.step)

    def _compare(
        self, key: _Key, place: tuple[str, int], sent: _Content, arrived: _Content | None
    ) -> None:
        self._checks["content"].checked += 1
        if arrived is None or sent == arrived:
            return
        pairs = zip(_FIELDS, sent, arrived, strict=True)
        differing = ", ".join(name for name, one, other in pairs if one != other)
        message = f"{key[0]}#{key[1]}"
        self._add("content", f"{message} arrives with another {differing}", *place, message)

    def _check_receiver(self, key: _Key, receiver: str, place: tuple[str, int]) -> None:
        if receiver != place[0]:
            message = f"{key[0]}#{key[1]}"
            what = f"{message} was sent to {receiver} and delivered here"
            self._add("delivery", what, *place, message)

    def _check_order(self, source: str, number: int, message: str) -> None:
        self._checks["order"].checked += 1
        pair = (source, sys.intern(self._cursor.address))
        highest = self._highest.get(pair, 0)
        if number < highest:
            self._found("order", f"{message} is delivered after #{highest}", message)
        else:
            self._highest[pair] = number

    def _undelivered(self, source: str, number: int, receiver: str, step: int, kind: str) -> None:
        message, check = f"{source}#{number}", self._checks["delivery"]
        later = self._highest.get((source, receiver), 0)
        if later > number:
            what = f"{message}, a {kind} to {receiver}, was not delivered, and #{later} was"
            self._add("delivery", what, source, step, message)
            return
        what = f"{message}, a {kind} to {receiver}, was not delivered"
        check.leave_open(
            Finding(check=check.name, what=what, agent=source, step=step, message=message)
        )

    def _delivered_content(self, event: Delivered) -> _Content | None:
        try:
            envelope = (self._resolve(event) if event.envelope.blob else event).envelope
        except JournalError as error:
            what = f"the payload of {event.envelope.id} can't be read: {error.what}"
            self._found("content", what, event.envelope.id)
            return None
        return (
            envelope.kind,
            sys.intern(envelope.handler),
            sys.intern(envelope.type),
            xxh3_64_intdigest(envelope.payload),
            envelope.re,
            envelope.deadline,
            envelope.chain,
            sys.intern(envelope.origin),
        )

    # --- all together -----------------------------------------------------------------------------

    def _check_causes(self) -> None:
        self._checks["causality"].checked += len(self._arrivals)
        names = list(self._agents)
        for one in self._arrivals.impossible():
            sender, receiver = names[one.sender], names[one.receiver]
            what = f"it takes in what {sender} sent at step {one.sent_at}, which this step led to"
            self._add("causality", what, receiver, one.step, "")

    def _number(self, address: str) -> int:
        return self._agents.setdefault(address, len(self._agents))

    def _found(self, check: str, what: str, message: str = "") -> None:
        self._add(check, what, self._cursor.address, self._cursor.step, message)

    def _add(self, check: str, what: str, agent: str, step: int, message: str) -> None:
        finding = Finding(check=check, what=what, agent=agent, step=step, message=message)
        self._checks[check].add(finding)


def _sent_content(command: Sent) -> _Content:
    return (
        command.kind,
        sys.intern(command.handler),
        sys.intern(command.type),
        command.digest,
        command.re,
        command.deadline,
        command.chain,
        sys.intern(command.origin),
    )
