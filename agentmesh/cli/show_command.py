"""`agentmesh show`: one run on one page, or one agent's turns."""

import time
from typing import TYPE_CHECKING, Any

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.facts import AgentFacts, EffectFacts, Ended, RunFacts, gather
from agentmesh.cli.failures import described
from agentmesh.cli.run_command import store_words
from agentmesh.cli.runs_command import STATUS_STYLES, how_long, info_json
from agentmesh.cli.turns import TurnFacts, all_turns, turn_json
from agentmesh.cli.wording import (
    clock,
    compact,
    counted,
    date,
    shortened,
    spent,
    took,
    took_ns,
    users_frames,
    visible,
)
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RUNNING, RunInfo
from agentmesh.kernel.commands import CONTINUED, DEAD, DONE, OUTCOMES
from agentmesh.mesh.condition import Condition, condition_of, is_over
from agentmesh.mesh.costs import cost_of
from agentmesh.mesh.replaying import chosen
from agentmesh.mesh.runs import open_run

if TYPE_CHECKING:
    from rich.table import Table

_AGENTS_MAX = 30
_PROBLEMS_MAX = 20
_TURNS_MAX = 200
_VALUE_MAX = 300
_DRIVERS = {
    "local": "in one process, without Ray",
    "ray": "on Ray",
    "branch": "as a branch, in one process",
}

OUTCOME_STYLES = {
    "done": "green",
    "continued": "green",
    "failed": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "dead": "red",
}


def show(name: str, *, agent: str | None, store: str | None, as_json: bool) -> int:
    """Show a run, or an agent of it."""
    with open_run(name, store=store) as run:
        if agent is not None:
            return _show_agents(run, chosen(run, [agent]), as_json=as_json)
        with terminal.working(f"reading {run.id}"):
            condition = condition_of(run)
            facts = gather(run)
        if as_json:
            cost = {"cost": cost_of(run.info, facts.usage).as_json()}
            terminal.print_json({"run": info_json(run.info, condition), **facts.as_json(), **cost})
            return exit_codes.OK
        _show_run(run, condition, facts, store)
    return exit_codes.OK


def _show_run(run: Run, condition: Condition, facts: RunFacts, store: str | None) -> None:
    info = run.info
    headline = _headline(info, condition.status)
    terminal.show(headline, terminal.pairs(_about(run)), terminal.styled(""))
    _show_end(info, condition, facts)
    counts = [_counts(facts), *_spent(info, facts)]
    terminal.show(*map(terminal.styled, counts), terminal.styled(""), _agents(facts))
    if facts.effects:
        terminal.show(terminal.styled(""), _effects(list(facts.effects.values())))
    problems = [ended for ended in facts.problems if ended.outcome != DEAD]
    if problems:
        terminal.show(terminal.styled(""), _problems(problems))
    if facts.dead_letters:
        terminal.show(terminal.styled(""), _dead_letters(facts.dead_letters))
    for file, offset in facts.torn.items():
        text = f"{visible(file)} ends in the middle of a record, at byte {offset:,}: its host was "
        terminal.show(terminal.styled(text + "killed. Everything before that is shown.", "yellow"))
    where = store_words(store)
    next_ones = ("log", "replay", *(("resume",) if condition.can_resume else ()))
    terminal.hint("".join(f"\nagentmesh {name} {info.id}{where}" for name in next_ones))


def _headline(info: RunInfo, status: str) -> Any:
    from rich.text import Text

    took_words = f" in {how_long(info)}" if how_long(info) else ""
    shown = (status, STATUS_STYLES.get(status, ""))
    return Text.assemble("Run ", (visible(info.id), "bold"), "  ", shown, took_words)


def _about(run: Run) -> list[tuple[str, str]]:
    info, entry, code = run.info, run.info.entry, run.info.code
    place = entry.file or entry.module
    versions = [f"Python {info.python}"] + [
        f"{name} {info.packages[name]}"
        for name in ("agentmesh", "ray", "openai")
        if name in info.packages
    ]
    commit = f"{code.commit[:12]}{', with changes' if code.dirty else ''}" if code.commit else ""
    rows = [
        ("workflow", f"{info.workflow} ({place})"),
        ("input", shortened(compact(info.input), _VALUE_MAX)),
        ("started", f"{date(info.created_at_ns)}, {_driver(info)}"),
        ("code", commit),
        ("with", ", ".join(versions)),
        ("model", _model(info)),
        ("seed", f"{info.seed}, hash seed {info.hash_seed or 'unknown'}"),
        ("job", info.submission_id),
        ("parent", info.parent),
        ("files", run.path),
    ]
    return [(name, visible(value)) for name, value in rows]


def _driver(info: RunInfo) -> str:
    where = _DRIVERS.get(info.driver, info.driver)
    return f"{where}, journal survives the {'machine' if info.durability == 'disk' else 'process'}"


