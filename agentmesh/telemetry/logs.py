"""structlog lines that say where they were written: run, agent, turn, message, trace.

What a program tells with `am.log` is in the journal, and `agentmesh log` shows it. This is for all
other lines: of tools, of libraries, of handlers that use structlog as they would anywhere.
Nothing is configured unless somebody calls `configure_logging`; who has a configuration of
their own puts `add_ids` among its processors.

Lines of handlers that happen again, in a replay or recovery, say so: `replayed`.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

from agentmesh.errors import UsageError
from agentmesh.telemetry.nesting import place_here

LEVELS = ("debug", "info", "warning", "error", "critical")


def add_ids(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add to a line where it was written: a processor of structlog.

    Inside a handler: `run`, `agent`, `turn`, `message`, `trace_id` and `span_id`; inside a tool
    all of these but `turn` and `message`. What a line has already stays.
    """
    place = place_here()
    if place is not None:
        for name, value in place.as_fields().items():
            line.setdefault(name, value)
    return line


def configure_logging(
    *, json: bool | None = None, level: str = "info", stream: TextIO | None = None
) -> None:
    """Let structlog write lines with the ids of where they come from.

    Call it where a program begins; on Ray also in its hosts, as any module of the program does
    that calls it when it is imported.

    Args:
        json: One JSON object a line; else columns for people. By default, JSON unless the stream
            is a terminal.
        level: The least of the levels that is written.
        stream: Where to; standard error by default.

    Raises:
        UsageError: There is no such level.
    """
    import structlog

    if level not in LEVELS:
        raise UsageError(
            f"{level!r} is no level of log lines.", fix=f"Use one of {', '.join(LEVELS)}."
        )
    stream = stream or sys.stderr
    as_json = not stream.isatty() if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    shown: list[Any] = [structlog.processors.dict_tracebacks] if as_json else []
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            add_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
            _encodable,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )


def _encodable(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace halves of surrogate pairs, which no stream takes; models do write them."""
    return {name: _readable(value) for name, value in line.items()}


def _readable(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
