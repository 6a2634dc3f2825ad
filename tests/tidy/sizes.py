"""Files and functions stay small enough to be read in one go."""

import ast
from collections.abc import Iterator, Mapping

from tests.tidy.source import Finding, Source

FILE_LINES_SOFT = 400
FILE_LINES_HARD = 600
FUNCTION_LINES_MAX = 70


def long_files(source: Source, ratchet: Mapping[str, int]) -> Iterator[Finding]:
    """Report a file over the soft limit, unless the ratchet knows it and it did not grow.

    The hard limit knows no exception. A ratchet that has become too generous is
    reported as well: its numbers only go down.
    """
    lines = len(source.lines)
    allowed = ratchet.get(source.path)
    if lines > FILE_LINES_HARD:
        yield _file(source, f"{lines} lines; no file may have more than {FILE_LINES_HARD}")
    elif allowed is not None and lines > allowed:
        yield _file(source, f"{lines} lines; it had {allowed} and may only shrink")
    elif allowed is not None and lines <= FILE_LINES_SOFT:
        yield _file(source, f"{lines} lines: take it off the list of files that are too long")
    elif allowed is None and lines > FILE_LINES_SOFT:
        yield _file(source, f"{lines} lines; files stay under {FILE_LINES_SOFT}: split it")


def long_functions(source: Source) -> Iterator[Finding]:
    """Report a function that no longer fits on a screen, counted from `def` to its last line."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                what = f"{node.name} has {lines} lines; {FUNCTION_LINES_MAX} is the most"
                yield Finding(path=source.path, line=node.lineno, what=what)


def _file(source: Source, what: str) -> Finding:
    return Finding(path=source.path, line=1, what=what)
