"""Runs that leave their store and come into another: export to a pack, import from one.

An export is the sealed run, `run.json` and the payloads that the run refers to, in the form
of `journal.packing`. It changes nothing in the store: a run that goes on, or broke off, is
sealed for the export alone. The same run gives the same bytes.

The store's key stays where it is: placeholders can't be guessed by whoever has the pack.
Knows nothing of programs.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agentmesh.errors import RunExistsError, StoreError, UsageError
from agentmesh.journal import strings, table
from agentmesh.journal.blobs import Blobs
from agentmesh.journal.encoding import BodyEncoder
from agentmesh.journal.files import LocalFiles, join
from agentmesh.journal.packing import ENTRIES_MAX, PackedFiles, write_pack
from agentmesh.journal.payloads import add_record
from agentmesh.journal.places import BLOBS, INFO, SEALED, unusable
from agentmesh.journal.redaction import Redactor
from agentmesh.journal.rewriting import Changes, Rewriter
from agentmesh.journal.run import Run
from agentmesh.journal.run_info import RunInfo, dump_info, load_info
from agentmesh.journal.sealed_writer import sealed_schema, write_sealed
from agentmesh.journal.sealing import Sealed
from agentmesh.journal.store import Store


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A finished export."""

    path: Path
    run: str
    agents: int
    events: int
    payloads: int
    """Large payloads, each a file of the pack."""
    size: int
    """Bytes."""
    redacted: Counter[str] = field(default_factory=Counter)
    """What was redacted now, and how often: `messages`, `answers of models`, ..."""
    inputs: dict[str, int] = field(default_factory=dict)
    """By agent: its first step whose event was redacted now."""
    kept_names: tuple[str, ...] = ()
    """Addresses of agents that a new pattern matches: names are not redacted."""


def export(
    run: Run,
    output: Path,
    redactor: Redactor,
    *,
    patterns: Sequence[str] = (),
    fields: Sequence[str] = (),
    overwrite: bool = False,
) -> Exported:
    """Write a run as a pack.

    Args:
        run: The run.
        output: The file.
        redactor: The run's own, from `Store.redactor_for`.
        patterns: Regular expressions of further secrets.
        fields: Names of JSON fields whose values are secrets.
        overwrite: Whether a file that is there is replaced.

    Raises:
        UsageError: The file is there already, or a pattern is no regular expression.
        StoreError: The file can't be written.
        JournalDamagedError: Part of the run can't be read.
        JournalError: A payload is missing.
    """
    _check_free(output, overwrite=overwrite)
    wider = _wider(redactor, patterns, fields)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="agentmesh-export-") as made,
            LocalFiles().building(str(output)) as beside,
        ):
            folder = Path(made)
            changes, info = _seal_into(folder, run, redactor, wider)
            payloads = list(_payloads(folder, run))
            write_pack(beside, dump_info(info, _raw_info(run)), folder / SEALED, payloads)
    except OSError as error:
        raise unusable(str(output), "can't be written", error) from error
    with Run(PackedFiles(output), str(output), info) as packed:  # as whoever gets it will see it
        counts = packed.counts()
    return Exported(
        path=output,
        run=run.id,
        agents=counts["agents"],
        events=counts["events"],
        payloads=len(payloads),
        size=output.stat().st_size,
        redacted=changes.counts,
        inputs=changes.inputs,
        kept_names=_kept(run, redactor, wider),
    )


def import_pack(path: Path, store: Store) -> RunInfo:
    """Put a packed run into a store, as the run that it was.

    Args:
        path: The pack.
        store: Where to.

    Raises:
        JournalDamagedError: It is no pack, or part of it is damaged.
        RunExistsError: The store has a run of that id.
        StoreError: The store can't be written.
    """
    files = PackedFiles(path)
    data = files.read(join(files.path, INFO))
    info = load_info(data, join(files.path, INFO))
    _verify(files, info)  # in the store it is one of ours, which are looked at less closely
    blobs = Blobs(files.path, files)
    with _claimed(store, info) as (folder, target):
        for name in files.entries:
            if name.startswith(BLOBS):
                blobs.get(Path(name).stem)
            if name != INFO:
                with target.building(join(folder, name)) as place, place.open("wb") as copy:
                    shutil.copyfileobj(_stream(files, name), copy)
        target.write(join(folder, INFO), data, durable=True)
    return info


def _verify(files: PackedFiles, info: RunInfo) -> None:
    with closing(Sealed(files, join(files.path, SEALED))) as sealed:
        sealed.verify()
    with Run(files, files.path, info) as packed:
        for address in packed.addresses():
            for _ in packed.steps(address, resolve=False):
                pass


