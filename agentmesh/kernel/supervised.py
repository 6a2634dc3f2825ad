"""A cell whose agent has a policy for failures: restart, stop, escalate.

An agent without a policy is a plain `Cell` and pays nothing for this.

Theory of operation. A failure is judged when its turn ends, before the next one starts. A
restart gives the cell an instance made anew; turns that are open at that moment are
cancelled, for they work on an instance that is no longer the agent's, and what becomes of
them is no second failure. During a rest the mailbox is closed: messages wait there, with
their deadlines, until a timer outside any turn fires. A message that is tried again goes
back to the head of the mailbox; each attempt is a turn of its own and a log line, and only
the last ends in the message's one `FinishTurn`.

What a message did before it failed is done: its sends are not taken back. One that has
streamed items of its answer already is not tried again, for its asker would get them twice.
"""

import json
from collections import deque
from contextvars import Context
from typing import Any

from agentmesh.errors import (
    AgentStoppedError,
    EscalatedError,
    PoisonMessageError,
    describe,
    traceback_of,
)
from agentmesh.kernel import commands, endings, lifecycle, monitoring
from agentmesh.kernel.behavior import Behavior
from agentmesh.kernel.cell import Cell
from agentmesh.kernel.envelope import Envelope
from agentmesh.kernel.prng import KeyedRandom
from agentmesh.kernel.supervision import (
    ATTEMPT_FAILED,
    ESCALATE,
    RESTART,
    RESTARTED,
    Policy,
    Standing,
)
from agentmesh.kernel.turn import Turn

_AGAIN = "again"
"""Instead of an outcome: the message goes on in another turn."""

History = list[dict[str, Any]]


def cell_for(behavior: Behavior, run: object = None) -> Cell:
    """Return a new cell of the right class for a behaviour."""
    if behavior.supervision is None:
        return Cell(behavior, run)
    return SupervisedCell(behavior, behavior.supervision, run)


