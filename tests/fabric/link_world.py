"""A model of hosts and a network, in which the real link protocol lives and everything can fail.

Each host is a row of lives. A life has a `Link` to every other host and memory that dies
with it; the host's journal outlives it. The network is a set of calls, each of which
carries a frame there and one back. Nothing happens by itself: a schedule is a list of
steps, and `World.apply` does one. After each, what must always hold is looked at, and
`Violation` says what does not. `World.settle` is the end of all trouble: by then everything
must have arrived.

What the model takes for granted of a host: a message is written before it leaves; the
successor marks the log of its predecessor as fenced, and reads it after that; a life looks
for that mark after it has written, before it acknowledges, and before it transmits, and
does nothing more once it sees it; what was seen is known by sender and counter.
"""

from collections.abc import Hashable, Iterator
from typing import Self

from agentmesh.fabric.halves import NEVER
from agentmesh.kernel.envelope import TELL, Envelope
from tests.fabric.link_lives import (
    ANSWERED,
    ASKED,
    FAILED,
    HELD,
    Call,
    Journal,
    Key,
    Life,
    Pending,
    Rules,
    Step,
    Violation,
    copy,
)

SETTLING_ROUNDS, SETTLING_ROUNDS_EACH, SETTLING_WAITS = 100, 4, 40  # in all, per message, alarms


