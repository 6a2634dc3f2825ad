"""`agentmesh doctor`: is everything here that a run needs?"""

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.checks import FAIL, WARN, Check, examine
from agentmesh.cli.wording import counted, visible
from agentmesh.mesh.options import store_location

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(*, store: str | None, as_json: bool) -> int:
    """Print what each check found; the exit code is 1 if one failed."""
    location = store_location(store)
    checks: list[Check] = []
    with terminal.working("looking") as update:
        for check in examine(location):
            checks.append(check)
            update(check.name)
    failed = sum(check.status == FAIL for check in checks)
    if as_json:
        terminal.print_json({"ok": not failed, "checks": [check.as_json() for check in checks]})
    else:
        _tell(checks, failed)
    return exit_codes.FAILED if failed else exit_codes.OK


def _tell(checks: list[Check], failed: int) -> None:
    from rich.text import Text

    table = terminal.table("check", "", "found")
    for check in checks:
        found = Text(visible(check.found))
        if check.fix:
            found.append(f"\n{visible(check.fix)}", style="dim")
        table.add_row(check.name, terminal.styled(check.status, _STYLES[check.status]), found)
    terminal.show(table)
    warned = sum(check.status == WARN for check in checks)
    if failed:
        end = f"{counted(failed, 'thing')} to mend before runs can work."
    elif warned:
        end = f"Runs can work; {counted(warned, 'thing')} to know."
    else:
        end = "All is well."
    terminal.show(terminal.styled(end, "red" if failed else "green"))
