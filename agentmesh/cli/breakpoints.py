"""Where a breakpoint is: `desk.py:42`, found among the modules of the program."""

import sys
from pathlib import Path

from agentmesh.errors import UsageError


def place_of(text: str) -> tuple[str, int]:
    """Return the file and line that somebody names.

    Args:
        text: `FILE:LINE`; the end of a path is enough if one loaded module has it.

    Raises:
        UsageError: It is no such thing, or no module of the program, or several are meant.
    """
    name, _, line = text.rpartition(":")
    if not name or not line.isdigit():
        raise UsageError(
            f"{text!r} is no place for a breakpoint.", fix="Write FILE:LINE, as in desk.py:42."
        )
    if Path(name).is_file():
        return str(Path(name).resolve()), int(line)
    end = Path(name).parts
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    found = sorted(file for file in files if Path(file).parts[-len(end) :] == end)
    if len(found) == 1:
        return found[0], int(line)
    raise UsageError(
        f"{name} is {'several files' if found else 'no file of the program'}.",
        cause=", ".join(found[:5])
        if found
        else "Only modules that the program has imported count.",
        fix="Write the path, or more of it.",
    )
