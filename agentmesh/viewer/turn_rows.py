"""Rows of turns: when each began, what it waited for, and how it ended.

Which message a turn handles is on record only when it ends. Until then it is taken to be the one
that has waited longest, and put right should it have been another.
"""

from agentmesh.causality.summaries import value_of
from agentmesh.kernel.commands import FinishTurn, Log
from agentmesh.viewer.agents import (
    CONTINUED,
    DONE,
    FAILED,
    OUTCOMES,
    Agent,
    OpenTurn,
)
from agentmesh.viewer.rows import Rows, u32
from agentmesh.viewer.tables import NAN, UNKNOWN


class TurnRows:
    """Fills the table of turns.

    Args:
        rows: The tables.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._turns, self._messages = rows.tables["turns"], rows.tables["messages"]
        self._of, self._sent = self._turns.fields(), self._messages.fields()

    def issues(self, agent: Agent, turn: int) -> None:
        """Take note of a turn that has issued something: it has begun by now."""
        if turn > agent.highest_turn:
            self._begin(agent, turn)
        if turn and not agent.turns[-1]:
            agent.turns[-1] = u32(turn)

    def finish(self, agent: Agent, step: int, at: float, command: FinishTurn) -> None:
        """End a message, and the turn that handled it."""
        key = self._rows.key_of(command.message)
        message = agent.waiting.get(key, UNKNOWN)
        self.issues(agent, command.turn)
        agent.waiting.pop(key, None)
        begun = self._ended(agent, command.turn, message)
        self._close(agent, begun, step, at, OUTCOMES.get(command.outcome, FAILED))
        self._put_right(agent, begun, command.turn, message)
        if message >= 0:
            self._end_message(begun, message, at, OUTCOMES.get(command.outcome, FAILED))

    def attempt_failed(self, agent: Agent, step: int, at: float, command: Log) -> None:
        """End a turn that is followed by another attempt at its message."""
        said = value_of(command.fields)
        if not isinstance(said, dict) or said.get("turn") not in agent.open:
            return  # a program may log the like
        message = agent.waiting.get(self._rows.key_of(str(said.get("message"))), UNKNOWN)
        begun = self._ended(agent, int(said["turn"]), message)
        self._close(agent, begun, step, at, FAILED)
        self._put_right(agent, begun, int(said["turn"]), message)
        if message >= 0:  # it is tried again
            self._sent.turn[message] = 0

    def sum_up(self, begun: OpenTurn) -> None:
        """Write down what a turn has used so far."""
        of, row = self._of, begun.row
        of.effects[row], of.cost[row] = u32(begun.effects_count), begun.cost
        of.input_tokens[row] = u32(begun.input_tokens)
        of.output_tokens[row] = u32(begun.output_tokens)
        self._turns.changed(row)

    def _begin(self, agent: Agent, turn: int) -> None:
        """Begin turns up to this one, with the messages that have waited longest."""
        if turn - agent.highest_turn > len(agent.waiting) + 1:  # only a made-up record says so
            agent.highest_turn = turn - 1
        numbers = self._sent.turn
        for number in range(agent.highest_turn + 1, turn + 1):
            message = next((row for row in agent.waiting.values() if not numbers[row]), UNKNOWN)
            agent.open[number] = self._add(agent, number, message, agent.chance_step, agent.chance)
            agent.figures.turns += 1
            if message >= 0:
                self._tie(agent, number, message, agent.open[number].begin)
        agent.highest_turn = turn

    def _add(self, agent: Agent, turn: int, message: int, step: int, begin: float) -> OpenTurn:
        delivered = self._sent.delivered[message] if message >= 0 else begin
        begin = max(begin, delivered)
        came, *about = self._about(message)
        of, row = self._of, self._turns.new()
        of.agent[row], of.turn[row], of.deliver_step[row] = agent.index, u32(turn), came
        of.first_step[row] = of.last_step[row] = step
        of.delivered[row], of.begin[row] = delivered, begin
        of.handler[row], of.type[row], of.src[row], of.n[row] = about
        return OpenTurn(row, begin)

    def _about(self, message: int) -> tuple[int, int, int, int, int]:
        """Return what a turn's row says of its message: step, handler, type, sender, counter."""
        if message < 0:
            return UNKNOWN, 0, 0, UNKNOWN, 0
        of = self._sent
        return (
            of.dst_step[message],
            of.handler[message],
            of.type[message],
            of.src[message],
            of.n[message],
        )

    def _tie(self, agent: Agent, turn: int, message: int, begin: float) -> None:
        """Say of a message which turn handles it, and since when."""
        of = self._sent
        of.turn[message], of.begin[message] = u32(turn), begin
        self._messages.changed(message)
        came = of.dst_step[message]
        if 0 <= came < len(agent.turns):
            agent.turns[came] = u32(turn)

    def _ended(self, agent: Agent, turn: int, message: int) -> OpenTurn:
        """Take a turn from those that are open; a message may end without one."""
        begun = agent.open.pop(turn, None)
        if begun is None:
            came = self._about(message)[0]
            step = max(came, 0) if came >= 0 else max(agent.next_step - 1, 0)
            begin = self._sent.delivered[message] if message >= 0 else agent.chance
            begun = self._add(agent, turn, message, step, begin)
        return begun

    def _close(self, agent: Agent, begun: OpenTurn, step: int, at: float, outcome: int) -> None:
        begun.close(at)
        of, row = self._of, begun.row
        of.last_step[row], of.end[row], of.outcome[row] = u32(step), at, outcome
        of.asked[row], of.performing[row] = begun.asked, begun.performing
        self.sum_up(begun)
        agent.figures.failures += outcome not in (DONE, CONTINUED)
        agent.chance_step, agent.chance = step, at

    def _put_right(self, agent: Agent, begun: OpenTurn, turn: int, message: int) -> None:
        """Give a turn the message that it was for, if it was taken to be for another."""
        sent = self._sent
        if message < 0 or not turn or sent.turn[message] == turn:
            return
        for other in agent.waiting.values():
            if sent.turn[other] == turn:
                sent.turn[other], sent.begin[other] = 0, NAN
                self._messages.changed(other)
        of, row = self._of, begun.row
        of.deliver_step[row], of.handler[row], of.type[row], of.src[row], of.n[row] = self._about(
            message
        )
        of.delivered[row] = sent.delivered[message]
        of.begin[row] = max(of.delivered[row], of.begin[row])
        self._tie(agent, turn, message, of.begin[row])

    def _end_message(self, begun: OpenTurn, message: int, at: float, outcome: int) -> None:
        of = self._sent
        of.end[message], of.outcome[message] = at, outcome
        of.cost[message] = begun.cost
        of.tokens[message] = u32(begun.input_tokens + begun.output_tokens)
        self._messages.changed(message)
