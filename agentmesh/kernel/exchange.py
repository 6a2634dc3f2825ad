"""What a cell sends and what it waits for: asks and effects under way."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn

from agentmesh.errors import UsageError, rebuild
from agentmesh.kernel import commands, endings, events
from agentmesh.kernel import envelope as kinds
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.identity import effect_key
from agentmesh.kernel.outbox import IssueId
from agentmesh.kernel.pending import Pending, Performer
from agentmesh.kernel.scope import Scope
from agentmesh.kernel.turn import Turn


class Exchange(Scope):
    """Base of a cell: what its code asks of the world, and the answers."""

    __slots__ = ("_asks", "_effects", "_keeps_performers", "_onward", "sent")

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        """Messages sent so far; the next one is numbered one higher."""
        self._onward: dict[str, Envelope] | None = None  # turns go on with them; not delivered
        self._asks: dict[int, Pending[Envelope]] = {}  # not answered, by the message's number
        self._effects: dict[IssueId, Pending[bytes]] = {}  # not ended
        self._keeps_performers = True

    # --- what the driver asks ---------------------------------------------------------------------

    def take_performer(self, turn: int, n: int) -> Performer:
        """Return, once, what performs the effect a `StartEffect` asked for."""
        effect = self._effects[turn, n]
        perform, effect.perform = effect.perform, None
        assert perform is not None
        return perform

    def forget_performers(self) -> None:
        """Keep nothing from now on that would perform effects: a replay has their results."""
        self._keeps_performers = False
        for effect in self._effects.values():
            effect.perform = None

    def keep_performers(self) -> None:
        """Keep from now on what performs effects: a replayed cell goes on for real."""
        self._keeps_performers = True

    # --- messages ---------------------------------------------------------------------------------

    def send(
        self,
        dst: str,
        kind: int,
        *,
        handler: str = "",
        type_: str = "",
        payload: bytes = b"",
        re: int = 0,
        deadline: int = 0,
        note: str = "",
        turn: Turn | None = None,
    ) -> int:
        """Issue a `Send` and return the message's number.

        Raises:
            RunawayTurnError: The turn has sent far too much for one event.
        """
        if kind != kinds.CANCEL:
            self.check_room()
        self.sent = number = self.sent + 1
        chain: tuple[str, ...] = ()
        if turn is not None:
            if turn.deadline and (not deadline or turn.deadline < deadline):
                deadline = turn.deadline
            if kind == kinds.ASK:
                chain = turn.chain
        envelope = Envelope(
            self.address, number, dst, kind, handler, type_, payload, re, deadline, chain, note
        )
        self.issue(commands.Send(turn.number if turn else 0, envelope))
        return number

    def ask(
        self, dst: str, handler: str, type_: str, payload: bytes, deadline: int = 0
    ) -> Pending[Envelope]:
        """Send an ask of the current turn; the reply arrives in the returned object.

        Raises:
            DeadlineExceededError: The turn's own deadline has passed already.
        """
        turn = self._turn_in_time()
        number = self.send(
            dst,
            kinds.ASK,
            handler=handler,
            type_=type_,
            payload=payload,
            deadline=deadline,
            turn=turn,
        )
        self._asks[number] = pending = Pending[Envelope](self, turn, number, dst)
        return pending

    def answer(  # noqa: PLR0917 - one place builds every answer, and it is called often
        self, to: Envelope, kind: int, type_: str, payload: bytes, turn: int, note: str = ""
    ) -> None:
        """Issue a reply, failure or chunk."""
        self.sent = number = self.sent + 1
        dst, re = to.origin or to.src, to.re or to.n
        answer = Envelope(self.address, number, dst, kind, "", type_, payload, re, 0, (), note)
        self.issue(commands.Send(turn, answer))

    def send_chunk(self, turn: Turn, type_: str, payload: bytes) -> None:
        """Send one item of a streamed answer; nobody waits for one after a `tell`."""
        if turn.envelope.kind == kinds.ASK or turn.envelope.re:
            self.check_room()
            self.answer(turn.envelope, kinds.CHUNK, type_, payload, turn.number)

    def on_answer(self, envelope: Envelope) -> None:
        """Hand an answer to whoever asked."""
        pending = self._asks.get(envelope.re)
        if pending is None:
            return  # cancelled meanwhile: the answer crossed the cancellation
        self.count_event(pending.turn)
        if envelope.kind == kinds.CHUNK:
            pending.put(envelope)
            return
        del self._asks[envelope.re]
        if envelope.kind == kinds.REPLY:
            pending.finish(envelope)
        else:
            pending.fail(rebuild(envelope.payload, envelope.note))

    # --- effects ----------------------------------------------------------------------------------

    def effect(
        self, kind: str, name: str, request: bytes, perform: Performer, *, idempotent: bool = True
    ) -> Pending[bytes]:
        """Issue an effect of the current turn.

        Args:
            kind: Effect kind.
            name: Low-cardinality name for people.
            request: Canonical, redacted request; equal requests are told apart by occurrence.
            perform: What the live driver awaits; a replay never calls it.
            idempotent: Whether it may be performed again after a failure of its host.

        Raises:
            DeadlineExceededError: The turn's deadline has passed already.
        """
        turn = self._turn_in_time()
        self.check_room()
        number = turn.next_number()
        effect_id = (turn.number, number)
        effect = Pending[bytes](self, turn, number)
        effect.key = effect_key(self.address, turn, kind, name, request)
        if self._keeps_performers:
            effect.perform = perform
        self._effects[effect_id] = effect
        self.issue_fresh(
            effect_id,
            commands.StartEffect(
                *effect_id, kind, name, effect.key, request, turn.deadline, idempotent=idempotent
            ),
        )
        return effect

    def on_effect_finished(self, event: events.EffectFinished) -> None:
        """Hand a result to whoever waits for it."""
        effect = self._effects.pop((event.turn, event.n), None)
        if effect is not None:
            self.count_event(effect.turn)
            effect.finish(event.result)

    def on_effect_failed(self, event: events.EffectFailed) -> None:
        """Hand a failure to whoever waits for the result."""
        effect = self._effects.pop((event.turn, event.n), None)
        if effect is not None:
            self.count_event(effect.turn)
            effect.fail(rebuild(event.error, event.note))

    def on_effect_streamed(self, event: events.EffectStreamed) -> None:
        """Hand on a piece of a result."""
        effect = self._effects.get((event.turn, event.n))
        if effect is not None:
            self.count_event(effect.turn)
            effect.put(event.chunk)

    # --- a turn that goes on as another -----------------------------------------------------------

    def continue_turn(self, type_: str, payload: bytes) -> NoReturn:
        """End the current turn without an answer; it goes on with another message.

        It ends as if it were cancelled, so that everything that is open in it is closed.

        Args:
            type_: Name of the message's type.
            payload: Its JSON.

        Raises:
            UsageError: Not the handler itself calls, but a task or callback of it.
        """
        turn = self.current()
        if asyncio.current_task(self.loop) is not turn.task:
            raise UsageError(
                f"am.continue_with() was called in a task that {turn.envelope.handler} started.",
                cause="It ends the whole turn, which only the handler itself can do.",
                fix="Await the task in the handler, and call am.continue_with() there.",
            )
        turn.continuation = (type_, payload)
        raise asyncio.CancelledError(turn.message)

    def send_onward(self, turn: Turn) -> None:
        """Send the message that a turn goes on with; whoever waits for the turn waits for it."""
        assert turn.continuation is not None
        type_, payload = turn.continuation
        past = turn.envelope
        self.sent = number = self.sent + 1
        onward = Envelope(
            self.address,
            number,
            self.address,
            kinds.CONTINUE,
            past.handler,
            type_,
            payload,
            past.n if past.kind == kinds.ASK else past.re,
            past.deadline,
            past.chain,
            origin=past.sender,
        )
        if self._onward is None:
            self._onward = {}
        self._onward[onward.id] = onward
        self.issue(commands.Send(turn.number, onward))

    # --- taking back what nobody waits for --------------------------------------------------------

    def withdraw(self, pending: Pending[Any]) -> None:
        """Tell the other side of an ask or effect that nobody waits any more."""
        if pending.dst:
            if self._asks.pop(pending.number, None) is not None:
                self.send(pending.dst, kinds.CANCEL, re=pending.number, turn=pending.turn)
            return
        effect_id = (pending.turn.number, pending.number)
        if self._effects.pop(effect_id, None) is not None and not self.withdraw_fresh(effect_id):
            self.issue(commands.CancelEffect(*effect_id))

    def take_back(self, wanted: Callable[[int], bool]) -> None:
        """Withdraw everything that turns of wanted numbers still wait for."""
        under_way: list[Pending[Any]] = [*self._asks.values(), *self._effects.values()]
        for pending in under_way:
            if wanted(pending.turn.number):
                pending.close()
        for timer in list(self._timers.values()):
            if wanted(timer.timer_id[0]):
                timer.cancel()

    def _turn_in_time(self) -> Turn:
        turn = self.current()
        if turn.deadline and self.now >= turn.deadline:
            raise endings.ended(endings.DEADLINE, turn.envelope, self.address)[1]
        return turn
