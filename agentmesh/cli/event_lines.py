"""One event on one line: reference, what happened, and as much of the payload as fits."""

import shutil
import sys
from typing import TYPE_CHECKING, Any

from agentmesh.causality.summaries import gist
from agentmesh.cli import terminal
from agentmesh.cli.wording import compact, shortened, visible

if TYPE_CHECKING:
    from rich.text import Text

PAYLOAD_MAX = 200
"""Characters of a payload where no terminal says how many there is room for."""
_PAYLOAD_LEAST = 5


def brief(payload: Any, limit: int = PAYLOAD_MAX) -> str:
    """Return a payload in so many characters; of a model's response, the answer.

    Args:
        payload: A JSON value; None for none.
        limit: How many characters at most.
    """
    value = gist(payload)
    if value is None or limit < _PAYLOAD_LEAST:
        return ""
    is_answer = isinstance(value, str) and value is not payload
    return shortened(visible(value) if is_answer else compact(value), limit)


def event_line(*parts: tuple[str, str], payload: Any) -> "Text":
    """Return a line that no terminal wraps, if it is shown by `show_lines`.

    Args:
        parts: Texts and their styles.
        payload: A JSON value; None for none.
    """
    from rich.text import Text

    made = Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    text = brief(payload, columns - made.cell_len - 2 if columns else PAYLOAD_MAX)
    return made.append(f"  {text}" if text else "", "dim")


def show_lines(*lines: "Text") -> None:
    """Print lines; on a terminal, each is cut where it ends."""
    from rich.console import Group

    terminal.show(Group(*lines))  # rich would join mere texts, and wrap them
