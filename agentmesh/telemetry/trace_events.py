"""A run in Chrome's trace event format: JSON that Perfetto, Chrome and Speedscope open.

Processes are types of agents, threads are agents. Times are microseconds with three digits, since
the run began; `otherData` has when that was. Written piece by piece.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from agentmesh.journal.run import Run
from agentmesh.kernel.envelope import agent_type_of
from agentmesh.telemetry.drawing import Drawn, agents, lane_name, lanes_of
from agentmesh.telemetry.otlp import clean

_ARROW = "message"
_LEAST = 0.001
"""Microseconds: an arrow needs something to start from."""


def write_trace(run: Run, file: IO[str]) -> int:
    """Write a run; return how many spans there are.

    Args:
        run: The run, open.
        file: Where to.

    Raises:
        JournalError: A file of the run is damaged.
    """
    info = run.info
    other = {"run": info.id, "workflow": info.workflow, "began_ns": info.created_at_ns}
    file.write(
        f'{{"displayTimeUnit":"ms","otherData":{json.dumps(_cleaned(other))},"traceEvents":[\n'
    )
    count, first = 0, True
    types: dict[str, int] = {}
    thread = 0
    for address, drawn in agents(run):
        kind = agent_type_of(address)
        if kind not in types:
            types[kind] = len(types) + 1
            first = _write(file, _name("process_name", types[kind], 0, kind), first=first)
        process = types[kind]
        for lane in range(lanes_of(drawn)):
            named = _name("thread_name", process, thread + 1 + lane, lane_name(address, lane))
            first = _write(file, named, first=first)
        for each in drawn:
            count += 1
            for event in _events(each, process, thread + 1 + each.lane, info.created_at_ns):
                first = _write(file, event, first=first)
        thread += lanes_of(drawn)
    file.write("\n]}\n")
    return count


def _events(drawn: Drawn, process: int, thread: int, began_ns: int) -> Iterator[dict[str, Any]]:
    span = drawn.span
    place = {"pid": process, "tid": thread}
    begin = (span.begin_ns - began_ns) / 1e3
    duration = max((span.end_ns - span.begin_ns) / 1e3, _LEAST)
    yield {
        "ph": "X",
        "name": span.name,
        "cat": "failed" if span.failed else "span",
        "ts": begin,
        "dur": duration,
        **place,
        "args": drawn.details,
    }
    for line in span.events:
        at = (line.at_ns - began_ns) / 1e3
        yield {
            "ph": "i",
            "name": line.name,
            "cat": "log",
            "ts": at,
            "s": "t",
            **place,
            "args": line.attributes,
        }
    arrow = {"name": _ARROW, "cat": _ARROW, "ts": begin, **place}
    if drawn.arrow_out:
        yield {"ph": "s", "id": drawn.arrow_out.hex(), **arrow}
    if drawn.arrow_in:
        yield {"ph": "f", "bp": "e", "id": drawn.arrow_in.hex(), **arrow}


def _name(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}


def _write(file: IO[str], event: dict[str, Any], *, first: bool) -> bool:
    file.write(("" if first else ",\n") + json.dumps(_cleaned(event), ensure_ascii=False))
    return False


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value
