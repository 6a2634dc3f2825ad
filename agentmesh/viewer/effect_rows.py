"""Rows of effects and timers, with what model calls used and cost; and of log lines."""

from agentmesh.causality.usage import Usage, model_in, usage_of
from agentmesh.kernel.commands import Log, StartEffect, StartTimer
from agentmesh.kernel.events import EffectFailed, EffectFinished
from agentmesh.viewer.agents import Agent
from agentmesh.viewer.conversation import answer_in_short, asked_in_short
from agentmesh.viewer.rows import Rows, i32, u32
from agentmesh.viewer.tables import NAN
from agentmesh.viewer.turn_rows import TurnRows

EFFECT_KINDS = {"tool": 1, "http": 2, "call": 3, "opaque": 4}
"""Kinds as numbers; 0 for any other."""
MODEL, TIMER = 5, 6
FINISHED, FAILED, CANCELLED = 1, 2, 3
LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_CRITICAL = 4
_TEXTS_MAX = 1_000
"""Different lines that are kept as texts; of others, the preview has the text."""
_TEXT_MAX = 200
_MODEL_PATHS = ("completions", "responses", "messages", "embeddings")


class EffectRows:
    """Fills the table of effects.

    Args:
        rows: The tables.
        turns: Whose effects they are.
    """

    def __init__(self, rows: Rows, turns: TurnRows) -> None:
        self._rows = rows
        self._turns = turns
        self._effects, self._logs = rows.tables["effects"], rows.tables["logs"]
        self._of, self._lines = self._effects.fields(), self._logs.fields()

    def start(self, agent: Agent, step: int, at: float, command: StartEffect) -> None:
        """Add the row of an effect."""
        rows, request, model = self._rows, command.request, ""
        kind = EFFECT_KINDS.get(command.kind, 0)
        if command.kind == "http" and any(path in command.name for path in _MODEL_PATHS):
            if command.blob and rows.run is not None:
                request = rows.run.resolve(command).request
            model = model_in(request)
            kind = MODEL if model else kind
        name = rows.effect_names.code(f"{command.kind} {command.name}")
        row = self._add(agent, step, at, (command.turn, command.n), (kind, name))
        self._of.model[row] = rows.models.code(model)
        self._of.request_bytes[row] = rows.size(request, command.blob)
        rows.previews.add("effects", row, asked_in_short(request) if model else request)
        agent.figures.effects += 1
        begun = agent.open.get(command.turn)
        if begun is not None:
            begun.start(at)

    def start_timer(self, agent: Agent, step: int, at: float, command: StartTimer) -> None:
        """Add the row of a timer."""
        name = self._rows.effect_names.code("sleep")
        self._add(agent, step, at, (command.turn, command.n), (TIMER, name))

    def end(self, agent: Agent, step: int, at: float, event: EffectFinished | EffectFailed) -> None:
        """Complete the row of an effect that has finished or failed."""
        finished = isinstance(event, EffectFinished)
        key = (event.turn, event.n)
        row = self.close(agent, step, at, key, FINISHED if finished else FAILED)
        if row is None:
            return
        if isinstance(event, EffectFailed):
            self._rows.previews.end("effects", row, event.error)
            return
        of, result = self._of, event.result
        of.result_bytes[row] = self._rows.size(result, event.blob)
        if of.kind[row] == MODEL or b'"usage"' in result:
            if event.blob and self._rows.run is not None:
                result = self._rows.run.resolve(event).result
            self._used(agent, row, event.turn, usage_of(result))
            result = answer_in_short(result)
        self._rows.previews.end("effects", row, result)

    def close(
        self, agent: Agent, step: int, at: float, key: tuple[int, int], status: int
    ) -> int | None:
        """Say how an effect or timer has ended; return its row."""
        found = agent.effects.pop(key, None)
        if found is None:
            return None
        row, began = found
        if status != CANCELLED:
            agent.causes[-1] = began
        of = self._of
        of.last_step[row], of.end[row] = i32(step), at
        of.status[row] = status
        self._effects.changed(row)
        begun = agent.open.get(key[0])
        if begun is not None and of.kind[row] != TIMER:
            begun.finish(at)
        return row

    def log(self, agent: Agent, step: int, index: int, at: float, command: Log) -> None:
        """Add a log line."""
        text, texts = 0, self._rows.texts
        if len(command.event) <= _TEXT_MAX and len(texts.texts) < _TEXTS_MAX:
            text = texts.code(command.event)
        level = LEVELS.get(command.level, _CRITICAL)
        of, row = self._lines, self._logs.new()
        of.agent[row], of.step[row], of.index[row] = agent.index, u32(step), u32(index)
        of.at[row], of.turn[row] = at, u32(command.turn)
        of.level[row], of.text[row] = level, text
        self._rows.previews.line("logs", row, command.event, command.fields)

    def _add(
        self, agent: Agent, step: int, at: float, key: tuple[int, int], what: tuple[int, int]
    ) -> int:
        of, row = self._of, self._effects.new()
        of.agent[row], of.turn[row], of.n[row] = agent.index, u32(key[0]), u32(key[1])
        of.first_step[row], of.begin[row] = u32(step), at
        of.kind[row], of.name[row] = what
        self._rows.previews.reserve("effects")
        agent.effects[key] = (row, step)
        return row

    def _used(self, agent: Agent, row: int, turn: int, used: tuple[str, Usage] | None) -> None:
        """Note what a model call used, and what that cost."""
        of, rows = self._of, self._rows
        model, usage = used if used is not None else ("", Usage())
        asked = rows.models.texts[of.model[row]]
        known = rows.prices.cost_of(model or asked, usage) if used is not None else None
        cost = NAN if known is None else known
        if not asked:
            of.model[row] = rows.models.code(model)
        of.kind[row] = MODEL
        of.input_tokens[row] = u32(usage.input_tokens)
        of.output_tokens[row] = u32(usage.output_tokens)
        of.cost[row] = cost
        begun = agent.open.get(turn)
        for one in (agent.figures, begun):
            if one is not None:
                one.input_tokens += usage.input_tokens
                one.output_tokens += usage.output_tokens
                one.cost += cost
        if begun is not None:
            self._turns.sum_up(begun)
