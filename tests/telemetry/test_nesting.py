"""Users' own spans lie below the turn or tool they are made in, and cost who has none nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmesh as am
from agentmesh import ambient
from agentmesh.telemetry import ids
from tests.telemetry import untraced

_PROVIDER = TracerProvider()
_MEMORY = InMemorySpanExporter()
_PROVIDER.add_span_processor(SimpleSpanProcessor(_MEMORY))
TRACER = _PROVIDER.get_tracer("a user's")


@am.tool
async def asynchronous(text: str) -> str:
    """Make a span on the host's loop."""
    with TRACER.start_as_current_span("in a tool"):
        return text


@am.tool
def synchronous(text: str) -> str:
    """Make one in a thread."""
    with TRACER.start_as_current_span("in a thread"):
        return text


@am.agent
class Traced:
    """Makes spans."""

    @am.handler
    async def go(self) -> list[float]:
        """Around tools, one within another; and draw numbers in between."""
        drawn = [am.random().random()]
        with TRACER.start_as_current_span("outer"):
            await asynchronous("a")
            with TRACER.start_as_current_span("inner"):
                await synchronous("b")
        with context_with_baggage():
            TRACER.start_span("beside baggage").end()
        return [*drawn, am.random().random()]


class context_with_baggage:  # noqa: N801 - reads as a verb
    """Attach a context that has something else."""

    def __enter__(self) -> None:
        self.token = context.attach(baggage.set_baggage("key", "value"))

    def __exit__(self, *_: object) -> None:
        context.detach(self.token)


@am.workflow(deadline="1m")
async def traced() -> list[float]:
    """Ask two agents at once."""
    import asyncio

    first, _ = await asyncio.gather(am.ref(Traced).go(), am.ref(Traced, "b").go())
    return first


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[ReadableSpan]]]:
    """A run of it, and the user's spans."""
    store = tmp_path_factory.mktemp("nested")
    _MEMORY.clear()
    am.run(traced, local=True, store=str(store), run_id="t1", seed="s", quiet=True)
    yield store, list(_MEMORY.get_finished_spans())
    ambient.uninstall()


def test_spans_lie_below_the_turn_or_tool_that_makes_them(
    made: tuple[Path, list[ReadableSpan]],
) -> None:
    """With the ids that an export of the journal gives these; two agents are kept apart."""
    _, spans = made
    for agent in ("Traced/main", "Traced/b"):
        turn = ids.turn_span("t1", agent, 1)
        (outer,) = [span for span in spans if span.name == "outer" and parent_of(span) == turn]
        assert outer.context is not None
        (inner,) = [span for span in spans if parent_of(span) == id_of(outer)]
        assert inner.name == "inner"
        below = {parent_of(span): span.name for span in spans}
        assert below[ids.effect_span("t1", agent, 1, 1)] == "in a tool"
        assert below[ids.effect_span("t1", agent, 1, 2)] == "in a thread"
        assert [s.name for s in spans if parent_of(s) == turn] == ["outer", "beside baggage"]
    trace_ids = {span.context.trace_id for span in spans if span.context is not None}
    assert trace_ids == {int.from_bytes(ids.trace_id("t1"))}


def test_a_replay_makes_no_spans_and_draws_the_same(
    made: tuple[Path, list[ReadableSpan]],
) -> None:
    """They were exported when they happened; and ids of spans are no part of a handler's chance."""
    store, _ = made
    _MEMORY.clear()
    report = am.replay_run("t1", store=str(store))
    with am.open_run("t1", store=str(store)) as run:
        drawn = run.info.result

    assert report.identical
    assert _MEMORY.get_finished_spans() == ()
    am.run(untraced.untraced, local=True, store=str(store), run_id="t2", seed="s", quiet=True)
    with am.open_run("t2", store=str(store)) as run:
        assert run.info.result == drawn


def test_outside_of_handlers_nothing_is_current(made: tuple[Path, list[ReadableSpan]]) -> None:
    """A user's own spans are roots, as ever."""
    del made
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_program_without_opentelemetry_never_loads_it() -> None:
    """Not by importing agentmesh, and not by running something."""
    code = (
        "import sys, tempfile\n"
        "import agentmesh as am\n"
        "from tests.mesh.programs import Question, ask_once\n"
        "with tempfile.TemporaryDirectory() as store:\n"
        "    am.run(ask_once, Question(), local=True, store=store, quiet=True)\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def parent_of(span: ReadableSpan) -> bytes:
    """Return the id of a span's parent."""
    assert span.parent is not None
    return int(span.parent.span_id).to_bytes(8)


def id_of(span: ReadableSpan) -> bytes:
    """Return a span's own id."""
    assert span.context is not None
    return int(span.context.span_id).to_bytes(8)