@contextmanager
def _claimed(store: Store, info: RunInfo) -> Iterator[tuple[str, Any]]:
    """Make a run's directory, which is a run once it has its `run.json`."""
    try:
        directory = store.claim(info.id)
    except RunExistsError as error:
        raise _exists(info, str(error.fields.get("path", store.location))) from error
    try:
        yield directory, store.files
    except OSError as error:
        _discard(store, directory)
        raise unusable(directory, "can't be written", error) from error
    except BaseException:
        _discard(store, directory)
        raise


def _discard(store: Store, directory: str) -> None:
    if store.files.local:
        shutil.rmtree(directory, ignore_errors=True)


def _stream(files: PackedFiles, name: str) -> Any:
    return files.open(join(files.path, name))


def _check_free(output: Path, *, overwrite: bool) -> None:
    if output.is_dir():
        raise UsageError(
            f"{output} is a directory.",
            cause="A run is exported to one file.",
            fix=f"Name the file: `-o {output / 'run.mesh'}`.",
        )
    if output.exists() and not overwrite:
        raise UsageError(
            f"{output} exists.",
            cause="An export does not replace a file that nobody said it may.",
            fix="Name another file with -o, or say --force.",
        )


def _wider(redactor: Redactor, patterns: Sequence[str], fields: Sequence[str]) -> Redactor:
    """Return what redacts as another does, and more."""
    if "" in patterns or "" in fields:
        raise UsageError(
            "An empty text was given to be redacted.",
            cause="It would match everywhere.",
            fix="Give a regular expression with --redact, a field's name with --redact-field.",
        )
    return redactor.with_more(patterns, fields)


def _raw_info(run: Run) -> bytes:
    return run.files.read(join(run.path, INFO))


def _seal_into(
    folder: Path, run: Run, redactor: Redactor, wider: Redactor
) -> tuple[Changes, RunInfo]:
    """Write the sealed run; return what was redacted, and what the pack's `run.json` says."""
    target = folder / SEALED
    if wider is redactor:
        run.seal_to(target)
        return Changes(), run.info
    rewriter = Rewriter(run, wider, BodyEncoder(wider, Blobs(folder)))
    rows = (
        row
        for address in sorted(run.addresses(), key=strings.escape)
        for row in table.rows_of(address, rewriter.steps(address), add_record)
    )
    columns = sealed_schema(run.logs())
    write_sealed(target, table.batches(rows, columns), columns)
    return rewriter.changes, _redacted_info(run.info, wider, rewriter.changes)


def _redacted_info(info: RunInfo, redactor: Redactor, changes: Changes) -> RunInfo:
    def hidden(value: Any) -> Any:
        return strings.loads(redactor.json(strings.dumps(value)))

    inputs = {**changes.inputs}
    for address, step in info.redaction.inputs.items():  # it was exported before
        inputs[address] = min(step, inputs.get(address, step))
    return replace(
        info,
        input=hidden(info.input),
        result=hidden(info.result),
        error=hidden(info.error),
        settings=hidden(info.settings),
        interventions=hidden(info.interventions),
        redaction=replace(
            info.redaction,
            patterns=redactor.patterns,
            headers=tuple(sorted(redactor.headers)),
            fields=tuple(sorted(redactor.fields)),
            key_id=info.redaction.key_id or redactor.key_id,
            inputs=dict(sorted(inputs.items())),
        ),
    )


def _payloads(folder: Path, run: Run) -> Iterator[tuple[str, Path]]:
    """Yield the large payloads that the sealed run in a folder refers to, sorted."""
    import pyarrow.parquet as pq

    blobs = Blobs(run.path, run.files)
    column = pq.read_table(folder / SEALED, columns=["blob"])["blob"]
    digests = sorted(filter(None, column.unique().to_pylist()))
    if len(digests) > ENTRIES_MAX - 2:
        raise StoreError(
            f"The run {run.id} has {len(digests):,} large payloads; a pack takes {ENTRIES_MAX:,}.",
            cause="Each payload of more than 64 KB is a file of its own.",
            fix="Share its directory as it is: `agentmesh show` says where it is.",
        )
    for digest in digests:
        name = join(BLOBS, digest[:2], f"{digest}.zst")
        local = folder / name
        if not local.exists():
            blobs.copy(digest, local)
        yield name, local


def _kept(run: Run, redactor: Redactor, wider: Redactor) -> tuple[str, ...]:
    if wider is redactor:
        return ()
    return tuple(each for each in run.addresses() if wider.text(each) != redactor.text(each))


def _exists(info: RunInfo, path: str) -> RunExistsError:
    return RunExistsError(
        f"The run {info.id!r} is in the store already, at {path}.",
        cause="Usually it was imported before, or was recorded here.",
        fix=f"Look at it with `agentmesh show {info.id}`, or import into another store.",
        run=info.id,
    )
