"""`agentmesh state`: what agents were, had and waited for just after an event."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.wording import clock, compact, counted, shortened, took_ns, visible
from agentmesh.errors import UsageError
from agentmesh.mesh.moment import Moment
from agentmesh.mesh.naming import agent_called
from agentmesh.mesh.recorded_run import RecordedRun
from agentmesh.mesh.runs import open_run
from agentmesh.replay.changes import Change
from agentmesh.replay.stacks import FrameView
from agentmesh.replay.view import AgentView, MessageView, TaskView, TurnView
from agentmesh.replay.wording import in_words

if TYPE_CHECKING:
    from rich.table import Table

_VALUE_MAX = 2_000
_LINE_MAX = 200
_ROWS_MAX = 50
_LOCALS_MAX = 12


def state(
    name: str,
    *,
    event: str | None,
    agent: str | None,
    every: bool,
    diff: bool,
    anyway: bool,
    store: str | None,
    as_json: bool,
) -> int:
    """Show one agent, or all, as of an event; return the exit code.

    Raises:
        UnknownEventError: The run has no such event.
        UnknownAgentError: The run has no such agent.
        DivergenceError: What was recorded can't be shown, since the replay differs.
    """
    with open_run(name, store=store) as run:
        hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        with terminal.quiet_output(), terminal.working(f"replaying {run.id}") as update:

            def tell(events: int) -> None:
                update(counted(events, "event"))

            moment = _moment(run, event, agent, anyway=anyway)
            one = agent is not None or (event is not None and "@" in event)
            if one and not every:
                views = [moment.agent(on_progress=tell)]
                changes = moment.changes() if diff else None
            else:
                if diff:
                    raise UsageError(
                        "--diff shows what an event changed in its agent, and no agent is named.",
                        fix="Name the event with its agent: --event Writer/w1@118.",
                    )
                views, changes = list(moment.views(on_progress=tell)), None
            what = _event_in_words(run, moment)
    if as_json:
        terminal.print_json(_as_json(run, moment, views, changes, every=every or not one))
    elif len(views) == 1 and one and not every:
        _show_agent(moment, what, views[0], changes)
    else:
        _show_cut(moment, what, views)
    return exit_codes.OK


def _moment(run: RecordedRun, event: str | None, agent: str | None, *, anyway: bool) -> Moment:
    if agent is not None:
        agent = agent_called(agent, run.addresses(), run.id)
    if event is not None:
        return run.at(event, agent, anyway=anyway)
    if agent is not None:
        return run.at((agent, run.count_steps(agent) - 1), anyway=anyway)
    return run.at(len(run.order()) - 1, anyway=anyway)


def _event_in_words(run: RecordedRun, moment: Moment) -> str:
    return in_words(next(run.steps(moment.address, start=moment.step)))


def _as_json(
    run: RecordedRun,
    moment: Moment,
    views: list[AgentView],
    changes: list[Change] | None,
    *,
    every: bool,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "run": run.id,
        "event": str(moment),
        "agents": [each.as_json() for each in views],
    }
    if every:
        said["number"], said["cut"] = moment.number, moment.cut
    if changes is not None:
        said["changes"] = [each.as_json() for each in changes]
    return said


# --- one agent ------------------------------------------------------------------------------------


def _show_agent(moment: Moment, what: str, seen: AgentView, changes: list[Change] | None) -> None:
    from rich.text import Text

    at = clock(seen.now_ns) if seen.now_ns else ""
    headline = Text.assemble(
        (visible(str(moment)), "bold"), "  ", visible(what), ("  " + at, "dim")
    )
    terminal.show(headline)
    _warn(seen)
    if changes is not None:
        _show_changes(changes)
    else:
        show_view(seen)


def show_view(seen: AgentView) -> None:
    """Print what is seen of an agent."""
    terminal.show(terminal.styled(f"  {_standing(seen)}", "dim"))
    if seen.problem:
        terminal.show(terminal.styled(f"  {visible(seen.problem)}", "red"))
    if seen.state:
        _title("state")
        rows = [(visible(name), _value(value)) for name, value in seen.state.items()]
        terminal.show(terminal.pairs(rows))
    for turn in seen.turns:
        _show_turn(turn)
    _show_waiting(seen)
    if seen.mailbox:
        _title(f"mailbox: {counted(len(seen.mailbox), 'message')}")
        terminal.show(_mailbox(seen.mailbox))


def _warn(seen: AgentView) -> None:
    if seen.diverged:
        text = "  Not as it was recorded: the replay differs from here, or from before."
        terminal.show(terminal.styled(text, "red"))


def _standing(seen: AgentView) -> str:
    parts = [seen.lifecycle]
    if seen.turns:
        parts.append(counted(len(seen.turns), "open turn"))
    elif seen.step >= 0:
        parts.append("at rest" if not (seen.mailbox or seen.timers) else "no open turn")
    if seen.mailbox:
        parts.append(f"{counted(len(seen.mailbox), 'message')} waiting")
    return ", ".join(parts)


def _title(text: str) -> None:
    terminal.show(terminal.styled(f"\n{text}", "bold"))


def _value(value: Any, limit: int = _VALUE_MAX) -> str:
    return shortened(compact(value), limit)


def _show_turn(turn: TurnView) -> None:
    message = turn.message
    about = [f"from {visible(message.sender)} ({visible(message.id)})"]
    if turn.finished:
        about.append("answered, cleaning up")
    if turn.cancelled:
        about.append(f"cancelled: {visible(turn.cancelled)}")
    _title(f"turn {turn.number}: {visible(message.handler)}, {', '.join(about)}")
    if message.payload is not None:
        terminal.show(terminal.pairs([("  message", _value(message.payload, _VALUE_MAX // 4))]))
    own = [task for task in turn.tasks if task.stack]
    for task in own or turn.tasks[:1]:
        _show_task(task)


def _show_task(task: TaskView) -> None:
    from rich.text import Text

    terminal.show(terminal.styled(f"  {'task ' if task.name != 'handler' else ''}{task.name}"))
    for library, frames in itertools.groupby(task.stack, key=lambda each: each.library):
        if library:
            _show_library(list(frames))
        else:
            for frame in frames:
                _show_frame(frame)
    waits = task.waits_for or ("has not begun" if not task.stack else "")
    if waits:
        words = f"waits for {visible(waits)}" if task.waits_for else waits
        terminal.show(Text.assemble("    ", (words, "yellow")))


def _show_library(frames: list[FrameView]) -> None:
    """Show in one line what libraries do in between; --json has every frame."""
    first, last = frames[0].function, frames[-1].function
    inner = f" ... {last}" if len(frames) > 1 else ""
    text = f"    {visible(first + inner)} ({counted(len(frames), 'library frame')})"
    terminal.show(terminal.styled(text, "dim"))


def _show_frame(frame: FrameView) -> None:
    from rich.text import Text

    place = f"{_near(frame.file)}:{frame.line}"
    terminal.show(Text.assemble("    ", (visible(place), "cyan"), f" in {visible(frame.function)}"))
    source = frame.source or "(the file is not here)"
    terminal.show(terminal.one_line(f"      {visible(source)}"))
    for name, value in list(frame.locals.items())[:_LOCALS_MAX]:
        text = shortened(visible(value), _LINE_MAX)
        terminal.show(terminal.one_line(f"        {visible(name)} = {text}", "dim"))
    if len(frame.locals) > _LOCALS_MAX:
        more = f"        ... {len(frame.locals) - _LOCALS_MAX} more: --json has them"
        terminal.show(terminal.styled(more, "dim"))


def _near(file: str) -> str:
    """Return a path as people here would write it."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def _show_waiting(seen: AgentView) -> None:
    rows = list(_waiting(seen))
    if not rows:
        return
    _title("pending")
    table = terminal.table("what", "which", "of turn", "with", right=["of turn"], cut=["with"])
    for row in rows[:_ROWS_MAX]:
        table.add_row(*row[:3], terminal.one_line(row[3]))
    terminal.show(table)
    if len(rows) > _ROWS_MAX:
        terminal.hint(f"{len(rows) - _ROWS_MAX:,} more: --json lists all")


