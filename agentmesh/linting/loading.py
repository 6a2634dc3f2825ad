"""From what people name (files, folders, dotted modules) to the modules of a program.

Modules of the program that the named ones import are read, too, wherever they lie below the same
roots; installed packages are not followed. Folders are searched by name: nothing is imported, and
no `__init__.py` runs.
"""

import gc
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agentmesh.errors import UsageError
from agentmesh.linting.findings import Finding
from agentmesh.linting.program import Module, read_module
from agentmesh.linting.source import read, too_deep

_SKIPPED = ("__pycache__", "node_modules", "site-packages", "dist-packages")
_OWN = "agentmesh"


@dataclass
class Program:
    """What was read."""

    modules: dict[str, Module] = field(default_factory=dict)
    """By dotted name."""
    unread: list[Finding] = field(default_factory=list)
    files: int = 0


def load(targets: Iterable[str], *, folder: Path | None = None) -> Program:
    """Read the files that targets name, and what they import of the same program.

    Args:
        targets: Files, folders or dotted names of modules and packages.
        folder: Where relative targets start; the working directory.

    Raises:
        UsageError: A target does not exist, or has no Python in it.
    """
    loader = _Loader(folder or Path.cwd())
    with uncollected():
        for target in targets:
            loader.add_target(target)
        loader.follow()
    return loader.program


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage: nodes are none, and looking through them takes longer than parsing."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _Loader:
    def __init__(self, folder: Path) -> None:
        self.program = Program()
        self._folder = folder
        self._roots: dict[Path, None] = {}
        self._seen: dict[Path, None] = {}
        self._located: dict[str, None] = {}
        """Imported names that were looked for."""
        self._listed: dict[Path, frozenset[str]] = {}

    def add_target(self, target: str) -> None:
        path = self._folder / target
        if path.is_dir():
            found = list(_python_files(path))
        elif path.is_file():
            found = [path]
        else:
            found = list(_files_of_module(target, [str(self._folder), *sys.path]))
        if not found:
            raise UsageError(
                f"There is nothing to check at {target!r}."
                if path.exists()
                else f"{target!r} is neither a file, a folder, nor a module that can be found.",
                cause="No file that ends with .py is there." if path.is_dir() else "",
                fix="Name a Python file, a folder, or a module: agentmesh lint app.py src",
            )
        for each in found:
            self._add(each)

    def follow(self) -> None:
        """Read what the modules read so far import, until there is nothing new."""
        todo = list(self.program.modules.values())
        while todo:
            module = todo.pop()
            new = [name for name in module.wanted if name not in self._located]
            self._located.update(dict.fromkeys(new))
            for name in new:
                for path in self._locate(name):
                    made = self._add(path)
                    if made is not None:
                        todo.append(made)

    def _locate(self, name: str) -> Iterator[Path]:
        parts = name.split(".")
        if not all(part.isidentifier() for part in parts) or parts[0] == _OWN:
            return
        for root in list(self._roots):
            if not {parts[0], f"{parts[0]}.py"} & self._entries(root):
                continue
            base = os.path.join(root, *parts)  # noqa: PTH118 - thousands of them, half as slow
            for path in (f"{base}.py", f"{base}{os.sep}__init__.py"):
                if os.path.isfile(path):  # noqa: PTH113 - likewise
                    yield Path(path)

    def _entries(self, folder: Path) -> frozenset[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(one.name for one in folder.iterdir())
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]

    def _add(self, path: Path) -> Module | None:
        path = Path(os.path.abspath(path))  # noqa: PTH100 - as written: links are not followed
        if path in self._seen:
            return None
        self._seen[path] = None
        self.program.files += 1
        root, name, package = _place_of(path)
        if root.name not in _SKIPPED and not (root / "os.py").is_file():
            self._roots[root] = None  # installed packages and the standard library: not followed
        shown = _shown(path, self._folder)
        source = read(path, shown)
        if isinstance(source, Finding):
            self.program.unread.append(source)
            return None
        try:
            module = read_module(name, source, package=package)
        except RecursionError:
            self.program.unread.append(too_deep(shown))
            return None
        while name in self.program.modules:  # scripts of one name in two folders
            name += "'"
        self.program.modules[name] = module
        return module


def _place_of(path: Path) -> tuple[Path, str, str]:
    """Return the folder that imports start from, the module's dotted name, and its package."""
    folder = path.parent
    packages: list[str] = []
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        packages.insert(0, folder.name)
        folder = folder.parent
    package = ".".join(packages)
    if path.stem == "__init__":
        return folder, package or folder.name, package
    return folder, ".".join([*packages, path.stem]), package


def _shown(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.as_posix()


def _python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below a folder; no hidden ones, no installed packages."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not Path(root, name, "pyvenv.cfg").exists()
        )
        yield from (Path(root, name) for name in sorted(files) if name.endswith(".py"))


def _files_of_module(name: str, folders: Iterable[str]) -> Iterator[Path]:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return
    for folder in folders:
        base = Path(folder or ".").joinpath(*parts)
        if base.with_suffix(".py").is_file():
            yield base.with_suffix(".py")
            return
        if (base / "__init__.py").is_file():
            yield from _python_files(base)
            return
