"""An export: steps become spans, spans go to an endpoint, and a cursor notes how far it is.

Theory of operation. One pass over what is new collects spans up to a batch, sends it, and then
notes the steps that it stands for. While the endpoint does not answer, nothing is read: what
waits is in the journal. What was sent and not noted is sent again, under the same ids.

Metrics are counted on the way, and sent now and then; one that is lost is followed by a newer one.
"""

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from agentmesh.effects import prices
from agentmesh.errors import JournalError, TelemetryError
from agentmesh.journal.blobs import Blobs
from agentmesh.journal.files import Files
from agentmesh.journal.resolving import resolved
from agentmesh.journal.run_info import RunInfo
from agentmesh.kernel.events import Delivered
from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.bars import AgentBars, Bar, EffectBar, SendBar, TurnBar
from agentmesh.telemetry.cursor import Cursor, Progress
from agentmesh.telemetry.following import Follower, NewStep
from agentmesh.telemetry.instruments import Change, Registry
from agentmesh.telemetry.metrics import RunMetrics
from agentmesh.telemetry.models import HTTP
from agentmesh.telemetry.otlp import encode_spans, rejected_in, resource_of
from agentmesh.telemetry.otlp_metrics import encode_metrics
from agentmesh.telemetry.sending import RefusedError, Sender, UnreachableError
from agentmesh.telemetry.settings import Settings
from agentmesh.telemetry.span import Span
from agentmesh.telemetry.spans import SpanMaker

BATCH_SPANS = 512
SAVE_SECONDS = 1.0
"""The cursor is written no more often than this while an export goes on."""
PATIENCE_SECONDS = 30.0
"""How long an endpoint may not answer, once a run has ended."""
_WAIT_MAX_SECONDS = 30.0
_BAD_DATA = "it answers 400"


@dataclass(kw_only=True)
class Exported:
    """What an export has done.

    Attributes:
        run: The run's id.
        endpoint: Where spans went; empty if none were to go anywhere.
        spans: How many were sent this time.
        refused: How many of them the receiver does not want.
        why_refused: What it said.
        complete: Whether the run has ended and all of it was sent.
        was_complete: Whether that was so before.
    """

    run: str
    endpoint: str = ""
    spans: int = 0
    refused: int = 0
    why_refused: str = ""
    complete: bool = False
    was_complete: bool = False


@dataclass(kw_only=True)
class Surroundings:
    """What an export needs of whoever lets it run."""

    goes_on: Callable[[], bool] = lambda: False
    """Whether the run goes on: more will come."""
    wait: Callable[[float], object] = time.sleep
    """Waits so many seconds, or until the run has ended."""
    on_trouble: Callable[[str], object] = lambda _why: None
    """Told when an endpoint does not answer, and with an empty text when it does again."""
    on_changes: Callable[[list[Change]], object] | None = None
    """Told what metrics have changed."""
    patience_seconds: float = PATIENCE_SECONDS
    rests: float = 0.0
    """How long it rests after a batch while the run goes on, as a multiple of what that took."""


@dataclass(slots=True)
class _Agent:
    bars: AgentBars
    done: int
    """What ends before this step was sent in an earlier export."""
    next: int = 0