class World:
    """All hosts, what is under way between them, and what must hold.

    Args:
        rules: How large it is.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.journals = {host: Journal() for host in rules.hosts}
        self.incarnations = dict.fromkeys(rules.hosts, 1)
        self.calls: dict[Hashable, Call] = {}
        self.lives: dict[Key, Life] = {}
        for host in rules.hosts:
            self._live(host)

    def clone(self) -> Self:
        """Return an independent copy."""
        twin = copy(self)
        twin.journals = {host: journal.clone() for host, journal in self.journals.items()}
        twin.incarnations = dict(self.incarnations)
        twin.calls = dict(self.calls)
        twin.lives = {key: life.clone() for key, life in self.lives.items()}
        return twin

    def apply(self, step: Step) -> bool:
        """Do one step, and look at what must hold.

        Returns:
            Whether it was possible.

        Raises:
            Violation: Something does not hold any more.
        """
        done: bool = getattr(self, "_" + step[0])(*step[1:])
        return done

    def lives_of(self, host: str) -> list[Key]:
        """Return the lives of a host that still act, oldest first."""
        return [key for key in self.lives if key[0] == host]

    # --- what a host does -------------------------------------------------------------------------

    def _issue(self, key: Key, src: str, dst: str, size: int = 0) -> bool:
        life = self.lives.get(key)
        if life is None:
            return False
        journal, host = self.journals[key[0]], dst.partition("/")[0]
        n = 1 + max(
            [e.n for sent in journal.sent.values() for e in sent if e.src == src]
            + [e.n for _, e in life.unreleased if e.src == src],
            default=0,
        )
        envelope = Envelope(src, n, dst, TELL, "", "", b"%d" % key[1] + b"x" * size)
        if key[1] >= journal.closed:
            journal.sent.setdefault(host, []).append(envelope)
            journal.by_pair.setdefault((src, dst), []).append(envelope)
        life.unreleased.append((host, envelope))
        return True

    def _transmit(self, key: Key, peer: str) -> bool:
        life = self.lives.get(key)
        if life is None or self.calls_of(key, peer) >= self.rules.calls:
            return False
        if self._stops(life):
            return True
        data = life.links[peer].transmit(life.now)
        if data is not None:
            life.called += 1
            self.calls[key, life.called] = Call(key, peer, ASKED, data)
            self._check(life, peer)
        return data is not None

    def calls_of(self, key: Key, peer: str) -> int:
        """Return how many calls of a life to a peer are under way."""
        return sum(
            call.src == key and call.dst == peer and call.watched for call in self.calls.values()
        )

    def _write(self, key: Key) -> bool:
        life = self.lives.get(key)
        if life is None or life.written == len(life.pending):
            return False
        if key[1] >= self.journals[key[0]].closed:
            for pending in life.pending[life.written :]:
                for envelope in pending.fresh:
                    self._record(key[0], envelope)
        life.written = len(life.pending)
        return True

    def _record(self, host: str, envelope: Envelope) -> None:
        journal, pair = self.journals[host], (envelope.src, envelope.dst)
        sent = self.journals[envelope.src.partition("/")[0]].by_pair.get(pair, [])
        count = journal.received.get(pair, 0)
        if count >= len(sent) or sent[count] != envelope:
            expected = sent[count].id if count < len(sent) else "nothing"
            message = f"{host} journals {envelope.id} {envelope.payload!r} where {expected} belongs"
            raise Violation(message)
        journal.received[pair] = count + 1
        journal.last[pair] = envelope.n

    def _release(self, key: Key) -> bool:
        life = self.lives.get(key)
        if life is None or not (life.written or life.unreleased):
            return False
        if self._stops(life):
            return True
        for peer, envelope in life.unreleased:
            life.links[peer].send([envelope])
            life.given[peer].append(envelope)
        life.unreleased.clear()
        done, life.pending = life.pending[: life.written], life.pending[life.written :]
        life.written = 0
        for pending in done:
            life.links[pending.peer].commit(pending.mark, life.now)
            call = self.calls.get(pending.call)
            if call is not None:
                self._answer(life, pending.call, call)
        for peer in life.links:
            self._check(life, peer)
        return True

    def _commit(self, key: Key) -> bool:
        written = self._write(key)
        return self._release(key) or written

    def _note(self, key: Key, peer: str) -> bool:
        """Journal how much of what was sent needs never be sent again."""
        life = self.lives.get(key)
        if life is None or key[1] < self.journals[key[0]].closed:
            return False
        gone = len(life.given[peer]) - life.links[peer].outgoing.waiting
        self.journals[key[0]].safe[peer] = life.base[peer] + gone
        return bool(gone)

    def _stops(self, life: Life) -> bool:
        """Look for the fence; whoever sees it does nothing more."""
        if life.key[1] >= self.journals[life.key[0]].fence:
            return False
        return self._crash(life.key)

    # --- what the network does --------------------------------------------------------------------

    def _deliver(self, number: Hashable, key: Key) -> bool:
        call, life = self.calls.get(number), self.lives.get(key)
        if call is None or life is None or call.state != ASKED or key[0] != call.dst:
            return False
        self.calls[number] = call = call._replace(state=HELD, holder=key)
        if self._take(life, call.src[0], call.data, number):
            self._answer(life, number, call)
            self._check(life, call.src[0])
        return True

    def _answer(self, life: Life, number: Hashable, call: Call) -> None:
        if self._stops(life):
            return
        data = life.links[call.src[0]].answer(life.now)
        self.calls[number] = call._replace(state=ANSWERED, data=data, holder=None)

    def _take(self, life: Life, peer: str, data: bytes, number: Hashable) -> bool:
        """Let a life take in a frame; tell whether it can be answered at once."""
        link = life.links[peer]
        envelopes = link.receive(data, life.now)
        self._check(life, peer)
        if link.superseded:
            self._crash(life.key)
        elif envelopes:
            fresh = self._fresh(life, envelopes)
            life.pending.append(Pending(peer, link.mark, number, fresh))
        return not link.superseded and not envelopes

    def _fresh(self, life: Life, envelopes: list[Envelope]) -> tuple[Envelope, ...]:
        """Drop what this host, in whatever life, has seen."""
        fresh = []
        for envelope in envelopes:
            pair = envelope.src, envelope.dst
            if envelope.n > life.seen.get(pair, 0):
                life.seen[pair] = envelope.n
                fresh.append(envelope)
        return tuple(fresh)

    def _back(self, number: Hashable, *, keep: bool = False) -> bool:
        call = self.calls.get(number)
        if call is None or call.state != ANSWERED:
            return False
        if not keep:
            del self.calls[number]
        life = self.lives.get(call.src)
        if life is not None:
            self._take(life, call.dst, call.data, None)
        return True

    def _echo(self, number: Hashable) -> bool:
        """Let an answer arrive that will arrive once more."""
        return self._back(number, keep=True)

    def _repeat(self, number: Hashable) -> bool:
        """Let a frame travel twice; nobody waits for the answer to the copy."""
        call, twin = self.calls.get(number), (number, "again")
        if call is None or call.state != ASKED or twin in self.calls:
            return False
        self.calls[twin] = call._replace(watched=False)
        return True

    def _lose(self, number: Hashable) -> bool:
        """Let a call fail at whatever point it is; the caller is told unless it is dead."""
        call = self.calls.pop(number, None)
        if call is None:
            return False
        life = self.lives.get(call.src)
        if life is not None and call.watched:
            life.links[call.dst].lost()
            self._check(life, call.dst)
        return True

    def _vanish(self, number: Hashable) -> bool:
        """Let a call be lost, and nobody notice."""
        return self.calls.pop(number, None) is not None

    # --- what befalls a host ----------------------------------------------------------------------

    def _crash(self, key: Key) -> bool:
        if self.lives.pop(key, None) is None:
            return False
        for number, call in list(self.calls.items()):
            if call.holder == key:
                self.calls[number] = call._replace(state=FAILED, holder=None)
        return True

    def _fence(self, host: str) -> bool:
        """Begin the next life: fence off all before."""
        self.incarnations[host] += 1
        self.journals[host].fence = self.incarnations[host]
        return True

    def _restore(self, host: str) -> bool:
        """Read what the lives before have left, and go on from there."""
        if self.journals[host].closed == self.incarnations[host]:
            return False
        self.journals[host].closed = self.incarnations[host]
        self._live(host)
        return True

    def _live(self, host: str) -> None:
        key = host, self.incarnations[host]
        links = {
            peer: self.rules.link(*key, peer, 1, self.rules.limits)
            for peer in self.rules.hosts
            if peer != host
        }
        self.lives[key] = Life(key, links, self.journals[host])

    def _tell(self, key: Key, peer: str) -> bool:
        """Let a life hear from the supervisor which life a peer is in."""
        life, incarnation = self.lives.get(key), self.journals[peer].closed
        if life is None or life.links[peer].peer_incarnation >= incarnation:
            return False
        life.links[peer].peer_restarted(incarnation)
        self._check(life, peer)
        return True

    def _time(self, key: Key, elapsed: int = 0) -> bool:
        """Let time pass for one life: so long, or until its next alarm."""
        life = self.lives.get(key)
        if life is None:
            return False
        wake = min(link.wake_at for link in life.links.values())
        if not elapsed and not life.now < wake < NEVER:
            return False
        life.now = life.now + elapsed if elapsed else wake
        return True

    # --- what must hold ---------------------------------------------------------------------------

    def _check(self, life: Life, peer: str) -> None:
        link, limits = life.links[peer], self.rules.limits
        outgoing, incoming = link.outgoing, link.incoming
        given = life.given[peer]
        gone = len(given) - outgoing.waiting
        last = self.journals[peer].last
        for envelope in given[life.forgotten[peer] : gone]:
            if envelope.n > last.get((envelope.src, envelope.dst), 0):
                message = f"{life.key} forgets {envelope.id}, which {peer} has not journaled"
                raise Violation(message)
        life.forgotten[peer] = gone
        unacked = outgoing._unacked
        sizes = [size for _, size in unacked]
        other = self.lives.get((peer, link.peer_incarnation))
        twin = None if other is None else other.links[life.key[0]]
        if twin is None or twin.peer_incarnation != life.key[1]:
            twin = None  # not, or not any more, in the same session
        rules = {
            "more is under way than the window": len(unacked) <= limits.window,
            "a number beyond the credit is used": outgoing.next_number - 1 <= outgoing.credit,
            "bytes are counted wrongly": outgoing._unacked_bytes == sum(sizes),
            "too many bytes are under way": sum(sizes[:-1]) < limits.unacked_bytes,
            "more is handed out than the window": incoming.handed <= incoming.credit,
            "more is acknowledged than handed out": incoming.committed <= incoming.handed,
            "more waits for what it overtook than the window": len(incoming._early)
            <= limits.window,
            "there is more credit than was given": twin is None
            or outgoing.credit <= twin.incoming.credit,
            "more is forgotten than committed": twin is None
            or outgoing.acked <= twin.incoming.committed,
            "more was handed out than was sent": twin is None
            or twin.incoming.handed <= outgoing._highest,
        }
        for text, holds in rules.items():
            if not holds:
                message = f"{life.key} to {peer}: {text}"
                raise Violation(message)

    def settle(self) -> int:
        """Let everything happen without trouble; return how many steps it took.

        Raises:
            Violation: Something never arrives, or the hosts do not come to rest.
        """
        taken = waits = 0
        pairs = [sent for journal in self.journals.values() for sent in journal.sent.values()]
        for _ in range(SETTLING_ROUNDS + SETTLING_ROUNDS_EACH * sum(map(len, pairs))):
            done = sum(self.apply(step) for step in self._ordinary_steps())
            taken += done
            if not done:
                waits += 1
                if not sum(self.apply(("time", key)) for key in list(self.lives)):
                    self._check_arrived()
                    return taken
            if waits > SETTLING_WAITS:
                break
        message = "the hosts do not come to rest"
        raise Violation(message)

    def _ordinary_steps(self) -> Iterator[Step]:
        for host in self.rules.hosts:
            if (host, self.incarnations[host]) not in self.lives:
                if self.journals[host].closed == self.incarnations[host]:
                    yield "fence", host
                yield "restore", host
        for number, call in list(self.calls.items()):
            if call.state == ASKED:
                yield "deliver", number, (call.dst, self.incarnations[call.dst])
            elif call.state != HELD:
                yield ("back" if call.state == ANSWERED else "lose"), number
        for key in list(self.lives):
            yield "commit", key
            for peer in self.rules.hosts:
                if peer != key[0]:
                    yield "transmit", key, peer

    def _check_arrived(self) -> None:
        for journal in self.journals.values():
            for pair, sent in journal.by_pair.items():
                received = self.journals[pair[1].partition("/")[0]].received.get(pair, 0)
                if received < len(sent):
                    message = f"{sent[received].id} of {pair} never arrives"
                    raise Violation(message)
        for life in self.lives.values():
            if not all(link.quiet for link in life.links.values()) or life.pending or self.calls:
                message = f"{life.key} does not come to rest"
                raise Violation(message)
