"""`agentmesh audit`: what a run promised, check by check, and whether its record keeps it."""

from agentmesh.causality.findings import Check, Finding
from agentmesh.cli import exit_codes, hash_seed, terminal
from agentmesh.cli.wording import counted, took, visible
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.store import Store
from agentmesh.mesh.auditing import REPLAY, AuditReport, audit_opened
from agentmesh.mesh.options import store_location

_SHOWN_MAX = 20
"""Violations that are told one by one; `--json` has more."""


def audit(name: str, *, store: str | None, replay: bool, as_json: bool) -> int:
    """Audit a run and return the exit code: 0, 1, or 3 if nothing is wrong but its replay."""
    location = Store(store_location(store))
    with location.open_run(name) as run:
        if replay:
            hash_seed.settle_for(run.info.hash_seed, hash_seed.RECORDED)
        # What the program prints is not the audit's answer.
        with terminal.quiet_output(), terminal.working(f"auditing {run.id}") as update:
            report = audit_opened(
                run,
                location,
                replay=replay,
                on_progress=lambda what, events: update(f"{what}, {counted(events, 'event')}"),
            )
        info = run.info
    if as_json:
        terminal.print_json(report.as_json())
    else:
        _tell(report, info)
    if report.clean:
        return exit_codes.OK
    return exit_codes.DIVERGED if report.only_diverged else exit_codes.FAILED


def _tell(report: AuditReport, info: RunInfo) -> None:
    numbers = ("checked", "violations", "open")
    table = terminal.table("check", *numbers, "what must hold", right=numbers)
    for check in report.checks:
        table.add_row(
            terminal.styled(check.name, _style(check)),
            f"{check.checked:,}",
            terminal.styled(f"{check.violations:,}", "bold red" if check.violations else ""),
            f"{check.open:,}",
            check.promise,
        )
    terminal.show(table)
    _list("Violations", report.findings, report.violations)
    if not report.settled:
        _list("Open", [one for check in report.checks for one in check.still_open], report.open)
    terminal.show(terminal.styled(_sentence(report), "green" if report.clean else "red"))
    if not report.settled:
        terminal.say(
            f"agentmesh: this run has not come to an end of its own (status: {info.status}); "
            "what has not ended in it is open, and no violation."
        )
    if any(check.name == REPLAY and check.violations for check in report.checks):
        terminal.hint(f"More about the replay: agentmesh replay {report.run_id}")


def _style(check: Check) -> str:
    if check.violations:
        return "bold red"
    return "yellow" if check.open else "green"


def _list(title: str, findings: list[Finding], total: int) -> None:
    if not findings:
        return
    shown = findings[:_SHOWN_MAX]
    lines = [f"  {visible(str(one))}" for one in shown]
    if total > len(shown):
        lines.append(f"  ... and {total - len(shown):,} more")
    terminal.show(terminal.styled(f"{title}:\n" + "\n".join(lines)))


def _sentence(report: AuditReport) -> str:
    looked = f"{counted(report.agents, 'agent')}, {counted(report.events, 'event')}, "
    looked += f"{counted(report.commands, 'command')} in {took(report.seconds)}"
    return f"{counted(report.violations, 'violation')}, {report.open:,} open: {looked}"
