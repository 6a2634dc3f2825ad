"""Where the commands' words go: answers to standard output, everything beside them to stderr.

On a terminal, tables have lines and colours and fit its width. Anywhere else they are
plain columns that nothing cuts, for `grep` and `awk`; `NO_COLOR` and `TERM=dumb` are
respected. rich is imported only when something is shown.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import IO, TYPE_CHECKING, Any

from agentmesh.cli.wording import took

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_UNCUT = 100_000
"""Columns of what is no terminal: nothing is wrapped."""
_PLAIN_PROGRESS_SECONDS = 10.0
"""How often progress is told where it can't be drawn."""

Update = Callable[[str], None]
"""Tells how far the work has come, in a few words."""


def console(stream: IO[str] | None = None) -> "Console":
    """Return a console on standard output, or on another stream.

    It takes text as it is: no markup, no emoji codes, no guesses at what to colour.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    plain = not stream.isatty()
    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=plain,
        width=_UNCUT if plain else None,
        force_terminal=False if plain else None,
    )


def show(*parts: "RenderableType", stream: IO[str] | None = None) -> None:
    """Print texts and tables; plain lines have no spaces at their end."""
    target = stream or sys.stdout
    made = console(target)
    if target.isatty():
        for part in parts:
            made.print(part)
        return
    with made.capture() as capture:
        for part in parts:
            made.print(part)
    for line in capture.get().splitlines():
        target.write(line.rstrip() + "\n")


def say(text: str) -> None:
    """Print something beside the answer: to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def hint(text: str) -> None:
    """Print what to do next, to standard error, where a person may read it."""
    show(styled(text, "dim"), stream=sys.stderr)


def styled(text: str, style: str = "") -> "Text":
    """Return text that is shown as it is, in a style of rich's."""
    from rich.text import Text

    return Text(text, style=style)


def one_line(text: str, style: str = "") -> "Text":
    """Return text that is cut, and never wrapped, where there is not enough room for it."""
    from rich.text import Text

    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def table(*headers: str, right: Sequence[str] = (), cut: Sequence[str] = ()) -> "Table":
    """Return an empty table.

    Args:
        headers: Names of the columns.
        right: Which of them hold numbers.
        cut: Which of them give way where a terminal is too narrow; their cells are
            `one_line` texts. None: all cells are wrapped.
    """
    from rich import box
    from rich.table import Table

    pretty = sys.stdout.isatty()
    made = Table(
        box=box.SIMPLE_HEAD if pretty else None,
        header_style="bold" if pretty else "",
        border_style="dim",
        pad_edge=False,
        padding=(0, 1) if pretty else (0, 2, 0, 0),
    )
    for header in headers:
        made.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=bool(cut) and header not in cut,
            overflow="ellipsis" if cut else "fold",
        )
    return made


def pairs(rows: Iterable[tuple[str, str]]) -> "Table":
    """Return names and values under each other; pairs without a value are left out."""
    from rich.table import Table

    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        if value:
            made.add_row(name, value)
    return made


def print_json(value: Any) -> None:
    """Print a value as JSON: indented on a terminal, in one line elsewhere."""
    indent = 2 if sys.stdout.isatty() else None
    print_line(json.dumps(value, ensure_ascii=False, indent=indent, default=str))


def print_line(text: str) -> None:
    """Print a line of JSON, with escapes only for what the stream can't carry."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)
    sys.stdout.write(text + "\n")


@contextmanager
def quiet_output() -> Iterator[None]:
    """Send what the user's program prints to standard error: standard output has the answer."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def working(what: str) -> Iterator[Update]:
    """Show on standard error that work goes on: a spinner, or now and then a line.

    Args:
        what: What goes on: `replaying`.
    """
    if sys.stderr.isatty():
        with _spinner(what) as update:
            yield update
    else:
        yield _Lines(what).update


@contextmanager
def _spinner(what: str) -> Iterator[Update]:
    started = time.monotonic()
    status = console(sys.stderr).status(styled(f"{what} ..."), spinner="dots")

    def update(detail: str) -> None:
        status.update(styled(f"{what}: {detail}, {took(time.monotonic() - started)}"))

    with status:
        yield update


class _Lines:
    """Progress where nothing can be drawn over: one line every few seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._told = time.monotonic()

    def update(self, detail: str) -> None:
        """Tell how far the work has come, unless that was told just now."""
        now = time.monotonic()
        if now - self._told >= _PLAIN_PROGRESS_SECONDS:
            self._told = now
            say(f"agentmesh: {self._what}: {detail}, {took(now - self._started)}")
