"""Runs as files for trace viewers and databases: valid, complete, and drawn as they happened."""

import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2

from agentmesh.errors import StoreError, UsageError
from agentmesh.journal.run import Run
from agentmesh.journal.table import COLUMNS, VERSION_KEY
from agentmesh.telemetry.columns import RUN_COLUMNS, write_parquet
from agentmesh.telemetry.drawing import laid_out
from agentmesh.telemetry.perfetto import write_perfetto
from agentmesh.telemetry.span import INTERNAL, Span
from agentmesh.telemetry.trace_events import write_trace

_NEEDED = {"X": {"name", "ts", "dur", "pid", "tid"}, "M": {"name", "pid", "tid", "args"}}
_NEEDED |= {"i": {"name", "ts", "pid", "tid", "s"}, "s": {"id", "ts", "name", "cat", "pid", "tid"}}
_NEEDED |= {"f": {*_NEEDED["s"], "bp"}}
"""Fields that the format asks for, by phase."""


@pytest.fixture
def chrome(news: Run) -> list[dict[str, Any]]:
    """The newsroom's trace events."""
    text = io.StringIO()
    assert write_trace(news, text) == 20
    whole = json.loads(text.getvalue())
    assert whole["otherData"]["run"] == "news"
    return whole["traceEvents"]  # type: ignore[no-any-return]


@pytest.fixture
def packets(news: Run) -> list[Any]:
    """The newsroom's packets, as Perfetto's own protocol reads them."""
    data = io.BytesIO()
    assert write_perfetto(news, data) == 20
    trace = perfetto_trace_pb2.Trace()
    trace.ParseFromString(data.getvalue())
    size = trace.ByteSize()
    trace.DiscardUnknownFields()
    assert trace.ByteSize() == size
    return list(trace.packet)


def spans_of(intervals: list[tuple[int, int]]) -> list[Span]:
    """Return spans with these times."""
    return [
        Span("s", INTERNAL, b"", b"", b"", begin, begin + length, {}) for begin, length in intervals
    ]


def test_trace_events_have_what_the_format_asks_for(chrome: list[dict[str, Any]]) -> None:
    """Known phases, all their fields, no negative time."""
    for event in chrome:
        assert set(event) >= _NEEDED[event["ph"]]
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
    assert Counter(event["ph"] for event in chrome)["X"] == 20


def test_each_agent_has_a_lane_with_its_name(chrome: list[dict[str, Any]]) -> None:
    """Types of agents are processes, agents are threads."""
    named = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in chrome
        if event["ph"] == "M" and event["name"] == "thread_name"
    }
    types = {e["args"]["name"] for e in chrome if e.get("name") == "process_name"}

    assert types == {"Archive", "Press", "Writer", "newsroom"}
    assert {"Writer/w1", "Writer/w2", "Press/main", "newsroom/root"} <= set(named.values())
    assert {(e["pid"], e["tid"]) for e in chrome if e["ph"] == "X"} == set(named)


def test_every_message_that_was_handled_has_an_arrow(chrome: list[dict[str, Any]]) -> None:
    """From where it was sent to each turn that handled it, never back in time."""
    starts = {event["id"]: event["ts"] for event in chrome if event["ph"] == "s"}
    ends = [event for event in chrome if event["ph"] == "f"]

    assert len(starts) == 6
    assert len(ends) == 9  # one message was tried twice, one three times
    assert all(starts[end["id"]] <= end["ts"] for end in ends)


def test_slices_of_a_chrome_lane_lie_within_each_other(chrome: list[dict[str, Any]]) -> None:
    """Or follow each other: a viewer draws nothing else."""
    lanes = defaultdict(list)
    for event in chrome:
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for lane in lanes.values():
        open_ends: list[float] = []
        for begin, end in lane:
            while open_ends and open_ends[-1] <= begin + 0.001:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1] + 0.002
            open_ends.append(end)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=25))
def test_lanes_are_few_and_nothing_crosses(intervals: list[tuple[int, int]]) -> None:
    """Any spans: in a lane they are nested or apart; never more lanes than cross at once."""
    drawn = laid_out(spans_of(intervals))

    assert len(drawn) == len(intervals)
    for one in drawn:
        for other in drawn:
            if one.lane == other.lane and one is not other:
                a, b = sorted((one.span, other.span), key=lambda s: (s.begin_ns, -s.end_ns))
                assert b.begin_ns >= a.end_ns or b.end_ns <= a.end_ns
    used = {each.lane for each in drawn}
    assert used == set(range(len(used)))


