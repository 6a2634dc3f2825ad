"""`agentmesh log`: the journal as lines, for people or as JSON.

structlog's renderers draw the lines, as they draw those of any other program. With
`--follow` the run is opened again and again, and what is new is printed; how often
follows from how long reading takes.
"""

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentmesh.cli import exit_codes, terminal
from agentmesh.cli.lines import LEVELS, LOG_KIND, Line, Narrator
from agentmesh.cli.wording import clock, compact, iso, shortened, visible
from agentmesh.errors import UnknownAgentError, UsageError
from agentmesh.journal.records import CommandRecord, EventRecord
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RUNNING
from agentmesh.journal.store import Store
from agentmesh.mesh.condition import condition_of
from agentmesh.mesh.options import store_location
from agentmesh.telemetry import ids

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

_POLL_SECONDS = 0.3
_POLL_FACTOR = 4.0
"""Reading again may take up a quarter of the time."""
_DETAIL_MAX = 1_000
_DETAIL_LEAST = 30
_AGENT_MAX = 28


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which lines the user wants."""

    agents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    level: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that no record has."""
        known = record_kinds()
        for kind in self.kinds:
            if kind not in known:
                raise UsageError(
                    f"No record is of the kind {kind!r}.", fix=f"Use one of: {', '.join(known)}."
                )

    def has(self, line: Line) -> bool:
        """Tell whether a line is wanted."""
        if self.kinds and line.kind not in self.kinds:
            return False
        level = self.level or ("debug" if self.kinds else "info")
        return LEVELS.index(line.level) >= LEVELS.index(level)

    def has_agent(self, address: str) -> bool:
        """Tell whether an agent's lines are wanted."""
        return not self.agents or bool({address, address.partition("/")[0]} & {*self.agents})


def record_kinds() -> list[str]:
    """Return the kinds of records that a journal has, sorted."""
    classes = (*EventRecord.__args__, *CommandRecord.__args__)
    return sorted(str(cls.__struct_config__.tag) for cls in classes)


def log(name: str, wanted: Wanted, *, store: str | None, follow: bool, as_json: bool) -> int:
    """Print a run's log."""
    opened = Store(store_location(store))
    printer: Printer = JsonPrinter() if as_json else PlainPrinter()
    with opened.open_run(name) as run:
        going = condition_of(run).status == RUNNING  # before the lines: none is missed
        _check_agents(run, wanted, follow=follow and going)
        reader = Reader(wanted)
        printer.measure(run)
        lines: Iterable[Line] = reader.lines(run)
        printer.print(deque(lines, wanted.limit) if wanted.limit else lines)
        run_id = run.id
    while follow and going:
        time.sleep(reader.pause_seconds)
        with opened.open_run(run_id) as run:
            going = condition_of(run).status == RUNNING
            printer.print(reader.lines(run))
    return exit_codes.OK


def _check_agents(run: Run, wanted: Wanted, *, follow: bool) -> None:
    """Refuse names of agents that a finished run does not have."""
    known = run.addresses()
    for name in wanted.agents:
        if not follow and not any(name in (one, one.partition("/")[0]) for one in known):
            shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")  # noqa: PLR2004
            raise UnknownAgentError(
                f"Run {run.id} has no agent {name!r}.",
                cause=f"It has: {shown}." if known else "It has none.",
                fix="Name an address (`Type/key`) or a type.",
            )


class Reader:
    """Reads what is new in a run, again and again."""

    def __init__(self, wanted: Wanted) -> None:
        self.pause_seconds = _POLL_SECONDS
        self._wanted = wanted
        self._narrator = Narrator()
        self._seen: Counter[str] = Counter()
        """How many records of each agent have been told."""

    def lines(self, run: Run) -> Iterator[Line]:
        """Yield the wanted lines of records that were not there before."""
        started = time.monotonic()
        passed: Counter[str] = Counter()
        for record in run.entries(resolve=True):
            passed[record.address] += 1
            if passed[record.address] <= self._seen[record.address]:
                continue
            if self._wanted.has_agent(record.address):
                line = self._narrator.line(record)
                if self._wanted.has(line):
                    yield line
        self._seen = passed
        self.pause_seconds = max(_POLL_SECONDS, _POLL_FACTOR * (time.monotonic() - started))