def _waiting(seen: AgentView) -> Iterator[tuple[str, str, str, str]]:
    for ask in seen.asks:
        which = ".".join(part for part in (ask.to, ask.handler) if part)
        yield "ask", visible(which), str(ask.turn), _value(ask.payload, _LINE_MAX)
    for effect in seen.effects:
        which = effect.name or f"effect {effect.turn}.{effect.number}"
        kind = effect.kind or "effect"
        yield kind, visible(which), str(effect.turn), _value(effect.request, _LINE_MAX)
    for timer in seen.timers:
        left = took_ns(max(timer.due_ns - seen.now_ns, 0))
        turn = str(timer.turn) if timer.turn else ""
        yield "timer", f"in {left}", turn, f"at {clock(timer.due_ns)}"


def _mailbox(messages: list[MessageView]) -> "Table":
    table = terminal.table("message", "kind", "handler", "with", cut=["with"])
    for each in messages[:_ROWS_MAX]:
        payload = terminal.one_line(_value(each.payload, _LINE_MAX))
        table.add_row(visible(each.id), each.kind, visible(each.handler), payload)
    if len(messages) > _ROWS_MAX:
        table.add_row(f"... {len(messages) - _ROWS_MAX:,} more", "", "", "")
    return table


def _show_changes(changes: list[Change]) -> None:
    from rich.text import Text

    if not changes:
        terminal.show(terminal.styled("  changed nothing", "dim"))
    for change in changes:
        name = visible(change.pointer.removeprefix("/"))
        terminal.show(Text.assemble("\n  ", (name, "bold")))
        if change.before is not None:
            terminal.show(terminal.styled(f"    - {_value(change.before)}", "red"))
        if change.after is not None:
            terminal.show(terminal.styled(f"    + {_value(change.after)}", "green"))


# --- all agents -----------------------------------------------------------------------------------


def _show_cut(moment: Moment, what: str, views: list[AgentView]) -> None:
    from rich.text import Text

    terminal.show(
        Text.assemble(
            (f"event {moment.number:,}", "bold"), f"  {visible(str(moment))}  {visible(what)}"
        ),
        terminal.styled(f"  {counted(len(views), 'agent')} at the cut of this event", "dim"),
        terminal.styled(""),
    )
    table = terminal.table(
        "agent", "event", "mailbox", "stands at", "state", right=["event", "mailbox"], cut=["state"]
    )
    for seen in views:
        table.add_row(
            visible(seen.address) + (" (diverged)" if seen.diverged else ""),
            str(seen.step),
            str(len(seen.mailbox) or ""),
            _stands_at(seen),
            terminal.one_line("" if not seen.state else _value(seen.state)),
        )
    terminal.show(table)
    terminal.hint(f"\nagentmesh state {moment.run.id} --event AGENT@N")


def _stands_at(seen: AgentView) -> str:
    for turn in seen.turns:
        for task in turn.tasks:
            frames = [frame for frame in task.stack if not frame.library]
            if frames:
                place = f"{Path(frames[-1].file).name}:{frames[-1].line}"
                return visible(f"{place} in {frames[-1].function}")
    return "" if seen.lifecycle == "live" else seen.lifecycle