def _model(info: RunInfo) -> str:
    settings = {name: str(value) for name, value in info.settings.items()}
    model, url = settings.get("OPENAI_MODEL", ""), settings.get("OPENAI_BASE_URL", "")
    simulated = " (simulated)" if settings.get("OPENAI_SIMULATED") == "yes" else ""
    return " at ".join(part for part in (model, url) if part) + simulated


def _show_end(info: RunInfo, condition: Condition, facts: RunFacts) -> None:
    """Show the result, or the error with the traceback from where it was raised."""
    if info.status == DONE:
        text = shortened(compact(info.result), _VALUE_MAX * 4)
        terminal.show(terminal.pairs([("result", text)]), terminal.styled(""))
    elif info.status == RUNNING:
        text = visible(_on_going(info, condition, facts))
        terminal.show(terminal.styled(text, STATUS_STYLES[condition.status]), terminal.styled(""))
    elif isinstance(info.error, dict):
        terminal.show(terminal.styled(visible(error_text(info.error), keep_lines=True), "red"))
        traceback = _traceback_of_root(info, facts)
        if traceback:
            terminal.show(terminal.styled(visible(traceback, keep_lines=True), "dim"))
        terminal.show(terminal.styled(""))


def _on_going(info: RunInfo, condition: Condition, facts: RunFacts) -> str:
    """Say who drives a run that has not ended, or that nobody does."""
    ago = (time.time_ns() - (facts.last_ns or info.created_at_ns)) / 1e9
    last = f"the last event was {took(max(ago, 0))} ago"
    if condition.status == RUNNING:
        driver = condition.driver
        return f"It goes on, driven by {driver.shown}; {last}." if driver else f"It begins; {last}."
    who = condition.last_driver
    died = (
        f"{who.shown[0].upper()}{who.shown[1:]} drove it and is gone" if who else "Nobody drives it"
    )
    if condition.can_resume:
        return f"{died}; {last}. It goes on from there with `agentmesh resume`."
    over = f" It can't be resumed: its {info.deadline_seconds:g} s are over."
    return f"{died}; {last}.{over if is_over(info) else ''}"


def error_text(error: Any) -> str:
    """Return a recorded error for people, its three parts under each other."""
    if not isinstance(error, dict):
        return str(error)
    kind = str(error.get("type", "")).removeprefix("agentmesh.errors.")
    parts = [described(kind, str(error.get("what", "")))]
    parts += [f"  {error[name]}" for name in ("cause", "fix") if error.get(name)]
    return "\n".join(parts)


def _traceback_of_root(info: RunInfo, facts: RunFacts) -> str:
    root = f"{info.workflow}/"
    texts = [ended.traceback for ended in facts.problems if ended.agent.startswith(root)]
    return users_frames(texts[-1]) if texts else ""


def _counts(facts: RunFacts) -> str:
    ends = [
        f"{facts.outcomes[outcome]:,} {outcome}"
        for outcome in (*OUTCOMES, "unfinished")
        if facts.outcomes[outcome]
    ]
    parts = [
        counted(len(facts.agents), "agent"),
        counted(facts.events, "event"),
        counted(facts.commands, "command"),
        counted(facts.messages, "message") + (f" ({', '.join(ends)})" if ends else ""),
    ]
    if facts.undelivered:
        parts.append(f"{counted(facts.undelivered, 'message')} sent and never received")
    return ", ".join(parts)


def _spent(info: RunInfo, facts: RunFacts) -> list[str]:
    """Return what the run's models used and cost; nothing if none was asked."""
    used = facts.usage.values()
    if not used:
        return []
    calls = counted(sum(each.calls for each in used), "model call")
    tokens = f"{sum(each.input_tokens for each in used):,} tokens in"
    cached = sum(each.cached_tokens for each in used)
    kept = f" ({cached:,} cached)" if cached else ""
    out = f"{sum(each.output_tokens for each in used):,} out"
    return [f"{calls}: {tokens}{kept}, {out}; {visible(spent(cost_of(info, facts.usage)))}"]


def _agents(facts: RunFacts) -> "Table":
    numbers = ["messages", "turns", "sent", "effects", "log"]
    table = terminal.table("agent", *numbers, "ended", "active", right=[*numbers, "active"])
    ordered = sorted(facts.agents, key=_importance)
    for agent in ordered[:_AGENTS_MAX]:
        table.add_row(
            visible(agent.address),
            *(
                f"{number:,}"
                for number in (
                    agent.received,
                    agent.turns,
                    agent.sent,
                    agent.effects,
                    agent.log_lines,
                )
            ),
            _outcomes(agent),
            took_ns(agent.last_ns - agent.first_ns),
        )
    if len(ordered) > _AGENTS_MAX:
        table.add_row(f"... {len(ordered) - _AGENTS_MAX:,} more: --json lists all")
    return table


