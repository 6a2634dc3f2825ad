"""The files that are checked, parsed once, and the form of a finding."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("agentmesh", "examples", "tests")
PROSE_PATTERNS = ("*.md", "*.toml", ".ci/*", "agentmesh/**/*.js", "agentmesh/**/*.html")

EXEMPTION = "# tidy: "
"""A line that carries this, and a reason after it, is not reported."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of the project, or a planted one."""

    path: str
    """Relative to the project's root, with forward slashes."""
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, without their ends."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed text."""
        return ast.parse(self.text, filename=self.path)

    @cached_property
    def module(self) -> str:
        """Dotted name under which the file is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def is_in(self, packages: tuple[str, ...]) -> bool:
        """Tell whether the file belongs to one of these packages of agentmesh."""
        return self.path.startswith(tuple(f"agentmesh/{package}/" for package in packages))

    def is_exempt(self, line: int) -> bool:
        """Tell whether a line carries an exemption with a reason."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return bool(text.partition(EXEMPTION)[2].strip())


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """Something a check objects to."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        """Format like a compiler's message, so that editors can jump to it."""
        return f"{self.path}:{self.line}: {self.what}"


def python_sources() -> tuple[Source, ...]:
    """Read every Python file of the project."""
    return tuple(_read(path) for folder in CODE_FOLDERS for path in _files(folder, "**/*.py"))


def prose_sources() -> tuple[Source, ...]:
    """Read every other text file whose words are ours."""
    return tuple(_read(path) for pattern in PROSE_PATTERNS for path in _files(".", pattern))


def _files(folder: str, pattern: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).glob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _read(path: Path) -> Source:
    return Source(path=path.relative_to(ROOT).as_posix(), text=path.read_text(encoding="utf-8"))
