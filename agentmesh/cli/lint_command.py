"""`agentmesh lint`: what in a program would keep its runs from replaying, with the fix.

Imports the checker, and nothing of the program that is checked.
"""

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.wording import counted, visible
from agentmesh.errors import UsageError
from agentmesh.linting.checking import RULES, Report, check_targets
from agentmesh.linting.findings import Finding, Rule


def lint(
    targets: Sequence[str], *, select: Sequence[str], ignore: Sequence[str], as_json: bool
) -> int:
    """Check programs and return the exit code: 0 without findings, 1 with some."""
    if not targets:
        raise UsageError(
            "Nothing was named that could be checked.",
            fix="Name files, folders or modules: agentmesh lint app.py",
        )
    with terminal.working("checking"):
        report = check_targets(targets, select=_words(select), ignore=_words(ignore))
    if as_json:
        terminal.print_json(_as_json(report))
    else:
        _tell(report)
    return exit_codes.FAILED if report.findings else exit_codes.OK


def explain(word: str, *, as_json: bool) -> int:
    """Print a rule, or all that begin with a word, each with a bad and a good example."""
    rules = [rule for rule in RULES.values() if rule.id.startswith(word.upper())]
    rules = rules or [rule for rule in RULES.values() if rule.name == word.lower()]
    if not rules or not word:
        raise UsageError(f"No rule is called {word!r}.", cause=f"There are: {', '.join(RULES)}.")
    if as_json:
        terminal.print_json([asdict(rule) for rule in rules])
    else:
        terminal.show(terminal.styled("\n\n".join(_explained(rule) for rule in rules)))
    return exit_codes.OK


def _words(given: Sequence[str]) -> list[str]:
    return [word.strip() for each in given for word in each.split(",")]


def _as_json(report: Report) -> dict[str, object]:
    return {
        "files": report.files,
        "functions": report.functions,
        "findings": [
            {
                **asdict(one),
                "name": RULES[one.rule].name,
                "why": RULES[one.rule].why,
                "fix": RULES[one.rule].fix,
            }
            for one in report.findings
        ],
    }


def _tell(report: Report) -> None:
    for one in report.findings:
        terminal.show(terminal.styled(_told(one)))
    looked = f"{counted(report.files, 'file')}, "
    looked += f"{counted(report.functions, 'function')} inside handlers"
    if not report.findings:
        terminal.show(terminal.styled(f"No findings: {looked}", "green"))
        return
    rules = Counter(one.rule for one in report.findings)
    kinds = ", ".join(f"{rule} {number:,}" for rule, number in sorted(rules.items()))
    total = counted(len(report.findings), "finding")
    terminal.show(terminal.styled(f"{total} ({kinds}): {looked}", "red"))
    terminal.hint(f"More about a rule: agentmesh lint --explain {min(rules)}")


def _told(one: Finding) -> str:
    rule = RULES[one.rule]
    lines = [f"{one.place}: {one.rule} {rule.name}: {one.what}"]
    lines += [f"    | {one.source}"] if one.source else []
    lines += [f"    why: {rule.why}", f"    fix: {rule.fix}", ""]
    return visible("\n".join(lines), keep_lines=True)


def _explained(rule: Rule) -> str:
    parts = [f"{rule.id} {rule.name}", f"Why: {rule.why}", f"Fix: {rule.fix}"]
    if rule.bad:
        parts.append(f"Bad:\n{textwrap.indent(rule.bad, '    ')}")
        parts.append(f"Good:\n{textwrap.indent(rule.good, '    ')}")
    return "\n\n".join(parts)