def _importance(agent: AgentFacts) -> tuple[bool, int, str]:
    """Put agents with problems first, then the busiest."""
    good = agent.outcomes.total() == agent.outcomes[DONE] + agent.outcomes[CONTINUED]
    return (good, -agent.events, agent.address)


def _outcomes(agent: AgentFacts) -> Any:
    from rich.text import Text

    text = Text()
    for outcome, number in sorted(agent.outcomes.items(), key=lambda item: item[0] != DONE):
        text.append(", " if text else "").append(
            f"{number:,} {outcome}", style=OUTCOME_STYLES.get(outcome, "yellow")
        )
    return text


def _effects(effects: list[EffectFacts]) -> "Table":
    numbers = ["started", "failed", "cancelled", "median", "longest"]
    table = terminal.table("effect", "kind", *numbers, right=numbers)
    for effect in effects:
        table.add_row(
            visible(effect.name),
            visible(effect.kind),
            f"{effect.started:,}",
            terminal.styled(f"{effect.failed:,}", "red" if effect.failed else ""),
            f"{effect.cancelled + effect.unfinished:,}",
            "" if effect.median_seconds is None else took(effect.median_seconds),
            "" if effect.longest_seconds is None else took(effect.longest_seconds),
        )
    return table


def _problems(problems: list[Ended]) -> "Table":
    table = terminal.table("at", "message", "handler", "ended", "why")
    for ended in problems[:_PROBLEMS_MAX]:
        table.add_row(
            clock(ended.at_ns),
            visible(ended.message),
            visible(".".join(filter(None, (ended.agent, ended.handler)))),
            terminal.styled(ended.outcome, OUTCOME_STYLES.get(ended.outcome, "yellow")),
            visible(_why(ended.error)),
        )
    if len(problems) > _PROBLEMS_MAX:
        table.add_row("...", f"{len(problems) - _PROBLEMS_MAX:,} more: --json lists all")
    return table


def _dead_letters(letters: list[Ended]) -> "Table":
    """Return what nobody handled, with what was tried before it was given up."""
    table = terminal.table("at", "dead letter", "from", "to", "why")
    for ended in letters[:_PROBLEMS_MAX]:
        table.add_row(
            clock(ended.at_ns),
            visible(ended.message),
            visible(ended.sender),
            visible(".".join(filter(None, (ended.agent, ended.handler)))),
            visible(_why(ended.error)),
        )
        for attempt in ended.history:
            number, turn = f"  attempt {attempt.get('attempt')}", f"turn {attempt.get('turn')}"
            at = attempt.get("at")
            when = clock(at) if isinstance(at, int) else ""
            table.add_row(when, number, "", turn, visible(_why(attempt.get("error"))))
    if len(letters) > _PROBLEMS_MAX:
        table.add_row("...", f"{len(letters) - _PROBLEMS_MAX:,} more: --json lists all")
    return table


def _why(error: Any) -> str:
    return error_text(error).partition("\n")[0] if error else ""


def _show_agents(run: Run, addresses: list[str], *, as_json: bool) -> int:
    turns = list(all_turns(run, addresses))
    if as_json:
        terminal.print_json({"agents": addresses, "turns": [turn_json(turn) for turn in turns]})
        return exit_codes.OK
    numbers = ["turn", "took", "sent", "effects"]
    headers = ("agent", "turn", "at", "handler", "message", "from", "ended")
    table = terminal.table(*headers, "took", "sent", "effects", right=numbers, cut=["message"])
    for turn in turns[:_TURNS_MAX]:
        table.add_row(*_turn_row(turn))
    terminal.show(table)
    if len(turns) > _TURNS_MAX:
        terminal.hint(f"{len(turns) - _TURNS_MAX:,} more turns: --json lists all")
    for turn in turns[:_TURNS_MAX]:
        if turn.error:
            what = f"\n{turn.agent} turn {turn.turn}, {turn.handler}: {error_text(turn.error)}"
            terminal.show(terminal.styled(visible(what, keep_lines=True), "red"))
            frames = visible(users_frames(turn.traceback), keep_lines=True)
            if frames:
                terminal.show(terminal.styled(frames, "dim"))
    return exit_codes.OK


def _turn_row(turn: TurnFacts) -> list[Any]:
    return [
        visible(turn.agent),
        str(turn.turn or "-"),
        clock(turn.delivered_ns),
        visible(turn.handler),
        terminal.one_line(shortened(compact(turn.payload), _VALUE_MAX)),
        visible(turn.message),
        terminal.styled(turn.outcome, OUTCOME_STYLES.get(turn.outcome, "yellow")),
        "" if turn.seconds is None else took(turn.seconds),
        str(turn.sent),
        str(turn.effects),
    ]
