"""`agentmesh diff`: where two runs part, and what they came to."""

from typing import Any

from agentmesh.causality.alignment import MEANING, Parting, Side
from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.event_lines import brief, event_line, show_lines
from agentmesh.cli.failures import described
from agentmesh.cli.wording import compact, counted, shortened, spent, took, visible
from agentmesh.journal.run_info import RunInfo
from agentmesh.mesh.comparing import RunDiff, diff
from agentmesh.mesh.runs import open_run

_VALUE_MAX = 60
_NAMES_MAX = 10


def diff_runs(
    one: str, other: str, *, store: str | None, limit: int, states: bool, as_json: bool
) -> int:
    """Compare two runs; the exit code is 1 if they differ, as that of diff."""
    if states:
        with open_run(one, store=store) as run:
            hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
    with terminal.quiet_output(), terminal.working("comparing"):
        found = diff(one, other, store=store, states=states)
    if as_json:
        terminal.print_json(found.as_json())
    else:
        _print(found, limit)
    return exit_codes.OK if found.identical else exit_codes.FAILED


def _print(found: RunDiff, limit: int) -> None:
    aligned = found.alignment
    heading = f"one    {found.one.id}\nother  {found.other.id}"
    terminal.show(terminal.styled(visible(heading, keep_lines=True), "bold"), terminal.styled(""))
    if found.identical:
        text = f"No difference: {counted(len(aligned.same), 'agent')} did the same in both.\n"
        terminal.show(terminal.styled(text))
    for number, parting in enumerate(aligned.partings[:limit]):
        _print_parting(parting, first=number == 0)
    more = len(aligned.partings) - limit
    if more > 0:
        left = f"... and {counted(more, 'more agent')}; see --limit.\n"
        terminal.show(terminal.styled(left, "dim"))
    named = (
        ("Only in one", aligned.only_one),
        ("Only in other", aligned.only_other),
        ("The same in both", aligned.same if not found.identical else []),
    )
    lines = [f"{text}: {_listed(names)}.\n" for text, names in named if names]
    lines += _states(found)
    terminal.show(*(terminal.styled(line) for line in lines), _figures(found))


def _print_parting(parting: Parting, *, first: bool) -> None:
    from rich.text import Text

    when = "parts first" if first else "parts"
    where = f", at {visible(parting.pointer)}" if parting.pointer else ""
    agent = (visible(parting.agent), "bold")
    terminal.show(Text.assemble(agent, f" {when}: {MEANING[parting.kind]}{where}"))
    sides = (("one", parting.one), ("other", parting.other))
    width = max(len(visible(side.event)) for _, side in sides)
    for name, side in sides:
        show_lines(_side(name, side, width, parting.pointer))
    terminal.show(terminal.styled(""))


def _states(found: RunDiff) -> list[str]:
    """Return what agents ended with, where it differs."""
    lines = []
    for agent, changed in found.states.items():
        values = [
            f"  {each.attribute}: {brief(each.one) or 'null'} in one, "
            f"{brief(each.other) or 'null'} in other"
            for each in changed
        ]
        lines.append("\n".join([f"{visible(agent)} ended with", *values, ""]))
    for agent, why in found.untold.items():
        lines.append(f"What {visible(agent)} ended with can't be told: {visible(why)}\n")
    return lines


def _side(name: str, side: Side, width: int, pointer: str) -> Any:
    payload = side.payload
    if pointer.count("/") == 1 and isinstance(payload, dict):
        payload = payload.get(pointer[1:], payload)  # only the field that differs
    event, words = (visible(side.event).ljust(width), "bold"), (f"  {visible(side.what)}", "")
    return event_line((f"  {name:<5}  ", ""), event, words, payload=payload)


def _figures(found: RunDiff) -> Any:
    """Return what can be counted, side by side."""
    one, other = found.figures
    rows: list[tuple[str, str, str]] = [
        ("status", found.one.status, found.other.status),
        ("came to", _end(found.one), _end(found.other)),
        ("took", took(one.seconds), took(other.seconds)),
        ("agents", f"{one.agents:,}", f"{other.agents:,}"),
        ("events", f"{one.events:,}", f"{other.events:,}"),
        ("messages", f"{one.messages:,}", f"{other.messages:,}"),
    ]
    for name in sorted({*one.outcomes, *other.outcomes}):
        left, right = one.outcomes.get(name, 0), other.outcomes.get(name, 0)
        rows.append((f"  {name}", f"{left:,}", f"{right:,}"))
    for name in sorted({*one.effects, *other.effects}):
        left, right = one.effects.get(name, 0), other.effects.get(name, 0)
        rows.append((name, f"{left:,}", f"{right:,}"))
    rows += [
        ("failed effects", f"{one.failed_effects:,}", f"{other.failed_effects:,}"),
        ("input tokens", f"{one.input_tokens:,}", f"{other.input_tokens:,}"),
        ("output tokens", f"{one.output_tokens:,}", f"{other.output_tokens:,}"),
    ]
    if one.usage or other.usage:
        rows.append(("cost", spent(found.costs[0]), spent(found.costs[1])))
    made = terminal.table("", "one", "other", cut=("", "one", "other"))
    for name, mine, its in rows:
        if (mine, its) != ("0", "0"):
            style = "" if mine == its else "yellow"
            cells = (terminal.one_line(visible(cell), style) for cell in (mine, its))
            made.add_row(terminal.one_line(visible(name)), *cells)
    return made


def _end(info: RunInfo) -> str:
    if info.error is not None:
        error = info.error if isinstance(info.error, dict) else {}
        text = described(str(error.get("type", "")), str(error.get("what", "")))
        return shortened(text, _VALUE_MAX)
    return shortened(compact(info.result), _VALUE_MAX)


def _listed(names: list[str]) -> str:
    shown = ", ".join(visible(name) for name in names[:_NAMES_MAX])
    more = len(names) - _NAMES_MAX
    return f"{shown} and {more:,} more" if more > 0 else shown
