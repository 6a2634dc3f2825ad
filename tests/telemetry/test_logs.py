"""Log lines that say where they were written."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import structlog

import agentmesh as am
from agentmesh.errors import UsageError
from agentmesh.telemetry import ids
from agentmesh.telemetry.logs import add_ids, configure_logging

LOG = structlog.get_logger("a user's")


@am.tool
async def noisy() -> int:
    """Write a line outside the handler."""
    LOG.info("in a tool")
    return 1


@am.agent
class Talker:
    """Writes lines."""

    @am.handler
    async def talk(self) -> int:
        """With text that no stream takes, and one below the level."""
        LOG.debug("not shown")
        LOG.info("in a handler", odd="half \ud800", turn="a user's own")
        return await noisy()


@am.workflow(deadline="1m")
async def talk() -> int:
    """Let it talk."""
    return await am.ref(Talker).talk()


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    yield
    structlog.reset_defaults()


def test_lines_say_where_they_were_written(tmp_path: Path) -> None:
    """Run, agent, turn, message and trace in a handler; run, agent and trace in a tool."""
    stream = io.StringIO()
    configure_logging(stream=stream)

    LOG.info("before")
    am.run(talk, local=True, store=str(tmp_path), run_id="r1", quiet=True)
    am.replay_run("r1", store=str(tmp_path))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    before, handler, tool, again = lines
    trace = ids.trace_id("r1").hex()
    assert set(before) == {"event", "level", "timestamp"}
    assert (handler["run"], handler["agent"], handler["message"]) == (
        "r1",
        "Talker/main",
        "talk/root#1",
    )
    assert handler["turn"] == "a user's own"
    assert handler["odd"] == "half \ufffd"
    assert handler["trace_id"] == tool["trace_id"] == trace
    assert handler["span_id"] == ids.turn_span("r1", "Talker/main", 1).hex()
    assert tool["span_id"] == ids.effect_span("r1", "Talker/main", 1, 1).hex()
    assert "turn" not in tool
    assert again.pop("replayed")
    assert again == handler  # at the same logical time, too


def test_people_get_columns() -> None:
    """Where a stream is a terminal, or that is wanted."""
    stream = io.StringIO()
    configure_logging(json=False, level="warning", stream=stream)

    LOG.info("not this")
    LOG.warning("this", key=1)

    assert "this" in stream.getvalue()
    assert "key=1" in stream.getvalue()
    assert "not this" not in stream.getvalue()


def test_outside_of_runs_nothing_is_added() -> None:
    """The processor may stand in anybody's configuration."""
    assert add_ids(None, "info", {"event": "x"}) == {"event": "x"}


def test_a_level_that_is_none_is_refused() -> None:
    """With those there are."""
    with pytest.raises(UsageError, match="warning"):
        configure_logging(level="loud")
