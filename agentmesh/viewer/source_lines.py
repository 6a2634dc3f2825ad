"""Where a handler is in the program, as text: nothing is imported.

A run says which modules define its agents, and where they were found. They are read as they are
now: a line may have moved since.
"""

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

from agentmesh.journal.run_info import RunInfo

_BYTES_MAX = 1 << 20

Place = tuple[str, int, str, str]
"""File, line, qualified name, text of the line."""


def source_of(info: RunInfo, agent_type: str, handler: str) -> dict[str, Any] | None:
    """Return where a handler is; None where that can't be told.

    Args:
        info: The run.
        agent_type: The type of the agent.
        handler: The handler's name; `run` for a workflow.
    """
    for file in _files(info):
        for name in (f"{agent_type}.{handler}", agent_type):
            found = _defined(file, _changed(file)).get(name)
            if found is not None:
                line, text = found
                return {"file": file, "line": line, "function": name, "text": text, "exists": True}
    return None


def _files(info: RunInfo) -> list[str]:
    """Return the files of the program's modules, the workflow's own first."""
    found = [info.entry.file] if info.entry.file else []
    for module in info.functions:
        parts = module.split(".")
        if not all(part.isidentifier() for part in parts):
            continue
        folders = [*info.entry.sys_path, str(Path(info.entry.file).parent)]
        for folder in folders:
            base = Path(folder, *parts)
            found += [
                str(path)
                for path in (base.with_suffix(".py"), base / "__init__.py")
                if str(path) not in found and path.is_file()
            ]
    return [file for file in found if file.endswith(".py")]


def _changed(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=64)
def _defined(file: str, changed: int) -> dict[str, tuple[int, str]]:
    """Return the lines of all classes and functions of a file, by qualified name."""
    if not changed:
        return {}
    try:
        data = Path(file).read_bytes()
        if len(data) > _BYTES_MAX:
            return {}
        tree, lines = ast.parse(data), data.decode("utf-8").splitlines()
    except (OSError, SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, tuple[int, str]] = {}
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        within, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{within}{child.name}"
                text = lines[child.lineno - 1].strip() if child.lineno <= len(lines) else ""
                found.setdefault(name, (child.lineno, text))
                waiting.append((f"{name}.", child))
    return found