class SupervisedCell(Cell):
    """A cell with a policy.

    Args:
        behavior: The agent type.
        policy: What to do about failures.
        run: As for `Cell`.
    """

    __slots__ = ("_earlier_turns", "_occurrences", "_streamed", "_tried", "policy", "standing")

    def __init__(self, behavior: Behavior, policy: Policy, run: object = None) -> None:
        super().__init__(behavior, run)
        self.policy = policy
        self.standing = Standing()
        """What a snapshot keeps of all this."""
        self._earlier_turns = 0  # turns up to this number worked on an instance that is gone
        # Of open messages only, by id: at rest there are none.
        self._tried: dict[str, History] = {}  # failed attempts of those that are tried again
        self._occurrences: dict[str, dict[str, int] | None] = {}  # of effects in these attempts
        self._streamed: dict[str, None] = {}  # those whose answer has begun

    # --- creation and time ------------------------------------------------------------------------

    def _create(self, state: bytes) -> None:
        if not self.standing.restarts:
            self.standing.fresh = state
        super()._create(state)
        if self._broken is not None and self.standing.restarts:
            self._give_up(self.policy.then, "", self._broken)
            self._finish_giving_up()

    def on_spawned(self, envelope: Envelope) -> None:
        """Take in who spawned the agent: the first who did is its parent."""
        self.standing.parent = self.standing.parent or envelope.src

    def on_own_timer(self, n: int) -> None:
        """End the rest."""
        standing = self.standing
        if n == standing.timer:
            self.now = max(self.now, standing.rests_until)
            standing.timer = standing.rests_until = 0
            self._settle()

    def _is_free(self) -> bool:
        return not self.standing.timer and super()._is_free()

    def _start_ready(self) -> None:
        if not self.standing.timer and self.state != lifecycle.STOPPED:
            super()._start_ready()

    def pauses(self) -> bool:
        """Tell whether nothing is open but the mailbox, and no message is tried again."""
        tries = self._tried or self._occurrences or self._streamed
        return not tries and super().pauses()

    def _start_turn(self, envelope: Envelope) -> None:
        super()._start_turn(envelope)
        tried = self._tried.get(envelope.id) if self._tried else None
        turn = self.turns.get(envelope.id)
        if tried is None or turn is None:
            return
        # What is drawn and how effects are told apart differ between attempts: otherwise bad
        # luck would repeat itself, and two effects of the message have the same key.
        attempt = f"attempt {len(tried) + 1}"
        turn.random = KeyedRandom(self.seed, self.address, turn.message, attempt)
        turn.occurrences = self._occurrences.pop(envelope.id, None)

    def send_chunk(self, turn: Turn, type_: str, payload: bytes) -> None:
        """Send one item of a streamed answer, and remember that the answer has begun."""
        if self.policy.attempts > 1:
            self._streamed[turn.message] = None
        super().send_chunk(turn, type_, payload)

    # --- how a turn ends --------------------------------------------------------------------------

    def _finish(self, turn: Turn, outcome: str, error: BaseException | None) -> None:
        if turn.finished:
            return
        if outcome == commands.DONE:
            self._keep_good(turn)
        elif outcome == commands.FAILED and error is not None and self._counts(turn):
            outcome, error = self._on_failure(turn, error)
        gives_up = self.state == lifecycle.STOPPED
        if error is None:
            self._forget(turn.message)
        super()._finish(turn, outcome, error)
        if gives_up:
            self._finish_giving_up()

    def _counts(self, turn: Turn) -> bool:
        """Tell whether a failed turn is a failure of the agent."""
        ended = bool(turn.cancel_reason) and self._runaway is None
        late = turn.number <= self._earlier_turns or self.state == lifecycle.STOPPED
        return not ended and not late

    def _keep_good(self, turn: Turn) -> None:
        if not self.policy.last_good or turn.number <= self._earlier_turns:
            return
        try:
            self.standing.good = self.behavior.dump(self.instance)
        except Exception as error:  # noqa: BLE001 - the turn went well; only its state can't be kept
            self.report("the state can't be kept for a restart", error)

    def _on_failure(self, turn: Turn, error: BaseException) -> tuple[str, BaseException]:
        """Judge a failure and begin what follows; return how the turn's message ends."""
        history = self._tried.pop(turn.message, [])
        said = json.loads(describe(error))
        history.append(
            {"attempt": len(history) + 1, "at": self.now, "turn": turn.number, "error": said}
        )
        directive = self.standing.judge(self.policy, self.now)
        if directive == RESTART:
            if len(history) < self.policy.attempts and turn.message not in self._streamed:
                self._try_again(turn, history)
                self._restart(turn)
                return _AGAIN, error
            self._restart(turn)
        else:
            self._give_up(directive, turn.message, error)
        if len(history) > 1:
            poison = _poison(self.address, turn, history)
            poison.__cause__ = error
            return commands.DEAD, poison
        return commands.FAILED, error

    def _end(self, envelope: Envelope, turn: int, outcome: str, error: BaseException) -> None:
        if outcome != _AGAIN:
            self._forget(envelope.id)
            super()._end(envelope, turn, outcome, error)

    def _forget(self, message: str) -> None:
        if self.policy.attempts > 1:
            for kept in (self._tried, self._occurrences, self._streamed):
                kept.pop(message, None)

    def _try_again(self, turn: Turn, history: History) -> None:
        self._tried[turn.message] = history
        self._occurrences[turn.message] = turn.occurrences
        if self._mailbox is None:
            self._mailbox = deque()
        self._mailbox.appendleft(turn.envelope)
        said = {"message": turn.message, "attempts": self.policy.attempts, **history[-1]}
        self._say(turn.number, ATTEMPT_FAILED, said)

    def _say(self, turn: int, event: str, fields: dict[str, Any]) -> None:
        data = json.dumps(fields, separators=(",", ":")).encode()
        self.issue(commands.Log(turn, "warning", event, data))

    # --- restart ----------------------------------------------------------------------------------

    def _restart(self, failed: Turn | None) -> None:
        """Go back to an earlier state; open turns beside the failed one are cancelled."""
        standing = self.standing
        standing.restarts += 1
        self._earlier_turns = self._turns_started
        for turn in self.turns.values():
            if turn is not failed:
                self._cancel_turn(turn, endings.FAILURE)
        rest = standing.rest_ns(self.policy, self.seed, self.address)
        state = "last_good" if self.policy.last_good else "fresh"
        said = {"restarts": standing.restarts, "state": state, "rest_ns": rest}
        self._say(failed.number if failed else 0, RESTARTED, said)
        self._wake_later(rest)
        back_to = (self.policy.last_good and standing.good) or standing.fresh
        # Ready before any turn that starts from here on: they find the new instance.
        self.loop.call_soon(self._create, back_to, context=Context())

    def _wake_later(self, rest: int) -> None:
        if not rest:
            return
        self._stop_resting()
        standing = self.standing
        self._outside += 1
        standing.timer, standing.rests_until = self._outside, self.now + rest
        timer = commands.StartTimer(0, standing.timer, standing.rests_until)
        self.issue_fresh((0, standing.timer), timer)

    def _stop_resting(self) -> None:
        standing = self.standing
        if standing.timer and not self.withdraw_fresh((0, standing.timer)):
            self.issue(commands.CancelTimer(0, standing.timer))
        standing.timer = standing.rests_until = 0

    # --- the end of the agent ---------------------------------------------------------------------

    def _give_up(self, directive: str, message: str, error: BaseException) -> None:
        """Stop taking messages; with `ESCALATE` the parent is told before anybody else."""
        escalates = directive == ESCALATE
        self.note_down(monitoring.ESCALATED if escalates else monitoring.FAILED, error)
        self._broken = _stopped(self.address, error)
        self._move(lifecycle.GAVE_UP)
        if escalates:
            self._escalate(message, error)

    def _finish_giving_up(self) -> None:
        for turn in self.turns.values():
            self._cancel_turn(turn, endings.FAILURE)
        self._drop_mailbox()

    def _escalate(self, message: str, error: BaseException) -> None:
        parent = self.standing.parent
        if not parent or parent == self.address:
            parent = self.behavior.root(self.run)
        data = describe(_escalated(self.address, message, error))
        self.escalate_to(parent, data, traceback_of(error))

    def fail_with(self, error: Exception) -> None:
        """Let the open turns fail with an agent below; that is a failure like others."""
        super().fail_with(error)
        directive = self.standing.judge(self.policy, self.now)
        if directive == RESTART:
            self._restart(None)
            self._settle()
        else:
            self._give_up(directive, "", error)
            self._finish_giving_up()

    def _wind_up(self) -> None:
        self._stop_resting()
        super()._wind_up()


