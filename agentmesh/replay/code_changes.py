"""Which parts of a program are other ones than when a run was recorded, and had a say in it.

Evidence, not suspicion: a function counts if it ran in this very agent, up to the event in
question; a class or constant, if one that ran names it. The rest may have changed at will:
an agent is a function of its events and of the code that it runs.
"""

import ast
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from agentmesh.journal.code_version import file_at
from agentmesh.journal.run_info import RunInfo
from agentmesh.journal.source_units import MODULE, digest, units_of

DIFF_LINES_MAX = 16
SHOWN_MAX = 3
"""Of so many parts the difference is looked for."""


@dataclass(frozen=True, kw_only=True)
class CodeChange:
    """One part of the program that has changed."""

    module: str
    file: str
    name: str
    """Qualified name of a function or class, name of a constant, or `<module>`."""
    how: str = "changed"
    """`changed` or `new`."""
    ran_at: int | None = None
    """The last step of the agent in which it ran; None where something that ran names it."""
    diff: list[str] = field(default_factory=list)
    """Its lines, from what was recorded to today's; empty where git does not know them."""
    note: str = ""
    """What the difference is taken from, or why there is none."""

    @property
    def shown(self) -> str:
        """How people call it."""
        return f"the module {self.module}" if self.name == MODULE else self.name


@dataclass(frozen=True, kw_only=True)
class CodeChanges:
    """What has changed, by whether it had a say."""

    used: list[CodeChange] = field(default_factory=list)
    """Nearest to the event first."""
    others: list[str] = field(default_factory=list)
    """Names of parts that have changed, but neither ran here nor are named by what did."""


def code_changes(
    info: RunInfo,
    functions: Mapping[str, Mapping[str, str]],
    files: Mapping[str, str],
    ran: Mapping[tuple[str, str], int],
) -> CodeChanges:
    """Return what has changed since a run was recorded.

    Args:
        info: The run.
        functions: Digests of today's parts, by module and name.
        files: Today's files, by module.
        ran: The last step in which a function ran, by file and name.
    """
    used = _used(files, ran)
    found: list[CodeChange] = []
    others: list[str] = []
    for module, parts in functions.items():
        before = info.functions.get(module)
        if before is None:
            continue
        for name, now in parts.items():
            if before.get(name) == now:
                continue
            if (module, name) not in used:
                others.append(name)
            else:
                how = "changed" if name in before else "new"
                at = used[module, name]
                made = CodeChange(module=module, file=files[module], name=name, how=how, ran_at=at)
                found.append(made)
    found.sort(key=lambda one: (one.how == "new", -1 if one.ran_at is None else -one.ran_at))
    compared = [_with_diff(one, info) for one in found[:SHOWN_MAX]]
    real = [one for one in compared if one is not None]
    return CodeChanges(used=[*real, *found[SHOWN_MAX:]], others=sorted(others))


_Part = tuple[str, str]
"""Module and name."""


def _used(files: Mapping[str, str], ran: Mapping[tuple[str, str], int]) -> dict[_Part, int | None]:
    """Return the parts that ran, and all that they name, with the last step they ran in."""
    texts = {module: units_of(_content(file)) for module, file in files.items()}
    homes: dict[str, list[str]] = {}
    for module, units in texts.items():
        for name in units:
            homes.setdefault(name, []).append(module)
    modules = {file: module for module, file in files.items()}
    used: dict[_Part, int | None] = {}
    for (file, name), step in ran.items():
        if file in modules and name in texts[modules[file]]:
            used[modules[file], name] = step
    waiting = list(used)
    while waiting:
        module, name = waiting.pop()
        text = texts[module].get(name, "")
        at_import = not _is_plain_function(text)
        named = {*_WORD.findall(text), name.rpartition(".")[0], MODULE}
        for other in sorted(named & homes.keys()):
            for home in [module] if module in homes[other] else homes[other]:
                part = (home, other)
                if part not in used and (at_import or not _is_plain_function(texts[home][other])):
                    used[part] = None
                    waiting.append(part)
    return used


_WORD = re.compile(r"\w+")


@lru_cache(maxsize=2048)
def _is_plain_function(text: str) -> bool:
    """Tell whether it matters only when it is called: a decorated one may be read as data."""
    try:
        node = ast.parse(text).body[0]
    except (SyntaxError, ValueError, IndexError):
        return False
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        return b""


def _with_diff(change: CodeChange, info: RunInfo) -> CodeChange | None:
    """Add how a part differs from the recorded commit's; None if only comments do."""
    note, diff = _compared(change, info)
    if note == _COMMENTS:
        return None
    return CodeChange(
        module=change.module,
        file=change.file,
        name=change.name,
        how=change.how,
        ran_at=change.ran_at,
        diff=diff,
        note=note,
    )


_COMMENTS = "only comments"


def _compared(change: CodeChange, info: RunInfo) -> tuple[str, list[str]]:
    code, name = info.code, Path(change.file).name
    if change.how == "new":
        return "it is new", []
    if not code.commit:
        why = code.problem.removeprefix("fatal: ").partition(" (")[0] or "no repository"
        return f"no commit is on record ({why})", []
    short = code.commit[:10]
    then = file_at(change.file, code.commit)
    if then is None and change.module == info.entry.module:  # a copy of it: the file that ran
        then = file_at(info.entry.file, code.commit)
    if then is None:
        return f"git has no {name} at the recorded commit {short}", []
    before = units_of(then).get(change.name)
    now = units_of(_content(change.file)).get(change.name, "")
    if before is None:
        return f"{name} has no {change.shown} at the recorded commit {short}: {_DIRTY}", []
    exact = digest(before) == info.functions[change.module].get(change.name)
    if exact and _same_code(before, now):
        return _COMMENTS, []
    if before == now:
        return f"commit {short} has today's text: {_DIRTY}", []
    lines = _unified(before, now)
    return f"{name}, against commit {short}{'' if exact else f'; {_DIRTY}'}", lines


_DIRTY = "what ran had changes that were not committed"


def _same_code(before: str, now: str) -> bool:
    try:
        return ast.dump(ast.parse(before)) == ast.dump(ast.parse(now))
    except (SyntaxError, ValueError):
        return False


def _unified(before: str, now: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), n=1, lineterm="")
    shown = [line for line in list(lines)[2:] if not line.startswith("@@")]
    more = len(shown) - DIFF_LINES_MAX
    return [*shown[:DIFF_LINES_MAX], f"... ({more} more lines)"] if more > 0 else shown


def changed_since(recorded: Mapping[str, str], today: Mapping[str, str]) -> list[str]:
    """Return the names that both know with different values, sorted."""
    return sorted(name for name in recorded if today.get(name, recorded[name]) != recorded[name])
