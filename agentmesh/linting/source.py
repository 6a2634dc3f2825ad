"""Reading one file: its text, its tree, and the findings that its author has excused.

A file that can't be read is told as a finding, never as an exception: one damaged
file must not keep the others from being checked. Knows nothing of agents.
"""

import ast
import io
import re
import tokenize
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from agentmesh.linting.findings import Finding, Rule

BYTES_MAX = 4 << 20
"""Longer files are data with a Python face; parsing one takes a gigabyte of memory."""

UNREADABLE = Rule(
    id="AM001",
    name="unreadable",
    why="What can't be read can't be checked, and could not be imported either.",
    fix="Correct the file, or leave it out.",
)
UNEXPLAINED = Rule(
    id="AM002",
    name="ignore-without-reason",
    why="An `am: ignore` without rule and reason excuses nothing: nobody could judge it.",
    fix="Write the rule and the reason: `# am: ignore[AM101] filled before the run starts`.",
    bad="CALLS += 1  # am: ignore",
    good="CALLS += 1  # am: ignore[AM101] a gauge that no handler reads",
)
RULES = (UNREADABLE, UNEXPLAINED)

_IGNORE = re.compile(r"#\s*am:\s*ignore\b(?:\[([^\]]*)\])?(.*)", re.IGNORECASE)


@dataclass
class Source:
    """One file that could be read."""

    path: str
    """As findings name it."""
    text: str
    tree: ast.Module
    ignored: dict[int, frozenset[str]] = field(default_factory=dict)
    """For each line, the rules that are excused there."""
    unexplained: list[int] = field(default_factory=list)
    """Lines whose excuse has no reason."""

    def finding(self, rule: Rule, node: ast.AST, what: str) -> Finding:
        """Return a finding at a node."""
        line: int = getattr(node, "lineno", 1)
        return Finding(
            path=self.path,
            line=line,
            column=self._column(line, getattr(node, "col_offset", 0)),
            rule=rule.id,
            what=what,
            source=self.line(line),
        )

    def line(self, number: int) -> str:
        """Return a line without its indentation."""
        lines = self._lines
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def excuses(self, finding: Finding) -> bool:
        """Tell whether the author has excused a finding, with a reason."""
        return finding.rule in self.ignored.get(finding.line, ())

    def _column(self, line: int, byte_offset: int) -> int:
        lines = self._lines
        if not 0 < line <= len(lines):
            return byte_offset + 1
        start = lines[line - 1].encode("utf-8", "surrogatepass")[:byte_offset]
        return len(start.decode("utf-8", "ignore")) + 1

    def __post_init__(self) -> None:
        # As the parser counts them: a form feed ends no line.
        self._lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read(path: Path, shown: str) -> Source | Finding:
    """Read and parse a file; a finding says why that was impossible.

    Args:
        path: The file.
        shown: How findings name it.
    """
    try:
        if path.stat().st_size > BYTES_MAX:
            return _unreadable(shown, f"The file is larger than {BYTES_MAX >> 20} MiB.")
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(shown, f"The file can't be opened: {error.strerror or error}.")
    return parse(data, shown)


def parse(data: bytes, shown: str) -> Source | Finding:
    """Parse the bytes of a file; a finding says why that was impossible."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return _unreadable(shown, f"Its text can't be decoded: {error}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in what is read; not our business
            tree = ast.parse(text, filename=shown)
    except SyntaxError as error:
        column = max(error.offset or 1, 1)
        return _unreadable(shown, f"Syntax error: {error.msg}.", error.lineno or 1, column)
    except (ValueError, RecursionError, MemoryError) as error:
        return _unreadable(shown, f"It can't be parsed: {str(error) or 'it is nested too deep'}.")
    source = Source(path=shown, text=text, tree=tree)
    _read_ignores(source)
    return source


def too_deep(shown: str) -> Finding:
    """Return the finding for a file whose expressions nest deeper than Python's stack."""
    return _unreadable(shown, "It is nested too deep to be checked.")


def _unreadable(shown: str, what: str, line: int = 1, column: int = 1) -> Finding:
    return Finding(path=shown, line=line, column=column, rule=UNREADABLE.id, what=what)


def _read_ignores(source: Source) -> None:
    if not _IGNORE.search(source.text):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            found = _IGNORE.search(token.string) if token.type == tokenize.COMMENT else None
            if found:
                rules = frozenset(one.strip().upper() for one in (found[1] or "").split(",") if one)
                reason = re.search(r"\w", found[2].partition("#")[0])
                line = token.start[0]
                if rules and reason:
                    source.ignored[line] = rules
                else:
                    source.unexplained.append(line)
    except (tokenize.TokenError, SyntaxError, RecursionError):
        return  # the parser was content; without comments there are only more findings
