"""Giving runs to other tools: spans to an endpoint, traces and tables as files.

Finds runs and says how they stand; all else is telemetry's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentmesh.errors import StoreError, UsageError
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RUNNING
from agentmesh.journal.store import LATEST, Store
from agentmesh.mesh.condition import condition_of
from agentmesh.mesh.options import store_location
from agentmesh.telemetry import settings
from agentmesh.telemetry.columns import Written, write_parquet
from agentmesh.telemetry.exporting import Export, Exported, Surroundings
from agentmesh.telemetry.perfetto import write_perfetto
from agentmesh.telemetry.trace_events import write_trace

PERFETTO: Final = "perfetto"
CHROME: Final = "chrome"
SUFFIXES: Final = {PERFETTO: ".pftrace", CHROME: ".trace.json"}
"""Of the files for trace viewers."""

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A file for trace viewers.

    Attributes:
        run: The run's id.
        path: The file.
        spans: How many there are.
        size: Bytes of the file.
    """

    run: str
    path: Path
    spans: int
    size: int


def export_otlp(
    name: str | Path = LATEST,
    *,
    endpoint: str | None = None,
    follow: bool = False,
    again: bool = False,
    patience_seconds: float | None = None,
    on_trouble: Callable[[str], object] = lambda _why: None,
    store: str | None = None,
) -> Exported:
    """Send a run as spans and metrics to an OpenTelemetry endpoint.

    Goes on from where the last export to the same endpoint ended. Sending twice changes nothing:
    ids follow from the journal.

    Args:
        name: The run's id or the start of it, its directory, a packed run, or `latest`.
        endpoint: Where to: `http://localhost:4318`; `OTEL_EXPORTER_OTLP_ENDPOINT` by default.
        follow: Whether to go on until the run ends.
        again: Whether to begin from the start.
        patience_seconds: How long the endpoint may not answer; while a run is followed, that
            counts from its end.
        on_trouble: Told when the endpoint does not answer, with an empty text when it does again.
        store: Where runs are kept.

    Raises:
        UnknownRunError: There is no such run.
        UsageError: No endpoint is named, or a variable can't be understood.
        TelemetryError: The endpoint does not answer, or does not want spans.
        JournalError: The journal can't be read.
    """
    chosen = settings.read(endpoint=endpoint)
    if not chosen.any:
        raise UsageError(
            "No endpoint is named that spans could be sent to.",
            cause=f"{settings.ENDPOINT} is not set, or exporters are switched off.",
            fix="Name one: --endpoint http://localhost:4318 (OTLP over HTTP).",
        )
    with Store(store_location(store)).open_run(name) as run:
        going = _Going(run)
        around = Surroundings(goes_on=going, on_trouble=on_trouble)
        if patience_seconds is not None:
            around.patience_seconds = patience_seconds
        if not follow:
            around.goes_on = lambda: False
        export = Export(run.files, run.path, run.info, chosen, around, again=again)
        return export.run() if follow or not going() else export.once()


class _Going:
    """Says whether a run goes on; looks now and then."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next = 0.0
        self._last = True

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._last and now >= self._next:
            self._last = condition_of(self._run).status == RUNNING
            self._next = now + _LOOK_SECONDS
        return self._last


def export_drawing(
    name: str | Path,
    form: str,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    store: str | None = None,
) -> Drawing:
    """Write a run as a file for trace viewers.

    Args:
        name: The run's id or the start of it, its directory, a packed run, or `latest`.
        form: `perfetto` or `chrome`.
        output: The file; the run's id with the format's suffix by default.
        overwrite: Whether a file that is there is replaced.
        store: Where runs are kept.

    Raises:
        UnknownRunError: There is no such run.
        UsageError: The file exists.
        StoreError: It can't be written.
        JournalError: The journal can't be read.
    """
    with Store(store_location(store)).open_run(name) as run:
        path = Path(output) if output is not None else Path(f"{run.id}{SUFFIXES[form]}")
        path = path.expanduser()
        if path.exists() and not overwrite:
            raise UsageError(f"{path} exists.", fix="Replace it with --force, or name another.")
        beside = path.with_name(f".{path.name}.part")
        try:
            if form == PERFETTO:
                with beside.open("wb") as binary:
                    spans = write_perfetto(run, binary)
            else:
                with beside.open("w", encoding="utf-8") as text:
                    spans = write_trace(run, text)
            beside.replace(path)
        except OSError as error:
            raise StoreError(
                f"{path} can't be written: {error.strerror or error}.",
                cause="Usually the folder does not exist, or is read-only or full.",
                fix="Choose another file with --output.",
                path=str(path),
            ) from error
        finally:
            beside.unlink(missing_ok=True)
        return Drawing(run=run.id, path=path, spans=spans, size=path.stat().st_size)


def export_parquet(
    name: str | Path,
    directory: str | Path,
    *,
    overwrite: bool = False,
    store: str | None = None,
) -> Written:
    """Add a run to a dataset of Parquet files, with SQL views over it.

    Args:
        name: The run's id or the start of it, its directory, a packed run, or `latest`.
        directory: The dataset; made if it is not there.
        overwrite: Whether the run is replaced if it is there already.
        store: Where runs are kept.

    Raises:
        UnknownRunError: There is no such run.
        UsageError: The dataset has the run already.
        StoreError: It can't be written.
        JournalError: The journal can't be read.
    """
    with Store(store_location(store)).open_run(name) as run:
        return write_parquet(run, Path(directory).expanduser(), overwrite=overwrite)