def test_perfetto_reads_slices_that_open_and_close(packets: list[Any]) -> None:
    """On each track as a stack; at times that never go back; with every track described."""
    tracks = {
        p.track_descriptor.uuid: p.track_descriptor for p in packets if p.track_descriptor.uuid
    }
    depth: Counter[int] = Counter()
    latest: dict[int, int] = {}
    for packet in packets:
        assert packet.trusted_packet_sequence_id == 1
        event = packet.track_event
        if not event.type:
            continue
        assert event.track_uuid in tracks
        assert packet.timestamp >= latest.get(event.track_uuid, 0)
        latest[event.track_uuid] = packet.timestamp
        depth[event.track_uuid] += {1: 1, 2: -1}.get(event.type, 0)
        assert depth[event.track_uuid] >= 0
    assert not any(depth.values())
    parents = {tracks[t].name: tracks[tracks[t].parent_uuid].name for t in latest}
    assert parents["Writer/w1"] == "Writer"


def test_perfetto_has_the_same_arrows_and_details(packets: list[Any]) -> None:
    """Flows by the spans' ids, and what is known of a model call."""
    events = [packet.track_event for packet in packets if packet.track_event.type == 1]
    sent = {flow for event in events for flow in event.flow_ids}
    handled = [flow for event in events for flow in event.terminating_flow_ids]
    call = next(event for event in events if event.name == "chat sim-small")
    details = {each.name: each for each in call.debug_annotations}

    assert len(sent) == 6
    assert len(handled) == 9
    assert set(handled) == sent
    assert details["gen_ai.request.model"].string_value == "sim-small"
    assert details["gen_ai.usage.input_tokens"].int_value > 0
    assert details["agentmesh.cost.usd"].double_value > 0


def test_a_dataset_has_stable_columns(news: Run, tmp_path: Path) -> None:
    """Those of the journal's table, in its order, with the version; and one row for the run."""
    done = write_parquet(news, tmp_path / "d")

    (events,) = (tmp_path / "d" / "events").rglob("*.parquet")
    (row,) = (tmp_path / "d" / "runs").rglob("*.parquet")
    schema = pq.read_schema(events)
    assert schema.names == list(COLUMNS)
    assert schema.metadata[VERSION_KEY] == b"1"
    assert tuple(pq.read_schema(row).names) == RUN_COLUMNS
    assert events.parent.name == "run_id=news"
    assert events.parent.parent.name.startswith("run_date=20")
    assert done.rows == pq.read_metadata(events).num_rows == news.table().num_rows


def test_the_views_answer_what_people_ask(news: Run, tmp_path: Path) -> None:
    """Turns, messages, effects, model calls, waits, log lines, agents, runs."""
    folder = tmp_path / "it's a dataset"
    write_parquet(news, folder)
    with duckdb.connect() as base:
        base.execute((folder / "views.sql").read_text(encoding="utf-8"))

        def ask(text: str) -> list[tuple[Any, ...]]:
            return base.execute(text).fetchall()

        turns = dict(ask("SELECT outcome, count(*) FROM turns GROUP BY ALL"))
        calls = ask("SELECT DISTINCT model, input_tokens > 0, output_tokens > 0 FROM model_calls")
        failed = ask("SELECT effect_name, error ->> '$.type' FROM effects WHERE outcome = 'failed'")
        waits = ask("SELECT waited_for, answer FROM waits WHERE agent = 'newsroom/root' ORDER BY 1")
        lines = ask("SELECT agent, fields ->> '$.topic' FROM log_lines WHERE text = 'written'")
        lost = ask("SELECT count(*) FROM messages WHERE received IS NULL AND receiver != '@client'")
        runs = ask("SELECT id, status, seconds > 0 FROM runs")
        most = ask("SELECT agent FROM agents ORDER BY not_done DESC, agent LIMIT 1")

    assert turns == {"done": 5, "cancelled": 1, "dead": 1}
    assert calls == [("sim-small", True, True)]
    assert failed == [("print_page", "builtins.OSError")]
    assert ("Press/main", "reply") in waits
    assert ("Press/old", "fail") in waits
    assert lines == [("Writer/w1", "the mayor")]
    assert lost == [(0,)]
    assert runs == [("news", "done", True)]
    assert most == [("Press/old",)]


def test_a_run_is_replaced_in_a_dataset_only_if_that_is_wanted(news: Run, tmp_path: Path) -> None:
    """And a dataset that can't be written says so."""
    write_parquet(news, tmp_path)
    with pytest.raises(UsageError, match="--force"):
        write_parquet(news, tmp_path)
    write_parquet(news, tmp_path, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        write_parquet(news, tmp_path / "file")
