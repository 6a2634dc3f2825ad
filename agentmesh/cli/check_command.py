"""`agentmesh check`: recorded runs on today's code, and which of them behave otherwise."""

from pathlib import Path

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.junit import junit
from agentmesh.cli.wording import counted, visible
from agentmesh.errors import UsageError
from agentmesh.mesh.check_report import DIFFERS, SAME, UNCHECKED, CheckReport, Group
from agentmesh.mesh.checking import check

_RUNS_MAX = 10
"""Runs of a group that are named; `--json` and `--junit` have all."""


def check_runs(
    names: list[str],
    *,
    store: str | None,
    program: str | None,
    agents: tuple[str, ...],
    processes: int,
    timeout_seconds: float,
    junit_file: str | None,
    as_json: bool,
) -> int:
    """Check runs; return 0, 3 if one behaves otherwise, or 1 if one could not be checked."""
    with terminal.working("checking") as update:
        report = check(
            *names,
            store=store,
            program=program,
            agents=agents,
            processes=processes,
            deadline_seconds=timeout_seconds,
            on_progress=lambda done, every: update(f"{done:,} of {counted(every, 'run')}"),
        )
    if junit_file is not None:
        _write(junit_file, junit(report))
    if as_json:
        terminal.print_json(report.as_json())
    else:
        _tell(report)
    if report.count(DIFFERS):
        return exit_codes.DIVERGED
    return exit_codes.OK if report.clean else exit_codes.FAILED


def _write(file: str, text: str) -> None:
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} can't be written: {error}.", fix="Name another file with --junit."
        ) from error


def _tell(report: CheckReport) -> None:
    counts = [f"{report.count(SAME):,} the same"]
    counts += [f"{report.count(DIFFERS):,} differ"] if report.count(DIFFERS) else []
    left = report.count(UNCHECKED)
    counts += [f"{left:,} could not be checked"] if left else []
    text = f"{counted(len(report.runs), 'run')}: {', '.join(counts)}"
    terminal.show(terminal.styled(text, "green" if report.clean else "red"))
    for group in report.groups():
        _tell_group(group)


def _tell_group(group: Group) -> None:
    differs = group.status == DIFFERS
    head = visible(group.why) if differs else f"could not be checked: {visible(group.why)}"
    terminal.show(terminal.styled(f"\n{head}", "bold"))
    columns = ("run", "workflow", "from", "agents that differ") if differs else ("run", "workflow")
    table = terminal.table(*columns)
    for one in group.runs[:_RUNS_MAX]:
        row = [visible(one.run), visible(one.workflow)]
        if differs:
            row += [visible(one.event), f"{one.divergences:,} of {one.agents:,}"]
        table.add_row(*row)
    terminal.show(table)
    if len(group.runs) > _RUNS_MAX:
        terminal.show(terminal.styled(f"... and {len(group.runs) - _RUNS_MAX:,} more", "dim"))
    text = visible(group.runs[0].report, keep_lines=True)
    terminal.show(terminal.styled(f"\n{text}" if differs else text))