class Export:
    """Exports one run to one endpoint.

    Args:
        files: Where the run's store is.
        path: The run's directory there.
        info: What `run.json` says.
        settings: Where to, and what.
        surroundings: What is needed beside.
        again: Whether to begin from the start, whatever was sent before.
    """

    def __init__(
        self,
        files: Files,
        path: str,
        info: RunInfo,
        settings: Settings,
        surroundings: Surroundings | None = None,
        *,
        again: bool = False,
    ) -> None:
        self._settings = settings
        self._around = surroundings or Surroundings()
        self._info = info
        self._blobs = Blobs(path, files)
        traces, metrics = settings.traces, settings.metrics
        self._sender = Sender(traces) if traces is not None else None
        self._metrics_sender = Sender(metrics) if metrics is not None else None
        shown = traces.shown if traces is not None else ""
        self._cursor = Cursor(files, path, shown)
        self._progress = Progress(endpoint=shown) if again else self._cursor.load()
        self.done = Exported(run=info.id, endpoint=shown, was_complete=self._progress.complete)
        table = prices.recorded(info.prices)
        self._maker = SpanMaker(info, settings.capture, table.cost_of)
        self._registry = Registry(keeps_values=self._around.on_changes is not None)
        self._metrics = RunMetrics(info, self._registry)
        start = {address: low for address, (_, low) in self._progress.agents.items()}
        self._follower = Follower(files, path, info, start)
        self._agents: dict[str, _Agent] = {}
        self._resource = resource_of(_resource(info, settings))
        self._began_ns = time.time_ns()
        self._batch: list[Span] = []
        self._counted = 0
        self._saved = self._told = self._rested = time.monotonic()

    def run(self) -> Exported:
        """Export until the run has ended and all of it was sent.

        Raises:
            TelemetryError: The endpoint does not answer, or does not want what it is sent; what
                it has taken is noted, and the next export goes on from there.
            JournalError: A file is damaged.
        """
        try:
            while True:
                over = not self._around.goes_on()
                started = time.monotonic()
                for new in self._follower.new():
                    self._take(new)
                if over:
                    break
                self._flush()
                self._tell_metrics()
                busy = time.monotonic() - started
                self._around.wait(min(max(_POLL_SECONDS, _POLL_FACTOR * busy), _WAIT_MAX_SECONDS))
            self._finish()
        except JournalError:
            self._flush()  # what can be read is worth having
            raise
        finally:
            self._follower.close()
            self._save()
        return self.done

    def once(self) -> Exported:
        """Export what a run that goes on has so far, and can be said for good.

        Raises:
            TelemetryError: As of `run`.
            JournalError: A file is damaged.
        """
        try:
            for new in self._follower.new():
                self._take(new)
            self._flush()
            self._tell_metrics(at_once=True)
        finally:
            self._follower.close()
            self._save()
        return self.done

    def _finish(self) -> None:
        for new in self._follower.rest():
            self._take(new)
        for agent in self._agents.values():
            for bar in agent.bars.rest():
                self._add(bar)
        self._flush()
        self._tell_metrics(at_once=True, over=True)
        self._progress.complete = self.done.complete = True

    # --- steps to spans ---------------------------------------------------------------------------

    def _take(self, new: NewStep) -> None:
        address, step = new
        agent = self._agents.get(address)
        if agent is None:
            done = self._progress.agents.get(address, (0, 0))[0]
            keeps, whole = self._settings.capture.any, step.number == 0
            bars = AgentBars(address, keeps_chunks=keeps, whole=whole)
            agent = self._agents[address] = _Agent(bars, done)
            if not done:
                self._metrics.begin(address)
        ended = agent.bars.take(step)
        agent.next = step.number + step.handled
        if step.number < agent.done:
            return
        self._metrics.step(agent.bars, step)
        for bar in ended:
            self._add(bar)
        if len(self._batch) >= BATCH_SPANS:
            self._flush()
            if self._around.rests and self._around.goes_on():
                self._around.wait(self._around.rests * (time.monotonic() - self._rested))
            self._rested = time.monotonic()

    def _add(self, bar: Bar) -> None:
        self._resolve(bar)
        span = self._maker.span(bar)
        self._metrics.ended(bar, span)
        if self._sender is not None:
            self._batch.append(span)

    def _resolve(self, bar: Bar) -> None:
        """Fetch payloads from the blob store that are written, or looked into."""
        wanted = self._settings.capture.on_spans
        with contextlib.suppress(JournalError):  # it is lost, and the span goes without it
            if isinstance(bar, EffectBar):
                if wanted or bar.command.kind == HTTP:
                    bar.command = resolved(bar.command, self._blobs)
                    if bar.result is not None:
                        bar.result = resolved(bar.result, self._blobs)
            elif wanted and isinstance(bar, TurnBar) and bar.envelope is not None:
                bar.envelope = resolved(Delivered(0, bar.envelope), self._blobs).envelope
            elif wanted and isinstance(bar, SendBar) and bar.answer is not None:
                bar.answer = resolved(Delivered(0, bar.answer), self._blobs).envelope

    # --- spans to the endpoint --------------------------------------------------------------------

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        for start in range(0, len(batch), BATCH_SPANS):
            self._send(batch[start : start + BATCH_SPANS])
        for address, agent in self._agents.items():
            done = max(agent.next, agent.done)
            self._progress.agents[address] = (done, agent.bars.low_step(agent.next))
        self._progress.spans += len(batch)
        self.done.spans += len(batch)
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        if self._sender is not None:
            self._cursor.save(self._progress)
        self._saved = time.monotonic()

    def _send(self, spans: list[Span]) -> None:
        assert self._sender is not None
        data = encode_spans(spans, self._resource, length_max=self._settings.length_max)
        try:
            rejected, why = rejected_in(self._persist(data))
        except RefusedError as error:
            if error.too_large and len(spans) > 1:
                middle = len(spans) // 2
                self._send(spans[:middle])
                self._send(spans[middle:])
                return
            if not error.too_large and not str(error).startswith(_BAD_DATA):
                raise self._unwanted(str(error)) from None
            rejected, why = len(spans), str(error)
        if rejected:
            self.done.refused += rejected
            self.done.why_refused = why

    def _persist(self, data: bytes) -> bytes:
        """Send until it is taken: for as long as the run goes on, and some time after that."""
        assert self._sender is not None
        pause, silent_since = 0.5, time.monotonic()
        troubled = False
        while True:
            try:
                answer = self._sender.send(data)
            except UnreachableError as error:
                if not troubled:
                    troubled = True
                    self._around.on_trouble(str(error))
                if self._around.goes_on():
                    silent_since = time.monotonic()
                elif time.monotonic() - silent_since > self._around.patience_seconds:
                    raise self._silent(str(error)) from None
                self._save()
                jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads those that wait
                self._around.wait(max(pause * jitter, error.after_seconds))
                pause = min(pause * 2, _WAIT_MAX_SECONDS)
                continue
            if troubled:
                self._around.on_trouble("")
            return answer

    def _tell_metrics(self, *, at_once: bool = False, over: bool = False) -> None:
        self._metrics.reading(
            self._follower.late_since_ns, self._follower.lives, self.done.spans - self._counted
        )
        if over:
            self._metrics.over()
        self._counted = self.done.spans
        if self._around.on_changes is not None:
            changes = self._registry.changes()
            if changes:
                self._around.on_changes(changes)
        now = time.monotonic()
        if self._metrics_sender is None:
            return
        if not at_once and now - self._told < self._settings.interval_seconds:
            return
        self._told = now
        data = encode_metrics(self._registry, self._resource, self._began_ns, time.time_ns())
        try:
            self._metrics_sender.send(data)
        except RefusedError:
            self._metrics_sender = None  # it takes spans only, as Phoenix does
        except UnreachableError:
            pass  # the next one says it all

    def _silent(self, why: str) -> TelemetryError:
        return TelemetryError(
            f"The endpoint {self.done.endpoint} does not answer: {why}.",
            cause="Usually nothing listens there, or it listens for gRPC only (port 4317).",
            fix=f"Nothing is lost: `agentmesh export otlp {self._info.id}` goes on from here.",
            endpoint=self.done.endpoint,
        )

    def _unwanted(self, why: str) -> TelemetryError:
        return TelemetryError(
            f"The endpoint {self.done.endpoint} does not take spans: {why}.",
            cause="Usually the path is wrong, or a key is missing.",
            fix="Check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS; then "
            f"`agentmesh export otlp {self._info.id}` goes on from here.",
            endpoint=self.done.endpoint,
        )


_POLL_SECONDS = 0.5
_POLL_FACTOR = 3.0
"""Looking may take up a quarter of the time."""


def _resource(info: RunInfo, settings: Settings) -> dict[str, str | int]:
    return {
        names.SERVICE_INSTANCE: info.id,
        **settings.resource,
        names.SDK_LANGUAGE: "python",
        names.SDK_NAME: names.SCOPE,
        names.SDK_VERSION: info.agentmesh or "0",
        names.TABLE_VERSION: names.VERSION,
        names.RUN: info.id,
        names.WORKFLOW: info.workflow,
    }
