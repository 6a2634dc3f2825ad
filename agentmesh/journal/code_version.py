"""Which code ran: the git commit and a digest of what differs from it.

Tolerant: outside a repository, without git, or when git takes too long, it says so
instead of failing. A run never waits long for this.
"""

import hashlib
import subprocess
import time
from functools import lru_cache
from pathlib import Path

from agentmesh.journal.run_info import CodeVersion

DEADLINE_SECONDS = 5.0
"""For all calls of git together."""

_NO_CONFIG = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_DIFF = ("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color")
_NEW_FILE_MAX = 1 << 20


def collect_code_version(
    path: str | Path, *, deadline_seconds: float = DEADLINE_SECONDS
) -> CodeVersion:
    """Return the version of the repository that a file or folder is in.

    Args:
        path: Any path inside the repository.
        deadline_seconds: After this time the answer is what is known by then.
    """
    folder = Path(path).absolute()
    if not folder.is_dir():
        folder = folder.parent
    end = time.monotonic() + deadline_seconds
    try:
        commit = _git(folder, end, "rev-parse", "--verify", "HEAD").decode().strip()
    except (OSError, subprocess.SubprocessError) as error:
        return CodeVersion(problem=_problem(error))
    try:
        diff = _difference(folder, end)
    except (OSError, subprocess.SubprocessError) as error:
        return CodeVersion(commit=commit, dirty=True, problem=_problem(error))
    return CodeVersion(commit=commit, dirty=bool(diff), diff=diff)


@lru_cache(maxsize=64)
def file_at(path: str, commit: str) -> bytes | None:
    """Return what a file of a repository contained at a commit; None if git does not say.

    Args:
        path: Where the file is today.
        commit: A commit of its repository.
    """
    file = Path(path).absolute()
    if not commit.isalnum():
        return None
    try:
        end = time.monotonic() + DEADLINE_SECONDS
        return _git(file.parent, end, "show", f"{commit}:./{file.name}")
    except (OSError, subprocess.SubprocessError):
        return None


def _difference(folder: Path, end: float) -> str:
    """Return a digest of changes and new files; empty if there are none."""
    root = Path(_git(folder, end, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    changes = _git(root, end, *_DIFF)
    listed = _git(root, end, "ls-files", "--others", "--exclude-standard", "-z")
    new = sorted(name for name in listed.split(b"\0") if name.endswith(b".py"))
    if not changes and not new:
        return ""
    digest = hashlib.sha256(changes)
    for name in new:
        digest.update(name + b"\0")
        with (root / name.decode("utf-8", "surrogateescape")).open("rb") as file:
            digest.update(file.read(_NEW_FILE_MAX))
    return digest.hexdigest()


def _git(folder: Path, end: float, *arguments: str) -> bytes:
    left = max(0.01, end - time.monotonic())
    command = ["git", *_NO_CONFIG, *arguments]
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        command, cwd=folder, capture_output=True, timeout=left, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout


def _problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "git is not installed"
    if isinstance(error, subprocess.TimeoutExpired):
        return "git took too long"
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"git exited with {error.returncode}"
    return str(error)
