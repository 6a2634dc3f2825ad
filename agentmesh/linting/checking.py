"""The check as a whole: load what was named, ask every rule, sort, leave out what is excused."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agentmesh.errors import UsageError
from agentmesh.linting import captured, order, outside, shared_state, source, waiting
from agentmesh.linting.findings import Finding, Rule
from agentmesh.linting.loading import Program, load, uncollected
from agentmesh.linting.names import Names
from agentmesh.linting.reach import Reached, reached
from agentmesh.linting.shared_state import RunTimeWrites
from agentmesh.linting.source import UNEXPLAINED, too_deep

RULES: dict[str, Rule] = {
    rule.id: rule
    for group in (source, shared_state, order, waiting, captured, outside)
    for rule in group.RULES
}
"""Every rule, by its id."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a check found."""

    findings: list[Finding]
    files: int
    functions: int
    """How many functions run inside handlers."""


def check_targets(
    targets: Iterable[str],
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    folder: Path | None = None,
    every_async: bool = False,
) -> Report:
    """Check files, folders and modules; nothing of them is executed.

    Args:
        targets: Files, folders, or dotted names of modules.
        select: Only these rules, or groups by the start of their ids (`AM1`); none for all.
        ignore: Without these, likewise.
        folder: Where relative targets start; the working directory.
        every_async: Judge every `async def` as if it were a handler.

    Raises:
        UsageError: A target can't be found, or no rule begins like that.
    """
    wanted = chosen(select, ignore)
    return check_program(load(targets, folder=folder), wanted=wanted, every_async=every_async)


def chosen(select: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """Return the ids of the rules that are wanted.

    Raises:
        UsageError: No rule begins like one of the words.
    """
    for word in (*select, *ignore):
        if not any(rule.startswith(word.upper()) for rule in RULES) or not word:
            raise UsageError(
                f"No rule is called {word!r}.",
                cause=f"There are: {', '.join(RULES)}.",
                fix="Give an id, or the start of several: --select AM1,AM301",
            )
    selected = tuple(word.upper() for word in select) or ("AM",)
    ignored = tuple(word.upper() for word in ignore)
    return frozenset(
        rule for rule in RULES if rule.startswith(selected) and not rule.startswith(ignored)
    )


def check_program(
    program: Program, *, wanted: Collection[str] = RULES, every_async: bool = False
) -> Report:
    """Check a program that was read."""
    names = Names(program.modules)
    found = dict.fromkeys(program.unread)
    with uncollected():
        inside = reached(names, every_async=every_async)
        if inside:
            found |= dict.fromkeys(_everything(names, inside))
    sources = {module.source.path: module.source for module in program.modules.values()}
    kept: dict[tuple[str, int, int, str], Finding] = {}
    for each in found:
        if each.rule in wanted and not (each.path in sources and sources[each.path].excuses(each)):
            # What several handlers reach is told once, for the first of them.
            kept.setdefault((each.path, each.line, each.column, each.rule), each)
    return Report(findings=sorted(kept.values()), files=program.files, functions=len(inside))


def _everything(names: Names, inside: list[Reached]) -> Iterator[Finding]:
    functions = {one.function: None for one in inside}
    changed = RunTimeWrites.of(names, inside)
    yield from captured.check_messages(names, inside)
    for here in inside:
        try:
            yield from shared_state.check(names, here, functions)
            yield from shared_state.check_reads(names, here, changed)
            yield from order.check(names, here)
            yield from waiting.check(names, here)
            yield from captured.check(names, here)
            yield from outside.check(names, here)
        except RecursionError:
            yield too_deep(here.function.module.source.path)
    for module in {one.function.module: None for one in inside}:
        for line in module.source.unexplained:
            yield Finding(
                path=module.source.path,
                line=line,
                column=1,
                rule=UNEXPLAINED.id,
                what="This `am: ignore` has no rule, or no reason after it, and excuses nothing.",
                source=module.source.line(line),
            )
