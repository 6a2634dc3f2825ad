"""Running under a known hash seed: the process re-executes itself, once.

The order of a set of strings depends on `PYTHONHASHSEED`, which is read when Python
starts and can't be asked for later. So `agentmesh run` starts itself again under a
seed it knows and records, and `agentmesh replay` under the recorded one. `execve`
replaces the process: same arguments, same standard input, same parent, same id.

It happens only where the process belongs to the command (`app.main` says so): a test
or notebook that calls the commands as functions is never replaced.
"""

import os
import sys

from agentmesh.errors import UsageError

VARIABLE = "PYTHONHASHSEED"
ROUNDS = "AGENTMESH_REEXECUTED"
"""Counts how often this process has replaced itself; only seen between two of its lives."""

RANDOM = "random"
RECORDED = "recorded"

_LARGEST = 4294967295
"""What Python takes as a seed."""
_ROUNDS_MAX = 2
"""The second round is for `replay latest`, if a run started meanwhile."""

_own_process = False
_rounds = 0


def claim_process() -> None:
    """Say that this process is the command's own, and may be replaced."""
    global _own_process, _rounds  # noqa: PLW0603 - a fact about the process
    _own_process = True
    count = os.environ.pop(ROUNDS, "0")
    _rounds = int(count) if count.isdigit() else 0


def current() -> str | None:
    """Return the hash seed of this process; None where it can't be known."""
    if not sys.flags.hash_randomization:
        return "0"
    value = os.environ.get(VARIABLE, "")
    return str(int(value)) if value.isdecimal() and not sys.flags.ignore_environment else None


def check(value: str | None, *words: str) -> str | None:
    """Return a seed as the user wrote it.

    Args:
        value: What the user wrote; None if nothing.
        words: Words that are allowed instead of a number.

    Raises:
        UsageError: It is neither a number that Python takes nor one of the words.
    """
    if (
        value is None
        or value in words
        or (value.isdecimal() and value.isascii() and int(value) <= _LARGEST)
    ):
        return value if value is None or value in words else str(int(value))
    raise UsageError(
        f"{value!r} is not a hash seed.",
        fix=f"Use {', '.join(words)}, or a number from 0 to {_LARGEST}.",
    )


def settle(wanted: str | None = None) -> None:
    """Be a process whose hash seed is known, if that can be; may not return.

    Args:
        wanted: A number; `random` for one that nobody chose; None to keep a known one.
    """
    here = current()
    if wanted == RANDOM:
        wanted = here if _rounds else None
    elif wanted is None:
        wanted = here
    ensure(wanted or fresh())


def settle_for(recorded: str | None, wanted: str) -> None:
    """Be a process with the hash seed that a run had, or another that is wanted; may not return.

    Args:
        recorded: The run's; None if it is unknown.
        wanted: `recorded`, `random` or a number.
    """
    if wanted != RECORDED:
        settle(wanted)
    elif recorded is not None and not ensure(recorded):
        sys.stderr.write(
            f"agentmesh: this process can't have the recorded hash seed {recorded}: "
            "the order of sets of strings may differ.\n"
        )


def fresh() -> str:
    """Return a seed nobody chose."""
    return str(int.from_bytes(os.urandom(4), "big"))


def ensure(seed: str) -> bool:
    """Be a process with this hash seed: does not return if that takes a new one.

    Args:
        seed: A number.

    Returns:
        Whether this process has the seed. It may not where nobody may replace it, or
        where Python was told to ignore its environment (`-I`, `-E`).
    """
    if current() == seed:
        return True
    if _own_process and _rounds < _ROUNDS_MAX and not sys.flags.ignore_environment:
        _start_again(seed)
    return False


def _start_again(seed: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    environment = {**os.environ, VARIABLE: seed, ROUNDS: str(_rounds + 1)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - no shell is the point
