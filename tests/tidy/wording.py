"""Every module says what it is, and nothing is left that was meant for its writer only."""

import ast
import re
from collections.abc import Iterator

from tests.tidy.source import Finding, Source

_NOTES = re.compile(r"\b(?:TO(?:)DO|FIX(?:)ME|XX(?:)X|HA(?:)CK)\b")  # (?:) hides them from itself
_MACHINE_PATHS = re.compile(r"(?<![\w./~*}-])/(?:home|opt|root|work|Users|mnt)/\w+")


def missing_docstrings(source: Source) -> Iterator[Finding]:
    """Report a module, or a package, that does not open by saying what it is."""
    if ast.get_docstring(source.tree) is None:
        yield Finding(path=source.path, line=1, what="does not open with a docstring")


def leftover_notes(source: Source) -> Iterator[Finding]:
    """Report notes to oneself: the work is done, or it is an issue."""
    yield from _lines_with(_NOTES, source, "is a note to its writer: do it, or raise an issue")


def machine_paths(source: Source) -> Iterator[Finding]:
    """Report paths that exist on one machine only."""
    yield from _lines_with(_MACHINE_PATHS, source, "exists on one machine only")


def _lines_with(pattern: re.Pattern[str], source: Source, what: str) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, start=1):
        match = pattern.search(line)
        if match and not source.is_exempt(number):
            yield Finding(path=source.path, line=number, what=f"{match[0]!r} {what}")