class Printer:
    """Prints lines; one class for each form."""

    def measure(self, run: Run) -> None:
        """Look at the run once, before its lines come."""

    def print(self, lines: Iterable[Line]) -> None:
        """Print lines, and make sure that they are out."""
        for line in lines:
            terminal.print_line(self.text(line))
        sys.stdout.flush()

    def text(self, line: Line) -> str:
        """Return a line as text."""
        raise NotImplementedError


class JsonPrinter(Printer):
    """One JSON object a line, with whole payloads."""

    def __init__(self) -> None:
        from structlog.processors import JSONRenderer

        self._renderer = JSONRenderer(ensure_ascii=False)
        self._run = ""

    def measure(self, run: Run) -> None:
        """Note which run it is."""
        self._run = run.id

    def _span(self, line: Line) -> str | None:
        """Return the id of the turn's span, as `agentmesh export otlp` sends it."""
        return ids.turn_span(self._run, line.agent, line.turn).hex() if line.turn else None

    def text(self, line: Line) -> str:
        """Return a line as JSON."""
        shown = {
            "time": iso(line.at_ns),
            "at_ns": line.at_ns,
            "level": line.level,
            "run": self._run,
            "agent": line.agent,
            "turn": line.turn or None,
            "message": line.message or None,
            "trace_id": ids.trace_id(self._run).hex(),
            "span_id": self._span(line),
            "step": line.step,
            "index": line.index,
            "kind": line.kind,
            "event": line.text,
            "detail": line.detail,
            "fields": line.fields,
            "error": line.error,
        }
        return str(self._renderer(None, "", shown))


class PlainPrinter(Printer):
    """Columns: time, agent, what happened; the user's own lines in bold, problems in colour."""

    def __init__(self) -> None:
        self._colors = terminal.console().color_system is not None
        self._width = _AGENT_MAX
        self._columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        self._renderer = self._make_renderer()

    def measure(self, run: Run) -> None:
        """Make the column of agents as wide as their addresses."""
        longest = max((len(visible(one)) for one in run.addresses()), default=0)
        self._width = min(max(longest, 8), _AGENT_MAX)

    def text(self, line: Line) -> str:
        """Return a line in columns."""
        spoken = line.kind == LOG_KIND
        event: dict[str, Any] = {
            "_time": clock(line.at_ns),
            "_level": "said" if spoken and line.level == "info" else line.level,
            "_agent": visible(line.agent).ljust(self._width + 1),
            "_said" if spoken else "_text": visible(line.text),
        }
        if line.detail is not None:
            event["_detail"] = shortened(compact(line.detail), self._room(line))
        for name, value in line.fields.items():
            event[_safe(name)] = shortened(_shown(value), _DETAIL_MAX)
        return str(self._renderer(None, "", event))

    def _room(self, line: Line) -> int:
        """Return how many characters of a detail fit on the terminal's line."""
        if not self._columns:
            return _DETAIL_MAX
        taken = len(f"{clock(line.at_ns)}    ") + self._width + len(visible(line.text)) + 2
        return max(self._columns - taken, _DETAIL_LEAST)

    def _make_renderer(self) -> "ConsoleRenderer":
        from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter

        def style(code: str) -> str:
            return f"\033[{code}m" if self._colors else ""

        def column(key: str, code: str) -> Column:
            made = KeyValueColumnFormatter(
                key_style=None,
                value_style=style(code),
                reset_style=style("0"),
                value_repr=str,
            )
            return Column(key, made)

        def level(key: str, value: object) -> str:
            del key
            code = _LEVEL_CODES[str(value)]
            return f"{style(code)}{_LEVEL_WORDS[str(value)]}{style('0')}"

        rest = KeyValueColumnFormatter(
            key_style=style("36"), value_style="", reset_style=style("0"), value_repr=str
        )
        return ConsoleRenderer(
            sort_keys=False,
            columns=[
                column("_time", "2"),
                Column("_level", level),
                column("_agent", "34"),
                column("_said", "1"),
                column("_text", "0"),
                column("_detail", "2"),
                Column("", rest),
            ],
        )


_LEVEL_WORDS = {"debug": " ", "info": " ", "warning": "!", "error": "x", "said": ">"}
_LEVEL_CODES = {"debug": "2", "info": "0", "warning": "33", "error": "31;1", "said": "32;1"}
_TAKEN = ("exception", "exc_info", "stack", "")
"""Names that structlog's renderer would take as its own."""


def _safe(name: str) -> str:
    shown = visible(name)
    return f"{shown}_" if shown in _TAKEN or shown.startswith("_") else shown


def _shown(value: object) -> str:
    return visible(value) if isinstance(value, str) else compact(value)