def _poison(address: str, turn: Turn, history: History) -> PoisonMessageError:
    return PoisonMessageError(
        f"{turn.envelope.handler} of {address} failed {len(history)} times with {turn.message}, "
        f"last with {_in_words(history[-1]['error'])}",
        cause="The message makes the handler fail whenever it is tried: a poison message.",
        fix="`agentmesh show` lists it among the dead letters, with every attempt.",
        message=turn.message,
        history=history,
    )


def _in_words(error: dict[str, Any]) -> str:
    kind = str(error["type"]).removeprefix("builtins.").removeprefix("agentmesh.errors.")
    return f"{kind}: {error['what']}"


def _stopped(address: str, error: BaseException) -> AgentStoppedError:
    said = json.loads(describe(error))
    return AgentStoppedError(
        f"{address} has stopped after a failure: {_in_words(said)}",
        cause="Its supervision says so, perhaps after too many restarts.",
        fix="Correct what failed, choose another policy in @am.agent(supervision=...), or send "
        "to another key.",
        address=address,
        error=said,
    )


def _escalated(address: str, message: str, error: BaseException) -> EscalatedError:
    said = json.loads(describe(error))
    handling = f" while it handled {message}" if message else ""
    return EscalatedError(
        f"{address} failed{handling}, and its supervision escalates: {_in_words(said)}",
        cause="It failed more often than its supervision allows, or is to escalate at once.",
        fix="Correct what failed, or choose another policy in @am.agent(supervision=...) of the "
        "agent or of whoever spawned it.",
        agent=address,
        message=message,
        error=said,
    )
